/* match_dense_cpu.c - exact dense matching on the host: scratch, the Gram matrix in bands, threads.
 *
 * The Gram matrix of the unit coarse vectors is made by OpenBLAS a few rows of
 * source cells at a time, so that it stays in the cache and never needs h*w x h*w
 * floats. The quads between two rows of the band are then independent work for
 * the threads; see match_quad.c.
 */
#include <assert.h>
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "propagate/match_quad.h"

#define BAND_BYTES (16u << 20) /* of Gram rows at a time: about half of a usual last-level cache */
#define MAX_BAND_ROWS 8        /* GEMM is at full speed with these */
#define QUADS_A_TURN 8

/* Everything one match works on; lies in the caller's scratch. */
typedef struct plan {
    hf_match_map     source;
    hf_match_target  target;
    int              n_workers, band_rows;
    int64_t          gram_stride; /* floats from one source cell to the next */
    float           *gram;        /* [(band_rows + 1) * ws, gram_stride] */
    hf_match_worker *workers;
} plan;

/* Lay out the scratch; with base NULL only the size is found. */
static size_t plan_scratch(plan *pl, hf_backend *be, void *base, const hf_tensor *source,
                           const hf_tensor *target, const hf_match_dense_params *p)
{
    hf_match_arena arena = { .base = base };
    hf_match_worker sizes;

    hf_match_map_plan(&pl->source, &arena, source, p->source_width, p->source_height);
    hf_match_target_plan(&pl->target, &arena, target, p->target_width, p->target_height);
    pl->gram_stride = (pl->target.map.n + HF_MATCH_LANES - 1) / HF_MATCH_LANES * HF_MATCH_LANES;
    size_t row_floats = (size_t)pl->gram_stride * (size_t)pl->source.x.n_cells;
    size_t rows = BAND_BYTES / (row_floats * sizeof(float));
    pl->band_rows = rows > MAX_BAND_ROWS ? MAX_BAND_ROWS : rows > 2 ? (int)rows - 1 : 1;
    pl->gram = hf_match_take(&arena, ((size_t)pl->band_rows + 1) * row_floats, sizeof(float));
    pl->n_workers = be->n_threads;
    pl->workers = hf_match_take(&arena, (size_t)pl->n_workers, sizeof(hf_match_worker));
    for (int i = 0; i < pl->n_workers; i++)
        hf_match_worker_plan(base ? &pl->workers[i] : &sizes, &arena, &pl->source, &pl->target);
    return arena.used;
}

/* Gram rows of n source cells from `cell` on, into the band from row `at` on. */
static void fill_gram(const plan *pl, int cell, int n, int64_t at)
{
    int D = pl->source.D;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, pl->target.map.n, D, 1,
                pl->source.unit + (int64_t)cell * D, D, pl->target.map.unit, D, 0,
                pl->gram + at * pl->gram_stride, (int)pl->gram_stride);
}

/* Rounding of a float dot product of unit vectors grows like a random walk of D steps of half a
 * unit in the last place; the constant covers the few sums after it. A bound too small would lose
 * matches that test_match_dense compares with those of every pair. */
static float gram_epsilon(int D)
{
    return (8 + sqrtf((float)D)) * 0x1p-24f;
}

/* The quads below the source cell rows y .. y + n - 1, whose Gram rows begin the band. */
static void match_band(const plan *pl, int y, int n, int32_t *index, float *similarity)
{
    int n_x = pl->source.x.n_quads, w = pl->source.x.n_cells;
    int below = pl->source.y.step, right = pl->source.x.step;
    float epsilon = gram_epsilon(pl->source.D);
    int turn = 0;

#pragma omp parallel num_threads(pl->n_workers)
    {
        int me;
#pragma omp atomic capture
        me = turn++;
#pragma omp for schedule(dynamic, QUADS_A_TURN)
        for (int i = 0; i < n * n_x; i++) {
            int64_t at = (int64_t)(i / n_x) * w + i % n_x;
            const float *g = pl->gram + at * pl->gram_stride;
            hf_match_job job = {
                .source = &pl->source, .target = &pl->target, .epsilon = epsilon,
                .qy = y + i / n_x, .qx = i % n_x,
                .gram = { g, g + right * pl->gram_stride, g + below * w * pl->gram_stride,
                          g + (below * w + right) * pl->gram_stride },
            };
            hf_match_quad(&pl->workers[me], &job, index, similarity);
        }
    }
}

/* Pixels that share a position with a lower pixel take its match. */
static void spread(const hf_match_map *map, int32_t *index, float *similarity)
{
    int64_t W = map->x.n_px;
    for (int64_t y = 0; y < map->y.n_px; y++) for (int64_t x = 0; x < W; x++) {
        int64_t from = map->y.first[map->y.position[y]] * W + map->x.first[map->x.position[x]];
        index[y * W + x] = index[from];
        similarity[y * W + x] = similarity[from];
    }
}

size_t hf_cpu_match_dense_scratch_bytes(hf_backend *be, const hf_tensor *source,
                                        const hf_tensor *target, const hf_match_dense_params *p)
{
    plan pl;
    if (hf_match_dense_check(source, target, p, NULL) < 0)
        return 0;
    return plan_scratch(&pl, be, NULL, source, target, p);
}

int hf_cpu_match_dense(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                       const hf_tensor *source, const hf_tensor *target,
                       const hf_match_dense_params *p, const hf_tensor *scratch, hf_error *err)
{
    plan pl;
    int rc = hf_match_dense_check(source, target, p, err);
    if (rc < 0)
        return rc;
    size_t used = plan_scratch(&pl, be, scratch->data, source, target, p);
    assert(hf_tensor_bytes(scratch) >= used);
    (void)used;
    hf_match_map_fill(&pl.source, be->n_threads);
    hf_match_target_fill(&pl.target, be->n_threads);

    int w = pl.source.x.n_cells, h = pl.source.y.n_cells, n_y = pl.source.y.n_quads;
    fill_gram(&pl, 0, w, 0);
    for (int y = 0; y < n_y; y += pl.band_rows) {
        int n = n_y - y < pl.band_rows ? n_y - y : pl.band_rows;
        if (y > 0) /* the last row of one band is the first of the next */
            memcpy(pl.gram, pl.gram + (int64_t)pl.band_rows * w * pl.gram_stride,
                   (size_t)w * (size_t)pl.gram_stride * sizeof(float));
        if (h > 1)
            fill_gram(&pl, (y + 1) * w, n * w, w);
        match_band(&pl, y, n, index->data, similarity->data);
    }
    spread(&pl.source, index->data, similarity->data);
    return HF_OK;
}
