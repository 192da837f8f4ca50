/* outside.cu - the steps of `--flow` (propagate/outside_ops.h; what is done at one pixel is in propagate/outside_cell.h).
 *
 * One thread for each pixel. The host's numbers: compiled without fused multiply-add.
 */
#include "cuda/launch.h"
#include "cuda/outside.h"
#include "propagate/outside_cell.h"

enum { THREADS = 256 };

static __device__ __forceinline__ int64_t pixel_here(void) { return (int64_t)blockIdx.x * THREADS + threadIdx.x; }

static __device__ __forceinline__ int64_t n_pixels(const hf_outside_field &f) { return (int64_t)f.width * f.height; }

static __global__ void __launch_bounds__(THREADS) take_kernel(hf_outside_field f)
{
    int64_t q = pixel_here();
    if (q < n_pixels(f))
        hf_outside_take(&f, q);
}

static __global__ void __launch_bounds__(THREADS) aim_kernel(hf_outside_field f)
{
    int64_t q = pixel_here();
    if (q < n_pixels(f))
        hf_outside_aim(&f, q);
}

static __global__ void __launch_bounds__(THREADS) turn_kernel(hf_outside_field f)
{
    int64_t q = pixel_here();
    if (q < n_pixels(f))
        hf_outside_turn(&f, q);
}

static __global__ void __launch_bounds__(THREADS) fetch_kernel(float *__restrict__ soft, const float *__restrict__ xy,
                                                               hf_drawing d, hf_outside_field f)
{
    int64_t q = pixel_here();
    if (q < n_pixels(f))
        hf_outside_fetch(soft, d.ids, d.n_labels, q, xy[2 * q], xy[2 * q + 1], f.width, f.height);
}

static __global__ void __launch_bounds__(THREADS) deal_kernel(float *__restrict__ soft, float *__restrict__ edit,
                                                              const float *__restrict__ group, hf_outside_field f,
                                                              int n_labels, int c0, int C)
{
    int64_t q = pixel_here();
    if (q < n_pixels(f) && f.winner[q] >= 0)
        hf_outside_deal(soft, edit, group, q, n_pixels(f), n_labels, c0, C);
}

static __global__ void __launch_bounds__(THREADS) cover_kernel(float *__restrict__ cover, hf_outside_field f)
{
    int64_t q = pixel_here();
    if (q < n_pixels(f))
        cover[q] = hf_outside_cover(f.landed, q, f.width, f.height);
}

static unsigned blocks_of(const hf_outside_field *f)
{
    return (unsigned)(((int64_t)f->width * f->height + THREADS - 1) / THREADS);
}

extern "C" cudaError_t hf_cuda_outside_take_launch(const hf_outside_field *f, cudaStream_t stream)
{
    HF_LAUNCH(take_kernel, blocks_of(f), THREADS, 0, stream, *f);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_outside_aim_launch(const hf_outside_field *f, cudaStream_t stream)
{
    HF_LAUNCH(aim_kernel, blocks_of(f), THREADS, 0, stream, *f);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_outside_turn_launch(const hf_outside_field *f, cudaStream_t stream)
{
    HF_LAUNCH(turn_kernel, blocks_of(f), THREADS, 0, stream, *f);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_outside_fetch_launch(float *soft, const float *xy, const hf_drawing *d,
                                                    const hf_outside_field *f, cudaStream_t stream)
{
    HF_LAUNCH(fetch_kernel, blocks_of(f), THREADS, 0, stream, soft, xy, *d, *f);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_outside_deal_launch(float *soft, float *edit, const float *group, const hf_outside_field *f,
                                                   int n_labels, int c0, int C, cudaStream_t stream)
{
    HF_LAUNCH(deal_kernel, blocks_of(f), THREADS, 0, stream, soft, edit, group, *f, n_labels, c0, C);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_outside_cover_launch(float *cover, const hf_outside_field *f, cudaStream_t stream)
{
    HF_LAUNCH(cover_kernel, blocks_of(f), THREADS, 0, stream, cover, *f);
    return cudaGetLastError();
}
