/* session_track.c - follow a key through time, at working size.
 *
 * The working picture is the frame averaged over squares of `factor` pixels, or a small frame
 * doubled bilinearly. So a cell covers whole pixels of the frame, and coordinates differ by a scale
 * about the frame's corner only.
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

/* A doubled pixel's centre lies a quarter of a pixel beside one of the frame's: 3/4 of that, 1/4 of the
 * next, each way. */
static void double_row(uint8_t *out, const hf_session *s, const uint8_t *rgb, int y)
{
    int W = s->params.width, H = s->params.height;
    int v0 = y / 2, v1 = y & 1 ? v0 + 1 : v0 - 1;
    v1 = v1 < 0 ? 0 : v1 < H ? v1 : H - 1;
    const uint8_t *near = rgb + (int64_t)3 * v0 * W, *far = rgb + (int64_t)3 * v1 * W;

    for (int x = 0; x < s->work_width; x++) {
        int u0 = x / 2, u1 = x & 1 ? u0 + 1 : u0 - 1;
        u1 = u1 < 0 ? 0 : u1 < W ? u1 : W - 1;
        for (int c = 0; c < 3; c++)
            out[3 * x + c] = (uint8_t)((9 * near[3 * u0 + c] + 3 * near[3 * u1 + c] +
                                        3 * far[3 * u0 + c] + far[3 * u1 + c] + 8) / 16);
    }
}

static bool is_scaled(const hf_session *s)
{
    return s->factor > 1 || s->enlarge > 1;
}

const uint8_t *hf_session_scale(hf_session *s, const uint8_t *rgb)
{
    if (!is_scaled(s))
        return rgb;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < s->work_height; y++) {
        uint8_t *row = s->work_rgb + (int64_t)3 * y * s->work_width;
        if (s->enlarge > 1)
            double_row(row, s, rgb, y);
        else
            average_row(row, s, rgb, y);
    }
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
    s->followed = key;
    if (!s->context)
        return HF_OK;
    const hf_session_key *k = &s->keys[key];
    return hf_context_seed(s->context, hf_session_scale(s, k->rgb),
                           scale_labels(s, k->labels), s->n_labels, err);
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
    for (int64_t i = 0; is_scaled(s) && i < (int64_t)2 * cells->h * cells->w; i++)
        cells->xy[i] = (cells->xy[i] + 0.5f) * scale - 0.5f;
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
    to->stride_px = to->stride_px * s->enlarge / s->factor;
    int rc = hf_context_step(s->context, to, hf_session_scale(s, rgb), err);
    scale_cells(to, s);
    return rc;
}
