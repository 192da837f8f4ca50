/* resize.cu - resize, rgb_to_image and pool; in plain C: src/ref_resize.c, and hf_ref_pool in src/ref_conv.c.
 *
 * A new cell is the sum over its taps of both axes; the weights are the tables of src/resize_taps.h, so they are those
 * of the other backends. Interpolation has 2 x 2 or 4 x 4 taps. Wide filters (antialias, area) also go straight over
 * n_taps x n_taps cells: a frame of 1920 x 1080 to 512 x 512 has 5 x 9, out of the cache, which does not yet pay for
 * a pass of each axis with memory between them.
 */
#include "cuda/element.cuh"
#include "cuda/resize.h"

/* Where a thread's numbers are in out: its row of a picture, its cell and its first channel. */
typedef struct place {
    int64_t picture, oy, ox, c;
} place;

/* i counts vectors of N channels of [N,Ho,Wo,C]. */
template <int N>
__device__ __forceinline__ place place_of(int64_t i, int64_t Ho, int64_t Wo, int64_t C)
{
    place p;
    int64_t cell = hf_divide(i, C / N), row = hf_divide(cell, Wo);
    p.c = (i - cell * (C / N)) * N;
    p.ox = cell - row * Wo;
    p.picture = hf_divide(row, Ho);
    p.oy = row - p.picture * Ho;
    return p;
}

/* Thread i: N channels of a new cell. */
template <int N, typename TOut, typename T>
__global__ void __launch_bounds__(HF_POINT_THREADS)
resize_kernel(TOut *__restrict__ out, const T *__restrict__ x, int64_t n_vectors, int64_t H, int64_t W, int64_t Ho,
              int64_t Wo, int64_t C, hf_cuda_taps y_taps, hf_cuda_taps x_taps)
{
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n_vectors; i += step) {
        place p = place_of<N>(i, Ho, Wo, C);
        const T *picture = x + p.picture * H * W * C + p.c;
        float sum[N] = {};
        for (int ty = 0; ty < y_taps.n_taps; ty++) {
            const T *line = picture + (int64_t)__ldg(y_taps.index + p.oy * y_taps.n_taps + ty) * W * C;
            float y_weight = __ldg(y_taps.weight + p.oy * y_taps.n_taps + ty);
#pragma unroll 4
            for (int tx = 0; tx < x_taps.n_taps; tx++) {
                float weight = y_weight * __ldg(x_taps.weight + p.ox * x_taps.n_taps + tx), v[N];
                hf_load(v, line + (int64_t)__ldg(x_taps.index + p.ox * x_taps.n_taps + tx) * C);
#pragma unroll
                for (int j = 0; j < N; j++)
                    sum[j] += weight * v[j];
            }
        }
        hf_store(out + i * N, sum);
    }
}

/* Thread i: the three colours of a new pixel. */
template <typename TOut>
__global__ void __launch_bounds__(HF_POINT_THREADS)
rgb_kernel(TOut *__restrict__ out, const uint8_t *__restrict__ rgb, int64_t n_cells, int64_t W, int64_t Wo,
           hf_cuda_taps y_taps, hf_cuda_taps x_taps, hf_cuda_colours colours)
{
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n_cells; i += step) {
        int64_t oy = hf_divide(i, Wo), ox = i - oy * Wo;
        float sum[3] = {};
        for (int ty = 0; ty < y_taps.n_taps; ty++) {
            const uint8_t *line = rgb + (int64_t)__ldg(y_taps.index + oy * y_taps.n_taps + ty) * W * 3;
            float y_weight = __ldg(y_taps.weight + oy * y_taps.n_taps + ty);
#pragma unroll 4
            for (int tx = 0; tx < x_taps.n_taps; tx++) {
                float weight = y_weight * __ldg(x_taps.weight + ox * x_taps.n_taps + tx);
                const uint8_t *cell = line + (int64_t)__ldg(x_taps.index + ox * x_taps.n_taps + tx) * 3;
#pragma unroll
                for (int c = 0; c < 3; c++)
                    sum[c] += weight * (float)cell[c];
            }
        }
#pragma unroll
        for (int c = 0; c < 3; c++)
            out[i * 3 + c] = hf_from_float<TOut>((sum[c] / 255.0f - colours.mean[c]) / colours.deviation[c]);
    }
}

