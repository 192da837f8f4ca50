/* attention_wide.cuh - attention on tensor cores for heads of up to 512 channels, such as the VAE's single one, whose
 * sums O do not fit the registers of a warp. The definition is src/ref_attention.c.
 *
 * One block of eight warps has BM queries of one head. Keys and values go by in tiles of BN, twice divided:
 *
 *     S = Q K^t   rows and keys over the warps: BM / 16 groups of rows, 8 / that many groups of keys
 *     P           to shared memory, with the greatest score of each row
 *     O += P V    channels over the warps: each has D / 8 of them for all BM rows, so a fragment of V is read once
 *
 * Each tile has three barriers. V's tile is on its way during Q K^t, the next K's during P V.
 *
 * Cost with D = 512, BM = BN = 64: 2 * 16384 mma multiply-adds of a clock's 2048, so 2048 clocks of tensor cores, and
 * 512 KB of ldmatrix, 4096 clocks: shared memory bounds, at half of the tensor cores' speed on sm_90. The VAE's share
 * is 3 % of its multiply-adds (17 of 558 G), so this costs about 0.1 ms a picture. An estimate: not run on a GPU yet.
 */
#ifndef HF_CUDA_ATTENTION_WIDE_CUH
#define HF_CUDA_ATTENTION_WIDE_CUH

#include "cuda/attention_tile.cuh"

#define HF_WIDE_WARPS 8
#define HF_WIDE_THREADS (32 * HF_WIDE_WARPS)

template <int D_, int BM_, int BN_> struct hf_wide_shape {
    enum {
        D = D_,
        BM = BM_,
        BN = BN_,
        STRIDE = HF_TILE_STRIDE(D_),
        ROW_GROUPS = BM_ / 16,
        KEY_GROUPS = HF_WIDE_WARPS / (BM_ / 16),
        /* Column tiles of 8 keys that a warp has of S; in small tiles some warps have none. */
        NT = BN_ / 8 / KEY_GROUPS > 0 ? BN_ / 8 / KEY_GROUPS : 1,
        COLUMNS = D_ / HF_WIDE_WARPS, /* channels that a warp has of O */
        P_STRIDE = BN_ + 8,           /* an odd number of 16-byte pieces, as BN is a multiple of 16 */
        TILE_VALUES = (BM_ + 2 * BN_) * HF_TILE_STRIDE(D_) + BM_ * (BN_ + 8),
        ROW_FLOATS = BM_ * (KEY_GROUPS + 1)
    };
};

/* Shared memory of a block. */
template <typename T, typename S> struct hf_wide_shared {
    T     *q, *k, *v, *p;
    float *part; /* [BM,KEY_GROUPS]: greatest scores, at the end sums */
    float *row;  /* [BM]: what O is to be multiplied with */
};

template <typename T, typename S> __device__ __forceinline__ hf_wide_shared<T, S> hf_wide_shared_at(T *memory)
{
    hf_wide_shared<T, S> m;
    m.q = memory;
    m.k = m.q + S::BM * S::STRIDE;
    m.v = m.k + S::BN * S::STRIDE;
    m.p = m.v + S::BN * S::STRIDE;
    m.part = reinterpret_cast<float *>(m.p + S::BM * S::P_STRIDE);
    m.row = m.part + S::BM * S::KEY_GROUPS;
    return m;
}

