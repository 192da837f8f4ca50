/* match_dense.c - exact dense matching on the GPU: scratch, the Gram matrix, the order of the launches.
 *
 * Tables (match_tables.cu), then for each band of source cells one GEMM of halves and one search of its quads
 * (match_search.cu). The Gram matrix takes 4 bytes for each pair of a source and a target cell, in bands of at most
 * GRAM_BYTES: the matrix of 107 x 60 cells with as many, 165 MB, is one band. A band holds at least two rows of source
 * cells, which is what very wide maps need.
 */
#include "cuda/match_dense.h"

#include <assert.h>

#include "cuda/match.h"
#include "cuda/matrix.h"
#include "propagate/match_dense.h"

#define GRAM_BYTES ((size_t)256 << 20)
#define GRAM_ALIGN 8        /* columns, and halves of a unit vector: what tensor cores read at once */
#define ROWS_IN_SHARED 16384 /* target cells whose row of bounds goes to shared memory, where it fits: 64 KiB */
#define MAX_CELLS (1 << 28)

/* Cuts scratch into arrays. With base NULL it only counts. */
typedef struct arena {
    char  *base;
    size_t used;
} arena;

static void *take(arena *a, size_t n, size_t size)
{
    size_t at = a->used;
    a->used += (n * size + 255) / 256 * 256;
    return a->base ? a->base + at : NULL;
}

static void plan_axis(hf_cuda_match_axis *axis, arena *a, int n_px, int n_cells)
{
    axis->n_px = n_px;
    axis->n_cells = n_cells;
    axis->n_quads = n_cells > 1 ? n_cells - 1 : 1;
    axis->step = n_cells > 1;
    /* A quad is one cell wide; the border adds the clamped position. */
    axis->max_in_quad = n_px / n_cells + 3 < n_px ? n_px / n_cells + 3 : n_px;
    axis->start = take(a, (size_t)axis->n_quads + 1, sizeof(int));
    axis->middle = take(a, (size_t)axis->n_quads, sizeof(int));
    axis->pattern = take(a, (size_t)axis->n_quads, sizeof(int));
    axis->first = take(a, (size_t)n_px, sizeof(int));
    axis->position = take(a, (size_t)n_px, sizeof(int));
    axis->far = take(a, (size_t)n_px, sizeof(double));
}

static void plan_map(hf_cuda_match_map *map, arena *a, const hf_tensor *t, int W, int H)
{
    int h = (int)t->shape[0], w = (int)t->shape[1];
    map->n = h * w;
    map->D = (int)t->shape[2];
    map->n_parts = (map->n + GRAM_ALIGN - 1) / GRAM_ALIGN * GRAM_ALIGN;
    map->parts_stride = (3 * map->D + GRAM_ALIGN - 1) / GRAM_ALIGN * GRAM_ALIGN;
    map->raw = t->data;
    plan_axis(&map->x, a, W, w);
    plan_axis(&map->y, a, H, h);
    map->parts = take(a, (size_t)map->n_parts * (size_t)map->parts_stride, 2);
    map->norm = take(a, (size_t)map->n, sizeof(double));
    map->cos = take(a, (size_t)map->n, sizeof(*map->cos));
}

static void plan_target(hf_cuda_match_target *t, arena *a, const hf_tensor *features, int W, int H)
{
    plan_map(&t->map, a, features, W, H);
    t->n_quads = t->map.x.n_cells * t->map.y.n_quads;
    t->n_slots = 2 * t->map.n;
    size_t n = (size_t)t->map.n, n_quads = (size_t)t->n_quads, n_positions = (size_t)W * (size_t)H;
    t->quads = take(a, n_quads, sizeof(*t->quads));
    t->beta = take(a, n_quads, sizeof(float));
    t->b = take(a, n_positions, 4 * sizeof(float));
    t->q = take(a, n_positions, sizeof(int32_t));
    t->first_zero = take(a, 1, sizeof(int));
    t->same = take(a, n, sizeof(int));
    t->hash = take(a, n, sizeof(*t->hash));
    t->slot_hash = take(a, (size_t)t->n_slots, sizeof(*t->slot_hash));
    t->slot_lowest = take(a, (size_t)t->n_slots, sizeof(int));
}

/* Everything one match works on. */
typedef struct plan {
    hf_cuda_match_search search; /* of the first band */
    int                  band_rows;
    float               *gram;
} plan;

/* Lay out the scratch; with base NULL only the size is found. */
static size_t plan_scratch(plan *pl, void *base, const hf_tensor *source, const hf_tensor *target,
                           const hf_match_dense_params *p)
{
    arena a = { .base = base };
    hf_cuda_match_search *s = &pl->search;

    plan_map(&s->source, &a, source, p->source_width, p->source_height);
    plan_target(&s->target, &a, target, p->target_width, p->target_height);
    s->gram_stride = s->target.map.n_parts;
    size_t row_bytes = (size_t)s->gram_stride * (size_t)s->source.x.n_cells * sizeof(float);
    size_t rows = GRAM_BYTES / row_bytes, n_quad_rows = (size_t)s->source.y.n_quads;
    size_t band = rows > 2 ? rows - 1 : 1;
    pl->band_rows = (int)(band < n_quad_rows ? band : n_quad_rows);
    pl->gram = take(&a, ((size_t)pl->band_rows + 1) * row_bytes, 1);
    return a.used;
}

