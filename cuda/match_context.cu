/* match_context.cu - the K best reference cells inside a window, hf_ops.match_context (propagate/match_context.h has
 * the contract, propagate/match_context.c the plain C). Lists equal the host's to the last bit: sums are integers.
 *
 * One block works for one tile: 8 target cells of a row, which share a window. Its candidates are the window's rows in
 * runs of 16 columns, and 16 candidates x 8 targets x 32 channels are one byte product of the tensor cores: the
 * reference's layout [h,P/4,w,4] is that of its A fragment, so that candidates go from memory to registers directly.
 * B, the tile's own cells, stays in shared memory. Bytes are value + 128: turning the top bit makes them signed.
 *
 *   score   each warp takes GROUPS runs at once through all channels; sums go to shared memory
 *   keep    each warp reads the scores of its targets, 32 at a time, and puts those that beat the worst of the list
 *           into it; lane j holds entry j of the list
 *
 * Arithmetic, 107 x 60 cells of 384 channels, 7 references with radius 10 and one with 20: 840 tiles, each 123 runs
 * in the drawn frame and 42 in each other, 12 products a run: 4.2 M products of 4096 multiply-adds, 35 Tera-operations
 * in a thousandth of a second; 2.1 GB go through the first-level cache, and 20 MB lie in the second.
 */
#include <stdint.h>

#include "cuda/context.h"
#include "cuda/launch.h"
#include "cuda/ptx.cuh"
#include "propagate/match_context.h"

/* Blocks of a multiprocessor: one wave of 840 tiles on 132 of them needs 7; told so, nothing is spilled. sm_75 takes four
 * instructions for a product, and more registers. */
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define BLOCKS_AT_ONCE 5
#else
#define BLOCKS_AT_ONCE 6
#endif

enum {
    WARPS = 4,       /* of a block; 8 targets are shared out evenly */
    RUN = 16,        /* candidates of one product */
    GROUPS = 4,      /* runs that a warp takes at once: 16 loads of candidates under way for each 2 of targets */
    RUNS = WARPS * GROUPS, /* of one round of the block */
    STEP = 8,        /* quads of channels in one product */
    SCORES = RUNS * RUN,
    SCORE_PITCH = SCORES + 4 /* words; the targets' rows begin in different banks */
};

/* Runs of the window, row by row. */
struct window {
    int begin, end;       /* columns */
    int top;              /* row */
    int runs_a_row, runs; /* in all */
};

static __device__ __forceinline__ struct window window_of(const hf_cuda_context_match &m, int cx, int cy, int n)
{
    struct window win;
    int bottom = min(m.h - 1, cy + m.radius);
    win.begin = max(0, cx - m.radius), win.end = min(m.w, cx + n + m.radius);
    win.top = max(0, cy - m.radius);
    win.runs_a_row = win.end > win.begin ? (win.end - win.begin + RUN - 1) / RUN : 0;
    win.runs = bottom >= win.top ? (bottom - win.top + 1) * win.runs_a_row : 0;
    return win;
}

/* The tile's cells as signed bytes, [8][pitch] words; zero past the last cell and channel. */
static __device__ __forceinline__ void load_targets(uint32_t *targets, int pitch, const hf_cuda_context_match &m,
                                                    size_t cell, int n)
{
    const uint32_t *from = reinterpret_cast<const uint32_t *>(m.target) + cell * m.quads;
    for (int i = threadIdx.x; i < HF_MATCH_TILE * pitch; i += WARPS * 32) {
        int t = i / pitch, q = i % pitch;
        targets[i] = t < n && q < m.quads ? __ldg(from + (size_t)t * m.quads + q) ^ 0x80808080u : 0;
    }
}

/* Sums of GROUPS runs, the first of which is run `first` of the window, to shared memory. */
static __device__ __forceinline__ void score(int32_t *scores, const uint32_t *targets, int pitch,
                                             const hf_cuda_context_match &m, const struct window &win, int first,
                                             int slot)
{
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const uint32_t *reference = reinterpret_cast<const uint32_t *>(m.reference);
    const uint32_t *low[GROUPS];
    int high[GROUPS]; /* from low, words */
    int32_t sum[GROUPS][4];
#pragma unroll
    for (int j = 0; j < GROUPS; j++) {
        /* What lies past the window is read from inside it and never looked at. */
        int run = min(first + j, win.runs - 1), x = win.begin + run % win.runs_a_row * RUN;
        const uint32_t *row = reference + (size_t)(win.top + run / win.runs_a_row) * m.quads * m.w;
        low[j] = row + min(x + g, m.w - 1), high[j] = min(x + g + 8, m.w - 1) - min(x + g, m.w - 1);
        sum[j][0] = sum[j][1] = sum[j][2] = sum[j][3] = 0;
    }
    for (int q = 0; q < m.quads; q += STEP) {
        /* Past the last channel targets are zero, whatever the candidates are. */
        size_t near = (size_t)min(q + t, m.quads - 1) * m.w, far = (size_t)min(q + t + 4, m.quads - 1) * m.w;
        uint32_t b0 = targets[g * pitch + q + t], b1 = targets[g * pitch + q + t + 4];
#pragma unroll
        for (int j = 0; j < GROUPS; j++) {
            const uint32_t *here = low[j] + near, *there = low[j] + far;
            uint32_t a[4] = { __ldg(here) ^ 0x80808080u, __ldg(here + high[j]) ^ 0x80808080u,
                              __ldg(there) ^ 0x80808080u, __ldg(there + high[j]) ^ 0x80808080u };
            hf_mma_bytes<int8_t>(sum[j], a, b0, b1);
        }
    }
#pragma unroll
    for (int j = 0; j < GROUPS; j++) {
        int32_t *to = scores + (slot + j) * RUN + g;
        to[(2 * t) * SCORE_PITCH] = sum[j][0];
        to[(2 * t + 1) * SCORE_PITCH] = sum[j][1];
        to[(2 * t) * SCORE_PITCH + 8] = sum[j][2];
        to[(2 * t + 1) * SCORE_PITCH + 8] = sum[j][3];
    }
}

