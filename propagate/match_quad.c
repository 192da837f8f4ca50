/* match_quad.c - branch and bound over target quads for the pixels of one source quad.
 *
 * With cosines G_ij of coarse vectors, and a, b as in match_tables.h (sums kappa, beta >= 1),
 *
 *     cos(p, q) = sum_j b_j(q) c_j(p),  c_j(p) = sum_i a_i(p) G_ij
 *               <= kappa(p) beta(quad) max_ij G_ij            (or max_ij G_ij, when that is negative).
 *
 * Three nets of the same kind, each finer than the last:
 *   quad   one bound per target quad for all source pixels of the quad,
 *   row    the same between the left and right end of one row of pixels,
 *   pixel  c_j(p) itself;
 * the last two also know the cosines with the middles of the target quad and its edges, so that
 * beta is that of a quarter of the quad: it comes four times closer to 1. What passes is evaluated at every q. The nets need a lower bound of every pixel's best cosine
 * first: seeds, chosen for the pixel that is worst off, are evaluated for all pixels until few target
 * quads pass.
 *
 * All cosines here are float intervals [s - e, s + e], e = kappa beta epsilon. What is still
 * undecided after the pixel net goes to match_exact.c.
 */
#include "propagate/match_quad.h"

#include "propagate/match_exact.h"
#include "src/simd.h"

/* ISO C mode forbids fused multiply-add, which is half of the arithmetic here. */
#pragma GCC optimize("fp-contract=fast")

#define INLINE static inline __attribute__((always_inline)) /* into every clone of the caller */
#define LOWEST (-1e30f)
#define NOTHING (-2e30f) /* padding: below what is looked for even when that is LOWEST */
#define HIGHEST 1e30f
#define N_POINTS 9 /* corners and middles of a target quad */
#define MAX_SEEDS 12
#define FEW_CANDIDATES 48 /* another seed costs about as much as searching these */

INLINE float max_float(float a, float b)
{
    return a > b ? a : b;
}

/* A bound of a cosine from a bound of its c_j. */
INLINE float lift(float c, float beta)
{
    return c * (c > 0 ? beta : 1);
}

/* What a bound of the quad or row must reach to matter to a pixel. */
INLINE float limit(float low, float kappa)
{
    return low > 0 ? low / kappa : low;
}

/* The highest of v[0 .. n - 1], n a multiple of HF_MATCH_LANES. */
INLINE float highest(const float *v, int n)
{
    float top = LOWEST;
#pragma omp simd reduction(max : top)
    for (int k = 0; k < n; k++)
        top = v[k] > top ? v[k] : top;
    return top;
}

/* All i in 0 .. n - 1 with v[i] >= least, ascending; returns how many. Looks at whole blocks first, for
 * hits are rare, and overwrites v to the end of the last block. */
INLINE int collect(int *hits, float *v, int n, float least)
{
    int n_hits = 0;
    for (int i = n; i < hf_match_pad(n); i++)
        v[i] = NOTHING;
    for (int i = 0; i < n; i += HF_MATCH_SCAN) {
        if (highest(v + i, HF_MATCH_SCAN) < least)
            continue;
        for (int k = i; k < i + HF_MATCH_SCAN; k++) {
            hits[n_hits] = k;
            n_hits += v[k] >= least;
        }
    }
    return n_hits;
}

static int n_columns(const hf_match_job *job)
{
    return job->source->x.start[job->qx + 1] - job->source->x.start[job->qx];
}

static int n_rows(const hf_match_job *job)
{
    return job->source->y.start[job->qy + 1] - job->source->y.start[job->qy];
}

