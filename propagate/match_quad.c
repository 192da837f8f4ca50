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
 *   pixel  c_j(p) itself against the 4 corners;
 * what passes is evaluated at every q. The nets need a lower bound of every pixel's best cosine
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
#define HIGHEST 1e30f
#define MAX_SEEDS 12
#define FEW_CANDIDATES 48 /* another seed costs about as much as searching these */

INLINE float max_float(float a, float b)
{
    return a > b ? a : b;
}

/* A bound of a cosine from a bound of its c_j. */
INLINE float lift(float c, float beta)
{
    return c > 0 ? beta * c : c;
}

/* What a bound of the quad or row must reach to matter to a pixel. */
INLINE float limit(float low, float kappa)
{
    return low > 0 ? low / kappa : low;
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

/* bound of every target quad from `cell`, one bound per target cell. */
INLINE void bound_quads(const hf_match_worker *wk, const hf_match_target *t)
{
    int n_x = t->map.x.n_quads, step = t->map.x.step;
    int64_t below = t->map.y.step * t->map.x.n_cells;
    for (int y = 0; y < t->map.y.n_quads; y++) {
        const float *cell = wk->cell + (int64_t)y * t->map.x.n_cells;
        const float *beta = t->bound + (int64_t)y * n_x;
        float *bound = wk->bound + (int64_t)y * n_x;
#pragma omp simd
        for (int x = 0; x < n_x; x++) {
            float upper = max_float(cell[x], cell[x + step]);
            float lower = max_float(cell[x + below], cell[x + step + below]);
            bound[x] = lift(max_float(upper, lower), beta[x]);
        }
    }
}

/* The target quad with the highest bound for one position. */
INLINE int scan_position(const hf_match_worker *wk, const hf_match_job *job, int p)
{
    const hf_match_target *t = job->target;
    const float *g0 = job->gram[0], *g1 = job->gram[1], *g2 = job->gram[2], *g3 = job->gram[3];
    int n = wk->n_positions, best = 0;
    float a0 = wk->a[p], a1 = wk->a[n + p], a2 = wk->a[2 * n + p], a3 = wk->a[3 * n + p];
    float *cell = wk->cell, top = LOWEST;

#pragma omp simd
    for (int j = 0; j < t->map.n; j++)
        cell[j] = a0 * g0[j] + a1 * g1[j] + a2 * g2[j] + a3 * g3[j];
    bound_quads(wk, t);
#pragma omp simd reduction(max : top)
    for (int c = 0; c < t->n_quads; c++)
        top = wk->bound[c] > top ? wk->bound[c] : top;
    while (wk->bound[best] < top)
        best++;
    return best;
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
    int at = quad / t->map.x.n_quads * t->map.x.n_cells + quad % t->map.x.n_quads;
    int below = t->map.y.step * t->map.x.n_cells;
    int cell[4] = { at, at + t->map.x.step, at + below, at + below + t->map.x.step };

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
        if (count_at_least(wk->bound, t->n_quads, least) <= FEW_CANDIDATES)
            return least;
    }
    bound_for_all(wk, job);
    return least;
}

INLINE int list_candidates(const hf_match_worker *wk, const hf_match_job *job, float least)
{
    const hf_match_target *t = job->target;
    int64_t below = t->map.y.step * t->map.x.n_cells;
    int n = 0;
    for (int c = 0; c < t->n_quads; c++) {
        if (wk->bound[c] < least || t->n_positions[c] == 0)
            continue;
        int64_t at = c / t->map.x.n_quads * (int64_t)t->map.x.n_cells + c % t->map.x.n_quads;
        int64_t cell[4] = { at, at + t->map.x.step, at + below, at + below + t->map.x.step };
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++)
                wk->listed_gram[(int64_t)(i * 4 + j) * wk->n_candidates + n] = job->gram[i][cell[j]];
        wk->listed_b[n] = t->bound[c];
        wk->listed[n++] = c;
    }
    return n;
}

