/* match_search.cu - branch and bound over target quads for the pixels of one source quad; the definition is
 * propagate/match_dense.c, the same nets on a CPU are propagate/match_quad.c.
 *
 * With cosines G_ij of coarse vectors, and a, b as in propagate/match_tables.h (sums kappa, beta >= 1),
 *
 *     cos(p, q) = sum_j b_j(q) c_j(p),  c_j(p) = sum_i a_i(p) G_ij
 *               <= kappa(p) beta(quad) max_ij G_ij            (or max_ij G_ij, when that is negative).
 *
 * A block owns up to TILE positions of one source quad, which share their four rows of G:
 *   seeds   a few target quads, chosen for the positions that are worst off, give every position a lower bound
 *   list    target quads whose bound reaches the lowest of these: one pass, one bound for all positions
 *   search  lanes are positions: a warp takes a listed quad, bounds its quarters for its 32 positions by the
 *           cosines with corners and middles, and evaluates the quarters that any lane still needs
 *   decide  a warp for each position: the one place left, or the near-tied ones once more in double
 *
 * All cosines are float intervals [s - e, s + e], e = kappa beta epsilon. Which quads are evaluated depends on the
 * order of the warps, the result does not: a lower bound only ever drops what cannot win.
 */
#include "cuda/match_dense.cuh"

constexpr int WARPS = 8;
constexpr int THREADS = 32 * WARPS;
constexpr int TILE = 128;     /* a quad of 11 x 11 pixels fits; shared memory stays small enough for four blocks */
constexpr int LIST = 1024;    /* target quads kept at a time; usual are a hundred */
constexpr int BATCH = 32;     /* of these, their data in shared memory at a time */
constexpr int SEEDS = 4;      /* a round */
constexpr int MAX_ROUNDS = 4;
constexpr int FEW = 96;       /* another round costs about as much as searching these */

/* Above this the similarity of a single place is taken again in double, whatever epsilon is. */
#define MAX_AMPLIFICATION 4.0f

#define TIE 1e-12 /* double rounding, far below any real difference */

struct batch {
    int    n;
    int    quad[BATCH];
    float4 gram[BATCH][4]; /* [j]: corner i with their corner j, by i */
    hf_cuda_match_quad info[BATCH];
};

struct block_state {
    int    qy, qx, first, n;        /* the tile: positions first .. first + n - 1 of the quad, row by row */
    int    list_first, list_end, n_listed;
    int    order_count[WARPS];
    float4 a[TILE];                 /* a_i(p) */
    float  kappa[TILE];             /* sum of a_i(p); 0 for a zero vector */
    int    low[TILE];               /* ordered: the best cosine is at least this */
    unsigned long long pick[SEEDS]; /* ordered value and which, of an argmax or argmin */
    int    seed_cell[SEEDS];
    float  top[WARPS][32], second[WARPS][32]; /* highest upper ends of intervals of two different quads */
    int    top_quad[WARPS][32];
    int    list[LIST];
    batch  listed;
};

/* Floats as integers of the same order. */
__device__ __forceinline__ int ordered(float v)
{
    int bits = __float_as_int(v);
    return bits >= 0 ? bits : bits ^ 0x7fffffff;
}

__device__ __forceinline__ float from_ordered(int v)
{
    return __int_as_float(v >= 0 ? v : v ^ 0x7fffffff);
}

__device__ __forceinline__ unsigned long long keyed(float v, unsigned which)
{
    return (unsigned long long)((unsigned)ordered(v) ^ 0x80000000u) << 32 | which;
}

/* What the bound of a target quad must reach to matter to a position. */
__device__ __forceinline__ float limit(float low, float kappa)
{
    return low > 0 ? low / kappa : low;
}

__device__ __forceinline__ float max4(float a, float b, float c, float d)
{
    return fmaxf(fmaxf(a, b), fmaxf(c, d));
}

__device__ __forceinline__ float dot4(float4 a, float4 b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}

/* The search of one block: its constants, and what each thread is. */
struct searcher {
    const hf_cuda_match_search &p;
    block_state &s;
    const float *rows[4];  /* of G: the four source corners */
    float       *highest;  /* [target cells] shared: the highest of the four rows, plus epsilon; or NULL */
    int          thread, warp, lane;
};

/* ---- positions ---- */

__device__ __forceinline__ void position_of(const searcher &r, int p, int *py, int *px)
{
    const hf_cuda_match_map &map = r.p.source;
    int x0 = map.x.start[r.s.qx], n_x = map.x.start[r.s.qx + 1] - x0;
    *py = map.y.start[r.s.qy] + (r.s.first + p) / n_x;
    *px = x0 + (r.s.first + p) % n_x;
}