/* This warp's scores: 16 rows from `row`, 8 NT keys from `key`. */
template <typename T, typename S>
__device__ __forceinline__ void hf_wide_scores(float (&s)[S::NT][4], const hf_wide_shared<T, S> &m, int row, int key)
{
    const int lane = threadIdx.x % 32;
    const T *q = m.q + (row + lane % 16) * S::STRIDE + lane / 16 * 8;
    /* With two column tiles: keys 0..7 and 8..15 of 16 channels; with one: 8 keys of 32 channels. */
    const T *k = S::NT > 1 ? m.k + (key + lane % 8 + lane / 16 * 8) * S::STRIDE + lane / 8 % 2 * 8
                           : m.k + (key + lane % 8) * S::STRIDE + lane / 8 * 8;
#pragma unroll
    for (int n = 0; n < S::NT; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            s[n][e] = 0;
#pragma unroll 4
    for (int c = 0; c < S::D; c += 32) {
        uint32_t left[4], right[4], b[4];
        hf_ldmatrix_x4(left, q + c);
        hf_ldmatrix_x4(right, q + c + 16);
        if (S::NT > 1) {
#pragma unroll
            for (int n = 0; n < S::NT / 2; n++) {
                hf_ldmatrix_x4(b, k + 16 * n * S::STRIDE + c);
                hf_mma<T>(s[2 * n], left, b[0], b[1]);
                hf_mma<T>(s[2 * n + (S::NT > 1)], left, b[2], b[3]);
                hf_ldmatrix_x4(b, k + 16 * n * S::STRIDE + c + 16);
                hf_mma<T>(s[2 * n], right, b[0], b[1]);
                hf_mma<T>(s[2 * n + (S::NT > 1)], right, b[2], b[3]);
            }
        } else {
            hf_ldmatrix_x4(b, k + c);
            hf_mma<T>(s[0], left, b[0], b[1]);
            hf_mma<T>(s[0], right, b[2], b[3]);
        }
    }
}

/* The greatest score of each of this warp's rows to m.part. */
template <typename T, typename S>
__device__ __forceinline__ void hf_wide_tops(const float (&s)[S::NT][4], const hf_wide_shared<T, S> &m, int row, int group)
{
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float top = -INFINITY;
#pragma unroll
        for (int n = 0; n < S::NT; n++)
            top = fmaxf(top, fmaxf(s[n][2 * r], s[n][2 * r + 1]));
        top = hf_quad_max(top);
        if (lane % 4 == 0)
            m.part[(row + 8 * r + lane / 4) * S::KEY_GROUPS + group] = top;
    }
}

/* Scores to weights in m.p. max and sum are of rows g and g + 8; every warp of a row group finds the same max, the
 * first tells the others' factor in m.row. Returns whether a row is to be rescaled. */
template <typename T, typename S>
__device__ __forceinline__ bool hf_wide_weigh(float (&s)[S::NT][4], float (&max)[2], float (&sum)[2],
                                              const hf_wide_shared<T, S> &m, int row, int key, int group, float c)
{
    const int lane = threadIdx.x % 32;
    bool rescaled = false;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const int at = row + 8 * r + lane / 4;
        float top = -INFINITY, shrink = 1;
        for (int i = 0; i < S::KEY_GROUPS; i++)
            if (i * S::NT * 8 < S::BN)
                top = fmaxf(top, m.part[at * S::KEY_GROUPS + i]);
        top *= c;
        if (top > max[r] + HF_RESCALE_ABOVE) {
            shrink = hf_exp2(max[r] - top);
            max[r] = top;
            rescaled = true;
        }
        sum[r] *= shrink;
        if (group == 0 && lane % 4 == 0)
            m.row[at] = shrink;
#pragma unroll
        for (int n = 0; n < S::NT; n++) {
            const float low = hf_exp2(fmaf(s[n][2 * r], c, -max[r])), high = hf_exp2(fmaf(s[n][2 * r + 1], c, -max[r]));
            sum[r] += low + high;
            *reinterpret_cast<uint32_t *>(m.p + at * S::P_STRIDE + key + 8 * n + lane % 4 * 2) = hf_pack_pair<T>(low, high);
        }
    }
    return rescaled;
}

/* o *= m.row, of all rows. */
template <typename T, typename S>
__device__ __forceinline__ void hf_wide_rescale(float (&o)[S::ROW_GROUPS][S::COLUMNS / 8][4], const hf_wide_shared<T, S> &m)
{
    const int g = threadIdx.x % 32 / 4;
#pragma unroll
    for (int i = 0; i < S::ROW_GROUPS; i++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const float factor = m.row[16 * i + 8 * r + g];
#pragma unroll
            for (int n = 0; n < S::COLUMNS / 8; n++) {
                o[i][n][2 * r] *= factor;
                o[i][n][2 * r + 1] *= factor;
            }
        }
}

