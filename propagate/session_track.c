/* session_track.c - follow a key through time, at working size.
 *
 * The working picture is the frame averaged over squares of `factor` pixels, so that a cell
 * covers whole pixels of the frame and coordinates differ by a scale and half a pixel only.
 */
#include "propagate/session.h"

#include <omp.h>

static void average_row(uint8_t *out, const hf_session *s, const uint8_t *rgb, int y)
{
    int f = s->factor, W = s->params.width, H = s->params.height;
    int v1 = (y + 1) * f < H ? (y + 1) * f : H;

    for (int x = 0; x < s->work_width; x++) {
        int u1 = (x + 1) * f < W ? (x + 1) * f : W;
        int n = (u1 - x * f) * (v1 - y * f), sum[3] = { n / 2, n / 2, n / 2 };
        for (int v = y * f; v < v1; v++)
            for (int u = x * f; u < u1; u++)
                for (int c = 0; c < 3; c++)
                    sum[c] += rgb[3 * ((int64_t)v * W + u) + c];
        for (int c = 0; c < 3; c++)
            out[3 * x + c] = (uint8_t)(sum[c] / n);
    }
}

const uint8_t *hf_session_shrink(hf_session *s, const uint8_t *rgb)
{
    if (s->factor == 1)
        return rgb;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < s->work_height; y++)
        average_row(s->work_rgb + (int64_t)3 * y * s->work_width, s, rgb, y);
    return s->work_rgb;
}

/* Labels cannot be averaged; the pixel in the middle of the square speaks for it. */
static const uint8_t *shrink_labels(hf_session *s, const uint8_t *labels)
{
    int f = s->factor, W = s->params.width, H = s->params.height;
    if (f == 1)
        return labels;
    for (int y = 0; y < s->work_height; y++)
    for (int x = 0; x < s->work_width; x++) {
        int u = x * f + f / 2 < W ? x * f + f / 2 : W - 1;
        int v = y * f + f / 2 < H ? y * f + f / 2 : H - 1;
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
    s->followed = key;
    if (!s->context)
        return HF_OK;
    const hf_session_key *k = &s->keys[key];
    return hf_context_seed(s->context, hf_session_shrink(s, k->rgb),
                           shrink_labels(s, k->labels), s->n_labels, err);
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
    return hf_cells_new(out, h, w, stride * s->factor, s->n_labels, err);
}

/* From working pixels to pixels: the middle of a square of f pixels is (f - 1) / 2 further. */
static void scale_cells(hf_cells *cells, int factor)
{
    cells->stride_px *= factor;
    float f = (float)factor, middle = (f - 1.0f) / 2.0f;
    for (int64_t i = 0; factor > 1 && i < (int64_t)2 * cells->h * cells->w; i++)
        cells->xy[i] = cells->xy[i] * f + middle;
}

int hf_session_track(hf_session *session, hf_cells *cells, const uint8_t *rgb, hf_error *err)
{
    hf_session *s = session;
    if (s->followed < 0)
        return hf_fail(err, HF_EARG, "track: no key is followed");
    if (!s->context)
        return HF_OK;
    hf_cells *to = cells ? cells : s->cells;
    omp_set_num_threads(s->backend->n_threads);
    to->stride_px /= s->factor;
    int rc = hf_context_step(s->context, to, hf_session_shrink(s, rgb), err);
    scale_cells(to, s->factor);
    return rc;
}
