/* anchor_cell.h - one cell of anchor.h, for the host and for a GPU (see both.h).
 *
 * Whoever includes this has declared hf_block_difference, hf_block_search and hf_block_texture before: those
 * of propagate/register.h, or those of cuda/block.cuh, which the lanes of a warp run together. So nothing here writes
 * to memory that lanes share, but hf_anchor_correct_fine.
 *
 * The numbers below were chosen on 6 of the 12 sequences of tests/bench/README.md, which tells how the others fared.
 */
#ifndef HF_PROPAGATE_ANCHOR_CELL_H
#define HF_PROPAGATE_ANCHOR_CELL_H

#include <math.h>

#include "propagate/anchor.h"

#define HF_ANCHOR_FLOW_REACH_PX 4
#define HF_ANCHOR_VOTE_REACH_PX 4    /* a vote is right to half a cell */
#define HF_ANCHOR_CARRIED_REACH_PX 2 /* a coordinate that was carried here, to a pixel */
#define HF_ANCHOR_MAX_TRUST 0.9f
/* Residual, as a part of the texture, at which trust has fallen to a half. */
#define HF_ANCHOR_HALF_RESIDUAL 0.3f
/* Distance of the two ways' ends, in pixels, at which trust has fallen to a half. */
#define HF_ANCHOR_HALF_DISTANCE_PX 2.0f
#define HF_ANCHOR_LEAST_TRUST 0.1f   /* below, the drawn frame has no say in the coordinate */
#define HF_ANCHOR_FLOW_RESIDUAL 0.2f /* of the texture: above, the frame before has no say */
#define HF_ANCHOR_NO_TEXTURE 2.0f    /* lightness steps of noise that are no texture */

/* Where a block came from: a move to the drawn frame, and how well it fits there. */
typedef struct hf_anchor_place {
    float move[2];
    float residual;
} hf_anchor_place;

/* What becomes of a cell and of its fine cells. */
typedef struct hf_anchored {
    int   changes; /* 0: everything stays as it was voted */
    float xy[2];
    float move[2];
    float trust;   /* share of the drawn labels in those of the fine cells */
} hf_anchored;

HF_BOTH float hf_anchor_halving(float x) { return 1 / (1 + x * x); }

/* How well a block fits where it was laid, by its own texture: 1 for no residual. */
HF_BOTH float hf_anchor_fit_of(float residual, float texture)
{
    return hf_anchor_halving(residual / (HF_ANCHOR_HALF_RESIDUAL * texture));
}

/* Motion of a block to the frame before: from rest, or from where the most similar cell lies. */
HF_BOTH float hf_anchor_find_flow(const hf_anchor_view *a, int x, int y, int guess, float *flow)
{
    int s = a->stride_px, dx = 0, dy = 0;
    hf_block b = hf_block_at(&a->now, &a->last, x * s, y * s, s);
    if (guess >= 0) {
        int gx = (guess % a->w - x) * s, gy = (guess / a->w - y) * s;
        if (hf_block_difference(&b, gx, gy) < hf_block_difference(&b, 0, 0))
            dx = gx, dy = gy;
    }
    return hf_block_search(&b, HF_ANCHOR_FLOW_REACH_PX, dx, dy, flow);
}

/* The coordinate that the frame before had at a place: the bilinear mean of those of the four
 * cells around it that moved like the nearest. */
HF_BOTH void hf_anchor_look_back(const hf_anchor_view *a, float px, float py, float *xy)
{
    float x = (px + 0.5f) / (float)a->stride_px - 0.5f, y = (py + 0.5f) / (float)a->stride_px - 0.5f;
    float fx = x - floorf(x), fy = y - floorf(y), sum = 0, mx = 0, my = 0;
    int x0 = (int)floorf(x), y0 = (int)floorf(y);
    int nx = hf_clamp_int((int)lrintf(x), 0, a->w - 1), ny = hf_clamp_int((int)lrintf(y), 0, a->h - 1);
    float dx = a->xy[2 * (ny * a->w + nx)] - hf_cell_centre(nx, a->stride_px);
    float dy = a->xy[2 * (ny * a->w + nx) + 1] - hf_cell_centre(ny, a->stride_px);

    for (int j = 0; j < 4; j++) {
        int u = hf_clamp_int(x0 + (j & 1), 0, a->w - 1), v = hf_clamp_int(y0 + (j >> 1), 0, a->h - 1);
        float share = (j & 1 ? fx : 1 - fx) * (j >> 1 ? fy : 1 - fy);
        float ex = a->xy[2 * (v * a->w + u)] - hf_cell_centre(u, a->stride_px);
        float ey = a->xy[2 * (v * a->w + u) + 1] - hf_cell_centre(v, a->stride_px);
        if (fabsf(ex - dx) > (float)a->stride_px || fabsf(ey - dy) > (float)a->stride_px)
            continue;
        sum += share, mx += share * ex, my += share * ey;
    }
    xy[0] = px + (sum > 0 ? mx / sum : dx);
    xy[1] = py + (sum > 0 ? my / sum : dy);
}