/* Coefficients of every position, and of the two ends of every row. */
static void fill_positions(hf_match_worker *wk, const hf_match_job *job)
{
    const hf_match_map *map = job->source;
    int y0 = map->y.start[job->qy], x0 = map->x.start[job->qx], n_x = n_columns(job);
    hf_match_corners corners;

    hf_match_corners_get(&corners, map, job->qy, job->qx);
    for (int r = 0; r < n_rows(job); r++) {
        double w[4], end[2];
        for (int e = 0; e < 2; e++) {
            hf_match_weights(w, map->y.far[y0 + r], e);
            end[e] = hf_match_length(&corners, map, w);
            for (int i = e; i < 4; i += 2)
                wk->row_a[i * wk->n_rows + r] =
                    end[e] > 0 ? (float)(w[i] * corners.norm[i] / end[e]) : 0;
        }
        for (int x = 0; x < n_x; x++) {
            int p = r * n_x + x, n = wk->n_positions;
            double far = map->x.far[x0 + x], sum = 0;
            hf_match_weights(w, map->y.far[y0 + r], far);
            double length = hf_match_length(&corners, map, w);
            for (int i = 0; i < 4; i++) {
                double a = length > 0 ? w[i] * corners.norm[i] / length : 0;
                wk->a[i * n + p] = (float)a;
                sum += a;
            }
            wk->kappa[p] = (float)sum;
            wk->low[p] = length > 0 ? LOWEST : HIGHEST;
            wk->ends[p] = length > 0 ? (float)((1 - far) * end[0] / length) : 0;
            wk->ends[n + p] = length > 0 ? (float)(far * end[1] / length) : 0;
            wk->ends[2 * n + p] = wk->ends[p] + wk->ends[n + p];
        }
    }
}

/* bound of every target quad from `cell`, one bound per target cell. What it makes of the empty last
 * column and of the padding does not matter. */
INLINE void bound_quads(const hf_match_worker *wk, const hf_match_target *t)
{
    int n = hf_match_pad(t->n_quads), right = t->map.x.step;
    int below = t->map.y.step * t->map.x.n_cells;
    const float *cell = wk->cell, *beta = t->bound;
    float *bound = wk->bound;
#pragma omp simd
    for (int c = 0; c < n; c++) {
        float upper = max_float(cell[c], cell[c + right]);
        float lower = max_float(cell[c + below], cell[c + below + right]);
        bound[c] = lift(max_float(upper, lower), beta[c]);
    }
    for (int c = t->n_quads; c < n; c++)
        bound[c] = NOTHING;
}

/* The target quad with the highest bound for one position. */
INLINE int scan_position(const hf_match_worker *wk, const hf_match_job *job, int p)
{
    const hf_match_target *t = job->target;
    const float *g0 = job->gram[0], *g1 = job->gram[1], *g2 = job->gram[2], *g3 = job->gram[3];
    int n = wk->n_positions;
    float a0 = wk->a[p], a1 = wk->a[n + p], a2 = wk->a[2 * n + p], a3 = wk->a[3 * n + p];
    float *cell = wk->cell;

#pragma omp simd
    for (int j = 0; j < t->map.n; j++)
        cell[j] = a0 * g0[j] + a1 * g1[j] + a2 * g2[j] + a3 * g3[j];
    bound_quads(wk, t);
    float top = highest(wk->bound, hf_match_pad(t->n_quads));
    int first = 0;
    while (highest(wk->bound + first, HF_MATCH_SCAN) < top)
        first += HF_MATCH_SCAN;
    while (wk->bound[first] < top)
        first++;
    return first;
}

INLINE void bound_for_all(const hf_match_worker *wk, const hf_match_job *job)
{
    const float *g0 = job->gram[0], *g1 = job->gram[1], *g2 = job->gram[2], *g3 = job->gram[3];
    float *cell = wk->cell, epsilon = job->epsilon;
#pragma omp simd
    for (int j = 0; j < job->target->map.n; j++)
        cell[j] = max_float(max_float(g0[j], g1[j]), max_float(g2[j], g3[j])) + epsilon;
    bound_quads(wk, job->target);
}

/* The highest cosine of a target quad, from the c_j of its corners. */
INLINE float top_score(const hf_match_target *t, int quad, float c0, float c1, float c2, float c3)
{
    const float *b = t->b + 4 * t->offset[quad];
    int n = t->n_padded[quad];
    float top = LOWEST;
#pragma omp simd reduction(max : top)
    for (int k = 0; k < n; k++) {
        float s = c0 * b[k] + c1 * b[n + k] + c2 * b[2 * n + k] + c3 * b[3 * n + k];
        top = s > top ? s : top;
    }
    return top;
}

