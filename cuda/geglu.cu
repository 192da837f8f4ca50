/* geglu.cu - see geglu.h; in plain C: hf_ref_linear in src/ref_conv.c with HF_ACT_GEGLU.
 *
 * A block of four warps makes 128 rows x 64 columns of out: a product of 128 x 128, since the 64 columns of gates lie
 * beside those of values. A warp has 64 rows x 32 columns, both halves of them, so each thread holds a value and its
 * gate in the same place of two registers and the gating needs no exchange.
 *
 * x and W go through shared memory in steps of 32 of k, three of them under way. A row of a step is four pieces of 16
 * bytes; piece p of row r lies at place p ^ (r / 2 % 4), so that eight rows read by one ldmatrix phase fill all banks.
 *
 * For one step of 16 of k a warp reads 8 x 512 bytes for 32 products of 16 x 8 x 16: 32 clocks of shared memory (128
 * bytes a clock) beside 16 x 4 warps' worth of tensor cores at 2048 multiply-adds a clock, 32 at 1024 (sm_80): the
 * tensor cores bound there.
 *
 * Sums are f32 until the gate has been applied; the library's way rounds y to the type of out before.
 *
 * Not run on a GPU yet.
 */
#include "cuda/activation.cuh"
#include "cuda/element.cuh"
#include "cuda/geglu.h"
#include "cuda/ptx.cuh"

enum {
    GEGLU_THREADS = 128,
    GEGLU_ROWS = 128,    /* of out in a block */
    GEGLU_COLUMNS = 64,  /* of out in a block */
    GEGLU_DEPTH = 32,    /* of k in a step */
    GEGLU_STAGES = 3,
    GEGLU_PIECES = GEGLU_DEPTH / 8,
    GEGLU_W_ROWS = 2 * GEGLU_COLUMNS,
    GEGLU_STAGE = (GEGLU_ROWS + GEGLU_W_ROWS) * GEGLU_DEPTH, /* numbers of a stage: x, values, gates */
    GEGLU_WARP_ROWS = 64,
    GEGLU_WARP_COLUMNS = 32,
    GEGLU_OUT_STRIDE = GEGLU_WARP_COLUMNS + 8, /* an odd number of pieces: see attention_tile.cuh */
    GEGLU_GROUP = 8      /* blocks over rows that share their columns: together they stay in the second-level cache */
};
static_assert(4 * GEGLU_WARP_ROWS * GEGLU_OUT_STRIDE <= GEGLU_STAGES * GEGLU_STAGE, "results lie where stages were");
static_assert(GEGLU_STAGES * GEGLU_STAGE * 2 <= 48 * 1024, "what every GPU gives without being asked");

/* Where a block works. */
struct geglu_place {
    int64_t row;
    int     column;
};

/* Blocks go down GROUP tiles of rows, then one tile of columns to the right, until a group is done. */
static __device__ __forceinline__ geglu_place place_of_block(int64_t rows, int n)
{
    const unsigned row_tiles = (unsigned)((rows + GEGLU_ROWS - 1) / GEGLU_ROWS);
    const unsigned column_tiles = (unsigned)(n + GEGLU_COLUMNS - 1) / GEGLU_COLUMNS;
    const unsigned group = blockIdx.x / (GEGLU_GROUP * column_tiles), first = group * GEGLU_GROUP;
    const unsigned height = min(row_tiles - first, (unsigned)GEGLU_GROUP);
    const unsigned at = blockIdx.x - first * column_tiles;
    geglu_place p;
    p.row = (int64_t)(first + at % height) * GEGLU_ROWS;
    p.column = (int)(at / height) * GEGLU_COLUMNS;
    return p;
}

template <typename T> __device__ __forceinline__ T *piece_of(T *rows, int row, int piece)
{
    return rows + row * GEGLU_DEPTH + (piece ^ (row / 2 % GEGLU_PIECES)) * 8;
}

