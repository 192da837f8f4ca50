/* move.cu - copy_channels, gather_rows and permute: bytes to other places; in plain C: src/ref_pointwise.c.
 *
 * The type does not matter, only the width: elements travel as units of 1, 2, 4, 8 or 16 bytes, the widest that all
 * addresses and steps allow.
 */
#include "cuda/element.cuh"
#include "cuda/pointwise.h"

/* Statements with Unit as the type of that many bytes. */
#define ONE_WIDTH(type, Unit, ...) \
    {                              \
        using Unit = type;         \
        __VA_ARGS__;               \
        break;                     \
    }
#define WITH_WIDTH(width, Unit, ...)                     \
    switch (width) {                                     \
    case 16: ONE_WIDTH(uint4, Unit, __VA_ARGS__)         \
    case 8: ONE_WIDTH(uint2, Unit, __VA_ARGS__)          \
    case 4: ONE_WIDTH(uint32_t, Unit, __VA_ARGS__)       \
    case 2: ONE_WIDTH(uint16_t, Unit, __VA_ARGS__)       \
    default: ONE_WIDTH(uint8_t, Unit, __VA_ARGS__)       \
    }

/* The widest unit that divides every bit set in `places`. */
static int width_of(uint64_t places)
{
    int width = 16;
    while (places % (uint64_t)width)
        width /= 2;
    return width;
}

/* Thread i: unit i of all runs, row after row. Sizes in units. */
template <typename Unit>
__global__ void __launch_bounds__(HF_POINT_THREADS)
rows_kernel(Unit *out, const Unit *x, const int32_t *index, int64_t count, int64_t run, int64_t out_step,
            int64_t x_step)
{
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
        int64_t row = hf_divide(i, run), at = i - row * run;
        int64_t from = index ? index[row] : row;
        out[row * out_step + at] = x[from * x_step + at];
    }
}

extern "C" cudaError_t hf_cuda_rows_launch(const hf_cuda_rows *r, cudaStream_t stream)
{
    int width = width_of((uint64_t)(uintptr_t)r->out | (uint64_t)(uintptr_t)r->x | (uint64_t)r->run_bytes |
                         (uint64_t)r->out_step | (uint64_t)r->x_step);
    int64_t run = r->run_bytes / width, count = r->n_rows * run;
    if (!count)
        return cudaSuccess;
    WITH_WIDTH(width, Unit,
        HF_LAUNCH((rows_kernel<Unit>), hf_grid_of(count), HF_POINT_THREADS, 0, stream,
                  static_cast<Unit *>(r->out), static_cast<const Unit *>(r->x), r->index, count, run,
                  r->out_step / width, r->x_step / width))
    return cudaGetLastError();
}

/* Sizes and steps of permuted dimensions, the slowest of out first; unused ones have size 1. */
typedef struct grid_steps {
    int64_t shape[HF_MAX_DIMS], x_step[HF_MAX_DIMS];
} grid_steps;

/* Thread i: unit i of out, wherever in x it is. Writes are in order; reads may be spread. */
template <typename Unit>
__global__ void __launch_bounds__(HF_POINT_THREADS)
permute_kernel(Unit *out, const Unit *x, int64_t count, grid_steps steps)
{
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
        int64_t rest = i, from = 0;
#pragma unroll
        for (int dim = HF_MAX_DIMS - 1; dim >= 0; dim--) {
            int64_t next = hf_divide(rest, steps.shape[dim]);
            from += (rest - next * steps.shape[dim]) * steps.x_step[dim];
            rest = next;
        }
        out[i] = x[from];
    }
}

/* A square of 32 x 32 elements goes through shared memory, so that both the reads, along x's last dimension, and the
 * writes, along out's, are in order. */
enum { TILE = 32, TILE_ROWS = 8 };

/* Block: one square of one of the n_squares. shape and x_step: [0..2] the outer dimensions of out, [3] x's last
 * dimension with its place in out, [4] out's last one; out_step: where each of them steps in out. */
