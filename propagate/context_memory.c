/* context_memory.c - opening and closing of what follows a drawn frame, see context.h. */
#include <stdbool.h>
#include <stdlib.h>

#include "propagate/context_parts.h"

#define MAX_RECENT 64
#define MAX_RADIUS 1024
#define MAX_CELLS (1 << 24) /* times the references this stays inside the 31 bits of an index */

static int cells_of(int pixels, int stride_px) { return (pixels + stride_px - 1) / stride_px; }

static int check_params(const hf_context_params *p, int width, int height, hf_error *err)
{
    if (width < 1 || height < 1 || (int64_t)width * height > (int64_t)1 << 30)
        return hf_fail(err, HF_EARG, "context: picture of %d x %d pixels, want 1 to 2^30 pixels",
                       width, height);
    if (p->n_recent < 1 || p->n_recent > MAX_RECENT)
        return hf_fail(err, HF_EARG, "context: %d recent frames, want 1..%d", p->n_recent, MAX_RECENT);
    if (p->k < 1 || p->k > HF_MATCH_MAX_K)
        return hf_fail(err, HF_EARG, "context: k is %d, want 1..%d", p->k, HF_MATCH_MAX_K);
    if (p->radius_cells < 0 || p->radius_cells > MAX_RADIUS)
        return hf_fail(err, HF_EARG, "context: radius is %d cells, want 0..%d", p->radius_cells,
                       MAX_RADIUS);
    if (p->drawn_radius_cells < 0 || p->drawn_radius_cells > MAX_RADIUS)
        return hf_fail(err, HF_EARG, "context: radius in the drawn frame is %d cells, want 0..%d",
                       p->drawn_radius_cells, MAX_RADIUS);
    if (!(p->temperature > 0))
        return hf_fail(err, HF_EARG, "context: temperature is %g, want more than 0", p->temperature);
    return HF_OK;
}

static int set_sizes(hf_context *c, int width, int height, hf_error *err)
{
    const hf_model *model = c->model;
    if (model->grid)
        return hf_fail(err, HF_EUNSUPPORTED, "context: model %s divides pictures into cells of its own, "
                       "want --match first", model->name);
    if (model->stride_px % HF_FINE_RATIO != 0)
        return hf_fail(err, HF_EUNSUPPORTED, "context: model %s has a stride of %d px, want an even one, or --match first",
                       model->name, model->stride_px);
    c->W = width, c->H = height, c->D = model->n_channels, c->P = HF_MATCH_PAD(c->D);
    c->stride_px = model->stride_px, c->fine_px = model->stride_px / HF_FINE_RATIO;
    c->h = cells_of(height, c->stride_px), c->w = cells_of(width, c->stride_px);
    c->fh = cells_of(height, c->fine_px), c->fw = cells_of(width, c->fine_px);
    c->n_cells = c->h * c->w;
    c->tiles = (c->w + HF_MATCH_TILE - 1) / HF_MATCH_TILE;
    if (c->n_cells > MAX_CELLS)
        return hf_fail(err, HF_EARG, "context: %d cells, want up to %d", c->n_cells, MAX_CELLS);
    return HF_OK;
}

/* Memory of the backend; *ok falls if there is none, so that a list of these needs one test. */
static void *take(hf_backend *be, size_t bytes, bool *ok)
{
    void *memory = *ok ? be->ops.alloc(be, bytes) : NULL;
    *ok = memory != NULL;
    return memory;
}

/* One block for the maps of all references, of `bytes` each. */
static void *take_maps(const hf_context *c, size_t bytes, bool *ok)
{
    return take(c->be, bytes * (1 + (size_t)c->p.n_recent), ok);
}

static bool take_references(hf_context *c)
{
    size_t n = (size_t)c->n_cells, nf = (size_t)c->fh * c->fw, n_refs = 1 + (size_t)c->p.n_recent;
    bool ok = true;
    c->refs = calloc(n_refs, sizeof(*c->refs));
    c->fine_refs = calloc(n_refs, sizeof(*c->fine_refs));
    if (!c->refs || !c->fine_refs)
        return false;
    c->refs[0].packed = take_maps(c, n * c->P, &ok);
    c->refs[0].xy = take_maps(c, n * 2 * sizeof(float), &ok);
    c->fine_refs[0].patches = take_maps(c, nf * HF_FINE_CHANNELS, &ok);
    c->fine_refs[0].xy = take_maps(c, nf * 2 * sizeof(float), &ok);
    for (size_t i = 1; ok && i < n_refs; i++) {
        c->refs[i].packed = c->refs[0].packed + i * n * c->P;
        c->refs[i].xy = c->refs[0].xy + i * n * 2;
        c->fine_refs[i].patches = c->fine_refs[0].patches + i * nf * HF_FINE_CHANNELS;
        c->fine_refs[i].xy = c->fine_refs[0].xy + i * nf * 2;
    }
    return ok;
}

