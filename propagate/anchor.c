/* anchor.c - see anchor.h. The numbers below were chosen on 6 of the 12 sequences of tests/bench/README.md,
 * which tells how the others fared. */
#include "propagate/anchor.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/register.h"

#define FLOW_REACH_PX 4
#define VOTE_REACH_PX 4    /* a vote is right to half a cell */
#define CARRIED_REACH_PX 2 /* a coordinate that was carried here, to a pixel */
#define MAX_TRUST 0.9f
/* Residual, as a part of the texture, at which trust has fallen to a half. */
#define HALF_RESIDUAL 0.3f
/* Distance of the two ways' ends, in pixels, at which trust has fallen to a half. */
#define HALF_DISTANCE_PX 2.0f
#define LEAST_TRUST 0.1f   /* below, the drawn frame has no say in the coordinate */
#define FLOW_RESIDUAL 0.2f /* of the texture: above, the frame before has no say */
#define NO_TEXTURE 2.0f    /* lightness steps of noise that are no texture */

struct hf_anchor {
    int       W, H, h, w, stride_px, fine_px;
    hf_light *drawn, *last, *now;
    bool      has_last;
    uint8_t  *ids; /* [H,W] of the drawn frame */
    float    *xy;  /* [h,w,2] of the frame before */
};

/* Where a block came from: a move to the drawn frame, and how well it fits there. */
typedef struct place {
    float move[2];
    float residual;
} place;

static inline int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

static int cells_of(int pixels, int stride_px) { return (pixels + stride_px - 1) / stride_px; }

static float centre_of(const hf_anchor *a, int cell) { return ((float)cell + 0.5f) * (float)a->stride_px - 0.5f; }

static float halving(float x) { return 1 / (1 + x * x); }

/* How well a block fits where it was laid, by its own texture: 1 for no residual. */
static float fit_of(float residual, float texture) { return halving(residual / (HALF_RESIDUAL * texture)); }

int64_t hf_anchor_bytes(int width, int height, int stride_px)
{
    int64_t n_cells = (int64_t)cells_of(width, stride_px) * cells_of(height, stride_px);
    return (int64_t)sizeof(hf_anchor) + 3 * hf_light_bytes(width, height) + (int64_t)width * height +
           8 * n_cells;
}

int hf_anchor_open(hf_anchor **out, int width, int height, int stride_px, int fine_px, hf_error *err)
{
    hf_anchor *a = calloc(1, sizeof(*a));
    int rc = HF_OK;

    *out = NULL;
    if (!a)
        return hf_fail(err, HF_ENOMEM, "anchor: out of memory");
    a->W = width, a->H = height, a->stride_px = stride_px, a->fine_px = fine_px;
    a->h = cells_of(height, stride_px), a->w = cells_of(width, stride_px);
    if ((rc = hf_light_new(&a->drawn, width, height, err)) < 0 ||
        (rc = hf_light_new(&a->last, width, height, err)) < 0 ||
        (rc = hf_light_new(&a->now, width, height, err)) < 0)
        goto end;
    a->ids = malloc((size_t)width * height);
    a->xy = calloc((size_t)a->h * a->w * 2, sizeof(float));
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
    free(a);
    *anchor = NULL;
}

void hf_anchor_seed(hf_anchor *a, const uint8_t *rgb, const uint8_t *ids)
{
    hf_light_fill(a->drawn, rgb);
    memcpy(a->ids, ids, (size_t)a->W * a->H);
    a->has_last = false;
}

/* Motion of a block to the frame before: from rest, or from where the most similar cell lies. */
static float find_flow(const hf_anchor *a, int x, int y, int guess, float *flow)
{
    int s = a->stride_px, dx = 0, dy = 0;
    hf_block b = hf_block_at(a->now, a->last, x * s, y * s, s);
    if (guess >= 0) {
        int gx = (guess % a->w - x) * s, gy = (guess / a->w - y) * s;
        if (hf_block_difference(&b, gx, gy) < hf_block_difference(&b, 0, 0))
            dx = gx, dy = gy;
    }
    return hf_block_search(&b, FLOW_REACH_PX, dx, dy, flow);
}

