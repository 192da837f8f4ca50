/* cpu_conv.c - `cpu`: conv2d and linear on oneDNN's convolutions (cpu_plan.c).
 *
 * linear is a 1x1 convolution over a picture of one row. Types other than that of the
 * weights are converted on the way in, and types that oneDNN does not write on the way out.
 */
#include "src/cpu.h"

#include <string.h>

#include "src/ops_check.h"

/* Rows of a GEGLU at a time: its doubled output stays in the cache. */
#define GEGLU_ROWS 512

/* x in the type of the weights: x's own memory, or scratch. NULL sets err. */
static const void *input_as(hf_backend *be, const hf_tensor *x, hf_dtype dtype, hf_error *err)
{
    if (x->dtype == dtype)
        return x->data;
    int64_t n = hf_tensor_count(x);
    void *data = hf_cpu_scratch(be, HF_CPU_INPUT, (size_t)n * hf_dtype_size(dtype), err);
    if (data)
        hf_cpu_convert(be, data, dtype, x->data, x->dtype, n);
    return data;
}

/* Types around hf_cpu_conv_run: the rest of the key is the caller's. */
static int run_any_type(hf_backend *be, hf_cpu_conv_key *key, const hf_tensor *out,
                        const hf_tensor *x, hf_packed *weight, const hf_tensor *bias,
                        const hf_tensor *residual, hf_error *err)
{
    hf_dtype in_type = weight->dtype;
    bool direct = out->dtype == HF_F32 || (out->dtype == HF_BF16 && in_type == HF_BF16);
    hf_dtype out_type = direct ? out->dtype : HF_F32;
    int64_t n = hf_tensor_count(out);
    const void *src = input_as(be, x, in_type, err);
    void *dst = direct ? out->data
                       : hf_cpu_scratch(be, HF_CPU_OUTPUT, (size_t)n * sizeof(float), err);
    int rc;

    if (!src || !dst)
        return HF_ENOMEM;
    if (residual && residual->data != dst)
        hf_cpu_convert(be, dst, out_type, residual->data, residual->dtype, n);
    key->has_bias = bias != NULL;
    key->has_residual = residual != NULL;
    key->in_type = in_type;
    key->out_type = out_type;
    key->n_threads = be->n_threads;
    rc = hf_cpu_winograd_fits(key) ? hf_cpu_winograd_run(be, dst, src, weight, bias, key, err)
                                   : hf_cpu_conv_run(be, dst, src, weight, bias, key, err);
    if (rc < 0)
        return rc;
    if (!direct)
        hf_cpu_convert(be, out->data, out->dtype, dst, HF_F32, n);
    return HF_OK;
}

int hf_cpu_conv2d(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_packed *weight,
                  const hf_tensor *bias, const hf_tensor *residual, const hf_conv2d_params *p,
                  hf_error *err)
{
    hf_check_conv2d(out, x, weight, bias, residual, p);
    hf_cpu_use_threads(be);
    hf_cpu_conv_key key = {
        .n = x->shape[0], .H = x->shape[1], .W = x->shape[2], .C = x->shape[3],
        .Ho = out->shape[1], .Wo = out->shape[2], .n_out = weight->n_out,
        .kernel_h = weight->kernel_h, .kernel_w = weight->kernel_w, .n_groups = weight->n_groups,
        .stride = p->stride ? p->stride : 1, .dilation = p->dilation ? p->dilation : 1,
        .pad_top = p->pad_top, .pad_left = p->pad_left, .pad_bottom = p->pad_bottom,
        .pad_right = p->pad_right, .activation = (int64_t)p->activation,
    };
    return run_any_type(be, &key, out, x, weight, bias, residual, err);
}

static hf_cpu_conv_key linear_key(const hf_packed *w, int64_t rows, hf_activation activation)
{
    return (hf_cpu_conv_key){
        .n = 1, .H = 1, .W = rows, .Ho = 1, .Wo = rows, .C = w->n_in, .n_out = w->n_out,
        .kernel_h = 1, .kernel_w = 1, .n_groups = 1, .stride = 1, .dilation = 1,
        .activation = (int64_t)activation,
    };
}

/* rows [n, 2 half] -> out [n, half]: first half * gelu(second half). */
static void combine_geglu(hf_backend *be, const hf_tensor *out, int64_t first_row, float *wide,
                          int64_t n, int64_t half)
{
#pragma omp parallel for num_threads(be->n_threads)
    for (int64_t row = 0; row < n; row++) {
        float *value = wide + row * 2 * half, *gate = value + half;
        hf_cpu_activate_run(gate, gate, half, HF_ACT_GELU_ERF);
#pragma omp simd
        for (int64_t i = 0; i < half; i++)
            value[i] *= gate[i];
        if (out->dtype == HF_F32)
            memcpy((float *)out->data + (first_row + row) * half, value, (size_t)half * 4);
        else
            for (int64_t i = 0; i < half; i++)
                hf_put(out, (first_row + row) * half + i, (double)value[i]);
    }
}

static int linear_geglu(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                        hf_packed *weight, const hf_tensor *bias, hf_error *err)
{
    int64_t rows = hf_tensor_rows(x), n_in = weight->n_in, n_out = weight->n_out;
    size_t step = (size_t)n_in * hf_dtype_size(x->dtype);
    float *wide = hf_cpu_scratch(be, HF_CPU_WORK, GEGLU_ROWS * (size_t)n_out * sizeof(float), err);
    int rc;

    if (!wide)
        return HF_ENOMEM;
    for (int64_t row = 0; row < rows; row += GEGLU_ROWS) {
        int64_t n = rows - row < GEGLU_ROWS ? rows - row : GEGLU_ROWS;
        hf_cpu_conv_key key = linear_key(weight, n, HF_ACT_NONE);
        hf_tensor part = hf_tensor_view((char *)x->data + (size_t)row * step, x->dtype, 2, n, n_in);
        hf_tensor both = hf_tensor_view(wide, HF_F32, 2, n, n_out);
        if ((rc = run_any_type(be, &key, &both, &part, weight, bias, NULL, err)) < 0)
            return rc;
        combine_geglu(be, out, row, wide, n, n_out / 2);
    }
    return HF_OK;
}

int hf_cpu_linear(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_packed *weight,
                  const hf_tensor *bias, const hf_tensor *residual, const hf_linear_params *params,
                  hf_error *err)
{
    hf_check_linear(out, x, weight, bias, residual, params);
    hf_cpu_use_threads(be);
    if (params->activation == HF_ACT_GEGLU)
        return linear_geglu(be, out, x, weight, bias, err);
    hf_cpu_conv_key key = linear_key(weight, hf_tensor_rows(x), params->activation);
    return run_any_type(be, &key, out, x, weight, bias, residual, err);
}