/* o += P V: all rows, this warp's channels from `column`. */
template <typename T, typename S>
__device__ __forceinline__ void hf_wide_gather(float (&o)[S::ROW_GROUPS][S::COLUMNS / 8][4], const hf_wide_shared<T, S> &m,
                                               int column)
{
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int part = 0; part < S::BN / 16; part++) {
        uint32_t a[S::ROW_GROUPS][4];
#pragma unroll
        for (int i = 0; i < S::ROW_GROUPS; i++)
            hf_ldmatrix_x4(a[i], m.p + (16 * i + lane % 16) * S::P_STRIDE + 16 * part + lane / 16 * 8);
        const T *v = m.v + (16 * part + lane % 16) * S::STRIDE + column + lane / 16 * 8;
#pragma unroll
        for (int n = 0; n < S::COLUMNS / 16; n++) {
            uint32_t b[4];
            hf_ldmatrix_x4_trans(b, v + 16 * n);
#pragma unroll
            for (int i = 0; i < S::ROW_GROUPS; i++) {
                hf_mma<T>(o[i][2 * n], a[i], b[0], b[1]);
                hf_mma<T>(o[i][2 * n + 1], a[i], b[2], b[3]);
            }
        }
    }
}

/* 1 / the sum of every row to m.row. */
template <typename T, typename S>
__device__ __forceinline__ void hf_wide_sums(const float (&sum)[2], const hf_wide_shared<T, S> &m, int row, int group,
                                             bool has_keys)
{
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const float all = hf_quad_sum(sum[r]);
        if (lane % 4 == 0)
            m.part[(row + 8 * r + lane / 4) * S::KEY_GROUPS + group] = has_keys ? all : 0;
    }
    __syncthreads();
    if (threadIdx.x < S::BM) {
        float all = 0;
        for (int i = 0; i < S::KEY_GROUPS; i++)
            all += m.part[threadIdx.x * S::KEY_GROUPS + i];
        m.row[threadIdx.x] = 1 / all;
    }
    __syncthreads();
}

/* o * m.row, rounded, in the place of the queries. */
template <typename T, typename S>
__device__ __forceinline__ void hf_wide_finish(const float (&o)[S::ROW_GROUPS][S::COLUMNS / 8][4],
                                               const hf_wide_shared<T, S> &m, int column)
{
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < S::ROW_GROUPS; i++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const int at = 16 * i + 8 * r + lane / 4;
            const float factor = m.row[at];
#pragma unroll
            for (int n = 0; n < S::COLUMNS / 8; n++)
                *reinterpret_cast<uint32_t *>(m.q + at * S::STRIDE + column + 8 * n + lane % 4 * 2) =
                    hf_pack_pair<T>(o[i][n][2 * r] * factor, o[i][n][2 * r + 1] * factor);
        }
}

