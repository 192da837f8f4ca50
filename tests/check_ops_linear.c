/* check_ops_linear.c - cases of linear and matmul. */
#include <stdio.h>

#include "tests/check_ops.h"

static int call_linear(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.linear(be, a->t[0], a->t[1], a->packed, a->t[2], a->t[3], a->params, err);
}

static int call_matmul(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.matmul(be, a->t[0], a->t[1], a->t[2], a->params, err);
}

typedef struct linear_row {
    const char   *label;
    int64_t       rows, n_in, n_out;
    hf_activation activation;
    bool          bias, residual, bench_only;
    hf_dtype      weights, activations;
    check_fill    fill;
    double        limit;
} linear_row;

/* f16 numbers have 11 bits: a result is wrong by 2^-13 in the mean, and twice that where a bias, or what an activation is
 * applied to, was rounded before. As a mean square: 1e-7 at most. */
#define F16_OUT 2e-7

static const linear_row linear_rows[] = {
    { "1 x 1 x 1", 1, 1, 1, HF_ACT_NONE, .bias = true },
    { "K = 1", 7, 1, 33, HF_ACT_NONE, .bias = true },
    { "one row", 1, 320, 130, HF_ACT_SILU, .bias = true },
    { "one column", 77, 130, 1, HF_ACT_NONE, .residual = true },
    { "odd sizes", 77, 67, 53, HF_ACT_NONE, .bias = true, .residual = true },
    { "relu", 5, 20, 30, HF_ACT_RELU, .bias = true },
    { "gelu erf", 33, 64, 48, HF_ACT_GELU_ERF, .bias = true },
    { "gelu tanh", 33, 64, 48, HF_ACT_GELU_TANH, .bias = true },
    { "quick gelu", 33, 64, 48, HF_ACT_QUICK_GELU, .bias = true },
    { "silu of large values", 9, 31, 48, HF_ACT_SILU, .bias = true, .fill = CHECK_LARGE },
    { "geglu", 37, 40, 160, HF_ACT_GEGLU, .bias = true },
    { "geglu, more rows than one block", 700, 24, 66, HF_ACT_GEGLU, .bias = false },
    { "zero rows", 12, 48, 48, HF_ACT_NONE, .bias = false, .fill = CHECK_ZERO_ROWS },
    { "bf16 weights", 65, 96, 80, HF_ACT_NONE, .bias = true, .residual = true, .weights = HF_BF16 },
    { "bf16 weights, odd sizes", 13, 77, 35, HF_ACT_GELU_ERF, .bias = true, .weights = HF_BF16 },
    { "bf16 geglu", 37, 40, 160, HF_ACT_GEGLU, .bias = true, .weights = HF_BF16 },
    { "bf16 everywhere", 65, 96, 80, HF_ACT_NONE, .bias = true, .residual = true, .weights = HF_BF16, .activations = HF_BF16, .limit = 2e-5 /* near-ties of rounding */ },
    { "f16 activations", 65, 96, 80, HF_ACT_NONE, .residual = true, .activations = HF_F16, .limit = 1e-6 /* near-ties of rounding */ },
    { "f16, everything fused", 65, 96, 80, HF_ACT_NONE, .bias = true, .residual = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 relu, residual", 33, 40, 24, HF_ACT_RELU, .bias = true, .residual = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 gelu tanh", 33, 64, 48, HF_ACT_GELU_TANH, .bias = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 gelu erf, residual", 33, 64, 48, HF_ACT_GELU_ERF, .bias = true, .residual = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 silu, no bias", 7, 24, 16, HF_ACT_SILU, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 geglu", 37, 40, 160, HF_ACT_GEGLU, .bias = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 geglu, odd sizes", 13, 39, 66, HF_ACT_GEGLU, .bias = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 geglu, several blocks", 300, 72, 400, HF_ACT_GEGLU, .bias = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 geglu, one short step", 129, 8, 16, HF_ACT_GEGLU, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 geglu, more rows than one group", 1100, 104, 144, HF_ACT_GEGLU, .bias = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "bf16 geglu, several blocks", 140, 328, 272, HF_ACT_GEGLU, .bias = true, .weights = HF_BF16, .activations = HF_BF16, .limit = 2e-5 /* near-ties of rounding */ },
    { "f16, odd sizes", 19, 33, 27, HF_ACT_NONE, .bias = true, .residual = true, .weights = HF_F16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 weights, f32 activations", 65, 96, 80, HF_ACT_NONE, .bias = true, .residual = true, .weights = HF_F16 },
    { "f16 geglu, f32 activations", 37, 40, 160, HF_ACT_GEGLU, .bias = true, .weights = HF_F16 },
    { "bf16 weights, f16 activations", 21, 48, 40, HF_ACT_SILU, .bias = true, .residual = true, .weights = HF_BF16, .activations = HF_F16, .limit = F16_OUT },
    { "f16 weights, bf16 activations", 21, 48, 40, HF_ACT_NONE, .bias = true, .residual = true, .weights = HF_F16, .activations = HF_BF16, .limit = 2e-5 /* near-ties of rounding */ },
    { "f32 weights, bf16 activations, geglu", 9, 20, 36, HF_ACT_GEGLU, .bias = true, .activations = HF_BF16, .limit = 2e-5 /* near-ties of rounding */ },
    { "SD 4096 x 320 x 320", 4096, 320, 320, HF_ACT_NONE, .bias = true, .residual = true, .bench_only = true },
    { "SD 4096 x 320 x 2560 geglu", 4096, 320, 2560, HF_ACT_GEGLU, .bias = true, .bench_only = true },
    { "SD 65536 x 320 x 2560 geglu, f16", 65536, 320, 2560, HF_ACT_GEGLU, .bias = true, .bench_only = true, .weights = HF_F16, .activations = HF_F16 },
    { "SD 16384 x 640 x 5120 geglu, f16", 16384, 640, 5120, HF_ACT_GEGLU, .bias = true, .bench_only = true, .weights = HF_F16, .activations = HF_F16 },
    { "SD 4096 x 1280 x 10240 geglu, f16", 4096, 1280, 10240, HF_ACT_GEGLU, .bias = true, .bench_only = true, .weights = HF_F16, .activations = HF_F16 },
    { "SD 1024 x 1280 x 10240 geglu, f16", 1024, 1280, 10240, HF_ACT_GEGLU, .bias = true, .bench_only = true, .weights = HF_F16, .activations = HF_F16 },
    { "SD 4096 x 1280 x 320", 4096, 1280, 320, HF_ACT_NONE, .bias = true, .residual = true, .bench_only = true },
    { "SD 256 x 1280 x 1280", 256, 1280, 1280, HF_ACT_NONE, .bias = true, .bench_only = true },
    { "SD 256 x 1280 x 1280, bf16", 256, 1280, 1280, HF_ACT_NONE, .bias = true, .bench_only = true, .weights = HF_BF16 },
    { "ViT-S 1370 x 384 x 1536 gelu", 1370, 384, 1536, HF_ACT_GELU_ERF, .bias = true, .bench_only = true },
    { "480p cells 6420 x 256 x 128", 6420, 256, 128, HF_ACT_NONE, .bench_only = true },
};

static void run_linear_row(check_state *state, const linear_row *r)
{
    hf_linear_params params = { r->activation };
    int64_t n_y = r->activation == HF_ACT_GEGLU ? r->n_out / 2 : r->n_out;
    check_case c = {
        .op = "linear", .label = r->label, .call = call_linear, .params = &params,
        .arrays = { CHECK_ARRAY(r->activations, CHECK_NORMAL, r->rows, n_y),
                    CHECK_ARRAY(r->activations, r->fill, r->rows, r->n_in) },
        .weight = CHECK_F32(CHECK_NORMAL, r->n_out, r->n_in), .pack = { .dtype = r->weights },
        .limit = r->limit, .bench_only = r->bench_only,
        .flops = r->bench_only ? 2.0 * (double)(r->rows * r->n_in * r->n_out) : 0,
    };
    if (r->bias)
        c.arrays[2] = (check_array)CHECK_F32(CHECK_NORMAL, r->n_out);
    if (r->residual)
        c.arrays[3] = c.arrays[0];
    check_run(state, &c);
    c.in_place = r->residual ? 3 : 0;
    if (c.in_place && !r->bench_only)
        check_run(state, &c);
}

void check_linear(check_state *state)
{
    for (size_t i = 0; i < sizeof(linear_rows) / sizeof(linear_rows[0]); i++)
        run_linear_row(state, &linear_rows[i]);
    for (int i = 0; i < 40; i++) {
        char label[96];
        linear_row r = {
            .label = label, .rows = check_draw(state, 1, 90), .n_in = check_draw(state, 1, 90),
            .n_out = 2 * check_draw(state, 1, 60), .bias = check_draw(state, 0, 1),
            .activation = (hf_activation)check_draw(state, HF_ACT_NONE, HF_ACT_GEGLU),
            .weights = check_draw(state, 0, 1) ? HF_F32 : HF_BF16,
        };
        r.residual = r.activation != HF_ACT_GEGLU && check_draw(state, 0, 1);
        snprintf(label, sizeof(label), "drawn %d: %d x %d x %d, activation %d, type %d", i,
                 (int)r.rows, (int)r.n_in, (int)r.n_out, (int)r.activation, (int)r.weights);
        run_linear_row(state, &r);
    }
}

typedef struct matmul_row {
    const char *label;
    int64_t     batch, m, n, k;
    bool        one_b, bench_only;
    float       alpha;
    hf_dtype    dtype, b_dtype, out_dtype;
    double      limit;
} matmul_row;

static const matmul_row matmul_rows[] = {
    { "1 x 1 x 1", 1, 1, 1, 1, .alpha = 0 },
    { "K = 1", 1, 5, 7, 1, .alpha = 0.125f },
    { "odd sizes", 1, 33, 17, 65, .alpha = -2 },
    { "batch of 6", 6, 9, 13, 21, .alpha = 0 },
    { "batch of 6, one b", 6, 9, 13, 21, .one_b = true },
    { "wide", 1, 3, 300, 40, .alpha = 1 },
    { "f16", 2, 9, 8, 7, .dtype = HF_F16, .b_dtype = HF_F16, .out_dtype = HF_F16, .limit = F16_OUT },
    { "f16 into f32", 2, 9, 8, 24, .dtype = HF_F16, .b_dtype = HF_F16 },
    { "bf16 into f32, one b", 3, 9, 8, 40, .one_b = true, .dtype = HF_BF16, .b_dtype = HF_BF16 },
    { "f16 by f32 into bf16", 2, 7, 10, 12, .dtype = HF_F16, .out_dtype = HF_BF16, .limit = 2e-5 /* near-ties of rounding */ },
    { "f16 by bf16 into f16", 3, 5, 6, 16, .one_b = true, .alpha = 0.5f, .dtype = HF_F16, .b_dtype = HF_BF16, .out_dtype = HF_F16, .limit = F16_OUT },
    { "gram 4096 x 4096 x 384", 1, 4096, 4096, 384, .bench_only = true },
    { "batch of 64, 128 x 128 x 64", 64, 128, 128, 64, .bench_only = true },
};

void check_matmul(check_state *state)
{
    for (size_t i = 0; i < sizeof(matmul_rows) / sizeof(matmul_rows[0]); i++)
        for (int transposed = 0; transposed < 4; transposed++) {
            const matmul_row *r = &matmul_rows[i];
            bool ta = transposed & 1, tb = transposed & 2;
            hf_matmul_params params = { r->alpha, ta, tb };
            char label[96];
            if (r->bench_only && transposed != 2)
                continue;
            snprintf(label, sizeof(label), "%s, transposed %d %d", r->label, ta, tb);
            check_case c = {
                .op = "matmul", .label = label, .call = call_matmul, .params = &params,
                .arrays = {
                    CHECK_ARRAY(r->out_dtype, CHECK_NORMAL, r->batch, r->m, r->n),
                    CHECK_ARRAY(r->dtype, CHECK_NORMAL, r->batch, ta ? r->k : r->m, ta ? r->m : r->k),
                    CHECK_ARRAY(r->b_dtype, CHECK_NORMAL, r->batch, tb ? r->n : r->k, tb ? r->k : r->n) },
                .limit = r->limit, .bench_only = r->bench_only,
                .flops = r->bench_only ? 2.0 * (double)(r->batch * r->m * r->n) * (double)r->k : 0,
            };
            if (r->one_b) {
                check_array b = CHECK_ARRAY(r->b_dtype, CHECK_NORMAL, tb ? r->n : r->k, tb ? r->k : r->n);
                c.arrays[2] = b;
            }
            check_run(state, &c);
        }
}
