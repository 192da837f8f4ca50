/* check_ops_norm.c - cases of group_norm, layer_norm, softmax and l2_normalize. */
#include <stdio.h>

#include "tests/check_ops.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static int call_group_norm(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.group_norm(be, a->t[0], a->t[1], a->t[2], a->t[3], a->params, err);
}

static int call_layer_norm(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.layer_norm(be, a->t[0], a->t[1], a->t[2], a->t[3], a->params, err);
}

static int call_softmax(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.softmax(be, a->t[0], a->t[1], a->params, err);
}

static int call_l2_normalize(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.l2_normalize(be, a->t[0], a->t[1], a->params, err);
}

/* Once into other memory, once in place. */
static void run_twice(check_state *state, check_case *c)
{
    check_run(state, c);
    c->in_place = 1;
    if (!c->bench_only && c->arrays[0].dtype == c->arrays[1].dtype)
        check_run(state, c);
}

typedef struct group_row {
    const char          *label;
    int64_t              n, H, W, C;
    hf_group_norm_params params;
    bool                 affine, bench_only;
    check_fill           fill;
    hf_dtype             dtype;
    double               limit;
    bool                 to_bf16; /* the output only */
} group_row;

static const group_row group_rows[] = {
    { "one number", 1, 1, 1, 1, { 1, 1e-5f, HF_ACT_NONE }, .affine = true },
    { "1x1 picture, 32 groups of 1", 1, 1, 1, 32, { 32, 1e-5f, HF_ACT_NONE }, .affine = false },
    { "32 groups of 3, silu", 2, 7, 5, 96, { 32, 1e-6f, HF_ACT_SILU }, .affine = true },
    { "5 groups of 7, relu", 1, 9, 11, 35, { 5, 1e-5f, HF_ACT_RELU }, .affine = true },
    { "one group", 2, 6, 6, 19, { 1, 1e-5f, HF_ACT_NONE }, .affine = true },
    { "one pixel a group, many rows", 1, 40, 41, 4, { 4, 1e-5f, HF_ACT_NONE }, .affine = false },
    { "zero", 1, 6, 6, 32, { 8, 1e-5f, HF_ACT_NONE }, .affine = true, .fill = CHECK_ZERO },
    { "all equal", 1, 6, 6, 32, { 8, 1e-5f, HF_ACT_SILU }, .affine = true, .fill = CHECK_SAME },
    { "mean 1000, deviation 1", 1, 33, 31, 32, { 8, 1e-5f, HF_ACT_NONE }, .affine = true, .fill = CHECK_OFFSET },
    { "large values", 1, 16, 16, 64, { 32, 1e-5f, HF_ACT_SILU }, .affine = true, .fill = CHECK_LARGE },
    { "tiny values", 1, 16, 16, 64, { 32, 1e-5f, HF_ACT_NONE }, .affine = false, .fill = CHECK_TINY },
    { "bf16", 1, 8, 8, 32, { 8, 1e-5f, HF_ACT_SILU }, .affine = true, .dtype = HF_BF16, .limit = 2e-5 /* near-ties of rounding */ },
    { "f32 to bf16, more channels than a part", 2, 5, 7, 1056, { 32, 1e-5f, HF_ACT_SILU }, .affine = true, .limit = 2e-5, .to_bf16 = true },
    /* More than a block of the cuda backend keeps in shared memory: */
    { "320 channels in groups of 10", 1, 40, 41, 320, { 32, 1e-5f, HF_ACT_SILU }, .affine = true },
    { "mean 1000, two pictures", 2, 41, 40, 64, { 4, 1e-5f, HF_ACT_NONE }, .affine = true, .fill = CHECK_OFFSET },
    { "a spike", 1, 60, 41, 40, { 4, 1e-5f, HF_ACT_NONE }, .affine = false, .fill = CHECK_SPIKE, .limit = 1e-10 /* one value is most of the variance */ },
    { "a spike, a small picture", 1, 6, 7, 40, { 4, 1e-5f, HF_ACT_NONE }, .affine = false, .fill = CHECK_SPIKE },
    { "zero, large", 1, 60, 41, 40, { 4, 1e-5f, HF_ACT_NONE }, .affine = true, .fill = CHECK_ZERO },
    { "35 channels in groups of 7", 2, 40, 41, 35, { 5, 1e-5f, HF_ACT_RELU }, .affine = true },
    { "f16, groups of 131, cut by slices of channels", 1, 8, 9, 1048, { 8, 1e-5f, HF_ACT_SILU }, .affine = true, .dtype = HF_F16, .limit = 1e-6 /* f16 out rounds at 2^-11 */ },
    { "f32 to bf16, large", 1, 40, 41, 64, { 8, 1e-5f, HF_ACT_SILU }, .affine = true, .limit = 2e-5, .to_bf16 = true },
    { "SD 64x64x320, silu", 1, 64, 64, 320, { 32, 1e-5f, HF_ACT_SILU }, .affine = true, .bench_only = true },
    { "VAE 256x256x128, silu", 1, 256, 256, 128, { 32, 1e-6f, HF_ACT_SILU }, .affine = true, .bench_only = true },
};

