/* match_tables.cu - what dense matching prepares once per pair of feature maps; plain C: propagate/match_tables.c.
 *
 *   axes    positions of pixels between cells; clamped borders share one
 *   cells   norms, cosines with neighbours, unit vectors as two halves each
 *   same    equal cells, found through a hash table whose entries keep the lowest cell: no order of threads shows
 *   quads   b_j(q) = w_j(q) |T_j| / |T'(q)| of every position, and what bounds them
 *   twins   quads with equal vectors, through the same table: only the lowest can win
 */
#include <cuda_fp16.h>

#include "cuda/match_dense.cuh"

#define WARPS 8
#define THREADS (32 * WARPS)

/* ---- axes ---- */

struct axis_list {
    hf_cuda_match_axis of[4];
};

__device__ double place_of(const hf_cuda_match_axis &a, int px)
{
    return (px + 0.5) * (double)a.n_cells / (double)a.n_px - 0.5;
}

/* Pixels lo .. hi are apart from each other; those below share lo's position, those above hi's. */
__device__ int quad_at(const hf_cuda_match_axis &a, int px, double *far)
{
    double at = fmin(fmax(place_of(a, px), 0.0), (double)(a.n_cells - 1));
    int quad = min((int)at, a.n_quads - 1);
    *far = at - quad;
    return quad;
}

__device__ void find_positions(const hf_cuda_match_axis &a, int lo, int hi)
{
    for (int px = threadIdx.x; px < a.n_px; px += blockDim.x)
        a.position[px] = min(max(px, lo), hi) - lo;
    for (int k = threadIdx.x; k <= hi - lo; k += blockDim.x) {
        double far, unused;
        int quad = quad_at(a, lo + k, &far), before = k ? quad_at(a, lo + k - 1, &unused) : -1;
        a.far[k] = far;
        a.first[k] = k ? lo + k : 0;
        for (int i = before + 1; i <= quad; i++)
            a.start[i] = k;
        for (int i = quad + 1; k == hi - lo && i <= a.n_quads; i++)
            a.start[i] = k + 1;
    }
}

__device__ bool same_weights(const hf_cuda_match_axis &a, int i, int j)
{
    int n = a.start[i + 1] - a.start[i];
    bool same = n == a.start[j + 1] - a.start[j];
    for (int k = 0; same && k < n; k++)
        same = a.far[a.start[i] + k] == a.far[a.start[j] + k];
    return same;
}

/* Patterns repeat at once (regular grids) or hardly ever: two looks are enough. */
__device__ void find_halves_and_links(const hf_cuda_match_axis &a)
{
    for (int i = threadIdx.x; i < a.n_quads; i += blockDim.x) {
        int k = a.start[i], link = i;
        while (k < a.start[i + 1] && a.far[k] < 0.5)
            k++;
        a.middle[i] = k - a.start[i];
        for (int j = i - 1; j >= 0 && j >= i - 2 && link == i; j--)
            if (same_weights(a, i, j))
                link = j;
        a.pattern[i] = link;
    }
}

/* One block for each axis. */
__global__ void axes_kernel(axis_list axes)
{
    __shared__ int lo, hi;
    const hf_cuda_match_axis &a = axes.of[blockIdx.x];

    if (threadIdx.x == 0)
        lo = 0, hi = a.n_cells > 1 ? a.n_px - 1 : 0; /* one cell: all pixels share one position */
    __syncthreads();
    for (int px = threadIdx.x; a.n_cells > 1 && px < a.n_px; px += blockDim.x) {
        double at = place_of(a, px);
        if (at <= 0)
            atomicMax(&lo, px);
        if (at >= a.n_cells - 1)
            atomicMin(&hi, px);
    }
    __syncthreads();
    find_positions(a, lo, hi);
    __syncthreads();
    find_halves_and_links(a);
    __syncthreads();
    /* Follow the links: every round halves the way that is left, whatever else was written meanwhile. */
    for (int left = a.n_quads; left > 0; left /= 2) {
        for (int i = threadIdx.x; i < a.n_quads; i += blockDim.x)
            a.pattern[i] = *(volatile int *)&a.pattern[*(volatile int *)&a.pattern[i]];
        __syncthreads();
    }
}

/* ---- cells ---- */

struct map_pair {
    hf_cuda_match_map of[2]; /* source, target */
    unsigned long long *hash; /* of target cells */
};

__device__ __forceinline__ unsigned long long mix_hash(unsigned long long hash, unsigned long long value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
    return hash ^ (hash >> 29);
}