/* Thread i: N channels of a new cell. */
template <int N, typename TOut, typename T>
__global__ void __launch_bounds__(HF_POINT_THREADS)
pool_kernel(TOut *__restrict__ out, const T *__restrict__ x, int64_t n_vectors, int64_t H, int64_t W, int64_t Ho,
            int64_t Wo, int64_t C, hf_pool_params params)
{
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n_vectors; i += step) {
        place p = place_of<N>(i, Ho, Wo, C);
        int64_t top = p.oy * params.stride - params.pad_top, left = p.ox * params.stride - params.pad_left;
        int64_t end_y = min(top + params.kernel_h, H), end_x = min(left + params.kernel_w, W);
        const T *picture = x + p.picture * H * W * C + p.c;
        float sum[N] = {}, best[N];
#pragma unroll
        for (int j = 0; j < N; j++)
            best[j] = -INFINITY;
        top = max(top, (int64_t)0);
        left = max(left, (int64_t)0);
        for (int64_t iy = top; iy < end_y; iy++)
            for (int64_t ix = left; ix < end_x; ix++) {
                float v[N];
                hf_load(v, picture + (iy * W + ix) * C);
#pragma unroll
                for (int j = 0; j < N; j++) {
                    sum[j] += v[j];
                    best[j] = v[j] > best[j] ? v[j] : best[j];
                }
            }
        int64_t n_cells = params.kind == HF_POOL_MEAN ? (end_y - top) * (end_x - left)
                                                      : (int64_t)params.kernel_h * params.kernel_w;
#pragma unroll
        for (int j = 0; j < N; j++)
            sum[j] = params.kind == HF_POOL_MAX ? best[j] : sum[j] / (float)n_cells;
        hf_store(out + i * N, sum);
    }
}

/* Whether whole vectors of channels can be moved. */
static bool has_vectors(const hf_cuda_pictures *p)
{
    return p->C % HF_VEC == 0 && hf_is_aligned_as(p->out, p->out_type, HF_VEC) &&
           hf_is_aligned_as(p->x, p->x_type, HF_VEC);
}

template <int N, typename TOut, typename T>
static void launch_resize(const hf_cuda_pictures *p, const hf_cuda_taps *y, const hf_cuda_taps *x, cudaStream_t stream)
{
    int64_t n_vectors = p->N * p->Ho * p->Wo * (p->C / N);
    HF_LAUNCH((resize_kernel<N, TOut, T>), hf_grid_of(n_vectors), HF_POINT_THREADS, 0, stream,
              static_cast<TOut *>(p->out), static_cast<const T *>(p->x), n_vectors, p->H, p->W, p->Ho, p->Wo, p->C, *y,
              *x);
}

extern "C" cudaError_t hf_cuda_resize_launch(const hf_cuda_pictures *p, const hf_cuda_taps *y, const hf_cuda_taps *x,
                                             cudaStream_t stream)
{
    HF_FOR_FLOAT(p->out_type, TOut, HF_FOR_FLOAT(p->x_type, T,
        if (has_vectors(p))
            launch_resize<HF_VEC, TOut, T>(p, y, x, stream);
        else
            launch_resize<1, TOut, T>(p, y, x, stream)))
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_rgb_launch(const hf_cuda_pictures *p, const hf_cuda_taps *y, const hf_cuda_taps *x,
                                          const hf_cuda_colours *colours, cudaStream_t stream)
{
    int64_t n_cells = p->Ho * p->Wo;
    HF_FOR_FLOAT(p->out_type, TOut,
        HF_LAUNCH((rgb_kernel<TOut>), hf_grid_of(n_cells), HF_POINT_THREADS, 0, stream, static_cast<TOut *>(p->out),
                  static_cast<const uint8_t *>(p->x), n_cells, p->W, p->Wo, *y, *x, *colours))
    return cudaGetLastError();
}

template <int N, typename TOut, typename T>
static void launch_pool(const hf_cuda_pictures *p, const hf_pool_params *params, cudaStream_t stream)
{
    int64_t n_vectors = p->N * p->Ho * p->Wo * (p->C / N);
    HF_LAUNCH((pool_kernel<N, TOut, T>), hf_grid_of(n_vectors), HF_POINT_THREADS, 0, stream,
              static_cast<TOut *>(p->out), static_cast<const T *>(p->x), n_vectors, p->H, p->W, p->Ho, p->Wo, p->C,
              *params);
}

extern "C" cudaError_t hf_cuda_pool_launch(const hf_cuda_pictures *p, const hf_pool_params *params, cudaStream_t stream)
{
    HF_FOR_FLOAT(p->out_type, TOut, HF_FOR_FLOAT(p->x_type, T,
        if (has_vectors(p))
            launch_pool<HF_VEC, TOut, T>(p, params, stream);
        else
            launch_pool<1, TOut, T>(p, params, stream)))
    return cudaGetLastError();
}
