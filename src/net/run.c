/* run.c - see run.h. */
#include "src/net/run.h"

#include <string.h>

static void keep(hf_run *r, int rc)
{
    if (rc < 0 && r->rc >= 0)
        r->rc = rc;
}

hf_tensor hf_run_take_shape(hf_run *r, int n_dims, const int64_t *shape)
{
    hf_tensor t = hf_tensor_view_shape(NULL, r->dtype, n_dims, shape);
    if (r->rc >= 0)
        keep(r, hf_arena_take_shape(r->arena, &t, r->err, r->dtype, n_dims, shape));
    return t;
}

hf_tensor hf_run_take_like(hf_run *r, const hf_tensor *x, int64_t C)
{
    int64_t shape[HF_MAX_DIMS];
    memcpy(shape, x->shape, sizeof(shape));
    shape[x->n_dims - 1] = C;
    return hf_run_take_shape(r, x->n_dims, shape);
}

void hf_run_linear(hf_run *r, const hf_tensor *out, const hf_tensor *x, const hf_linear *l, const hf_tensor *residual,
                   hf_activation activation)
{
    hf_linear_params p = { .activation = activation };
    if (!hf_run_skips(r))
        keep(r, r->be->ops.linear(r->be, out, x, l->weight, hf_bias(&l->bias), residual, &p, r->err));
}

void hf_run_conv(hf_run *r, const hf_tensor *out, const hf_tensor *x, const hf_conv *c, const hf_tensor *residual,
                 hf_activation activation)
{
    hf_conv2d_params p = c->params;
    p.activation = activation;
    if (!hf_run_skips(r))
        keep(r, r->be->ops.conv2d(r->be, out, x, c->weight, hf_bias(&c->bias), residual, &p, r->err));
}

void hf_run_group_norm(hf_run *r, const hf_tensor *out, const hf_tensor *x, const hf_norm *n, int n_groups,
                       float epsilon, hf_activation activation)
{
    hf_group_norm_params p = { .n_groups = n_groups, .epsilon = epsilon, .activation = activation };
    if (!hf_run_skips(r))
        keep(r, r->be->ops.group_norm(r->be, out, x, &n->gamma, &n->beta, &p, r->err));
}

void hf_run_layer_norm(hf_run *r, const hf_tensor *out, const hf_tensor *x, const hf_norm *n, float epsilon)
{
    hf_layer_norm_params p = { .epsilon = epsilon };
    if (!hf_run_skips(r))
        keep(r, r->be->ops.layer_norm(r->be, out, x, &n->gamma, &n->beta, &p, r->err));
}

void hf_run_attention(hf_run *r, const hf_tensor *out, const hf_tensor *q, const hf_tensor *k, const hf_tensor *v,
                      int n_heads)
{
    hf_attention_params p = { .n_heads = n_heads };
    if (!hf_run_skips(r))
        keep(r, r->be->ops.attention(r->be, out, q, k, v, &p, r->err));
}

void hf_run_activate(hf_run *r, const hf_tensor *x, hf_activation activation)
{
    hf_activate_params p = { .activation = activation };
    if (!hf_run_skips(r))
        keep(r, r->be->ops.activate(r->be, x, x, &p, r->err));
}

void hf_run_add(hf_run *r, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b, float alpha, float beta)
{
    hf_add_params p = { .alpha = alpha, .beta = beta };
    if (!hf_run_skips(r))
        keep(r, r->be->ops.add(r->be, out, a, b, &p, r->err));
}

void hf_run_put_channels(hf_run *r, const hf_tensor *out, const hf_tensor *x, int64_t to)
{
    hf_copy_channels_params p = { .to = to, .n = x->shape[x->n_dims - 1] };
    if (!hf_run_skips(r))
        keep(r, r->be->ops.copy_channels(r->be, out, x, &p, r->err));
}

void hf_run_resize(hf_run *r, const hf_tensor *out, const hf_tensor *x, hf_resize_kind kind)
{
    hf_resize_params p = { .kind = kind };
    if (!hf_run_skips(r))
        keep(r, r->be->ops.resize(r->be, out, x, &p, r->err));
}

void hf_run_copy(hf_run *r, const hf_tensor *out, const hf_tensor *x)
{
    if (!hf_run_skips(r))
        keep(r, r->be->ops.copy(r->be, out, x, r->err));
}

void hf_run_cast(hf_run *r, const hf_tensor *out, const hf_tensor *x)
{
    if (!hf_run_skips(r))
        keep(r, r->be->ops.cast(r->be, out, x, r->err));
}