/* What a step works in. */
static bool take_scratch(hf_context *c)
{
    size_t n = (size_t)c->n_cells, nf = (size_t)c->fh * c->fw, matches = n * c->p.k;
    hf_context_lists *l = &c->lists;
    bool ok = true;
    *l = (hf_context_lists){ .h = c->h, .w = c->w, .k = c->p.k, .stride_px = c->stride_px };
    c->rgb = take(c->be, (size_t)c->W * c->H * 3, &ok);
    c->features = take(c->be, n * c->D * sizeof(float), &ok);
    c->bytes = take(c->be, n * c->P, &ok);
    l->index = take(c->be, matches * sizeof(int32_t), &ok);
    l->similarity = take(c->be, matches * sizeof(float), &ok);
    l->weight = take(c->be, matches * sizeof(float), &ok);
    l->shift = take(c->be, (size_t)c->h * c->tiles * 2 * sizeof(int32_t), &ok);
    l->guess = take(c->be, n * sizeof(int32_t), &ok);
    c->patches = take(c->be, nf * HF_FINE_CHANNELS, &ok);
    c->colours = take(c->be, nf * 3, &ok);
    return ok;
}

static void free_labels(hf_context *c)
{
    if (c->refs && c->fine_refs) {
        c->be->ops.free(c->be, c->refs[0].labels);
        c->be->ops.free(c->be, c->fine_refs[0].labels);
        for (int i = 0; i <= c->p.n_recent; i++)
            c->refs[i].labels = c->fine_refs[i].labels = NULL;
    }
    hf_cells_free_on(c->be, &c->coarse);
    c->L = 0;
}

int hf_context_take_labels(hf_context *c, int n_labels, hf_error *err)
{
    size_t n = (size_t)c->n_cells, nf = (size_t)c->fh * c->fw;
    bool ok = true;
    int rc;

    free_labels(c);
    if ((rc = hf_cells_new_on(&c->coarse, c->be, c->h, c->w, c->stride_px, n_labels, err)) < 0)
        return rc;
    c->refs[0].labels = take_maps(c, n * n_labels * sizeof(float), &ok);
    c->fine_refs[0].labels = take_maps(c, nf * n_labels * sizeof(float), &ok);
    for (int i = 1; ok && i <= c->p.n_recent; i++) {
        c->refs[i].labels = c->refs[0].labels + (size_t)i * n * n_labels;
        c->fine_refs[i].labels = c->fine_refs[0].labels + (size_t)i * nf * n_labels;
    }
    if (!ok)
        return hf_fail(err, HF_ENOMEM, "context: out of memory for %d labels", n_labels);
    c->L = n_labels;
    return HF_OK;
}

int64_t hf_context_bytes(const hf_model *model, int width, int height, const hf_context_params *p,
                         int n_labels)
{
    int stride_px = model->stride_px, fine_px = stride_px / HF_FINE_RATIO;
    int P = HF_MATCH_PAD(model->n_channels);
    int64_t cells = (int64_t)cells_of(height, stride_px) * cells_of(width, stride_px);
    int64_t fine = (int64_t)cells_of(height, fine_px) * cells_of(width, fine_px);
    int64_t labels_xy = 4 * (n_labels + 2);
    int64_t reference = cells * (P + labels_xy) + fine * (HF_FINE_CHANNELS + labels_xy);
    int64_t scratch = (int64_t)width * height * 3 + cells * (5 * P + 4 * (3 * p->k + n_labels + 4)) +
                      fine * (HF_FINE_CHANNELS + 3);
    return reference * (1 + p->n_recent) + scratch + hf_anchor_bytes(width, height, stride_px);
}

int hf_context_open(hf_context **out, hf_model *model, int width, int height,
                    const hf_context_params *params, hf_error *err)
{
    hf_context *c = NULL;
    int rc;

    *out = NULL;
    if ((rc = check_params(params, width, height, err)) < 0)
        goto end;
    if (!(c = calloc(1, sizeof(*c)))) {
        rc = hf_fail(err, HF_ENOMEM, "context: out of memory");
        goto end;
    }
    c->model = model, c->be = model->backend, c->p = *params;
    if ((rc = set_sizes(c, width, height, err)) < 0)
        goto end;
    if (!take_references(c) || !take_scratch(c)) {
        rc = hf_fail(err, HF_ENOMEM, "context: out of memory for %d x %d pixels", width, height);
        goto end;
    }
    if ((rc = hf_anchor_open(&c->anchor, c->be, width, height, c->stride_px, c->fine_px, err)) < 0 ||
        (rc = model->prepare(model, width, height, err)) < 0)
        goto end;
    *out = c;
    c = NULL;
end:
    hf_context_close(&c);
    return rc;
}

void hf_context_close(hf_context **context)
{
    if (!context || !*context)
        return;
    hf_context *c = *context;
    hf_backend *be = c->be;
    free_labels(c);
    hf_anchor_close(&c->anchor);
    if (c->refs && c->fine_refs) {
        be->ops.free(be, c->refs[0].packed);
        be->ops.free(be, c->refs[0].xy);
        be->ops.free(be, c->fine_refs[0].patches);
        be->ops.free(be, c->fine_refs[0].xy);
    }
    free(c->refs);
    free(c->fine_refs);
    const hf_context_lists *l = &c->lists;
    void *scratch[] = { c->rgb, c->features, c->bytes, l->index, l->similarity, l->weight, l->shift, l->guess,
                        c->patches, c->colours };
    for (size_t i = 0; i < sizeof(scratch) / sizeof(scratch[0]); i++)
        be->ops.free(be, scratch[i]);
    free(c);
    *context = NULL;
}

void hf_context_cells_shape(const hf_context *c, int *h, int *w, int *stride_px)
{
    *h = c->fh, *w = c->fw, *stride_px = c->fine_px;
}
