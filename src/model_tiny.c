/* model_tiny.c - a small network (net/tiny_net.h); the descriptor of a cell is what it makes of it, of unit length.
 *
 * The network is compiled into the program (tiny_weights.h) or the user's own. Whitening on the drawn frame and the
 * statistics of `classic` beside it were tried and score no higher (samples/training/README.md).
 */
#include "src/model_tiny.h"

#include <stdlib.h>
#include <string.h>

#include "src/net/tiny_net.h"
#include "src/recorded.h"
#include "src/tiny_weights.h"

typedef struct hf_model_tiny {
    hf_model        base; /* first: callers hold this one */
    hf_tensor_file *file;
    hf_tiny_net    *net;
    hf_recorded     recorded;
} hf_model_tiny;

/* All that is done for a picture. */
static int run(void *ctx, const hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    hf_model_tiny *m = ctx;
    hf_l2_normalize_params unit = { 0 };
    hf_backend *be = m->base.backend;
    int rc = hf_tiny_net_run(m->net, features, rgb, err);
    return rc < 0 ? rc : be->ops.l2_normalize(be, features, features, &unit, err);
}

static int prepare(hf_model *model, int width, int height, hf_error *err)
{
    hf_model_tiny *m = (hf_model_tiny *)model;
    int h, w, rc;
    hf_recorded_free(&m->recorded); /* before what it uses */
    hf_model_grid(model, width, height, &h, &w);
    rc = hf_tiny_net_prepare(m->net, width, height, err);
    return rc < 0 ? rc : hf_recorded_prepare(&m->recorded, model->backend, width, height, h, w, model->n_channels, run, m, err);
}

static int64_t bytes(const hf_model *model, int width, int height)
{
    int h, w;
    hf_model_grid(model, width, height, &h, &w);
    return hf_tiny_net_bytes(((const hf_model_tiny *)model)->net, width, height) +
           hf_recorded_bytes(model->backend, width, height, h, w, model->n_channels);
}

static int extract(hf_model *model, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    return hf_recorded_run(&((hf_model_tiny *)model)->recorded, features, rgb, err);
}

static void close_model(hf_model *model)
{
    hf_model_tiny *m = (hf_model_tiny *)model;
    hf_recorded_free(&m->recorded);
    hf_tiny_net_close(&m->net);
    hf_tensor_file_close(&m->file);
    free(m);
}

/* Whether bf16 is what the processor multiplies fastest. Features then differ by 5e-3, relative, and the network takes 0.73 of
 * the time of f32. */
static bool prefers_bf16(const hf_backend *be)
{
#if defined(__x86_64__) && defined(__GNUC__)
    return strcmp(be->name, "cpu") == 0 && __builtin_cpu_supports("avx512bf16");
#else
    (void)be;
    return false;
#endif
}

static int load(hf_model_tiny *m, const hf_model_params *params, hf_error *err)
{
    hf_weights *weights = NULL;
    hf_precision precision = params->precision;
    hf_dtype dtype;
    int rc;
    if (precision == HF_PRECISION_AUTO && prefers_bf16(m->base.backend))
        precision = HF_PRECISION_BF16;
    if ((rc = hf_model_arithmetic(&dtype, m->base.backend, precision, err)) < 0 ||
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
    hf_model_tiny *m = calloc(1, sizeof(*m));
    if (!m)
        return hf_fail(err, HF_ENOMEM, "tiny: out of memory");
    m->base = (hf_model){
        .name = "tiny",
        .backend = be,
        .stride_px = HF_TINY_STRIDE,
        .is_light = true,
        .prepare = prepare,
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
