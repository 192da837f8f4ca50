/* fine.c - see fine.h.
 *
 *   weight of a candidate = weight of the cell's match * exp(-mean difference of the patches / SOFTNESS)
 * over all fine cells within REACH of the place that the match points to. Only cells whose
 * label is in doubt, or whose neighbour's is, are worth it; the others keep their cell's word.
 */
#include "propagate/fine.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/simd.h"

#define REACH 1     /* fine cells */
#define SOFTNESS 1.0f /* steps of a byte */
#define SURE 0.99f     /* share of the votes that leaves no doubt */
#define COLOUR_GAIN 4    /* chroma differs less than lightness in most pictures, and says more */

#define MAX_BALLOTS 1024 /* of one fine cell; with k of 32 the weakest matches have none left */

static inline int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

/* Lightness and two colour differences of each fine cell's mean colour. */
static void mean_colours(uint8_t *out, const uint8_t *rgb, int W, int H, int stride, int fh, int fw)
{
    int gain = COLOUR_GAIN;
#pragma omp parallel for
    for (int y = 0; y < fh; y++)
        for (int x = 0; x < fw; x++) {
            int sum[3] = { 0, 0, 0 }, n = 0;
            for (int v = y * stride; v < (y + 1) * stride && v < H; v++)
                for (int u = x * stride; u < (x + 1) * stride && u < W; u++, n++)
                    for (int c = 0; c < 3; c++)
                        sum[c] += rgb[((size_t)v * W + u) * 3 + c];
            int r = sum[0] / n, g = sum[1] / n, b = sum[2] / n;
            uint8_t *o = out + ((size_t)y * fw + x) * 3;
            o[0] = (uint8_t)((77 * r + 150 * g + 29 * b) >> 8);
            o[1] = (uint8_t)clamp(128 + gain * (r - g) / 2, 0, 255);
            o[2] = (uint8_t)clamp(128 + gain * ((r + g) / 2 - b) / 2, 0, 255);
        }
}

void hf_fine_describe(uint8_t *patches, uint8_t *colours, const uint8_t *rgb, int W, int H, int stride)
{
    int fh = (H + stride - 1) / stride, fw = (W + stride - 1) / stride;
    mean_colours(colours, rgb, W, H, stride, fh, fw);
#pragma omp parallel for
    for (int y = 0; y < fh; y++)
        for (int x = 0; x < fw; x++) {
            uint8_t *p = patches + ((size_t)y * fw + x) * HF_FINE_CHANNELS;
            for (int v = y - 1; v <= y + 1; v++)
                for (int u = x - 1; u <= x + 1; u++, p += 3)
                    memcpy(p, colours + ((size_t)clamp(v, 0, fh - 1) * fw + clamp(u, 0, fw - 1)) * 3, 3);
        }
}

static inline int difference(const uint8_t *a, const uint8_t *b)
{
    int sum = 0;
    for (int i = 0; i < HF_FINE_CHANNELS; i++)
        sum += abs(a[i] - b[i]);
    return sum;
}

/* One candidate's say. */
typedef struct ballot {
    float  weight;     /* of the match, later of the candidate */
    int    difference; /* of the patches */
    int    reference;
    size_t cell;
} ballot;

/* Everything within reach of the place that match j of the parent cell points to. */
HF_CLONES
static int collect(ballot *ballots, int n, const hf_cells *out, int y, int x, const uint8_t *patch,
                   const hf_fine_matches *m, const hf_fine_reference *refs, int32_t index, float weight)
{
    int n_cells = m->h * m->w, reference = index / n_cells, place = index % n_cells, reach = REACH;
    int cy = place / m->w * HF_FINE_RATIO + y % HF_FINE_RATIO,
        cx = place % m->w * HF_FINE_RATIO + x % HF_FINE_RATIO;
    for (int v = cy - reach; v <= cy + reach; v++)
        for (int u = cx - reach; u <= cx + reach; u++) {
            if (v < 0 || v >= out->h || u < 0 || u >= out->w || n >= MAX_BALLOTS)
                continue;
            size_t cell = (size_t)v * out->w + u;
            int d = difference(patch, refs[reference].patches + cell * HF_FINE_CHANNELS);
            ballots[n++] = (ballot){ weight, d, reference, cell };
        }
    return n;
}