static void check_group_norm(check_state *state)
{
    for (size_t i = 0; i < COUNT(group_rows); i++) {
        const group_row *r = &group_rows[i];
        check_case c = {
            .op = "group_norm", .label = r->label, .call = call_group_norm, .params = &r->params,
            .arrays = { CHECK_ARRAY(r->to_bf16 ? HF_BF16 : r->dtype, CHECK_ZERO, r->n, r->H, r->W, r->C),
                        CHECK_ARRAY(r->dtype, r->fill, r->n, r->H, r->W, r->C) },
            .limit = r->limit, .bench_only = r->bench_only,
            .flops = r->bench_only ? 8.0 * (double)(r->n * r->H * r->W * r->C) : 0,
        };
        if (r->affine)
            c.arrays[2] = c.arrays[3] = (check_array)CHECK_F32(CHECK_NORMAL, r->C);
        run_twice(state, &c);
    }
}

typedef struct row_row {
    const char *label;
    int64_t     rows, C;
    check_fill  fill;
    bool        bench_only;
    float       number; /* epsilon or scale */
    hf_dtype    dtype;
    double      limit;
    bool        to_bf16; /* the output only */
} row_row;

static const row_row layer_rows[] = {
    { "one number", 1, 1, .number = 1e-5f },
    { "odd width", 7, 77, .number = 1e-5f },
    { "width 768", 5, 768, .number = 1e-6f },
    { "zero rows", 9, 33, .fill = CHECK_ZERO_ROWS, .number = 1e-5f },
    { "all equal", 3, 40, .fill = CHECK_SAME, .number = 1e-5f },
    { "mean 1000, deviation 1", 9, 320, .fill = CHECK_OFFSET, .number = 1e-5f },
    { "large values", 9, 320, .fill = CHECK_LARGE, .number = 1e-5f },
    { "f16", 9, 32, .number = 1e-5f, .dtype = HF_F16, .limit = 1e-6 /* f16 out rounds at 2^-11 */ },
    { "f32 to bf16", 9, 320, .number = 1e-5f, .limit = 2e-5, .to_bf16 = true },
    { "f16, width 1280", 3, 1280, .number = 1e-5f, .dtype = HF_F16, .limit = 1e-6 },
    { "mean 1000, deviation 1, width 1536", 9, 1536, .fill = CHECK_OFFSET, .number = 1e-5f },
    { "mean 1000, deviation 1, odd width", 9, 333, .fill = CHECK_OFFSET, .number = 1e-5f },
    { "a spike", 2, 1024, .fill = CHECK_SPIKE, .number = 1e-5f },
    { "f32 to bf16, a very long row", 2, 5000, .number = 1e-5f, .limit = 2e-5, .to_bf16 = true },
    { "SD 4096 x 320", 4096, 320, .number = 1e-5f, .bench_only = true },
};

