/* anchor.c - see anchor.h. */
#include "propagate/anchor.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/register.h"

#define FLOW_REACH_PX 4
#define ANCHOR_REACH_PX 4

struct hf_anchor {
    int W, H, h, w, stride_px, L;
    hf_light *drawn, *last, *now;
    bool      has_last;
    uint8_t  *ids;    /* [H,W] of the drawn frame */
    float    *xy;     /* [h,w,2] of the frame before */
    float    *labels; /* [h,w,L] of the frame before */
};

static float tune(const char *name, float d) { const char *v = getenv(name); return v ? (float)atof(v) : d; }
static float T_RES = -1, A_RES, A_MIX, F_RES, B_BIAS, T_MAX, X_MIN;

static inline int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

static int cells_of(int pixels, int stride_px) { return (pixels + stride_px - 1) / stride_px; }

static float centre_of(const hf_anchor *a, int cell) { return ((float)cell + 0.5f) * (float)a->stride_px - 0.5f; }

int64_t hf_anchor_bytes(int width, int height, int stride_px, int n_labels)
{
    int64_t n_cells = (int64_t)cells_of(width, stride_px) * cells_of(height, stride_px);
    return (int64_t)sizeof(hf_anchor) + 3 * hf_light_bytes(width, height) + (int64_t)width * height +
           4 * n_cells * (2 + n_labels);
}

