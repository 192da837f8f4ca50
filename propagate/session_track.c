/* session_track.c - follow a key through time, at working size.
 *
 * The working picture is the frame averaged over squares of `factor` pixels, or a small frame
 * doubled bilinearly. So a cell covers whole pixels of the frame, and coordinates differ by a scale
 * about the frame's corner only.
 */
#include "propagate/session.h"

#include <omp.h>

static bool is_scaled(const hf_session *s)
{
    return s->factor > 1 || s->enlarge > 1;
}

hf_scaling hf_session_scaling(const hf_session *s)
{
    return (hf_scaling){ s->params.width, s->params.height, s->work_width, s->work_height, s->factor, s->enlarge };
}

const uint8_t *hf_session_scale(hf_session *s, const uint8_t *rgb)
{
    hf_scaling scaling = hf_session_scaling(s);
    if (!is_scaled(s))
        return rgb;
    hf_host_context_ops.scale(s->backend, s->work_rgb, rgb, &scaling, NULL);
    return s->work_rgb;
}

/* Labels cannot be averaged; the pixel in the middle of the square speaks for it. */
static const uint8_t *scale_labels(hf_session *s, const uint8_t *labels)
{
    int f = s->factor, e = s->enlarge, W = s->params.width, H = s->params.height;
    if (!is_scaled(s))
        return labels;
    for (int y = 0; y < s->work_height; y++)
    for (int x = 0; x < s->work_width; x++) {
        int u = x * f / e + f / 2, v = y * f / e + f / 2;
        u = u < W ? u : W - 1;
        v = v < H ? v : H - 1;
        s->work_labels[(int64_t)y * s->work_width + x] = labels[(int64_t)v * W + u];
    }
    return s->work_labels;
}

int hf_session_follow(hf_session *session, int key, hf_error *err)
{
    hf_session *s = session;
    int rc = hf_session_prepare(s, err);
    if (rc < 0)
        return rc;
    if (key < 0 || key >= s->n_keys)
        return hf_fail(err, HF_EARG, "follow: key %d, want 0..%d", key, s->n_keys - 1);
    omp_set_num_threads(s->backend->n_threads);
    if ((rc = hf_session_ahead_forget(s, err)) < 0) /* features are those of the model as it is for this key */
        return rc;
    s->followed = key;
    s->has_cells = false;
    if (!s->context)
        return HF_OK;
    const hf_session_key *k = &s->keys[key];
    return hf_session_device_end(s, hf_context_seed(s->context, hf_session_scale(s, k->rgb),
                                                    scale_labels(s, k->labels), s->n_labels, err));
}

int hf_session_cells_new(hf_session *session, hf_cells **out, hf_error *err)
{
    hf_session *s = session;
    *out = NULL;
    int rc = hf_session_prepare(s, err);
    if (rc < 0)
        return rc;
    if (!s->context)
        return hf_fail(err, HF_EARG, "cells: match mode first tracks nothing, render does it all");
    int h, w, stride;
    hf_context_cells_shape(s->context, &h, &w, &stride);
    return hf_cells_new(out, h, w, stride * s->factor / s->enlarge, s->n_labels, err);
}

/* From working pixels to pixels, about the corner of the frame: pixel centres are at + 1/2. */
static void scale_cells(hf_cells *cells, const hf_session *s)
{
    float scale = (float)s->factor / (float)s->enlarge;
    cells->stride_px = cells->stride_px * s->factor / s->enlarge;
    if (is_scaled(s))
        hf_host_context_ops.rescale(s->backend, cells->xy, (int64_t)cells->h * cells->w, scale, NULL);
}

static int track_on_host(hf_session *s, hf_cells *cells, const uint8_t *rgb, hf_error *err)
{
    hf_cells *to = cells ? cells : s->cells;
    hf_seen seen;
    bool found;
    int rc = hf_session_ahead_take(s, &seen, &found, rgb, err);
    if (rc < 0)
        return rc;
    to->stride_px = to->stride_px * s->enlarge / s->factor;
    rc = found ? hf_context_step_on(s->context, to, seen.picture, seen.features, err)
               : hf_context_step(s->context, to, hf_session_scale(s, rgb), err);
    scale_cells(to, s);
    return rc;
}

int hf_session_track_queued(hf_session *s, hf_cells *cells, const uint8_t *rgb, hf_error *err)
{
    int rc;
    s->has_cells = false;
    if (s->followed < 0)
        return hf_fail(err, HF_EARG, "track: no key is followed");
    if (!s->context)
        return HF_OK;
    omp_set_num_threads(s->backend->n_threads);
    rc = s->device ? hf_session_device_end(s, hf_session_device_track(s, cells, rgb, err))
                   : track_on_host(s, cells, rgb, err);
    s->has_cells = rc >= 0 && !cells;
    return rc;
}

int hf_session_track(hf_session *session, hf_cells *cells, const uint8_t *rgb, hf_error *err)
{
    hf_session *s = session;
    int rc = hf_session_track_queued(s, cells, rgb, err);
    /* Without cells nothing has waited for the device: the frame is the caller's again only then. */
    return rc < 0 || !s->device || !s->has_cells ? rc : s->backend->ops.sync(s->backend, err);
}
