/* model_classic.c - hyperfeatures in the plain sense, without weights.
 *
 * Raw statistics of every cell (classic_raw.h), then a linear map to D channels that is
 * learned from the drawn frame and distorted copies of it (whiten.h): moved by parts of
 * a cell, brighter, darker, blurred, tinted. What these change is what a video changes too.
 */
#include "src/model_classic.h"

#include <stdlib.h>
#include <string.h>

#include "src/classic_raw.h"
#include "src/whiten.h"

#define N_FEATURES 64 /* D */

typedef struct hf_model_classic {
    hf_model        base; /* first: callers hold this one */
    int             width, height, n_cells;
    hf_classic_raw *raw;
    hf_whiten      *whiten;
    float          *own, *other, *difference; /* [h,w,C] */
    uint8_t        *distorted;                /* [H,W,3] */
} hf_model_classic;

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

/* What belongs to one size of picture; what was learned stays. */
static void release(hf_model_classic *m)
{
    hf_classic_raw_free(&m->raw);
    free(m->own);
    free(m->other);
    free(m->difference);
    free(m->distorted);
    m->own = m->other = m->difference = NULL;
    m->distorted = NULL;
}

static int prepare(hf_model *model, int width, int height, hf_error *err)
{
    hf_model_classic *m = (hf_model_classic *)model;
    int rc;
    release(m);
    if ((rc = hf_classic_raw_new(&m->raw, width, height, err)) < 0)
        return rc;
    int C = hf_classic_raw_channels(m->raw);
    int h = (height + HF_CLASSIC_STRIDE - 1) / HF_CLASSIC_STRIDE;
    int w = (width + HF_CLASSIC_STRIDE - 1) / HF_CLASSIC_STRIDE;
    m->width = width, m->height = height, m->n_cells = h * w;
    if (!m->whiten && (rc = hf_whiten_new(&m->whiten, C, N_FEATURES, err)) < 0)
        return rc;
    size_t n = (size_t)m->n_cells * C;
    m->own = malloc(n * sizeof(float));
    m->other = malloc(n * sizeof(float));
    m->difference = malloc(n * sizeof(float));
    m->distorted = malloc((size_t)width * height * 3);
    if (!m->own || !m->other || !m->difference || !m->distorted)
        return hf_fail(err, HF_ENOMEM, "classic: out of memory for %d x %d pixels", width, height);
    return HF_OK;
}

static int64_t bytes(const hf_model *model, int width, int height)
{
    int C;
    int64_t h = (height + model->stride_px - 1) / model->stride_px;
    int64_t w = (width + model->stride_px - 1) / model->stride_px;
    int64_t raw = hf_classic_raw_bytes(width, height, &C);
    return raw + hf_whiten_bytes(C, model->n_channels) + 3 * 4 * h * w * C +
           (int64_t)3 * width * height;
}

static int adapt(hf_model *model, const hf_tensor *rgb, hf_error *err)
{
    hf_model_classic *m = (hf_model_classic *)model;
    hf_classic_raw_run(m->raw, m->own, rgb->data);
    hf_whiten_begin(m->whiten, m->own, m->n_cells);
    for (int i = 0; i < N_DISTORTIONS; i++) {
        distort(m->distorted, rgb->data, m->width, m->height, &distortions[i]);
        hf_classic_raw_run(m->raw, m->other, m->distorted);
        hf_whiten_add(m->whiten, m->own, m->other, m->difference, m->n_cells);
    }
    return hf_whiten_finish(m->whiten, err);
}

static int extract(hf_model *model, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    hf_model_classic *m = (hf_model_classic *)model;
    (void)err;
    hf_classic_raw_run(m->raw, m->own, rgb->data);
    hf_whiten_apply(m->whiten, features->data, m->own, m->n_cells);
    return HF_OK;
}

static void close_model(hf_model *model)
{
    hf_model_classic *m = (hf_model_classic *)model;
    release(m);
    hf_whiten_free(&m->whiten);
    free(m);
}

int hf_model_classic_open(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err)
{
    int rc = hf_model_check_params(params, "classic", 0, err);
    *out = NULL;
    if (rc < 0)
        return rc;
    if (!be->host_memory)
        return hf_fail(err, HF_EUNSUPPORTED, "classic: backend %s keeps pictures off the host, "
                       "want ref or cpu", be->name);
    hf_model_classic *m = calloc(1, sizeof(*m));
    if (!m)
        return hf_fail(err, HF_ENOMEM, "classic: out of memory");
    m->base = (hf_model){
        .name = "classic",
        .backend = be,
        .stride_px = HF_CLASSIC_STRIDE,
        .n_channels = N_FEATURES,
        .prepare = prepare,
        .adapt = adapt,
        .extract = extract,
        .bytes = bytes,
        .close = close_model,
    };
    *out = &m->base;
    return HF_OK;
}