/* 0 and all ones mean something else in the table. */
__device__ __forceinline__ unsigned long long usable_hash(unsigned long long hash)
{
    return hash == 0 || hash == ~0ull ? 1 : hash;
}

/* The order of the sum does not matter; the place of each value does. All zero vectors are one. */
__device__ unsigned long long hash_of_cell(const float *raw, int D, bool usable, int lane)
{
    unsigned long long sum = 0;
    for (int d = lane; usable && d < D; d += 32)
        sum += mix_hash(mix_hash(0, (unsigned)d), __float_as_uint(raw[d]));
    for (int step = 16; step > 0; step /= 2)
        sum += __shfl_xor_sync(HF_FULL_WARP, sum, step);
    return usable_hash(usable ? sum : 2);
}

__device__ void store_parts(const hf_cuda_match_map &map, int i, bool is_target, bool usable, int lane)
{
    const float *raw = map.raw + (int64_t)i * map.D;
    __half *parts = (__half *)map.parts + (int64_t)i * map.parts_stride;
    double scale = usable ? HF_CUDA_MATCH_SCALE / map.norm[i] : 0;
    int n_used = i < map.n ? 3 * map.D : 0; /* rows that round n up are zero */

    for (int d = lane; i < map.n && d < map.D; d += 32) {
        float unit = usable ? (float)(raw[d] * scale) : 0;
        __half high = __float2half_rn(unit), low = __float2half_rn(unit - __half2float(high));
        parts[d] = is_target ? high : low;
        parts[map.D + d] = is_target ? low : high;
        parts[2 * map.D + d] = high;
    }
    for (int d = n_used + lane; d < map.parts_stride; d += 32)
        parts[d] = __float2half_rn(0);
}

/* One warp for each cell; blockIdx.y is the map. */
__global__ void norms_kernel(map_pair maps)
{
    const hf_cuda_match_map &map = maps.of[blockIdx.y];
    int i = blockIdx.x * WARPS + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (i >= map.n) {
        if (i < map.n_parts)
            store_parts(map, i, blockIdx.y == 1, false, lane);
        return;
    }
    const float *raw = map.raw + (int64_t)i * map.D;
    double square = 0;
    for (int d = lane; d < map.D; d += 32)
        square += (double)raw[d] * raw[d];
    square = warp_sum(square);
    bool usable = isfinite(square) && square > 0;
    if (lane == 0)
        map.norm[i] = usable ? sqrt(square) : 0;
    __syncwarp();
    store_parts(map, i, blockIdx.y == 1, usable, lane);
    unsigned long long hash = hash_of_cell(raw, map.D, usable, lane);
    if (blockIdx.y == 1 && lane == 0)
        maps.hash[i] = hash;
}

__device__ double cosine(const hf_cuda_match_map &map, int i, int j, int lane)
{
    double sum = 0;
    if (map.norm[i] == 0 || map.norm[j] == 0)
        return 0;
    for (int d = lane; d < map.D; d += 32)
        sum += (double)map.raw[(int64_t)i * map.D + d] * map.raw[(int64_t)j * map.D + d];
    return warp_sum(sum) / (map.norm[i] * map.norm[j]);
}

/* One warp for each cell; blockIdx.y is the map. */
__global__ void cosines_kernel(map_pair maps)
{
    const hf_cuda_match_map &map = maps.of[blockIdx.y];
    int i = blockIdx.x * WARPS + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (i >= map.n)
        return;
    int w = map.x.n_cells, right = i % w + 1 < w ? 1 : 0, below = i / w + 1 < map.y.n_cells ? w : 0;
    double a = cosine(map, i, i + right, lane), b = cosine(map, i, i + below, lane);
    double c = cosine(map, i, i + right + below, lane), d = cosine(map, i + right, i + below, lane);
    if (lane == 0)
        map.cos[i][0] = a, map.cos[i][1] = b, map.cos[i][2] = c, map.cos[i][3] = d;
}

/* ---- the hash table ---- */

/* One thread for each of n things; `hash` says which are equal. */
__global__ void insert_kernel(hf_cuda_match_target t, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n || t.hash[i] == 0)
        return;
    int at = (int)(t.hash[i] % (unsigned)t.n_slots);
    for (;;) {
        unsigned long long old = atomicCAS(&t.slot_hash[at], ~0ull, t.hash[i]);
        if (old == ~0ull || old == t.hash[i])
            break;
        at = at + 1 < t.n_slots ? at + 1 : 0;
    }
    atomicMin(&t.slot_lowest[at], i);
}

