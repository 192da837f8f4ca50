/* match_decide.cuh - the last step of the search (match_search.cu): a warp for each position decides between what is
 * left, in double where float intervals overlap. Plain C: propagate/match_exact.c. */
#ifndef HF_CUDA_MATCH_DECIDE_CUH
#define HF_CUDA_MATCH_DECIDE_CUH

#include "cuda/match_bound.cuh"

/* Above this the similarity of a single place is taken again in double, whatever epsilon is. */
#define MAX_AMPLIFICATION 4.0f

#define TIE 1e-12 /* double rounding, far below any real difference */

struct best_place {
    int    q; /* -1: none yet */
    double cosine;
};

__device__ __forceinline__ void offer(best_place *best, int q, double cosine)
{
    if (best->q < 0 || cosine > best->cosine + TIE || (cosine > best->cosine - TIE && q < best->q)) {
        best->q = q;
        best->cosine = cosine;
    }
}

/* All lanes get the best of the lanes' places. */
__device__ best_place best_of_warp(best_place mine)
{
    for (int step = 16; step > 0; step /= 2) {
        int q = __shfl_xor_sync(HF_FULL_WARP, mine.q, step);
        double cosine = __shfl_xor_sync(HF_FULL_WARP, mine.cosine, step);
        if (q >= 0)
            offer(&mine, q, cosine);
    }
    mine.q = __shfl_sync(HF_FULL_WARP, mine.q, 0);
    mine.cosine = __shfl_sync(HF_FULL_WARP, mine.cosine, 0);
    return mine;
}

/* One position, by one warp. */
struct decider {
    int    p;
    float4 a;
    float  kappa, low;
    bool   has_vector; /* w and length are known */
    double w[4], length; /* of S'(p), not normalised */
};

__device__ __forceinline__ float4 corners_with(const searcher &r, const decider &d, int quad)
{
    const hf_cuda_match_map &map = r.p.target.map;
    int right = map.x.step, below = map.y.step * map.x.n_cells;
    float c[4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
        int cell = quad + (j & 1) * right + (j >> 1) * below;
        c[j] = dot4(d.a, gram_at(r, cell));
    }
    return make_float4(c[0], c[1], c[2], c[3]);
}

__device__ void find_vector(const searcher &r, decider *d)
{
    const hf_cuda_match_map &map = r.p.source;
    match_corners c = corners_of(map, r.s.qy, r.s.qx);
    int py, px;
    position_of(r, d->p, &py, &px);
    weights_at(d->w, map.y.far[py], map.x.far[px]);
    d->length = length_at(c, map, d->w) * c.scale;
    for (int i = 0; i < 4; i++)
        d->w[i] = c.norm[i] > 0 ? d->w[i] : 0;
    d->has_vector = true;
}

/* <S'(p), T_j> / (|S'(p)| scale) of a target quad's corners, in double. */
__device__ void exact_dots(const searcher &r, const decider &d, const match_corners &to, double dots[4])
{
    const hf_cuda_match_map &source = r.p.source, &target = r.p.target.map;
    int D = source.D, right = source.x.step, below = source.y.step * source.x.n_cells;
    int from = r.s.qy * source.x.n_cells + r.s.qx, cell[4] = { from, from + right, from + below, from + below + right };

    for (int j = 0; j < 4; j++)
        dots[j] = 0;
    for (int i = lane_here(); i < D; i += 32) {
        double v = 0;
        for (int k = 0; k < 4; k++)
            if (d.w[k] > 0)
                v += d.w[k] * source.raw[(int64_t)cell[k] * D + i];
        for (int j = 0; j < 4; j++)
            if (to.norm[j] > 0)
                dots[j] += v * target.raw[(int64_t)to.cell[j] * D + i];
    }
    for (int j = 0; j < 4; j++)
        dots[j] = warp_sum(dots[j]) / (d.length * to.scale);
}

__device__ double exact_cosine(const searcher &r, const match_corners &to, const double dots[4], int q)
{
    const hf_cuda_match_map &map = r.p.target.map;
    double w[4];
    weights_at(w, map.y.far[map.y.position[q / map.x.n_px]], map.x.far[map.x.position[q % map.x.n_px]]);
    return (w[0] * dots[0] + w[1] * dots[1] + w[2] * dots[2] + w[3] * dots[3]) / length_at(to, map, w);
}

