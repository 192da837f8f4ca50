/* refine.cu - from cells to pixels and to masks: propagate/refine.h but for the guided filter, and hf_context_ops.decide.
 *
 * What is decided about a cell or pixel is in propagate/refine_cell.h, settle_cell.h and smooth_cell.h. Blocks are
 * settled by a warp each (block.cuh), everything else by a thread each.
 */
#include "cuda/block.cuh" /* before settle_cell.h */
#include "cuda/launch.h"
#include "cuda/refine.h"
#include "propagate/context_cell.h"
#include "propagate/refine_cell.h"

/* hf_block_equal of propagate/settle_cell.h, by the lanes of a warp. */
static __device__ __forceinline__ int hf_block_equal(const hf_settle_view *s, int x, int y, int size, int dx, int dy)
{
    int n = min(size, s->W - x), rows = min(size, s->H - y), equal = 1;
    if (x + dx < 0 || x + dx + n > s->W || y + dy < 0 || y + dy + rows > s->H)
        return 0;
    for (int i = threadIdx.x & 31; i < 3 * n * rows; i += 32) {
        size_t at = ((size_t)(y + i / (3 * n)) * s->W + x) * 3 + i % (3 * n);
        equal = equal && s->rgb[at] == s->drawn_rgb[(ptrdiff_t)at + ((ptrdiff_t)dy * s->W + dx) * 3];
    }
    return __all_sync(0xffffffffu, equal);
}

#include "propagate/settle_cell.h" /* after hf_block_equal */

enum { THREADS = 128, WARPS = 4 /* blocks of pixels that a block of threads settles */ };

static dim3 blocks_for(int64_t n) { return dim3((unsigned)((n + THREADS - 1) / THREADS)); }

static __device__ __forceinline__ int64_t thread_index(void) { return (int64_t)blockIdx.x * THREADS + threadIdx.x; }

/* One thread for each pixel, all labels but the background. */
static __global__ void __launch_bounds__(THREADS) upsample_kernel(float *__restrict__ soft, hf_cells cells, int W,
                                                                  int64_t n)
{
    int64_t i = thread_index();
    if (i >= n)
        return;
    hf_corners k = hf_corners_at(&cells, (float)(i % W), (float)(i / W));
    for (int l = 1; l < cells.n_labels; l++)
        soft[l * n + i] = hf_corners_blend(cells.labels, cells.n_labels, l, &k);
}

extern "C" cudaError_t hf_cuda_upsample_launch(float *soft, const hf_cells *cells, int W, int H, cudaStream_t stream)
{
    HF_LAUNCH(upsample_kernel, blocks_for((int64_t)W * H), dim3(THREADS), 0, stream, soft, *cells, W, (int64_t)W * H);
    return cudaGetLastError();
}

/* One thread for each cell. parts: 0: the cells are taken as they are. */
static __global__ void __launch_bounds__(THREADS) join_kernel(hf_cuda_moves m, hf_cells cells, int parts)
{
    int cell = (int)thread_index();
    if (cell >= m.h * m.w)
        return;
    if (parts > 0) {
        hf_refine_join_cell(m.winner + cell, m.xy + 2 * (size_t)cell, &cells, parts, cell / m.w, cell % m.w);
        return;
    }
    m.winner[cell] = (uint8_t)hf_best_label(cells.labels + (size_t)cell * cells.n_labels, 1, cells.n_labels);
    m.xy[2 * (size_t)cell] = cells.xy[2 * (size_t)cell];
    m.xy[2 * (size_t)cell + 1] = cells.xy[2 * (size_t)cell + 1];
}

extern "C" cudaError_t hf_cuda_join_launch(const hf_cuda_moves *m, const hf_cells *cells, int parts,
                                           cudaStream_t stream)
{
    HF_LAUNCH(join_kernel, blocks_for(m->h * m->w), dim3(THREADS), 0, stream, *m, *cells, parts);
    return cudaGetLastError();
}

/* One warp for each cell. */
static __global__ void __launch_bounds__(WARPS * 32) settle_kernel(hf_cuda_moves m, hf_settle_view pictures)
{
    int cell = blockIdx.x * WARPS + (threadIdx.x >> 5);
    if (cell >= m.h * m.w)
        return;
    hf_settled_block b = hf_settle_block(&pictures, m.xy + 2 * (size_t)cell, m.stride_px, cell % m.w, cell / m.w);
    if ((threadIdx.x & 31) != 0)
        return;
    m.move[2 * (size_t)cell] = b.move[0];
    m.move[2 * (size_t)cell + 1] = b.move[1];
    m.residual[cell] = b.residual;
    m.trust[cell] = hf_refine_trust(b.residual);
    m.same[cell] = b.same;
}

extern "C" cudaError_t hf_cuda_settle_launch(const hf_cuda_moves *m, const hf_settle_view *pictures,
                                             cudaStream_t stream)
{
    HF_LAUNCH(settle_kernel, dim3((unsigned)((m->h * m->w + WARPS - 1) / WARPS)), dim3(WARPS * 32), 0, stream, *m,
              *pictures);
    return cudaGetLastError();
}

