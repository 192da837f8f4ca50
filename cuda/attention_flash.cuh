/* attention_flash.cuh - attention on tensor cores for heads of up to 160 channels: f16 or bf16 in and out, f32 scores,
 * softmax and sums. The definition is src/ref_attention.c; the way is that of "FlashAttention-2" (Dao, 2023).
 *
 * One block of four warps has 64 MT queries of one head; a warp has 16 MT of them whole, so nothing of the softmax
 * crosses warps. Keys and values go by in tiles of BN:
 *
 *     S = Q K^t              in registers (hf_mma's d)
 *     P = 2^(S c - max)      c = scale log2 e
 *     O = O + P V            P goes from d's layout into a's without leaving its lane
 *
 * There is one buffer for a tile of K and one for V, filled in turn: V's tile is on its way during Q K^t, the next K's
 * during P V. Two or three blocks share a multiprocessor and cover each other's softmax.
 *
 * Cost of a tile of 64 keys for a warp of 32 queries (MT = 2) with D channels: 16 D mma of 16 x 8 x 16 in two products,
 * 256 D bytes of ldmatrix for K and V (each fragment serves both row tiles), and 64 exp2 a lane. At 2048 mma
 * multiply-adds and 16 exp2 a clock for a multiprocessor (sm_80 and sm_90 as mma.sync reaches them), 32 x 64 scores take
 * 2 D clocks of tensor cores, 2 D of shared memory (128 bytes a clock) and 128 of exp2: with D = 40 exp2 bounds, from
 * D = 64 on the tensor cores and shared memory do, together. With MT = 1 a fragment serves one row tile: shared memory
 * bounds, at half the speed of the tensor cores of sm_90; it is for grids that would not fill the card otherwise.
 *
 * D = 40 is not padded: the last 8 channels go through 8-deep products. Smaller or odd heads are padded with zeros to
 * the next D.
 *
 * Not run on a GPU yet. Estimate, not measurement: 40 to 60 % of what wgmma kernels reach on sm_90. Two things only a
 * GPU can decide: whether cuDNN's fused attention is faster there (graph API, CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR
 * of cuDNN 9.13 and later, heads up to 256, no causal mask or scale vector needed here; it would stand in attention.c
 * before the flash kernel for sm_90), and whether some of the exp2 of D = 40 should be polynomials on the multiply-add
 * units, which have room there.
 */
#ifndef HF_CUDA_ATTENTION_FLASH_CUH
#define HF_CUDA_ATTENTION_FLASH_CUH

#include "cuda/attention_tile.cuh"

#define HF_FLASH_THREADS 128

/* Sizes of one kernel. */
template <int D_, int MT_, int BN_> struct hf_flash_shape {
    enum {
        D = D_,               /* channels of a head, padded to a multiple of 8 */
        MT = MT_,             /* row tiles of 16 queries in a warp */
        BM = 64 * MT_,        /* queries of a block */
        BN = BN_,             /* keys of a tile */
        STRIDE = HF_TILE_STRIDE(D_),
        DEPTHS = D_ / 16,     /* products over channels, 16 deep ... */
        TAIL = D_ % 16 != 0,  /* ... and one 8 deep */
        Q_PARTS = DEPTHS + TAIL,
        KEEP_Q = D_ <= 64,    /* queries stay in registers; for wider heads these are needed for O */
        SHARED_ROWS = BM + 2 * BN,
        BLOCKS = D_ <= 40 ? 3 : 2 /* on one multiprocessor: what its registers shall allow */
    };
};

/* What a warp keeps over all keys. Index r: 0 is row g of the row tile, 1 is row g + 8. */
template <typename S> struct hf_flash_state {
    float    o[S::MT][S::D / 8][4];
    float    max[S::MT][2]; /* exponent that weighs 1 */
    float    sum[S::MT][2]; /* of this lane's columns only */
    uint32_t q[S::KEEP_Q ? S::MT : 1][S::KEEP_Q ? S::Q_PARTS : 1][4];
};