__device__ int lowest_equal(const hf_cuda_match_target &t, int i)
{
    int at = (int)(t.hash[i] % (unsigned)t.n_slots);
    while (t.slot_hash[at] != t.hash[i])
        at = at + 1 < t.n_slots ? at + 1 : 0;
    return t.slot_lowest[at];
}

/* One warp for each target cell. Two vectors with one hash are compared; where they differ, the cell stands alone. */
__global__ void same_kernel(hf_cuda_match_target t)
{
    int i = blockIdx.x * WARPS + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (i >= t.map.n)
        return;
    int lowest = lowest_equal(t, i), D = t.map.D;
    const float *mine = t.map.raw + (int64_t)i * D, *other = t.map.raw + (int64_t)lowest * D;
    bool zero = t.map.norm[i] == 0, differs = zero != (t.map.norm[lowest] == 0);
    for (int d = lane; !zero && !differs && d < D; d += 32)
        differs = __float_as_uint(mine[d]) != __float_as_uint(other[d]);
    if (__any_sync(HF_FULL_WARP, differs))
        lowest = i;
    if (lane == 0)
        t.same[i] = lowest;
}

/* ---- quads ---- */

/* A quad's vectors: four corners by content, and the weights on both axes. A quad of four equal corners has only one
 * vector, whatever the weights. */
struct quad_key {
    int  of[6];
    bool flat;
};

__device__ quad_key key_of(const hf_cuda_match_target &t, int quad)
{
    const hf_cuda_match_axis &x = t.map.x, &y = t.map.y;
    int below = y.step * x.n_cells;
    quad_key k;
    k.of[0] = t.same[quad];
    k.of[1] = t.same[quad + x.step];
    k.of[2] = t.same[quad + below];
    k.of[3] = t.same[quad + below + x.step];
    k.flat = k.of[0] == k.of[1] && k.of[0] == k.of[2] && k.of[0] == k.of[3];
    k.of[4] = k.flat ? -1 : y.pattern[quad / x.n_cells];
    k.of[5] = k.flat ? -1 : x.pattern[quad % x.n_cells];
    return k;
}

__device__ unsigned long long hash_of_key(const quad_key &k)
{
    unsigned long long hash = 0;
    for (int i = 0; i < 6; i++)
        hash = mix_hash(hash, (unsigned)k.of[i]);
    return usable_hash(hash);
}

/* Sum of b_k over the four corners of the quarter of the quad that (far_y, far_x) lies in. */
__device__ double part_sum(const double lengths[9], double far_y, double far_x, double length)
{
    int y = far_y >= 0.5, x = far_x >= 0.5, at = 3 * y + x;
    double w[4];
    weights_at(w, 2 * far_y - y, 2 * far_x - x);
    return (w[0] * lengths[at] + w[1] * lengths[at + 1] + w[2] * lengths[at + 3] + w[3] * lengths[at + 4]) / length;
}

/* Places of the middles among the 3 x 3 points, and which corners meet there. */
__device__ void store_mix(hf_cuda_match_quad *to, const match_corners &c, const double lengths[9], int k)
{
    const int points[HF_CUDA_MATCH_N_MIXES] = { 1, 1, 3, 3, 5, 5, 7, 7, 4, 4, 4, 4 };
    const int corners[HF_CUDA_MATCH_N_MIXES] = { 0, 1, 0, 2, 1, 3, 2, 3, 0, 1, 2, 3 };
    double length = lengths[points[k]];
    to->mix[k] = length > 0 ? (float)(c.norm[corners[k]] / (k < 8 ? 2 : 4) / length) : 0;
}

struct quad_sums {
    double beta, part;
    int    n, zero;
};

/* One position of the quad, by the lane that has it; the others call with `here` false. Usable ones are kept in
 * order. */
