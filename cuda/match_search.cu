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
#include "cuda/match_decide.cuh"

constexpr int MAX_ROUNDS = 4;
constexpr int FEW = 96;       /* another round costs about as much as searching these */

/* ---- seeds ---- */

/* For four positions at once: the target cell with the highest cosine. The first round also keeps the highest of the rows. */
__device__ void find_cells(const searcher &r, const int positions[SEEDS], bool first_round)
{
    float best[SEEDS];
    int cell[SEEDS];
    for (int k = 0; k < SEEDS; k++)
        best[k] = HF_LOWEST, cell[k] = 0;
    if (thread_here() < SEEDS)
        r.s.pick[thread_here()] = 0;
    float4 a0 = r.s.a[positions[0]], a1 = r.s.a[positions[1]], a2 = r.s.a[positions[2]], a3 = r.s.a[positions[3]];
    __syncthreads();
    for (int j = thread_here(); j < r.p.target.map.n; j += THREADS) {
        float4 g = gram_at(r, j);
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
    if (thread_here() < SEEDS)
        r.s.seed_cell[thread_here()] = (int)~(unsigned)r.s.pick[thread_here()];
    __syncthreads();
}

/* Of the up to four quads around a seed's cell, the one with the highest sum of cosines of its corners. Threads
 * 0 .. 15 have one each. */
__device__ void find_quads(const searcher &r, const int positions[SEEDS])
{
    const hf_cuda_match_map &map = r.p.target.map;
    int seed = thread_here() / 4, corner = thread_here() % 4, right = map.x.step, below = map.y.step * map.x.n_cells;
    if (thread_here() < SEEDS)
        r.s.pick[thread_here()] = 0;
    __syncthreads();
    if (thread_here() < 4 * SEEDS) {
        int cell = r.s.seed_cell[seed];
        int qy = cell / map.x.n_cells - (corner >> 1), qx = cell % map.x.n_cells - (corner & 1);
        if (qy >= 0 && qx >= 0 && qy < map.y.n_quads && qx < map.x.n_quads) {
            int quad = qy * map.x.n_cells + qx;
            float4 a = r.s.a[positions[seed]];
            float sum = dot4(a, gram_at(r, quad)) + dot4(a, gram_at(r, quad + right)) +
                        dot4(a, gram_at(r, quad + below)) + dot4(a, gram_at(r, quad + below + right));
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
    if (thread_here() < SEEDS)
        r.s.pick[thread_here()] = ~0ull;
    __syncthreads();
    for (int p = thread_here(); p < r.s.n; p += THREADS) {
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
        if (thread_here() == 0)
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

/* ---- the kernel ---- */

/* One block for TILE positions of one source quad; quads with fewer positions leave some of n_tiles blocks idle. */
__global__ void __launch_bounds__(THREADS, 3) search_kernel(const __grid_constant__ hf_cuda_match_search search,
                                                            int n_tiles)
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
    searcher r = { search, *state, g, right, below, search.rows_in_shared ? (float *)(state + 1) : nullptr };
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
    state->top[warp_here()][lane_here()] = best.top;
    state->second[warp_here()][lane_here()] = best.second;
    state->top_quad[warp_here()][lane_here()] = best.quad;
    __syncthreads();
    for (int p = warp_here(); p < state->n; p += WARPS)
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
