/* first.cu - the steps of `--match first` between matching and the result: one thread for each pixel. Plain C:
 * propagate/first_ops.c. */
#include "cuda/first.h"
#include "cuda/launch.h"

#define THREADS 256
#define FULL 0xffffffffu

__device__ __forceinline__ int64_t pixel_here(void)
{
    return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

__device__ __forceinline__ int64_t n_pixels(const hf_first_field &f)
{
    return (int64_t)f.width * f.height;
}

/* Channel c of the drawing at pixel i. */
__device__ __forceinline__ float drawn_value(const hf_drawing &d, int c, int64_t i)
{
    if (c < d.n_labels)
        return d.ids[i] == c;
    if (!d.edit)
        return 0.0f;
    float alpha = d.edit[4 * i + 3];
    return c == d.n_labels + 3 ? alpha : alpha * (1.0f / 255.0f) * d.edit[4 * i + c - d.n_labels];
}

__global__ void draw_kernel(float *__restrict__ out, hf_first_field f, hf_drawing d, int c0, int C, bool asked_only)
{
    int64_t q = pixel_here();
    if (q >= n_pixels(f) || (asked_only && f.origin[q] != HF_FIRST_ASKED))
        return;
    int64_t from = asked_only ? f.source[q] : q;
    for (int c = 0; c < C; c++)
        out[q * C + c] = drawn_value(d, c0 + c, from);
}

__global__ void ask_kernel(hf_first_field f)
{
    int64_t q = pixel_here();
    if (q >= n_pixels(f))
        return;
    int origin = f.source[q] >= 0 ? HF_FIRST_LANDED : HF_FIRST_ASKED;
    if (origin == HF_FIRST_ASKED && f.backward_similarity[q] > 0.0f)
        f.source[q] = f.backward[q];
    else if (origin == HF_FIRST_ASKED)
        origin = HF_FIRST_UNKNOWN;
    f.origin[q] = (uint8_t)origin;
    f.known[q] = origin != HF_FIRST_UNKNOWN;
}

__global__ void deal_kernel(float *__restrict__ soft, float *__restrict__ edit, const float *__restrict__ group,
                            hf_first_field f, int n_labels, int c0, int C)
{
    int64_t q = pixel_here(), n = n_pixels(f);
    if (q >= n)
        return;
    for (int c = 0; c < C; c++) {
        int channel = c0 + c - n_labels; /* of the edit */
        if (channel < 0)
            soft[(c0 + c) * n + q] = group[q * C + c];
        else
            edit[4 * q + channel] = group[q * C + c];
    }
}

__global__ void move_kernel(float *__restrict__ moved, hf_first_field f)
{
    int64_t q = pixel_here();
    if (q >= n_pixels(f))
        return;
    int W = f.width, p = f.source[q];
    moved[2 * q] = p < 0 ? 0.0f : (float)(p % W - (int)(q % W));
    moved[2 * q + 1] = p < 0 ? 0.0f : (float)(p / W - (int)(q / W));
}

__global__ void place_kernel(float *__restrict__ xy, const float *__restrict__ moved, hf_first_field f)
{
    int64_t q = pixel_here();
    if (q >= n_pixels(f))
        return;
    xy[2 * q] = moved[2 * q] + (float)(q % f.width);
    xy[2 * q + 1] = moved[2 * q + 1] + (float)(q / f.width);
}

__device__ __forceinline__ float distance_of(int a, int b, int width)
{
    float dx = (float)(a % width - b % width), dy = (float)(a / width - b / width);
    return sqrtf(dx * dx + dy * dy);
}

__global__ void trust_kernel(float *__restrict__ cover, hf_first_field f)
{
    int64_t q = pixel_here();
    if (q >= n_pixels(f))
        return;
    int p = f.source[q];
    float similarity = 0.0f, away = 0.0f;
    if (f.origin[q] == HF_FIRST_LANDED) {
        similarity = f.forward_similarity[p];
        away = distance_of(p, f.backward[q], f.width);
    } else if (f.origin[q] == HF_FIRST_ASKED) {
        similarity = f.backward_similarity[q];
        away = distance_of((int)q, f.forward[p], f.width);
    }
    float share = HF_FIRST_TRUST_FLOOR +
                  (1.0f - HF_FIRST_TRUST_FLOOR) / (1.0f + away * away / (f.half_px * f.half_px));
    cover[q] = fminf(fmaxf(similarity, 0.0f), 1.0f) * share;
}

/* One block, so that the order of the sum is fixed. */
__global__ void __launch_bounds__(1024) mean_kernel(float *mean, const float *__restrict__ values, int64_t n)
{
    __shared__ double sums[32];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    double sum = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
        sum += values[i];
    for (int step = 16; step > 0; step /= 2)
        sum += __shfl_xor_sync(FULL, sum, step);
    if (lane == 0)
        sums[warp] = sum;
    __syncthreads();
    if (warp != 0)
        return;
    sum = lane < (int)blockDim.x / 32 ? sums[lane] : 0;
    for (int step = 16; step > 0; step /= 2)
        sum += __shfl_xor_sync(FULL, sum, step);
    if (lane == 0)
        *mean = (float)(sum / (double)n);
}

static unsigned blocks_of(const hf_first_field *f)
{
    return (unsigned)(((int64_t)f->width * f->height + THREADS - 1) / THREADS);
}

extern "C" cudaError_t hf_cuda_first_draw_launch(float *out, const hf_first_field *f, const hf_drawing *d, int c0, int C,
                                                 bool asked_only, cudaStream_t stream)
{
    HF_LAUNCH(draw_kernel, blocks_of(f), THREADS, 0, stream, out, *f, *d, c0, C, asked_only);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_first_ask_launch(const hf_first_field *f, cudaStream_t stream)
{
    HF_LAUNCH(ask_kernel, blocks_of(f), THREADS, 0, stream, *f);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_first_deal_launch(float *soft, float *edit, const float *group, const hf_first_field *f,
                                                 int n_labels, int c0, int C, cudaStream_t stream)
{
    HF_LAUNCH(deal_kernel, blocks_of(f), THREADS, 0, stream, soft, edit, group, *f, n_labels, c0, C);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_first_move_launch(float *moved, const hf_first_field *f, cudaStream_t stream)
{
    HF_LAUNCH(move_kernel, blocks_of(f), THREADS, 0, stream, moved, *f);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_first_place_launch(float *xy, const float *moved, const hf_first_field *f,
                                                  cudaStream_t stream)
{
    HF_LAUNCH(place_kernel, blocks_of(f), THREADS, 0, stream, xy, moved, *f);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_first_trust_launch(float *cover, const hf_first_field *f, cudaStream_t stream)
{
    HF_LAUNCH(trust_kernel, blocks_of(f), THREADS, 0, stream, cover, *f);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_mean_launch(float *mean, const float *values, int64_t n, cudaStream_t stream)
{
    HF_LAUNCH(mean_kernel, 1, 1024, 0, stream, mean, values, n);
    return cudaGetLastError();
}
