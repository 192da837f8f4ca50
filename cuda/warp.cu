/* warp.cu - edits fetched through coordinates (propagate/warp.h; what is done at one pixel is in propagate/warp_cell.h).
 *
 * One thread for each pixel. The host's bytes: compiled without fused multiply-add.
 */
#include "cuda/context.h"
#include "cuda/launch.h"
#include "propagate/warp_cell.h"

enum { THREADS = 256 };

static unsigned blocks_for(int64_t n) { return (unsigned)((n + THREADS - 1) / THREADS); }

static __device__ __forceinline__ int64_t thread_index(void) { return (int64_t)blockIdx.x * THREADS + threadIdx.x; }

static __global__ void __launch_bounds__(THREADS)
warp_kernel(float *__restrict__ out, const uint8_t *__restrict__ rgba, const float *__restrict__ xy,
            const float *__restrict__ cover, int width, int height)
{
    int64_t i = thread_index();
    if (i < (int64_t)width * height)
        hf_warp_pixel(out + 4 * i, rgba, xy[2 * i], xy[2 * i + 1], cover ? hf_warp_fade_of(cover[i]) : 1.0f, width, height);
}

static __global__ void __launch_bounds__(THREADS)
straighten_kernel(uint8_t *__restrict__ rgba, const float *__restrict__ multiplied, int64_t n)
{
    int64_t i = thread_index();
    if (i < n)
        hf_warp_straighten_pixel(rgba + 4 * i, multiplied + 4 * i);
}

static __global__ void __launch_bounds__(THREADS)
fade_kernel(float *__restrict__ multiplied, const float *__restrict__ cover, int64_t n)
{
    int64_t i = thread_index();
    if (i >= n)
        return;
    for (int c = 0; c < 4; c++)
        multiplied[4 * i + c] *= hf_warp_fade_of(cover[i]);
}

extern "C" cudaError_t hf_cuda_warp_launch(float *out, const uint8_t *rgba, const float *xy, const float *cover, int width,
                                           int height, cudaStream_t stream)
{
    HF_LAUNCH(warp_kernel, blocks_for((int64_t)width * height), THREADS, 0, stream, out, rgba, xy, cover, width, height);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_warp_straighten_launch(uint8_t *rgba, const float *multiplied, int64_t n, cudaStream_t stream)
{
    HF_LAUNCH(straighten_kernel, blocks_for(n), THREADS, 0, stream, rgba, multiplied, n);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_warp_fade_launch(float *multiplied, const float *cover, int64_t n, cudaStream_t stream)
{
    HF_LAUNCH(fade_kernel, blocks_for(n), THREADS, 0, stream, multiplied, cover, n);
    return cudaGetLastError();
}
