/* norm.cu - layer_norm, softmax and l2_normalize of rows; in plain C: src/ref_norm.c.
 *
 * One warp has a whole row in its registers: memory is read and written once, and statistics take as many passes as
 * they need. Rows that are too long, or not of whole vectors, get a block that reads them again for each pass.
 *
 * Variance: with m the rounded mean and d = x - m, mean = m + sum d / C and variance = sum d^2 / C - (sum d / C)^2.
 * The correction makes up for the rounding of m, so that a large mean with a small spread keeps its digits.
 */
#include "cuda/element.cuh"
#include "cuda/norm.h"
#include "cuda/reduce.cuh"

/* A step of HF_VEC numbers a lane: K steps are 256 K numbers. 512 has the rows of most networks at few registers;
 * 1536 is the widest ViT. */
enum { ROW_WARPS = 8, FEW_STEPS = 2, MANY_STEPS = 6 };

/* The power of two with the exponent of `size` (clamped so that its inverse exists), and that inverse: numbers divided
 * by it have squares that neither vanish nor overflow. */
static __device__ __forceinline__ float power_below(float size, float *inverse)
{
    uint32_t exponent = __float_as_uint(size) >> 23 & 255;
    exponent = exponent < 1 ? 1 : exponent > 253 ? 253 : exponent;
    *inverse = __uint_as_float((254 - exponent) << 23);
    return __uint_as_float(exponent << 23);
}

template <int K>
__device__ __forceinline__ void layer_norm_row(float (&v)[K][HF_VEC], int n_mine, int C, float epsilon)
{
    float sum = 0, squares = 0;
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int j = 0; j < HF_VEC; j++)
            sum += k < n_mine ? v[k][j] : 0;
    float mean = hf_warp_sum(sum) / (float)C;
    sum = 0;
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int j = 0; j < HF_VEC; j++) {
            v[k][j] -= mean;
            float d = k < n_mine ? v[k][j] : 0;
            sum += d;
            squares += d * d;
        }
    float more = hf_warp_sum(sum) / (float)C;
    float variance = fmaxf(hf_warp_sum(squares) / (float)C - more * more, 0.0f);
    float inverse = 1.0f / sqrtf(variance + epsilon);
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int j = 0; j < HF_VEC; j++)
            v[k][j] = (v[k][j] - more) * inverse;
}

template <int K>
__device__ __forceinline__ void softmax_row(float (&v)[K][HF_VEC], int n_mine, float scale)
{
    float best = -INFINITY, sum = 0;
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int j = 0; j < HF_VEC; j++)
            best = k < n_mine ? fmaxf(best, scale * v[k][j]) : best;
    best = hf_warp_max(best);
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int j = 0; j < HF_VEC; j++) {
            v[k][j] = k < n_mine ? expf(fmaf(scale, v[k][j], -best)) : 0;
            sum += v[k][j];
        }
    sum = hf_warp_sum(sum); /* not above 0: nothing but -infinity */
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int j = 0; j < HF_VEC; j++)
            v[k][j] = sum > 0 ? v[k][j] / sum : 0;
}

template <int K>
__device__ __forceinline__ void unit_row(float (&v)[K][HF_VEC], int n_mine, float epsilon)
{
    float largest = 0, squares = 0, inverse;
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int j = 0; j < HF_VEC; j++)
            largest = k < n_mine ? fmaxf(largest, fabsf(v[k][j])) : largest;
    float power = power_below(hf_warp_max(largest), &inverse);
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int j = 0; j < HF_VEC; j++) {
            float d = k < n_mine ? v[k][j] * inverse : 0;
            squares += d * d;
        }
    float length = fmaxf(sqrtf(hf_warp_sum(squares)) * power, epsilon);
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int j = 0; j < HF_VEC; j++)
            v[k][j] /= length;
}