__device__ void add_position(quad_sums *s, const hf_cuda_match_target &t, const match_corners &c, const double lengths[9],
                             int64_t offset, int py, int px, bool here, bool flat, int lane)
{
    const hf_cuda_match_map &map = t.map;
    double w[4] = { 0, 0, 0, 0 }, b[4], length = 0, sum = 0;
    int q = 0;

    if (here) {
        q = map.y.first[py] * map.x.n_px + map.x.first[px];
        weights_at(w, map.y.far[py], map.x.far[px]);
        length = length_at(c, map, w);
        if (length == 0)
            s->zero = min(s->zero, q);
    }
    unsigned usable = __ballot_sync(HF_FULL_WARP, length > 0);
    if (flat) /* one vector: the first pixel stands for all */
        usable = s->n > 0 ? 0 : usable & (0u - usable);
    if (usable >> lane & 1) {
        for (int j = 0; j < 4; j++)
            sum += b[j] = w[j] * c.norm[j] / length;
        s->beta = fmax(s->beta, sum);
        s->part = fmax(s->part, part_sum(lengths, map.y.far[py], map.x.far[px], length));
        int64_t at = offset + s->n + __popc(usable & ((1u << lane) - 1));
        ((float4 *)t.b)[at] = make_float4((float)b[0], (float)b[1], (float)b[2], (float)b[3]);
        t.q[at] = q;
    }
    s->n += __popc(usable);
}

/* Positions of one quarter: rows y0 .. y1 - 1, columns x0 .. x1 - 1. */
__device__ void add_quarter(quad_sums *s, const hf_cuda_match_target &t, const match_corners &c, const double lengths[9],
                            int64_t offset, int y0, int y1, int x0, int x1, bool flat, int lane)
{
    int n_x = x1 - x0;
    int64_t n = (int64_t)(y1 - y0) * n_x;
    for (int64_t i0 = 0; i0 < n; i0 += 32) {
        int64_t i = i0 + lane;
        bool here = i < n;
        int py = here ? y0 + (int)(i / n_x) : y0, px = here ? x0 + (int)(i % n_x) : x0;
        add_position(s, t, c, lengths, offset, py, px, here, flat, lane);
    }
}

__device__ void finish_quad(const hf_cuda_match_target &t, int quad, const quad_sums &s, const quad_key &key, int lane)
{
    /* Rounded up, so that they stay bounds. */
    float beta = warp_max((float)(s.beta * (1 + 1e-6))), part = warp_max((float)(s.part * (1 + 1e-6)));
    if (s.zero != HF_CUDA_MATCH_NONE)
        atomicMin(t.first_zero, s.zero);
    if (lane != 0)
        return;
    t.quads[quad].beta = t.beta[quad] = s.n > 0 ? beta : 0;
    t.quads[quad].beta_part = part;
    t.quads[quad].twin = quad;
    t.hash[quad] = s.n > 0 ? hash_of_key(key) : 0;
}

__device__ void empty_quad(const hf_cuda_match_target &t, int quad, int lane)
{
    if (lane != 0)
        return;
    hf_cuda_match_quad *to = &t.quads[quad];
    for (int i = 0; i < 4; i++)
        to->end[i] = 0;
    to->twin = quad;
    to->beta = to->beta_part = t.beta[quad] = 0;
    t.hash[quad] = 0;
}

/* One warp for each target quad. */
__global__ void __launch_bounds__(THREADS) quads_kernel(hf_cuda_match_target t)
{
    __shared__ double all_lengths[WARPS][9];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = blockIdx.x * WARPS + warp;
    const hf_cuda_match_axis &x = t.map.x, &y = t.map.y;
    if (quad >= t.n_quads)
        return;
    int qy = quad / x.n_cells, qx = quad % x.n_cells;
    if (qx >= x.n_quads) {
        empty_quad(t, quad, lane);
        return;
    }
    double *lengths = all_lengths[warp], w[4];
    match_corners c = corners_of(t.map, qy, qx);
    quad_key key = key_of(t, quad);
    if (lane < 9) {
        weights_at(w, lane / 3 / 2., lane % 3 / 2.);
        lengths[lane] = length_at(c, t.map, w);
    }
    __syncwarp();
    if (lane < HF_CUDA_MATCH_N_MIXES)
        store_mix(&t.quads[quad], c, lengths, lane);

    quad_sums sums = { 0, 0, 0, HF_CUDA_MATCH_NONE };
    int64_t offset = quad_offset(t.map, qy, qx);
    int y_at[3] = { y.start[qy], y.start[qy] + y.middle[qy], y.start[qy + 1] };
    int x_at[3] = { x.start[qx], x.start[qx] + x.middle[qx], x.start[qx + 1] };
    for (int quarter = 0; quarter < 4; quarter++) {
        int v = quarter / 2, u = quarter % 2;
        add_quarter(&sums, t, c, lengths, offset, y_at[v], y_at[v + 1], x_at[u], x_at[u + 1], key.flat, lane);
        if (lane == 0)
            t.quads[quad].end[quarter] = sums.n;
    }
    finish_quad(t, quad, sums, key, lane);
}

