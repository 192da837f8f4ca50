/* pointwise.cu - casts, activations, sums and products of elements; in plain C: src/ref_pointwise.c.
 *
 * Bound by memory: every number is read and written once. Thread i takes numbers i*8..i*8+7 in 16-byte accesses, and
 * one thread each takes the numbers after the last whole vector, or all of them where an address does not allow vectors.
 */
#include "cuda/activation.cuh"
#include "cuda/element.cuh"
#include "cuda/pointwise.h"

/* out[i] = x[i] in another type. */
template <typename TOut, typename T>
__global__ void __launch_bounds__(HF_POINT_THREADS)
cast_kernel(TOut *out, const T *x, int64_t n_vectors, int64_t count)
{
    int64_t first = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = first; i < n_vectors; i += step) {
        float v[HF_VEC];
        hf_load(v, x + i * HF_VEC);
        hf_store(out + i * HF_VEC, v);
    }
    for (int64_t i = n_vectors * HF_VEC + first; i < count; i += step)
        out[i] = hf_from_float<TOut>(hf_to_float(x[i]));
}

template <typename TOut, typename T>
__global__ void __launch_bounds__(HF_POINT_THREADS)
activate_kernel(TOut *out, const T *x, int64_t n_vectors, int64_t count, hf_activation activation)
{
    int64_t first = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = first; i < n_vectors; i += step) {
        float v[HF_VEC];
        hf_load(v, x + i * HF_VEC);
        hf_activate(v, activation);
        hf_store(out + i * HF_VEC, v);
    }
    for (int64_t i = n_vectors * HF_VEC + first; i < count; i += step) {
        float v[1] = { hf_to_float(x[i]) };
        hf_activate(v, activation);
        out[i] = hf_from_float<TOut>(v[0]);
    }
}

/* Where number i of a finds its partner in b. */
static __device__ __forceinline__ int64_t partner(int64_t i, int64_t n_channels, int64_t repeat)
{
    if (!repeat)
        return i;
    int64_t row = hf_divide(i, n_channels);
    return hf_divide(row, repeat) * n_channels + (i - row * n_channels);
}

/* v = alpha v + beta b, or v * b, for N numbers of b from `at` on. */
template <int N>
__device__ __forceinline__ void combine(float (&v)[N], const void *b, hf_dtype b_type, int64_t at, bool multiplies,
                                        float alpha, float beta)
{
    float more[N];
    hf_load_as(more, b, b_type, at);
#pragma unroll
    for (int j = 0; j < N; j++)
        v[j] = multiplies ? v[j] * more[j] : alpha * v[j] + beta * more[j];
}

template <typename TOut, typename T>
__global__ void __launch_bounds__(HF_POINT_THREADS)
binary_kernel(TOut *out, const T *a, const void *b, hf_dtype b_type, int64_t n_vectors, int64_t count,
              int64_t n_channels, int64_t repeat, bool multiplies, float alpha, float beta)
{
    int64_t first = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = first; i < n_vectors; i += step) {
        float v[HF_VEC];
        hf_pack<T, HF_VEC> pack = hf_load_pack<HF_VEC>(a + i * HF_VEC);
        int64_t at = partner(i, n_channels / HF_VEC, repeat) * HF_VEC;
        hf_unpack(v, pack);
        combine(v, b, b_type, at, multiplies, alpha, beta);
        hf_store(out + i * HF_VEC, v);
    }
    for (int64_t i = n_vectors * HF_VEC + first; i < count; i += step) {
        float v[1] = { hf_to_float(a[i]) };
        combine(v, b, b_type, partner(i, n_channels, repeat), multiplies, alpha, beta);
        out[i] = hf_from_float<TOut>(v[0]);
    }
}

extern "C" cudaError_t hf_cuda_cast_launch(void *out, hf_dtype out_type, const void *x, hf_dtype x_type, int64_t count,
                                           hf_activation activation, cudaStream_t stream)
{
    bool vectors = hf_is_aligned_as(out, out_type, HF_VEC) && hf_is_aligned_as(x, x_type, HF_VEC);
    int64_t n_vectors = vectors ? count / HF_VEC : 0;
    unsigned grid = hf_grid_of(vectors ? n_vectors : count);
    if (!count)
        return cudaSuccess;
    if (activation == HF_ACT_NONE)
        HF_FOR_ELEMENT(out_type, TOut, HF_FOR_ELEMENT(x_type, T,
            HF_LAUNCH((cast_kernel<TOut, T>), grid, HF_POINT_THREADS, 0, stream, static_cast<TOut *>(out),
                      static_cast<const T *>(x), n_vectors, count)))
    else
        HF_FOR_FLOAT(out_type, TOut, HF_FOR_FLOAT(x_type, T,
            HF_LAUNCH((activate_kernel<TOut, T>), grid, HF_POINT_THREADS, 0, stream, static_cast<TOut *>(out),
                      static_cast<const T *>(x), n_vectors, count, activation)))
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_binary_launch(const hf_cuda_binary *b, cudaStream_t stream)
{
    bool vectors = hf_is_aligned_as(b->out, b->out_type, HF_VEC) && hf_is_aligned_as(b->a, b->a_type, HF_VEC) &&
                   hf_is_aligned_as(b->b, b->b_type, HF_VEC) && (!b->repeat || b->n_channels % HF_VEC == 0);
    int64_t n_vectors = vectors ? b->count / HF_VEC : 0;
    unsigned grid = hf_grid_of(vectors ? n_vectors : b->count);
    if (!b->count)
        return cudaSuccess;
    HF_FOR_FLOAT(b->out_type, TOut, HF_FOR_FLOAT(b->a_type, T,
        HF_LAUNCH((binary_kernel<TOut, T>), grid, HF_POINT_THREADS, 0, stream, static_cast<TOut *>(b->out),
                  static_cast<const T *>(b->a), b->b, b->b_type, n_vectors, b->count, b->n_channels, b->repeat,
                  b->multiplies, b->alpha, b->beta)))
    return cudaGetLastError();
}