/* From matches and differences to weights that sum to 1. Differences count from the smallest one, so
 * that a patch unlike everything does not leave all weights at 0. */
static void weigh(ballot *ballots, int n)
{
    int smallest = INT_MAX;
    float total = 0, scale = -1 / (SOFTNESS * HF_FINE_USED);
    for (int i = 0; i < n; i++)
        smallest = ballots[i].difference < smallest ? ballots[i].difference : smallest;
    for (int i = 0; i < n; i++)
        total += ballots[i].weight *= expf((float)(ballots[i].difference - smallest) * scale);
    for (int i = 0; i < n; i++)
        ballots[i].weight /= total;
}

static void count(hf_cells *out, size_t cell, const ballot *ballots, int n, const hf_fine_reference *refs)
{
    int L = out->n_labels;
    float *labels = out->labels + cell * L, x = 0, y = 0, sum = 0;
    memset(labels, 0, sizeof(float) * (size_t)L);
    for (int i = 0; i < n; i++) {
        const float *l = refs[ballots[i].reference].labels + ballots[i].cell * L;
        for (int j = 0; j < L; j++)
            labels[j] += ballots[i].weight * l[j];
    }
    int best = hf_cells_best_label(labels, L);
    for (int i = 0; i < n; i++) {
        const hf_fine_reference *r = &refs[ballots[i].reference];
        float share = ballots[i].weight * (r->labels[ballots[i].cell * L + best] + 1e-3f);
        x += share * r->xy[2 * ballots[i].cell];
        y += share * r->xy[2 * ballots[i].cell + 1];
        sum += share;
    }
    out->xy[2 * cell] = x / sum;
    out->xy[2 * cell + 1] = y / sum;
}

/* Is the label of a cell, or of one beside it, less than sure? */
static int in_doubt(const hf_fine_matches *m, int cy, int cx, int L)
{
    float sure = SURE;
    int own = hf_cells_best_label(m->labels + ((size_t)cy * m->w + cx) * L, L);
    for (int v = cy - 1; v <= cy + 1; v++)
        for (int u = cx - 1; u <= cx + 1; u++)
            if (v >= 0 && v < m->h && u >= 0 && u < m->w &&
                m->labels[((size_t)v * m->w + u) * L + own] < sure)
                return 1;
    return 0;
}

static void take_parents_word(hf_cells *out, int y, int x, const hf_fine_matches *m)
{
    size_t cell = (size_t)y * out->w + x, parent = (size_t)(y / HF_FINE_RATIO) * m->w + x / HF_FINE_RATIO;
    float half = 0.5f * (float)out->stride_px;
    memcpy(out->labels + cell * out->n_labels, m->labels + parent * out->n_labels,
           sizeof(float) * (size_t)out->n_labels);
    out->xy[2 * cell] = m->xy[2 * parent] + (x % HF_FINE_RATIO ? half : -half);
    out->xy[2 * cell + 1] = m->xy[2 * parent + 1] + (y % HF_FINE_RATIO ? half : -half);
    out->similarity[cell] = m->similarity[parent];
}

void hf_fine_vote(hf_cells *out, const uint8_t *patches, const hf_fine_matches *m,
                  const hf_fine_reference *refs)
{
#pragma omp parallel for schedule(dynamic, 2)
    for (int y = 0; y < out->h; y++)
        for (int x = 0; x < out->w; x++) {
            take_parents_word(out, y, x, m);
            if (!in_doubt(m, y / HF_FINE_RATIO, x / HF_FINE_RATIO, out->n_labels))
                continue;
            ballot ballots[MAX_BALLOTS];
            size_t cell = (size_t)y * out->w + x, parent = (size_t)(y / HF_FINE_RATIO) * m->w + x / HF_FINE_RATIO;
            int n = 0;
            for (int j = 0; j < m->k && m->index[parent * m->k + j] >= 0; j++)
                n = collect(ballots, n, out, y, x, patches + cell * HF_FINE_CHANNELS, m, refs,
                            m->index[parent * m->k + j], m->weight[parent * m->k + j]);
            if (n > 0) {
                weigh(ballots, n);
                count(out, cell, ballots, n, refs);
            }
        }
}