/* v * gamma + beta, of HF_VEC channels from c on. */
static __device__ __forceinline__ void scale_and_shift(float (&v)[HF_VEC], const float *gamma, const float *beta, int c)
{
    float more[HF_VEC];
    if (gamma) {
        hf_load(more, gamma + c);
#pragma unroll
        for (int j = 0; j < HF_VEC; j++)
            v[j] *= more[j];
    }
    if (beta) {
        hf_load(more, beta + c);
#pragma unroll
        for (int j = 0; j < HF_VEC; j++)
            v[j] += more[j];
    }
}

/* One warp per row; lane l has channels (32 k + l) * 8 .. + 7 for k = 0 .. K-1. */
template <typename TOut, typename T, int K>
__global__ void __launch_bounds__(ROW_WARPS *HF_WARP)
row_kernel(TOut *out, const T *x, const float *gamma, const float *beta, int64_t n_rows, int C,
           hf_cuda_row_norm kind, float number)
{
    int lane = (int)threadIdx.x % HF_WARP, n_vectors = C / HF_VEC;
    int n_mine = (n_vectors - lane + HF_WARP - 1) / HF_WARP;
    int64_t step = (int64_t)gridDim.x * ROW_WARPS;
    for (int64_t row = (int64_t)blockIdx.x * ROW_WARPS + threadIdx.x / HF_WARP; row < n_rows; row += step) {
        hf_pack<T, HF_VEC> packs[K] = {};
        float v[K][HF_VEC];
#pragma unroll
        for (int k = 0; k < K; k++)
            if (k < n_mine)
                packs[k] = hf_load_pack<HF_VEC>(x + row * C + (k * HF_WARP + lane) * HF_VEC);
#pragma unroll
        for (int k = 0; k < K; k++)
            hf_unpack(v[k], packs[k]);
        if (kind == HF_ROW_LAYER_NORM)
            layer_norm_row(v, n_mine, C, number);
        else if (kind == HF_ROW_SOFTMAX)
            softmax_row(v, n_mine, number);
        else
            unit_row(v, n_mine, number);
#pragma unroll
        for (int k = 0; k < K; k++)
            if (k < n_mine) {
                int c = (k * HF_WARP + lane) * HF_VEC;
                scale_and_shift(v[k], gamma, beta, c);
                hf_store(out + row * C + c, v[k]);
            }
    }
}

/* What a number of a row becomes: (v - shift) * factor, or exp(scale v - shift) * factor. */
typedef struct row_rule {
    float shift, more, factor;
} row_rule;

template <typename T>
__device__ __forceinline__ row_rule layer_norm_rule(const T *x, int64_t C, float epsilon, float *room)
{
    float sum = 0, squares = 0;
    for (int64_t c = threadIdx.x; c < C; c += blockDim.x)
        sum += hf_to_float(x[c]);
    float mean = hf_block_sum(sum, room) / (float)C;
    sum = 0;
    for (int64_t c = threadIdx.x; c < C; c += blockDim.x) {
        float d = hf_to_float(x[c]) - mean;
        sum += d;
        squares += d * d;
    }
    float more = hf_block_sum(sum, room) / (float)C;
    float variance = fmaxf(hf_block_sum(squares, room) / (float)C - more * more, 0.0f);
    return { mean, more, 1.0f / sqrtf(variance + epsilon) };
}

template <typename T>
__device__ __forceinline__ row_rule softmax_rule(const T *x, int64_t C, float scale, float *room)
{
    float best = -INFINITY, sum = 0;
    for (int64_t c = threadIdx.x; c < C; c += blockDim.x)
        best = fmaxf(best, scale * hf_to_float(x[c]));
    best = hf_block_max(best, room);
    for (int64_t c = threadIdx.x; c < C; c += blockDim.x)
        sum += expf(fmaf(scale, hf_to_float(x[c]), -best));
    return { best, 0, hf_block_sum(sum, room) };
}