int hf_anchor_open(hf_anchor **out, int width, int height, int stride_px, hf_error *err)
{
    hf_anchor *a = calloc(1, sizeof(*a));
    int rc = HF_OK;

    *out = NULL;
    if (!a)
        return hf_fail(err, HF_ENOMEM, "anchor: out of memory");
    a->W = width, a->H = height, a->stride_px = stride_px;
    a->h = cells_of(height, stride_px), a->w = cells_of(width, stride_px);
    if ((rc = hf_light_new(&a->drawn, width, height, err)) < 0 ||
        (rc = hf_light_new(&a->last, width, height, err)) < 0 ||
        (rc = hf_light_new(&a->now, width, height, err)) < 0)
        goto end;
    a->ids = malloc((size_t)width * height);
    a->xy = malloc((size_t)a->h * a->w * 2 * sizeof(float));
    if (!a->ids || !a->xy) {
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
    hf_light_free(&a->drawn);
    hf_light_free(&a->last);
    hf_light_free(&a->now);
    free(a->ids);
    free(a->xy);
    free(a->labels);
    free(a);
    *anchor = NULL;
}

int hf_anchor_seed(hf_anchor *a, const uint8_t *rgb, const uint8_t *ids, int n_labels, hf_error *err)
{
    if (n_labels != a->L) {
        free(a->labels);
        a->L = 0;
        if (!(a->labels = malloc((size_t)a->h * a->w * (size_t)n_labels * sizeof(float))))
            return hf_fail(err, HF_ENOMEM, "anchor: out of memory for %d labels", n_labels);
        a->L = n_labels;
    }
    hf_light_fill(a->drawn, rgb);
    memcpy(a->ids, ids, (size_t)a->W * a->H);
    a->has_last = false;
    if (T_RES < 0) {
        T_RES = tune("T_RES", 0.2f); A_RES = tune("A_RES", 2); A_MIX = tune("A_MIX", 1); F_RES = tune("F_RES", 0.2f);
        B_BIAS = tune("B_BIAS", 0.0f); T_MAX = tune("T_MAX", 0.9f); X_MIN = tune("X_MIN", 0.1f);
    }
    return HF_OK;
}

/* Motion of a block to the frame before: from rest, or from where the most similar cell lies. */
static float find_flow(const hf_anchor *a, const hf_light *before, int x, int y, int guess, float *flow)
{
    int s = a->stride_px;
    hf_block b = hf_block_at(a->now, before, x * s, y * s, s);
    float residual = hf_block_search(&b, FLOW_REACH_PX, 0, 0, flow);
    if (guess < 0 || guess == y * a->w + x || residual < 1)
        return residual;
    float other[2];
    float r = hf_block_search(&b, FLOW_REACH_PX, (guess % a->w - x) * s, (guess / a->w - y) * s, other);
    if (r >= residual)
        return residual;
    flow[0] = other[0], flow[1] = other[1];
    return r;
}

/* The coordinate that the frame before had at a place, and its labels. Of the four cells around the place those
 * count that agree with the nearest about how they moved. */
static void look_back(const hf_anchor *a, float px, float py, float *xy, float *labels)
{
    float x = (px + 0.5f) / (float)a->stride_px - 0.5f, y = (py + 0.5f) / (float)a->stride_px - 0.5f;
    int x0 = (int)floorf(x), y0 = (int)floorf(y);
    float fx = x - (float)x0, fy = y - (float)y0;
    int nx = clamp((int)lrintf(x), 0, a->w - 1), ny = clamp((int)lrintf(y), 0, a->h - 1), near = ny * a->w + nx;
    float dx = a->xy[2 * near] - centre_of(a, nx), dy = a->xy[2 * near + 1] - centre_of(a, ny);
    float sum = 0, mx = 0, my = 0;

    memset(labels, 0, sizeof(float) * (size_t)a->L);
    for (int j = 0; j < 4; j++) {
        int u = clamp(x0 + (j & 1), 0, a->w - 1), v = clamp(y0 + (j >> 1), 0, a->h - 1), cell = v * a->w + u;
        float share = (j & 1 ? fx : 1 - fx) * (j >> 1 ? fy : 1 - fy);
        for (int l = 0; l < a->L; l++)
            labels[l] += share * a->labels[(size_t)cell * a->L + l];
        float ex = a->xy[2 * cell] - centre_of(a, u), ey = a->xy[2 * cell + 1] - centre_of(a, v);
        if (fabsf(ex - dx) > (float)a->stride_px || fabsf(ey - dy) > (float)a->stride_px)
            continue;
        sum += share, mx += share * ex, my += share * ey;
    }
    xy[0] = px + (sum > 0 ? mx / sum : dx);
    xy[1] = py + (sum > 0 ? my / sum : dy);
}

/* Lay the block over the drawn frame round `xy`; move[2] and the residual. */
static float find_drawn(const hf_anchor *a, int x, int y, const float *xy, float *move)
{
    int s = a->stride_px;
    hf_block b = hf_block_at(a->now, a->drawn, x * s, y * s, s);
    return hf_block_search(&b, ANCHOR_REACH_PX, (int)lrintf(xy[0] - centre_of(a, x)),
                           (int)lrintf(xy[1] - centre_of(a, y)), move);
}

/* Mix in the labels drawn where the block came from. */
static void add_drawn_labels(const hf_anchor *a, float *labels, int x, int y, const float *move, float trust)
{
    int s = a->stride_px, dx = (int)lrintf(move[0]), dy = (int)lrintf(move[1]);
    int x1 = (x + 1) * s < a->W ? (x + 1) * s : a->W, y1 = (y + 1) * s < a->H ? (y + 1) * s : a->H;
    float share = trust / (float)((x1 - x * s) * (y1 - y * s));

    for (int l = 0; l < a->L; l++)
        labels[l] *= 1 - trust;
    for (int v = y * s; v < y1; v++) {
        const uint8_t *row = a->ids + (size_t)clamp(v + dy, 0, a->H - 1) * a->W;
        for (int u = x * s; u < x1; u++)
            labels[row[clamp(u + dx, 0, a->W - 1)]] += share;
    }
}

static void anchor_cell(const hf_anchor *a, hf_cells *cells, int x, int y, const int32_t *guess)
{
    int cell = y * a->w + x, st = a->stride_px;
    float *xy = cells->xy + 2 * cell, *labels = cells->labels + (size_t)cell * a->L;
    float move[2], other[2], flow[2], carried[2], before[HF_MAX_LABELS];
    float residual = find_drawn(a, x, y, xy, move);
    hf_block b = hf_block_at(a->now, a->drawn, x * st, y * st, st);
    float texture = hf_block_texture(&b) + 2;
    float agree = 1;
    float flow_residual = 255;

    if (a->has_last) {
        flow_residual = find_flow(a, a->last, x, y, guess ? guess[cell] : -1, flow);
        look_back(a, centre_of(a, x) + flow[0], centre_of(a, y) + flow[1], carried, before);
        float r = find_drawn(a, x, y, carried, other);
        float d = hypotf(other[0] - move[0], other[1] - move[1]);
        agree = 1 / (1 + (d / A_RES) * (d / A_RES));
        if (flow_residual < F_RES * texture && r <= residual + B_BIAS) {
            residual = r;
            move[0] = other[0], move[1] = other[1];
        }
    }
    float q = residual / (T_RES * texture), trust = T_MAX / (1 + q * q) * (1 - A_MIX + A_MIX * agree);
    add_drawn_labels(a, labels, x, y, move, trust);
    if (trust > X_MIN) {
        xy[0] = centre_of(a, x) + move[0];
        xy[1] = centre_of(a, y) + move[1];
    } else if (flow_residual < F_RES * texture) {
        xy[0] = carried[0], xy[1] = carried[1];
    }
}

void hf_anchor_run(hf_anchor *a, hf_cells *cells, const uint8_t *rgb, const int32_t *guess)
{
    hf_light_fill(a->now, rgb);
#pragma omp parallel for schedule(dynamic, 2)
    for (int y = 0; y < a->h; y++)
        for (int x = 0; x < a->w; x++)
            anchor_cell(a, cells, x, y, guess);
    size_t n = (size_t)a->h * a->w;
    memcpy(a->xy, cells->xy, n * 2 * sizeof(float));
    memcpy(a->labels, cells->labels, n * (size_t)a->L * sizeof(float));
    hf_light *swap = a->last;
    a->last = a->now, a->now = swap;
    a->has_last = true;
}

static size_t light_count(const hf_anchor *a) { return (size_t)hf_light_bytes(a->W, a->H); }

int hf_anchor_save(const hf_anchor *a, FILE *file, const char *path, hf_error *err)
{
    size_t n = (size_t)a->h * a->w;
    int32_t has_last = a->has_last;
    bool ok = fwrite(&has_last, sizeof(has_last), 1, file) == 1 &&
              fwrite(a->xy, sizeof(float), n * 2, file) == n * 2 &&
              fwrite(a->labels, sizeof(float), n * (size_t)a->L, file) == n * (size_t)a->L &&
              fwrite(a->last->pixels, 1, light_count(a), file) == light_count(a);
    return ok ? HF_OK : hf_fail(err, HF_EIO, "%s: state not written: %s", path, strerror(errno));
}

int hf_anchor_load(hf_anchor *a, FILE *file, const char *path, hf_error *err)
{
    size_t n = (size_t)a->h * a->w;
    int32_t has_last;
    bool ok = fread(&has_last, sizeof(has_last), 1, file) == 1 && (has_last == 0 || has_last == 1) &&
              fread(a->xy, sizeof(float), n * 2, file) == n * 2 &&
              fread(a->labels, sizeof(float), n * (size_t)a->L, file) == n * (size_t)a->L &&
              fread(a->last->pixels, 1, light_count(a), file) == light_count(a);
    if (!ok)
        return hf_fail(err, HF_EFORMAT, "%s: ends inside a saved state", path);
    a->has_last = has_last;
    return HF_OK;
}