__device__ void fill_positions(const searcher &r)
{
    const hf_cuda_match_map &map = r.p.source;
    match_corners c = corners_of(map, r.s.qy, r.s.qx);
    for (int p = r.thread; p < TILE; p += THREADS) {
        double a[4] = { 0, 0, 0, 0 }, w[4], sum = 0, length = 0;
        if (p < r.s.n) {
            int py, px;
            position_of(r, p, &py, &px);
            weights_at(w, map.y.far[py], map.x.far[px]);
            length = length_at(c, map, w);
            for (int i = 0; length > 0 && i < 4; i++)
                sum += a[i] = w[i] * c.norm[i] / length;
        }
        r.s.a[p] = make_float4((float)a[0], (float)a[1], (float)a[2], (float)a[3]);
        r.s.kappa[p] = (float)sum;
        r.s.low[p] = ordered(length > 0 ? HF_LOWEST : HF_HIGHEST);
    }
}

/* ---- bounds of target quads for all positions ---- */

__device__ __forceinline__ float highest_at(const searcher &r, int cell)
{
    if (r.highest)
        return r.highest[cell];
    return max4(r.rows[0][cell], r.rows[1][cell], r.rows[2][cell], r.rows[3][cell]) + r.p.epsilon;
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
__device__ __forceinline__ void warp_part(const searcher &r, int first, int end, int *from, int *to)
{
    int each = ((end - first + WARPS - 1) / WARPS + 31) / 32 * 32;
    *from = min(first + r.warp * each, end);
    *to = min(*from + each, end);
}

/* How many of the target quads first .. end - 1 reach `least`; all threads get it. */
__device__ int count_quads(const searcher &r, int first, int end, float least)
{
    int from, to, n = 0;
    warp_part(r, first, end, &from, &to);
    for (int c = from; c < to; c += 32)
        n += __popc(__ballot_sync(HF_FULL_WARP, c + r.lane < to && quad_reaches(r, c + r.lane, least)));
    __syncthreads(); /* the counts before are read */
    if (r.lane == 0)
        r.s.order_count[r.warp] = n;
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
    warp_part(r, first, end, &from, &to);
    for (int w = 0; w < r.warp; w++)
        at += r.s.order_count[w];
    for (int c = from; c < to; c += 32) {
        bool hit = c + r.lane < to && quad_reaches(r, c + r.lane, least);
        unsigned hits = __ballot_sync(HF_FULL_WARP, hit);
        if (hit)
            r.s.list[at + __popc(hits & ((1u << r.lane) - 1))] = c + r.lane;
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
    for (int i = r.thread; i < 4 * n; i += THREADS) {
        int quad = quads[i / 4], j = i % 4, cell = quad + (j & 1) * right + (j >> 1) * below;
        b->gram[i / 4][j] = make_float4(r.rows[0][cell], r.rows[1][cell], r.rows[2][cell], r.rows[3][cell]);
        if (j == 0)
            b->quad[i / 4] = quad;
    }
    const int words = sizeof(hf_cuda_match_quad) / 4;
    for (int i = r.thread; i < words * n; i += THREADS)
        ((int *)b->info)[i] = ((const int *)&t.quads[quads[i / words]])[i % words];
    if (r.thread == 0)
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
    *group = r.warp % n_groups;
    *share = r.warp / n_groups;
    *n_shares = (WARPS - *group + n_groups - 1) / n_groups;
}

__device__ void search_batch(const searcher &r, best_two *best)
{
    int group, share, n_shares;
    warp_share(r, &group, &share, &n_shares);
    int p = 32 * group + r.lane; /* below TILE; positions that are not there have low = HF_HIGHEST */
    float4 a = r.s.a[p];
    float kappa = r.s.kappa[p];
    for (int k = share; k < r.s.listed.n; k += n_shares)
        try_quad(r, k, p, a, kappa, best);
}

/* ---- seeds ---- */

/* For four positions at once: the target cell with the highest cosine. The first round also keeps the highest of the rows. */
__device__ void find_cells(const searcher &r, const int positions[SEEDS], bool first_round)
{
    float best[SEEDS];
    int cell[SEEDS];
    for (int k = 0; k < SEEDS; k++)
        best[k] = HF_LOWEST, cell[k] = 0;
    if (r.thread < SEEDS)
        r.s.pick[r.thread] = 0;
    float4 a0 = r.s.a[positions[0]], a1 = r.s.a[positions[1]], a2 = r.s.a[positions[2]], a3 = r.s.a[positions[3]];
    __syncthreads();
    for (int j = r.thread; j < r.p.target.map.n; j += THREADS) {
        float4 g = make_float4(r.rows[0][j], r.rows[1][j], r.rows[2][j], r.rows[3][j]);
        float v[SEEDS] = { dot4(a0, g), dot4(a1, g), dot4(a2, g), dot4(a3, g) };
        if (first_round && r.highest)
            r.highest[j] = max4(g.x, g.y, g.z, g.w) + r.p.epsilon;
#pragma unroll
        for (int k = 0; k < SEEDS; k++)
            if (v[k] > best[k])
                best[k] = v[k], cell[k] = j;
    }
#pragma unroll
    for (int k = 0; k < SEEDS; k++) {
        float top = warp_max(best[k]);
        if (best[k] == top)
            atomicMax(&r.s.pick[k], keyed(top, ~(unsigned)cell[k]));
    }
    __syncthreads();
    if (r.thread < SEEDS)
        r.s.seed_cell[r.thread] = (int)~(unsigned)r.s.pick[r.thread];
    __syncthreads();
}

/* Of the up to four quads around a seed's cell, the one with the highest sum of cosines of its corners. Threads
 * 0 .. 15 have one each. */
__device__ void find_quads(const searcher &r, const int positions[SEEDS])
{
    const hf_cuda_match_map &map = r.p.target.map;
    int seed = r.thread / 4, corner = r.thread % 4, right = map.x.step, below = map.y.step * map.x.n_cells;
    if (r.thread < SEEDS)
        r.s.pick[r.thread] = 0;
    __syncthreads();
    if (r.thread < 4 * SEEDS) {
        int cell = r.s.seed_cell[seed];
        int qy = cell / map.x.n_cells - (corner >> 1), qx = cell % map.x.n_cells - (corner & 1);
        if (qy >= 0 && qx >= 0 && qy < map.y.n_quads && qx < map.x.n_quads) {
            int quad = qy * map.x.n_cells + qx;
            float sum = 0;
            for (int i = 0; i < 4; i++) {
                const float *row = r.rows[i] + quad;
                const float4 a4 = r.s.a[positions[seed]];
                float a = i == 0 ? a4.x : i == 1 ? a4.y : i == 2 ? a4.z : a4.w;
                sum += a * (row[0] + row[right] + row[below] + row[below + right]);
            }
            atomicMax(&r.s.pick[seed], keyed(sum, (unsigned)r.p.target.quads[quad].twin));
        }
    }
    __syncthreads();
}

/* The picked quads, each once, into the list; returns how many. One thread does it. */
__device__ int list_seeds(const searcher &r)
{
    int n = 0;
    for (int k = 0; k < SEEDS; k++) {
        int quad = (int)(unsigned)r.s.pick[k];
        bool known = r.s.pick[k] == 0 || r.p.target.beta[quad] == 0;
        for (int i = 0; i < n; i++)
            known = known || r.s.list[i] == quad;
        if (!known)
            r.s.list[n++] = quad;
    }
    return n;
}

/* The lowest limit of all positions; `positions` gets the one that has it in each of SEEDS parts of the tile. */
__device__ float worst_positions(const searcher &r, int positions[SEEDS])
{
    if (r.thread < SEEDS)
        r.s.pick[r.thread] = ~0ull;
    __syncthreads();
    for (int p = r.thread; p < r.s.n; p += THREADS) {
        float l = r.s.kappa[p] > 0 ? limit(from_ordered(r.s.low[p]), r.s.kappa[p]) : HF_HIGHEST;
        atomicMin(&r.s.pick[p * SEEDS / r.s.n], keyed(l, (unsigned)p));
    }
    __syncthreads();
    float least = HF_HIGHEST;
    for (int k = 0; k < SEEDS; k++) {
        unsigned long long pick = r.s.pick[k]; /* a part of a very small tile may be empty */
        positions[k] = pick == ~0ull ? 0 : (int)(unsigned)pick;
        if (pick != ~0ull)
            least = fminf(least, from_ordered((int)((unsigned)(pick >> 32) ^ 0x80000000u)));
    }
    __syncthreads();
    return least;
}

/* Lower bounds for all positions; returns what a target quad's bound must reach. */
__device__ float seed(const searcher &r, int *n_candidates)
{
    const hf_cuda_match_map &map = r.p.source;
    int n_x = map.x.start[r.s.qx + 1] - map.x.start[r.s.qx], last = r.s.n - 1;
    int positions[SEEDS] = { 0, min(n_x - 1, last), max(last - n_x + 1, 0), last };
    best_two unused = { HF_LOWEST, HF_LOWEST, -1 };
    float least = HF_LOWEST;

    for (int round = 0; round < MAX_ROUNDS; round++) {
        find_cells(r, positions, round == 0);
        find_quads(r, positions);
        if (r.thread == 0)
            r.s.n_listed = list_seeds(r);
        __syncthreads();
        load_batch(r, r.s.list, r.s.n_listed);
        search_batch(r, &unused);
        __syncthreads();
        least = worst_positions(r, positions);
        *n_candidates = count_quads(r, 0, r.p.target.n_quads, least);
        if (*n_candidates <= FEW)
            break;
    }
    return least;
}

/* ---- deciding ---- */

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
        c[j] = dot4(d.a, make_float4(r.rows[0][cell], r.rows[1][cell], r.rows[2][cell], r.rows[3][cell]));
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
    for (int i = r.lane; i < D; i += 32) {
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
        int i = i0 + r.lane;
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
        int i = i0 + r.lane;
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
        int i = i0 + r.lane, quad = i < n ? use_list ? r.s.list[i] : i : 0;
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

__device__ void decide(const searcher &r, int p)
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
    if (r.lane == 0)
        store(r, p, best.q, best.cosine);
}

/* ---- the kernel ---- */

/* One block for TILE positions of one source quad; quads with fewer positions leave some of n_tiles blocks idle. */
__global__ void __launch_bounds__(THREADS, 3) search_kernel(hf_cuda_match_search search, int n_tiles)
{
    HF_DYNAMIC_SHARED(block_state, state);
    const hf_cuda_match_map &map = search.source;
    int thread = threadIdx.x, n_candidates = 0, quad = blockIdx.x / n_tiles;
    int row = quad / map.x.n_quads, qx = quad % map.x.n_quads, qy = search.first_row + row;
    int64_t n = (int64_t)(map.y.start[qy + 1] - map.y.start[qy]) * (map.x.start[qx + 1] - map.x.start[qx]);
    int64_t first = (int64_t)(blockIdx.x % n_tiles) * TILE, left = n - first;
    if (left <= 0)
        return;
    if (thread == 0)
        state->qy = qy, state->qx = qx, state->first = (int)first, state->n = (int)(left < TILE ? left : TILE);
    const float *g = search.gram + ((int64_t)row * map.x.n_cells + qx) * search.gram_stride;
    int64_t right = map.x.step * search.gram_stride, below = map.y.step * map.x.n_cells * search.gram_stride;
    searcher r = { search, *state, { g, g + right, g + below, g + below + right },
                   search.rows_in_shared ? (float *)(state + 1) : nullptr, thread, thread / 32, thread % 32 };
    __syncthreads();
    fill_positions(r);
    __syncthreads();

    float least = seed(r, &n_candidates);
    int n_quads = search.target.n_quads, step = n_candidates <= LIST ? n_quads : LIST;
    best_two best = { HF_LOWEST, HF_LOWEST, -1 };
    for (int from = 0; from < n_quads; from += step) {
        int to = min(from + step, n_quads), n_listed = count_quads(r, from, to, least);
        list_quads(r, from, to, least);
        if (thread == 0)
            state->list_first = from, state->list_end = to, state->n_listed = n_listed;
        for (int i = 0; i < n_listed; i += BATCH) {
            load_batch(r, state->list + i, min(BATCH, n_listed - i));
            search_batch(r, &best);
        }
        __syncthreads();
    }
    state->top[r.warp][r.lane] = best.top;
    state->second[r.warp][r.lane] = best.second;
    state->top_quad[r.warp][r.lane] = best.quad;
    __syncthreads();
    for (int p = r.warp; p < state->n; p += WARPS)
        decide(r, p);
}

extern "C" size_t hf_cuda_match_search_shared(int n_target_cells, bool rows_in_shared)
{
    return sizeof(block_state) + (rows_in_shared ? (size_t)n_target_cells * sizeof(float) : 0);
}

extern "C" cudaError_t hf_cuda_match_search_launch(const hf_cuda_match_search *s, cudaStream_t stream)
{
    size_t shared = hf_cuda_match_search_shared(s->target.map.n, s->rows_in_shared);
    int64_t n = (int64_t)s->source.x.max_in_quad * s->source.y.max_in_quad, tiles = (n + TILE - 1) / TILE;
    cudaError_t status = cudaFuncSetAttribute((const void *)search_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                              (int)shared);
    if (status != cudaSuccess)
        return status;
    HF_LAUNCH(search_kernel, (unsigned)(tiles * s->n_rows * s->source.x.n_quads), THREADS, shared, stream, *s, (int)tiles);
    return cudaGetLastError();
}