static void check_layer_norm(check_state *state)
{
    for (size_t i = 0; i < COUNT(layer_rows); i++) {
        const row_row *r = &layer_rows[i];
        hf_layer_norm_params params = { r->number };
        for (int affine = r->bench_only; affine < 2; affine++) {
            check_case c = {
                .op = "layer_norm", .label = r->label, .call = call_layer_norm, .params = &params,
                .arrays = { CHECK_ARRAY(r->to_bf16 ? HF_BF16 : r->dtype, CHECK_ZERO, r->rows, r->C),
                            CHECK_ARRAY(r->dtype, r->fill, r->rows, r->C) },
                .limit = r->limit, .bench_only = r->bench_only,
                .flops = r->bench_only ? 8.0 * (double)(r->rows * r->C) : 0,
            };
            if (affine)
                c.arrays[2] = c.arrays[3] = (check_array)CHECK_F32(CHECK_NORMAL, r->C);
            run_twice(state, &c);
        }
    }
}

static const row_row softmax_rows[] = {
    { "one number", 3, 1, .number = 0 },
    { "odd width", 7, 77, .number = 0.125f },
    { "all equal", 3, 40, .fill = CHECK_SAME },
    { "large values", 9, 320, .fill = CHECK_LARGE, .number = 1 },
    { "large values, negative scale", 9, 33, .fill = CHECK_LARGE, .number = -0.01f, .limit = 1e-9 /* exponents of 100 carry 1e-5 */ },
    { "wide", 2, 5000, .number = 3 },
    { "rows of -infinity", 7, 40, .fill = CHECK_MINUS_INFINITY_ROWS },
    { "rows of -infinity, odd width", 7, 41, .fill = CHECK_MINUS_INFINITY_ROWS },
    { "f16, width 1024", 3, 1024, .number = 2, .dtype = HF_F16, .limit = 1e-6 /* f16 out rounds at 2^-11 */ },
    { "1000 x 1000", 1000, 1000, .number = 1, .bench_only = true },
};

static const row_row l2_rows[] = {
    { "one number", 3, 1, .number = 0 },
    { "odd width", 7, 77, .number = 0 },
    { "zero rows", 9, 33, .fill = CHECK_ZERO_ROWS },
    { "tiny values under epsilon", 9, 33, .fill = CHECK_TINY, .number = 1e-6f },
    /* Squares of 1e-25 are nothing in f32. */
    { "tiny values over epsilon", 9, 33, .fill = CHECK_TINY, .number = 1e-30f },
    { "large values", 9, 320, .fill = CHECK_LARGE },
    { "tiny values over epsilon, whole vectors", 9, 384, .fill = CHECK_TINY, .number = 1e-30f },
    { "zero rows of 768", 9, 768, .fill = CHECK_ZERO_ROWS },
    { "bf16", 9, 384, .dtype = HF_BF16, .limit = 2e-5 /* near-ties of rounding */ },
    { "4096 x 384", 4096, 384, .bench_only = true },
};

static void run_rows(check_state *state, const char *op, check_call call, const row_row *rows,
                     size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const row_row *r = &rows[i];
        /* Both parameter structs are one float. */
        hf_softmax_params params = { r->number };
        _Static_assert(sizeof(hf_softmax_params) == sizeof(hf_l2_normalize_params), "one float");
        check_case c = {
            .op = op, .label = r->label, .call = call, .params = &params,
            .arrays = { CHECK_ARRAY(r->dtype, CHECK_ZERO, r->rows, r->C),
                        CHECK_ARRAY(r->dtype, r->fill, r->rows, r->C) },
            .limit = r->limit, .bench_only = r->bench_only,
            .flops = r->bench_only ? 4.0 * (double)(r->rows * r->C) : 0,
        };
        run_twice(state, &c);
    }
}

void check_norm(check_state *state)
{
    check_group_norm(state);
    check_layer_norm(state);
    run_rows(state, "softmax", call_softmax, softmax_rows, COUNT(softmax_rows));
    run_rows(state, "l2_normalize", call_l2_normalize, l2_rows, COUNT(l2_rows));
}
