/* splat.cu - forward splatting; the definition is propagate/splat.c.
 *
 * Sources are sorted by the target pixel that they reach (count, scan, fill); then every target pixel gathers its own.
 * The order inside a bin is that in which threads came, so whatever is taken over a bin does not depend on order:
 * maxima, and sums of integers. A sum's terms are multiples of 2^-k, with k so large that the sum of all just fits
 * 64 bits: about 40 digits below the largest term for a million sources on one pixel, more for fewer.
 */
#include "cuda/launch.h"
#include "cuda/splat.h"

#define THREADS 256
#define FULL 0xffffffffu
#define GROUP 4 /* channels summed at once, in registers */
#define LONG 32 /* a list of more sources is shared by a warp */

typedef long long fixed;

/* ---- sorting ---- */

__device__ __forceinline__ int bin_of(const hf_cuda_splat_args &s, int p)
{
    if (s.index) {
        int q = s.index[p];
        return q >= 0 && q < s.n_bins ? q : -1;
    }
    float x = s.xy[2 * (int64_t)p], y = s.xy[2 * (int64_t)p + 1];
    if (!(x > -1.0f && x < (float)s.w && y > -1.0f && y < (float)s.h))
        return -1; /* NaN fails every comparison */
    return ((int)floorf(y) + 1) * (s.w + 1) + (int)floorf(x) + 1;
}

/* One thread for each source. */
__global__ void count_kernel(hf_cuda_splat_args s)
{
    int p = blockIdx.x * blockDim.x + threadIdx.x, bin = p < s.n_source ? bin_of(s, p) : -1;
    if (bin >= 0)
        atomicAdd(&s.start[bin], 1);
}

/* Sum of the values of the threads before this one; *total of all. `sums` [THREADS / 32] is shared. */
__device__ int sum_before(int value, int *sums, int *total)
{
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, sum = value, before = 0;
    for (int step = 1; step < 32; step *= 2) {
        int other = __shfl_up_sync(FULL, sum, step);
        sum += lane >= step ? other : 0;
    }
    if (lane == 31)
        sums[warp] = sum;
    __syncthreads();
    *total = 0;
    for (int i = 0; i < THREADS / 32; i++) {
        before += i < warp ? sums[i] : 0;
        *total += sums[i];
    }
    __syncthreads();
    return before + sum - value;
}

/* One block for each HF_CUDA_SPLAT_SCAN bins: counts become places among the block's. */
__global__ void __launch_bounds__(THREADS) scan_kernel(hf_cuda_splat_args s)
{
    __shared__ int sums[THREADS / 32];
    const int each = HF_CUDA_SPLAT_SCAN / THREADS;
    int64_t first = (int64_t)blockIdx.x * HF_CUDA_SPLAT_SCAN + threadIdx.x * each;
    int count[each], n = 0, total;

    for (int i = 0; i < each; i++)
        n += count[i] = first + i < s.n_bins ? s.start[first + i] : 0;
    int at = sum_before(n, sums, &total);
    for (int i = 0; i < each; i++) {
        if (first + i < s.n_bins)
            s.start[first + i] = at;
        at += count[i];
    }
    if (threadIdx.x == 0)
        s.partial[blockIdx.x] = total;
}

/* One block: the same for the sums of the blocks. */
__global__ void __launch_bounds__(THREADS) scan_partial_kernel(hf_cuda_splat_args s, int n)
{
    __shared__ int sums[THREADS / 32];
    int before = 0, total;
    for (int first = 0; first < n; first += THREADS) {
        int i = first + threadIdx.x;
        int at = before + sum_before(i < n ? s.partial[i] : 0, sums, &total);
        if (i < n)
            s.partial[i] = at;
        before += total;
    }
}

/* One thread for each source. Afterwards start[bin] is where the bin ends. */
__global__ void fill_kernel(hf_cuda_splat_args s)
{
    int p = blockIdx.x * blockDim.x + threadIdx.x, bin = p < s.n_source ? bin_of(s, p) : -1;
    if (bin >= 0)
        s.order[atomicAdd(&s.start[bin], 1) + s.partial[bin / HF_CUDA_SPLAT_SCAN]] = p;
}

__device__ __forceinline__ int end_of(const hf_cuda_splat_args &s, int bin)
{
    return s.start[bin] + s.partial[bin / HF_CUDA_SPLAT_SCAN];
}

__device__ __forceinline__ int begin_of(const hf_cuda_splat_args &s, int bin)
{
    return bin % HF_CUDA_SPLAT_SCAN == 0 ? s.partial[bin / HF_CUDA_SPLAT_SCAN] : end_of(s, bin - 1);
}