HF_BOTH hf_anchor_place hf_anchor_find_drawn(const hf_anchor_view *a, int x, int y, const float *xy, int reach)
{
    int s = a->stride_px;
    hf_block b = hf_block_at(&a->now, &a->drawn, x * s, y * s, s);
    hf_anchor_place p;
    p.residual = hf_block_search(&b, reach, (int)lrintf(xy[0] - hf_cell_centre(x, a->stride_px)),
                                 (int)lrintf(xy[1] - hf_cell_centre(y, a->stride_px)), p.move);
    return p;
}

/* Mix the labels drawn `move` away into one fine cell. */
HF_BOTH void hf_anchor_add_drawn_labels(const hf_anchor_view *a, float *labels, int L, int x0, int y0,
                                        const float *move, float trust)
{
    int dx = (int)lrintf(move[0]), dy = (int)lrintf(move[1]);
    int x1 = x0 + a->fine_px < a->W ? x0 + a->fine_px : a->W, y1 = y0 + a->fine_px < a->H ? y0 + a->fine_px : a->H;
    float share = trust / (float)((x1 - x0) * (y1 - y0));

    for (int l = 0; l < L; l++)
        labels[l] *= 1 - trust;
    for (int y = y0; y < y1; y++) {
        const uint8_t *row = a->ids + (size_t)hf_clamp_int(y + dy, 0, a->H - 1) * a->W;
        for (int x = x0; x < x1; x++)
            labels[row[hf_clamp_int(x + dx, 0, a->W - 1)]] += share;
    }
}

/* A fine cell moves as its cell does. */
HF_BOTH void hf_anchor_correct_fine(const hf_anchor_view *a, const hf_cells *fine, int u, int v, const hf_anchored *c)
{
    size_t i = (size_t)v * fine->w + u;
    float half = 0.5f * (float)a->fine_px - 0.5f;
    fine->xy[2 * i] = (float)(u * a->fine_px) + half + c->move[0];
    fine->xy[2 * i + 1] = (float)(v * a->fine_px) + half + c->move[1];
    if (c->trust > 0)
        hf_anchor_add_drawn_labels(a, fine->labels + i * (size_t)fine->n_labels, fine->n_labels,
                                   u * a->fine_px, v * a->fine_px, c->move, c->trust);
}

/* What a cell should become; nothing is written. xy: the coordinate it was voted. */
HF_BOTH hf_anchored hf_anchor_cell(const hf_anchor_view *a, const float *xy, int x, int y, int guess)
{
    float flow[2] = { 0, 0 }, carried[2] = { 0, 0 }, agreement = 1;
    int s = a->stride_px;
    hf_block block = hf_block_at(&a->now, &a->drawn, x * s, y * s, s);
    float texture = hf_block_texture(&block) + HF_ANCHOR_NO_TEXTURE;
    int flows = 0;
    hf_anchor_place best = hf_anchor_find_drawn(a, x, y, xy, HF_ANCHOR_VOTE_REACH_PX);
    hf_anchored r;

    if (a->has_last) {
        flows = hf_anchor_find_flow(a, x, y, guess, flow) < HF_ANCHOR_FLOW_RESIDUAL * texture;
        hf_anchor_look_back(a, hf_cell_centre(x, s) + flow[0], hf_cell_centre(y, s) + flow[1], carried);
        hf_anchor_place p = hf_anchor_find_drawn(a, x, y, carried, HF_ANCHOR_CARRIED_REACH_PX);
        /* A way that ends where nothing looks like the block is no reason to doubt the other. */
        float doubt = hf_anchor_fit_of(fmaxf(p.residual, best.residual), texture);
        agreement = hf_anchor_halving(hypotf(p.move[0] - best.move[0], p.move[1] - best.move[1]) /
                                      HF_ANCHOR_HALF_DISTANCE_PX);
        agreement = 1 - doubt * (1 - agreement);
        if (flows && p.residual <= best.residual)
            best = p;
    }
    r.trust = HF_ANCHOR_MAX_TRUST * agreement * hf_anchor_fit_of(best.residual, texture);
    r.changes = r.trust > HF_ANCHOR_LEAST_TRUST || flows;
    r.move[0] = best.move[0], r.move[1] = best.move[1];
    r.xy[0] = hf_cell_centre(x, s) + best.move[0], r.xy[1] = hf_cell_centre(y, s) + best.move[1];
    if (!(r.trust > HF_ANCHOR_LEAST_TRUST) && flows) {
        r.move[0] = carried[0] - hf_cell_centre(x, s), r.move[1] = carried[1] - hf_cell_centre(y, s);
        r.xy[0] = carried[0], r.xy[1] = carried[1];
        r.trust = 0;
    }
    return r;
}

#endif
