/* session_device.c - the way of a frame where the backend's memory is not the host's.
 *
 *   up    the frame as decoded, once (step), or once for track and once for render; earlier where it is shown ahead; with
 *         --flow the fields of its keys, too
 *   back  ids, mattes, cover, the mean similarity, the edit, and coordinates where they are wanted
 * Cells come back only where the caller asked for them (to spool), and go up only where they have. Several keys are blended
 * there, too.
 */
#include "propagate/session.h"

#include <stdlib.h>
#include <string.h>

#include "propagate/fine.h"
#include "propagate/first_ops.h"

/* Whether pictures of another size are made, for a model. */
static bool is_scaled(const hf_session *s) { return s->model && (s->factor > 1 || s->enlarge > 1); }

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

/* Sums over several keys. */
static bool take_sums(hf_session *s, hf_blend *b)
{
    bool ok = true;
    if (s->n_keys < 2)
        return true;
    b->n = n_pixels(s), b->n_labels = s->n_labels;
    b->soft = take(s, 4 * b->n * b->n_labels, &ok);
    b->soft_weight = take(s, 4 * b->n, &ok);
    if (s->n_edits) {
        b->painted = take(s, 16 * b->n, &ok);
        b->painted_weight = take(s, 4 * b->n, &ok);
    }
    return ok;
}

/* Edits are carried by coordinates, and edges of what was given are mended by them. */
static bool wants_xy(const hf_session *s)
{
    return !s->params.no_coordinates || s->n_edits || s->params.match == HF_MATCH_GIVEN;
}

/* In match mode first matching has its own. */
static bool take_field(hf_session *s, hf_device_side *d)
{
    int64_t n = n_pixels(s);
    bool ok = true;
    if (s->first) {
        hf_first_result r = hf_first_results(s->first);
        d->field = (hf_session_field){ .soft = r.soft, .painted = r.edit, .xy = r.xy, .cover = r.cover };
        return true;
    }
    d->field.soft = take(s, 4 * n * s->n_labels, &ok);
    d->field.cover = take(s, 4 * n, &ok);
    d->mean = take(s, 4, &ok);
    if (wants_xy(s))
        d->field.xy = take(s, 8 * n, &ok);
    if (s->outside)
        d->flow = take(s, 8 * n, &ok);
    if (s->n_edits)
        d->field.painted = take(s, 16 * n, &ok);
    return ok;
}

/* Matching in mode first has the labels and edits of the keys. */
static bool take_keys(hf_session *s, hf_device_side *d)
{
    int64_t n = n_pixels(s);
    bool ok = true;
    for (int k = 0; ok && k < s->n_keys; k++) {
        d->drawn[k].rgb = take(s, 3 * n, &ok);
        if (!s->first)
            d->drawn[k].ids = take(s, n, &ok);
        if (!s->first && s->keys[k].edit)
            d->edits[k] = take(s, 4 * n, &ok);
    }
    return ok;
}

static bool take_memory(hf_session *s, hf_device_side *d)
{
    int64_t n = n_pixels(s);
    bool ok = take_field(s, d) && take_sums(s, &d->sums) && take_keys(s, d);
    d->rgb = take(s, 3 * n, &ok);
    if (is_scaled(s))
        d->work_rgb = take(s, (int64_t)3 * s->work_width * s->work_height, &ok);
    if (s->n_edits)
        d->edit = take(s, 4 * n, &ok);
    d->decision.ids = take(s, n, &ok);
    d->decision.alpha = take(s, n, &ok);
    d->decision.soft = take(s, n * s->n_ids, &ok);
    return ok;
}

static int send_keys(hf_session *s, const hf_device_side *d, hf_error *err)
{
    int64_t n = n_pixels(s);
    int rc = HF_OK;
    for (int k = 0; rc >= 0 && k < s->n_keys; k++)
        if ((rc = send(s, (void *)d->drawn[k].rgb, s->keys[k].rgb, 3 * n, err)) >= 0 &&
            (!d->drawn[k].ids || (rc = send(s, (void *)d->drawn[k].ids, s->keys[k].labels, n, err)) >= 0) && d->edits[k])
            rc = send(s, d->edits[k], s->keys[k].edit, 4 * n, err);
    return rc < 0 ? rc : s->backend->ops.sync(s->backend, err);
}

bool hf_session_on_device(const hf_session *s)
{
    return !s->backend->host_memory;
}

const hf_context_ops *hf_session_context_ops(const hf_session *s)
{
    return hf_session_on_device(s) ? s->backend->ops.context : &hf_host_context_ops;
}

const hf_first_ops *hf_session_first_ops(const hf_session *s)
{
    return hf_session_on_device(s) ? s->backend->ops.first : &hf_host_first_ops;
}

/* Field and keys, where matching in mode first has not its own. */
static int64_t field_bytes(const hf_session *s)
{
    return n_pixels(s) * (4 * s->n_labels + 4 + (wants_xy(s) ? 8 : 0) + (s->params.match == HF_MATCH_GIVEN ? 8 : 0) +
                          s->n_keys + (s->n_edits ? 16 + 4 * s->n_edits : 0));
}

static int64_t cell_bytes(const hf_session *s)
{
    int h, w;
    hf_model_grid(s->model, s->work_width, s->work_height, &h, &w);
    return (int64_t)h * w * HF_FINE_RATIO * HF_FINE_RATIO * (s->n_labels + 3) * 4;
}