/* c_j of one end of a row of positions for all listed target quads. */
INLINE void mix_ends(const hf_match_worker *wk, int n, int r, int end, int j)
{
    int64_t stride = wk->n_candidates;
    float upper = wk->row_a[end * wk->n_rows + r], lower = wk->row_a[(end + 2) * wk->n_rows + r];
    const float *g_upper = wk->listed_gram + (end * 4 + j) * stride;
    const float *g_lower = wk->listed_gram + ((end + 2) * 4 + j) * stride;
    float *mixed = wk->kept_ends + (end * 4 + j) * stride;
#pragma omp simd
    for (int c = 0; c < n; c++)
        mixed[c] = upper * g_upper[c] + lower * g_lower[c];
}

/* Keep, of n listed target quads, those that may win in row r; returns how many. */
INLINE int keep_for_row(const hf_match_worker *wk, const hf_match_job *job, int n, int r)
{
    int64_t stride = wk->n_candidates;
    int worst, n_x = n_columns(job), n_kept = 0;
    float *e = wk->kept_ends, *bound = wk->bound;
    float least = lowest_limit(wk, wk->ends + 2 * wk->n_positions, r * n_x, n_x, &worst);
    float sum_left = wk->row_a[r] + wk->row_a[2 * wk->n_rows + r];
    float sum_right = wk->row_a[wk->n_rows + r] + wk->row_a[3 * wk->n_rows + r];
    float error = job->epsilon * max_float(1, max_float(sum_left, sum_right));

    for (int end = 0; end < 2; end++)
        for (int j = 0; j < 4; j++)
            mix_ends(wk, n, r, end, j);
#pragma omp simd
    for (int c = 0; c < n; c++) {
        float left = max_float(max_float(e[c], e[stride + c]),
                               max_float(e[2 * stride + c], e[3 * stride + c]));
        float right = max_float(max_float(e[4 * stride + c], e[5 * stride + c]),
                                max_float(e[6 * stride + c], e[7 * stride + c]));
        bound[c] = lift(max_float(left, right) + error, wk->listed_b[c]);
    }
    for (int c = 0; c < n; c++) {
        if (bound[c] < least)
            continue;
        for (int k = 0; k < 8; k++)
            e[k * stride + n_kept] = e[k * stride + c];
        wk->kept_b[n_kept] = wk->listed_b[c];
        wk->kept[n_kept++] = wk->listed[c];
    }
    return n_kept;
}

/* Bounds of the kept target quads for one position; the highest one's number. */
INLINE int bound_kept(const hf_match_worker *wk, int n, int p, float error)
{
    int64_t stride = wk->n_candidates;
    const float *e = wk->kept_ends;
    float left = wk->ends[p], right = wk->ends[wk->n_positions + p], top = LOWEST;
    float *bound = wk->bound;
    int best = 0;

#pragma omp simd reduction(max : top)
    for (int c = 0; c < n; c++) {
        float c0 = left * e[c] + right * e[4 * stride + c];
        float c1 = left * e[stride + c] + right * e[5 * stride + c];
        float c2 = left * e[2 * stride + c] + right * e[6 * stride + c];
        float c3 = left * e[3 * stride + c] + right * e[7 * stride + c];
        float u = lift(max_float(max_float(c0, c1), max_float(c2, c3)) + error, wk->kept_b[c]);
        bound[c] = u;
        top = u > top ? u : top;
    }
    while (best + 1 < n && bound[best] < top)
        best++;
    return best;
}

INLINE void kept_corners(const hf_match_worker *wk, int k, int p, float c[4])
{
    int64_t stride = wk->n_candidates;
    for (int j = 0; j < 4; j++)
        c[j] = wk->ends[p] * wk->kept_ends[j * stride + k] +
               wk->ends[wk->n_positions + p] * wk->kept_ends[(4 + j) * stride + k];
}

/* Evaluate the kept target quads for one position, the most promising first; list in `near`, by
 * their number among the kept, those whose interval reaches the best one's lower end. */