/* Raise every position's lower bound by what one target quad offers. */
INLINE void try_seed(const hf_match_worker *wk, const hf_match_job *job, int quad)
{
    const hf_match_target *t = job->target;
    int n = wk->n_positions, n_here = n_rows(job) * n_columns(job);
    int below = t->map.y.step * t->map.x.n_cells, right = t->map.x.step;
    int cell[4] = { quad, quad + right, quad + below, quad + below + right };

    for (int p = 0; p < n_here; p++) {
        float c[4];
        for (int j = 0; j < 4; j++) {
            c[j] = 0;
            for (int i = 0; i < 4; i++)
                c[j] += wk->a[i * n + p] * job->gram[i][cell[j]];
        }
        float error = wk->kappa[p] * t->bound[quad] * job->epsilon;
        wk->low[p] = max_float(wk->low[p], top_score(t, quad, c[0], c[1], c[2], c[3]) - error);
    }
}

/* The lowest limit of n positions from p0 on; *worst is the position that has it. */
INLINE float lowest_limit(const hf_match_worker *wk, const float *kappa, int p0, int n, int *worst)
{
    float lowest = HIGHEST;
    *worst = p0;
    for (int p = p0; p < p0 + n; p++) {
        float l = limit(wk->low[p], kappa[p]);
        if (l < lowest) {
            lowest = l;
            *worst = p;
        }
    }
    return lowest;
}

INLINE int count_at_least(const float *v, int n, float least)
{
    int count = 0;
#pragma omp simd reduction(+ : count)
    for (int i = 0; i < n; i++)
        count += v[i] >= least;
    return count;
}

/* Lower bounds for all positions; returns what a target quad's bound must reach. */
INLINE float seed(const hf_match_worker *wk, const hf_match_job *job)
{
    const hf_match_target *t = job->target;
    int n_here = n_rows(job) * n_columns(job), last = -1;
    int p = n_rows(job) / 2 * n_columns(job) + n_columns(job) / 2;
    float least = LOWEST;

    for (int i = 0; i < MAX_SEEDS; i++) {
        int quad = scan_position(wk, job, p);
        if (quad == last || t->n_positions[quad] == 0)
            break;
        try_seed(wk, job, quad);
        last = quad;
        least = lowest_limit(wk, wk->kappa, 0, n_here, &p);
        bound_for_all(wk, job);
        if (count_at_least(wk->bound, hf_match_pad(t->n_quads), least) <= FEW_CANDIDATES)
            return least;
    }
    bound_for_all(wk, job);
    return least;
}

INLINE int list_candidates(const hf_match_worker *wk, const hf_match_job *job, float least)
{
    const hf_match_target *t = job->target;
    int below = t->map.y.step * t->map.x.n_cells, right = t->map.x.step, n = 0;
    int n_hits = collect(wk->hits, wk->bound, t->n_quads, least);

    for (int hit = 0; hit < n_hits; hit++) {
        int c = wk->hits[hit];
        if (t->n_positions[c] == 0)
            continue;
        int cell[4] = { c, c + right, c + below, c + below + right };
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++)
                wk->listed_gram[(int64_t)(i * 4 + j) * wk->n_candidates + n] = job->gram[i][cell[j]];
        for (int k = 0; k < HF_MATCH_N_MIXES; k++)
            wk->listed_mix[(int64_t)k * wk->n_candidates + n] = t->mix[(int64_t)k * t->n_quads + c];
        wk->listed_b[n] = t->bound[c];
        wk->listed_part[n] = t->bound_part[c];
        wk->listed[n++] = c;
    }
    return n;
}

/* Cosines of one end of row r with the corners and middles of all n listed target quads, into
 * kept_ends; `top` is raised to the highest of each target quad. */