/* One thread for each cell. Its samples are in local memory, 1.2 KB a thread: most cells are calm and need none. */
static __global__ void __launch_bounds__(THREADS) smooth_kernel(hf_cuda_moves m, hf_cuda_near near)
{
    int cell = (int)thread_index();
    if (cell >= m.h * m.w)
        return;
    float *out = m.smooth + 2 * (size_t)cell;
    if (m.same[cell])
        out[0] = m.move[2 * (size_t)cell], out[1] = m.move[2 * (size_t)cell + 1];
    else
        hf_smooth_move(out, m.move, m.trust, m.winner, near.say, m.h, m.w, m.stride_px, cell % m.w, cell / m.w);
}

extern "C" cudaError_t hf_cuda_smooth_launch(const hf_cuda_moves *m, const hf_cuda_near *near, cudaStream_t stream)
{
    HF_LAUNCH(smooth_kernel, blocks_for(m->h * m->w), dim3(THREADS), 0, stream, *m, *near);
    return cudaGetLastError();
}

/* One thread for each pixel. */
static __global__ void __launch_bounds__(THREADS) finish_kernel(float *__restrict__ soft, uint8_t *__restrict__ winner,
                                                                int W, int64_t n, int L, hf_cuda_moves m,
                                                                const uint8_t *__restrict__ drawn_ids)
{
    int64_t i = thread_index();
    if (i >= n)
        return;
    int y = (int)(i / W), x = (int)(i % W);
    size_t cell = (size_t)(y / m.stride_px) * m.w + x / m.stride_px;
    if (m.same[cell]) {
        int dx = (int)m.move[2 * cell], dy = (int)m.move[2 * cell + 1];
        int id = drawn_ids[(size_t)(y + dy) * W + x + dx];
        for (int l = 0; l < L; l++)
            soft[l * n + i] = l == id ? 1 : 0;
    } else {
        hf_refine_normalise(soft + i, (size_t)n, L);
    }
    winner[i] = (uint8_t)hf_best_label(soft + i, (size_t)n, L);
}

extern "C" cudaError_t hf_cuda_finish_launch(float *soft, uint8_t *winner, int W, int H, int L, const hf_cuda_moves *m,
                                             const uint8_t *drawn_ids, cudaStream_t stream)
{
    HF_LAUNCH(finish_kernel, blocks_for((int64_t)W * H), dim3(THREADS), 0, stream, soft, winner, W, (int64_t)W * H, L,
              *m, drawn_ids);
    return cudaGetLastError();
}

/* One thread for each pixel. */
static __global__ void __launch_bounds__(THREADS) place_kernel(float2 *__restrict__ xy, float *__restrict__ cover,
                                                               const uint8_t *__restrict__ winner, int W, int64_t n,
                                                               hf_settled settled, hf_cuda_moves m)
{
    int64_t i = thread_index();
    if (i >= n)
        return;
    int y = (int)(i / W), x = (int)(i % W);
    size_t own = (size_t)(y / m.stride_px) * m.w + x / m.stride_px;
    float place[2] = { (float)x, (float)y }, covered = 1;
    if (m.same[own]) {
        place[0] += settled.move[2 * own];
        place[1] += settled.move[2 * own + 1];
    } else {
        hf_between row = hf_between_at(y, m.stride_px, m.h), b = hf_between_at(x, m.stride_px, m.w);
        int top = row.first * m.w, bottom = row.second * m.w;
        int cell[4] = { top + b.first, top + b.second, bottom + b.first, bottom + b.second };
        float share[4] = { (1 - b.share) * (1 - row.share), b.share * (1 - row.share),
                           (1 - b.share) * row.share, b.share * row.share };
        hf_refine_place_pixel(place, &covered, &settled, m.winner, winner[i], cell, share);
    }
    cover[i] = covered;
    if (xy)
        xy[i] = make_float2(place[0], place[1]);
}

extern "C" cudaError_t hf_cuda_place_launch(float *xy, float *cover, const uint8_t *winner, int W, int H,
                                            const hf_cuda_moves *m, const float *moves, cudaStream_t stream)
{
    hf_settled settled;
    settled.move = const_cast<float *>(moves), settled.residual = m->residual, settled.same = m->same;
    HF_LAUNCH(place_kernel, blocks_for((int64_t)W * H), dim3(THREADS), 0, stream, reinterpret_cast<float2 *>(xy), cover,
              winner, W, (int64_t)W * H, settled, *m);
    return cudaGetLastError();
}

/* One thread for each pixel. */
static __global__ void __launch_bounds__(THREADS) decide_kernel(hf_decision out, const float *__restrict__ soft,
                                                                int64_t n, int n_labels, int n_ids, hf_cuda_ids ids)
{
    int64_t i = thread_index();
    if (i >= n)
        return;
    out.ids[i] = ids.id[hf_best_label(soft + i, (size_t)n, n_labels)];
    out.alpha[i] = n_ids ? hf_share_byte(1.0f - soft[i]) : 0;
    for (int o = 0; o < n_ids; o++)
        out.soft[o * n + i] = hf_share_byte(soft[(o + 1) * n + i]);
}

extern "C" cudaError_t hf_cuda_decide_launch(const hf_decision *out, const float *soft, int64_t n, int n_labels,
                                             int n_ids, const hf_cuda_ids *ids, cudaStream_t stream)
{
    HF_LAUNCH(decide_kernel, blocks_for(n), dim3(THREADS), 0, stream, *out, soft, n, n_labels, n_ids, *ids);
    return cudaGetLastError();
}
