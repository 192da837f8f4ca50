/* pass.c - see pass.h. */
#include "src/net/pass.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool computes(const hf_pass *p)
{
    return p->rc >= 0 && !hf_pass_plans(p);
}

hf_tensor hf_pass_take_shape(hf_pass *p, hf_dtype dtype, int n_dims, const int64_t *shape)
{
    hf_tensor t;
    if (p->rc >= 0 && (p->rc = hf_arena_take_shape(p->arena, &t, p->err, dtype, n_dims, shape)) >= 0)
        return t;
    return hf_tensor_view_shape(NULL, dtype, n_dims, shape);
}

hf_tensor hf_pass_take_like(hf_pass *p, const hf_tensor *x, int64_t C)
{
    int64_t shape[HF_MAX_DIMS];
    memcpy(shape, x->shape, sizeof(shape));
    shape[x->n_dims - 1] = C;
    return hf_pass_take_shape(p, x->dtype, x->n_dims, shape);
}

hf_tensor hf_pass_view_shape(const hf_tensor *t, int n_dims, const int64_t *shape)
{
    hf_tensor view = hf_tensor_view_shape(t->data, t->dtype, n_dims, shape);
    assert(hf_tensor_count(&view) <= hf_tensor_count(t));
    return view;
}

void hf_pass_conv(hf_pass *p, const hf_tensor *out, const hf_tensor *x, const hf_conv *conv,
                  const hf_tensor *residual, hf_activation activation)
{
    if (!computes(p))
        return;
    hf_conv2d_params params = conv->params;
    params.activation = activation;
    p->rc = p->be->ops.conv2d(p->be, out, x, conv->weight, hf_bias(&conv->bias), residual, &params, p->err);
}

void hf_pass_linear(hf_pass *p, const hf_tensor *out, const hf_tensor *x, const hf_linear *linear,
                    const hf_tensor *residual, hf_activation activation)
{
    hf_linear_params params = { .activation = activation };
    if (computes(p))
        p->rc = p->be->ops.linear(p->be, out, x, linear->weight, hf_bias(&linear->bias), residual, &params, p->err);
}

void hf_pass_group_norm(hf_pass *p, const hf_tensor *out, const hf_tensor *x, const hf_norm *norm,
                        const hf_group_norm_params *params)
{
    if (computes(p))
        p->rc = p->be->ops.group_norm(p->be, out, x, &norm->gamma, &norm->beta, params, p->err);
}

void hf_pass_layer_norm(hf_pass *p, const hf_tensor *out, const hf_tensor *x, const hf_norm *norm, float epsilon)
{
    hf_layer_norm_params params = { .epsilon = epsilon };
    if (computes(p))
        p->rc = p->be->ops.layer_norm(p->be, out, x, &norm->gamma, &norm->beta, &params, p->err);
}

void hf_pass_attention(hf_pass *p, const hf_tensor *out, const hf_tensor *q, const hf_tensor *k, const hf_tensor *v,
                       const hf_attention_params *params)
{
    if (computes(p))
        p->rc = p->be->ops.attention(p->be, out, q, k, v, params, p->err);
}

void hf_pass_add(hf_pass *p, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b, float alpha, float beta)
{
    hf_add_params params = { .alpha = alpha, .beta = beta };
    if (computes(p))
        p->rc = p->be->ops.add(p->be, out, a, b, &params, p->err);
}

void hf_pass_copy_channels(hf_pass *p, const hf_tensor *out, const hf_tensor *x, int64_t to, int64_t from, int64_t n)
{
    hf_copy_channels_params params = { .to = to, .from = from, .n = n };
    if (computes(p))
        p->rc = p->be->ops.copy_channels(p->be, out, x, &params, p->err);
}

void hf_pass_activate(hf_pass *p, const hf_tensor *x, hf_activation activation)
{
    hf_activate_params params = { .activation = activation };
    if (computes(p))
        p->rc = p->be->ops.activate(p->be, x, x, &params, p->err);
}

void hf_pass_resize(hf_pass *p, const hf_tensor *out, const hf_tensor *x, hf_resize_kind kind)
{
    hf_resize_params params = { .kind = kind };
    if (computes(p))
        p->rc = p->be->ops.resize(p->be, out, x, &params, p->err);
}

void hf_pass_show(hf_pass *p, const hf_tensor *value, const char *format, ...)
{
    char name[96];
    va_list args;

    if (!p->watch || !computes(p) || (p->rc = p->be->ops.sync(p->be, p->err)) < 0)
        return;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    p->watch->see(p->watch->ctx, name, value);
}