INLINE void mix_end(const hf_match_worker *wk, int n, int r, int end, float *top)
{
    int64_t stride = wk->n_candidates;
    float upper = wk->row_a[end * wk->n_rows + r], lower = wk->row_a[(end + 2) * wk->n_rows + r];
    const float *g = wk->listed_gram + end * 4 * stride, *h = g + 8 * stride, *m = wk->listed_mix;
    float *e = wk->kept_ends + end * N_POINTS * stride;
    n = hf_match_pad(n);
#pragma omp simd
    for (int c = 0; c < n; c++) {
        float c0 = upper * g[c] + lower * h[c];
        float c1 = upper * g[stride + c] + lower * h[stride + c];
        float c2 = upper * g[2 * stride + c] + lower * h[2 * stride + c];
        float c3 = upper * g[3 * stride + c] + lower * h[3 * stride + c];
        float m01 = m[c] * c0 + m[stride + c] * c1;
        float m02 = m[2 * stride + c] * c0 + m[3 * stride + c] * c2;
        float m13 = m[4 * stride + c] * c1 + m[5 * stride + c] * c3;
        float m23 = m[6 * stride + c] * c2 + m[7 * stride + c] * c3;
        float centre = m[8 * stride + c] * c0 + m[9 * stride + c] * c1 + m[10 * stride + c] * c2 +
                       m[11 * stride + c] * c3;
        float corners = max_float(max_float(c0, c1), max_float(c2, c3));
        float middles = max_float(max_float(m01, m02), max_float(m13, m23));
        e[c] = c0, e[stride + c] = c1, e[2 * stride + c] = c2, e[3 * stride + c] = c3;
        e[4 * stride + c] = m01, e[5 * stride + c] = m02, e[6 * stride + c] = m13;
        e[7 * stride + c] = m23, e[8 * stride + c] = centre;
        top[c] = max_float(top[c], max_float(max_float(corners, middles), centre));
    }
}

INLINE void pack_ends(const hf_match_worker *wk, int n_kept)
{
    for (int k = 0; k < 2 * N_POINTS; k++) {
        float *e = wk->kept_ends + (int64_t)k * wk->n_candidates;
        for (int c = 0; c < n_kept; c++)
            e[c] = e[wk->hits[c]];
    }
}

/* Keep, of n listed target quads, those that may win in row r; returns how many. */
INLINE int keep_for_row(const hf_match_worker *wk, const hf_match_job *job, int n, int r)
{
    int worst, n_x = n_columns(job), n_padded = hf_match_pad(n);
    float *top = wk->bound, *beta = wk->listed_b, *part = wk->listed_part;
    float least = lowest_limit(wk, wk->ends + 2 * wk->n_positions, r * n_x, n_x, &worst);
    float sum_left = wk->row_a[r] + wk->row_a[2 * wk->n_rows + r];
    float sum_right = wk->row_a[wk->n_rows + r] + wk->row_a[3 * wk->n_rows + r];
    float error = job->epsilon * max_float(1, max_float(sum_left, sum_right));

    for (int c = 0; c < n_padded; c++)
        top[c] = LOWEST;
    mix_end(wk, n, r, 0, top);
    mix_end(wk, n, r, 1, top);
#pragma omp simd
    for (int c = 0; c < n_padded; c++)
        top[c] = lift(top[c] + error * beta[c], part[c]);
    int n_kept = collect(wk->hits, top, n, least);
    pack_ends(wk, n_kept);
    for (int c = 0; c < n_kept; c++) {
        wk->kept_b[c] = beta[wk->hits[c]];
        wk->kept_part[c] = part[wk->hits[c]];
        wk->kept[c] = wk->listed[wk->hits[c]];
    }
    return n_kept;
}

/* Bounds of the kept target quads for one position. */
INLINE void bound_kept(const hf_match_worker *wk, int n, int p, float error)
{
    int64_t s = wk->n_candidates;
    const float *e = wk->kept_ends, *f = e + N_POINTS * s, *beta = wk->kept_b, *part = wk->kept_part;
    float left = wk->ends[p], right = wk->ends[wk->n_positions + p];
    float *bound = wk->bound;

    n = hf_match_pad(n);
#pragma omp simd
    for (int c = 0; c < n; c++) {
        float u0 = max_float(left * e[c] + right * f[c], left * e[s + c] + right * f[s + c]);
        float u1 = max_float(left * e[2 * s + c] + right * f[2 * s + c],
                             left * e[3 * s + c] + right * f[3 * s + c]);
        float u2 = max_float(left * e[4 * s + c] + right * f[4 * s + c],
                             left * e[5 * s + c] + right * f[5 * s + c]);
        float u3 = max_float(left * e[6 * s + c] + right * f[6 * s + c],
                             left * e[7 * s + c] + right * f[7 * s + c]);
        float u = max_float(max_float(u0, u1), max_float(u2, u3));
        u = max_float(u, left * e[8 * s + c] + right * f[8 * s + c]);
        bound[c] = lift(u + error * beta[c], part[c]);
    }
}

