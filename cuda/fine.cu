/* fine.cu - patches of colour and their votes, propagate/fine.h.
 *
 * Patches: one thread for each fine cell. Votes: one warp for each fine cell. Only cells in doubt have work; of those,
 * lanes compare the patches of all candidates at once, then add up in the host's order, a lane for each label.
 */
#include <math.h>

#include "cuda/context.h"
#include "cuda/launch.h"
#include "propagate/fine_cell.h"
#include "propagate/match_context.h"

enum {
    THREADS = 128,
    WARPS = 4, /* fine cells of a block of votes */
    SIDE = 2 * HF_FINE_REACH + 1,
    AROUND = SIDE * SIDE,              /* candidates of a match */
    MAX_CANDIDATES = HF_MATCH_MAX_K * AROUND /* fewer than HF_FINE_MAX_BALLOTS, so that none is left out */
};

static __global__ void __launch_bounds__(THREADS) colours_kernel(uint8_t *__restrict__ colours,
                                                                 const uint8_t *__restrict__ rgb, int W, int H,
                                                                 int stride, int fh, int fw)
{
    int cell = blockIdx.x * THREADS + threadIdx.x;
    if (cell < fh * fw)
        hf_fine_colour(colours + (size_t)cell * 3, rgb, W, H, stride, cell / fw, cell % fw);
}

static __global__ void __launch_bounds__(THREADS) patches_kernel(uint8_t *__restrict__ patches,
                                                                 const uint8_t *__restrict__ colours, int fh, int fw)
{
    int cell = blockIdx.x * THREADS + threadIdx.x;
    if (cell >= fh * fw)
        return;
    unsigned words[HF_FINE_CHANNELS / 4] = { 0 };
    int y = cell / fw, x = cell % fw;
#pragma unroll
    for (int i = 0; i < HF_FINE_USED; i++) {
        int v = hf_clamp_int(y + i / 9 - 1, 0, fh - 1), u = hf_clamp_int(x + i / 3 % 3 - 1, 0, fw - 1);
        words[i / 4] |= (unsigned)colours[((size_t)v * fw + u) * 3 + i % 3] << (8 * (i % 4));
    }
    uint4 *to = reinterpret_cast<uint4 *>(patches + (size_t)cell * HF_FINE_CHANNELS);
    to[0] = make_uint4(words[0], words[1], words[2], words[3]);
    to[1] = make_uint4(words[4], words[5], words[6], words[7]);
}

extern "C" cudaError_t hf_cuda_describe_launch(uint8_t *patches, uint8_t *colours, const uint8_t *rgb, int W, int H,
                                               int stride, cudaStream_t stream)
{
    int fh = (H + stride - 1) / stride, fw = (W + stride - 1) / stride;
    dim3 grid((unsigned)((fh * fw + THREADS - 1) / THREADS));
    HF_LAUNCH(colours_kernel, grid, dim3(THREADS), 0, stream, colours, rgb, W, H, stride, fh, fw);
    HF_LAUNCH(patches_kernel, grid, dim3(THREADS), 0, stream, patches, colours, fh, fw);
    return cudaGetLastError();
}

/* Candidates of one fine cell. */
struct ballots {
    size_t cell[MAX_CANDIDATES];   /* over all references: reference * fine cells + cell */
    float  weight[MAX_CANDIDATES]; /* 0: outside the map */
};

static __device__ __forceinline__ int patch_difference(uint4 a0, uint4 a1, const uint8_t *patch)
{
    const uint4 *p = reinterpret_cast<const uint4 *>(patch);
    uint4 b0 = __ldg(p), b1 = __ldg(p + 1);
    return (int)(__vsadu4(a0.x, b0.x) + __vsadu4(a0.y, b0.y) + __vsadu4(a0.z, b0.z) + __vsadu4(a0.w, b0.w) +
                 __vsadu4(a1.x, b1.x) + __vsadu4(a1.y, b1.y) + __vsadu4(a1.z, b1.z) + __vsadu4(a1.w, b1.w));
}

/* The place of candidate c, or -1 outside the map. */
static __device__ __forceinline__ int64_t candidate_cell(const hf_cells &out, const hf_fine_matches &m, size_t parent,
                                                         int y, int x, int c)
{
    int n_cells = m.h * m.w, index = m.index[parent * m.k + c / AROUND], place = index % n_cells;
    int v = place / m.w * HF_FINE_RATIO + y % HF_FINE_RATIO + c % AROUND / SIDE - HF_FINE_REACH;
    int u = place % m.w * HF_FINE_RATIO + x % HF_FINE_RATIO + c % SIDE - HF_FINE_REACH;
    if (v < 0 || v >= out.h || u < 0 || u >= out.w)
        return -1;
    return ((int64_t)(index / n_cells) * out.h + v) * out.w + u;
}

