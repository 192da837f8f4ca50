/* context_cell.h - what context_ops.h says of one cell, for the host and for a GPU (see both.h). */
#ifndef HF_PROPAGATE_CONTEXT_CELL_H
#define HF_PROPAGATE_CONTEXT_CELL_H

#include <math.h>
#include <stdint.h>

#include "propagate/both.h"
#include "propagate/context_ops.h"
#include "propagate/match_context.h"

#define HF_CONTEXT_PLACES 3.0f /* votes that say where: more blur the coordinates, and an edit spreads */

/* The byte of a feature. */
HF_BOTH uint8_t hf_match_byte(float value)
{
    float v = value * HF_MATCH_UNIT + HF_MATCH_ZERO + 0.5f;
    return (uint8_t)(v < 1 ? 1 : v > 255 ? 255 : v);
}

/* The mean move, over a tile, from a cell's own place to the coordinate that its best match in the last frame
 * carries. The lists hold that frame's matches alone. */
HF_BOTH void hf_context_tile_shift(const hf_context_lists *l, const float *xy, int y, int tile)
{
    float sx = 0, sy = 0;
    int n_cells = l->h * l->w, tiles = (l->w + HF_MATCH_TILE - 1) / HF_MATCH_TILE;
    int begin = tile * HF_MATCH_TILE, end = begin + HF_MATCH_TILE < l->w ? begin + HF_MATCH_TILE : l->w;
    for (int x = begin; x < end; x++) {
        int m = l->index[((size_t)y * l->w + x) * l->k] % n_cells;
        sx += xy[2 * m] - hf_cell_centre(x, l->stride_px);
        sy += xy[2 * m + 1] - hf_cell_centre(y, l->stride_px);
    }
    float scale = 1.0f / (float)((end - begin) * l->stride_px);
    int32_t *shift = l->shift + ((size_t)y * tiles + tile) * 2;
    shift[0] = (int32_t)lrintf(sx * scale);
    shift[1] = (int32_t)lrintf(sy * scale);
}

HF_BOTH void hf_context_guess(const hf_context_lists *l, int cell)
{
    int32_t m = l->index[(size_t)cell * l->k];
    l->guess[cell] = m < 0 ? -1 : m % (l->h * l->w);
}

/* Where the drawn frame's window was moved right off the map, a cell of the first step may have no candidate at
 * all: it keeps its own place and is background. */
HF_BOTH void hf_context_stay(const hf_cells *out, int cell)
{
    float *labels = out->labels + (size_t)cell * out->n_labels;
    for (int i = 0; i < out->n_labels; i++)
        labels[i] = i == 0 ? 1.0f : 0.0f;
    out->xy[2 * cell] = hf_cell_centre(cell % out->w, out->stride_px);
    out->xy[2 * cell + 1] = hf_cell_centre(cell / out->w, out->stride_px);
    out->similarity[cell] = 0;
}

/* The k matches of one cell vote. The coordinate is taken from the best of the votes for the winning label, so that
 * label and coordinate agree along an object's edge. */
HF_BOTH void hf_context_vote(const hf_cells *out, const hf_context_lists *l, const hf_context_reference *refs,
                             float temperature, int cell)
{
    const int32_t *index = l->index + (size_t)cell * l->k;
    const float *similarity = l->similarity + (size_t)cell * l->k;
    int L = out->n_labels, n = 0;
    float *labels = out->labels + (size_t)cell * L, *weight = l->weight + (size_t)cell * l->k, total = 0;

    for (; n < l->k && index[n] >= 0; n++)
        total += weight[n] = expf((similarity[n] - similarity[0]) / temperature);
    for (int i = 0; i < L; i++)
        labels[i] = 0;
    for (int j = 0; j < n; j++)
        weight[j] /= total;
    for (int j = 0; j < n; j++) {
        const float *from = refs->labels + (size_t)index[j] * L;
        for (int i = 0; i < L; i++)
            labels[i] += weight[j] * from[i];
    }
    int best = hf_best_label(labels, 1, L);
    float x = 0, y = 0, sum = 0, found = 0;
    for (int j = 0; j < n && found < HF_CONTEXT_PLACES; j++) {
        size_t m = (size_t)index[j];
        float agrees = refs->labels[m * L + best], share = weight[j] * (agrees + 1e-3f);
        found += agrees;
        x += share * refs->xy[2 * m];
        y += share * refs->xy[2 * m + 1];
        sum += share;
    }
    out->xy[2 * cell] = x / sum;
    out->xy[2 * cell + 1] = y / sum;
    out->similarity[cell] = similarity[0];
}

/* The fine labels of a cell's parts, averaged. */
HF_BOTH void hf_context_pool(float *labels, const hf_cells *fine, int y, int x)
{
    int L = fine->n_labels, n = 0;
    for (int i = 0; i < L; i++)
        labels[i] = 0;
    for (int v = HF_FINE_RATIO * y; v < HF_FINE_RATIO * (y + 1) && v < fine->h; v++)
        for (int u = HF_FINE_RATIO * x; u < HF_FINE_RATIO * (x + 1) && u < fine->w; u++, n++)
            for (int i = 0; i < L; i++)
                labels[i] += fine->labels[((size_t)v * fine->w + u) * L + i];
    for (int i = 0; i < L; i++)
        labels[i] /= (float)n;
}

/* One pixel of a working picture: averaged over factor x factor pixels of the frame, or doubled. A doubled pixel's
 * centre lies a quarter of a pixel beside one of the frame's: 3/4 of that, 1/4 of the next, each way. */
HF_BOTH void hf_scale_pixel(uint8_t *out, const uint8_t *rgb, const hf_scaling *s, int y, int x)
{
    int f = s->factor, W = s->width, H = s->height;
    if (s->enlarge > 1) {
        int v0 = y / 2, v1 = hf_clamp_int(y & 1 ? v0 + 1 : v0 - 1, 0, H - 1);
        int u0 = x / 2, u1 = hf_clamp_int(x & 1 ? u0 + 1 : u0 - 1, 0, W - 1);
        const uint8_t *near = rgb + (int64_t)3 * v0 * W, *far = rgb + (int64_t)3 * v1 * W;
        for (int c = 0; c < 3; c++)
            out[c] = (uint8_t)((9 * near[3 * u0 + c] + 3 * near[3 * u1 + c] + 3 * far[3 * u0 + c] +
                                far[3 * u1 + c] + 8) / 16);
        return;
    }
    int v1 = (y + 1) * f < H ? (y + 1) * f : H, u1 = (x + 1) * f < W ? (x + 1) * f : W;
    int n = (u1 - x * f) * (v1 - y * f);
    for (int c = 0; c < 3; c++) {
        int sum = n / 2;
        for (int v = y * f; v < v1; v++)
            for (int u = x * f; u < u1; u++)
                sum += rgb[3 * ((int64_t)v * W + u) + c];
        out[c] = (uint8_t)(sum / n);
    }
}

HF_BOTH uint8_t hf_share_byte(float v) { return (uint8_t)((v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v) * 255.0f + 0.5f); }

#endif
