/* check_ops_conv.c - cases of conv2d and pool. */
#include <stdio.h>

#include "src/ops_check.h"
#include "tests/check_ops.h"

static int call_conv2d(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.conv2d(be, a->t[0], a->t[1], a->packed, a->t[2], a->t[3], a->params, err);
}

static int call_pool(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.pool(be, a->t[0], a->t[1], a->params, err);
}

typedef struct conv_row {
    const char      *label;
    int64_t          n, H, W, C, n_out, kh, kw, groups;
    hf_conv2d_params params;
    bool             bias, residual, bench_only;
    hf_dtype         weights, activations;
    check_fill       fill;
    double           limit;
} conv_row;

/* 2e-5: a bf16 output that lies near the middle of two values may round either way. */
#define BF16_OUT 2e-5

/* As in check_ops_linear.c. */
#define F16_OUT 2e-7

static const conv_row conv_rows[] = {
    { "1x1 picture, 1x1 kernel, one channel", 1, 1, 1, 1, 1, 1, 1, 1, { 0 }, .bias = false },
    { "1x1 picture, 3x3 kernel", 1, 1, 1, 5, 7, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true },
    { "3 channels in, odd sizes", 1, 17, 13, 3, 16, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true },
    { "channels not multiples of 16", 2, 9, 11, 19, 37, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .activation = HF_ACT_SILU }, .bias = true, .residual = true },
    { "stride 2, VAE padding: right and bottom only", 1, 16, 18, 32, 32, 3, 3, 1, { .stride = 2, .pad_bottom = 1, .pad_right = 1 }, .bias = true },
    { "stride 2, rows left over", 1, 16, 15, 8, 24, 3, 3, 1, { .stride = 2, .activation = HF_ACT_RELU }, .bias = false },
    { "stride 3, kernel 5x1", 1, 14, 9, 6, 10, 5, 1, 1, { .stride = 3, .pad_top = 2, .pad_bottom = 1 }, .bias = false },
    { "dilation 3", 1, 15, 15, 16, 16, 3, 3, 1, { .dilation = 3, .pad_top = 3, .pad_left = 3, .pad_bottom = 3, .pad_right = 3 }, .residual = true },
    { "depthwise", 1, 13, 14, 32, 32, 3, 3, 32, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .activation = HF_ACT_RELU }, .bias = true },
    { "depthwise, 7 channels", 1, 13, 14, 7, 7, 5, 5, 7, { .stride = 2, .pad_top = 2, .pad_left = 2, .pad_bottom = 2, .pad_right = 2 }, .bias = false },
    { "4 groups of odd width", 1, 8, 8, 12, 20, 3, 3, 4, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true },
    { "ViT patches 14x14", 1, 28, 42, 3, 48, 14, 14, 1, { .stride = 14 }, .bias = true },
    { "1x1, gelu, residual", 1, 8, 8, 64, 48, 1, 1, 1, { .activation = HF_ACT_GELU_ERF }, .bias = true, .residual = true },
    { "zero picture", 1, 6, 6, 16, 16, 3, 3, 1, { .pad_top = 1, .pad_left = 1 }, .bias = true, .fill = CHECK_ZERO },
    { "large values", 1, 6, 6, 16, 16, 3, 3, 1, { .activation = HF_ACT_SILU }, .bias = true, .fill = CHECK_LARGE },
    { "bf16 weights", 1, 10, 11, 20, 33, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .activation = HF_ACT_SILU }, .bias = true, .residual = true, .weights = HF_BF16 },
    { "bf16 weights, stride 2, 1x1", 1, 10, 11, 32, 32, 1, 1, 1, { .stride = 2 }, .weights = HF_BF16 },
    { "bf16 everywhere", 1, 8, 8, 32, 16, 3, 3, 1, { .pad_top = 1, .pad_left = 1 }, .bias = true, .residual = true, .weights = HF_BF16, .activations = HF_BF16, .limit = BF16_OUT },
    { "f16 activations, f32 weights", 1, 8, 8, 16, 16, 3, 3, 1, { 0 }, .activations = HF_F16, .limit = 1e-6 /* f16 out rounds at 2^-11 */ },
    { "f16 weights", 1, 4, 4, 8, 8, 3, 3, 1, { 0 }, .weights = HF_F16 },
    { "f16, everything fused", 1, 12, 11, 24, 32, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .residual = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 relu", 2, 9, 8, 16, 16, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .activation = HF_ACT_RELU }, .bias = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 silu, residual, stride 2", 1, 13, 12, 16, 24, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .stride = 2, .activation = HF_ACT_SILU }, .bias = true, .residual = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16, VAE padding", 1, 16, 18, 32, 32, 3, 3, 1, { .stride = 2, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16, 3 channels in", 1, 17, 13, 3, 16, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16, 4 channels in, f32 picture", 1, 9, 13, 4, 16, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .weights = HF_F16 },
    { "f16, 4 channels out", 1, 9, 9, 40, 4, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16, odd channels in and out", 1, 15, 14, 19, 37, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .activation = HF_ACT_GELU_ERF }, .bias = true, .residual = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 weights, f32 activations, fused", 1, 12, 11, 24, 32, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .residual = true, .weights = HF_F16 },
    { "f16 weights, f32 activations, odd", 2, 12, 11, 13, 21, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .activation = HF_ACT_SILU }, .bias = true, .residual = true, .weights = HF_F16 },
    { "bf16 weights, f16 activations", 1, 8, 9, 16, 16, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .residual = true, .weights = HF_BF16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 patches 14x14", 2, 28, 42, 3, 48, 14, 14, 1, { .stride = 14 }, .bias = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 1x1, residual", 2, 7, 9, 24, 16, 1, 1, 1, { 0 }, .bias = true, .residual = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 1x1, odd, padded", 1, 7, 9, 13, 11, 1, 1, 1, { .pad_top = 1, .pad_right = 2 }, .bias = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 depthwise", 1, 13, 14, 32, 32, 3, 3, 32, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .activation = HF_ACT_SILU }, .bias = true, .residual = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "more padding above than below", 1, 9, 8, 10, 16, 5, 3, 1, { .pad_top = 3, .pad_bottom = 1, .pad_left = 1 }, .bias = true, .residual = true },
    { "SD 64x64 320 3x3, scaled down", 1, 16, 16, 40, 40, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .residual = true },
    { "Winograd, whole tiles", 1, 32, 32, 32, 32, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true },
    { "Winograd, cut tiles, odd channels, two pictures", 2, 33, 31, 37, 45, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .activation = HF_ACT_SILU }, .bias = true, .residual = true },
    { "Winograd, padding on two sides only", 1, 30, 63, 48, 70, 3, 3, 1, { .pad_bottom = 1, .pad_right = 2, .activation = HF_ACT_RELU }, .bias = false },
    { "Winograd, no padding", 1, 41, 44, 40, 33, 3, 3, 1, { 0 }, .residual = true },
    { "Winograd, more padding above than on the left", 1, 30, 41, 40, 33, 3, 3, 1, { .pad_top = 2, .pad_bottom = 1, .pad_right = 1 }, .bias = true },
    { "Winograd, large values", 1, 32, 32, 32, 32, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .fill = CHECK_LARGE },
    { "Winograd, a mean of 1000", 1, 32, 32, 64, 32, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .fill = CHECK_OFFSET },
    { "Winograd, bf16 weights", 1, 29, 32, 40, 49, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .residual = true, .weights = HF_BF16 },
    { "SD unet 64x64 320->320 3x3", 1, 64, 64, 320, 320, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .residual = true, .bench_only = true },
    { "SD unet 64x64 320->320 3x3, bf16", 1, 64, 64, 320, 320, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .residual = true, .bench_only = true, .weights = HF_BF16 },
    { "SD unet 16x16 1280->1280 3x3", 1, 16, 16, 1280, 1280, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .bench_only = true },
    { "SD vae 256x256 128->128 3x3", 1, 256, 256, 128, 128, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .bench_only = true },
    { "SD vae 128x128 512->512 3x3", 1, 128, 128, 512, 512, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .bench_only = true },
    { "SD unet 32x32 640->640 3x3", 1, 32, 32, 640, 640, 3, 3, 1, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .bench_only = true },
    { "480p 3->32 3x3 stride 2", 1, 480, 856, 3, 32, 3, 3, 1, { .stride = 2, .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .activation = HF_ACT_RELU }, .bias = true, .bench_only = true },
    { "240p depthwise 64 3x3", 1, 240, 428, 64, 64, 3, 3, 64, { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 }, .bias = true, .bench_only = true },
};

