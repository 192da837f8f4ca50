/* session_device.c - the way of a frame where the backend's memory is not the host's, in match mode context.
 *
 *   up    the frame as decoded, once (step), or once for track and once for render; earlier where it is shown ahead
 *   back  ids, mattes, cover, the mean similarity, the edit, and coordinates where they are wanted
 * Cells come back only where the caller asked for them (to spool or to blend keys), soft labels, and coordinates for the
 * edit, only where they are blended on the host or belong to a key without objects.
 */
#include "propagate/session.h"

#include <stdlib.h>
#include <string.h>

#include "propagate/fine.h"
#include "propagate/first_ops.h"

static bool is_scaled(const hf_session *s) { return s->factor > 1 || s->enlarge > 1; }

static int64_t n_pixels(const hf_session *s) { return (int64_t)s->params.width * s->params.height; }

static int send(hf_session *s, void *to, const void *host, int64_t bytes, hf_error *err)
{
    hf_tensor t = hf_tensor_view(to, HF_U8, 1, bytes);
    return s->backend->ops.write(s->backend, &t, host, err);
}

static int fetch(hf_session *s, void *host, const void *from, int64_t bytes, hf_error *err)
{
    hf_tensor t = hf_tensor_view((void *)from, HF_U8, 1, bytes);
    return s->backend->ops.read(s->backend, host, &t, err);
}

/* Memory of the backend; *ok falls where there is none. */
static void *take(hf_session *s, int64_t bytes, bool *ok)
{
    void *memory = *ok ? s->backend->ops.alloc(s->backend, (size_t)(bytes ? bytes : 1)) : NULL;
    *ok = memory != NULL;
    return memory;
}

static bool take_memory(hf_session *s, hf_device_side *d)
{
    int64_t n = n_pixels(s);
    bool ok = true;
    d->rgb = take(s, 3 * n, &ok);
    if (is_scaled(s))
        d->work_rgb = take(s, (int64_t)3 * s->work_width * s->work_height, &ok);
    d->soft = take(s, 4 * n * s->n_labels, &ok);
    d->cover = take(s, 4 * n, &ok);
    d->mean = take(s, 4, &ok);
    if (s->field.xy)
        d->xy = take(s, 8 * n, &ok);
    if (s->n_edits) {
        d->painted = take(s, 16 * n, &ok);
        d->edit = take(s, 4 * n, &ok);
    }
    d->decision.ids = take(s, n, &ok);
    d->decision.alpha = take(s, n, &ok);
    d->decision.soft = take(s, n * s->n_ids, &ok);
    for (int k = 0; ok && k < s->n_keys; k++) {
        d->drawn[k].rgb = take(s, 3 * n, &ok);
        d->drawn[k].ids = take(s, n, &ok);
        if (s->keys[k].edit)
            d->edits[k] = take(s, 4 * n, &ok);
    }
    return ok;
}

static int send_keys(hf_session *s, const hf_device_side *d, hf_error *err)
{
    int64_t n = n_pixels(s);
    int rc = HF_OK;
    for (int k = 0; rc >= 0 && k < s->n_keys; k++)
        if ((rc = send(s, (void *)d->drawn[k].rgb, s->keys[k].rgb, 3 * n, err)) >= 0 &&
            (rc = send(s, (void *)d->drawn[k].ids, s->keys[k].labels, n, err)) >= 0 && d->edits[k])
            rc = send(s, d->edits[k], s->keys[k].edit, 4 * n, err);
    return rc < 0 ? rc : s->backend->ops.sync(s->backend, err);
}

int64_t hf_session_device_bytes(const hf_session *s)
{
    int64_t n = n_pixels(s), work = is_scaled(s) ? (int64_t)3 * s->work_width * s->work_height : 0;
    bool has_xy = !s->params.no_coordinates || s->n_edits;
    int h, w;
    if (s->backend->host_memory)
        return 0;
    hf_model_grid(s->model, s->work_width, s->work_height, &h, &w);
    return n * (3 + 4 * s->n_labels + 4 + (has_xy ? 8 : 0) + 2 + s->n_ids + 4 * s->n_keys +
                (s->n_edits ? 20 + 4 * s->n_edits : 0)) + work +
           (int64_t)h * w * HF_FINE_RATIO * HF_FINE_RATIO * (s->n_labels + 3) * 4;
}

int hf_session_device_open(hf_session *s, hf_error *err)
{
    const hf_cells *c = s->cells;
    int rc;

    if (s->backend->host_memory)
        return HF_OK;
    if (!(s->device = calloc(1, sizeof(*s->device))) ||
        !(s->device->drawn = calloc((size_t)s->n_keys, sizeof(*s->device->drawn))) ||
        !(s->device->edits = calloc((size_t)s->n_keys, sizeof(*s->device->edits))))
        return hf_fail(err, HF_ENOMEM, "session: out of memory");
    if (!take_memory(s, s->device))
        return hf_fail(err, HF_ENOMEM, "session: out of GPU memory for %dx%d pixels with %d objects; a smaller --size "
                       "needs less", s->params.width, s->params.height, s->n_ids);
    if ((rc = hf_cells_new_on(&s->device->cells, s->backend, c->h, c->w, c->stride_px, c->n_labels, err)) < 0)
        return rc;
    return send_keys(s, s->device, err);
}