/* Tensor cores sum the products of a few channels exactly, then add them to a float, dropping what does not fit: each of
 * the 3 D / 4 steps (at least four channels are taken at once) loses less than a unit in the last place of a number
 * below 1. Two thirds of the steps add products of low halves, 2^-11 of the others, and come first. The constant
 * covers the rounding of halves and the few sums afterwards. */
static float gram_epsilon(int D)
{
    return (8 + (float)D / 4) * 0x1p-23f;
}

/* Cosines of the source cells from row first_row on with every target cell. */
static int fill_gram(hf_backend *be, const plan *pl, const hf_cuda_match_search *s, hf_error *err)
{
    const hf_cuda_match_map *from = &s->source, *to = &s->target.map;
    int w = from->x.n_cells, n = (s->n_rows + from->y.step) * w;
    const char *rows = (const char *)from->parts + (size_t)s->first_row * (size_t)w * (size_t)from->parts_stride * 2;
    hf_gemm_shape shape = { .m = n, .n = to->n_parts, .k = to->parts_stride, .batch = 1, .transpose_b = 1,
                            .in = HF_F16, .out = HF_F32, .align_out = hf_cuda_alignment(pl->gram),
                            .align_a = hf_cuda_alignment(rows), .align_b = hf_cuda_alignment(to->parts),
                            .align_c = HF_CUDA_ALIGN_MOST, .align_bias = HF_CUDA_ALIGN_MOST };
    hf_gemm_arrays arrays = { .out = pl->gram, .a = rows, .b = to->parts,
                              .alpha = (float)(1 / (HF_CUDA_MATCH_SCALE * HF_CUDA_MATCH_SCALE)) };
    hf_cuda_plan *gemm;
    int rc = hf_cuda_gemm_plan(be, &gemm, &shape, err);

    if (rc < 0)
        return rc;
    if (!gemm)
        return hf_fail(err, HF_EUNSUPPORTED, "match: cuBLASLt has no product of f16 matrices %d x %d x %d", n, to->n_parts,
                       to->parts_stride);
    if ((rc = hf_cuda_workspace(be, &arrays.workspace, hf_cuda_plan_workspace(gemm), err)) < 0)
        return rc;
    return hf_cuda_gemm_run(be, gemm, &arrays, err);
}

static int match_band(hf_backend *be, const plan *pl, int first_row, hf_error *err)
{
    hf_cuda_match_search s = pl->search;
    int left = s.source.y.n_quads - first_row, rc;

    s.first_row = first_row;
    s.n_rows = left < pl->band_rows ? left : pl->band_rows;
    s.gram = pl->gram;
    if ((rc = fill_gram(be, pl, &s, err)) < 0)
        return rc;
    return HF_CUDA(hf_cuda_match_search_launch(&s, hf_cuda_of(be)->stream), err);
}

size_t hf_cuda_match_dense_scratch_bytes(hf_backend *be, const hf_tensor *source, const hf_tensor *target,
                                         const hf_match_dense_params *p)
{
    plan pl;
    (void)be;
    if (hf_match_dense_check(source, target, p, NULL) < 0)
        return 0;
    return plan_scratch(&pl, NULL, source, target, p);
}

int hf_cuda_match_dense(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity, const hf_tensor *source,
                        const hf_tensor *target, const hf_match_dense_params *p, const hf_tensor *scratch, hf_error *err)
{
    cudaStream_t stream = hf_cuda_of(be)->stream;
    plan pl;
    int rc = hf_match_dense_check(source, target, p, err);

    if (rc < 0)
        return rc;
    size_t used = plan_scratch(&pl, scratch->data, source, target, p);
    hf_cuda_match_search *s = &pl.search;
    assert(hf_tensor_bytes(scratch) >= used && s->source.n < MAX_CELLS && s->target.map.n < MAX_CELLS);
    (void)used;
    s->index = index->data, s->similarity = similarity->data;
    s->rows_in_shared = s->target.map.n <= ROWS_IN_SHARED &&
                        hf_cuda_match_search_shared(s->target.map.n, true) <= hf_cuda_of(be)->shared_bytes;
    s->epsilon = gram_epsilon(s->source.D);
    const hf_cuda_match_axis axes[4] = { s->source.x, s->source.y, s->target.map.x, s->target.map.y };
    if ((rc = HF_CUDA(hf_cuda_match_axes_launch(axes, stream), err)) < 0 ||
        (rc = HF_CUDA(hf_cuda_match_maps_launch(&s->source, &s->target, stream), err)) < 0 ||
        (rc = HF_CUDA(hf_cuda_match_quads_launch(&s->target, stream), err)) < 0)
        return rc;
    for (int row = 0; row < s->source.y.n_quads; row += pl.band_rows)
        if ((rc = match_band(be, &pl, row, err)) < 0)
            return rc;
    return HF_CUDA(hf_cuda_match_spread_launch(&s->source, s->index, s->similarity, stream), err);
}