/* Start the way of a step of x and W to a stage; what lies outside of them is zero. */
template <typename T>
__device__ __forceinline__ void load_step(T *stage, const T *x, const T *weight, const geglu_place &at, int64_t rows,
                                          int n, int n_in, int k)
{
    enum { STEP = GEGLU_THREADS / GEGLU_PIECES };
    const int piece = threadIdx.x % GEGLU_PIECES, first = threadIdx.x / GEGLU_PIECES, from = k + piece * 8;
#pragma unroll
    for (int row = first; row < GEGLU_ROWS; row += STEP) {
        const bool valid = from < n_in && at.row + row < rows;
        hf_cp_async(piece_of(stage, row, piece), valid ? x + (at.row + row) * n_in + from : x, valid);
    }
    T *values = stage + GEGLU_ROWS * GEGLU_DEPTH;
#pragma unroll
    for (int row = first; row < GEGLU_W_ROWS; row += STEP) {
        const int column = at.column + row % GEGLU_COLUMNS, half = row / GEGLU_COLUMNS;
        const bool valid = from < n_in && column < n;
        hf_cp_async(piece_of(values, row, piece), valid ? weight + ((int64_t)half * n + column) * n_in + from : weight,
                    valid);
    }
}

/* Sums of a warp: [row tile of 16][value, gate][column tile of 8][hf_mma's d]. */
enum { GEGLU_M = GEGLU_WARP_ROWS / 16, GEGLU_N = GEGLU_WARP_COLUMNS / 8 };
typedef float geglu_sums[GEGLU_M][2][GEGLU_N][4];

template <typename T>
__device__ __forceinline__ void multiply_step(geglu_sums &sums, const T *stage, int warp_row, int warp_column)
{
    const int lane = threadIdx.x % 32;
    const T *columns = stage + GEGLU_ROWS * GEGLU_DEPTH;
#pragma unroll
    for (int part = 0; part < GEGLU_DEPTH / 16; part++) {
        uint32_t a[GEGLU_M][4];
#pragma unroll
        for (int m = 0; m < GEGLU_M; m++)
            hf_ldmatrix_x4(a[m], piece_of(stage, warp_row + 16 * m + lane % 16, 2 * part + lane / 16));
#pragma unroll
        for (int half = 0; half < 2; half++)
#pragma unroll
            for (int pair = 0; pair < GEGLU_N / 2; pair++) {
                const int column = half * GEGLU_COLUMNS + warp_column + 16 * pair + lane / 16 * 8 + lane % 8;
                uint32_t b[4]; /* two column tiles, two halves of 16 of k each */
                hf_ldmatrix_x4(b, piece_of(columns, column, 2 * part + lane / 8 % 2));
#pragma unroll
                for (int m = 0; m < GEGLU_M; m++) {
                    hf_mma<T>(sums[m][half][2 * pair], a[m], b[0], b[1]);
                    hf_mma<T>(sums[m][half][2 * pair + 1], a[m], b[2], b[3]);
                }
            }
    }
}

/* Bias, gate and rounding, into this warp's part of shared memory: [GEGLU_WARP_ROWS,GEGLU_OUT_STRIDE]. column: of out,
 * of the warp's first. */
template <typename T>
__device__ __forceinline__ void gate_sums(T *to, const geglu_sums &sums, const float *bias, int n, int column)
{
    const int lane = threadIdx.x % 32, row = lane / 4, pair = lane % 4 * 2;
#pragma unroll
    for (int j = 0; j < GEGLU_N; j++) {
        const int c = column + 8 * j + pair;
        float value[2] = { 0, 0 }, gate[2] = { 0, 0 };
        if (bias && c < n) { /* n is a multiple of 8: c + 1 is inside too */
            value[0] = bias[c], value[1] = bias[c + 1];
            gate[0] = bias[n + c], gate[1] = bias[n + c + 1];
        }
#pragma unroll
        for (int m = 0; m < GEGLU_M; m++)
#pragma unroll
            for (int r = 0; r < 2; r++) {
                float two[2];
#pragma unroll
                for (int e = 0; e < 2; e++)
                    two[e] = (sums[m][0][j][2 * r + e] + value[e]) * hf_gelu_erf(sums[m][1][j][2 * r + e] + gate[e]);
                *reinterpret_cast<uint32_t *>(to + (16 * m + 8 * r + row) * GEGLU_OUT_STRIDE + 8 * j + pair) =
                    hf_pack_pair<T>(two[0], two[1]);
            }
    }
}

/* A warp's results to out, 16 bytes a lane: four lanes to a row. */
template <typename T>
__device__ __forceinline__ void store_rows(T *out, const T *from, int64_t row, int64_t rows, int column, int n)
{
    const int lane = threadIdx.x % 32, c = lane % 4 * 8;
    if (column + c >= n)
        return;
    for (int r = lane / 4; r < GEGLU_WARP_ROWS && row + r < rows; r += 8)
        *reinterpret_cast<uint4 *>(out + (row + r) * n + column + c) =
            *reinterpret_cast<const uint4 *>(from + r * GEGLU_OUT_STRIDE + c);
}

