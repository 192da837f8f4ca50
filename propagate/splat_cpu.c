/* splat_cpu.c - forward splatting on several cores.
 *
 * The sources are first listed by the target row they land in (a counting sort,
 * which keeps their order). One thread then owns a target row and adds to it
 * the sources of the row above, whose footprints reach down, and its own. So no two threads
 * touch one pixel, and the order of every sum depends on the matches alone.
 */
#include "propagate/splat.h"

#include <string.h>

#include "propagate/splat_footprint.h"

typedef struct plan {
    hf_splat_io io;
    int         w, h; /* target */
    int64_t     C;
    float       inv_temperature;
    float      *best, *weight; /* [h,w] best similarity, sum of weights */
    float      *best_weight;   /* [h,w] of the winner */
    int32_t    *order;         /* [n_source] sources by target row */
    int32_t    *start;         /* [h+2] first source of rows -1..h-1, then the end */
} plan;

/* Row of the upper pixels of p's footprint, -1..h-1; -2 when p lands nowhere. */
static inline int upper_row(const plan *s, int64_t p)
{
    if (s->io.match->dtype == HF_I32) {
        int32_t q = ((const int32_t *)s->io.match->data)[p];
        return q >= 0 && q < (int64_t)s->w * s->h ? q / s->w : -2;
    }
    const float *xy = (const float *)s->io.match->data + 2 * p;
    if (!(xy[0] > -1.0f && xy[0] < (float)s->w && xy[1] > -1.0f && xy[1] < (float)s->h))
        return -2;
    return (int)floorf(xy[1]);
}

static void sort_by_row(const plan *s)
{
    int64_t n_source = hf_tensor_count(s->io.similarity);
    int32_t *start = s->start;

    memset(start, 0, (size_t)(s->h + 2) * sizeof(*start));
    for (int64_t p = 0; p < n_source; p++) {
        int row = upper_row(s, p);
        if (row >= -1)
            start[row + 1]++;
    }
    int32_t sum = 0;
    for (int i = 0; i < s->h + 2; i++) {
        int32_t n = start[i];
        start[i] = sum;
        sum += n;
    }
    for (int64_t p = 0; p < n_source; p++) {
        int row = upper_row(s, p);
        if (row >= -1)
            s->order[start[row + 1]++] = (int32_t)p;
    }
    /* Every start has moved on to the next one's place. */
    memmove(start + 1, start, (size_t)(s->h + 1) * sizeof(*start));
    start[0] = 0;
}

/* First of the sources that reach row y; whole-pixel matches do not reach down. */
static inline int32_t first_of(const plan *s, int y)
{
    return s->start[s->io.match->dtype == HF_I32 ? y + 1 : y];
}

static inline int64_t row_of(const plan *s, int64_t at)
{
    return at / s->w;
}

static void row_best(const plan *s, int y)
{
    const float *similarity = s->io.similarity->data;
    for (int64_t q = (int64_t)y * s->w, end = q + s->w; q < end; q++)
        s->best[q] = -INFINITY;
    for (int32_t i = first_of(s, y); i < s->start[y + 2]; i++) {
        int32_t p = s->order[i];
        hf_footprint f = hf_splat_footprint(s->io.match, p, s->w, s->h);
        for (int k = 0; k < f.n; k++)
            if (row_of(s, f.at[k]) == y)
                s->best[f.at[k]] = fmaxf(s->best[f.at[k]], similarity[p]);
    }
}

static inline void add(const plan *s, int64_t q, int32_t p, float b)
{
    float e = expf((((const float *)s->io.similarity->data)[p] - s->best[q]) * s->inv_temperature);
    const float *payload = (const float *)s->io.payload->data + p * s->C;
    float *out = (float *)s->io.out->data + q * s->C;
    int32_t *winner = s->io.winner->data;
    float weight = b * e;

    for (int64_t c = 0; c < s->C; c++)
        out[c] += weight * payload[c];
    s->weight[q] += weight;
    ((float *)s->io.cover->data)[q] += b;
    /* The row above comes first, so that equal weights may arrive out of order. */
    if (winner && weight > 0.0f &&
        (weight > s->best_weight[q] || (weight == s->best_weight[q] && p < winner[q]))) {
        s->best_weight[q] = weight;
        winner[q] = p;
    }
}

static void row_splat(const plan *s, int y)
{
    size_t row = (size_t)y * s->w;
    float *out = (float *)s->io.out->data + row * s->C;

    memset(out, 0, (size_t)s->w * s->C * sizeof(float));
    memset((float *)s->io.cover->data + row, 0, (size_t)s->w * sizeof(float));
    memset(s->weight + row, 0, (size_t)s->w * sizeof(float));
    memset(s->best_weight + row, 0, (size_t)s->w * sizeof(float));
    if (s->io.winner->data)
        memset((int32_t *)s->io.winner->data + row, 0xff, (size_t)s->w * sizeof(int32_t));

    row_best(s, y);
    for (int32_t i = first_of(s, y); i < s->start[y + 2]; i++) {
        hf_footprint f = hf_splat_footprint(s->io.match, s->order[i], s->w, s->h);
        for (int k = 0; k < f.n; k++)
            if (row_of(s, f.at[k]) == y)
                add(s, f.at[k], s->order[i], f.weight[k]);
    }
    for (int x = 0; x < s->w; x++)
        if (s->weight[row + x] > 0.0f)
            for (int64_t c = 0; c < s->C; c++)
                out[x * s->C + c] /= s->weight[row + x];
}

int hf_cpu_splat(hf_backend *be, const hf_tensor *out, const hf_tensor *cover, const hf_tensor *winner,
                 const hf_tensor *payload, const hf_tensor *match, const hf_tensor *similarity,
                 const hf_splat_params *params, const hf_tensor *scratch, hf_error *err)
{
    int w = (int)cover->shape[1], h = (int)cover->shape[0];
    size_t n = (size_t)w * h;
    float *memory = scratch->data;
    plan s = {
        .io = { out, cover, winner, payload, match, similarity },
        .w = w, .h = h, .C = payload->shape[2],
        .inv_temperature = 1.0f / params->temperature,
        .best = memory, .weight = memory + n, .best_weight = memory + 2 * n,
        .start = (int32_t *)(memory + 3 * n),
        .order = (int32_t *)(memory + 3 * n) + h + 2,
    };

    hf_splat_check(&s.io, scratch);
    if (!(params->temperature > 0.0f))
        return hf_fail(err, HF_EARG, "splat: temperature is %g, want more than 0",
                       (double)params->temperature);
    sort_by_row(&s);
#pragma omp parallel for schedule(dynamic, 16) num_threads(be->n_threads)
    for (int y = 0; y < h; y++)
        row_splat(&s, y);
    return HF_OK;
}