/* ---- gathering ---- */

/* The sources of one target pixel: bins beside each other are one run. The second run is of the row above. */
struct sources {
    int x, y, first[2], n[2];
};

__device__ sources sources_of(const hf_cuda_splat_args &s, int q)
{
    sources of = { q % s.w, q / s.w, { 0, 0 }, { 0, 0 } };
    if (s.index) {
        of.first[0] = begin_of(s, q);
        of.n[0] = end_of(s, q) - of.first[0];
        return of;
    }
    for (int k = 0; k < 2; k++) {
        int bin = (of.y + 1 - k) * (s.w + 1) + of.x;
        of.first[k] = begin_of(s, bin);
        of.n[k] = end_of(s, bin + 1) - of.first[k];
    }
    return of;
}

__device__ __forceinline__ int source_at(const hf_cuda_splat_args &s, const sources &of, int i)
{
    return s.order[i < of.n[0] ? of.first[0] + i : of.first[1] + i - of.n[0]];
}

/* How much of source p falls on the pixel. */
__device__ __forceinline__ float share_of(const hf_cuda_splat_args &s, const sources &of, int p)
{
    if (s.index)
        return 1.0f;
    float x = s.xy[2 * (int64_t)p], y = s.xy[2 * (int64_t)p + 1], x0 = floorf(x), y0 = floorf(y);
    float fx = x - x0, fy = y - y0;
    return (of.x == (int)x0 ? 1.0f - fx : fx) * (of.y == (int)y0 ? 1.0f - fy : fy);
}

/* What is needed before sums can be taken. */
struct highest {
    float similarity; /* best(q) */
    float weight;     /* b e of the winner */
    int   winner;
};

__device__ __forceinline__ float weight_of(const hf_cuda_splat_args &s, int p, float share, float best)
{
    return share * expf((s.similarity[p] - best) / s.temperature);
}

__device__ __forceinline__ void enter(highest *h, float weight, int p)
{
    if (weight > h->weight || (weight == h->weight && weight > 0.0f && p < h->winner)) {
        h->weight = weight;
        h->winner = p;
    }
}

/* The next three functions take every step'th source from `from` on: a thread alone has (0, 1), a warp together
 * (lane, 32), and `together` then joins what its lanes found. */
__device__ highest find_highest(const hf_cuda_splat_args &s, const sources &of, int from, int step, bool together)
{
    int n = of.n[0] + of.n[1];
    highest h = { -INFINITY, 0.0f, -1 };
    for (int i = from; i < n; i += step) {
        int p = source_at(s, of, i);
        if (share_of(s, of, p) > 0.0f)
            h.similarity = fmaxf(h.similarity, s.similarity[p]);
    }
    for (int d = 16; together && d > 0; d /= 2)
        h.similarity = fmaxf(h.similarity, __shfl_xor_sync(FULL, h.similarity, d));
    for (int i = from; i < n; i += step) {
        int p = source_at(s, of, i);
        float share = share_of(s, of, p);
        if (share > 0.0f)
            enter(&h, weight_of(s, p, share, h.similarity), p);
    }
    for (int d = 16; together && d > 0; d /= 2) {
        float weight = __shfl_xor_sync(FULL, h.weight, d);
        int winner = __shfl_xor_sync(FULL, h.winner, d);
        enter(&h, weight, winner);
    }
    return h;
}

/* The k of sums of n terms of up to `most`. */
__device__ __forceinline__ int digits_for(int n, float most)
{
    return 60 - (32 - __clz(n)) - (most > 0.0f ? ilogbf(most) : 0);
}

__device__ __forceinline__ fixed together_sum(fixed v, bool together)
{
    for (int d = 16; together && d > 0; d /= 2)
        v += __shfl_xor_sync(FULL, v, d);
    return v;
}

/* Sums of the shares and of the weights, relative to the winner's. */
__device__ void sum_weights(double *cover, double *weight, const hf_cuda_splat_args &s, const sources &of,
                            const highest &h, int from, int step, bool together)
{
    int n = of.n[0] + of.n[1], k = digits_for(n, 1.0f);
    fixed shares = 0, weights = 0;
    for (int i = from; i < n; i += step) {
        int p = source_at(s, of, i);
        float share = share_of(s, of, p);
        if (share <= 0.0f)
            continue;
        shares += __double2ll_ru(ldexp((double)share, k)); /* upwards: what is covered a little is no hole */
        weights += __double2ll_rn(ldexp((double)(weight_of(s, p, share, h.similarity) / h.weight), k));
    }
    *cover = ldexp((double)together_sum(shares, together), -k);
    *weight = ldexp((double)together_sum(weights, together), -k);
}