/* Enter the near-tied places of one target quad, in double. */
__device__ void decide_quad(const searcher &r, decider *d, int quad, best_place *best)
{
    const hf_cuda_match_target &t = r.p.target;
    int qy = quad / t.map.x.n_cells, qx = quad % t.map.x.n_cells, n = t.quads[quad].end[3];
    int64_t offset = quad_offset(t.map, qy, qx);
    const float4 *b = (const float4 *)t.b + offset;
    float error = d->kappa * r.p.epsilon * t.quads[quad].beta;
    float4 c = corners_with(r, *d, quad);
    bool has_dots = false;
    match_corners to;
    double dots[4] = { 0, 0, 0, 0 };

    for (int i0 = 0; i0 < n; i0 += 32) {
        int i = i0 + lane_here();
        bool near = i < n && dot4(c, b[i]) + error >= d->low;
        if (!__any_sync(HF_FULL_WARP, near))
            continue;
        if (!d->has_vector)
            find_vector(r, d);
        if (!has_dots) {
            to = corners_of(t.map, qy, qx);
            exact_dots(r, *d, to, dots);
            has_dots = true;
        }
        if (near)
            offer(best, t.q[offset + i], exact_cosine(r, to, dots, t.q[offset + i]));
    }
}

/* The only place of `quad` that reaches the lower bound; false when there are more. */
__device__ bool only_place(const searcher &r, const decider &d, int quad, best_place *best)
{
    const hf_cuda_match_target &t = r.p.target;
    int n = t.quads[quad].end[3], n_near = 0;
    int64_t offset = quad_offset(t.map, quad / t.map.x.n_cells, quad % t.map.x.n_cells);
    float error = d.kappa * r.p.epsilon * t.quads[quad].beta;
    float4 c = corners_with(r, d, quad);

    if (d.kappa * t.quads[quad].beta > MAX_AMPLIFICATION)
        return false;
    for (int i0 = 0; i0 < n; i0 += 32) {
        int i = i0 + lane_here();
        float score = i < n ? dot4(c, ((const float4 *)t.b)[offset + i]) : HF_LOWEST;
        unsigned near = __ballot_sync(HF_FULL_WARP, i < n && score + error >= d.low);
        if (near) {
            int from = __ffs((int)near) - 1;
            best->q = t.q[offset + i0 + from];
            best->cosine = __shfl_sync(HF_FULL_WARP, score, from);
        }
        n_near += __popc(near);
    }
    return n_near == 1;
}

/* Every quad that may hold a near-tied place: those of the list, or all where the list did not hold all candidates. */
__device__ best_place decide_all(const searcher &r, decider *d)
{
    const hf_cuda_match_target &t = r.p.target;
    bool use_list = r.s.list_first == 0 && r.s.list_end == t.n_quads;
    int n = use_list ? r.s.n_listed : t.n_quads;
    best_place best = { -1, 0 };

    for (int i0 = 0; i0 < n; i0 += 32) {
        int i = i0 + lane_here(), quad = i < n ? use_list ? r.s.list[i] : i : 0;
        bool reaches = false;
        if (i < n && t.beta[quad] > 0) {
            float4 c = corners_with(r, *d, quad);
            float beta = t.beta[quad];
            reaches = lift(max4(c.x, c.y, c.z, c.w) + d->kappa * r.p.epsilon, beta) >= d->low;
        }
        unsigned left = __ballot_sync(HF_FULL_WARP, reaches);
        for (; left; left &= left - 1)
            decide_quad(r, d, __shfl_sync(HF_FULL_WARP, quad, __ffs((int)left) - 1), &best);
    }
    return best_of_warp(best);
}

/* The intervals that reach highest, from all warps that searched for position p. */
__device__ best_two merged(const searcher &r, int p)
{
    int n_groups = (r.s.n + 31) / 32, lane = p % 32;
    best_two best = { HF_LOWEST, HF_LOWEST, -1 };
    for (int w = p / 32; w < WARPS; w += n_groups) {
        float top = r.s.top[w][lane];
        if (top > best.top) {
            best.second = best.top;
            best.top = top;
            best.quad = r.s.top_quad[w][lane];
        } else {
            best.second = fmaxf(best.second, top);
        }
        best.second = fmaxf(best.second, r.s.second[w][lane]);
    }
    return best;
}

__device__ void store(const searcher &r, int p, int q, double cosine)
{
    const hf_cuda_match_map &map = r.p.source;
    int py, px;
    position_of(r, p, &py, &px);
    int64_t at = (int64_t)map.y.first[py] * map.x.n_px + map.x.first[px];
    r.p.index[at] = q;
    r.p.similarity[at] = (float)fmin(fmax(cosine, -1.0), 1.0);
}

static __device__ HF_RARE void decide(const searcher &r, int p)
{
    int zero = *r.p.target.first_zero;
    decider d = { p, r.s.a[p], r.s.kappa[p], from_ordered(r.s.low[p]), false, { 0, 0, 0, 0 }, 0 };
    best_two two = merged(r, p);
    best_place best = { 0, 0 }; /* of a zero vector */

    if (d.kappa > 0) {
        bool no_zero = zero == HF_CUDA_MATCH_NONE || d.low > 0;
        if (!(no_zero && two.quad >= 0 && two.second < d.low && only_place(r, d, two.quad, &best))) {
            best = decide_all(r, &d);
            if (zero != HF_CUDA_MATCH_NONE)
                offer(&best, zero, 0);
        }
    }
    if (lane_here() == 0)
        store(r, p, best.q, best.cosine);
}

#endif
