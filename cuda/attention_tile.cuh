/* attention_tile.cuh - what the tensor-core attention kernels share: where a block works, tiles of rows between global
 * and shared memory, and the mask.
 *
 * A tile in shared memory is [rows,HF_TILE_STRIDE(D)] of T. The stride is an odd number of 16-byte pieces, so the
 * eight rows that one ldmatrix phase reads, and the 8 x 4 pairs that a warp stores, fall in different banks.
 */
#ifndef HF_CUDA_ATTENTION_TILE_CUH
#define HF_CUDA_ATTENTION_TILE_CUH

#include "cuda/attention.h"
#include "cuda/ptx.cuh"

#define HF_FULL_WARP 0xffffffffu
#define HF_TILE_STRIDE(D) ((D) / 8 % 2 ? (D) : (D) + 8)

/* Scores are kept as binary exponents: softmax is 2^(x - max x) with x = scale log2(e) q k^t. */
#define HF_LOG2_E 1.44269504f

/*
 * The sums of a row are rescaled only when its greatest exponent has grown by more than this: until then its weights
 * reach 2^8 instead of 1, far below f16's 65504, with the same relative rounding. The first tile sets the scale, so few
 * others pay for a rescaling.
 */
#define HF_RESCALE_ABOVE 8.0f

/* One block's part: n_queries from first_query, of one head of one picture. */
template <typename T> struct hf_attention_part {
    const T *q, *k, *v; /* q at the first query; k, v at key 0 */
    T       *out;
    int      first_query, n_queries;
    int      n_keys;    /* that some query of the block sees */
};

template <typename T>
__device__ __forceinline__ hf_attention_part<T> hf_attention_part_of(const hf_cuda_attention &a, int block_rows)
{
    /* Blocks of one head are neighbours: its keys and values stay in the second-level cache. */
    const int n_tiles = (a.l_q + block_rows - 1) / block_rows;
    const int tile = blockIdx.x % n_tiles, head = blockIdx.x / n_tiles % a.n_heads, n = blockIdx.x / n_tiles / a.n_heads;
    hf_attention_part<T> p;
    p.first_query = tile * block_rows;
    p.n_queries = min(block_rows, a.l_q - p.first_query);
    p.n_keys = a.causal ? min(a.l_k, p.first_query + block_rows) : a.l_k;
    const int64_t q_at = ((int64_t)n * a.l_q + p.first_query) * a.channels + (int64_t)head * a.d;
    const int64_t k_at = (int64_t)n * a.l_k * a.channels + (int64_t)head * a.d;
    p.q = static_cast<const T *>(a.q) + q_at;
    p.k = static_cast<const T *>(a.k) + k_at;
    p.v = static_cast<const T *>(a.v) + k_at;
    p.out = static_cast<T *>(a.out) + q_at;
    return p;
}

/* Blocks that hf_attention_part_of counts. */
static inline unsigned hf_attention_blocks(const hf_cuda_attention *a, int block_rows)
{
    return (unsigned)(((int64_t)a->l_q + block_rows - 1) / block_rows * a->n_heads * a->n);
}

/* Which pieces of a tile of D channels are this thread's: one column of pieces, every STEP-th row. Some threads have
 * none, so that all addresses of a thread are one apart by a constant. */
template <int D, int THREADS> struct hf_tile_place {
    enum { PIECES = D / 8, STEP = THREADS / PIECES };
    int row, channel;
};

template <int D, int THREADS> __device__ __forceinline__ hf_tile_place<D, THREADS> hf_tile_place_of()
{
    typedef hf_tile_place<D, THREADS> place;
    place p;
    p.row = threadIdx.x / place::PIECES;
    p.channel = threadIdx.x % place::PIECES * 8;
    return p;
}

/* Start the way of ROWS rows to shared memory; rows from n_rows on and channels from a.d on are zero. The caller
 * commits, waits, and has a barrier. */
template <typename T, int D, int ROWS, int THREADS>
__device__ __forceinline__ void hf_tile_load(T *tile, const T *rows, int n_rows, const hf_tile_place<D, THREADS> &p,
                                             const hf_cuda_attention &a)
{
    constexpr int STEP = hf_tile_place<D, THREADS>::STEP;
    if (p.row >= STEP)
        return;
    T *to = tile + p.row * HF_TILE_STRIDE(D) + p.channel;
    const T *from = rows + p.row * a.channels + p.channel;
    if (p.channel >= a.d)
        n_rows = 0;
    if (a.aligned) {
#pragma unroll 1 /* unrolled, its addresses would take the registers that a third block needs */
        for (int row = 0; row < ROWS; row += STEP, from += STEP * a.channels)
            if (row + STEP <= ROWS || row + p.row < ROWS) {
                const bool valid = row + p.row < n_rows;
                hf_cp_async(to + row * HF_TILE_STRIDE(D), valid ? from : rows, valid);
            }
    } else {
        for (int row = 0; row + p.row < ROWS; row += STEP, from += STEP * a.channels)
            for (int c = 0; c < 8; c++)
                to[row * HF_TILE_STRIDE(D) + c] = row + p.row < n_rows && p.channel + c < a.d ? from[c] : T(0.0f);
    }
}

/* Rows of a tile to global memory, by n_lanes threads of which this one is number lane. */
template <typename T, int D>
__device__ __forceinline__ void hf_tile_store(T *rows, const T *tile, int n_rows, int lane, int n_lanes,
                                              const hf_cuda_attention &a)
{
    constexpr int PIECES = D / 8;
    for (int i = lane; i < n_rows * PIECES; i += n_lanes) {
        const int row = i / PIECES, channel = i % PIECES * 8;
        const T *from = tile + row * HF_TILE_STRIDE(D) + channel;
        T *to = rows + row * a.channels + channel;
        if (channel >= a.d)
            continue;
        if (a.aligned) {
            *reinterpret_cast<uint4 *>(to) = *reinterpret_cast<const uint4 *>(from);
        } else {
            for (int c = 0; c < 8 && channel + c < a.d; c++)
                to[c] = from[c];
        }
    }
}

/* -infinity where a key is past the last, or later than the query. s: scores in the layout of hf_mma's d, of queries
 * `row`, row + 8 and keys key + 8 i + 0, 1. */
template <int N_TILES>
__device__ __forceinline__ void hf_mask_scores(float (&s)[N_TILES][4], int row, int key, int n_keys, bool causal)
{
#pragma unroll
    for (int i = 0; i < N_TILES; i++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            const int at = key + 8 * i + (e & 1);
            if (at >= n_keys || (causal && at > row + 8 * (e >> 1)))
                s[i][e] = -INFINITY;
        }
}

/* Over the four lanes that hold a row of hf_mma's d. */
__device__ __forceinline__ float hf_quad_max(float x)
{
    x = fmaxf(x, __shfl_xor_sync(HF_FULL_WARP, x, 1));
    return fmaxf(x, __shfl_xor_sync(HF_FULL_WARP, x, 2));
}
__device__ __forceinline__ float hf_quad_sum(float x)
{
    x += __shfl_xor_sync(HF_FULL_WARP, x, 1);
    return x + __shfl_xor_sync(HF_FULL_WARP, x, 2);
}

/* Dynamic shared memory above 48 KB has to be asked for. */
template <typename K> static inline cudaError_t hf_allow_shared(K kernel, size_t bytes)
{
    if (bytes <= 48 * 1024)
        return cudaSuccess;
    return cudaFuncSetAttribute(reinterpret_cast<const void *>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                static_cast<int>(bytes));
}

#endif
