/* pack.cu - see pack.h. Bound by memory. Sums over unfolded rows: dot_window in src/ref_conv.c. */
#include "cuda/element.cuh"
#include "cuda/pack.h"

/* Thread i: number i of out. Reads jump by kernel_h * kernel_w; that happens once, when a network is loaded. */
template <typename TOut, typename T>
__global__ void __launch_bounds__(HF_POINT_THREADS)
pack_kernel(TOut *out, const T *w, int64_t n_out, int64_t c, int64_t c_padded, int64_t n_taps)
{
    int64_t n = n_out * n_taps * c_padded, step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) {
        int64_t channel = i % c_padded, tap = i / c_padded % n_taps, o = i / c_padded / n_taps;
        float v = channel < c ? hf_to_float(w[(o * c + channel) * n_taps + tap]) : 0.0f;
        out[i] = hf_from_float<TOut>(v);
    }
}

extern "C" cudaError_t hf_cuda_pack_launch(const hf_cuda_pack *p, cudaStream_t stream)
{
    int64_t n_taps = p->kernel_h * p->kernel_w;
    unsigned grid = hf_grid_of(p->n_out * n_taps * p->c_padded);
    HF_FOR_FLOAT(p->out_type, TOut, HF_FOR_FLOAT(p->w_type, T,
        HF_LAUNCH((pack_kernel<TOut, T>), grid, HF_POINT_THREADS, 0, stream, static_cast<TOut *>(p->out),
                  static_cast<const T *>(p->w), p->n_out, p->c, p->c_padded, n_taps)))
    return cudaGetLastError();
}

/* Input coordinate of a tap, or -1 outside. */
static __device__ __forceinline__ int64_t inside(int64_t cell, int64_t tap, int64_t stride, int64_t dilation, int64_t pad,
                                                 int64_t size)
{
    int64_t at = cell * stride - pad + tap * dilation;
    return at < 0 || at >= size ? -1 : at;
}

/* Thread i: N channels of one tap of one row; N divides c_padded. whole: vectors of x may be loaded, and c is c_padded. */
template <int N, typename TOut, typename T>
__global__ void __launch_bounds__(HF_POINT_THREADS)
unfold_kernel(const hf_cuda_unfold u, bool whole)
{
    int64_t vectors = u.c_padded / N, n_taps = u.kernel_h * u.kernel_w, step = (int64_t)gridDim.x * blockDim.x;
    int64_t n = u.n_rows * n_taps * vectors;
    const T *x = static_cast<const T *>(u.x);
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) {
        int64_t cell = hf_divide(i, vectors), c = (i - cell * vectors) * N;
        int64_t r = hf_divide(cell, n_taps), tap = cell - r * n_taps, row = r + u.first_row;
        int64_t ky = hf_divide(tap, u.kernel_w), kx = tap - ky * u.kernel_w;
        int64_t line = hf_divide(row, u.wo), ox = row - line * u.wo;
        int64_t picture = hf_divide(line, u.ho), oy = line - picture * u.ho;
        int64_t iy = inside(oy, ky, u.stride, u.dilation, u.pad_top, u.h);
        int64_t ix = inside(ox, kx, u.stride, u.dilation, u.pad_left, u.w);
        float v[N];
        if (iy < 0 || ix < 0) {
#pragma unroll
            for (int j = 0; j < N; j++)
                v[j] = 0;
        } else {
            const T *from = x + ((picture * u.h + iy) * u.w + ix) * u.c + c;
            if (whole) {
                hf_load(v, from);
            } else {
#pragma unroll
                for (int j = 0; j < N; j++)
                    v[j] = c + j < u.c ? hf_to_float(from[j]) : 0.0f;
            }
        }
        hf_store(static_cast<TOut *>(u.out) + i * N, v);
    }
}

extern "C" cudaError_t hf_cuda_unfold_launch(const hf_cuda_unfold *u, cudaStream_t stream)
{
    bool vectors = u->c_padded % HF_VEC == 0 && hf_is_aligned_as(u->out, u->out_type, HF_VEC);
    bool whole = vectors && u->c == u->c_padded && hf_is_aligned_as(u->x, u->x_type, HF_VEC);
    int64_t n = u->n_rows * u->kernel_h * u->kernel_w * u->c_padded;
    unsigned grid = hf_grid_of(vectors ? n / HF_VEC : n);
    if (n == 0)
        return cudaSuccess;
    HF_FOR_FLOAT(u->out_type, TOut, HF_FOR_FLOAT(u->x_type, T,
        if (vectors)
            HF_LAUNCH((unfold_kernel<HF_VEC, TOut, T>), grid, HF_POINT_THREADS, 0, stream, *u, whole);
        else
            HF_LAUNCH((unfold_kernel<1, TOut, T>), grid, HF_POINT_THREADS, 0, stream, *u, false)))
    return cudaGetLastError();
}
