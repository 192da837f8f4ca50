/* guide.cu - the guided filter of propagate/guide.h (propagate/guide.c has the formula in plain C).
 *
 * One thread for each block of 4 x 4 pixels, or each pixel at the end. Window means are sums over (2 radius + 1)^2
 * neighbours, in the host's order, read anew by every thread: the planes of a 480p frame (0.1 MB each) stay in the first
 * caches, and two passes would be twice the launches.
 */
#include "cuda/launch.h"
#include "cuda/refine.h"
#include "propagate/refine_cell.h"

enum { THREADS = 128, BLOCK = HF_GUIDE_BLOCK };

static dim3 blocks_for(int64_t n, unsigned ny) { return dim3((unsigned)((n + THREADS - 1) / THREADS), ny); }

static __device__ __forceinline__ int64_t thread_index(void) { return (int64_t)blockIdx.x * THREADS + threadIdx.x; }

/* blockIdx.y: the colour. */
static __global__ void __launch_bounds__(THREADS) colour_kernel(hf_cuda_guide g, const uint8_t *__restrict__ rgb)
{
    int i = (int)thread_index(), c = blockIdx.y, n = g.bh * g.bw, sum = 0;
    if (i >= n)
        return;
    int y0 = i / g.bw * BLOCK, x0 = i % g.bw * BLOCK;
    int rows = min((int)BLOCK, g.H - y0), columns = min((int)BLOCK, g.W - x0);
    for (int y = y0; y < y0 + rows; y++)
        for (int x = x0; x < x0 + columns; x++)
            sum += rgb[((size_t)y * g.W + x) * 3 + c];
    g.colour[(size_t)c * n + i] = (float)sum / (float)(255 * columns * rows);
}

/* Mean over the window round block i of N quantities at once: value(j, v) gives those of block j. */
template <int N, typename Value>
static __device__ __forceinline__ void window_means(float (&mean)[N], const hf_cuda_guide &g, int i, const Value &value)
{
    int y = i / g.bw, x = i % g.bw;
    float scale = 1.0f / (float)(2 * g.radius + 1);
#pragma unroll
    for (int k = 0; k < N; k++)
        mean[k] = 0;
    for (int dy = -g.radius; dy <= g.radius; dy++) {
        int row = hf_clamp_int(y + dy, 0, g.bh - 1) * g.bw;
        float sum[N], v[N];
#pragma unroll
        for (int k = 0; k < N; k++)
            sum[k] = 0;
        for (int dx = -g.radius; dx <= g.radius; dx++) {
            value(row + hf_clamp_int(x + dx, 0, g.bw - 1), v);
#pragma unroll
            for (int k = 0; k < N; k++)
                sum[k] += v[k];
        }
#pragma unroll
        for (int k = 0; k < N; k++)
            mean[k] += sum[k] * scale * scale;
    }
}

/* The six products of colours, then the colours. */
struct products {
    const float *colour;
    int          n;
    __device__ __forceinline__ void operator()(int j, float (&v)[9]) const
    {
        float r = colour[j], g = colour[n + j], b = colour[2 * n + j];
        v[0] = r * r, v[1] = r * g, v[2] = r * b, v[3] = g * g, v[4] = g * b, v[5] = b * b;
        v[6] = r, v[7] = g, v[8] = b;
    }
};

static __global__ void __launch_bounds__(THREADS) inverse_kernel(hf_cuda_guide guide)
{
    int i = (int)thread_index(), n = guide.bh * guide.bw;
    if (i >= n)
        return;
    float m[9], epsilon = guide.epsilon;
    struct products value = { guide.colour, n };
    window_means(m, guide, i, value);
    float r = m[6], g = m[7], b = m[8], *inverse = guide.inverse + i;
    float xx = m[0] - r * r + epsilon, xy = m[1] - r * g, xz = m[2] - r * b, yy = m[3] - g * g + epsilon;
    float yz = m[4] - g * b, zz = m[5] - b * b + epsilon;
    float a = yy * zz - yz * yz, c = xz * yz - xy * zz, d = xy * yz - xz * yy;
    float scale = 1 / (xx * a + xy * c + xz * d);
    guide.mean[i] = r, guide.mean[n + i] = g, guide.mean[2 * n + i] = b;
    inverse[0] = a * scale;
    inverse[n] = c * scale;
    inverse[2 * n] = d * scale;
    inverse[3 * n] = (xx * zz - xz * xz) * scale;
    inverse[4 * n] = (xy * xz - xx * yz) * scale;
    inverse[5 * n] = (xx * yy - xy * xy) * scale;
}

extern "C" cudaError_t hf_cuda_guide_picture_launch(const hf_cuda_guide *g, const uint8_t *rgb, cudaStream_t stream)
{
    HF_LAUNCH(colour_kernel, blocks_for(g->bh * g->bw, 3), dim3(THREADS), 0, stream, *g, rgb);
    HF_LAUNCH(inverse_kernel, blocks_for(g->bh * g->bw, 1), dim3(THREADS), 0, stream, *g);
    return cudaGetLastError();
}

/* blockIdx.y: the label of the group. */
static __global__ void __launch_bounds__(THREADS) label_kernel(hf_cuda_guide g, hf_cells cells, int first)
{
    int i = (int)thread_index(), n = g.bh * g.bw;
    if (i >= n)
        return;
    float centre = 0.5f * BLOCK - 0.5f;
    hf_corners k = hf_corners_at(&cells, (float)(i % g.bw * BLOCK) + centre, (float)(i / g.bw * BLOCK) + centre);
    g.label[(size_t)blockIdx.y * n + i] = hf_corners_blend(cells.labels, cells.n_labels, first + (int)blockIdx.y, &k);
}

