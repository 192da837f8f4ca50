/* match_bound.cuh - steps of the search (match_search.cu): target quads whose bound is high enough, and the evaluation
 * of a batch of them. */
#ifndef HF_CUDA_MATCH_BOUND_CUH
#define HF_CUDA_MATCH_BOUND_CUH

#include "cuda/match_block.cuh"

__device__ __forceinline__ float highest_at(const searcher &r, int cell)
{
    if (r.highest)
        return r.highest[cell];
    float4 g = gram_at(r, cell);
    return max4(g.x, g.y, g.z, g.w) + r.p.epsilon;
}

__device__ __forceinline__ bool quad_reaches(const searcher &r, int quad, float least)
{
    const hf_cuda_match_target &t = r.p.target;
    int right = t.map.x.step, below = t.map.y.step * t.map.x.n_cells;
    float beta = t.beta[quad];
    if (beta == 0)
        return false;
    float top = max4(highest_at(r, quad), highest_at(r, quad + right), highest_at(r, quad + below),
                     highest_at(r, quad + below + right));
    return lift(top, beta) >= least;
}

/* The part of first .. end - 1 that this warp looks at. */
__device__ __forceinline__ void warp_part(int first, int end, int *from, int *to)
{
    int each = ((end - first + WARPS - 1) / WARPS + 31) / 32 * 32;
    *from = min(first + warp_here() * each, end);
    *to = min(*from + each, end);
}

/* How many of the target quads first .. end - 1 reach `least`; all threads get it. */
__device__ int count_quads(const searcher &r, int first, int end, float least)
{
    int from, to, n = 0;
    warp_part(first, end, &from, &to);
    for (int c = from; c < to; c += 32)
        n += __popc(__ballot_sync(HF_FULL_WARP, c + lane_here() < to && quad_reaches(r, c + lane_here(), least)));
    __syncthreads(); /* the counts before are read */
    if (lane_here() == 0)
        r.s.order_count[warp_here()] = n;
    __syncthreads();
    n = 0;
    for (int w = 0; w < WARPS; w++)
        n += r.s.order_count[w];
    return n;
}

/* List them, ascending; at most LIST. The counts are those of count_quads with the same arguments. */
__device__ void list_quads(const searcher &r, int first, int end, float least)
{
    int from, to, at = 0;
    warp_part(first, end, &from, &to);
    for (int w = 0; w < warp_here(); w++)
        at += r.s.order_count[w];
    for (int c = from; c < to; c += 32) {
        bool hit = c + lane_here() < to && quad_reaches(r, c + lane_here(), least);
        unsigned hits = __ballot_sync(HF_FULL_WARP, hit);
        if (hit)
            r.s.list[at + __popc(hits & ((1u << lane_here()) - 1))] = c + lane_here();
        at += __popc(hits);
    }
    __syncthreads();
}

/* ---- evaluating ---- */

/* Fill the batch from n quads. */
__device__ void load_batch(const searcher &r, const int *quads, int n)
{
    const hf_cuda_match_target &t = r.p.target;
    int right = t.map.x.step, below = t.map.y.step * t.map.x.n_cells;
    batch *b = &r.s.listed;

    __syncthreads();
    for (int i = thread_here(); i < 4 * n; i += THREADS) {
        int quad = quads[i / 4], j = i % 4, cell = quad + (j & 1) * right + (j >> 1) * below;
        b->gram[i / 4][j] = gram_at(r, cell);
        if (j == 0)
            b->quad[i / 4] = quad;
    }
    const int words = sizeof(hf_cuda_match_quad) / 4;
    for (int i = thread_here(); i < words * n; i += THREADS)
        ((int *)b->info)[i] = ((const int *)&t.quads[quads[i / words]])[i % words];
    if (thread_here() == 0)
        b->n = n;
    __syncthreads();
}