/* Channels c0 .. c0 + GROUP - 1. */
__device__ void sum_channels(double sums[GROUP], int c0, const hf_cuda_splat_args &s, const sources &of,
                             const highest &h, int from, int step, bool together)
{
    int n = of.n[0] + of.n[1], n_channels = min(GROUP, s.C - c0);
    float most = 0.0f;
    fixed terms[GROUP] = { 0 };

    for (int i = from; i < n; i += step) {
        const float *v = s.payload + (int64_t)source_at(s, of, i) * s.C + c0;
        for (int c = 0; c < n_channels; c++)
            most = isfinite(v[c]) ? fmaxf(most, fabsf(v[c])) : most;
    }
    for (int d = 16; together && d > 0; d /= 2)
        most = fmaxf(most, __shfl_xor_sync(FULL, most, d));
    int k = digits_for(n, most);
    for (int i = from; i < n; i += step) {
        int p = source_at(s, of, i);
        float share = share_of(s, of, p);
        if (share <= 0.0f)
            continue;
        double weight = ldexp((double)(weight_of(s, p, share, h.similarity) / h.weight), k);
#pragma unroll
        for (int c = 0; c < GROUP; c++)
            if (c < n_channels)
                terms[c] += __double2ll_rn(weight * s.payload[(int64_t)p * s.C + c0 + c]);
    }
#pragma unroll
    for (int c = 0; c < GROUP; c++)
        sums[c] = ldexp((double)together_sum(terms[c], together), -k);
}

/* The whole of target pixel q. Only one of the threads that work together writes. */
__device__ void gather(const hf_cuda_splat_args &s, int q, int from, int step, bool together)
{
    sources of = sources_of(s, q);
    highest h = find_highest(s, of, from, step, together);
    double cover = 0, weight = 0, sums[GROUP] = { 0 };
    bool hole = h.winner < 0;

    if (!hole)
        sum_weights(&cover, &weight, s, of, h, from, step, together);
    if (from == 0) {
        s.cover[q] = (float)cover;
        if (s.winner)
            s.winner[q] = h.winner;
    }
    for (int c0 = 0; c0 < s.C; c0 += GROUP) {
        if (!hole)
            sum_channels(sums, c0, s, of, h, from, step, together);
#pragma unroll
        for (int c = 0; c < GROUP; c++)
            if (from == 0 && c0 + c < s.C)
                s.out[(int64_t)q * s.C + c0 + c] = hole ? 0.0f : (float)(sums[c] / weight);
    }
}

/* One thread for each target pixel; where many sources fall on one, its warp helps. */
__global__ void __launch_bounds__(THREADS) gather_kernel(hf_cuda_splat_args s)
{
    int64_t q = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    int lane = threadIdx.x % 32, n = 0;
    bool here = q < (int64_t)s.w * s.h;
    if (here) {
        sources of = sources_of(s, (int)q);
        n = of.n[0] + of.n[1];
        if (n <= LONG)
            gather(s, (int)q, 0, 1, false);
    }
    for (unsigned left = __ballot_sync(FULL, n > LONG); left; left &= left - 1)
        gather(s, (int)(q - lane) + __ffs((int)left) - 1, lane, 32, true);
}

static unsigned blocks_of(int64_t n, int per_block)
{
    return (unsigned)((n + per_block - 1) / per_block);
}

extern "C" cudaError_t hf_cuda_splat_launch(const hf_cuda_splat_args *s, cudaStream_t stream)
{
    unsigned source_blocks = blocks_of(s->n_source, THREADS), scan_blocks = blocks_of(s->n_bins, HF_CUDA_SPLAT_SCAN);
    cudaError_t status = cudaMemsetAsync(s->start, 0, (size_t)s->n_bins * sizeof(*s->start), stream);
    if (status != cudaSuccess)
        return status;
    HF_LAUNCH(count_kernel, source_blocks, THREADS, 0, stream, *s);
    HF_LAUNCH(scan_kernel, scan_blocks, THREADS, 0, stream, *s);
    HF_LAUNCH(scan_partial_kernel, 1, THREADS, 0, stream, *s, (int)scan_blocks);
    HF_LAUNCH(fill_kernel, source_blocks, THREADS, 0, stream, *s);
    HF_LAUNCH(gather_kernel, blocks_of((int64_t)s->w * s->h, THREADS), THREADS, 0, stream, *s);
    return cudaGetLastError();
}