template <typename T>
__global__ void __launch_bounds__(GEGLU_THREADS, 2)
geglu_product_kernel(T *out, const T *x, const T *weight, const float *bias, int64_t rows, int n, int n_in)
{
    HF_DYNAMIC_SHARED(T, stages);
    const int warp = threadIdx.x / 32, warp_row = warp / 2 * GEGLU_WARP_ROWS, warp_column = warp % 2 * GEGLU_WARP_COLUMNS;
    const int n_steps = (n_in + GEGLU_DEPTH - 1) / GEGLU_DEPTH;
    const geglu_place at = place_of_block(rows, n);
    geglu_sums sums;
#pragma unroll
    for (int m = 0; m < GEGLU_M; m++)
#pragma unroll
        for (int j = 0; j < 2 * GEGLU_N; j++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                sums[m][j / GEGLU_N][j % GEGLU_N][e] = 0;

    /* One group of copies a step, an empty one past the last, so that the newest but one is always the next needed. */
    for (int step = 0; step < GEGLU_STAGES - 1; step++) {
        if (step < n_steps)
            load_step(stages + step * GEGLU_STAGE, x, weight, at, rows, n, n_in, step * GEGLU_DEPTH);
        hf_cp_async_commit();
    }
    int current = 0, free_stage = GEGLU_STAGES - 1;
    for (int step = 0; step < n_steps; step++) {
        hf_cp_async_wait<GEGLU_STAGES - 2>();
        __syncthreads(); /* everybody's copies are there, and everybody has done with the stage that is filled next */
        const int ahead = step + GEGLU_STAGES - 1;
        if (ahead < n_steps)
            load_step(stages + free_stage * GEGLU_STAGE, x, weight, at, rows, n, n_in, ahead * GEGLU_DEPTH);
        hf_cp_async_commit();
        multiply_step(sums, stages + current * GEGLU_STAGE, warp_row, warp_column);
        current = current + 1 == GEGLU_STAGES ? 0 : current + 1;
        free_stage = free_stage + 1 == GEGLU_STAGES ? 0 : free_stage + 1;
    }
    hf_cp_async_wait<0>();
    __syncthreads();
    T *mine = stages + warp * GEGLU_WARP_ROWS * GEGLU_OUT_STRIDE;
    gate_sums(mine, sums, bias, n, at.column + warp_column);
    __syncwarp();
    store_rows(out, mine, at.row + warp_row, rows, at.column + warp_column, n);
}

static int64_t blocks_of(const hf_cuda_geglu *g)
{
    return (g->rows + GEGLU_ROWS - 1) / GEGLU_ROWS * ((g->n + GEGLU_COLUMNS - 1) / GEGLU_COLUMNS);
}

extern "C" bool hf_cuda_geglu_fits(const hf_cuda_geglu *g)
{
    const int64_t most = INT32_MAX;
    return (g->type == HF_F16 || g->type == HF_BF16) && g->n % 8 == 0 && g->n_in % 8 == 0 && g->n_in > 0 &&
           g->n <= most / 2 - GEGLU_COLUMNS && g->n_in <= most - GEGLU_STAGES * GEGLU_DEPTH &&
           blocks_of(g) <= most && hf_is_aligned_as(g->out, g->type, HF_VEC) &&
           hf_is_aligned_as(g->x, g->type, HF_VEC) && hf_is_aligned_as(g->weight, g->type, HF_VEC);
}

template <typename T> static void launch(const hf_cuda_geglu *g, cudaStream_t stream)
{
    HF_LAUNCH((geglu_product_kernel<T>), (unsigned)blocks_of(g), GEGLU_THREADS, GEGLU_STAGES * GEGLU_STAGE * sizeof(T),
              stream, static_cast<T *>(g->out), static_cast<const T *>(g->x), static_cast<const T *>(g->weight), g->bias,
              g->rows, (int)g->n, (int)g->n_in);
}

extern "C" cudaError_t hf_cuda_geglu_launch(const hf_cuda_geglu *g, cudaStream_t stream)
{
    if (g->rows * g->n == 0)
        return cudaSuccess;
    if (g->type == HF_F16)
        launch<__half>(g, stream);
    else
        launch<__nv_bfloat16>(g, stream);
    return cudaGetLastError();
}