INLINE void kept_corners(const hf_match_worker *wk, int k, int p, float c[4])
{
    int64_t stride = wk->n_candidates;
    for (int j = 0; j < 4; j++)
        c[j] = wk->ends[p] * wk->kept_ends[j * stride + k] +
               wk->ends[wk->n_positions + p] * wk->kept_ends[(N_POINTS + j) * stride + k];
}

/* Evaluate kept target quad k for a position; if its interval reaches *low, add it to `near`. */
INLINE int try_kept(const hf_match_worker *wk, const hf_match_job *job, int k, int p, int n_near,
                    float *low)
{
    float c[4], e = wk->kappa[p] * job->epsilon * wk->kept_b[k];
    kept_corners(wk, k, p, c);
    float s = top_score(job->target, wk->kept[k], c[0], c[1], c[2], c[3]);
    if (s + e < *low)
        return n_near;
    *low = max_float(*low, s - e);
    wk->near[n_near] = k;
    wk->near_score[n_near] = s + e;
    return n_near + 1;
}

/* Evaluate the kept target quads for one position, the most promising first; list in `near`, by
 * their number among the kept, those whose interval reaches the best one's lower end. */
INLINE int search_position(const hf_match_worker *wk, const hf_match_job *job, int n, int p)
{
    float low = wk->low[p];
    int n_near = 0, n_still = 0, first = 0;

    bound_kept(wk, n, p, wk->kappa[p] * job->epsilon);
    int n_hits = collect(wk->hits, wk->bound, n, low);
    for (int i = 1; i < n_hits; i++)
        first = wk->bound[wk->hits[i]] > wk->bound[wk->hits[first]] ? i : first;
    if (n_hits > 0)
        n_near = try_kept(wk, job, wk->hits[first], p, n_near, &low);
    for (int i = 0; i < n_hits; i++)
        if (i != first && wk->bound[wk->hits[i]] >= low)
            n_near = try_kept(wk, job, wk->hits[i], p, n_near, &low);
    wk->low[p] = low;
    for (int i = 0; i < n_near; i++)
        if (wk->near_score[i] >= low)
            wk->near[n_still++] = wk->near[i];
    return n_still;
}

/* Places in a kept target quad whose interval reaches the best lower end, into hits; returns how many.
 * `top` gets the score of the last. */
INLINE int near_positions(const hf_match_worker *wk, const hf_match_job *job, int k, int p, float *top)
{
    const hf_match_target *t = job->target;
    int quad = wk->kept[k], n = t->n_padded[quad];
    const float *b = t->b + 4 * t->offset[quad];
    float c[4], least = wk->low[p] - wk->kappa[p] * job->epsilon * wk->kept_b[k];
    float *score = wk->score;

    kept_corners(wk, k, p, c);
#pragma omp simd
    for (int i = 0; i < n; i++)
        score[i] = c[0] * b[i] + c[1] * b[n + i] + c[2] * b[2 * n + i] + c[3] * b[3 * n + i];
    int n_near = collect(wk->hits, score, t->n_positions[quad], least);
    *top = n_near > 0 ? score[wk->hits[n_near - 1]] : 0;
    return n_near;
}

/* The winner among n_near kept target quads; float where only one place is left, else double. */
INLINE hf_match_best decide(const hf_match_worker *wk, const hf_match_job *job, int n_near, int r, int x)
{
    const hf_match_target *t = job->target;
    const hf_match_map *map = job->source;
    int p = r * n_columns(job) + x;
    hf_match_best best = { .q = -1 };
    float s = 0;
    double length = 0;

    for (int i = 0; i < n_near; i++) {
        int quad = wk->kept[wk->near[i]], n = near_positions(wk, job, wk->near[i], p, &s);
        if (n_near == 1 && n == 1 && (t->first_zero < 0 || wk->low[p] > 0)) {
            hf_match_exact_offer(&best, t->q[t->offset[quad] + wk->hits[0]], s);
            return best;
        }
        if (length == 0)
            length = hf_match_exact_vector(wk->vector, map, job->qy, job->qx,
                                           map->y.start[job->qy] + r, map->x.start[job->qx] + x);
        hf_match_exact_quad(&best, t, quad, wk->hits, n, wk->vector, length);
    }
    if (t->first_zero >= 0)
        hf_match_exact_offer(&best, t->first_zero, 0);
    return best;
}

