/* bend.cu - the steps of propagate/bend.h beside the guided filter (guide.cu), and of propagate/blend.h. What is done at one
 * pixel is in propagate/bend_cell.h and blend.h: one thread for each. The host's numbers: no fused multiply-add.
 */
#include "cuda/context.h"
#include "cuda/launch.h"
#include "cuda/refine.h"
#include "propagate/bend_cell.h"

enum { THREADS = 256 };

static dim3 blocks_for(int64_t n, unsigned ny) { return dim3((unsigned)((n + THREADS - 1) / THREADS), ny); }

static __device__ __forceinline__ int64_t thread_index(void) { return (int64_t)blockIdx.x * THREADS + threadIdx.x; }

static __global__ void __launch_bounds__(THREADS) keep_kernel(uint8_t *__restrict__ keep, hf_bend_frame f, int W, int H)
{
    int64_t i = thread_index();
    if (i < (int64_t)W * H)
        keep[i] = (uint8_t)hf_bend_same(f.rgb + 3 * i, f.drawn_rgb, f.xy + 2 * i, f.cover[i], W, H);
}

/* blockIdx.y: the label of the group. */
static __global__ void __launch_bounds__(THREADS) blocks_kernel(hf_cuda_guide g, const float *__restrict__ soft, int first)
{
    int64_t i = thread_index(), n = (int64_t)g.bh * g.bw;
    const float *plane = soft + (first + (int64_t)blockIdx.y) * g.W * g.H;
    if (i < n)
        g.label[blockIdx.y * n + i] = hf_bend_block(plane, (int)(i % g.bw), (int)(i / g.bw), g.H, g.W);
}

static __global__ void __launch_bounds__(THREADS) share_kernel(float *soft, int64_t n, int n_labels)
{
    int64_t i = thread_index();
    if (i < n)
        hf_bend_share(soft, n, i, n_labels);
}

static __global__ void __launch_bounds__(THREADS) blend_add_kernel(hf_blend b, const float *__restrict__ soft,
                                                                   const float *__restrict__ painted,
                                                                   const float *__restrict__ cover, float weight)
{
    int64_t i = thread_index();
    if (i < b.n)
        hf_blend_add(&b, i, soft, painted, cover[i], weight);
}

static __global__ void __launch_bounds__(THREADS) blend_mean_kernel(hf_blend b, float *soft, float *painted)
{
    int64_t i = thread_index();
    if (i < b.n)
        hf_blend_mean(&b, i, soft, painted);
}

extern "C" cudaError_t hf_cuda_bend_keep_launch(uint8_t *keep, const hf_bend_frame *frame, int W, int H, cudaStream_t stream)
{
    HF_LAUNCH(keep_kernel, blocks_for((int64_t)W * H, 1), dim3(THREADS), 0, stream, keep, *frame, W, H);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_bend_blocks_launch(const hf_cuda_guide *g, const float *soft, int first, int n,
                                                  cudaStream_t stream)
{
    HF_LAUNCH(blocks_kernel, blocks_for((int64_t)g->bh * g->bw, (unsigned)n), dim3(THREADS), 0, stream, *g, soft, first);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_bend_share_launch(float *soft, int64_t n, int n_labels, cudaStream_t stream)
{
    HF_LAUNCH(share_kernel, blocks_for(n, 1), dim3(THREADS), 0, stream, soft, n, n_labels);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_blend_add_launch(const hf_blend *sums, const float *soft, const float *painted,
                                                const float *cover, float weight, cudaStream_t stream)
{
    HF_LAUNCH(blend_add_kernel, blocks_for(sums->n, 1), dim3(THREADS), 0, stream, *sums, soft, painted, cover, weight);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_blend_mean_launch(const hf_blend *sums, float *soft, float *painted, cudaStream_t stream)
{
    HF_LAUNCH(blend_mean_kernel, blocks_for(sums->n, 1), dim3(THREADS), 0, stream, *sums, soft, painted);
    return cudaGetLastError();
}
