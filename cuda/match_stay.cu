/* match_stay.cu - is a pixel's own place as good as its match? Plain C: propagate/match_stay.c, whose quads, products
 * and order of sums over corners these are:
 *     <A'(p), B'(p)> = sum_ij w_i w_j <A_i, B_j>, the same for |A'(p)| and |B'(p)|.
 */
#include "cuda/launch.h"
#include "cuda/match_stay.h"

#define WARPS 4
#define FULL 0xffffffffu

/* Sample position along one axis: cells i0 and i1, weight f of i1. */
struct axis_place {
    int   i0, i1;
    float f;
};

__device__ __forceinline__ axis_place axis_at(int pixel, int n_pixels, int n_cells)
{
    float x = ((float)pixel + 0.5f) * (float)n_cells / (float)n_pixels - 0.5f;
    x = fminf(fmaxf(x, 0.0f), (float)(n_cells - 1));
    int i0 = (int)x;
    axis_place place = { i0, i0 + 1 < n_cells ? i0 + 1 : i0, x - (float)i0 };
    return place;
}

/* First pixel whose near cell is `cell` or a later one. The guess is never too high, and at most a few too low. */
__device__ int first_pixel(int cell, int n_pixels, int n_cells)
{
    int px = cell == 0 ? 0 : max(0, (int)(((double)cell + 0.5) * n_pixels / n_cells - 0.5) - 2);
    while (px < n_pixels && axis_at(px, n_pixels, n_cells).i0 < cell)
        px++;
    return px;
}

__device__ __forceinline__ double warp_sum(float v)
{
    double sum = v;
    for (int step = 16; step > 0; step /= 2)
        sum += __shfl_xor_sync(FULL, sum, step);
    return sum;
}

__device__ __forceinline__ double form(const double *g, const double w[4])
{
    double sum = 0;
    for (int i = 0; i < 4; i++)
        sum += w[i] * (w[0] * g[4 * i] + w[1] * g[4 * i + 1] + w[2] * g[4 * i + 2] + w[3] * g[4 * i + 3]);
    return sum;
}

__device__ __forceinline__ float cosine_of(double ab, double aa, double bb)
{
    if (!(aa > 0.0) || !(bb > 0.0))
        return 0.0f;
    return (float)fmin(fmax(ab / (sqrt(aa) * sqrt(bb)), -1.0), 1.0);
}

/* Products of the corners of one quad, into g [3][4][4]: of A with B, A with A, B with B. Lanes split D. */
__device__ void quad_products(double *g, const hf_cuda_match_stay_args &s, const int64_t at[4], int lane)
{
    float ab[4][4] = {}, aa[4][4] = {}, bb[4][4] = {};
    for (int d = lane; d < s.D; d += 32) {
        float a[4], b[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
            a[i] = s.a[at[i] + d], b[i] = s.b[at[i] + d];
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) {
                ab[i][j] += a[i] * b[j];
                if (j >= i)
                    aa[i][j] += a[i] * a[j], bb[i][j] += b[i] * b[j];
            }
    }
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) {
            double sums[3] = { warp_sum(ab[i][j]), j >= i ? warp_sum(aa[i][j]) : 0, j >= i ? warp_sum(bb[i][j]) : 0 };
            if (lane == 0) {
                g[4 * i + j] = sums[0];
                if (j >= i) {
                    g[16 + 4 * i + j] = g[16 + 4 * j + i] = sums[1];
                    g[32 + 4 * i + j] = g[32 + 4 * j + i] = sums[2];
                }
            }
        }
    __syncwarp();
}

/* One warp for each quad between four cells; then lanes are its pixels. */
__global__ void __launch_bounds__(32 * WARPS) stay_kernel(hf_cuda_match_stay_args s)
{
    __shared__ double all_products[WARPS][48];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int64_t quad = (int64_t)blockIdx.x * WARPS + warp;
    if (quad >= (int64_t)s.h * s.w)
        return;
    int qy = (int)(quad / s.w), qx = (int)(quad % s.w);
    int y0 = first_pixel(qy, s.H, s.h), y1 = qy + 1 < s.h ? first_pixel(qy + 1, s.H, s.h) : s.H;
    int x0 = first_pixel(qx, s.W, s.w), x1 = qx + 1 < s.w ? first_pixel(qx + 1, s.W, s.w) : s.W;
    if (y0 >= y1 || x0 >= x1)
        return;
    int64_t right = qx + 1 < s.w ? s.D : 0, below = qy + 1 < s.h ? (int64_t)s.w * s.D : 0, from = quad * s.D;
    const int64_t at[4] = { from, from + right, from + below, from + below + right };
    double *g = all_products[warp];
    quad_products(g, s, at, lane);

    int64_t n_x = x1 - x0, n = n_x * (y1 - y0);
    for (int64_t i = lane; i < n; i += 32) {
        int y = y0 + (int)(i / n_x), x = x0 + (int)(i % n_x);
        double fy = axis_at(y, s.H, s.h).f, fx = axis_at(x, s.W, s.w).f;
        double w[4] = { (1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx };
        float cosine = cosine_of(form(g, w), form(g + 16, w), form(g + 32, w));
        int64_t p = (int64_t)y * s.W + x;
        if (cosine < s.similarity[p] - s.tolerance)
            continue;
        s.index[p] = (int32_t)p;
        s.similarity[p] = fmaxf(s.similarity[p], cosine);
    }
}

extern "C" cudaError_t hf_cuda_match_stay_launch(const hf_cuda_match_stay_args *args, cudaStream_t stream)
{
    int64_t quads = (int64_t)args->h * args->w;
    HF_LAUNCH(stay_kernel, (unsigned)((quads + WARPS - 1) / WARPS), 32 * WARPS, 0, stream, *args);
    return cudaGetLastError();
}