static void run_conv_row(check_state *state, const conv_row *r)
{
    const hf_conv2d_params *p = &r->params;
    int64_t Ho = hf_conv2d_out_size(r->H, r->kh, p->stride, p->dilation, p->pad_top, p->pad_bottom);
    int64_t Wo = hf_conv2d_out_size(r->W, r->kw, p->stride, p->dilation, p->pad_left, p->pad_right);
    check_case c = {
        .op = "conv2d", .label = r->label, .call = call_conv2d, .params = p, .limit = r->limit,
        .bench_only = r->bench_only,
        .arrays = { CHECK_ARRAY(r->activations, CHECK_NORMAL, r->n, Ho, Wo, r->n_out),
                    CHECK_ARRAY(r->activations, r->fill, r->n, r->H, r->W, r->C) },
        .weight = CHECK_F32(CHECK_NORMAL, r->n_out, r->C / r->groups, r->kh, r->kw),
        .pack = { .dtype = r->weights, .n_groups = r->groups },
        .flops = r->bench_only ? 2.0 * (double)(r->n * Ho * Wo * r->n_out) *
                                 (double)(r->kh * r->kw * r->C / r->groups) : 0,
    };
    if (r->bias)
        c.arrays[2] = (check_array)CHECK_F32(CHECK_NORMAL, r->n_out);
    if (r->residual)
        c.arrays[3] = c.arrays[0];
    check_run(state, &c);
    if (r->residual && !r->bench_only) {
        char label[160];
        snprintf(label, sizeof(label), "%s, residual in place", r->label);
        c.in_place = 3;
        c.label = label;
        check_run(state, &c);
    }
}

