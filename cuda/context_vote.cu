/* context_vote.cu - the steps of propagate/context_ops.h that are a thread's work for each cell, byte or pixel.
 *
 * What is decided about a cell is in propagate/context_cell.h. The maps are small (107 x 60 cells at 480p); all of
 * these are bound by the time of a launch and of a few dependent reads.
 */
#include "cuda/context.h"
#include "cuda/launch.h"
#include "propagate/context_cell.h"

enum {
    THREADS = 128,
    SQUARE = 32, /* words of a row that pack turns at once */
    ROWS = 8     /* of them, side by side in a block */
};

static dim3 blocks_for(int64_t n) { return dim3((unsigned)((n + THREADS - 1) / THREADS)); }

static __device__ __forceinline__ int64_t thread_index(void) { return (int64_t)blockIdx.x * THREADS + threadIdx.x; }

/* One thread for each pixel of the working picture. */
static __global__ void __launch_bounds__(THREADS) scale_kernel(uint8_t *__restrict__ out,
                                                               const uint8_t *__restrict__ rgb, hf_scaling s)
{
    int64_t i = thread_index();
    if (i < (int64_t)s.work_width * s.work_height)
        hf_scale_pixel(out + 3 * i, rgb, &s, (int)(i / s.work_width), (int)(i % s.work_width));
}

extern "C" cudaError_t hf_cuda_scale_launch(uint8_t *out, const uint8_t *rgb, const hf_scaling *s, cudaStream_t stream)
{
    HF_LAUNCH(scale_kernel, blocks_for((int64_t)s->work_width * s->work_height), dim3(THREADS), 0, stream, out, rgb,
              *s);
    return cudaGetLastError();
}

/* One thread for each four channels. */
static __global__ void __launch_bounds__(THREADS) bytes_kernel(unsigned *__restrict__ target,
                                                               const float *__restrict__ features, int64_t n, int D,
                                                               int quads)
{
    int64_t i = thread_index();
    if (i >= n)
        return;
    const float *from = features + i / quads * D;
    int d = (int)(i % quads) * 4;
    unsigned word = 0;
    if (D % 4 == 0) {
        float4 v = __ldg(reinterpret_cast<const float4 *>(from + d));
        word = hf_match_byte(v.x) | (unsigned)hf_match_byte(v.y) << 8 | (unsigned)hf_match_byte(v.z) << 16 |
               (unsigned)hf_match_byte(v.w) << 24;
    } else {
        for (int j = 0; j < 4; j++)
            word |= (d + j < D ? (unsigned)hf_match_byte(from[d + j]) : (unsigned)HF_MATCH_ZERO) << (8 * j);
    }
    target[i] = word;
}

extern "C" cudaError_t hf_cuda_bytes_launch(uint8_t *target, const float *features, int n_cells, int D, int P,
                                            cudaStream_t stream)
{
    int64_t n = (int64_t)n_cells * (P / 4);
    HF_LAUNCH(bytes_kernel, blocks_for(n), dim3(THREADS), 0, stream, reinterpret_cast<unsigned *>(target), features, n,
              D, P / 4);
    return cudaGetLastError();
}

/* Words [w][quads] of each row of cells to [quads][w], through squares in shared memory: both sides in whole lines. */
static __global__ void __launch_bounds__(SQUARE *ROWS) pack_kernel(unsigned *__restrict__ reference,
                                                                   const unsigned *__restrict__ target, int w,
                                                                   int quads)
{
    __shared__ unsigned square[SQUARE][SQUARE + 1];
    int x0 = blockIdx.x * SQUARE, q0 = blockIdx.y * SQUARE, i = threadIdx.x % SQUARE, j0 = threadIdx.x / SQUARE;
    size_t row = (size_t)blockIdx.z * w * quads;
    for (int j = j0; j < SQUARE; j += ROWS)
        if (x0 + j < w && q0 + i < quads)
            square[j][i] = target[row + (size_t)(x0 + j) * quads + q0 + i];
    __syncthreads();
    for (int j = j0; j < SQUARE; j += ROWS)
        if (q0 + j < quads && x0 + i < w)
            reference[row + (size_t)(q0 + j) * w + x0 + i] = square[i][j];
}

