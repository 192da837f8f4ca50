/* norm.c - group_norm, layer_norm, softmax and l2_normalize of the `cuda` backend. */
#include "cuda/norm.h"

#include "cuda/scratch.h"
#include "src/ops_check.h"

static const float *vector_of(const hf_tensor *t)
{
    return t ? t->data : NULL;
}

/* The split form's memory. The counts of blocks are in memory of their own: they have to be zero at every call, and
 * pieces of another shape would lie over them. */
static int reserve(hf_cuda *cuda, hf_cuda_group_norm *g, hf_error *err)
{
    size_t moments = 4 * sizeof(float) * (size_t)(g->N * g->n_groups);
    size_t pieces = moments * (size_t)g->n_chunks * (size_t)g->n_slices;
    int rc;
    if ((rc = hf_cuda_scratch_reserve(cuda, &cuda->norm_pieces, pieces + moments, err)) < 0 ||
        (rc = hf_cuda_scratch_reserve(cuda, &cuda->norm_counts, sizeof(unsigned) * (size_t)g->N, err)) < 0)
        return rc;
    g->pieces = cuda->norm_pieces.data;
    g->moments = g->pieces + pieces / sizeof(float);
    g->n_done = cuda->norm_counts.data;
    return HF_OK;
}

static int cuda_group_norm(hf_backend *be, const hf_tensor *out, const hf_tensor *x, const hf_tensor *gamma,
                           const hf_tensor *beta, const hf_group_norm_params *params, hf_error *err)
{
    hf_cuda *cuda = hf_cuda_of(be);
    int rc;

    hf_check_group_norm(out, x, gamma, beta, params);
    if (hf_tensor_count(x) == 0)
        return HF_OK;
    hf_cuda_group_norm g = {
        .out = out->data, .x = x->data, .gamma = vector_of(gamma), .beta = vector_of(beta),
        .out_type = out->dtype, .x_type = x->dtype,
        .N = x->shape[0], .n_rows = hf_tensor_rows(x) / x->shape[0],
        .C = (int)hf_tensor_channels(x), .n_groups = params->n_groups,
        .epsilon = params->epsilon, .activation = params->activation,
    };
    hf_cuda_group_norm_plan(&g, cuda->n_multiprocessors, cuda->shared_bytes);
    if (!g.in_shared && (rc = reserve(cuda, &g, err)) < 0)
        return rc;
    return HF_CUDA(hf_cuda_group_norm_launch(&g, cuda->stream), err);
}

static int norm_rows(hf_backend *be, const hf_tensor *out, const hf_tensor *x, const hf_tensor *gamma,
                     const hf_tensor *beta, hf_cuda_row_norm kind, float number, hf_error *err)
{
    hf_check_rows(out, x, gamma, beta);
    hf_cuda_rows_norm rows = {
        .out = out->data, .x = x->data, .gamma = vector_of(gamma), .beta = vector_of(beta),
        .out_type = out->dtype, .x_type = x->dtype, .n_rows = hf_tensor_rows(x), .C = hf_tensor_channels(x),
        .kind = kind, .number = number,
    };
    return HF_CUDA(hf_cuda_rows_norm_launch(&rows, hf_cuda_of(be)->stream), err);
}

static int cuda_layer_norm(hf_backend *be, const hf_tensor *out, const hf_tensor *x, const hf_tensor *gamma,
                           const hf_tensor *beta, const hf_layer_norm_params *params, hf_error *err)
{
    return norm_rows(be, out, x, gamma, beta, HF_ROW_LAYER_NORM, params->epsilon, err);
}

static int cuda_softmax(hf_backend *be, const hf_tensor *out, const hf_tensor *x, const hf_softmax_params *params,
                        hf_error *err)
{
    float scale = params->scale == 0 ? 1 : params->scale;
    return norm_rows(be, out, x, NULL, NULL, HF_ROW_SOFTMAX, scale, err);
}

static int cuda_l2_normalize(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                             const hf_l2_normalize_params *params, hf_error *err)
{
    float epsilon = params->epsilon == 0 ? 1e-12f : params->epsilon;
    return norm_rows(be, out, x, NULL, NULL, HF_ROW_UNIT, epsilon, err);
}

void hf_cuda_fill_norm(hf_ops *ops)
{
    ops->group_norm = cuda_group_norm;
    ops->layer_norm = cuda_layer_norm;
    ops->softmax = cuda_softmax;
    ops->l2_normalize = cuda_l2_normalize;
}