static void store(const hf_match_job *job, int32_t *index, float *similarity, int r, int x,
                  hf_match_best best)
{
    const hf_match_map *map = job->source;
    int64_t at = (int64_t)map->y.first[map->y.start[job->qy] + r] * map->x.n_px +
                 map->x.first[map->x.start[job->qx] + x];
    index[at] = best.q;
    similarity[at] = (float)(best.cosine > 1 ? 1 : best.cosine < -1 ? -1 : best.cosine);
}

HF_CLONES void hf_match_quad(hf_match_worker *wk, const hf_match_job *job, int32_t *index,
                             float *similarity)
{
    if (n_rows(job) == 0 || n_columns(job) == 0)
        return;
    fill_positions(wk, job);
    float least = seed(wk, job);
    int n_listed = list_candidates(wk, job, least);
    for (int r = 0; r < n_rows(job); r++) {
        int n_kept = keep_for_row(wk, job, n_listed, r);
        for (int x = 0; x < n_columns(job); x++) {
            int p = r * n_columns(job) + x;
            hf_match_best best = { 0, 0 }; /* of a zero vector */
            if (wk->kappa[p] > 0)
                best = decide(wk, job, search_position(wk, job, n_kept, p), r, x);
            store(job, index, similarity, r, x, best);
        }
    }
}

void hf_match_worker_plan(hf_match_worker *wk, hf_match_arena *arena, const hf_match_map *source,
                          const hf_match_target *target)
{
    size_t n_cand = (size_t)hf_match_pad(target->n_quads);
    size_t n_pos = (size_t)source->x.max_in_quad * (size_t)source->y.max_in_quad;
    size_t n_target = (size_t)hf_match_pad(target->map.x.max_in_quad * target->map.y.max_in_quad);
    size_t n_rows_max = (size_t)source->y.max_in_quad, f = sizeof(float);

    wk->n_positions = (int)n_pos;
    wk->n_rows = (int)n_rows_max;
    wk->n_candidates = (int)n_cand;
    wk->a = hf_match_take(arena, 4 * n_pos, f);
    wk->kappa = hf_match_take(arena, n_pos, f);
    wk->low = hf_match_take(arena, n_pos, f);
    wk->ends = hf_match_take(arena, 3 * n_pos, f);
    wk->row_a = hf_match_take(arena, 4 * n_rows_max, f);
    wk->cell = hf_match_take(arena, (size_t)target->map.n + 2 * HF_MATCH_SCAN, f);
    wk->bound = hf_match_take(arena, n_cand, f);
    wk->listed = hf_match_take(arena, n_cand, sizeof(int));
    wk->listed_gram = hf_match_take(arena, 16 * n_cand, f);
    wk->listed_mix = hf_match_take(arena, HF_MATCH_N_MIXES * n_cand, f);
    wk->listed_b = hf_match_take(arena, n_cand, f);
    wk->listed_part = hf_match_take(arena, n_cand, f);
    wk->kept = hf_match_take(arena, n_cand, sizeof(int));
    wk->kept_ends = hf_match_take(arena, 2 * N_POINTS * n_cand, f);
    wk->kept_b = hf_match_take(arena, n_cand, f);
    wk->kept_part = hf_match_take(arena, n_cand, f);
    wk->near = hf_match_take(arena, n_cand, sizeof(int));
    wk->near_score = hf_match_take(arena, n_cand, f);
    wk->score = hf_match_take(arena, n_target, f);
    wk->hits = hf_match_take(arena, n_target > n_cand ? n_target + 1 : n_cand + 1, sizeof(int));
    wk->vector = hf_match_take(arena, (size_t)source->D, sizeof(double));
}