/* Fragment of 16 queries and 16 channels (8 for the tail: two registers). q_rows: this warp's rows. */
template <typename T, typename S>
__device__ __forceinline__ void hf_flash_read_q(uint32_t (&a)[4], const T *q_rows, int m, int part)
{
    const int lane = threadIdx.x % 32;
    if (part < S::DEPTHS) {
        hf_ldmatrix_x4(a, q_rows + (16 * m + lane % 16) * S::STRIDE + 16 * part + lane / 16 * 8);
    } else {
        uint32_t two[2];
        hf_ldmatrix_x2(two, q_rows + (16 * m + lane % 16) * S::STRIDE + 16 * part);
        a[0] = two[0];
        a[1] = two[1];
    }
}

template <typename T, typename S> __device__ __forceinline__ void hf_flash_begin(hf_flash_state<S> &w, const T *q_rows)
{
#pragma unroll
    for (int m = 0; m < S::MT; m++) {
#pragma unroll
        for (int r = 0; r < 2; r++) {
            w.max[m][r] = -INFINITY;
            w.sum[m][r] = 0;
        }
#pragma unroll
        for (int n = 0; n < S::D / 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                w.o[m][n][e] = 0;
        if (S::KEEP_Q)
#pragma unroll
            for (int part = 0; part < S::Q_PARTS; part++)
                hf_flash_read_q<T, S>(w.q[S::KEEP_Q ? m : 0][S::KEEP_Q ? part : 0], q_rows, m, part);
    }
}

/* s = Q K^t of the warp's rows and a tile of keys. */
template <typename T, typename S>
__device__ __forceinline__ void hf_flash_scores(float (&s)[S::MT][S::BN / 8][4], const hf_flash_state<S> &w,
                                                const T *q_rows, const T *k_tile)
{
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int m = 0; m < S::MT; m++)
#pragma unroll
        for (int n = 0; n < S::BN / 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                s[m][n][e] = 0;
#pragma unroll
    for (int part = 0; part < S::Q_PARTS; part++) {
        uint32_t a[S::MT][4];
#pragma unroll
        for (int m = 0; m < S::MT; m++) {
            if (S::KEEP_Q) {
#pragma unroll
                for (int i = 0; i < 4; i++)
                    a[m][i] = w.q[S::KEEP_Q ? m : 0][S::KEEP_Q ? part : 0][i];
            } else {
                hf_flash_read_q<T, S>(a[m], q_rows, m, part);
            }
        }
        if (part < S::DEPTHS) {
            /* Four matrices: keys 0..7 and 8..15, of channels 0..7 and 8..15. */
            const T *row = k_tile + (lane % 8 + lane / 16 * 8) * S::STRIDE + 16 * part + lane / 8 % 2 * 8;
#pragma unroll
            for (int n = 0; n < S::BN / 16; n++) {
                uint32_t b[4];
                hf_ldmatrix_x4(b, row + 16 * n * S::STRIDE);
#pragma unroll
                for (int m = 0; m < S::MT; m++) {
                    hf_mma<T>(s[m][2 * n], a[m], b[0], b[1]);
                    hf_mma<T>(s[m][2 * n + 1], a[m], b[2], b[3]);
                }
            }
        } else {
            /* Four matrices: 32 keys of the last 8 channels. */
            const T *row = k_tile + lane * S::STRIDE + 16 * part;
#pragma unroll
            for (int n = 0; n < S::BN / 32; n++) {
                uint32_t b[4];
                hf_ldmatrix_x4(b, row + 32 * n * S::STRIDE);
#pragma unroll
                for (int m = 0; m < S::MT; m++)
#pragma unroll
                    for (int i = 0; i < 4; i++)
                        hf_mma_k8<T>(s[m][4 * n + i], a[m][0], a[m][1], b[i]);
            }
        }
    }
}

/* Greatest exponents of the tile; sums shrink where one has grown much. */
template <typename S>
__device__ __forceinline__ void hf_flash_rescale(hf_flash_state<S> &w, const float (&s)[S::MT][S::BN / 8][4], float c)
{
    float top[S::MT][2];
    bool grown = false;
#pragma unroll
    for (int m = 0; m < S::MT; m++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
            float x = -INFINITY;
#pragma unroll
            for (int n = 0; n < S::BN / 8; n++)
                x = fmaxf(x, fmaxf(s[m][n][2 * r], s[m][n][2 * r + 1]));
            top[m][r] = hf_quad_max(x) * c;
            grown = grown || top[m][r] > w.max[m][r] + HF_RESCALE_ABOVE;
        }
    if (!__any_sync(HF_FULL_WARP, grown))
        return;
#pragma unroll
    for (int m = 0; m < S::MT; m++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const float max = fmaxf(w.max[m][r], top[m][r]), shrink = hf_exp2(w.max[m][r] - max);
            w.max[m][r] = max;
            w.sum[m][r] *= shrink;
#pragma unroll
            for (int n = 0; n < S::D / 8; n++) {
                w.o[m][n][2 * r] *= shrink;
                w.o[m][n][2 * r + 1] *= shrink;
            }
        }
}

/* P = 2^(s c - max), its sums, and O += P V, 16 keys after 16: products of one part run beside the next one's exp2. */
template <typename T, typename S>
__device__ __forceinline__ void hf_flash_gather(hf_flash_state<S> &w, const float (&s)[S::MT][S::BN / 8][4], float c,
                                                const T *v_tile)
{
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int part = 0; part < S::BN / 16; part++) {
        uint32_t a[S::MT][4];
#pragma unroll
        for (int m = 0; m < S::MT; m++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                /* a[1] is d[2..3] of the left tile, a[2] is d[0..1] of the right one. */
                const float *pair = &s[m][2 * part + i / 2][i % 2 * 2];
                const float low = hf_exp2(fmaf(pair[0], c, -w.max[m][i % 2])), high = hf_exp2(fmaf(pair[1], c, -w.max[m][i % 2]));
                w.sum[m][i % 2] += low + high;
                a[m][i] = hf_pack_pair<T>(low, high);
            }
        const T *row = v_tile + (16 * part + lane % 16) * S::STRIDE;
#pragma unroll
        for (int n = 0; n < S::D / 16; n++) {
            uint32_t b[4];
            hf_ldmatrix_x4_trans(b, row + 16 * n + lane / 16 * 8);
#pragma unroll
            for (int m = 0; m < S::MT; m++) {
                hf_mma<T>(w.o[m][2 * n], a[m], b[0], b[1]);
                hf_mma<T>(w.o[m][2 * n + 1], a[m], b[2], b[3]);
            }
        }
        if (S::TAIL) {
            uint32_t b[2];
            hf_ldmatrix_x2_trans(b, row + S::D - 8);
#pragma unroll
            for (int m = 0; m < S::MT; m++)
                hf_mma<T>(w.o[m][S::D / 8 - 1], a[m], b[0], b[1]);
        }
    }
}

