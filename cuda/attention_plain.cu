/* attention_plain.cu - attention in f32 arithmetic, for f32 (--precision f32), mixed types and heads that the
 * tensor-core kernels do not take. The definition is src/ref_attention.c.
 *
 * One block of 16 x 16 threads has 64 queries of one head and up to 128 channels of its output. Keys go by in tiles of
 * 32; a thread has 4 queries by 2 keys of the scores, 4 queries by 8 channels of the output. The softmax is carried
 * along as in src/cpu_attention.c; the 16 threads that share 4 queries all keep the queries' maximum and sum.
 *
 * A head wider than 128 channels takes several blocks, each of which computes the scores again. No f16 is involved
 * unless an array has it: sums of d products in f32, exp to 2 units in the last place.
 */
#include "cuda/attention.h"
#include "cuda/attention_tile.cuh"

#define PLAIN_ROWS 64
#define PLAIN_KEYS 32
#define PLAIN_DEPTH 32    /* channels of q and k in shared memory at a time */
#define PLAIN_CHANNELS 128

/* Value i of a float array; the type is the same for the whole grid. */
__device__ __forceinline__ float plain_get(const void *data, hf_dtype type, int64_t i)
{
    if (type == HF_F32)
        return static_cast<const float *>(data)[i];
    if (type == HF_F16)
        return __half2float(static_cast<const __half *>(data)[i]);
    return __bfloat162float(static_cast<const __nv_bfloat16 *>(data)[i]);
}

__device__ __forceinline__ void plain_put(void *data, hf_dtype type, int64_t i, float value)
{
    if (type == HF_F32)
        static_cast<float *>(data)[i] = value;
    else if (type == HF_F16)
        static_cast<__half *>(data)[i] = __float2half_rn(value);
    else
        static_cast<__nv_bfloat16 *>(data)[i] = __float2bfloat16_rn(value);
}

/* Rows of shared memory that threads read four at a time; 4 more keep them apart in the banks. */
struct plain_shared {
    float q[PLAIN_DEPTH][PLAIN_ROWS + 4];
    float k[PLAIN_DEPTH][PLAIN_KEYS + 4];
    float p[PLAIN_KEYS][PLAIN_ROWS + 4];
    float v[PLAIN_KEYS][PLAIN_CHANNELS];
};

/* Where a block works; *_at: index of the head's first channel in row 0. */
struct plain_part {
    int     first_query, first_channel, n_channels, n_keys;
    int64_t q_at, k_at;
};

__device__ __forceinline__ plain_part plain_part_of(const hf_cuda_attention &a)
{
    const int n_tiles = (a.l_q + PLAIN_ROWS - 1) / PLAIN_ROWS;
    const int head = blockIdx.x / n_tiles % a.n_heads;
    const int64_t n = blockIdx.x / n_tiles / a.n_heads;
    plain_part p;
    p.first_query = blockIdx.x % n_tiles * PLAIN_ROWS;
    p.first_channel = blockIdx.y * PLAIN_CHANNELS;
    p.n_channels = min(PLAIN_CHANNELS, a.d - p.first_channel);
    p.n_keys = a.causal ? min(a.l_k, p.first_query + PLAIN_ROWS) : a.l_k;
    p.q_at = n * a.l_q * a.channels + (int64_t)head * a.d;
    p.k_at = n * a.l_k * a.channels + (int64_t)head * a.d;
    return p;
}

/* to[channel][row] = x[first + row, channel] for DEPTH channels from c; zero outside. */
template <int ROWS>
__device__ __forceinline__ void plain_load(float (&to)[PLAIN_DEPTH][ROWS + 4], const void *x, hf_dtype type, int64_t at,
                                           int first, int n_rows, int c, const hf_cuda_attention &a)
{
    for (int i = threadIdx.x; i < ROWS * PLAIN_DEPTH; i += blockDim.x) {
        const int row = i / PLAIN_DEPTH, channel = i % PLAIN_DEPTH;
        const bool valid = first + row < n_rows && c + channel < a.d;
        to[channel][row] = valid ? plain_get(x, type, at + (first + row) * a.channels + c + channel) : 0.0f;
    }
}

/* s[4 queries][2 keys] of this thread for the tile that begins with `key`. */
__device__ __forceinline__ void plain_scores(float (&s)[4][2], plain_shared &m, const plain_part &p, int key,
                                             const hf_cuda_attention &a)
{
    const int x = threadIdx.x % 16, y = threadIdx.x / 16;
#pragma unroll
    for (int i = 0; i < 4; i++)
        s[i][0] = s[i][1] = 0;
    for (int c = 0; c < a.d; c += PLAIN_DEPTH) {
        __syncthreads(); /* the last channels, and the last tile's weights, have been read */
        plain_load<PLAIN_ROWS>(m.q, a.q, a.q_type, p.q_at, p.first_query, a.l_q, c, a);
        plain_load<PLAIN_KEYS>(m.k, a.k, a.k_type, p.k_at, key, p.n_keys, c, a);
        __syncthreads();
#pragma unroll 8
        for (int channel = 0; channel < PLAIN_DEPTH; channel++) {
            const float4 q = *reinterpret_cast<const float4 *>(&m.q[channel][4 * y]);
            const float2 k = *reinterpret_cast<const float2 *>(&m.k[channel][2 * x]);
            const float rows[4] = { q.x, q.y, q.z, q.w };
#pragma unroll
            for (int i = 0; i < 4; i++) {
                s[i][0] = fmaf(rows[i], k.x, s[i][0]);
                s[i][1] = fmaf(rows[i], k.y, s[i][1]);
            }
        }
    }
}

