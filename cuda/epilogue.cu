/* epilogue.cu - see epilogue.h; in plain C: hf_ref_linear in src/ref_conv.c.
 *
 * Bound by memory: every number is read and written once, 8 of them by each thread.
 */
#include "cuda/activation.cuh"
#include "cuda/element.cuh"
#include "cuda/epilogue.h"

/* Thread i: out[i*N .. i*N+N-1]; n is a multiple of N. bias is small and stays in the cache. */
template <int N, typename TOut, typename T>
__global__ void __launch_bounds__(HF_POINT_THREADS)
epilogue_kernel(TOut *out, const T *x, const float *bias, const TOut *residual, int64_t rows, int64_t n,
                hf_activation activation)
{
    int64_t n_vectors = rows * (n / N), step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n_vectors; i += step) {
        int64_t at = i * N;
        float v[N], more[N];
        hf_pack<T, N> product = hf_load_pack<N>(x + at);
        hf_pack<TOut, N> old = {};
        if (residual) /* in flight together with the product */
            old = hf_load_pack<N>(residual + at);
        hf_unpack(v, product);
        if (bias) {
            hf_load(more, bias + (i - hf_divide(i, n / N) * (n / N)) * N);
#pragma unroll
            for (int j = 0; j < N; j++)
                v[j] += more[j];
        }
        if (residual) {
            hf_unpack(more, old);
#pragma unroll
            for (int j = 0; j < N; j++)
                v[j] += more[j];
        }
        hf_activate(v, activation);
        hf_store(out + at, v);
    }
}

/* Thread i: out[i*N .. i*N+N-1], from two places of a row of x that are n apart. */
template <int N, typename TOut, typename T>
__global__ void __launch_bounds__(HF_POINT_THREADS)
geglu_kernel(TOut *out, const T *x, const float *bias, int64_t rows, int64_t n)
{
    int64_t n_vectors = rows * (n / N), step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n_vectors; i += step) {
        int64_t row = hf_divide(i, n / N), c = (i - row * (n / N)) * N;
        hf_pack<T, N> first = hf_load_pack<N>(x + row * 2 * n + c);
        hf_pack<T, N> second = hf_load_pack<N>(x + row * 2 * n + n + c);
        float value[N], gate[N];
        hf_unpack(value, first);
        hf_unpack(gate, second);
        if (bias) {
            float more[N];
            hf_load(more, bias + c);
#pragma unroll
            for (int j = 0; j < N; j++)
                value[j] += more[j];
            hf_load(more, bias + n + c);
#pragma unroll
            for (int j = 0; j < N; j++)
                gate[j] += more[j];
        }
#pragma unroll
        for (int j = 0; j < N; j++)
            value[j] *= hf_gelu_erf(gate[j]);
        hf_store(out + i * N, value);
    }
}

template <int N, typename TOut, typename T>
static void launch(const hf_cuda_epilogue *e, cudaStream_t stream)
{
    TOut *out = static_cast<TOut *>(e->out);
    const T *x = static_cast<const T *>(e->x);
    unsigned grid = hf_grid_of(e->rows * (e->n / N));
    if (e->activation == HF_ACT_GEGLU)
        HF_LAUNCH((geglu_kernel<N, TOut, T>), grid, HF_POINT_THREADS, 0, stream, out, x, e->bias, e->rows, e->n);
    else
        HF_LAUNCH((epilogue_kernel<N, TOut, T>), grid, HF_POINT_THREADS, 0, stream, out, x, e->bias,
                  static_cast<const TOut *>(e->residual), e->rows, e->n, e->activation);
}

extern "C" cudaError_t hf_cuda_epilogue_launch(const hf_cuda_epilogue *e, cudaStream_t stream)
{
    bool vectors = e->n % HF_VEC == 0 && hf_is_aligned_as(e->out, e->out_type, HF_VEC) &&
                   hf_is_aligned_as(e->x, e->x_type, HF_VEC) && hf_is_aligned_as(e->bias, HF_F32, HF_VEC) &&
                   hf_is_aligned_as(e->residual, e->out_type, HF_VEC);
    if (e->rows * e->n == 0)
        return cudaSuccess;
    HF_FOR_FLOAT(e->out_type, TOut, HF_FOR_FLOAT(e->x_type, T,
        if (vectors)
            launch<HF_VEC, TOut, T>(e, stream);
        else
            launch<1, TOut, T>(e, stream)))
    return cudaGetLastError();
}
