/* model_tiny.c - a small network (net/tiny_net.h) beside the statistics of `classic`, mapped together.
 *
 * The raw descriptor of a cell is what the network makes of it, of unit length, and what classic_raw.h says of it;
 * the linear map learned from the drawn frame (whitened.h) weighs the two against each other.
 */
#include "src/model_tiny.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/classic_raw.h"
#include "src/net/tiny_net.h"
#include "src/tiny_weights.h"
#include "src/whitened.h"

#define N_FEATURES 64 /* D */

typedef struct hf_model_tiny {
    hf_model        base; /* first: callers hold this one */
    hf_tensor_file *file;
    hf_tiny_net    *net;
    hf_classic_raw *raw;
    hf_whitened    *whitened;
    hf_tensor       picture; /* u8 [H,W,3], view of the frame at hand */
    hf_tensor       learned; /* f32 [h,w,n] */
    float          *statistics; /* [h,w,C] */
    int             n_statistics, n_learned;
} hf_model_tiny;

static void release(hf_model_tiny *m)
{
    hf_backend *be = m->base.backend;
    hf_classic_raw_free(&m->raw);
    be->ops.free(be, m->learned.data);
    m->learned.data = NULL;
    free(m->statistics);
    m->statistics = NULL;
}

/* Each row: the learned part, of unit length, then the statistics. */
static void join(const hf_model_tiny *m, float *out, int n_cells)
{
    int A = m->n_learned, B = m->n_statistics;
    const float *learned = m->learned.data;
#pragma omp parallel for
    for (int i = 0; i < n_cells; i++) {
        float *row = out + (size_t)i * (A + B), sum = 0;
        for (int c = 0; c < A; c++)
            sum += learned[(size_t)i * A + c] * learned[(size_t)i * A + c];
        float scale = sum > 1e-12f ? 1 / sqrtf(sum) : 0;
        for (int c = 0; c < A; c++)
            row[c] = learned[(size_t)i * A + c] * scale;
        memcpy(row + A, m->statistics + (size_t)i * B, sizeof(float) * (size_t)B);
    }
}

static int raw_features(void *ctx, float *out, const uint8_t *rgb, hf_error *err)
{
    hf_model_tiny *m = ctx;
    int rc;
    m->picture.data = (void *)rgb;
    if ((rc = hf_tiny_net_run(m->net, &m->learned, &m->picture, err)) < 0)
        return rc;
    hf_classic_raw_run(m->raw, m->statistics, rgb);
    join(m, out, (int)(m->learned.shape[0] * m->learned.shape[1]));
    return HF_OK;
}

static int prepare(hf_model *model, int width, int height, hf_error *err)
{
    hf_model_tiny *m = (hf_model_tiny *)model;
    hf_backend *be = model->backend;
    int h, w, rc;

    release(m);
    hf_model_grid(model, width, height, &h, &w);
    if ((rc = hf_classic_raw_new(&m->raw, width, height, err)) < 0 ||
        (rc = hf_tiny_net_prepare(m->net, width, height, err)) < 0)
        return rc;
    m->n_statistics = hf_classic_raw_channels(m->raw);
    m->picture = hf_tensor_view(NULL, HF_U8, 3, height, width, 3);
    m->learned = hf_tensor_view(NULL, HF_F32, 3, h, w, m->n_learned);
    m->learned.data = be->ops.alloc(be, hf_tensor_bytes(&m->learned));
    m->statistics = malloc(sizeof(float) * (size_t)h * w * m->n_statistics);
    if (!m->learned.data || !m->statistics)
        return hf_fail(err, HF_ENOMEM, "tiny: out of memory for %d x %d pixels", width, height);
    return hf_whitened_prepare(&m->whitened, width, height, h * w, m->n_learned + m->n_statistics, N_FEATURES,
                               raw_features, m, err);
}

static int64_t bytes(const hf_model *model, int width, int height)
{
    const hf_model_tiny *m = (const hf_model_tiny *)model;
    int C, h, w;
    int64_t raw = hf_classic_raw_bytes(width, height, &C);
    hf_model_grid(model, width, height, &h, &w);
    return raw + hf_tiny_net_bytes(m->net, width, height) + (int64_t)4 * h * w * (m->n_learned + C) +
           hf_whitened_bytes(width, height, h * w, m->n_learned + C, N_FEATURES);
}

static int adapt(hf_model *model, const hf_tensor *rgb, hf_error *err)
{
    return hf_whitened_adapt(((hf_model_tiny *)model)->whitened, rgb->data, err);
}

static int extract(hf_model *model, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    return hf_whitened_extract(((hf_model_tiny *)model)->whitened, features->data, rgb->data, err);
}

static void close_model(hf_model *model)
{
    hf_model_tiny *m = (hf_model_tiny *)model;
    release(m);
    hf_whitened_free(&m->whitened);
    hf_tiny_net_close(&m->net);
    hf_tensor_file_close(&m->file);
    free(m);
}

static int load(hf_model_tiny *m, const hf_model_params *params, hf_error *err)
{
    hf_weights *weights = NULL;
    hf_dtype dtype;
    int rc;
    if ((rc = hf_model_arithmetic(&dtype, m->base.backend, params->precision, err)) < 0 ||
        (rc = params->weights ? hf_tensor_file_open(&m->file, params->weights, err) : hf_tiny_weights_open(&m->file, err)) < 0 ||
        (rc = hf_weights_open(&weights, m->file, "tiny", NULL, NULL, err)) < 0)
        return rc;
    if ((rc = hf_tiny_net_open(&m->net, m->base.backend, weights, dtype, err)) >= 0)
        m->n_learned = hf_tiny_net_channels(m->net);
    hf_weights_close(&weights);
    return rc;
}

int hf_model_tiny_open(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err)
{
    int rc = hf_model_check_params(params, "tiny", HF_MODEL_HAS_WEIGHTS, err);
    *out = NULL;
    if (rc < 0)
        return rc;
    if (!be->host_memory)
        return hf_fail(err, HF_EUNSUPPORTED, "tiny: backend %s keeps pictures off the host, want ref or cpu", be->name);
    hf_model_tiny *m = calloc(1, sizeof(*m));
    if (!m)
        return hf_fail(err, HF_ENOMEM, "tiny: out of memory");
    m->base = (hf_model){
        .name = "tiny",
        .backend = be,
        .stride_px = HF_TINY_STRIDE,
        .n_channels = N_FEATURES,
        .prepare = prepare,
        .adapt = adapt,
        .extract = extract,
        .bytes = bytes,
        .close = close_model,
    };
    if ((rc = load(m, params, err)) < 0) {
        close_model(&m->base);
        return rc;
    }
    *out = &m->base;
    return HF_OK;
}