/* Over the 16 threads that share four queries. */
__device__ __forceinline__ float plain_max(float x)
{
    for (int lanes = 8; lanes; lanes /= 2)
        x = fmaxf(x, __shfl_xor_sync(HF_FULL_WARP, x, lanes));
    return x;
}
__device__ __forceinline__ float plain_sum(float x)
{
    for (int lanes = 8; lanes; lanes /= 2)
        x += __shfl_xor_sync(HF_FULL_WARP, x, lanes);
    return x;
}

/* Scores to weights in m.p; max, sum and o follow. */
__device__ __forceinline__ void plain_weigh(float (&s)[4][2], float (&max)[4], float (&sum)[4], float (&o)[4][8],
                                            plain_shared &m, const plain_part &p, int key, const hf_cuda_attention &a)
{
    const int x = threadIdx.x % 16, y = threadIdx.x / 16;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int row = p.first_query + 4 * y + i;
#pragma unroll
        for (int j = 0; j < 2; j++) {
            const int at = key + 2 * x + j;
            s[i][j] = at >= p.n_keys || (a.causal && at > row) ? -INFINITY : s[i][j] * a.scale;
        }
        const float top = fmaxf(max[i], plain_max(fmaxf(s[i][0], s[i][1]))), shrink = expf(max[i] - top);
        const float left = expf(s[i][0] - top), right = expf(s[i][1] - top);
        max[i] = top;
        sum[i] = sum[i] * shrink + left + right;
#pragma unroll
        for (int c = 0; c < 8; c++)
            o[i][c] *= shrink;
        m.p[2 * x][4 * y + i] = left;
        m.p[2 * x + 1][4 * y + i] = right;
    }
}

/* o[4 queries][channels 4x..4x+3 and 64+4x..64+4x+3] += P V. */
__device__ __forceinline__ void plain_gather(float (&o)[4][8], const plain_shared &m)
{
    const int x = threadIdx.x % 16, y = threadIdx.x / 16;
#pragma unroll 4
    for (int key = 0; key < PLAIN_KEYS; key++) {
        const float4 p = *reinterpret_cast<const float4 *>(&m.p[key][4 * y]);
        const float4 a = *reinterpret_cast<const float4 *>(&m.v[key][4 * x]);
        const float4 b = *reinterpret_cast<const float4 *>(&m.v[key][64 + 4 * x]);
        const float rows[4] = { p.x, p.y, p.z, p.w }, v[8] = { a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w };
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int c = 0; c < 8; c++)
                o[i][c] = fmaf(rows[i], v[c], o[i][c]);
    }
}

/* Block: 64 queries of one head, 128 channels of the output; thread (x, y): 4 queries from 4 y, see above. */
__global__ void __launch_bounds__(256) plain_kernel(hf_cuda_attention a)
{
    __shared__ plain_shared m;
    const plain_part p = plain_part_of(a);
    const int x = threadIdx.x % 16, y = threadIdx.x / 16;
    float o[4][8] = {}, max[4] = { -INFINITY, -INFINITY, -INFINITY, -INFINITY }, sum[4] = {};

    for (int key = 0; key < p.n_keys; key += PLAIN_KEYS) {
        float s[4][2];
        plain_scores(s, m, p, key, a);
        /* The barriers of plain_scores were passed since V's tile was last read. */
        for (int i = threadIdx.x; i < PLAIN_KEYS * PLAIN_CHANNELS; i += blockDim.x) {
            const int row = i / PLAIN_CHANNELS, c = i % PLAIN_CHANNELS;
            const bool valid = key + row < p.n_keys && c < p.n_channels;
            m.v[row][c] = valid ? plain_get(a.v, a.v_type, p.k_at + (key + row) * a.channels + p.first_channel + c) : 0.0f;
        }
        plain_weigh(s, max, sum, o, m, p, key, a);
        __syncthreads();
        plain_gather(o, m);
    }
    for (int i = 0; i < 4; i++) {
        const int64_t row = p.first_query + 4 * y + i;
        const float factor = 1 / plain_sum(sum[i]);
#pragma unroll
        for (int c = 0; c < 8; c++) {
            const int channel = 4 * x + c % 4 + c / 4 * 64;
            if (row < a.l_q && channel < p.n_channels)
                plain_put(a.out, a.out_type, p.q_at + row * a.channels + p.first_channel + channel, o[i][c] * factor);
        }
    }
}

extern "C" cudaError_t hf_cuda_attention_plain_launch(const hf_cuda_attention *a, cudaStream_t stream)
{
    const dim3 grid(hf_attention_blocks(a, PLAIN_ROWS), (unsigned)((a->d + PLAIN_CHANNELS - 1) / PLAIN_CHANNELS));
    HF_LAUNCH(plain_kernel, grid, 256, 0, stream, *a);
    return cudaGetLastError();
}
