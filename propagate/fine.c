/* fine.c - see fine.h.
 *
 *   weight of a candidate = weight of the cell's match * exp(-mean difference of the patches / softness)
 * over all fine cells within REACH of the place that the match points to. Only cells whose
 * label is in doubt, or whose neighbour's is, are worth it; the others keep their cell's word.
 */
#include "propagate/fine.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/fine_cell.h"
#include "src/simd.h"

/* Lightness and two colour differences of each fine cell's mean colour. */
static void mean_colours(uint8_t *out, const uint8_t *rgb, int W, int H, int stride, int fh, int fw)
{
#pragma omp parallel for
    for (int y = 0; y < fh; y++)
        for (int x = 0; x < fw; x++)
            hf_fine_colour(out + ((size_t)y * fw + x) * 3, rgb, W, H, stride, y, x);
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
                    memcpy(p, colours + ((size_t)hf_clamp_int(v, 0, fh - 1) * fw + hf_clamp_int(u, 0, fw - 1)) * 3, 3);
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
    int n_cells = m->h * m->w, reference = index / n_cells, place = index % n_cells, reach = HF_FINE_REACH;
    int cy = place / m->w * HF_FINE_RATIO + y % HF_FINE_RATIO,
        cx = place % m->w * HF_FINE_RATIO + x % HF_FINE_RATIO;
    for (int v = cy - reach; v <= cy + reach; v++)
        for (int u = cx - reach; u <= cx + reach; u++) {
            if (v < 0 || v >= out->h || u < 0 || u >= out->w || n >= HF_FINE_MAX_BALLOTS)
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
    float total = 0, scale = -1 / (HF_FINE_SOFTNESS * HF_FINE_USED);
    for (int i = 0; i < n; i++)
        smallest = ballots[i].difference < smallest ? ballots[i].difference : smallest;
    for (int i = 0; i < n; i++)
        total += ballots[i].weight *= expf((float)(ballots[i].difference - smallest) * scale);
    for (int i = 0; i < n; i++)
        ballots[i].weight /= total;
}

/* labels [L]: the weighted mean of the ballots'. L is known where this is compiled for few labels: sums stay in
 * registers then. */
static inline __attribute__((always_inline)) void add_labels(float *labels, const ballot *ballots, int n,
                                                             const hf_fine_reference *refs, const int L)
{
    float sums[HF_MAX_LABELS];
    for (int j = 0; j < L; j++)
        sums[j] = 0;
    for (int i = 0; i < n; i++) {
        const float *l = refs[ballots[i].reference].labels + ballots[i].cell * (size_t)L;
        for (int j = 0; j < L; j++)
            sums[j] += ballots[i].weight * l[j];
    }
    for (int j = 0; j < L; j++)
        labels[j] = sums[j];
}

static void count(const hf_cells *out, size_t cell, const ballot *ballots, int n, const hf_fine_reference *refs)
{
    int L = out->n_labels;
    float *labels = out->labels + cell * L, x = 0, y = 0, sum = 0;
    if (L == 2)
        add_labels(labels, ballots, n, refs, 2);
    else if (L == 3)
        add_labels(labels, ballots, n, refs, 3);
    else
        add_labels(labels, ballots, n, refs, L);
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

void hf_fine_vote(const hf_cells *out, const uint8_t *patches, const hf_fine_matches *m,
                  const hf_fine_reference *refs)
{
#pragma omp parallel for schedule(dynamic, 2)
    for (int y = 0; y < out->h; y++)
        for (int x = 0; x < out->w; x++) {
            hf_fine_take_parents_word(out, y, x, m);
            if (!hf_fine_in_doubt(m, y / HF_FINE_RATIO, x / HF_FINE_RATIO, out->n_labels))
                continue;
            ballot ballots[HF_FINE_MAX_BALLOTS];
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
