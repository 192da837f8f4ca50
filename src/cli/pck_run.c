/* pck_run.c - see pck_run.h. */
#include "src/cli/pck_run.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_BYTES ((int64_t)512 << 20) /* of features that are kept for later pairs */

/* Features of an image that may come again. */
typedef struct entry {
    char          *path;
    int            width, height;
    hf_description of;
    int64_t        used; /* when last */
} entry;

typedef struct work {
    hf_describer       *describer;
    const hf_pck_setup *setup;
    entry              *entries;
    int                 n_entries;
    int64_t             bytes, clock;
} work;

static int64_t bytes_of(const hf_description *d)
{
    return 2 * (int64_t)hf_tensor_bytes(&d->features);
}

static void drop_entry(work *w, int i)
{
    w->bytes -= bytes_of(&w->entries[i].of);
    hf_description_free(&w->entries[i].of);
    free(w->entries[i].path);
    w->entries[i] = w->entries[--w->n_entries];
}

static entry *find_entry(work *w, const char *path)
{
    for (int i = 0; i < w->n_entries; i++)
        if (strcmp(w->entries[i].path, path) == 0)
            return &w->entries[i];
    return NULL;
}

/* Make room for one more: the two images of the pair in hand are the ones used last. */
static int make_room(work *w, hf_error *err)
{
    while (w->n_entries > 2 && w->bytes > CACHE_BYTES) {
        int oldest = 0;
        for (int i = 1; i < w->n_entries; i++)
            if (w->entries[i].used < w->entries[oldest].used)
                oldest = i;
        drop_entry(w, oldest);
    }
    entry *grown = realloc(w->entries, ((size_t)w->n_entries + 1) * sizeof(*grown));
    if (!grown)
        return hf_fail(err, HF_ENOMEM, "pck: out of memory");
    w->entries = grown;
    return HF_OK;
}

/* Features of one side of a pair; *at is its number among the entries. */
static int describe_side(int *at, work *w, const hf_keypoint_side *side, int adapt, hf_error *err)
{
    char path[PATH_MAX];
    hf_image *image = NULL;
    entry *e;
    int rc;

    if ((rc = hf_keypoints_find_image(path, sizeof(path), w->setup->images, side->image, err)) < 0)
        return rc;
    if (!(e = find_entry(w, path))) {
        if ((rc = make_room(w, err)) < 0 || (rc = hf_image_open(&image, path, err)) < 0)
            return rc;
        e = &w->entries[w->n_entries];
        *e = (entry){ .path = strdup(path), .width = image->width, .height = image->height };
        rc = e->path ? hf_describe(&e->of, w->describer, image, adapt, err) : hf_fail(err, HF_ENOMEM, "pck: out of memory");
        hf_image_free(&image);
        if (rc < 0) {
            free(e->path);
            return rc;
        }
        w->n_entries++;
        w->bytes += bytes_of(&e->of);
    }
    if (side->width && (side->width != e->width || side->height != e->height))
        return hf_fail(err, HF_EFORMAT, "%s: has %dx%d pixels, its annotation says %dx%d", path, e->width, e->height,
                       side->width, side->height);
    e->used = ++w->clock;
    *at = (int)(e - w->entries);
    return HF_OK;
}

static int score(hf_pck_result *result, hf_pck_row *row, work *w, const hf_keypoint_pair *p, const entry *source,
                 const entry *target, hf_error *err)
{
    hf_pck_params params = w->setup->params;
    hf_pck_pair pair = {
        .n = p->n, .source_xy = p->source.xy, .target_xy = p->target.xy,
        .source_width = source->width, .source_height = source->height,
        .target_width = target->width, .target_height = target->height,
        .source_box = p->source.has_box ? p->source.box : NULL,
        .target_box = p->target.has_box ? p->target.box : NULL, .category = p->category,
    };
    double *predicted = malloc(2 * (size_t)p->n * sizeof(double)), base_px;
    int rc;

    if (!predicted)
        return hf_fail(err, HF_ENOMEM, "pck: out of memory");
    rc = hf_pck_predict(predicted, &pair, &source->of.map, &target->of.map, &params, err);
    row->n = p->n;
    row->mean_px = 0.0;
    for (int i = 0; rc >= 0 && i < p->n; i++)
        row->mean_px += hypot(predicted[2 * i] - p->target.xy[2 * i], predicted[2 * i + 1] - p->target.xy[2 * i + 1]) /
                        p->n;
    for (int b = 0; rc >= 0 && b < w->setup->n_bases; b++) {
        params.base = w->setup->bases[b];
        if ((rc = hf_pck_base_px(&base_px, &pair, &params, err)) >= 0)
            rc = hf_pck_add(&result->tally[b], row->hits[b], &pair, predicted, base_px, &params, err);
    }
    free(predicted);
    return rc;
}

static int run_pair(hf_pck_result *result, hf_pck_row *row, work *w, const hf_keypoint_pair *p, hf_error *err)
{
    int source, target, rc;

    /* A model that adapts describes an image anew for every pair. */
    while (hf_describer_adapts(w->describer) && w->n_entries)
        drop_entry(w, 0);
    if ((rc = describe_side(&source, w, &p->source, 1, err)) < 0 ||
        (rc = describe_side(&target, w, &p->target, 0, err)) < 0)
        return rc;
    /* Making room for the target may have moved the source. */
    if ((rc = describe_side(&source, w, &p->source, 1, err)) < 0 ||
        (rc = hf_description_check_pair(&w->entries[source].of, &w->entries[target].of, err)) < 0)
        return rc;
    return score(result, row, w, p, &w->entries[source], &w->entries[target], err);
}

int hf_pck_run(hf_pck_result *result, hf_describer *describer, const hf_keypoints *set, const hf_pck_setup *setup,
               hf_pck_tick tick, void *ctx, hf_stage *stage, hf_error *err)
{
    work w = { .describer = describer, .setup = setup };
    int rc = HF_OK;

    *stage = HF_STAGE_INPUT;
    snprintf(result->model, sizeof(result->model), "%s", hf_describer_model_name(describer));
    if (!(result->rows = calloc((size_t)setup->n_pairs, sizeof(*result->rows))))
        return hf_fail(err, HF_ENOMEM, "pck: out of memory");
    for (int i = 0; rc >= 0 && i < setup->n_pairs; i++) {
        rc = run_pair(result, &result->rows[i], &w, &set->pairs[i], err);
        if (rc >= 0 && tick)
            tick(ctx);
    }
    while (w.n_entries)
        drop_entry(&w, 0);
    free(w.entries);
    return rc;
}

void hf_pck_result_free(hf_pck_result *result)
{
    hf_pck_tally_free(&result->tally[0]);
    hf_pck_tally_free(&result->tally[1]);
    free(result->rows);
    result->rows = NULL;
}
