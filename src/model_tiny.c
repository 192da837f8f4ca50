/* model_tiny.c - a small network (net/tiny_net.h), and a linear map learned from the drawn frame (whitened.h).
 *
 * The raw descriptor of a cell is what the network makes of it, of unit length. The statistics of `classic` beside it
 * were tried and are worse than the network alone (samples/training/README.md).
 */
#include "src/model_tiny.h"

#include <math.h>
#include <stdlib.h>

#include "src/net/tiny_net.h"
#include "src/tiny_weights.h"
#include "src/whitened.h"

typedef struct hf_model_tiny {
    hf_model        base; /* first: callers hold this one */
    hf_tensor_file *file;
    hf_tiny_net    *net;
    hf_whitened    *whitened;
    int             width, height, h, w; /* prepared for */
} hf_model_tiny;

static int raw_features(void *ctx, float *out, const uint8_t *rgb, hf_error *err)
{
    hf_model_tiny *m = ctx;
    int n_cells = m->h * m->w, D = m->base.n_channels, rc;
    hf_tensor picture = hf_tensor_view((void *)rgb, HF_U8, 3, m->height, m->width, 3);
    hf_tensor features = hf_tensor_view(out, HF_F32, 3, m->h, m->w, D);
    if ((rc = hf_tiny_net_run(m->net, &features, &picture, err)) < 0)
        return rc;
#pragma omp parallel for
    for (int i = 0; i < n_cells; i++) {
        float *row = out + (size_t)i * D, sum = 0;
        for (int c = 0; c < D; c++)
            sum += row[c] * row[c];
        float scale = sum > 1e-12f ? 1 / sqrtf(sum) : 0;
        for (int c = 0; c < D; c++)
            row[c] *= scale;
    }
    return HF_OK;
}

static int prepare(hf_model *model, int width, int height, hf_error *err)
{
    hf_model_tiny *m = (hf_model_tiny *)model;
    int rc = hf_tiny_net_prepare(m->net, width, height, err);
    if (rc < 0)
        return rc;
    m->width = width, m->height = height;
    hf_model_grid(model, width, height, &m->h, &m->w);
    return hf_whitened_prepare(&m->whitened, width, height, m->h * m->w, model->n_channels, model->n_channels, raw_features,
                               m, err);
}

static int64_t bytes(const hf_model *model, int width, int height)
{
    const hf_model_tiny *m = (const hf_model_tiny *)model;
    int h, w;
    hf_model_grid(model, width, height, &h, &w);
    return hf_tiny_net_bytes(m->net, width, height) +
           hf_whitened_bytes(width, height, h * w, model->n_channels, model->n_channels);
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
        m->base.n_channels = hf_tiny_net_channels(m->net);
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
