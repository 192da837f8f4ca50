/* anchor.c - see anchor.h; what is decided about one cell is in anchor_cell.h. */
#include "propagate/anchor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/context_ops.h"
#include "propagate/register.h" /* before anchor_cell.h */

#include "propagate/anchor_cell.h"
#include "propagate/state_file.h"

struct hf_anchor {
    hf_backend    *be;
    hf_anchor_view v;
};

static int cells_of(int pixels, int stride_px) { return (pixels + stride_px - 1) / stride_px; }

int64_t hf_anchor_bytes(int width, int height, int stride_px)
{
    int64_t n_cells = (int64_t)cells_of(width, stride_px) * cells_of(height, stride_px);
    return (int64_t)sizeof(hf_anchor) + 3 * hf_light_bytes(width, height) + (int64_t)width * height +
           8 * n_cells;
}

static bool take_light(hf_anchor *a, hf_light *light)
{
    *light = hf_light_shape(a->v.W, a->v.H);
    light->pixels = a->be->ops.alloc(a->be, (size_t)hf_light_bytes(a->v.W, a->v.H) + 4);
    return light->pixels != NULL;
}

int hf_anchor_open(hf_anchor **out, hf_backend *be, int width, int height, int stride_px, int fine_px, hf_error *err)
{
    hf_anchor *a = calloc(1, sizeof(*a));
    int rc = HF_OK;

    *out = NULL;
    if (!a)
        return hf_fail(err, HF_ENOMEM, "anchor: out of memory");
    hf_anchor_view *v = &a->v;
    a->be = be;
    v->W = width, v->H = height, v->stride_px = stride_px, v->fine_px = fine_px;
    v->h = cells_of(height, stride_px), v->w = cells_of(width, stride_px);
    if (!take_light(a, &v->drawn) || !take_light(a, &v->last) || !take_light(a, &v->now) ||
        !(v->ids = be->ops.alloc(be, (size_t)width * height)) ||
        !(v->xy = be->ops.alloc(be, (size_t)v->h * v->w * 2 * sizeof(float)))) {
        rc = hf_fail(err, HF_ENOMEM, "anchor: out of memory for %d x %d pixels", width, height);
        goto end;
    }
    *out = a;
    a = NULL;
end:
    hf_anchor_close(&a);
    return rc;
}

void hf_anchor_close(hf_anchor **anchor)
{
    if (!anchor || !*anchor)
        return;
    hf_anchor *a = *anchor;
    void *const memory[] = { a->v.drawn.pixels, a->v.last.pixels, a->v.now.pixels, a->v.ids, a->v.xy };
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
        a->be->ops.free(a->be, memory[i]);
    free(a);
    *anchor = NULL;
}

int hf_anchor_seed(hf_anchor *a, const uint8_t *rgb, const uint8_t *ids, hf_error *err)
{
    hf_tensor to = hf_tensor_view(a->v.ids, HF_U8, 2, a->v.H, a->v.W);
    int rc = a->be->ops.context->light(a->be, &a->v.drawn, rgb, err);
    if (rc == HF_OK)
        rc = a->be->ops.write(a->be, &to, ids, err);
    a->v.has_last = 0;
    return rc < 0 ? rc : a->be->ops.sync(a->be, err); /* ids is the caller's again */
}

/* A cell and the fine cells in it. */
static void correct(const hf_anchor_view *a, const hf_cells *cells, const hf_cells *fine, int x, int y, int guess)
{
    float *xy = cells->xy + 2 * (y * a->w + x);
    int ratio = a->stride_px / a->fine_px;
    hf_anchored c = hf_anchor_cell(a, xy, x, y, guess);
    if (!c.changes)
        return;
    xy[0] = c.xy[0], xy[1] = c.xy[1];
    for (int v = y * ratio; v < (y + 1) * ratio && v < fine->h; v++)
        for (int u = x * ratio; u < (x + 1) * ratio && u < fine->w; u++)
            hf_anchor_correct_fine(a, fine, u, v, &c);
}

void hf_anchor_cells(const hf_anchor_view *a, const hf_cells *cells, const hf_cells *fine, const int32_t *guess)
{
#pragma omp parallel for schedule(dynamic, 2)
    for (int y = 0; y < a->h; y++)
        for (int x = 0; x < a->w; x++)
            correct(a, cells, fine, x, y, guess ? guess[y * a->w + x] : -1);
}

int hf_anchor_run(hf_anchor *a, const hf_cells *cells, const hf_cells *fine, const uint8_t *rgb,
                  const int32_t *guess, hf_error *err)
{
    const hf_context_ops *ops = a->be->ops.context;
    hf_tensor from = hf_tensor_view(cells->xy, HF_F32, 3, a->v.h, a->v.w, 2), to = from;
    int rc;
    to.data = a->v.xy;
    if ((rc = ops->light(a->be, &a->v.now, rgb, err)) < 0 ||
        (rc = ops->anchor(a->be, &a->v, cells, fine, guess, err)) < 0 ||
        (rc = a->be->ops.copy(a->be, &to, &from, err)) < 0)
        return rc;
    hf_light now = a->v.now;
    a->v.now = a->v.last, a->v.last = now;
    a->v.has_last = 1;
    return HF_OK;
}

static size_t light_count(const hf_anchor *a) { return (size_t)hf_light_bytes(a->v.W, a->v.H); }

int hf_anchor_save(const hf_anchor *a, FILE *file, const char *path, hf_error *err)
{
    int32_t has_last = a->v.has_last;
    int rc;
    if (fwrite(&has_last, sizeof(has_last), 1, file) != 1)
        return hf_fail(err, HF_EIO, "%s: state not written: %s", path, strerror(errno));
    if ((rc = hf_state_write(a->be, a->v.xy, (size_t)a->v.h * a->v.w * 2 * sizeof(float), file, path, err)) < 0)
        return rc;
    return hf_state_write(a->be, a->v.last.pixels, light_count(a), file, path, err);
}

int hf_anchor_load(hf_anchor *a, FILE *file, const char *path, hf_error *err)
{
    int32_t has_last;
    int rc;
    if (fread(&has_last, sizeof(has_last), 1, file) != 1 || (has_last != 0 && has_last != 1))
        return hf_fail(err, HF_EFORMAT, "%s: ends inside a saved state", path);
    if ((rc = hf_state_read(a->be, a->v.xy, (size_t)a->v.h * a->v.w * 2 * sizeof(float), file, path, err)) < 0 ||
        (rc = hf_state_read(a->be, a->v.last.pixels, light_count(a), file, path, err)) < 0)
        return rc;
    a->v.has_last = has_last;
    return HF_OK;
}