/* The coordinate that the frame before had at a place: the bilinear mean of those of the four
 * cells around it that moved like the nearest. */
static void look_back(const hf_anchor *a, float px, float py, float *xy)
{
    float x = (px + 0.5f) / (float)a->stride_px - 0.5f, y = (py + 0.5f) / (float)a->stride_px - 0.5f;
    float fx = x - floorf(x), fy = y - floorf(y), sum = 0, mx = 0, my = 0;
    int x0 = (int)floorf(x), y0 = (int)floorf(y);
    int nx = clamp((int)lrintf(x), 0, a->w - 1), ny = clamp((int)lrintf(y), 0, a->h - 1);
    float dx = a->xy[2 * (ny * a->w + nx)] - centre_of(a, nx);
    float dy = a->xy[2 * (ny * a->w + nx) + 1] - centre_of(a, ny);

    for (int j = 0; j < 4; j++) {
        int u = clamp(x0 + (j & 1), 0, a->w - 1), v = clamp(y0 + (j >> 1), 0, a->h - 1);
        float share = (j & 1 ? fx : 1 - fx) * (j >> 1 ? fy : 1 - fy);
        float ex = a->xy[2 * (v * a->w + u)] - centre_of(a, u), ey = a->xy[2 * (v * a->w + u) + 1] - centre_of(a, v);
        if (fabsf(ex - dx) > (float)a->stride_px || fabsf(ey - dy) > (float)a->stride_px)
            continue;
        sum += share, mx += share * ex, my += share * ey;
    }
    xy[0] = px + (sum > 0 ? mx / sum : dx);
    xy[1] = py + (sum > 0 ? my / sum : dy);
}

static place find_drawn(const hf_anchor *a, int x, int y, const float *xy, int reach)
{
    int s = a->stride_px;
    hf_block b = hf_block_at(a->now, a->drawn, x * s, y * s, s);
    place p;
    p.residual = hf_block_search(&b, reach, (int)lrintf(xy[0] - centre_of(a, x)),
                                 (int)lrintf(xy[1] - centre_of(a, y)), p.move);
    return p;
}

/* Mix the labels drawn `move` away into one fine cell. */
static void add_drawn_labels(const hf_anchor *a, float *labels, int L, int x0, int y0, const float *move,
                             float trust)
{
    int dx = (int)lrintf(move[0]), dy = (int)lrintf(move[1]);
    int x1 = x0 + a->fine_px < a->W ? x0 + a->fine_px : a->W, y1 = y0 + a->fine_px < a->H ? y0 + a->fine_px : a->H;
    float share = trust / (float)((x1 - x0) * (y1 - y0));

    for (int l = 0; l < L; l++)
        labels[l] *= 1 - trust;
    for (int y = y0; y < y1; y++) {
        const uint8_t *row = a->ids + (size_t)clamp(y + dy, 0, a->H - 1) * a->W;
        for (int x = x0; x < x1; x++)
            labels[row[clamp(x + dx, 0, a->W - 1)]] += share;
    }
}

/* A cell's fine cells move as it does. */
static void correct_fine(const hf_anchor *a, hf_cells *fine, int x, int y, const float *move, float trust)
{
    int ratio = a->stride_px / a->fine_px;
    for (int v = y * ratio; v < (y + 1) * ratio && v < fine->h; v++)
        for (int u = x * ratio; u < (x + 1) * ratio && u < fine->w; u++) {
            size_t i = (size_t)v * fine->w + u;
            float half = 0.5f * (float)a->fine_px - 0.5f;
            fine->xy[2 * i] = (float)(u * a->fine_px) + half + move[0];
            fine->xy[2 * i + 1] = (float)(v * a->fine_px) + half + move[1];
            if (trust > 0)
                add_drawn_labels(a, fine->labels + i * (size_t)fine->n_labels, fine->n_labels,
                                 u * a->fine_px, v * a->fine_px, move, trust);
        }
}

