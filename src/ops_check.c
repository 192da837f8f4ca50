/* ops_check.c - see ops_check.h. */
#include "src/ops_check.h"

#include <assert.h>
#include <math.h>

#include "src/classic_raw.h"

int64_t hf_conv2d_out_size(int64_t in, int64_t kernel, int stride, int dilation, int pad_before,
                           int pad_after)
{
    int64_t reach = (dilation ? dilation : 1) * (kernel - 1) + 1;
    int64_t room = in + pad_before + pad_after - reach;
    return room < 0 ? 0 : room / (stride ? stride : 1) + 1;
}

int64_t hf_tensor_channels(const hf_tensor *t)
{
    return t->shape[t->n_dims - 1];
}

int64_t hf_tensor_rows(const hf_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n_dims - 1; i++)
        n *= t->shape[i];
    return n;
}

bool hf_same_shape(const hf_tensor *a, const hf_tensor *b)
{
    if (a->n_dims != b->n_dims)
        return false;
    for (int i = 0; i < a->n_dims; i++)
        if (a->shape[i] != b->shape[i])
            return false;
    return true;
}

static bool is_float(const hf_tensor *t)
{
    return t->dtype == HF_F32 || t->dtype == HF_F16 || t->dtype == HF_BF16;
}

static bool is_vector(const hf_tensor *t, int64_t n)
{
    return !t || (t->dtype == HF_F32 && t->n_dims == 1 && t->shape[0] == n);
}

static bool is_like(const hf_tensor *t, const hf_tensor *out)
{
    return !t || (t->dtype == out->dtype && hf_same_shape(t, out));
}

void hf_check_pack(const hf_tensor *weight, const hf_pack_params *params)
{
    assert(is_float(weight));
    assert(weight->n_dims == 2 || weight->n_dims == 4);
    assert(params->dtype == HF_F32 || params->dtype == HF_F16 || params->dtype == HF_BF16);
    assert(params->n_groups >= 0 && (weight->n_dims == 4 || params->n_groups <= 1));
    assert(weight->shape[0] % (params->n_groups ? params->n_groups : 1) == 0);
}

void hf_check_linear(const hf_tensor *out, const hf_tensor *x, const hf_packed *weight,
                     const hf_tensor *bias, const hf_tensor *residual,
                     const hf_linear_params *params)
{
    bool geglu = params->activation == HF_ACT_GEGLU;
    assert(is_float(out) && is_float(x));
    assert(weight->n_groups == 1 && weight->kernel_h == 1 && weight->kernel_w == 1);
    assert(hf_tensor_channels(x) == weight->n_in);
    assert(hf_tensor_channels(out) * (geglu ? 2 : 1) == weight->n_out);
    assert(hf_tensor_rows(out) == hf_tensor_rows(x));
    assert(is_vector(bias, weight->n_out));
    assert(is_like(residual, out) && !(residual && geglu));
}

void hf_check_conv2d(const hf_tensor *out, const hf_tensor *x, const hf_packed *weight,
                     const hf_tensor *bias, const hf_tensor *residual,
                     const hf_conv2d_params *p)
{
    assert(is_float(out) && is_float(x) && out->n_dims == 4 && x->n_dims == 4);
    assert(p->stride >= 0 && p->dilation >= 0 && p->activation != HF_ACT_GEGLU);
    assert(p->pad_top >= 0 && p->pad_left >= 0 && p->pad_bottom >= 0 && p->pad_right >= 0);
    assert(out->shape[0] == x->shape[0]);
    assert(out->shape[1] == hf_conv2d_out_size(x->shape[1], weight->kernel_h, p->stride,
                                               p->dilation, p->pad_top, p->pad_bottom));
    assert(out->shape[2] == hf_conv2d_out_size(x->shape[2], weight->kernel_w, p->stride,
                                               p->dilation, p->pad_left, p->pad_right));
    assert(out->shape[1] > 0 && out->shape[2] > 0);
    assert(out->shape[3] == weight->n_out && x->shape[3] == weight->n_in * weight->n_groups);
    assert(is_vector(bias, weight->n_out) && is_like(residual, out));
}

hf_matmul_sizes hf_check_matmul(const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
                                const hf_matmul_params *params)
{
    int last = a->n_dims - 1;
    assert(is_float(out) && is_float(a) && is_float(b));
    assert(out->n_dims == a->n_dims && last >= 1);
    assert(b->n_dims == a->n_dims || b->n_dims == 2);
    const int64_t *a_shape = a->shape + last - 1, *b_shape = b->shape + b->n_dims - 2;
    hf_matmul_sizes s = {
        .batch = 1, .m = a_shape[params->transpose_a ? 1 : 0],
        .k = a_shape[params->transpose_a ? 0 : 1], .n = b_shape[params->transpose_b ? 0 : 1],
        .one_b = b->n_dims == 2,
    };
    for (int i = 0; i < last - 1; i++) {
        assert(out->shape[i] == a->shape[i] && (s.one_b || b->shape[i] == a->shape[i]));
        s.batch *= a->shape[i];
    }
    assert(b_shape[params->transpose_b ? 1 : 0] == s.k);
    assert(out->shape[last - 1] == s.m && out->shape[last] == s.n);
    return s;
}