extern "C" cudaError_t hf_cuda_context_pack_launch(uint8_t *reference, const uint8_t *target, int h, int w, int quads,
                                           cudaStream_t stream)
{
    dim3 grid((unsigned)((w + SQUARE - 1) / SQUARE), (unsigned)((quads + SQUARE - 1) / SQUARE), (unsigned)h);
    HF_LAUNCH(pack_kernel, grid, dim3(SQUARE * ROWS), 0, stream, reinterpret_cast<unsigned *>(reference),
              reinterpret_cast<const unsigned *>(target), w, quads);
    return cudaGetLastError();
}

/* One thread for each slot. */
static __global__ void __launch_bounds__(THREADS) clear_kernel(int32_t *index, float *similarity, int64_t n)
{
    int64_t i = thread_index();
    if (i < n)
        index[i] = -1, similarity[i] = HF_MATCH_NONE;
}

extern "C" cudaError_t hf_cuda_clear_launch(const hf_context_lists *l, cudaStream_t stream)
{
    int64_t n = (int64_t)l->h * l->w * l->k;
    HF_LAUNCH(clear_kernel, blocks_for(n), dim3(THREADS), 0, stream, l->index, l->similarity, n);
    return cudaGetLastError();
}

/* One thread for each cell; the first of a tile also finds the tile's shift. */
static __global__ void __launch_bounds__(THREADS) predict_kernel(hf_context_lists l, const float *xy)
{
    int cell = (int)thread_index();
    if (cell >= l.h * l.w)
        return;
    hf_context_guess(&l, cell);
    if (cell % l.w % HF_MATCH_TILE == 0)
        hf_context_tile_shift(&l, xy, cell / l.w, cell % l.w / HF_MATCH_TILE);
}

extern "C" cudaError_t hf_cuda_predict_launch(const hf_context_lists *l, const float *xy, cudaStream_t stream)
{
    HF_LAUNCH(predict_kernel, blocks_for(l->h * l->w), dim3(THREADS), 0, stream, *l, xy);
    return cudaGetLastError();
}

/* One thread for each cell. */
static __global__ void __launch_bounds__(THREADS) vote_kernel(hf_cells out, hf_context_lists l,
                                                              hf_context_reference refs, float temperature)
{
    int cell = (int)thread_index();
    if (cell >= l.h * l.w)
        return;
    if (l.index[(size_t)cell * l.k] >= 0)
        hf_context_vote(&out, &l, &refs, temperature, cell);
    else
        hf_context_stay(&out, cell);
}

extern "C" cudaError_t hf_cuda_vote_launch(const hf_cells *out, const hf_context_lists *l,
                                           const hf_context_reference *refs, float temperature, cudaStream_t stream)
{
    HF_LAUNCH(vote_kernel, blocks_for(l->h * l->w), dim3(THREADS), 0, stream, *out, *l, refs[0], temperature);
    return cudaGetLastError();
}

/* One thread for each cell. */
static __global__ void __launch_bounds__(THREADS) pool_kernel(float *labels, int h, int w, hf_cells fine)
{
    int cell = (int)thread_index();
    if (cell < h * w)
        hf_context_pool(labels + (size_t)cell * fine.n_labels, &fine, cell / w, cell % w);
}

extern "C" cudaError_t hf_cuda_context_pool_launch(float *labels, int h, int w, const hf_cells *fine, cudaStream_t stream)
{
    HF_LAUNCH(pool_kernel, blocks_for(h * w), dim3(THREADS), 0, stream, labels, h, w, *fine);
    return cudaGetLastError();
}