static void anchor_cell(const hf_anchor *a, hf_cells *cells, hf_cells *fine, int x, int y, int guess)
{
    float *xy = cells->xy + 2 * (y * a->w + x), flow[2], carried[2], agreement = 1;
    int s = a->stride_px;
    hf_block block = hf_block_at(a->now, a->drawn, x * s, y * s, s);
    float texture = hf_block_texture(&block) + NO_TEXTURE;
    bool flows = false;
    place best = find_drawn(a, x, y, xy, VOTE_REACH_PX);

    if (a->has_last) {
        flows = find_flow(a, x, y, guess, flow) < FLOW_RESIDUAL * texture;
        look_back(a, centre_of(a, x) + flow[0], centre_of(a, y) + flow[1], carried);
        place p = find_drawn(a, x, y, carried, CARRIED_REACH_PX);
        /* A way that ends where nothing looks like the block is no reason to doubt the other. */
        float doubt = fit_of(fmaxf(p.residual, best.residual), texture);
        agreement = halving(hypotf(p.move[0] - best.move[0], p.move[1] - best.move[1]) / HALF_DISTANCE_PX);
        agreement = 1 - doubt * (1 - agreement);
        if (flows && p.residual <= best.residual)
            best = p;
    }
    float trust = MAX_TRUST * agreement * fit_of(best.residual, texture);
    if (trust > LEAST_TRUST) {
        xy[0] = centre_of(a, x) + best.move[0];
        xy[1] = centre_of(a, y) + best.move[1];
        correct_fine(a, fine, x, y, best.move, trust);
    } else if (flows) {
        float move[2] = { carried[0] - centre_of(a, x), carried[1] - centre_of(a, y) };
        xy[0] = carried[0], xy[1] = carried[1];
        correct_fine(a, fine, x, y, move, 0);
    }
}

void hf_anchor_run(hf_anchor *a, hf_cells *cells, hf_cells *fine, const uint8_t *rgb, const int32_t *guess)
{
    hf_light_fill(a->now, rgb);
#pragma omp parallel for schedule(dynamic, 2)
    for (int y = 0; y < a->h; y++)
        for (int x = 0; x < a->w; x++)
            anchor_cell(a, cells, fine, x, y, guess ? guess[y * a->w + x] : -1);
    memcpy(a->xy, cells->xy, (size_t)a->h * a->w * 2 * sizeof(float));
    hf_light *now = a->now;
    a->now = a->last, a->last = now;
    a->has_last = true;
}

static size_t light_count(const hf_anchor *a) { return (size_t)hf_light_bytes(a->W, a->H); }

int hf_anchor_save(const hf_anchor *a, FILE *file, const char *path, hf_error *err)
{
    size_t n = (size_t)a->h * a->w * 2;
    int32_t has_last = a->has_last;
    bool ok = fwrite(&has_last, sizeof(has_last), 1, file) == 1 &&
              fwrite(a->xy, sizeof(float), n, file) == n &&
              fwrite(a->last->pixels, 1, light_count(a), file) == light_count(a);
    return ok ? HF_OK : hf_fail(err, HF_EIO, "%s: state not written: %s", path, strerror(errno));
}

int hf_anchor_load(hf_anchor *a, FILE *file, const char *path, hf_error *err)
{
    size_t n = (size_t)a->h * a->w * 2;
    int32_t has_last;
    bool ok = fread(&has_last, sizeof(has_last), 1, file) == 1 && (has_last == 0 || has_last == 1) &&
              fread(a->xy, sizeof(float), n, file) == n &&
              fread(a->last->pixels, 1, light_count(a), file) == light_count(a);
    if (!ok)
        return hf_fail(err, HF_EFORMAT, "%s: ends inside a saved state", path);
    a->has_last = has_last;
    return HF_OK;
}