/* The warp's rows, divided by their sums, into its own part of the queries' tile. */
template <typename T, typename S>
__device__ __forceinline__ void hf_flash_finish(T *q_rows, const hf_flash_state<S> &w)
{
    const int lane = threadIdx.x % 32;
    __syncwarp();
#pragma unroll
    for (int m = 0; m < S::MT; m++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const float factor = 1 / hf_quad_sum(w.sum[m][r]);
            T *row = q_rows + (16 * m + 8 * r + lane / 4) * S::STRIDE + lane % 4 * 2;
#pragma unroll
            for (int n = 0; n < S::D / 8; n++)
                *reinterpret_cast<uint32_t *>(row + 8 * n) =
                    hf_pack_pair<T>(w.o[m][n][2 * r] * factor, w.o[m][n][2 * r + 1] * factor);
        }
    __syncwarp();
}

/* Block: 64 MT queries of one head, warp: 16 MT of them; lanes hold what hf_mma's layout gives them. */
template <typename T, typename S>
__global__ void __launch_bounds__(HF_FLASH_THREADS, S::BLOCKS) hf_flash_kernel(hf_cuda_attention a)
{
    if (!hf_mma_is_native<T>()) { /* attention.c does not start it; keeps its code out of the module */
        __trap();
        return;
    }
    HF_DYNAMIC_SHARED(T, q_tile);
    T *k_tile = q_tile + S::BM * S::STRIDE, *v_tile = k_tile + S::BN * S::STRIDE;
    const hf_attention_part<T> part = hf_attention_part_of<T>(a, S::BM);
    const int lane = threadIdx.x % 32, warp_row = threadIdx.x / 32 * 16 * S::MT;
    const int first_row = part.first_query + warp_row;
    const float c = a.scale * HF_LOG2_E;
    T *q_rows = q_tile + warp_row * S::STRIDE;
    const auto place = hf_tile_place_of<S::D, HF_FLASH_THREADS>();
    hf_flash_state<S> w;

    hf_tile_load<T, S::D, S::BM, HF_FLASH_THREADS>(q_tile, part.q, part.n_queries, place, a);
    hf_tile_load<T, S::D, S::BN, HF_FLASH_THREADS>(k_tile, part.k, part.n_keys, place, a);
    hf_cp_async_commit();
    for (int key = 0; key < part.n_keys; key += S::BN) {
        float s[S::MT][S::BN / 8][4];

        hf_cp_async_wait<0>();
        __syncthreads(); /* K is here, and V's tile is free */
        hf_tile_load<T, S::D, S::BN, HF_FLASH_THREADS>(v_tile, part.v + key * a.channels, part.n_keys - key, place,
                                                       a);
        hf_cp_async_commit();
        if (key == 0)
            hf_flash_begin<T, S>(w, q_rows);
        hf_flash_scores<T, S>(s, w, q_rows, k_tile);
        hf_cp_async_wait<0>();
        __syncthreads(); /* V is here, and K's tile is free */
        if (key + S::BN < part.n_keys) {
            hf_tile_load<T, S::D, S::BN, HF_FLASH_THREADS>(k_tile, part.k + (key + S::BN) * a.channels,
                                                           part.n_keys - key - S::BN, place, a);
            hf_cp_async_commit();
        }
        if (key + S::BN > part.n_keys || (a.causal && key + S::BN > first_row))
#pragma unroll
            for (int m = 0; m < S::MT; m++)
                hf_mask_scores(s[m], first_row + 16 * m + lane / 4, key + lane % 4 * 2, part.n_keys, a.causal);
        hf_flash_rescale<S>(w, s, c);
        hf_flash_gather<T, S>(w, s, c, v_tile);
    }
    hf_flash_finish<T, S>(q_rows, w);
    hf_tile_store<T, S::D>(part.out + warp_row * a.channels, q_rows, min(16 * S::MT, part.n_queries - warp_row), lane, 32, a);
}