/* The highest cosine among a quad's positions from `begin` to `end`. */
__device__ __forceinline__ float top_score(const float4 *__restrict__ b, int begin, int end, float4 c)
{
    float top = HF_LOWEST;
#pragma unroll 4
    for (int k = begin; k < end; k++)
        top = fmaxf(top, dot4(c, __ldg(b + k)));
    return top;
}

/* Highest cosines of each quarter's four points, from the c_j of the corners. */
__device__ __forceinline__ float4 quarter_points(const float *mix, float4 c)
{
    float m01 = mix[0] * c.x + mix[1] * c.y, m02 = mix[2] * c.x + mix[3] * c.z;
    float m13 = mix[4] * c.y + mix[5] * c.w, m23 = mix[6] * c.z + mix[7] * c.w;
    float centre = mix[8] * c.x + mix[9] * c.y + mix[10] * c.z + mix[11] * c.w;
    return make_float4(max4(c.x, m01, m02, centre), max4(c.y, m01, m13, centre), max4(c.z, m02, m23, centre),
                       max4(c.w, m13, m23, centre));
}

/* The intervals of one position that reach highest: of two different quads. */
struct best_two {
    float top, second;
    int   quad;
};

/* Quad k of the batch for the lane's position p: raises low[p], enters the quad's interval in `best`. */
__device__ __forceinline__ void try_quad(const searcher &r, int k, int p, float4 a, float kappa, best_two *best)
{
    const batch &b = r.s.listed;
    const hf_cuda_match_quad &info = b.info[k];
    const hf_cuda_match_map &map = r.p.target.map;
    float4 c = make_float4(dot4(a, b.gram[k][0]), dot4(a, b.gram[k][1]), dot4(a, b.gram[k][2]), dot4(a, b.gram[k][3]));
    float4 points = quarter_points(info.mix, c);
    float error = kappa * r.p.epsilon * info.beta, top = HF_LOWEST;
    float low = from_ordered(*(volatile int *)&r.s.low[p]);
    bool needs[4] = { lift(points.x + error, info.beta_part) >= low, lift(points.y + error, info.beta_part) >= low,
                      lift(points.z + error, info.beta_part) >= low, lift(points.w + error, info.beta_part) >= low };
    if (!__any_sync(HF_FULL_WARP, needs[0] || needs[1] || needs[2] || needs[3]))
        return;

    int quad = b.quad[k], begin = 0;
    const float4 *list = (const float4 *)r.p.target.b + quad_offset(map, quad / map.x.n_cells, quad % map.x.n_cells);
#pragma unroll
    for (int quarter = 0; quarter < 4; quarter++) {
        int end = info.end[quarter];
        if (__any_sync(HF_FULL_WARP, needs[quarter]))
            top = fmaxf(top, top_score(list, begin, end, c));
        begin = end;
    }
    if (top + error > best->top) {
        best->second = best->top;
        best->top = top + error;
        best->quad = quad;
    } else {
        best->second = fmaxf(best->second, top + error);
    }
    if (top - error > low)
        atomicMax(&r.s.low[p], ordered(top - error));
}

/* Warps share the work: warp w takes 32 positions, and every n_shares'th quad. */
__device__ __forceinline__ void warp_share(const searcher &r, int *group, int *share, int *n_shares)
{
    int n_groups = (r.s.n + 31) / 32;
    *group = warp_here() % n_groups;
    *share = warp_here() / n_groups;
    *n_shares = (WARPS - *group + n_groups - 1) / n_groups;
}

__device__ void search_batch(const searcher &r, best_two *best)
{
    int group, share, n_shares;
    warp_share(r, &group, &share, &n_shares);
    int p = 32 * group + lane_here(); /* below TILE; positions that are not there have low = HF_HIGHEST */
    float4 a = r.s.a[p];
    float kappa = r.s.kappa[p];
    for (int k = share; k < r.s.listed.n; k += n_shares)
        try_quad(r, k, p, a, kappa, best);
}

#endif