/* Shapes that nobody thought of. */
static void run_drawn_conv(check_state *state, int number)
{
    char label[160];
    int64_t groups = check_draw(state, 0, 3) ? 1 : check_draw(state, 2, 5);
    conv_row r = {
        .label = label, .n = check_draw(state, 1, 2), .kh = check_draw(state, 1, 5),
        .kw = check_draw(state, 1, 5), .groups = groups, .C = groups * check_draw(state, 1, 40),
        .n_out = groups * check_draw(state, 1, 40), .H = check_draw(state, 9, 20),
        .W = check_draw(state, 9, 20), .bias = check_draw(state, 0, 1),
        .residual = check_draw(state, 0, 1), .weights = check_draw(state, 0, 2) ? HF_F32 : HF_BF16,
    };
    r.params = (hf_conv2d_params){
        .stride = (int)check_draw(state, 1, 3), .dilation = (int)check_draw(state, 1, 2),
        .pad_top = (int)check_draw(state, 0, r.kh - 1), .pad_left = (int)check_draw(state, 0, r.kw - 1),
        .pad_bottom = (int)check_draw(state, 0, r.kh - 1), .pad_right = (int)check_draw(state, 0, r.kw - 1),
        .activation = (hf_activation)check_draw(state, HF_ACT_NONE, HF_ACT_QUICK_GELU),
    };
    snprintf(label, sizeof(label), "drawn %d: %dx%dx%dx%d to %d, kernel %dx%d, %d groups, stride %d, "
             "dilation %d, pads %d %d %d %d", number, (int)r.n, (int)r.H, (int)r.W, (int)r.C,
             (int)r.n_out, (int)r.kh, (int)r.kw, (int)groups, r.params.stride, r.params.dilation,
             r.params.pad_top, r.params.pad_left, r.params.pad_bottom, r.params.pad_right);
    run_conv_row(state, &r);
}

void check_conv2d(check_state *state)
{
    for (size_t i = 0; i < sizeof(conv_rows) / sizeof(conv_rows[0]); i++)
        run_conv_row(state, &conv_rows[i]);
    for (int i = 0; i < 60; i++)
        run_drawn_conv(state, i);
}

typedef struct pool_row {
    const char    *label;
    int64_t        n, H, W, C;
    hf_pool_params params;
    check_fill     fill;
} pool_row;

static const pool_row pool_rows[] = {
    { "max 1x1", 1, 1, 1, 1, { HF_POOL_MAX, 1, 1, 1, 0, 0, 0, 0 }, CHECK_NORMAL },
    { "max 3x3 stride 2, padded", 2, 7, 9, 5, { HF_POOL_MAX, 3, 3, 2, 1, 1, 1, 1 }, CHECK_NORMAL },
    { "max of ties", 1, 5, 5, 17, { HF_POOL_MAX, 2, 2, 2, 0, 0, 0, 0 }, CHECK_SAME },
    { "max of large values, asymmetric", 1, 6, 5, 3, { HF_POOL_MAX, 2, 3, 1, 0, 1, 1, 2 }, CHECK_LARGE },
    { "mean 3x3, own cells", 1, 7, 6, 19, { HF_POOL_MEAN, 3, 3, 1, 1, 1, 1, 1 }, CHECK_NORMAL },
    { "mean 3x3, padding counts", 1, 7, 6, 19, { HF_POOL_MEAN_PADDED, 3, 3, 2, 1, 1, 1, 1 }, CHECK_NORMAL },
    { "max of whole vectors", 2, 7, 9, 24, { HF_POOL_MAX, 3, 3, 2, 1, 1, 1, 1 }, CHECK_NORMAL },
    { "mean of whole vectors", 2, 7, 9, 24, { HF_POOL_MEAN, 2, 3, 1, 1, 0, 1, 2 }, CHECK_NORMAL },
    { "mean of all", 2, 6, 7, 33, { HF_POOL_MEAN, 6, 7, 1, 0, 0, 0, 0 }, CHECK_OFFSET },
};

void check_pool(check_state *state)
{
    for (size_t i = 0; i < sizeof(pool_rows) / sizeof(pool_rows[0]); i++) {
        const pool_row *r = &pool_rows[i];
        const hf_pool_params *p = &r->params;
        int64_t Ho = hf_conv2d_out_size(r->H, p->kernel_h, p->stride, 1, p->pad_top, p->pad_bottom);
        int64_t Wo = hf_conv2d_out_size(r->W, p->kernel_w, p->stride, 1, p->pad_left, p->pad_right);
        check_case c = {
            .op = "pool", .label = r->label, .call = call_pool, .params = p,
            .arrays = { CHECK_F32(CHECK_ZERO, r->n, Ho, Wo, r->C),
                        CHECK_F32(r->fill, r->n, r->H, r->W, r->C) },
        };
        check_run(state, &c);
    }
}