template <typename T, typename S> cudaError_t hf_flash_launch(const hf_cuda_attention *a, cudaStream_t stream)
{
    const size_t bytes = sizeof(T) * S::SHARED_ROWS * S::STRIDE;
    const cudaError_t status = hf_allow_shared(hf_flash_kernel<T, S>, bytes);
    if (status != cudaSuccess)
        return status;
    HF_LAUNCH((hf_flash_kernel<T, S>), hf_attention_blocks(a, S::BM), HF_FLASH_THREADS, bytes, stream, *a);
    return cudaGetLastError();
}

/* 128 queries a block, or 64 where those would be too few blocks or too much shared memory. */
template <typename T, int D, int BN>
cudaError_t hf_flash_launch_fitting(const hf_cuda_attention *a, size_t shared_bytes, bool few_rows, cudaStream_t stream)
{
    typedef hf_flash_shape<D, 2, BN> large;
    if (few_rows || sizeof(T) * large::SHARED_ROWS * large::STRIDE > shared_bytes)
        return hf_flash_launch<T, hf_flash_shape<D, 1, 64>>(a, stream);
    return hf_flash_launch<T, large>(a, stream);
}

template <typename T>
cudaError_t hf_flash_launch_any(const hf_cuda_attention *a, size_t shared_bytes, bool few_rows, cudaStream_t stream)
{
    if (a->d <= 40)
        return hf_flash_launch_fitting<T, 40, 64>(a, shared_bytes, few_rows, stream);
    if (a->d <= 64)
        return hf_flash_launch_fitting<T, 64, 64>(a, shared_bytes, few_rows, stream);
    if (a->d <= 80)
        return hf_flash_launch_fitting<T, 80, 64>(a, shared_bytes, few_rows, stream);
    if (a->d <= 96)
        return hf_flash_launch_fitting<T, 96, 64>(a, shared_bytes, few_rows, stream);
    if (a->d <= 128)
        return hf_flash_launch_fitting<T, 128, 32>(a, shared_bytes, few_rows, stream);
    /* 160 channels of 32 rows would not leave registers for scores. */
    return hf_flash_launch<T, hf_flash_shape<160, 1, 32>>(a, stream);
}

#endif