/* One thread for each target quad. Equal places in twins have equal cosines and higher pixel numbers; this is what
 * keeps flat regions cheap. Keys do not change here, so the order of threads does not matter. */
__global__ void twins_kernel(hf_cuda_match_target t)
{
    int quad = blockIdx.x * blockDim.x + threadIdx.x;
    if (quad >= t.n_quads || t.hash[quad] == 0)
        return;
    int lowest = lowest_equal(t, quad);
    if (lowest == quad)
        return;
    quad_key mine = key_of(t, quad), other = key_of(t, lowest);
    for (int i = 0; i < 6; i++)
        if (mine.of[i] != other.of[i])
            return;
    t.quads[quad].twin = lowest;
    t.beta[quad] = 0;
}

/* ---- after the search ---- */

/* One thread for each pixel. Only pixels that stand for no position are written. */
__global__ void spread_kernel(hf_cuda_match_map map, int32_t *__restrict__ index, float *__restrict__ similarity)
{
    int W = map.x.n_px;
    int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (int64_t)W * map.y.n_px)
        return;
    int64_t from = (int64_t)map.y.first[map.y.position[i / W]] * W + map.x.first[map.x.position[i % W]];
    if (from == i)
        return;
    index[i] = index[from];
    similarity[i] = similarity[from];
}

static unsigned blocks_of(int64_t n, int per_block)
{
    return (unsigned)((n + per_block - 1) / per_block);
}

extern "C" cudaError_t hf_cuda_match_axes_launch(const hf_cuda_match_axis axes[4], cudaStream_t stream)
{
    axis_list list;
    for (int i = 0; i < 4; i++)
        list.of[i] = axes[i];
    HF_LAUNCH(axes_kernel, 4, THREADS, 0, stream, list);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_match_maps_launch(const hf_cuda_match_map *source, const hf_cuda_match_target *target,
                                                 cudaStream_t stream)
{
    map_pair maps;
    maps.of[0] = *source, maps.of[1] = target->map, maps.hash = target->hash;
    int n = source->n_parts > target->map.n_parts ? source->n_parts : target->map.n_parts;
    dim3 grid(blocks_of(n, WARPS), 2);
    HF_LAUNCH(norms_kernel, grid, THREADS, 0, stream, maps);
    HF_LAUNCH(cosines_kernel, grid, THREADS, 0, stream, maps);
    return cudaGetLastError();
}

static cudaError_t clear_table(const hf_cuda_match_target *t, cudaStream_t stream)
{
    cudaError_t status = cudaMemsetAsync(t->slot_hash, 0xff, (size_t)t->n_slots * sizeof(*t->slot_hash), stream);
    if (status != cudaSuccess)
        return status;
    return cudaMemsetAsync(t->slot_lowest, 0x7f, (size_t)t->n_slots * sizeof(*t->slot_lowest), stream);
}

extern "C" cudaError_t hf_cuda_match_quads_launch(const hf_cuda_match_target *t, cudaStream_t stream)
{
    cudaError_t status = cudaMemsetAsync(t->first_zero, 0x7f, sizeof(*t->first_zero), stream);
    if (status != cudaSuccess || (status = clear_table(t, stream)) != cudaSuccess)
        return status;
    HF_LAUNCH(insert_kernel, blocks_of(t->map.n, THREADS), THREADS, 0, stream, *t, t->map.n);
    HF_LAUNCH(same_kernel, blocks_of(t->map.n, WARPS), THREADS, 0, stream, *t);
    HF_LAUNCH(quads_kernel, blocks_of(t->n_quads, WARPS), THREADS, 0, stream, *t);
    if ((status = clear_table(t, stream)) != cudaSuccess)
        return status;
    HF_LAUNCH(insert_kernel, blocks_of(t->n_quads, THREADS), THREADS, 0, stream, *t, t->n_quads);
    HF_LAUNCH(twins_kernel, blocks_of(t->n_quads, THREADS), THREADS, 0, stream, *t);
    return cudaGetLastError();
}

extern "C" cudaError_t hf_cuda_match_spread_launch(const hf_cuda_match_map *source, int32_t *index, float *similarity,
                                                   cudaStream_t stream)
{
    int64_t n = (int64_t)source->x.n_px * source->y.n_px;
    HF_LAUNCH(spread_kernel, blocks_of(n, THREADS), THREADS, 0, stream, *source, index, similarity);
    return cudaGetLastError();
}
