/* first_ops.c - the steps of `--match first` on the host; see first_ops.h. */
#include "propagate/first_ops.h"

#include <math.h>

static int64_t n_pixels(const hf_first_field *f)
{
    return (int64_t)f->width * f->height;
}

/* Channel c of the drawing at pixel i. */
static inline float drawn_value(const hf_drawing *d, int c, int64_t i)
{
    if (c < d->n_labels)
        return d->ids[i] == c;
    if (!d->edit)
        return 0.0f;
    float alpha = d->edit[4 * i + 3];
    return c == d->n_labels + 3 ? alpha : alpha * (1.0f / 255.0f) * d->edit[4 * i + c - d->n_labels];
}

static int draw(hf_backend *be, float *out, const hf_first_field *f, const hf_drawing *d, int c0, int C, hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n_pixels(f); i++)
        for (int c = 0; c < C; c++)
            out[i * C + c] = drawn_value(d, c0 + c, i);
    return HF_OK;
}

static int ask(hf_backend *be, const hf_first_field *f, hf_error *err)
{
    (void)be, (void)err;
    for (int64_t q = 0; q < n_pixels(f); q++) {
        f->origin[q] = f->source[q] >= 0 ? HF_FIRST_LANDED : HF_FIRST_ASKED;
        if (f->origin[q] == HF_FIRST_ASKED && f->backward_similarity[q] > 0.0f)
            f->source[q] = f->backward[q];
        else if (f->origin[q] == HF_FIRST_ASKED)
            f->origin[q] = HF_FIRST_UNKNOWN;
        f->known[q] = f->origin[q] != HF_FIRST_UNKNOWN;
    }
    return HF_OK;
}

static int draw_asked(hf_backend *be, float *group, const hf_first_field *f, const hf_drawing *d, int c0, int C,
                      hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t q = 0; q < n_pixels(f); q++)
        for (int c = 0; f->origin[q] == HF_FIRST_ASKED && c < C; c++)
            group[q * C + c] = drawn_value(d, c0 + c, f->source[q]);
    return HF_OK;
}

static int deal(hf_backend *be, float *soft, float *edit, const float *group, const hf_first_field *f, int n_labels,
                int c0, int C, hf_error *err)
{
    int64_t n = n_pixels(f);
    (void)be, (void)err;
    for (int c = 0; c < C; c++) {
        int channel = c0 + c - n_labels; /* of the edit */
        float *to = channel < 0 ? soft + (c0 + c) * n : edit + channel;
        int step = channel < 0 ? 1 : 4;
        for (int64_t q = 0; q < n; q++)
            to[q * step] = group[q * C + c];
    }
    return HF_OK;
}

static int move(hf_backend *be, float *moved, const hf_first_field *f, hf_error *err)
{
    int W = f->width;
    (void)be, (void)err;
    for (int64_t q = 0; q < n_pixels(f); q++) {
        int32_t p = f->source[q];
        moved[2 * q] = p < 0 ? 0.0f : (float)(p % W - (int)(q % W));
        moved[2 * q + 1] = p < 0 ? 0.0f : (float)(p / W - (int)(q / W));
    }
    return HF_OK;
}

static int place(hf_backend *be, float *xy, const float *moved, const hf_first_field *f, hf_error *err)
{
    (void)be, (void)err;
    for (int64_t q = 0; q < n_pixels(f); q++) {
        xy[2 * q] = moved[2 * q] + (float)(q % f->width);
        xy[2 * q + 1] = moved[2 * q + 1] + (float)(q / f->width);
    }
    return HF_OK;
}

static float distance(int32_t a, int32_t b, int width)
{
    float dx = (float)(a % width - b % width), dy = (float)(a / width - b / width);
    return sqrtf(dx * dx + dy * dy);
}

/* Forward and back again should end where it began. */
static int trust(hf_backend *be, float *cover, const hf_first_field *f, hf_error *err)
{
    (void)be, (void)err;
    for (int64_t q = 0; q < n_pixels(f); q++) {
        int32_t p = f->source[q];
        float similarity = 0.0f, away = 0.0f;
        if (f->origin[q] == HF_FIRST_LANDED) {
            similarity = f->forward_similarity[p];
            away = distance(p, f->backward[q], f->width);
        } else if (f->origin[q] == HF_FIRST_ASKED) {
            similarity = f->backward_similarity[q];
            away = distance((int32_t)q, f->forward[p], f->width);
        }
        float share = HF_FIRST_TRUST_FLOOR +
                      (1.0f - HF_FIRST_TRUST_FLOOR) / (1.0f + away * away / (f->half_px * f->half_px));
        cover[q] = fminf(fmaxf(similarity, 0.0f), 1.0f) * share;
    }
    return HF_OK;
}

static int mean(hf_backend *be, float *out, const float *values, int64_t n, hf_error *err)
{
    double sum = 0.0;
    (void)be, (void)err;
    for (int64_t i = 0; i < n; i++)
        sum += (double)values[i];
    *out = (float)(sum / (double)n);
    return HF_OK;
}

static int fill_new(hf_backend *be, hf_fill **out, int width, int height, int max_channels, hf_error *err)
{
    (void)be;
    return hf_fill_new(out, width, height, max_channels, err);
}

static int fill_run(hf_backend *be, hf_fill *fill, float *data, const float *weight, int C, hf_error *err)
{
    (void)be, (void)err;
    hf_fill_run(fill, data, weight, C);
    return HF_OK;
}

static void fill_free(hf_backend *be, hf_fill **fill)
{
    (void)be;
    hf_fill_free(fill);
}

static int bend_new(hf_backend *be, hf_bend **out, int width, int height, int radius_px, float epsilon, hf_error *err)
{
    (void)be;
    return hf_bend_new(out, width, height, radius_px, epsilon, err);
}

static int bend_run(hf_backend *be, hf_bend *bend, float *soft, int n_labels, const hf_bend_frame *frame, hf_error *err)
{
    (void)be, (void)err;
    hf_bend_run(bend, soft, n_labels, frame);
    return HF_OK;
}

static void bend_free(hf_backend *be, hf_bend **bend)
{
    (void)be;
    hf_bend_free(bend);
}

static int64_t bend_bytes(hf_backend *be, int width, int height)
{
    (void)be;
    return hf_bend_bytes(width, height);
}

const hf_first_ops hf_host_first_ops = {
    .draw = draw, .ask = ask, .draw_asked = draw_asked, .deal = deal, .move = move, .place = place, .trust = trust,
    .mean = mean, .fill_new = fill_new, .fill_run = fill_run, .fill_free = fill_free,
    .bend_new = bend_new, .bend_run = bend_run, .bend_free = bend_free, .bend_bytes = bend_bytes,
};