INLINE int search_position(const hf_match_worker *wk, const hf_match_job *job, int n, int p)
{
    float error = wk->kappa[p] * job->epsilon, low = wk->low[p];
    int n_near = 0, n_still = 0, first = bound_kept(wk, n, p, error);

    for (int i = -1; i < n; i++) {
        int k = i < 0 ? first : i;
        if (wk->bound[k] < low || i == first)
            continue;
        float c[4];
        kept_corners(wk, k, p, c);
        float s = top_score(job->target, wk->kept[k], c[0], c[1], c[2], c[3]);
        float e = error * wk->kept_b[k];
        if (s + e < low)
            continue;
        low = max_float(low, s - e);
        wk->near[n_near] = k;
        wk->near_score[n_near++] = s + e;
    }
    wk->low[p] = low;
    for (int i = 0; i < n_near; i++)
        if (wk->near_score[i] >= low)
            wk->near[n_still++] = wk->near[i];
    return n_still;
}

/* Places in a kept target quad whose interval reaches `low`, into near_position. */
INLINE int near_positions(const hf_match_worker *wk, const hf_match_job *job, int k, int p, float *top)
{
    const hf_match_target *t = job->target;
    int quad = wk->kept[k], n = t->n_padded[quad], n_near = 0;
    const float *b = t->b + 4 * t->offset[quad];
    float c[4], least = wk->low[p] - wk->kappa[p] * job->epsilon * wk->kept_b[k];

    kept_corners(wk, k, p, c);
    for (int i = 0; i < t->n_positions[quad]; i++) {
        float s = c[0] * b[i] + c[1] * b[n + i] + c[2] * b[2 * n + i] + c[3] * b[3 * n + i];
        if (s < least)
            continue;
        wk->near_position[n_near++] = i;
        *top = s;
    }
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
            hf_match_exact_offer(&best, t->q[t->offset[quad] + wk->near_position[0]], s);
            return best;
        }
        if (length == 0)
            length = hf_match_exact_vector(wk->vector, map, job->qy, job->qx,
                                           map->y.start[job->qy] + r, map->x.start[job->qx] + x);
        hf_match_exact_quad(&best, t, quad, wk->near_position, n, wk->vector, length);
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
    size_t lanes = HF_MATCH_LANES;
    size_t n_cand = ((size_t)target->n_quads + lanes - 1) / lanes * lanes;
    size_t n_pos = (size_t)source->x.max_in_quad * (size_t)source->y.max_in_quad;
    size_t n_rows_max = (size_t)source->y.max_in_quad, f = sizeof(float);

    wk->n_positions = (int)n_pos;
    wk->n_rows = (int)n_rows_max;
    wk->n_candidates = (int)n_cand;
    wk->a = hf_match_take(arena, 4 * n_pos, f);
    wk->kappa = hf_match_take(arena, n_pos, f);
    wk->low = hf_match_take(arena, n_pos, f);
    wk->ends = hf_match_take(arena, 3 * n_pos, f);
    wk->row_a = hf_match_take(arena, 4 * n_rows_max, f);
    wk->cell = hf_match_take(arena, (size_t)target->map.n + lanes, f);
    wk->bound = hf_match_take(arena, n_cand, f);
    wk->listed = hf_match_take(arena, n_cand, sizeof(int));
    wk->listed_gram = hf_match_take(arena, 16 * n_cand, f);
    wk->listed_b = hf_match_take(arena, n_cand, f);
    wk->kept = hf_match_take(arena, n_cand, sizeof(int));
    wk->kept_ends = hf_match_take(arena, 8 * n_cand, f);
    wk->kept_b = hf_match_take(arena, n_cand, f);
    wk->near = hf_match_take(arena, n_cand, sizeof(int));
    wk->near_score = hf_match_take(arena, n_cand, f);
    wk->near_position = hf_match_take(
        arena, (size_t)target->map.x.max_in_quad * (size_t)target->map.y.max_in_quad, sizeof(int));
    wk->vector = hf_match_take(arena, (size_t)source->D, sizeof(double));
}
