/* classic.cu - the statistics of src/classic_raw.h; what is done at one place is in src/classic_cell.h, all of it in plain C
 * in src/ref_classic.c.
 *
 * One thread for each value, block or cell of a step. Windows read their neighbours anew instead of passing twice: planes
 * of a 480p frame are 25 to 800 KB and stay in the caches. The host's bytes: compiled without fused multiply-add.
 */
#include "cuda/classic.h"
#include "cuda/launch.h"
#include "src/classic_cell.h"

enum { THREADS = 128, N_DIR = HF_CLASSIC_DIRECTIONS };

static dim3 blocks_for(int64_t n, int ny) { return dim3((unsigned)((n + THREADS - 1) / THREADS), (unsigned)ny); }

static __device__ __forceinline__ int64_t thread_index(void) { return (int64_t)blockIdx.x * THREADS + threadIdx.x; }

/* One thread for each half-resolution pixel: its Lab, and the lightness of its 2 x 2 pixels. */
static __global__ void __launch_bounds__(THREADS) pixels_kernel(hf_classic_raw r, const uint8_t *__restrict__ rgb)
{
    int64_t i = thread_index(), half = (int64_t)16 * r.h * r.w;
    if (i >= half)
        return;
    int y = (int)(i / (4 * r.w)), x = (int)(i % (4 * r.w));
    const uint8_t *p[2][2];
    for (int dy = 0; dy < 2; dy++)
        for (int dx = 0; dx < 2; dx++) {
            p[dy][dx] = hf_classic_pixel(&r, rgb, 2 * y + dy, 2 * x + dx);
            r.light[((size_t)2 * y + dy) * 8 * r.w + 2 * x + dx] = hf_classic_light(p[dy][dx]);
        }
    float *lab = r.lab + i;
    hf_classic_lab(lab, lab + half, lab + 2 * half, p[0][0], p[0][1], p[1][0], p[1][1], r.linear, r.root);
}

/* One thread for each block; blockIdx.y: the colour. */
static __global__ void __launch_bounds__(THREADS) moments_kernel(hf_classic_raw r)
{
    int64_t i = thread_index(), n = (int64_t)4 * r.h * r.w;
    int bw = 2 * r.w, c = blockIdx.y;
    if (i >= n)
        return;
    const float *p = r.lab + 4 * n * c + (i / bw) * 2 * 2 * bw + 2 * (i % bw);
    float *out = r.blocks + n * (HF_CLASSIC_B_LAB + c) + i;
    hf_classic_moments(out, out + 3 * n, p, p + 2 * bw);
}

/* One thread for each block of SIZE x SIZE of plane [n_rows,n]; writes DIRECTIONS planes. blockIdx.y: one plane after
 * another. */
template <int SIZE, int DIRECTIONS>
static __global__ void __launch_bounds__(THREADS)
gradient_kernel(float *__restrict__ out, const float *__restrict__ plane, int n_rows, int n)
{
    int h = n_rows / SIZE, w = n / SIZE;
    int64_t i = thread_index(), count = (int64_t)h * w;
    if (i >= count)
        return;
    float energy[DIRECTIONS];
    hf_classic_gradient(energy, plane + (size_t)blockIdx.y * n_rows * n, n_rows, n, SIZE, DIRECTIONS, (int)(i / w),
                        (int)(i % w));
#pragma unroll
    for (int d = 0; d < DIRECTIONS; d++)
        out[count * (blockIdx.y * DIRECTIONS + d) + i] = energy[d];
}

/* One thread for each cell; blockIdx.y: the plane of blocks. */
static __global__ void __launch_bounds__(THREADS) near_kernel(hf_classic_raw r)
{
    int64_t i = thread_index(), n = (int64_t)r.h * r.w;
    int p = blockIdx.y;
    if (i >= n)
        return;
    int y = (int)(i / r.w), x = (int)(i % r.w);
    const float *blocks = r.blocks + 4 * n * p, *row = blocks + (size_t)4 * y * r.w;
    r.cells[n * (HF_CLASSIC_C_NEAR + p) + i] = hf_classic_near(blocks, r.h, r.w, y, x);
    if (p < 3)
        r.cells[n * (HF_CLASSIC_C_BOX + p) + i] = hf_classic_box(row, row + 2 * r.w, x);
}

