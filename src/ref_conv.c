/* ref_conv.c - `ref`: packed weights, linear, conv2d, matmul, pooling. */
#include "src/ref.h"

#include <math.h>
#include <stdlib.h>

#include "src/ops_check.h"

int hf_ref_packed_new(hf_backend *be, hf_packed **out, const hf_tensor *weight,
                      const hf_pack_params *params, hf_error *err)
{
    hf_check_pack(weight, params);
    *out = NULL;
    int64_t n = hf_tensor_count(weight);
    hf_ref_packed *p = calloc(1, sizeof(*p));
    if (!p || !(p->data = be->ops.alloc(be, (size_t)n * sizeof(float)))) {
        free(p);
        return hf_fail(err, HF_ENOMEM, "weights: no memory for %lld numbers", (long long)n);
    }
    p->head = hf_packed_head(weight, params);
    for (int64_t i = 0; i < n; i++)
        p->data[i] = (float)hf_round_to(params->dtype, hf_get(weight, i));
    *out = &p->head;
    return HF_OK;
}

void hf_ref_packed_free(hf_backend *be, hf_packed **packed)
{
    if (!packed || !*packed)
        return;
    be->ops.free(be, ((hf_ref_packed *)*packed)->data);
    free(*packed);
    *packed = NULL;
}

/* bias + the product of one row of x with row o of the matrix. */
static double dot_row(const hf_tensor *x, int64_t row, const hf_ref_packed *w, int64_t o,
                      const hf_tensor *bias)
{
    double sum = hf_get_or(bias, o, 0);
    for (int64_t i = 0; i < w->head.n_in; i++)
        sum += hf_round_to(w->head.dtype, hf_get(x, row * w->head.n_in + i)) *
               (double)w->data[o * w->head.n_in + i];
    return sum;
}

int hf_ref_linear(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_packed *weight,
                  const hf_tensor *bias, const hf_tensor *residual, const hf_linear_params *params,
                  hf_error *err)
{
    (void)be, (void)err;
    hf_check_linear(out, x, weight, bias, residual, params);
    const hf_ref_packed *w = (const hf_ref_packed *)weight;
    int64_t n_out = hf_tensor_channels(out);
    for (int64_t row = 0; row < hf_tensor_rows(x); row++)
        for (int64_t o = 0; o < n_out; o++) {
            double y = dot_row(x, row, w, o, bias);
            if (params->activation == HF_ACT_GEGLU) {
                y *= hf_activation_of(HF_ACT_GELU_ERF, dot_row(x, row, w, n_out + o, bias));
            } else {
                y += hf_get_or(residual, row * n_out + o, 0);
                y = hf_activation_of(params->activation, y);
            }
            hf_put(out, row * n_out + o, y);
        }
    return HF_OK;
}

/* The window of output (n,y,x_out), output channel o. */
static double dot_window(const hf_tensor *x, const hf_ref_packed *w, const hf_conv2d_params *p,
                         int64_t n, int64_t oy, int64_t ox, int64_t o)
{
    const hf_packed *k = &w->head;
    int64_t H = x->shape[1], W = x->shape[2], C = x->shape[3];
    int stride = p->stride ? p->stride : 1, dilation = p->dilation ? p->dilation : 1;
    int64_t first_in = o / (k->n_out / k->n_groups) * k->n_in; /* first channel of o's group */
    double sum = 0;
    for (int64_t ky = 0; ky < k->kernel_h; ky++)
        for (int64_t kx = 0; kx < k->kernel_w; kx++) {
            int64_t iy = oy * stride - p->pad_top + ky * dilation;
            int64_t ix = ox * stride - p->pad_left + kx * dilation;
            if (iy < 0 || iy >= H || ix < 0 || ix >= W)
                continue;
            for (int64_t c = 0; c < k->n_in; c++) {
                double value = hf_get(x, ((n * H + iy) * W + ix) * C + first_in + c);
                sum += hf_round_to(k->dtype, value) *
                       (double)w->data[((o * k->n_in + c) * k->kernel_h + ky) * k->kernel_w + kx];
            }
        }
    return sum;
}

int hf_ref_conv2d(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_packed *weight,
                  const hf_tensor *bias, const hf_tensor *residual, const hf_conv2d_params *params,
                  hf_error *err)
{
    (void)be, (void)err;
    hf_check_conv2d(out, x, weight, bias, residual, params);
    const hf_ref_packed *w = (const hf_ref_packed *)weight;
    int64_t i = 0;
    for (int64_t n = 0; n < out->shape[0]; n++)
        for (int64_t oy = 0; oy < out->shape[1]; oy++)
            for (int64_t ox = 0; ox < out->shape[2]; ox++)
                for (int64_t o = 0; o < out->shape[3]; o++, i++) {
                    double y = dot_window(x, w, params, n, oy, ox, o);
                    y += hf_get_or(bias, o, 0) + hf_get_or(residual, i, 0);
                    hf_put(out, i, hf_activation_of(params->activation, y));
                }
    return HF_OK;
}

int hf_ref_matmul(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
                  const hf_matmul_params *params, hf_error *err)
{
    (void)be, (void)err;
    hf_matmul_sizes s = hf_check_matmul(out, a, b, params);
    double alpha = params->alpha == 0 ? 1 : (double)params->alpha;
    for (int64_t i = 0; i < s.batch * s.m * s.n; i++) {
        int64_t batch = i / (s.m * s.n), row = i / s.n % s.m, column = i % s.n;
        int64_t a_at = batch * s.m * s.k, b_at = s.one_b ? 0 : batch * s.k * s.n;
        double sum = 0;
        for (int64_t k = 0; k < s.k; k++)
            sum += hf_get(a, a_at + (params->transpose_a ? k * s.m + row : row * s.k + k)) *
                   hf_get(b, b_at + (params->transpose_b ? column * s.k + k : k * s.n + column));
        hf_put(out, i, alpha * sum);
    }
    return HF_OK;
}

/* One channel of one window. */
static double pool_window(const hf_tensor *x, const hf_pool_params *p, int64_t n, int64_t oy,
                          int64_t ox, int64_t c)
{
    int64_t H = x->shape[1], W = x->shape[2], C = x->shape[3], n_cells = 0;
    int stride = p->stride ? p->stride : 1;
    double sum = 0, best = -INFINITY;
    for (int ky = 0; ky < p->kernel_h; ky++)
        for (int kx = 0; kx < p->kernel_w; kx++) {
            int64_t iy = oy * stride - p->pad_top + ky, ix = ox * stride - p->pad_left + kx;
            if (iy < 0 || iy >= H || ix < 0 || ix >= W)
                continue;
            double value = hf_get(x, ((n * H + iy) * W + ix) * C + c);
            sum += value;
            best = value > best ? value : best;
            n_cells++;
        }
    if (p->kind == HF_POOL_MAX)
        return best;
    return sum / (double)(p->kind == HF_POOL_MEAN ? n_cells : p->kernel_h * p->kernel_w);
}

int hf_ref_pool(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                const hf_pool_params *params, hf_error *err)
{
    (void)be, (void)err;
    hf_check_pool(out, x, params);
    int64_t i = 0;
    for (int64_t n = 0; n < out->shape[0]; n++)
        for (int64_t oy = 0; oy < out->shape[1]; oy++)
            for (int64_t ox = 0; ox < out->shape[2]; ox++)
                for (int64_t c = 0; c < out->shape[3]; c++, i++)
                    hf_put(out, i, pool_window(x, params, n, oy, ox, c));
    return HF_OK;
}
