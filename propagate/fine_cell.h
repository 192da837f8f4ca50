/* fine_cell.h - what fine.h says of one fine cell, for the host and for a GPU (see both.h). */
#ifndef HF_PROPAGATE_FINE_CELL_H
#define HF_PROPAGATE_FINE_CELL_H

#include "propagate/both.h"
#include "propagate/fine.h"

#define HF_FINE_REACH 1       /* fine cells */
#define HF_FINE_SOFTNESS 1.0f /* steps of a byte */
#define HF_FINE_SURE 0.99f    /* share of the votes that leaves no doubt */
#define HF_FINE_COLOUR_GAIN 4 /* chroma differs less than lightness in most pictures, and says more */
#define HF_FINE_MAX_BALLOTS 1024 /* of one fine cell; with k of 32 the weakest matches have none left */

/* Lightness and two colour differences of a fine cell's mean colour. */
HF_BOTH void hf_fine_colour(uint8_t *o, const uint8_t *rgb, int W, int H, int stride, int y, int x)
{
    int sum[3] = { 0, 0, 0 }, n = 0, gain = HF_FINE_COLOUR_GAIN;
    for (int v = y * stride; v < (y + 1) * stride && v < H; v++)
        for (int u = x * stride; u < (x + 1) * stride && u < W; u++, n++)
            for (int c = 0; c < 3; c++)
                sum[c] += rgb[((size_t)v * W + u) * 3 + c];
    int r = sum[0] / n, g = sum[1] / n, b = sum[2] / n;
    o[0] = (uint8_t)((77 * r + 150 * g + 29 * b) >> 8);
    o[1] = (uint8_t)hf_clamp_int(128 + gain * (r - g) / 2, 0, 255);
    o[2] = (uint8_t)hf_clamp_int(128 + gain * ((r + g) / 2 - b) / 2, 0, 255);
}

/* Is the label of a cell, or of one beside it, less than sure? */
HF_BOTH int hf_fine_in_doubt(const hf_fine_matches *m, int cy, int cx, int L)
{
    float sure = HF_FINE_SURE;
    int own = hf_best_label(m->labels + ((size_t)cy * m->w + cx) * L, 1, L);
    for (int v = cy - 1; v <= cy + 1; v++)
        for (int u = cx - 1; u <= cx + 1; u++)
            if (v >= 0 && v < m->h && u >= 0 && u < m->w &&
                m->labels[((size_t)v * m->w + u) * L + own] < sure)
                return 1;
    return 0;
}

HF_BOTH void hf_fine_take_parents_word(const hf_cells *out, int y, int x, const hf_fine_matches *m)
{
    size_t cell = (size_t)y * out->w + x, parent = (size_t)(y / HF_FINE_RATIO) * m->w + x / HF_FINE_RATIO;
    float half = 0.5f * (float)out->stride_px;
    for (int l = 0; l < out->n_labels; l++)
        out->labels[cell * out->n_labels + l] = m->labels[parent * out->n_labels + l];
    out->xy[2 * cell] = m->xy[2 * parent] + (x % HF_FINE_RATIO ? half : -half);
    out->xy[2 * cell + 1] = m->xy[2 * parent + 1] + (y % HF_FINE_RATIO ? half : -half);
    out->similarity[cell] = m->similarity[parent];
}

#endif