int64_t hf_session_device_bytes(const hf_session *s)
{
    int64_t n = n_pixels(s), work = is_scaled(s) ? (int64_t)3 * s->work_width * s->work_height : 0;
    int64_t sums = s->n_keys > 1 ? n * (4 * s->n_labels + 4 + (s->n_edits ? 20 : 0)) : 0;
    if (!hf_session_on_device(s))
        return 0;
    return n * (3 + 2 + s->n_ids + 3 * s->n_keys + (s->n_edits ? 4 : 0)) + work + sums +
           (s->params.match != HF_MATCH_FIRST ? field_bytes(s) : 0) +
           (s->params.match == HF_MATCH_CONTEXT ? 2 * cell_bytes(s) : 0);
}

int hf_session_device_open(hf_session *s, hf_error *err)
{
    const hf_cells *c = s->cells;
    int rc;

    if (!hf_session_on_device(s))
        return HF_OK;
    if (!(s->device = calloc(1, sizeof(*s->device))) ||
        !(s->device->drawn = calloc((size_t)s->n_keys, sizeof(*s->device->drawn))) ||
        !(s->device->edits = calloc((size_t)s->n_keys, sizeof(*s->device->edits))))
        return hf_fail(err, HF_ENOMEM, "session: out of memory");
    if (!take_memory(s, s->device))
        return hf_fail(err, HF_ENOMEM, "session: out of GPU memory for %dx%d pixels with %d objects; a smaller --size "
                       "needs less", s->params.width, s->params.height, s->n_ids);
    if (c && ((rc = hf_cells_new_on(&s->device->cells, s->backend, c->h, c->w, c->stride_px, c->n_labels, err)) < 0 ||
              (rc = hf_cells_new_on(&s->device->sent, s->backend, c->h, c->w, c->stride_px, c->n_labels, err)) < 0))
        return rc;
    return send_keys(s, s->device, err);
}

void hf_session_device_close(hf_session *s)
{
    hf_device_side *d = s->device;
    if (!d)
        return;
    if (s->first)
        d->field = (hf_session_field){ 0 }; /* borrowed */
    void *const memory[] = { d->rgb, d->work_rgb, d->field.soft, d->field.painted, d->field.xy, d->field.cover, d->edit,
                             d->mean, d->flow, d->decision.ids, d->decision.alpha, d->decision.soft, d->sums.soft,
                             d->sums.soft_weight, d->sums.painted, d->sums.painted_weight };
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
        s->backend->ops.free(s->backend, memory[i]);
    for (int k = 0; d->drawn && k < s->n_keys; k++) {
        s->backend->ops.free(s->backend, (void *)d->drawn[k].rgb);
        s->backend->ops.free(s->backend, (void *)d->drawn[k].ids);
    }
    for (int k = 0; d->edits && k < s->n_keys; k++)
        s->backend->ops.free(s->backend, d->edits[k]);
    hf_cells_free_on(s->backend, &d->cells);
    hf_cells_free_on(s->backend, &d->sent);
    free(d->drawn);
    free(d->edits);
    free(d);
    s->device = NULL;
}

int hf_session_device_end(hf_session *s, int rc)
{
    if (rc < 0 && s->device)
        s->backend->ops.sync(s->backend, NULL); /* the failure that is told is the first one */
    return rc;
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
    return s->backend->ops.first->mean(s->backend, d->mean, d->cells->similarity, n, err);
}

int hf_session_device_fetch_mean(hf_session *s, hf_error *err)
{
    return fetch(s, &s->mean_similarity, s->device->mean, (int64_t)sizeof(float), err);
}

hf_drawing hf_session_device_drawing(const hf_session *s, int key)
{
    return (hf_drawing){ s->device->drawn[key].ids, s->device->edits[key], s->n_labels };
}

int hf_session_device_send_flow(hf_session *s, const float **flow, hf_error *err)
{
    const float *host = *flow;
    *flow = s->device->flow;
    return send(s, s->device->flow, host, 8 * n_pixels(s), err);
}

int hf_session_device_bring(hf_session *s, const uint8_t *rgb, bool is_followed, hf_error *err)
{
    hf_device_side *d = s->device;
    hf_seen seen;
    int rc;
    if (is_followed && d->has_frame)
        return HF_OK;
    d->has_frame = false;
    if (!s->first) {
        d->frame = d->rgb;
        return send(s, d->rgb, rgb, 3 * n_pixels(s), err);
    }
    if ((rc = bring(s, &seen, rgb, err)) < 0)
        return rc;
    d->frame = seen.frame;
    if (!seen.features)
        return hf_first_frame_on(s->first, seen.picture, err);
    hf_first_use_features(s->first, seen.features);
    return HF_OK;
}

static int decide(hf_session *s, hf_error *err)
{
    const hf_device_side *d = s->device;
    const hf_decision *from = &d->decision;
    int64_t n = n_pixels(s);
    int rc;
    if ((rc = s->backend->ops.context->decide(s->backend, from, d->field.soft, n, s->n_labels, s->n_ids, s->id_of, err)) < 0 ||
        (rc = fetch(s, s->ids, from->ids, n, err)) < 0 || (rc = fetch(s, s->alpha, from->alpha, n, err)) < 0)
        return rc;
    return s->n_ids ? fetch(s, s->soft, from->soft, n * s->n_ids, err) : HF_OK;
}

int hf_session_device_finish(hf_session *s, bool painted, hf_error *err)
{
    hf_device_side *d = s->device;
    int64_t n = n_pixels(s);
    int rc = decide(s, err);
    if (rc >= 0 && painted)
        rc = s->backend->ops.context->straighten(s->backend, d->edit, d->field.painted, n, err);
    if (rc < 0 || (painted && (rc = fetch(s, s->edit, d->edit, 4 * n, err)) < 0) ||
        (rc = fetch(s, s->field.cover, d->field.cover, 4 * n, err)) < 0 ||
        (s->field.xy && (rc = fetch(s, s->field.xy, d->field.xy, 8 * n, err)) < 0))
        return rc;
    return s->backend->ops.sync(s->backend, err);
}