void hf_session_device_close(hf_session *s)
{
    hf_device_side *d = s->device;
    if (!d)
        return;
    void *const memory[] = { d->rgb, d->work_rgb, d->soft, d->painted, d->edit, d->mean, d->xy, d->cover, d->decision.ids,
                             d->decision.alpha, d->decision.soft };
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
        s->backend->ops.free(s->backend, memory[i]);
    for (int k = 0; d->drawn && k < s->n_keys; k++) {
        s->backend->ops.free(s->backend, (void *)d->drawn[k].rgb);
        s->backend->ops.free(s->backend, (void *)d->drawn[k].ids);
    }
    for (int k = 0; d->edits && k < s->n_keys; k++)
        s->backend->ops.free(s->backend, d->edits[k]);
    hf_cells_free_on(s->backend, &d->cells);
    free(d->drawn);
    free(d->edits);
    free(d);
    s->device = NULL;
}

/* The frame at both sizes, and its features where it was shown ahead. */
static int bring(hf_session *s, hf_seen *seen, const uint8_t *rgb, hf_error *err)
{
    hf_device_side *d = s->device;
    hf_scaling scaling = hf_session_scaling(s);
    bool found;
    int rc = hf_session_ahead_take(s, seen, &found, rgb, err);
    if (rc < 0 || found)
        return rc;
    *seen = (hf_seen){ d->rgb, is_scaled(s) ? d->work_rgb : d->rgb, NULL };
    if ((rc = send(s, d->rgb, rgb, 3 * n_pixels(s), err)) < 0 || !is_scaled(s))
        return rc;
    return s->backend->ops.context->scale(s->backend, d->work_rgb, d->rgb, &scaling, err);
}

static int follow(hf_session *s, const hf_seen *seen, hf_error *err)
{
    hf_device_side *d = s->device;
    const hf_context_ops *ops = s->backend->ops.context;
    int stride = d->cells->stride_px, rc;
    d->cells->stride_px = stride * s->enlarge / s->factor;
    rc = hf_context_step_on(s->context, d->cells, seen->picture, seen->features, err);
    d->cells->stride_px = stride;
    if (rc >= 0 && is_scaled(s))
        rc = ops->rescale(s->backend, d->cells->xy, (int64_t)d->cells->h * d->cells->w,
                          (float)s->factor / (float)s->enlarge, err);
    return rc;
}

int hf_session_device_track(hf_session *s, hf_cells *cells, const uint8_t *rgb, hf_error *err)
{
    hf_device_side *d = s->device;
    int64_t n = (int64_t)d->cells->h * d->cells->w;
    hf_seen seen;
    int rc;
    d->has_frame = false;
    if ((rc = bring(s, &seen, rgb, err)) < 0 || (rc = follow(s, &seen, err)) < 0)
        return rc;
    d->frame = seen.frame;
    if (cells)
        return hf_cells_to_host(cells, s->backend, d->cells, err);
    d->has_frame = true;
    if ((rc = s->backend->ops.first->mean(s->backend, d->mean, d->cells->similarity, n, err)) < 0)
        return rc;
    return fetch(s, &s->mean_similarity, d->mean, (int64_t)sizeof(float), err);
}

static int decide(hf_session *s, hf_error *err)
{
    const hf_device_side *d = s->device;
    const hf_decision *from = &d->decision;
    int64_t n = n_pixels(s);
    int rc;
    if ((rc = s->backend->ops.context->decide(s->backend, from, d->soft, n, s->n_labels, s->n_ids, s->id_of, err)) < 0 ||
        (rc = fetch(s, s->ids, from->ids, n, err)) < 0 || (rc = fetch(s, s->alpha, from->alpha, n, err)) < 0)
        return rc;
    return s->n_ids ? fetch(s, s->soft, from->soft, n * s->n_ids, err) : HF_OK;
}

/* The edit as the user gets it; a key that has none clears it. */
static int paint(hf_session *s, int key, hf_error *err)
{
    hf_device_side *d = s->device;
    const hf_context_ops *ops = s->backend->ops.context;
    int64_t n = n_pixels(s);
    int rc;
    if (!d->edits[key]) {
        memset(s->edit, 0, (size_t)(4 * n));
        return HF_OK;
    }
    if ((rc = ops->warp(s->backend, d->painted, d->edits[key], d->xy, d->cover, s->params.width, s->params.height, err)) < 0 ||
        (rc = ops->straighten(s->backend, d->edit, d->painted, n, err)) < 0)
        return rc;
    return fetch(s, s->edit, d->edit, 4 * n, err);
}

/* All that a user gets. */
static int finish(hf_session *s, int key, hf_error *err)
{
    int rc = decide(s, err);
    if (rc >= 0 && s->edit)
        rc = paint(s, key, err);
    s->device->decided = rc >= 0;
    return rc;
}

int hf_session_device_refine(hf_session *s, const uint8_t *rgb, int key, const hf_cells *cells, bool alone,
                             hf_error *err)
{
    hf_device_side *d = s->device;
    int64_t n = n_pixels(s);
    bool wants_xy = d->xy && (!alone || s->params.no_coordinates < 2);
    int rc;
    if (!d->has_frame) {
        d->frame = d->rgb;
        if ((rc = send(s, d->rgb, rgb, 3 * n, err)) < 0)
            return rc;
    }
    d->decided = false;
    if (cells != s->cells && (rc = hf_cells_from_host(d->cells, s->backend, cells, err)) < 0)
        return rc;
    if ((rc = s->backend->ops.context->refine_run(s->backend, s->refine, d->soft, d->xy, d->cover, d->cells, d->frame,
                                                  &d->drawn[key], err)) < 0 ||
        (rc = fetch(s, s->field.cover, d->cover, 4 * n, err)) < 0 ||
        (wants_xy && (rc = fetch(s, s->field.xy, d->xy, 8 * n, err)) < 0))
        return rc;
    rc = alone ? finish(s, key, err) : fetch(s, s->field.soft, d->soft, 4 * n * s->n_labels, err);
    return rc < 0 ? rc : s->backend->ops.sync(s->backend, err);
}