hf_attention_sizes hf_check_attention(const hf_tensor *out, const hf_tensor *q, const hf_tensor *k,
                                      const hf_tensor *v, const hf_attention_params *params)
{
    assert(is_float(out) && is_float(q) && is_float(k) && is_float(v));
    assert(q->n_dims == 3 && k->n_dims == 3);
    assert(hf_same_shape(out, q) && hf_same_shape(k, v));
    assert(q->shape[0] == k->shape[0] && q->shape[2] == k->shape[2] && k->shape[1] >= 1);
    assert(params->n_heads >= 1 && q->shape[2] % params->n_heads == 0);
    assert(!params->causal || q->shape[1] == k->shape[1]);
    hf_attention_sizes s = {
        .n = q->shape[0], .l_q = q->shape[1], .l_k = k->shape[1], .channels = q->shape[2],
        .d = q->shape[2] / params->n_heads, .scale = params->scale,
    };
    if (s.scale == 0)
        s.scale = (float)(1 / sqrt((double)s.d));
    return s;
}

void hf_check_rows(const hf_tensor *out, const hf_tensor *x, const hf_tensor *gamma,
                   const hf_tensor *beta)
{
    assert(is_float(out) && is_float(x) && hf_same_shape(out, x));
    assert(is_vector(gamma, hf_tensor_channels(x)) && is_vector(beta, hf_tensor_channels(x)));
}

void hf_check_group_norm(const hf_tensor *out, const hf_tensor *x, const hf_tensor *gamma,
                         const hf_tensor *beta, const hf_group_norm_params *params)
{
    hf_check_rows(out, x, gamma, beta);
    assert(x->n_dims >= 2 && params->n_groups >= 1);
    assert(hf_tensor_channels(x) % params->n_groups == 0);
    assert(params->activation != HF_ACT_GEGLU);
}

int64_t hf_check_broadcast(const hf_tensor *out, const hf_tensor *a, const hf_tensor *b)
{
    assert(is_float(out) && is_float(a) && is_float(b) && hf_same_shape(out, a));
    assert(hf_tensor_channels(a) == hf_tensor_channels(b));
    if (hf_same_shape(a, b))
        return 1;
    if (b->n_dims == 1)
        return hf_tensor_rows(a);
    assert(b->n_dims == 2 && a->n_dims >= 3 && b->shape[0] == a->shape[0]);
    return hf_tensor_rows(a) / a->shape[0];
}

void hf_check_copy_channels(const hf_tensor *out, const hf_tensor *x,
                            const hf_copy_channels_params *p)
{
    assert(out->dtype == x->dtype && hf_tensor_rows(out) == hf_tensor_rows(x));
    assert(p->n >= 0 && p->to >= 0 && p->from >= 0);
    assert(p->to + p->n <= hf_tensor_channels(out) && p->from + p->n <= hf_tensor_channels(x));
}

void hf_check_permute(const hf_tensor *out, const hf_tensor *x, const hf_permute_params *p)
{
    unsigned seen = 0;
    assert(out->dtype == x->dtype && out->n_dims == x->n_dims);
    for (int i = 0; i < x->n_dims; i++) {
        assert(p->axes[i] >= 0 && p->axes[i] < x->n_dims && !(seen & 1u << p->axes[i]));
        assert(out->shape[i] == x->shape[p->axes[i]]);
        seen |= 1u << p->axes[i];
    }
}

void hf_check_cast(const hf_tensor *out, const hf_tensor *x)
{
    assert(hf_same_shape(out, x) && out->dtype != HF_I32 && x->dtype != HF_I32);
}

void hf_check_gather(const hf_tensor *out, const hf_tensor *table, const hf_tensor *index)
{
    assert(out->dtype == table->dtype && index->dtype == HF_I32);
    assert(out->n_dims == 2 && table->n_dims == 2 && index->n_dims == 1);
    assert(out->shape[0] == index->shape[0] && out->shape[1] == table->shape[1]);
}

void hf_check_resize(const hf_tensor *out, const hf_tensor *x, const hf_resize_params *params)
{
    assert(is_float(out) && is_float(x) && out->n_dims == 4 && x->n_dims == 4);
    assert(out->shape[0] == x->shape[0] && out->shape[3] == x->shape[3]);
    assert(x->shape[1] > 0 && x->shape[2] > 0 && params->scale_y >= 0 && params->scale_x >= 0);
}

void hf_check_rgb_to_image(const hf_tensor *out, const hf_tensor *rgb,
                           const hf_rgb_to_image_params *params)
{
    assert(is_float(out) && rgb->dtype == HF_U8 && out->n_dims == 3 && rgb->n_dims == 3);
    assert(out->shape[2] == 3 && rgb->shape[2] == 3 && rgb->shape[0] > 0 && rgb->shape[1] > 0);
    for (int c = 0; c < 3; c++)
        assert(params->deviation[c] != 0);
}

void hf_check_pool(const hf_tensor *out, const hf_tensor *x, const hf_pool_params *p)
{
    assert(is_float(out) && is_float(x) && out->n_dims == 4 && x->n_dims == 4);
    assert(out->shape[0] == x->shape[0] && out->shape[3] == x->shape[3]);
    assert(p->pad_top < p->kernel_h && p->pad_bottom < p->kernel_h);
    assert(p->pad_left < p->kernel_w && p->pad_right < p->kernel_w);
    assert(out->shape[1] ==
           hf_conv2d_out_size(x->shape[1], p->kernel_h, p->stride, 1, p->pad_top, p->pad_bottom));
    assert(out->shape[2] ==
           hf_conv2d_out_size(x->shape[2], p->kernel_w, p->stride, 1, p->pad_left, p->pad_right));
}

void hf_check_classic_raw(const hf_tensor *out, const hf_tensor *rgb, const hf_classic_raw *raw)
{
    assert(out->dtype == HF_F32 && rgb->dtype == HF_U8 && rgb->n_dims == 3);
    assert(rgb->shape[0] == raw->height && rgb->shape[1] == raw->width && rgb->shape[2] == 3);
    assert(hf_tensor_channels(out) == raw->n_channels && hf_tensor_rows(out) == (int64_t)raw->h * raw->w);
}
