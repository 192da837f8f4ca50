/* model_classic.c - hyperfeatures in the plain sense, without weights.
 *
 * Raw statistics of every cell (classic_raw.h), then a linear map to D channels that is
 * learned from the drawn frame (whitened.h).
 */
#include "src/model_classic.h"

#include <stdlib.h>

#include "src/classic_raw.h"
#include "src/whitened.h"

#define N_FEATURES 64 /* D */

typedef struct hf_model_classic {
    hf_model        base; /* first: callers hold this one */
    hf_classic_raw *raw;
    hf_whitened    *whitened;
    uint8_t        *picture;    /* [H,W,3], and */
    float          *statistics; /* [h,w,C], where the backend's memory is not the host's */
} hf_model_classic;

/* The statistics are the host's work: a picture that is elsewhere comes here and its cells go back. */
static int raw_elsewhere(hf_model_classic *m, const hf_tensor *out, const hf_tensor *rgb, hf_error *err)
{
    hf_backend *be = m->base.backend;
    int rc;
    if ((rc = be->ops.read(be, m->picture, rgb, err)) < 0 || (rc = be->ops.sync(be, err)) < 0)
        return rc;
    hf_classic_raw_run(m->raw, m->statistics, m->picture);
    return be->ops.write(be, out, m->statistics, err);
}

static int raw_features(void *ctx, const hf_tensor *out, const hf_tensor *rgb, hf_error *err)
{
    hf_model_classic *m = ctx;
    if (!m->base.backend->host_memory)
        return raw_elsewhere(m, out, rgb, err);
    hf_classic_raw_run(m->raw, out->data, rgb->data);
    return HF_OK;
}

static void release(hf_model_classic *m)
{
    hf_classic_raw_free(&m->raw);
    free(m->picture);
    free(m->statistics);
    m->picture = NULL;
    m->statistics = NULL;
}

static int prepare(hf_model *model, int width, int height, hf_error *err)
{
    hf_model_classic *m = (hf_model_classic *)model;
    int h, w, rc;
    release(m);
    hf_model_grid(model, width, height, &h, &w);
    if ((rc = hf_classic_raw_new(&m->raw, width, height, err)) < 0)
        return rc;
    if (!model->backend->host_memory &&
        (!(m->picture = malloc((size_t)width * height * 3)) ||
         !(m->statistics = malloc(sizeof(float) * (size_t)h * w * hf_classic_raw_channels(m->raw)))))
        return hf_fail(err, HF_ENOMEM, "classic: out of memory for %d x %d pixels", width, height);
    return hf_whitened_prepare(&m->whitened, model->backend, width, height, h * w, hf_classic_raw_channels(m->raw), N_FEATURES,
                               raw_features, m, err);
}

static int64_t bytes(const hf_model *model, int width, int height)
{
    int C, h, w;
    int64_t raw = hf_classic_raw_bytes(width, height, &C);
    hf_model_grid(model, width, height, &h, &w);
    return raw + hf_whitened_bytes(width, height, h * w, C, N_FEATURES);
}

static int adapt(hf_model *model, const hf_tensor *rgb, hf_error *err)
{
    return hf_whitened_adapt(((hf_model_classic *)model)->whitened, rgb, err);
}

static int extract(hf_model *model, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    return hf_whitened_extract(((hf_model_classic *)model)->whitened, features, rgb, err);
}

static void close_model(hf_model *model)
{
    hf_model_classic *m = (hf_model_classic *)model;
    release(m);
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