template <typename T>
__device__ __forceinline__ row_rule unit_rule(const T *x, int64_t C, float epsilon, float *room)
{
    float largest = 0, squares = 0, inverse;
    for (int64_t c = threadIdx.x; c < C; c += blockDim.x)
        largest = fmaxf(largest, fabsf(hf_to_float(x[c])));
    float power = power_below(hf_block_max(largest, room), &inverse);
    for (int64_t c = threadIdx.x; c < C; c += blockDim.x) {
        float d = hf_to_float(x[c]) * inverse;
        squares += d * d;
    }
    return { 0, 0, fmaxf(sqrtf(hf_block_sum(squares, room)) * power, epsilon) };
}

/* One block per row; its threads take channels 256 apart. */
template <typename TOut, typename T>
__global__ void __launch_bounds__(HF_POINT_THREADS)
long_row_kernel(TOut *out, const T *x, const float *gamma, const float *beta, int64_t n_rows, int64_t C,
                hf_cuda_row_norm kind, float number)
{
    __shared__ float room[HF_WARP];
    for (int64_t row = blockIdx.x; row < n_rows; row += gridDim.x) {
        const T *from = x + row * C;
        row_rule rule = kind == HF_ROW_LAYER_NORM ? layer_norm_rule(from, C, number, room)
                      : kind == HF_ROW_SOFTMAX    ? softmax_rule(from, C, number, room)
                                                  : unit_rule(from, C, number, room);
        for (int64_t c = threadIdx.x; c < C; c += blockDim.x) {
            float v = hf_to_float(from[c]);
            if (kind == HF_ROW_LAYER_NORM)
                v = (v - rule.shift - rule.more) * rule.factor;
            else if (kind == HF_ROW_SOFTMAX)
                v = rule.factor > 0 ? expf(fmaf(number, v, -rule.shift)) / rule.factor : 0;
            else
                v /= rule.factor;
            v = v * (gamma ? gamma[c] : 1) + (beta ? beta[c] : 0);
            out[row * C + c] = hf_from_float<TOut>(v);
        }
    }
}

template <typename TOut, typename T>
static void launch(const hf_cuda_rows_norm *r, cudaStream_t stream)
{
    TOut *out = static_cast<TOut *>(r->out);
    const T *x = static_cast<const T *>(r->x);
    bool vectors = r->C % HF_VEC == 0 && hf_is_aligned<HF_VEC>(out) && hf_is_aligned<HF_VEC>(x) &&
                   hf_is_aligned<HF_VEC>(r->gamma) && hf_is_aligned<HF_VEC>(r->beta);
    unsigned grid = hf_grid_of((r->n_rows + ROW_WARPS - 1) / ROW_WARPS * HF_POINT_THREADS);
    if (vectors && r->C <= FEW_STEPS * HF_WARP * HF_VEC)
        HF_LAUNCH((row_kernel<TOut, T, FEW_STEPS>), grid, ROW_WARPS * HF_WARP, 0, stream, out, x, r->gamma, r->beta,
                  r->n_rows, (int)r->C, r->kind, r->number);
    else if (vectors && r->C <= MANY_STEPS * HF_WARP * HF_VEC)
        HF_LAUNCH((row_kernel<TOut, T, MANY_STEPS>), grid, ROW_WARPS * HF_WARP, 0, stream, out, x, r->gamma, r->beta,
                  r->n_rows, (int)r->C, r->kind, r->number);
    else
        HF_LAUNCH((long_row_kernel<TOut, T>), hf_grid_of(r->n_rows * HF_POINT_THREADS), HF_POINT_THREADS, 0, stream,
                  out, x, r->gamma, r->beta, r->n_rows, r->C, r->kind, r->number);
}

extern "C" cudaError_t hf_cuda_rows_norm_launch(const hf_cuda_rows_norm *r, cudaStream_t stream)
{
    if (r->n_rows * r->C == 0)
        return cudaSuccess;
    HF_FOR_FLOAT(r->out_type, TOut, HF_FOR_FLOAT(r->x_type, T, launch<TOut, T>(r, stream)))
    return cudaGetLastError();
}
