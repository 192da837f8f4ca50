/* anchor.cu - lightness and the anchor of propagate/anchor.h.
 *
 * What is decided about a cell is in propagate/anchor_cell.h, with the searches of block.cuh: one warp for each cell. At
 * 107 x 60 cells of 8 px there are up to about 190 blocks of 16 x 16 px to compare for each cell, 312 M differences of
 * bytes a frame, four an instruction.
 */
#include "cuda/block.cuh" /* before anchor_cell.h */
#include "cuda/context.h"
#include "cuda/launch.h"
#include "propagate/anchor_cell.h"

enum { WARPS = 4 /* cells of a block */, BLOCKS_AT_ONCE = 6 /* told so, nothing is spilled */, LIGHT_THREADS = 256 };

static __device__ __forceinline__ unsigned light_at(const hf_light &l, const uint8_t *rgb, int64_t i)
{
    int x = hf_clamp_int((int)(i % l.pitch) - l.border, 0, l.width - 1);
    int y = hf_clamp_int((int)(i / l.pitch) - l.border, 0, l.height - 1);
    const uint8_t *p = rgb + ((size_t)y * l.width + x) * 3;
    return (unsigned)hf_lightness(p[0], p[1], p[2]);
}

/* One thread for each four bytes of the bordered picture; there is room for those past its end. */
static __global__ void __launch_bounds__(LIGHT_THREADS) light_kernel(hf_light l, const uint8_t *__restrict__ rgb,
                                                                     int64_t n)
{
    int64_t i = 4 * ((int64_t)blockIdx.x * LIGHT_THREADS + threadIdx.x);
    if (i >= n)
        return;
    unsigned word = 0;
    for (int j = 0; j < 4 && i + j < n; j++)
        word |= light_at(l, rgb, i + j) << (8 * j);
    *reinterpret_cast<unsigned *>(l.pixels + i) = word;
}

extern "C" cudaError_t hf_cuda_context_light_launch(const hf_light *light, const uint8_t *rgb, cudaStream_t stream)
{
    int64_t n = (int64_t)light->pitch * (light->height + 2 * light->border), words = (n + 3) / 4;
    HF_LAUNCH(light_kernel, dim3((unsigned)((words + LIGHT_THREADS - 1) / LIGHT_THREADS)), dim3(LIGHT_THREADS), 0,
              stream, *light, rgb, n);
    return cudaGetLastError();
}

/* One warp for each cell. */
static __global__ void __launch_bounds__(WARPS * 32, BLOCKS_AT_ONCE) anchor_kernel(hf_anchor_view a, hf_cells cells, hf_cells fine,
                                                                   const int32_t *guess)
{
    int cell = blockIdx.x * WARPS + (threadIdx.x >> 5), lane = threadIdx.x & 31;
    if (cell >= a.h * a.w)
        return;
    int x = cell % a.w, y = cell / a.w, ratio = a.stride_px / a.fine_px;
    hf_anchored c = hf_anchor_cell(&a, cells.xy + 2 * (size_t)cell, x, y, guess ? guess[cell] : -1);
    if (!c.changes)
        return;
    if (lane == 0) {
        cells.xy[2 * (size_t)cell] = c.xy[0];
        cells.xy[2 * (size_t)cell + 1] = c.xy[1];
    }
    for (int i = lane; i < ratio * ratio; i += 32) {
        int u = x * ratio + i % ratio, v = y * ratio + i / ratio;
        if (u < fine.w && v < fine.h)
            hf_anchor_correct_fine(&a, &fine, u, v, &c);
    }
}

extern "C" cudaError_t hf_cuda_context_anchor_launch(const hf_anchor_view *anchor, const hf_cells *cells, const hf_cells *fine,
                                             const int32_t *guess, cudaStream_t stream)
{
    HF_LAUNCH(anchor_kernel, dim3((unsigned)((anchor->h * anchor->w + WARPS - 1) / WARPS)), dim3(WARPS * 32), 0, stream,
              *anchor, *cells, *fine, guess);
    return cudaGetLastError();
}