/* A list over the lanes of a warp. Entries past k hold what every candidate beats and none reaches. */
struct list {
    float   value;
    int32_t index;
};

/* As hf_match_insert: entries that stay ahead are a run from the start, those behind move up by one. */
static __device__ __forceinline__ void insert(struct list &l, float value, int32_t index, int lane)
{
    unsigned ahead = __ballot_sync(0xffffffffu, l.value > value || (l.value == value && l.index < index));
    int at = __popc(ahead);
    float value_before = __shfl_up_sync(0xffffffffu, l.value, 1);
    int32_t index_before = __shfl_up_sync(0xffffffffu, l.index, 1);
    if (lane > at)
        l.value = value_before, l.index = index_before;
    if (lane == at)
        l.value = value, l.index = index;
}

/* Scores of one round for target i of the tile, into its list. */
static __device__ __forceinline__ void keep(struct list &l, const int32_t *scores, const hf_cuda_context_match &m,
                                            const struct window &win, int first, int cx, int i)
{
    const int lane = threadIdx.x & 31;
    int left = max(0, cx + i - m.radius), right = min(m.w - 1, cx + i + m.radius);
    int n = min(RUNS, win.runs - first) * RUN;
    for (int c = 0; c < n; c += 32) {
        int run = first + (c + lane) / RUN;
        int x = win.begin + run % win.runs_a_row * RUN + (c + lane) % RUN, y = win.top + run / win.runs_a_row;
        int32_t index = m.first + y * m.w + x;
        float value = (float)scores[i * SCORE_PITCH + c + lane] * HF_MATCH_SCALE;
        float worst = __shfl_sync(0xffffffffu, l.value, m.k - 1);
        unsigned good = __ballot_sync(0xffffffffu, c + lane < n && x >= left && x <= right && value >= worst);
        for (; good; good &= good - 1) {
            int from = __ffs((int)good) - 1;
            insert(l, __shfl_sync(0xffffffffu, value, from), __shfl_sync(0xffffffffu, index, from), lane);
        }
    }
}

/* One block for each tile: blockIdx.x the tile of the row, blockIdx.y the row. */
static __global__ void __launch_bounds__(WARPS * 32, BLOCKS_AT_ONCE) match_context_kernel(hf_cuda_context_match m, int pitch)
{
    HF_DYNAMIC_SHARED(uint32_t, targets);
    int32_t *scores = reinterpret_cast<int32_t *>(targets + HF_MATCH_TILE * pitch);
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, x = blockIdx.x * HF_MATCH_TILE, y = blockIdx.y;
    const int32_t *move = m.shift ? m.shift + 2 * ((size_t)y * gridDim.x + blockIdx.x) : nullptr;
    int cx = x + (move ? move[0] : 0), cy = y + (move ? move[1] : 0), n = min((int)HF_MATCH_TILE, m.w - x);
    struct window win = window_of(m, cx, cy, n);
    struct list mine[HF_MATCH_TILE / WARPS];
    size_t cell = (size_t)y * m.w + x;

    if (win.runs == 0)
        return;
    load_targets(targets, pitch, m, cell, n);
#pragma unroll
    for (int j = 0; j < HF_MATCH_TILE / WARPS; j++) {
        int i = warp * (HF_MATCH_TILE / WARPS) + j;
        bool used = i < n && lane < m.k;
        size_t at = (cell + i) * m.k + lane;
        mine[j].value = used ? m.similarity[at] : HF_MATCH_NONE;
        mine[j].index = used ? m.index[at] : -1;
    }
    __syncthreads();
    for (int first = 0; first < win.runs; first += RUNS) {
        int slot = warp * GROUPS;
        if (first + slot < win.runs)
            score(scores, targets, pitch, m, win, first + slot, slot);
        __syncthreads();
#pragma unroll
        for (int j = 0; j < HF_MATCH_TILE / WARPS; j++) {
            int i = warp * (HF_MATCH_TILE / WARPS) + j;
            if (i < n)
                keep(mine[j], scores, m, win, first, cx, i);
        }
        __syncthreads();
    }
#pragma unroll
    for (int j = 0; j < HF_MATCH_TILE / WARPS; j++) {
        int i = warp * (HF_MATCH_TILE / WARPS) + j;
        if (i < n && lane < m.k) {
            m.similarity[(cell + i) * m.k + lane] = mine[j].value;
            m.index[(cell + i) * m.k + lane] = mine[j].index;
        }
    }
}

extern "C" cudaError_t hf_cuda_match_context_launch(const hf_cuda_context_match *m, cudaStream_t stream)
{
    dim3 grid((unsigned)((m->w + HF_MATCH_TILE - 1) / HF_MATCH_TILE), (unsigned)m->h);
    int pitch = (m->quads + STEP - 1) / STEP * STEP + 4; /* 4: rows of neighbouring targets begin 4 banks apart */
    size_t shared = sizeof(uint32_t) * HF_MATCH_TILE * ((size_t)pitch + SCORE_PITCH);
    if (shared > 48 * 1024) {
        cudaError_t status = cudaFuncSetAttribute((const void *)match_context_kernel,
                                                  cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared);
        if (status != cudaSuccess)
            return status;
    }
    HF_LAUNCH(match_context_kernel, grid, dim3(WARPS * 32), shared, stream, *m, pitch);
    return cudaGetLastError();
}
