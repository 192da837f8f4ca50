/* whitened.c - see whitened.h. */
#include "src/whitened.h"

#include <stdlib.h>

/* One distorted copy of the drawn frame. */
typedef struct distortion {
    int   dx, dy; /* moved by this many pixels */
    int   blur;   /* box of 2 blur + 1 pixels, along the move */
    float gain[3];
} distortion;

static const distortion distortions[] = {
    { 3, 1, 0, { 1.06f, 1.06f, 1.06f } },
    { -2, 3, 0, { 0.94f, 0.94f, 0.94f } },
    { -3, -2, 1, { 1.00f, 1.00f, 1.04f } },
    { 2, -3, 1, { 1.03f, 1.00f, 0.98f } },
    { 4, 0, 2, { 1.00f, 1.00f, 1.00f } },
    { 0, -4, 2, { 0.98f, 1.00f, 1.00f } },
};
#define N_DISTORTIONS ((int)(sizeof(distortions) / sizeof(distortions[0])))

static inline int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

static void distort(uint8_t *out, const uint8_t *rgb, int W, int H, const distortion *d)
{
    int ux = d->dx > 0 ? 1 : d->dx < 0 ? -1 : 0, uy = d->dy > 0 ? 1 : d->dy < 0 ? -1 : 0;
#pragma omp parallel for
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++) {
                float sum = 0;
                for (int b = -d->blur; b <= d->blur; b++)
                    sum += rgb[((size_t)clamp(y + d->dy + b * uy, 0, H - 1) * W +
                                clamp(x + d->dx + b * ux, 0, W - 1)) * 3 + c];
                sum = sum * d->gain[c] / (float)(2 * d->blur + 1) + 0.5f;
                out[((size_t)y * W + x) * 3 + c] = (uint8_t)(sum > 255 ? 255 : sum);
            }
}

/* What belongs to one size of picture. */
static void release(hf_whitened *w)
{
    free(w->own);
    free(w->other);
    free(w->difference);
    free(w->distorted);
    w->own = w->other = w->difference = NULL;
    w->distorted = NULL;
}

int hf_whitened_prepare(hf_whitened **whitened, int width, int height, int n_cells, int C, int D, hf_raw_features raw,
                        void *ctx, hf_error *err)
{
    hf_whitened *w = *whitened;
    size_t bytes = (size_t)n_cells * C * sizeof(float);
    int rc;

    if (!w && !(*whitened = w = calloc(1, sizeof(*w))))
        return hf_fail(err, HF_ENOMEM, "features: out of memory");
    if (!w->whiten && (rc = hf_whiten_new(&w->whiten, C, D, err)) < 0)
        return rc;
    release(w);
    w->width = width, w->height = height, w->n_cells = n_cells, w->C = C, w->D = D, w->raw = raw, w->ctx = ctx;
    w->own = malloc(bytes);
    w->other = malloc(bytes);
    w->difference = malloc(bytes);
    w->distorted = malloc((size_t)width * height * 3);
    if (!w->own || !w->other || !w->difference || !w->distorted)
        return hf_fail(err, HF_ENOMEM, "features: out of memory for %d x %d pixels", width, height);
    return HF_OK;
}

void hf_whitened_free(hf_whitened **whitened)
{
    if (!whitened || !*whitened)
        return;
    release(*whitened);
    hf_whiten_free(&(*whitened)->whiten);
    free(*whitened);
    *whitened = NULL;
}

int64_t hf_whitened_bytes(int width, int height, int n_cells, int C, int D)
{
    return hf_whiten_bytes(C, D) + (int64_t)3 * 4 * n_cells * C + (int64_t)3 * width * height;
}

int hf_whitened_adapt(hf_whitened *w, const uint8_t *rgb, hf_error *err)
{
    int rc = w->raw(w->ctx, w->own, rgb, err);
    if (rc < 0)
        return rc;
    hf_whiten_begin(w->whiten, w->own, w->n_cells);
    for (int i = 0; i < N_DISTORTIONS; i++) {
        distort(w->distorted, rgb, w->width, w->height, &distortions[i]);
        if ((rc = w->raw(w->ctx, w->other, w->distorted, err)) < 0)
            return rc;
        hf_whiten_add(w->whiten, w->own, w->other, w->difference, w->n_cells);
    }
    return hf_whiten_finish(w->whiten, err);
}

int hf_whitened_extract(hf_whitened *w, float *features, const uint8_t *rgb, hf_error *err)
{
    int rc = w->raw(w->ctx, w->own, rgb, err);
    if (rc >= 0)
        hf_whiten_apply(w->whiten, features, w->own, w->n_cells);
    return rc;
}
