/* fill.c - push-pull after Gortler et al., "The Lumigraph" (SIGGRAPH 1996), section 3.4.
 *
 * Push: each level is the weighted mean of 2 x 2 pixels of the finer one, with the sum of
 * their weights, at most 1. Pull: from the coarsest down, what a level lacks (1 - weight)
 * comes from the bilinearly enlarged coarser one. Level 0 differs: a pixel that has any
 * weight keeps its value.
 */
#include "propagate/fill.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LEVELS 32

typedef struct level {
    int    w, h;
    float *data, *weight; /* [h,w,C], [h,w] */
} level;

struct hf_fill {
    int   width, height, max_channels, n_levels;
    level levels[MAX_LEVELS]; /* [0] borrows the caller's data */
    float memory[];
};

size_t hf_fill_bytes(int width, int height, int max_channels)
{
    size_t n = 0;
    for (int w = width, h = height; w > 1 || h > 1;) {
        w = (w + 1) / 2, h = (h + 1) / 2;
        n += (size_t)w * h;
    }
    return sizeof(hf_fill) + n * ((size_t)max_channels + 1) * sizeof(float);
}

int hf_fill_new(hf_fill **out, int width, int height, int max_channels, hf_error *err)
{
    *out = NULL;
    if (width < 1 || height < 1 || max_channels < 1)
        return hf_fail(err, HF_EARG, "fill: size is %dx%d with %d channels, want at least 1 each",
                       width, height, max_channels);
    hf_fill *f = calloc(1, hf_fill_bytes(width, height, max_channels));
    if (!f)
        return hf_fail(err, HF_ENOMEM, "fill: out of memory for %dx%d", width, height);
    f->width = width, f->height = height, f->max_channels = max_channels;
    f->levels[0] = (level){ .w = width, .h = height };
    float *memory = f->memory;
    int n = 1;
    for (int w = width, h = height; w > 1 || h > 1; n++) {
        w = (w + 1) / 2, h = (h + 1) / 2;
        size_t pixels = (size_t)w * h;
        f->levels[n] = (level){ w, h, memory, memory + pixels * max_channels };
        memory += pixels * (max_channels + 1);
    }
    f->n_levels = n;
    *out = f;
    return HF_OK;
}

void hf_fill_free(hf_fill **fill)
{
    free(*fill);
    *fill = NULL;
}

static void push_pixel(level *to, const level *from, int x, int y, int C)
{
    float *out = to->data + ((size_t)y * to->w + x) * C;
    float sum = 0.0f;

    memset(out, 0, (size_t)C * sizeof(*out));
    for (int dy = 0; dy < 2; dy++)
    for (int dx = 0; dx < 2; dx++) {
        int fx = 2 * x + dx, fy = 2 * y + dy;
        if (fx >= from->w || fy >= from->h)
            continue;
        size_t at = (size_t)fy * from->w + fx;
        float weight = from->weight[at] > 1.0f ? 1.0f : from->weight[at];
        for (int c = 0; weight > 0.0f && c < C; c++)
            out[c] += weight * from->data[at * C + c];
        sum += weight;
    }
    for (int c = 0; sum > 0.0f && c < C; c++)
        out[c] /= sum;
    to->weight[(size_t)y * to->w + x] = sum > 1.0f ? 1.0f : sum;
}

static void push(level *to, const level *from, int C)
{
    for (int y = 0; y < to->h; y++)
        for (int x = 0; x < to->w; x++)
            push_pixel(to, from, x, y, C);
}

/* Positions of a fine pixel's two coarse neighbours along one axis; the nearer weighs 3/4. */
static void neighbours(int fine, int n, int *near, int *far)
{
    *near = fine / 2;
    *far = fine & 1 ? *near + 1 : *near - 1;
    if (*far < 0 || *far >= n)
        *far = *near;
}

static void pull_pixel(level *to, const level *from, int x, int y, int C, float keep)
{
    int x0, x1, y0, y1;
    neighbours(x, from->w, &x0, &x1);
    neighbours(y, from->h, &y0, &y1);
    const float *nn = from->data + ((size_t)y0 * from->w + x0) * C;
    const float *nf = from->data + ((size_t)y0 * from->w + x1) * C;
    const float *fn = from->data + ((size_t)y1 * from->w + x0) * C;
    const float *ff = from->data + ((size_t)y1 * from->w + x1) * C;
    float *out = to->data + ((size_t)y * to->w + x) * C;
    for (int c = 0; c < C; c++) {
        float coarse = 0.5625f * nn[c] + 0.1875f * (nf[c] + fn[c]) + 0.0625f * ff[c];
        out[c] = keep > 0.0f ? keep * out[c] + (1.0f - keep) * coarse : coarse;
    }
}

static void pull(level *to, const level *from, int C, int finest)
{
    for (int y = 0; y < to->h; y++)
    for (int x = 0; x < to->w; x++) {
        float keep = to->weight[(size_t)y * to->w + x];
        if (keep >= 1.0f || (finest && keep > 0.0f))
            continue;
        pull_pixel(to, from, x, y, C, keep);
    }
}

static int has_holes(const hf_fill *fill, const float *weight)
{
    for (int64_t i = 0; i < (int64_t)fill->width * fill->height; i++)
        if (!(weight[i] > 0.0f))
            return 1;
    return 0;
}

void hf_fill_run(hf_fill *fill, float *data, const float *weight, int C)
{
    level *levels = fill->levels;
    if (!has_holes(fill, weight))
        return;
    levels[0].data = data;
    levels[0].weight = (float *)weight; /* level 0 is only read */
    for (int i = 1; i < fill->n_levels; i++)
        push(&levels[i], &levels[i - 1], C);
    /* Nothing known at all: every coarser level already is 0. */
    for (int i = fill->n_levels - 2; i >= 0; i--)
        pull(&levels[i], &levels[i + 1], C, i == 0);
    if (fill->n_levels == 1 && !(weight[0] > 0.0f))
        memset(data, 0, (size_t)C * sizeof(*data));
}