template <typename Unit>
__global__ void __launch_bounds__(TILE *TILE_ROWS)
transpose_kernel(Unit *out, const Unit *x, int64_t n_squares, grid_steps steps, grid_steps out_steps)
{
    __shared__ Unit square[TILE][TILE + (sizeof(Unit) < 4 ? 4 / sizeof(Unit) : 1)]; /* padded against bank conflicts */
    int lane = (int)threadIdx.x % TILE, first_row = (int)threadIdx.x / TILE;
    int64_t across = (steps.shape[3] + TILE - 1) / TILE, down = (steps.shape[4] + TILE - 1) / TILE;
    for (int64_t s = blockIdx.x; s < n_squares; s += gridDim.x) {
        int64_t rest = hf_divide(s, across), col = (s - rest * across) * TILE, outer = hf_divide(rest, down);
        int64_t row = (rest - outer * down) * TILE, from = 0, to = 0;
#pragma unroll
        for (int dim = 2; dim >= 0; dim--) {
            int64_t next = hf_divide(outer, steps.shape[dim]), place = outer - next * steps.shape[dim];
            from += place * steps.x_step[dim];
            to += place * out_steps.x_step[dim];
            outer = next;
        }
#pragma unroll 2
        for (int r = first_row; r < TILE; r += TILE_ROWS)
            if (row + r < steps.shape[4] && col + lane < steps.shape[3])
                square[r][lane] = x[from + (row + r) * steps.x_step[4] + (col + lane)];
        __syncthreads();
#pragma unroll 2
        for (int r = first_row; r < TILE; r += TILE_ROWS)
            if (col + r < steps.shape[3] && row + lane < steps.shape[4])
                out[to + (col + r) * out_steps.x_step[3] + (row + lane)] = square[lane][r];
        __syncthreads();
    }
}

/* The dimension of out along which x has step 1; -1: none. */
static int unit_step_dim(const hf_cuda_permute *p)
{
    for (int i = 0; i < p->n_dims; i++)
        if (p->x_step[i] == 1)
            return i;
    return -1;
}

/* steps and out_steps as transpose_kernel wants them; the number of squares. */
static int64_t plan_transpose(const hf_cuda_permute *p, int fast, grid_steps *steps, grid_steps *out_steps)
{
    int64_t out_step = 1, n_squares = 1;
    int outer = 2;
    for (int i = 0; i < HF_MAX_DIMS; i++) {
        steps->shape[i] = out_steps->shape[i] = 1;
        steps->x_step[i] = out_steps->x_step[i] = 0;
    }
    for (int i = p->n_dims - 1; i >= 0; out_step *= p->out_shape[i--]) {
        int to = i == p->n_dims - 1 ? 4 : i == fast ? 3 : outer--;
        steps->shape[to] = p->out_shape[i];
        steps->x_step[to] = p->x_step[i];
        out_steps->x_step[to] = out_step;
        n_squares *= to >= 3 ? (p->out_shape[i] + TILE - 1) / TILE : p->out_shape[i];
    }
    return n_squares;
}

/* Short sides (the three colours of a picture) leave most of a square empty; the caches serve them well. */
static bool fills_squares(const hf_cuda_permute *p)
{
    int fast = unit_step_dim(p), last = p->n_dims - 1;
    return fast >= 0 && fast != last && p->out_shape[fast] >= TILE / 2 && p->out_shape[last] >= TILE / 2;
}

template <typename Unit>
static void launch_transpose(const hf_cuda_permute *p, cudaStream_t stream)
{
    grid_steps steps, out_steps;
    int64_t n_squares = plan_transpose(p, unit_step_dim(p), &steps, &out_steps), most = HF_POINT_BLOCKS;
    HF_LAUNCH((transpose_kernel<Unit>), (unsigned)(n_squares < most ? n_squares : most), TILE * TILE_ROWS, 0, stream,
              static_cast<Unit *>(p->out), static_cast<const Unit *>(p->x), n_squares, steps, out_steps);
}

template <typename Unit>
static void launch_permute(const hf_cuda_permute *p, cudaStream_t stream)
{
    grid_steps steps;
    int64_t count = 1;
    for (int i = 0; i < HF_MAX_DIMS; i++) {
        int dim = i - (HF_MAX_DIMS - p->n_dims);
        steps.shape[i] = dim < 0 ? 1 : p->out_shape[dim];
        steps.x_step[i] = dim < 0 ? 0 : p->x_step[dim];
        count *= steps.shape[i];
    }
    HF_LAUNCH((permute_kernel<Unit>), hf_grid_of(count), HF_POINT_THREADS, 0, stream, static_cast<Unit *>(p->out),
              static_cast<const Unit *>(p->x), count, steps);
}

extern "C" cudaError_t hf_cuda_permute_launch(const hf_cuda_permute *p, cudaStream_t stream)
{
    if (fills_squares(p) && p->element_bytes == 4)
        launch_transpose<uint32_t>(p, stream);
    else if (fills_squares(p) && p->element_bytes == 2)
        launch_transpose<uint16_t>(p, stream);
    else if (fills_squares(p) && p->element_bytes == 1)
        launch_transpose<uint8_t>(p, stream);
    else
        WITH_WIDTH(p->element_bytes, Unit, launch_permute<Unit>(p, stream))
    return cudaGetLastError();
}
