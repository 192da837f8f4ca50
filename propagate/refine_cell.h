/* refine_cell.h - what refine.h says of one cell or pixel, for the host and for a GPU (see both.h). */
#ifndef HF_PROPAGATE_REFINE_CELL_H
#define HF_PROPAGATE_REFINE_CELL_H

#include <math.h>
#include <stdint.h>

#include "propagate/both.h"
#include "propagate/refine.h"
#include "propagate/settle.h"

#define HF_REFINE_REACH_PX 4
/* Lightness difference, of 255, at which cover has fallen to a half. */
#define HF_REFINE_HALF_COVER 24.0f
/* ... and at which a block's say in the moves around it has fallen to a half. */
#define HF_REFINE_HALF_SAY 8.0f

/* Where the cells on both sides of each column (or row) are, and the share of the second. */
typedef struct hf_between {
    int   first, second;
    float share;
} hf_between;

/* The four cells around a place, with bilinear shares. */
typedef struct hf_corners {
    int   cell[4];
    float share[4];
} hf_corners;

HF_BOTH hf_corners hf_corners_at(const hf_cells *c, float x_px, float y_px)
{
    float x = (x_px + 0.5f) / (float)c->stride_px - 0.5f, y = (y_px + 0.5f) / (float)c->stride_px - 0.5f;
    int x0 = (int)floorf(x), y0 = (int)floorf(y);
    float fx = x - (float)x0, fy = y - (float)y0;
    int left = hf_clamp_int(x0, 0, c->w - 1), right = hf_clamp_int(x0 + 1, 0, c->w - 1);
    int top = hf_clamp_int(y0, 0, c->h - 1) * c->w, bottom = hf_clamp_int(y0 + 1, 0, c->h - 1) * c->w;
    hf_corners k;
    k.cell[0] = top + left, k.cell[1] = top + right, k.cell[2] = bottom + left, k.cell[3] = bottom + right;
    k.share[0] = (1 - fx) * (1 - fy), k.share[1] = fx * (1 - fy), k.share[2] = (1 - fx) * fy, k.share[3] = fx * fy;
    return k;
}

HF_BOTH float hf_corners_blend(const float *values, int n, int i, const hf_corners *k)
{
    float sum = 0;
    for (int j = 0; j < 4; j++)
        sum += k->share[j] * values[(size_t)k->cell[j] * n + i];
    return sum;
}

/* The label that most of a joined cell's n x n parts hold, and the mean displacement of those
 * parts that have it. */
HF_BOTH void hf_refine_join_cell(uint8_t *winner_out, float *xy, const hf_cells *cells, int n, int y, int x)
{
    int L = cells->n_labels, winner = 0;
    float total[HF_MAX_LABELS], move[2] = { 0, 0 }, share = 0;
    float own = 0.5f * (float)cells->stride_px - 0.5f, centre = 0.5f * HF_REFINE_JOINED_PX - 0.5f;

    for (int l = 0; l < L; l++)
        total[l] = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int v = n * y; v < n * (y + 1) && v < cells->h; v++)
            for (int u = n * x; u < n * (x + 1) && u < cells->w; u++) {
                size_t part = (size_t)v * cells->w + u;
                const float *labels = cells->labels + part * L;
                for (int l = 0; pass == 0 && l < L; l++)
                    total[l] += labels[l];
                if (pass == 0 || hf_best_label(labels, 1, L) != winner)
                    continue;
                move[0] += cells->xy[2 * part] - ((float)(u * cells->stride_px) + own);
                move[1] += cells->xy[2 * part + 1] - ((float)(v * cells->stride_px) + own);
                share += 1;
            }
        winner = hf_best_label(total, 1, L);
    }
    /* No part may have the label that they hold together: then the first one speaks. */
    size_t first = (size_t)n * y * cells->w + n * x;
    if (share == 0) {
        move[0] = cells->xy[2 * first] - ((float)(n * x * cells->stride_px) + own);
        move[1] = cells->xy[2 * first + 1] - ((float)(n * y * cells->stride_px) + own);
        share = 1;
    }
    *winner_out = (uint8_t)winner;
    xy[0] = (float)(x * HF_REFINE_JOINED_PX) + centre + move[0] / share;
    xy[1] = (float)(y * HF_REFINE_JOINED_PX) + centre + move[1] / share;
}

HF_BOTH hf_between hf_between_at(int px, int stride, int n)
{
    float at = ((float)px + 0.5f) / (float)stride - 0.5f;
    int first = (int)floorf(at);
    hf_between b;
    b.first = hf_clamp_int(first, 0, n - 1), b.second = hf_clamp_int(first + 1, 0, n - 1);
    b.share = at - (float)first;
    return b;
}

/* A cell with another label than the pixel's counts only where no cell agrees. */
#define HF_REFINE_OTHER_LABEL 1e-3f

/* Cover of a pixel: residual is the sum of those of the cells around it by their say, say_sum all their say. */
HF_BOTH float hf_refine_cover_of(float residual, float say_sum)
{
    float scale = 1 / say_sum;
    residual *= scale / HF_REFINE_HALF_COVER;
    return 1 / (1 + residual * residual);
}

/* Bilinear over those of the four cells that have the pixel's label. */
HF_BOTH void hf_refine_place_pixel(float *xy, float *cover, const hf_settled *settled,
                               const uint8_t *winners, int label, const int *cell, const float *share)
{
    float sum = 0, mx = 0, my = 0, residual = 0;
    for (int j = 0; j < 4; j++) {
        int c = cell[j];
        float s = winners[c] == label ? share[j] : HF_REFINE_OTHER_LABEL * share[j];
        sum += s;
        mx += s * settled->move[2 * c];
        my += s * settled->move[2 * c + 1];
        residual += s * settled->residual[c];
    }
    float scale = 1 / sum;
    xy[0] += mx * scale;
    xy[1] += my * scale;
    *cover = hf_refine_cover_of(residual, sum);
}

/* Background is what the objects leave; where they claim more than all, they share it. soft: one pixel's labels, `step`
 * apart. */
HF_BOTH void hf_refine_normalise(float *soft, size_t step, int L)
{
    float sum = 0;
    for (int l = 1; l < L; l++)
        sum += soft[(size_t)l * step];
    soft[0] = sum < 1 ? 1 - sum : 0;
    for (int l = 1; l < L && sum > 1; l++)
        soft[(size_t)l * step] /= sum;
}

/* A block's say in the moves around it. */
HF_BOTH float hf_refine_trust(float residual)
{
    float x = residual / HF_REFINE_HALF_SAY;
    return 1 / (1 + x * x);
}

/* Parts a side of the cells that are joined for coordinates; 0: they are taken as they are. */
HF_BOTH int hf_refine_parts(int stride_px)
{
    int n = HF_REFINE_JOINED_PX / stride_px;
    return n >= 2 && n * stride_px == HF_REFINE_JOINED_PX ? n : 0;
}

#endif
