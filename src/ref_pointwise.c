/* ref_pointwise.c - `ref`: element by element, and moving things about. */
#include "src/ref.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "src/ops_check.h"

double hf_get(const hf_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case HF_F32: return ((const float *)t->data)[i];
    case HF_F16: return hf_f16_to_f32(((const uint16_t *)t->data)[i]);
    case HF_BF16: return hf_bf16_to_f32(((const uint16_t *)t->data)[i]);
    case HF_U8: return ((const uint8_t *)t->data)[i];
    case HF_I32: break;
    }
    assert(!"a float or u8 tensor");
    return 0;
}

void hf_put(const hf_tensor *t, int64_t i, double value)
{
    switch (t->dtype) {
    case HF_F32: ((float *)t->data)[i] = (float)value; return;
    case HF_F16: ((uint16_t *)t->data)[i] = hf_f32_to_f16((float)value); return;
    case HF_BF16: ((uint16_t *)t->data)[i] = hf_f32_to_bf16((float)value); return;
    case HF_U8: ((uint8_t *)t->data)[i] = (uint8_t)rint(fmin(fmax(value, 0), 255)); return;
    case HF_I32: break;
    }
    assert(!"a float or u8 tensor");
}

double hf_round_to(hf_dtype dtype, double value)
{
    switch (dtype) {
    case HF_F16: return hf_f16_to_f32(hf_f32_to_f16((float)value));
    case HF_BF16: return hf_bf16_to_f32(hf_f32_to_bf16((float)value));
    default: return (float)value;
    }
}

double hf_get_or(const hf_tensor *vector, int64_t i, double otherwise)
{
    return vector ? hf_get(vector, i) : otherwise;
}

double hf_activation_of(hf_activation kind, double x)
{
    switch (kind) {
    case HF_ACT_NONE: return x;
    case HF_ACT_RELU: return x > 0 ? x : 0;
    case HF_ACT_SILU: return x / (1 + exp(-x));
    case HF_ACT_GELU_ERF: return x / 2 * (1 + erf(x / sqrt(2)));
    case HF_ACT_GELU_TANH:
        return x / 2 * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case HF_ACT_QUICK_GELU: return x / (1 + exp(-1.702 * x));
    case HF_ACT_GEGLU: break;
    }
    assert(!"an activation of one number");
    return 0;
}

int hf_ref_activate(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                    const hf_activate_params *params, hf_error *err)
{
    (void)be, (void)err;
    hf_check_rows(out, x, NULL, NULL);
    for (int64_t i = 0; i < hf_tensor_count(x); i++)
        hf_put(out, i, hf_activation_of(params->activation, hf_get(x, i)));
    return HF_OK;
}

/* Where element i of a finds its partner in b, if one row of b serves `repeat` rows of a. */
static int64_t partner(int64_t i, int64_t n_channels, int64_t repeat)
{
    return i / n_channels / repeat * n_channels + i % n_channels;
}

int hf_ref_add(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
               const hf_add_params *params, hf_error *err)
{
    (void)be, (void)err;
    int64_t repeat = hf_check_broadcast(out, a, b), n_channels = hf_tensor_channels(a);
    for (int64_t i = 0; i < hf_tensor_count(a); i++)
        hf_put(out, i, (double)params->alpha * hf_get(a, i) +
                       (double)params->beta * hf_get(b, partner(i, n_channels, repeat)));
    return HF_OK;
}

int hf_ref_mul(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
               hf_error *err)
{
    (void)be, (void)err;
    int64_t repeat = hf_check_broadcast(out, a, b), n_channels = hf_tensor_channels(a);
    for (int64_t i = 0; i < hf_tensor_count(a); i++)
        hf_put(out, i, hf_get(a, i) * hf_get(b, partner(i, n_channels, repeat)));
    return HF_OK;
}

int hf_ref_copy_channels(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                         const hf_copy_channels_params *params, hf_error *err)
{
    (void)be, (void)err;
    hf_check_copy_channels(out, x, params);
    size_t size = hf_dtype_size(x->dtype);
    size_t out_step = (size_t)hf_tensor_channels(out) * size;
    size_t x_step = (size_t)hf_tensor_channels(x) * size;
    char *to = (char *)out->data + (size_t)params->to * size;
    const char *from = (const char *)x->data + (size_t)params->from * size;
    for (int64_t row = 0; row < hf_tensor_rows(x); row++)
        memcpy(to + (size_t)row * out_step, from + (size_t)row * x_step, (size_t)params->n * size);
    return HF_OK;
}

int hf_ref_permute(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                   const hf_permute_params *params, hf_error *err)
{
    (void)be, (void)err;
    hf_check_permute(out, x, params);
    int64_t step[HF_MAX_DIMS] = { 0 }; /* in x, of each dimension of x */
    size_t size = hf_dtype_size(x->dtype);
    for (int64_t i = x->n_dims - 1, n = 1; i >= 0; n *= x->shape[i--])
        step[i] = n;
    for (int64_t i = 0; i < hf_tensor_count(out); i++) {
        int64_t rest = i, from = 0;
        for (int dim = out->n_dims - 1; dim >= 0; dim--) {
            from += rest % out->shape[dim] * step[params->axes[dim]];
            rest /= out->shape[dim];
        }
        memcpy((char *)out->data + (size_t)i * size, (const char *)x->data + (size_t)from * size,
               size);
    }
    return HF_OK;
}

int hf_ref_cast(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_error *err)
{
    (void)be, (void)err;
    hf_check_cast(out, x);
    for (int64_t i = 0; i < hf_tensor_count(x); i++)
        hf_put(out, i, hf_get(x, i));
    return HF_OK;
}

int hf_ref_gather_rows(hf_backend *be, const hf_tensor *out, const hf_tensor *table,
                       const hf_tensor *index, hf_error *err)
{
    (void)be, (void)err;
    hf_check_gather(out, table, index);
    const int32_t *from = index->data;
    size_t row_size = (size_t)table->shape[1] * hf_dtype_size(table->dtype);
    for (int64_t i = 0; i < index->shape[0]; i++) {
        assert(from[i] >= 0 && from[i] < table->shape[0]);
        memcpy((char *)out->data + (size_t)i * row_size,
               (const char *)table->data + (size_t)from[i] * row_size, row_size);
    }
    return HF_OK;
}
