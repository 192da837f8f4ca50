/* model_classic.c - hyperfeatures in the plain sense, without weights.
 *
 * Raw statistics of every cell (classic_raw.h), then a linear map to D channels that is
 * learned from the drawn frame (whitened.h).
 */
#include "src/model_classic.h"

#include <stdlib.h>

#include "src/classic_raw.h"
#include "src/recorded.h"
#include "src/whitened.h"

#define N_FEATURES 64 /* D */

typedef struct hf_model_classic {
    hf_model        base; /* first: callers hold this one */
    hf_classic_raw *raw;
    hf_whitened    *whitened;
    hf_recorded     recorded;
} hf_model_classic;

static int raw_features(void *ctx, const hf_tensor *out, const hf_tensor *rgb, hf_error *err)
{
    hf_model_classic *m = ctx;
    return m->base.backend->ops.classic_raw(m->base.backend, out, rgb, m->raw, err);
}

static int run(void *ctx, const hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    return hf_whitened_extract(((hf_model_classic *)ctx)->whitened, features, rgb, err);
}

static int prepare(hf_model *model, int width, int height, hf_error *err)
{
    hf_model_classic *m = (hf_model_classic *)model;
    int rc;
    hf_recorded_free(&m->recorded); /* before what it uses */
    hf_classic_raw_free(&m->raw);
    if ((rc = hf_classic_raw_new(&m->raw, model->backend, width, height, err)) < 0 ||
        (rc = hf_whitened_prepare(&m->whitened, model->backend, width, height, m->raw->h * m->raw->w, m->raw->n_channels,
                                  N_FEATURES, raw_features, m, err)) < 0)
        return rc;
    return hf_recorded_prepare(&m->recorded, model->backend, width, height, m->raw->h, m->raw->w, N_FEATURES, run, m, err);
}

static int64_t bytes(const hf_model *model, int width, int height)
{
    int C, h, w;
    int64_t raw = hf_classic_raw_bytes(width, height, &C);
    hf_model_grid(model, width, height, &h, &w);
    return raw + hf_whitened_bytes(width, height, h * w, C, N_FEATURES) +
           hf_recorded_bytes(model->backend, width, height, h, w, N_FEATURES);
}

/* The map that is learned has memory of its own, each time. */
static int adapt(hf_model *model, const hf_tensor *rgb, hf_error *err)
{
    hf_model_classic *m = (hf_model_classic *)model;
    hf_recorded_reset(&m->recorded);
    return hf_whitened_adapt(m->whitened, rgb, err);
}

static int extract(hf_model *model, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    return hf_recorded_run(&((hf_model_classic *)model)->recorded, features, rgb, err);
}

static void close_model(hf_model *model)
{
    hf_model_classic *m = (hf_model_classic *)model;
    hf_recorded_free(&m->recorded);
    hf_classic_raw_free(&m->raw);
    hf_whitened_free(&m->whitened);
    free(m);
}

int hf_model_classic_open(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err)
{
    int rc = hf_model_check_params(params, "classic", 0, err);
    *out = NULL;
    if (rc < 0)
        return rc;
    hf_model_classic *m = calloc(1, sizeof(*m));
    if (!m)
        return hf_fail(err, HF_ENOMEM, "classic: out of memory");
    m->base = (hf_model){
        .name = "classic",
        .backend = be,
        .stride_px = HF_CLASSIC_STRIDE,
        .n_channels = N_FEATURES,
        .is_light = true,
        .prepare = prepare,
        .adapt = adapt,
        .extract = extract,
        .bytes = bytes,
        .close = close_model,
    };
    *out = &m->base;
    return HF_OK;
}