/* One thread for each cell; blockIdx.y: the plane, counted from `from` and `to`. */
template <int REACH>
static __global__ void __launch_bounds__(THREADS) widen_kernel(hf_classic_raw r, int to, int from)
{
    int64_t i = thread_index(), n = (int64_t)r.h * r.w;
    if (i >= n)
        return;
    const float *plane = r.cells + n * (from + (int)blockIdx.y);
    r.cells[n * (to + (int)blockIdx.y) + i] = hf_classic_widen(plane, r.h, r.w, (int)(i / r.w), (int)(i % r.w), REACH);
}

/* One thread for each channel of each cell, channels beside each other as they lie in out. */
static __global__ void __launch_bounds__(THREADS) assemble_kernel(float *__restrict__ out, hf_classic_raw r)
{
    int64_t i = thread_index();
    int C = r.n_channels;
    if (i >= (int64_t)r.h * r.w * C)
        return;
    int cell = (int)(i / C);
    hf_classic_channel c = r.channels[i % C];
    out[i] = hf_classic_channel_at(&r, &c, cell / r.w, cell % r.w);
}

static void block_planes(const hf_classic_raw *r, const uint8_t *rgb, cudaStream_t stream)
{
    int bh = 2 * r->h, bw = 2 * r->w;
    int64_t n = (int64_t)bh * bw;
    float *b = r->blocks;
    dim3 block(THREADS), one = blocks_for(n, 1);
    HF_LAUNCH(pixels_kernel, blocks_for(4 * n, 1), block, 0, stream, *r, rgb);
    HF_LAUNCH(moments_kernel, blocks_for(n, 3), block, 0, stream, *r);
    HF_LAUNCH((gradient_kernel<4, N_DIR>), one, block, 0, stream, b + n * HF_CLASSIC_B_FINE, r->light, 4 * bh, 4 * bw);
    HF_LAUNCH((gradient_kernel<2, N_DIR>), one, block, 0, stream, b + n * HF_CLASSIC_B_HALF, r->lab, 2 * bh, 2 * bw);
    HF_LAUNCH((gradient_kernel<1, N_DIR>), one, block, 0, stream, b + n * HF_CLASSIC_B_QUARTER, b, bh, bw);
    HF_LAUNCH((gradient_kernel<2, N_DIR / 2>), blocks_for(n, 2), block, 0, stream, b + n * HF_CLASSIC_B_CHROMA,
              r->lab + 4 * n, 2 * bh, 2 * bw);
}

static void cell_planes(const hf_classic_raw *r, cudaStream_t stream)
{
    int64_t n = (int64_t)r->h * r->w;
    dim3 block(THREADS);
    HF_LAUNCH(near_kernel, blocks_for(n, HF_CLASSIC_N_BLOCK), block, 0, stream, *r);
    HF_LAUNCH((widen_kernel<2>), blocks_for(n, HF_CLASSIC_N_BLOCK), block, 0, stream, *r, HF_CLASSIC_C_WIDE,
              HF_CLASSIC_C_NEAR);
    HF_LAUNCH((widen_kernel<5>), blocks_for(n, 6), block, 0, stream, *r, HF_CLASSIC_C_BROAD, HF_CLASSIC_C_WIDE);
    HF_LAUNCH((gradient_kernel<1, N_DIR>), blocks_for(n, 1), block, 0, stream, r->cells + n * HF_CLASSIC_C_COARSE,
              r->cells + n * (HF_CLASSIC_C_NEAR + HF_CLASSIC_B_LAB), r->h, r->w);
    HF_LAUNCH((widen_kernel<2>), blocks_for(n, N_DIR), block, 0, stream, *r, HF_CLASSIC_C_COARSE_WIDE,
              HF_CLASSIC_C_COARSE);
}

extern "C" cudaError_t hf_cuda_classic_launch(float *out, const uint8_t *rgb, const hf_classic_raw *r, cudaStream_t stream)
{
    block_planes(r, rgb, stream);
    cell_planes(r, stream);
    HF_LAUNCH(assemble_kernel, blocks_for((int64_t)r->h * r->w * r->n_channels, 1), dim3(THREADS), 0, stream, out, *r);
    return cudaGetLastError();
}