/* Block: BM queries of one head; warp: 16 rows and 8 NT keys of S, D / 8 channels of O. */
template <typename T, typename S> __global__ void __launch_bounds__(HF_WIDE_THREADS, 1) hf_wide_kernel(hf_cuda_attention a)
{
    if (!hf_mma_is_native<T>()) { /* attention.c does not start it; keeps its code out of the module */
        __trap();
        return;
    }
    HF_DYNAMIC_SHARED(T, memory);
    const hf_wide_shared<T, S> m = hf_wide_shared_at<T, S>(memory);
    const hf_attention_part<T> part = hf_attention_part_of<T>(a, S::BM);
    const auto place = hf_tile_place_of<S::D, HF_WIDE_THREADS>();
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int row = warp % S::ROW_GROUPS * 16, group = warp / S::ROW_GROUPS, first_key = group * S::NT * 8;
    const bool has_keys = first_key < S::BN; /* of every tile */
    const float c = a.scale * HF_LOG2_E;
    float o[S::ROW_GROUPS][S::COLUMNS / 8][4], max[2] = { -INFINITY, -INFINITY }, sum[2] = { 0, 0 };

#pragma unroll
    for (int i = 0; i < S::ROW_GROUPS; i++)
#pragma unroll
        for (int n = 0; n < S::COLUMNS / 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                o[i][n][e] = 0;
    hf_tile_load<T, S::D, S::BM, HF_WIDE_THREADS>(m.q, part.q, part.n_queries, place, a);
    hf_tile_load<T, S::D, S::BN, HF_WIDE_THREADS>(m.k, part.k, part.n_keys, place, a);
    hf_cp_async_commit();
    for (int key = 0; key < part.n_keys; key += S::BN) {
        float s[S::NT][4];
        bool rescaled = false;

        hf_cp_async_wait<0>();
        __syncthreads(); /* K is here; V's tile, P and the rows' factors are free */
        hf_tile_load<T, S::D, S::BN, HF_WIDE_THREADS>(m.v, part.v + key * a.channels, part.n_keys - key, place, a);
        hf_cp_async_commit();
        if (has_keys) {
            hf_wide_scores<T, S>(s, m, row, first_key);
            hf_mask_scores(s, part.first_query + row + lane / 4, key + first_key + lane % 4 * 2, part.n_keys, a.causal);
            hf_wide_tops<T, S>(s, m, row, group);
        }
        __syncthreads(); /* K's tile is free */
        if (key + S::BN < part.n_keys)
            hf_tile_load<T, S::D, S::BN, HF_WIDE_THREADS>(m.k, part.k + (key + S::BN) * a.channels,
                                                          part.n_keys - key - S::BN, place, a);
        hf_cp_async_commit();
        if (has_keys)
            rescaled = hf_wide_weigh<T, S>(s, max, sum, m, row, first_key, group, c);
        hf_cp_async_wait<1>(); /* V; the next K may still be on its way */
        if (__syncthreads_or(rescaled))
            hf_wide_rescale<T, S>(o, m);
        hf_wide_gather<T, S>(o, m, warp * S::COLUMNS);
    }
    hf_wide_sums<T, S>(sum, m, row, group, has_keys);
    hf_wide_finish<T, S>(o, m, warp * S::COLUMNS);
    __syncthreads();
    hf_tile_store<T, S::D>(part.out, m.q, part.n_queries, threadIdx.x, HF_WIDE_THREADS, a);
}

template <typename T, typename S> static size_t hf_wide_bytes()
{
    return sizeof(T) * S::TILE_VALUES + sizeof(float) * S::ROW_FLOATS;
}

template <typename T, typename S> cudaError_t hf_wide_launch(const hf_cuda_attention *a, cudaStream_t stream)
{
    const cudaError_t status = hf_allow_shared(hf_wide_kernel<T, S>, hf_wide_bytes<T, S>());
    if (status != cudaSuccess)
        return status;
    HF_LAUNCH((hf_wide_kernel<T, S>), hf_attention_blocks(a, S::BM), HF_WIDE_THREADS, (hf_wide_bytes<T, S>()), stream, *a);
    return cudaGetLastError();
}

/* The largest tiles that fit: with D = 512, 209 KB (sm_90), 139 KB (sm_80), 68 KB (sm_86, sm_89), 51 KB (sm_75). */
template <typename T, int D>
cudaError_t hf_wide_launch_fitting(const hf_cuda_attention *a, size_t shared_bytes, cudaStream_t stream)
{
    if (shared_bytes >= hf_wide_bytes<T, hf_wide_shape<D, 64, 64>>())
        return hf_wide_launch<T, hf_wide_shape<D, 64, 64>>(a, stream);
    if (shared_bytes >= hf_wide_bytes<T, hf_wide_shape<D, 64, 32>>())
        return hf_wide_launch<T, hf_wide_shape<D, 64, 32>>(a, stream);
    if (shared_bytes >= hf_wide_bytes<T, hf_wide_shape<D, 32, 16>>())
        return hf_wide_launch<T, hf_wide_shape<D, 32, 16>>(a, stream);
    return hf_wide_launch<T, hf_wide_shape<D, 16, 16>>(a, stream);
}

template <typename T>
cudaError_t hf_wide_launch_any(const hf_cuda_attention *a, size_t shared_bytes, cudaStream_t stream)
{
    if (a->d <= 256)
        return hf_wide_launch_fitting<T, 256>(a, shared_bytes, stream);
    return hf_wide_launch_fitting<T, 512>(a, shared_bytes, stream);
}

#endif
