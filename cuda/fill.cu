/* fill.cu - push-pull; plain C and the source: propagate/fill.c. One thread for each pixel of a level; the small levels,
 * where a launch costs more than the work, are done by one block. */
#include "cuda/first.h"
#include "cuda/launch.h"

#define THREADS 256
#define TAIL_THREADS 1024
#define TAIL_PIXELS 8192 /* levels up to this size are one block's: eight pixels a thread */

/* The weighted mean of 2 x 2 pixels of the finer level, with the sum of their weights, at most 1. */
__device__ void push_pixel(const hf_cuda_fill_level &to, const hf_cuda_fill_level &from, int64_t i, int C)
{
    int x = (int)(i % to.w), y = (int)(i / to.w);
    float *out = to.data + i * C, sum = 0.0f;

    for (int c = 0; c < C; c++)
        out[c] = 0.0f;
    for (int k = 0; k < 4; k++) {
        int fx = 2 * x + (k & 1), fy = 2 * y + (k >> 1);
        if (fx >= from.w || fy >= from.h)
            continue;
        int64_t at = (int64_t)fy * from.w + fx;
        float weight = fminf(from.weight[at], 1.0f);
        for (int c = 0; weight > 0.0f && c < C; c++)
            out[c] += weight * from.data[at * C + c];
        sum += weight;
    }
    for (int c = 0; sum > 0.0f && c < C; c++)
        out[c] /= sum;
    to.weight[i] = fminf(sum, 1.0f);
}

/* Positions of a fine pixel's two coarse neighbours along one axis; the nearer weighs 3/4. */
__device__ __forceinline__ void neighbours(int fine, int n, int *near, int *far)
{
    *near = fine / 2;
    *far = fine & 1 ? *near + 1 : *near - 1;
    if (*far < 0 || *far >= n)
        *far = *near;
}

/* What the pixel lacks comes from the bilinearly enlarged coarser level; at the finest, any weight is enough. */
__device__ void pull_pixel(const hf_cuda_fill_level &to, const hf_cuda_fill_level &from, int64_t i, int C, bool finest)
{
    float keep = to.weight[i];
    if (keep >= 1.0f || (finest && keep > 0.0f))
        return;
    int x0, x1, y0, y1;
    neighbours((int)(i % to.w), from.w, &x0, &x1);
    neighbours((int)(i / to.w), from.h, &y0, &y1);
    const float *nn = from.data + ((int64_t)y0 * from.w + x0) * C, *nf = from.data + ((int64_t)y0 * from.w + x1) * C;
    const float *fn = from.data + ((int64_t)y1 * from.w + x0) * C, *ff = from.data + ((int64_t)y1 * from.w + x1) * C;
    float *out = to.data + i * C;
    for (int c = 0; c < C; c++) {
        float coarse = 0.5625f * nn[c] + 0.1875f * (nf[c] + fn[c]) + 0.0625f * ff[c];
        out[c] = keep > 0.0f ? keep * out[c] + (1.0f - keep) * coarse : coarse;
    }
}

__global__ void push_kernel(hf_cuda_fill_level to, hf_cuda_fill_level from, int C)
{
    int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < (int64_t)to.w * to.h)
        push_pixel(to, from, i, C);
}

__global__ void pull_kernel(hf_cuda_fill_level to, hf_cuda_fill_level from, int C, bool finest)
{
    int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < (int64_t)to.w * to.h)
        pull_pixel(to, from, i, C, finest);
}

/* One block: push into levels first .. n - 1, and pull into them but the last. */
__global__ void __launch_bounds__(TAIL_THREADS) tail_kernel(hf_cuda_fill_levels levels, int first, int C)
{
    for (int l = first; l < levels.n; l++) {
        const hf_cuda_fill_level &to = levels.of[l];
        for (int i = threadIdx.x; i < to.w * to.h; i += blockDim.x)
            push_pixel(to, levels.of[l - 1], i, C);
        __syncthreads();
    }
    for (int l = levels.n - 2; l >= first; l--) {
        const hf_cuda_fill_level &to = levels.of[l];
        for (int i = threadIdx.x; i < to.w * to.h; i += blockDim.x)
            pull_pixel(to, levels.of[l + 1], i, C, false);
        __syncthreads();
    }
}

/* A picture of one pixel has no coarser level. */
__global__ void one_pixel_kernel(hf_cuda_fill_level level, int C)
{
    for (int c = threadIdx.x; !(level.weight[0] > 0.0f) && c < C; c += blockDim.x)
        level.data[c] = 0.0f;
}

static unsigned blocks_of(const hf_cuda_fill_level *level)
{
    return (unsigned)(((int64_t)level->w * level->h + THREADS - 1) / THREADS);
}

extern "C" cudaError_t hf_cuda_fill_launch(const hf_cuda_fill_levels *levels, int C, cudaStream_t stream)
{
    const hf_cuda_fill_level *of = levels->of;
    int tail = 1;

    if (levels->n == 1) {
        HF_LAUNCH(one_pixel_kernel, 1, THREADS, 0, stream, of[0], C);
        return cudaGetLastError();
    }
    while ((int64_t)of[tail].w * of[tail].h > TAIL_PIXELS)
        tail++;
    for (int l = 1; l < tail; l++)
        HF_LAUNCH(push_kernel, blocks_of(&of[l]), THREADS, 0, stream, of[l], of[l - 1], C);
    HF_LAUNCH(tail_kernel, 1, TAIL_THREADS, 0, stream, *levels, tail, C);
    for (int l = tail - 1; l >= 0; l--)
        HF_LAUNCH(pull_kernel, blocks_of(&of[l]), THREADS, 0, stream, of[l], of[l + 1], C, l == 0);
    return cudaGetLastError();
}
