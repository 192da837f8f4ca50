/* pointwise.c - activate, add, mul, copy_channels, permute, cast and gather_rows of the `cuda` backend. */
#include "cuda/pointwise.h"

#include "cuda/device.h"
#include "src/ops_check.h"

static int cuda_activate(hf_backend *be, const hf_tensor *out, const hf_tensor *x, const hf_activate_params *params,
                         hf_error *err)
{
    hf_check_rows(out, x, NULL, NULL);
    return HF_CUDA(hf_cuda_cast_launch(out->data, out->dtype, x->data, x->dtype, hf_tensor_count(x),
                                       params->activation, hf_cuda_of(be)->stream), err);
}

static int cuda_cast(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_error *err)
{
    hf_check_cast(out, x);
    return HF_CUDA(hf_cuda_cast_launch(out->data, out->dtype, x->data, x->dtype, hf_tensor_count(x), HF_ACT_NONE,
                                       hf_cuda_of(be)->stream), err);
}

/* What add and mul share. */
static hf_cuda_binary binary_of(const hf_tensor *out, const hf_tensor *a, const hf_tensor *b)
{
    int64_t repeat = hf_check_broadcast(out, a, b);
    return (hf_cuda_binary){
        .out = out->data, .a = a->data, .b = b->data,
        .out_type = out->dtype, .a_type = a->dtype, .b_type = b->dtype,
        .count = hf_tensor_count(a), .n_channels = hf_tensor_channels(a),
        .repeat = hf_same_shape(a, b) ? 0 : repeat,
    };
}

static int cuda_add(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
                    const hf_add_params *params, hf_error *err)
{
    hf_cuda_binary binary = binary_of(out, a, b);
    binary.alpha = params->alpha;
    binary.beta = params->beta;
    return HF_CUDA(hf_cuda_binary_launch(&binary, hf_cuda_of(be)->stream), err);
}

static int cuda_mul(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b, hf_error *err)
{
    hf_cuda_binary binary = binary_of(out, a, b);
    binary.multiplies = true;
    return HF_CUDA(hf_cuda_binary_launch(&binary, hf_cuda_of(be)->stream), err);
}

static int cuda_copy_channels(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                              const hf_copy_channels_params *params, hf_error *err)
{
    hf_check_copy_channels(out, x, params);
    int64_t size = (int64_t)hf_dtype_size(x->dtype);
    hf_cuda_rows rows = {
        .out = (char *)out->data + params->to * size, .x = (const char *)x->data + params->from * size,
        .n_rows = hf_tensor_rows(x), .run_bytes = params->n * size,
        .out_step = hf_tensor_channels(out) * size, .x_step = hf_tensor_channels(x) * size,
    };
    return HF_CUDA(hf_cuda_rows_launch(&rows, hf_cuda_of(be)->stream), err);
}

static int cuda_gather_rows(hf_backend *be, const hf_tensor *out, const hf_tensor *table, const hf_tensor *index,
                            hf_error *err)
{
    hf_check_gather(out, table, index);
    int64_t row_bytes = table->shape[1] * (int64_t)hf_dtype_size(table->dtype);
    hf_cuda_rows rows = {
        .out = out->data, .x = table->data, .index = index->data, .n_rows = index->shape[0],
        .run_bytes = row_bytes, .out_step = row_bytes, .x_step = row_bytes,
    };
    return HF_CUDA(hf_cuda_rows_launch(&rows, hf_cuda_of(be)->stream), err);
}

/* out's dimensions with their steps in x, without those of size 1, and joined where they step as one. */
static hf_cuda_permute permute_of(const hf_tensor *out, const hf_tensor *x, const int *axes)
{
    hf_cuda_permute p = { .out = out->data, .x = x->data, .element_bytes = (int)hf_dtype_size(x->dtype) };
    int64_t step[HF_MAX_DIMS] = { 0 }; /* in x, of each dimension of x */
    for (int64_t i = x->n_dims - 1, n = 1; i >= 0; n *= x->shape[i--])
        step[i] = n;
    for (int i = 0; i < out->n_dims; i++) {
        int64_t size = out->shape[i], by = step[axes[i]];
        if (size == 1)
            continue;
        if (p.n_dims > 0 && p.x_step[p.n_dims - 1] == size * by) {
            p.out_shape[p.n_dims - 1] *= size;
            p.x_step[p.n_dims - 1] = by;
        } else {
            p.out_shape[p.n_dims] = size;
            p.x_step[p.n_dims++] = by;
        }
    }
    return p;
}

/* Where the last dimension stays the last, its runs move as wide elements. */
static void widen(hf_cuda_permute *p)
{
    int last = p->n_dims - 1;
    while (p->x_step[last] == 1 && p->element_bytes < 16 && p->out_shape[last] % 2 == 0 &&
           ((size_t)p->out | (size_t)p->x) % (size_t)(2 * p->element_bytes) == 0) {
        p->element_bytes *= 2;
        p->out_shape[last] /= 2;
        for (int i = 0; i < last; i++) /* multiples of the last dimension's size in x, which is even */
            p->x_step[i] /= 2;
    }
}

static int cuda_permute(hf_backend *be, const hf_tensor *out, const hf_tensor *x, const hf_permute_params *params,
                        hf_error *err)
{
    hf_check_permute(out, x, params);
    if (hf_tensor_count(x) == 0)
        return HF_OK;
    hf_cuda_permute p = permute_of(out, x, params->axes);
    if (p.n_dims > 1)
        widen(&p);
    if (p.n_dims <= 1) /* nothing changes places */
        return be->ops.copy(be, out, x, err);
    return HF_CUDA(hf_cuda_permute_launch(&p, hf_cuda_of(be)->stream), err);
}

void hf_cuda_fill_pointwise(hf_ops *ops)
{
    ops->activate = cuda_activate;
    ops->add = cuda_add;
    ops->mul = cuda_mul;
    ops->copy_channels = cuda_copy_channels;
    ops->permute = cuda_permute;
    ops->cast = cuda_cast;
    ops->gather_rows = cuda_gather_rows;
}