/* Colours times the label, and the label. */
struct crosses {
    const float *colour, *label;
    int          n;
    __device__ __forceinline__ void operator()(int j, float (&v)[4]) const
    {
        float l = label[j];
        v[0] = colour[j] * l, v[1] = colour[n + j] * l, v[2] = colour[2 * n + j] * l, v[3] = l;
    }
};

static __global__ void __launch_bounds__(THREADS) fit_kernel(hf_cuda_guide guide)
{
    int i = (int)thread_index(), n = guide.bh * guide.bw;
    if (i >= n)
        return;
    float m[4];
    struct crosses value = { guide.colour, guide.label + (size_t)blockIdx.y * n, n };
    window_means(m, guide, i, value);
    const float *v = guide.inverse + i;
    float *a = guide.fit + (size_t)blockIdx.y * 4 * n + i;
    float r = guide.mean[i], g = guide.mean[n + i], b = guide.mean[2 * n + i], label = m[3];
    float x = m[0] - r * label, y = m[1] - g * label, z = m[2] - b * label;
    float ar = v[0] * x + v[n] * y + v[2 * n] * z;
    float ag = v[n] * x + v[3 * n] * y + v[4 * n] * z;
    float ab = v[2 * n] * x + v[4 * n] * y + v[5 * n] * z;
    a[0] = ar;
    a[n] = ag;
    a[2 * n] = ab;
    a[3 * n] = label - ar * r - ag * g - ab * b;
}

struct fits {
    const float *fit;
    int          n;
    __device__ __forceinline__ void operator()(int j, float (&v)[4]) const
    {
        v[0] = fit[j], v[1] = fit[n + j], v[2] = fit[2 * n + j], v[3] = fit[3 * n + j];
    }
};

static __global__ void __launch_bounds__(THREADS) fit_mean_kernel(hf_cuda_guide g)
{
    int i = (int)thread_index(), n = g.bh * g.bw;
    if (i >= n)
        return;
    float m[4], *to = g.fit_mean + (size_t)blockIdx.y * 4 * n + i;
    struct fits value = { g.fit + (size_t)blockIdx.y * 4 * n, n };
    window_means(m, g, i, value);
#pragma unroll
    for (int k = 0; k < 4; k++)
        to[k * n] = m[k];
}

/* Share of the neighbouring block in pixel i of a block: centres lie at 1.5 px + 4 i. */
static __device__ __forceinline__ float share_of(int i) { return i == 0 || i == BLOCK - 1 ? 0.375f : 0.125f; }

/* One thread for each pixel; blockIdx.y: the label of the group. */
static __global__ void __launch_bounds__(THREADS) apply_kernel(float *__restrict__ soft, hf_cuda_guide g,
                                                               const uint8_t *__restrict__ rgb,
                                                               const uint8_t *__restrict__ keep, int first)
{
    int64_t i = thread_index(), n_pixels = (int64_t)g.W * g.H;
    if (i >= n_pixels || (keep && keep[i]))
        return;
    int y = (int)(i / g.W), x = (int)(i % g.W), by = y / BLOCK, bx = x / BLOCK, n = g.bh * g.bw;
    int below = hf_clamp_int(y % BLOCK < BLOCK / 2 ? by - 1 : by + 1, 0, g.bh - 1) * g.bw;
    int beside = hf_clamp_int(x % BLOCK < BLOCK / 2 ? bx - 1 : bx + 1, 0, g.bw - 1);
    float sy = share_of(y % BLOCK), sx = share_of(x % BLOCK), v[4];
    const float *fit = g.fit_mean + (size_t)blockIdx.y * 4 * n;
#pragma unroll
    for (int c = 0; c < 4; c++, fit += n) {
        float here = fit[by * g.bw + bx] * (1 - sy) + fit[below + bx] * sy;
        float there = fit[by * g.bw + beside] * (1 - sy) + fit[below + beside] * sy;
        v[c] = here * (1 - sx) + there * sx;
    }
    const uint8_t *p = rgb + 3 * i;
    float q = (v[0] * p[0] + v[1] * p[1] + v[2] * p[2]) * (1 / 255.0f) + v[3];
    soft[(first + (int64_t)blockIdx.y) * n_pixels + i] = q < 0 ? 0 : q > 1 ? 1 : q;
}

extern "C" cudaError_t hf_cuda_guide_filter_launch(const hf_cuda_guide *g, float *soft, const uint8_t *rgb,
                                                   const uint8_t *keep, int first, int n, cudaStream_t stream)
{
    dim3 grid = blocks_for(g->bh * g->bw, (unsigned)n);
    HF_LAUNCH(fit_kernel, grid, dim3(THREADS), 0, stream, *g);
    HF_LAUNCH(fit_mean_kernel, grid, dim3(THREADS), 0, stream, *g);
    HF_LAUNCH(apply_kernel, blocks_for((int64_t)g->W * g->H, (unsigned)n), dim3(THREADS), 0, stream, soft, *g, rgb, keep,
              first);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_guide_cells_launch(const hf_cuda_guide *g, const hf_cells *cells, int first, int n,
                                                  cudaStream_t stream)
{
    HF_LAUNCH(label_kernel, blocks_for(g->bh * g->bw, (unsigned)n), dim3(THREADS), 0, stream, *g, *cells, first);
    return cudaGetLastError();
}
