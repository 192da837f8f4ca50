/* cpu_pointwise.c - `cpu`: activations, sums, products, conversions, moving things about. */
#include "src/cpu.h"

#include <string.h>

#include "src/ops_check.h"
#include "src/simd.h"
#include "src/vec_math.h"

/* Elements that a thread takes at a time. */
#define RUN 8192

static bool all_f32(const hf_tensor *out, const hf_tensor *a, const hf_tensor *b)
{
    return out->dtype == HF_F32 && a->dtype == HF_F32 && (!b || b->dtype == HF_F32);
}

static int64_t run_length(int64_t first, int64_t n)
{
    return n - first < RUN ? n - first : RUN;
}

HF_CLONES
void hf_cpu_activate_run(float *out, const float *x, int64_t n, hf_activation kind)
{
    switch (kind) {
    case HF_ACT_NONE:
    case HF_ACT_GEGLU:
        if (out != x)
            memcpy(out, x, (size_t)n * sizeof(float));
        return;
    case HF_ACT_RELU:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            out[i] = x[i] > 0 ? x[i] : 0;
        return;
    case HF_ACT_SILU:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            out[i] = x[i] / (1 + hf_exp(-x[i]));
        return;
    case HF_ACT_QUICK_GELU:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            out[i] = x[i] / (1 + hf_exp(-1.702f * x[i]));
        return;
    case HF_ACT_GELU_ERF:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            out[i] = x[i] * 0.5f * (1 + hf_erf(x[i] * 0.70710678f));
        return;
    case HF_ACT_GELU_TANH:
        /* (1 + tanh u) / 2 = 1 / (1 + exp(-2 u)) */
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            float u = 0.79788456f * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
            out[i] = x[i] / (1 + hf_exp(-2 * u));
        }
        return;
    }
}

int hf_cpu_activate(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                    const hf_activate_params *params, hf_error *err)
{
    hf_check_rows(out, x, NULL, NULL);
    if (!all_f32(out, x, NULL))
        return hf_ref_activate(be, out, x, params, err);
    int64_t n = hf_tensor_count(x);
#pragma omp parallel for num_threads(be->n_threads) if (n >= HF_CPU_PARALLEL_FROM)
    for (int64_t i = 0; i < n; i += RUN)
        hf_cpu_activate_run((float *)out->data + i, (const float *)x->data + i, run_length(i, n),
                            params->activation);
    return HF_OK;
}

HF_CLONES
static void add_run(float *out, const float *a, const float *b, int64_t n, float alpha, float beta)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        out[i] = alpha * a[i] + beta * b[i];
}

HF_CLONES
static void mul_run(float *out, const float *a, const float *b, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        out[i] = a[i] * b[i];
}

/* a and b in runs that lie together in both: of any length where b is like a, of one row
 * where b's rows serve several. params: NULL multiplies. */
static void combine(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
                    int64_t repeat, const hf_add_params *params)
{
    int64_t n = hf_tensor_count(a), C = hf_tensor_channels(a);
    int64_t step = repeat == 1 ? RUN : C;
#pragma omp parallel for num_threads(be->n_threads) if (n >= HF_CPU_PARALLEL_FROM)
    for (int64_t i = 0; i < n; i += step) {
        int64_t length = repeat == 1 ? run_length(i, n) : C;
        const float *from = (const float *)a->data + i;
        const float *other = (const float *)b->data + (repeat == 1 ? i : i / C / repeat * C);
        if (params)
            add_run((float *)out->data + i, from, other, length, params->alpha, params->beta);
        else
            mul_run((float *)out->data + i, from, other, length);
    }
}

int hf_cpu_add(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
               const hf_add_params *params, hf_error *err)
{
    int64_t repeat = hf_check_broadcast(out, a, b);
    if (!all_f32(out, a, b))
        return hf_ref_add(be, out, a, b, params, err);
    combine(be, out, a, b, repeat, params);
    return HF_OK;
}

int hf_cpu_mul(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
               hf_error *err)
{
    int64_t repeat = hf_check_broadcast(out, a, b);
    if (!all_f32(out, a, b))
        return hf_ref_mul(be, out, a, b, err);
    combine(be, out, a, b, repeat, NULL);
    return HF_OK;
}