/* Fills b with weights that sum to 1; returns the number of candidates, and 0 if all are outside the map. */
static __device__ __forceinline__ int weigh(struct ballots &b, const hf_cells &out, const uint8_t *patches,
                                            const hf_fine_matches &m, const hf_fine_reference &refs, int y, int x)
{
    const int lane = threadIdx.x & 31, none = 1 << 30;
    size_t parent = (size_t)(y / HF_FINE_RATIO) * m.w + x / HF_FINE_RATIO;
    const uint4 *own = reinterpret_cast<const uint4 *>(patches + ((size_t)y * out.w + x) * HF_FINE_CHANNELS);
    uint4 a0 = own[0], a1 = own[1];
    float scale = -1 / (HF_FINE_SOFTNESS * HF_FINE_USED), total = 0;
    int n = 0, smallest = none, difference[(MAX_CANDIDATES + 31) / 32];

    while (n < m.k && m.index[parent * m.k + n] >= 0)
        n++;
    n *= AROUND;
#pragma unroll
    for (int j = 0; j < (MAX_CANDIDATES + 31) / 32; j++) {
        int c = lane + 32 * j;
        difference[j] = none;
        if (c >= n)
            continue;
        int64_t cell = candidate_cell(out, m, parent, y, x, c);
        b.cell[c] = cell < 0 ? 0 : (size_t)cell;
        if (cell >= 0)
            difference[j] = patch_difference(a0, a1, refs.patches + (size_t)cell * HF_FINE_CHANNELS);
        smallest = min(smallest, difference[j]);
    }
    for (int step = 16; step > 0; step /= 2)
        smallest = min(smallest, __shfl_xor_sync(0xffffffffu, smallest, step));
    if (smallest == none)
        return 0;
#pragma unroll
    for (int j = 0; j < (MAX_CANDIDATES + 31) / 32; j++) {
        int c = lane + 32 * j;
        if (c < n)
            b.weight[c] = difference[j] == none ? 0 : m.weight[parent * m.k + c / AROUND] *
                                                      expf((float)(difference[j] - smallest) * scale);
    }
    __syncwarp();
    for (int c = 0; c < n; c++)
        total += b.weight[c];
    __syncwarp();
    for (int c = lane; c < n; c += 32)
        b.weight[c] /= total;
    __syncwarp();
    return n;
}

static __device__ __forceinline__ void count(struct ballots &b, int n, const hf_cells &out,
                                             const hf_fine_reference &refs, size_t cell)
{
    const int lane = threadIdx.x & 31, L = out.n_labels;
    float *labels = out.labels + cell * L, sum = 0;
    for (int l = lane; l < L; l += 32) {
        float share = 0;
        for (int c = 0; c < n; c++)
            share += b.weight[c] * refs.labels[b.cell[c] * L + l];
        labels[l] = share;
    }
    __syncwarp();
    int best = hf_best_label(labels, 1, L);
    for (int c = lane; c < n; c += 32)
        b.weight[c] *= refs.labels[b.cell[c] * L + best] + 1e-3f;
    __syncwarp();
    /* Lanes 0 and 1 add up x and y, lane 2 the shares. */
    for (int c = 0; c < n && lane < 3; c++)
        sum += lane < 2 ? b.weight[c] * refs.xy[2 * b.cell[c] + lane] : b.weight[c];
    float shares = __shfl_sync(0xffffffffu, sum, 2);
    if (lane < 2)
        out.xy[2 * cell + lane] = sum / shares;
}

/* One warp for each fine cell. */
static __global__ void __launch_bounds__(WARPS * 32) fine_vote_kernel(hf_cells out, const uint8_t *patches,
                                                                      hf_fine_matches m, hf_fine_reference refs)
{
    __shared__ struct ballots all[WARPS];
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, cell = blockIdx.x * WARPS + warp;
    if (cell >= out.h * out.w)
        return;
    int y = cell / out.w, x = cell % out.w, n = 0;
    if (hf_fine_in_doubt(&m, y / HF_FINE_RATIO, x / HF_FINE_RATIO, out.n_labels))
        n = weigh(all[warp], out, patches, m, refs, y, x);
    if (lane == 0)
        hf_fine_take_parents_word(&out, y, x, &m);
    __syncwarp();
    if (n > 0)
        count(all[warp], n, out, refs, (size_t)cell);
}

extern "C" cudaError_t hf_cuda_fine_vote_launch(const hf_cells *out, const uint8_t *patches, const hf_fine_matches *m,
                                                const hf_fine_reference *refs, cudaStream_t stream)
{
    HF_LAUNCH(fine_vote_kernel, dim3((unsigned)((out->h * out->w + WARPS - 1) / WARPS)), dim3(WARPS * 32), 0, stream,
              *out, patches, *m, refs[0]);
    return cudaGetLastError();
}
