/* match_dense.cuh - lengths of upsampled vectors, and sums over a warp: what the kernels of dense matching share.
 *
 * The plain C is propagate/match_tables.c (hf_match_corners_get, hf_match_length).
 */
#ifndef HF_CUDA_MATCH_DENSE_CUH
#define HF_CUDA_MATCH_DENSE_CUH

#include "cuda/launch.h"
#include "cuda/match_dense.h"

/* Rare paths: called, so that they cost the usual one no registers. */
#ifdef HF_CUDA_EMULATED
#define HF_RARE
#else
#define HF_RARE __noinline__
#endif

#define HF_FULL_WARP 0xffffffffu
#define HF_LOWEST (-1e30f)
#define HF_HIGHEST 1e30f

/* The corners of one quad. Norms are divided by `scale`, the longest of the four. */
struct match_corners {
    int    cell[4];
    double norm[4], scale;
    double cos[6]; /* 01 02 03 12 13 23 */
};

__device__ __forceinline__ match_corners corners_of(const hf_cuda_match_map &map, int qy, int qx)
{
    match_corners c;
    int right = map.x.step, below = map.y.step * map.x.n_cells;
    c.cell[0] = qy * map.x.n_cells + qx;
    c.cell[1] = c.cell[0] + right;
    c.cell[2] = c.cell[0] + below;
    c.cell[3] = c.cell[0] + below + right;
    c.scale = 0;
    for (int j = 0; j < 4; j++)
        c.scale = fmax(c.scale, map.norm[c.cell[j]]);
    for (int j = 0; j < 4; j++)
        c.norm[j] = c.scale > 0 ? map.norm[c.cell[j]] / c.scale : 0;
    c.cos[0] = map.cos[c.cell[0]][0];
    c.cos[1] = map.cos[c.cell[0]][1];
    c.cos[2] = map.cos[c.cell[0]][2];
    c.cos[3] = map.cos[c.cell[0]][3];
    c.cos[4] = map.cos[c.cell[1]][1];
    c.cos[5] = map.cos[c.cell[2]][0];
    return c;
}

/* Bilinear weights in corner order. */
__device__ __forceinline__ void weights_at(double w[4], double far_y, double far_x)
{
    w[0] = (1 - far_x) * (1 - far_y);
    w[1] = far_x * (1 - far_y);
    w[2] = (1 - far_x) * far_y;
    w[3] = far_x * far_y;
}

/* The same sum, in the same order, as the definition: what cancels there cancels here. Rare, so one thread does it. */
static __device__ HF_RARE double length_direct(const match_corners &c, const hf_cuda_match_map &map, const double w[4])
{
    double square = 0;
    for (int d = 0; d < map.D; d++) {
        double v = 0;
        for (int j = 0; j < 4; j++)
            if (c.norm[j] > 0)
                v = __dadd_rn(v, __dmul_rn(w[j], (double)map.raw[(int64_t)c.cell[j] * map.D + d]));
        square += v * v;
    }
    return sqrt(square) / c.scale;
}

/* |sum_j w_j V_j| / scale for weights w >= 0; exactly 0 for a zero sum. Below 1e-3 of the squared length of the
 * parts, the form of ten terms has lost too many digits. */
__device__ __forceinline__ double length_at(const match_corners &c, const hf_cuda_match_map &map, const double w[4])
{
    double u[4], sum = 0;
    for (int j = 0; j < 4; j++)
        sum += u[j] = w[j] * c.norm[j];
    if (sum == 0)
        return 0;
    double square = u[0] * u[0] + u[1] * u[1] + u[2] * u[2] + u[3] * u[3] +
                    2 * (u[0] * (u[1] * c.cos[0] + u[2] * c.cos[1] + u[3] * c.cos[2]) +
                         u[1] * (u[2] * c.cos[3] + u[3] * c.cos[4]) + u[2] * u[3] * c.cos[5]);
    return square > 1e-3 * sum * sum ? sqrt(square) : length_direct(c, map, w);
}

/* Place of the first position of quad (qy, qx) in lists that go quad by quad. */
__device__ __forceinline__ int64_t quad_offset(const hf_cuda_match_map &map, int qy, int qx)
{
    int64_t n_x = map.x.start[map.x.n_quads];
    int y0 = map.y.start[qy];
    return y0 * n_x + (int64_t)(map.y.start[qy + 1] - y0) * map.x.start[qx];
}

__device__ __forceinline__ double warp_sum(double v)
{
    for (int step = 16; step > 0; step /= 2)
        v += __shfl_xor_sync(HF_FULL_WARP, v, step);
    return v;
}

__device__ __forceinline__ float warp_max(float v)
{
    for (int step = 16; step > 0; step /= 2)
        v = fmaxf(v, __shfl_xor_sync(HF_FULL_WARP, v, step));
    return v;
}

/* A bound of a cosine from a bound of its c_j. */
__device__ __forceinline__ float lift(float c, float beta)
{
    return c > 0 ? c * beta : c;
}

#endif