int hf_cpu_copy_channels(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                         const hf_copy_channels_params *params, hf_error *err)
{
    (void)err;
    hf_check_copy_channels(out, x, params);
    size_t size = hf_dtype_size(x->dtype), bytes = (size_t)params->n * size;
    size_t out_step = (size_t)hf_tensor_channels(out) * size;
    size_t x_step = (size_t)hf_tensor_channels(x) * size;
    char *to = (char *)out->data + (size_t)params->to * size;
    const char *from = (const char *)x->data + (size_t)params->from * size;
    int64_t rows = hf_tensor_rows(x);
#pragma omp parallel for num_threads(be->n_threads) if (rows * params->n >= HF_CPU_PARALLEL_FROM)
    for (int64_t row = 0; row < rows; row++)
        memcpy(to + (size_t)row * out_step, from + (size_t)row * x_step, bytes);
    return HF_OK;
}

/* One run of the last dimension of out, `step` elements apart in x. */
static void gather_run(char *out, const char *x, int64_t n, int64_t step, size_t size)
{
    if (step == 1)
        memcpy(out, x, (size_t)n * size);
    else if (size == 4)
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * 4, x + i * step * 4, 4);
    else
        for (int64_t i = 0; i < n; i++)
            memcpy(out + (size_t)i * size, x + (size_t)(i * step) * size, size);
}

int hf_cpu_permute(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                   const hf_permute_params *params, hf_error *err)
{
    (void)err;
    hf_check_permute(out, x, params);
    int64_t step[HF_MAX_DIMS] = { 0 }; /* in x, of each dimension of x */
    size_t size = hf_dtype_size(x->dtype);
    for (int64_t i = x->n_dims - 1, n = 1; i >= 0; n *= x->shape[i--])
        step[i] = n;
    int last = out->n_dims - 1;
    int64_t n_runs = hf_tensor_rows(out), length = out->shape[last];
#pragma omp parallel for num_threads(be->n_threads) if (n_runs * length >= HF_CPU_PARALLEL_FROM)
    for (int64_t run = 0; run < n_runs; run++) {
        int64_t rest = run, from = 0;
        for (int dim = last - 1; dim >= 0; dim--) {
            from += rest % out->shape[dim] * step[params->axes[dim]];
            rest /= out->shape[dim];
        }
        gather_run((char *)out->data + (size_t)(run * length) * size,
                   (const char *)x->data + (size_t)from * size, length, step[params->axes[last]],
                   size);
    }
    return HF_OK;
}

/* n numbers of any type to or from f32. */
HF_CLONES
static void to_f32(float *out, const void *x, hf_dtype type, int64_t n)
{
    if (type == HF_F16)
        for (int64_t i = 0; i < n; i++)
            out[i] = hf_f16_to_f32(((const uint16_t *)x)[i]);
    else if (type == HF_BF16)
        for (int64_t i = 0; i < n; i++)
            out[i] = hf_bf16_to_f32(((const uint16_t *)x)[i]);
    else
        for (int64_t i = 0; i < n; i++)
            out[i] = ((const uint8_t *)x)[i];
}

HF_CLONES
static void from_f32(void *out, hf_dtype type, const float *x, int64_t n)
{
    if (type == HF_F16)
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)out)[i] = hf_f32_to_f16(x[i]);
    else if (type == HF_BF16)
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)out)[i] = hf_f32_to_bf16(x[i]);
    else
        for (int64_t i = 0; i < n; i++) {
            /* A NaN compares false and becomes 0, as fmax makes it on ref. */
            float v = x[i] > 0 ? x[i] : 0;
            ((uint8_t *)out)[i] = (uint8_t)rintf(v < 255 ? v : 255);
        }
}

void hf_cpu_convert_run(void *out, hf_dtype out_type, const void *x, hf_dtype x_type, int64_t n)
{
    float middle[RUN];
    if (out_type == x_type) {
        memcpy(out, x, (size_t)n * hf_dtype_size(x_type));
    } else if (out_type == HF_F32) {
        to_f32(out, x, x_type, n);
    } else if (x_type == HF_F32) {
        from_f32(out, out_type, x, n);
    } else {
        to_f32(middle, x, x_type, n);
        from_f32(out, out_type, middle, n);
    }
}

void hf_cpu_convert(hf_backend *be, void *out, hf_dtype out_type, const void *x, hf_dtype x_type,
                    int64_t n)
{
    int64_t out_size = (int64_t)hf_dtype_size(out_type), x_size = (int64_t)hf_dtype_size(x_type);
#pragma omp parallel for num_threads(be->n_threads) if (n >= HF_CPU_PARALLEL_FROM)
    for (int64_t i = 0; i < n; i += RUN)
        hf_cpu_convert_run((char *)out + i * out_size, out_type, (const char *)x + i * x_size, x_type,
                           run_length(i, n));
}

int hf_cpu_cast(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_error *err)
{
    (void)err;
    hf_check_cast(out, x);
    hf_cpu_convert(be, out->data, out->dtype, x->data, x->dtype, hf_tensor_count(x));
    return HF_OK;
}
