/* check_ops_pointwise.c - cases of activate, add, mul, copy_channels, permute, cast and
 * gather_rows. */
#include <stdio.h>

#include "tests/check_ops.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static int call_activate(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.activate(be, a->t[0], a->t[1], a->params, err);
}

static int call_add(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.add(be, a->t[0], a->t[1], a->t[2], a->params, err);
}

static int call_mul(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.mul(be, a->t[0], a->t[1], a->t[2], err);
}

static int call_copy_channels(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.copy_channels(be, a->t[0], a->t[1], a->params, err);
}

static int call_permute(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.permute(be, a->t[0], a->t[1], a->params, err);
}

static int call_cast(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.cast(be, a->t[0], a->t[1], err);
}

static int call_gather_rows(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.gather_rows(be, a->t[0], a->t[1], a->t[2], err);
}

static void check_activate(check_state *state)
{
    static const char *const names[] = { "none", "relu", "silu", "gelu erf", "gelu tanh",
                                         "quick gelu" };
    static const check_fill fills[] = { CHECK_NORMAL, CHECK_ZERO, CHECK_LARGE, CHECK_TINY };
    for (size_t kind = 0; kind < COUNT(names); kind++) {
        hf_activate_params params = { (hf_activation)kind };
        for (size_t f = 0; f < COUNT(fills); f++)
            for (int in_place = 0; in_place < 2; in_place++) {
                check_case c = {
                    .op = "activate", .label = names[kind], .call = call_activate,
                    .params = &params, .in_place = in_place,
                    .arrays = { CHECK_F32(CHECK_ZERO, 37, 13), CHECK_F32(fills[f], 37, 13) },
                };
                check_run(state, &c);
            }
        check_case f16 = {
            .op = "activate", .label = "f16 to bf16", .call = call_activate, .params = &params,
            .arrays = { CHECK_ARRAY(HF_BF16, CHECK_ZERO, 5, 7),
                        CHECK_ARRAY(HF_F16, CHECK_NORMAL, 5, 7) },
            .limit = 2e-5, /* near-ties of rounding */
        };
        check_run(state, &f16);
        check_case unaligned = {
            .op = "activate", .label = "unaligned", .call = call_activate, .params = &params,
            .arrays = { CHECK_F32(CHECK_ZERO, 5, 16), CHECK_F32(CHECK_NORMAL, 5, 16) },
        };
        unaligned.arrays[kind % 2].skip = 1;
        check_run(state, &unaligned);
        check_case big = {
            .op = "activate", .label = names[kind], .call = call_activate, .params = &params,
            .arrays = { CHECK_F32(CHECK_ZERO, 4096, 1280), CHECK_F32(CHECK_NORMAL, 4096, 1280) },
            .flops = 4096.0 * 1280, .bench_only = true,
        };
        check_run(state, &big);
    }
}

static void check_add_mul(check_state *state)
{
    static const struct {
        const char *label;
        check_array a, b;
    } rows[] = {
        { "one number", CHECK_F32(CHECK_NORMAL, 1, 1), CHECK_F32(CHECK_NORMAL, 1) },
        { "same shape", CHECK_F32(CHECK_NORMAL, 3, 5, 7), CHECK_F32(CHECK_NORMAL, 3, 5, 7) },
        { "vector for all rows", CHECK_F32(CHECK_NORMAL, 3, 5, 19), CHECK_F32(CHECK_NORMAL, 19) },
        { "vector for each picture", CHECK_F32(CHECK_NORMAL, 3, 4, 5, 33), CHECK_F32(CHECK_NORMAL, 3, 33) },
        { "large and small", CHECK_F32(CHECK_LARGE, 6, 40), CHECK_F32(CHECK_TINY, 6, 40) },
        { "f32 and f16", CHECK_F32(CHECK_NORMAL, 2, 3, 8), CHECK_ARRAY(HF_F16, CHECK_NORMAL, 8) },
        { "vector of 16 for each picture, bf16", CHECK_F32(CHECK_NORMAL, 3, 5, 7, 16), CHECK_ARRAY(HF_BF16, CHECK_NORMAL, 3, 16) },
        { "same shape, f32 and f16, a tail", CHECK_F32(CHECK_NORMAL, 3, 7, 5), CHECK_ARRAY(HF_F16, CHECK_NORMAL, 3, 7, 5) },
    };
    hf_add_params defaults = HF_ADD_DEFAULTS, step = { 0.75f, -1.5f };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int in_place = 0; in_place < 2; in_place++) {
            check_case c = {
                .op = "add", .label = rows[i].label, .call = call_add, .params = &defaults,
                .arrays = { rows[i].a, rows[i].a, rows[i].b }, .in_place = in_place,
            };
            check_run(state, &c);
            c.params = &step;
            check_run(state, &c);
            c.op = "mul";
            c.call = call_mul;
            check_run(state, &c);
        }
    for (int unaligned = 0; unaligned < 4; unaligned++) {
        check_case c = {
            .op = "add", .label = unaligned ? "f16, one of three unaligned" : "f16", .call = call_add,
            .params = &step, .limit = 1e-6, /* f16 out rounds at 2^-11 */
            .arrays = { CHECK_ARRAY(HF_F16, CHECK_ZERO, 2, 5, 24), CHECK_ARRAY(HF_F16, CHECK_NORMAL, 2, 5, 24),
                        CHECK_F32(CHECK_NORMAL, 2, 24) },
        };
        if (unaligned)
            c.arrays[unaligned - 1].skip = 3;
        check_run(state, &c);
    }
}

static void check_copy_channels(check_state *state)
{
    static const struct {
        const char             *label;
        check_array             out, x;
        hf_copy_channels_params params;
    } rows[] = {
        { "all", CHECK_F32(CHECK_NORMAL, 5, 7), CHECK_F32(CHECK_NORMAL, 5, 7), { 0, 0, 7 } },
        { "none", CHECK_F32(CHECK_NORMAL, 5, 7), CHECK_F32(CHECK_NORMAL, 5, 7), { 7, 0, 0 } },
        { "into the middle", CHECK_F32(CHECK_NORMAL, 2, 3, 4, 40), CHECK_F32(CHECK_NORMAL, 2, 3, 4, 9), { 13, 0, 9 } },
        { "one channel out", CHECK_F32(CHECK_NORMAL, 6, 1), CHECK_F32(CHECK_NORMAL, 2, 3, 9), { 0, 8, 1 } },
        { "bf16", CHECK_ARRAY(HF_BF16, CHECK_NORMAL, 6, 11), CHECK_ARRAY(HF_BF16, CHECK_NORMAL, 6, 9), { 4, 2, 7 } },
        { "f16 in runs of 16 bytes", CHECK_ARRAY(HF_F16, CHECK_NORMAL, 7, 48), CHECK_ARRAY(HF_F16, CHECK_NORMAL, 7, 40), { 16, 8, 32 } },
        { "f16 in runs of 8 bytes", CHECK_ARRAY(HF_F16, CHECK_NORMAL, 7, 48), CHECK_ARRAY(HF_F16, CHECK_NORMAL, 7, 40), { 16, 4, 32 } },
        { "u8", CHECK_ARRAY(HF_U8, CHECK_INDEX, 3, 5, 4), CHECK_ARRAY(HF_U8, CHECK_INDEX, 3, 5, 3), { 1, 0, 3 } },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_case c = {
            .op = "copy_channels", .label = rows[i].label, .call = call_copy_channels,
            .params = &rows[i].params, .arrays = { rows[i].out, rows[i].x }, .limit = 1e-30,
        };
        check_run(state, &c);
    }
}

static void check_permute(check_state *state)
{
    static const struct {
        const char       *label;
        check_array       out, x;
        hf_permute_params params;
    } rows[] = {
        { "identity", CHECK_F32(CHECK_ZERO, 5, 7), CHECK_F32(CHECK_NORMAL, 5, 7), { { 0, 1 } } },
        { "transpose", CHECK_F32(CHECK_ZERO, 7, 5), CHECK_F32(CHECK_NORMAL, 5, 7), { { 1, 0 } } },
        { "transpose, larger", CHECK_F32(CHECK_ZERO, 133, 65), CHECK_F32(CHECK_NORMAL, 65, 133), { { 1, 0 } } },
        { "NCHW to NHWC", CHECK_F32(CHECK_ZERO, 2, 4, 5, 3), CHECK_F32(CHECK_NORMAL, 2, 3, 4, 5), { { 0, 2, 3, 1 } } },
        { "heads first", CHECK_F32(CHECK_ZERO, 2, 3, 9, 8), CHECK_F32(CHECK_NORMAL, 2, 9, 3, 8), { { 0, 2, 1, 3 } } },
        { "five dimensions, f16", CHECK_ARRAY(HF_F16, CHECK_ZERO, 6, 5, 4, 3, 2), CHECK_ARRAY(HF_F16, CHECK_NORMAL, 2, 3, 4, 5, 6), { { 4, 3, 2, 1, 0 } } },
        { "u8", CHECK_ARRAY(HF_U8, CHECK_ZERO, 3, 4, 5), CHECK_ARRAY(HF_U8, CHECK_INDEX, 4, 5, 3), { { 2, 0, 1 } } },
        { "u8, squares", CHECK_ARRAY(HF_U8, CHECK_ZERO, 3, 70, 37), CHECK_ARRAY(HF_U8, CHECK_INDEX, 3, 37, 70), { { 0, 2, 1 } } },
        { "f16, squares of five dimensions", CHECK_ARRAY(HF_F16, CHECK_ZERO, 3, 35, 2, 3, 40), CHECK_ARRAY(HF_F16, CHECK_NORMAL, 2, 3, 40, 3, 35), { { 3, 4, 0, 1, 2 } } },
        { "squares, x's last dimension in the middle", CHECK_F32(CHECK_ZERO, 2, 33, 3, 40), CHECK_F32(CHECK_NORMAL, 40, 3, 2, 33), { { 2, 3, 1, 0 } } },
        { "f16, an odd last dimension that stays", CHECK_ARRAY(HF_F16, CHECK_ZERO, 3, 2, 7), CHECK_ARRAY(HF_F16, CHECK_NORMAL, 2, 3, 7), { { 1, 0, 2 } } },
        { "sizes of one", CHECK_F32(CHECK_ZERO, 1, 9, 1, 4), CHECK_F32(CHECK_NORMAL, 9, 1, 4, 1), { { 3, 0, 1, 2 } } },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_case c = {
            .op = "permute", .label = rows[i].label, .call = call_permute,
            .params = &rows[i].params, .arrays = { rows[i].out, rows[i].x }, .limit = 1e-30,
        };
        check_run(state, &c);
    }
}

static void check_cast(check_state *state)
{
    static const hf_dtype types[] = { HF_F32, HF_F16, HF_BF16, HF_U8 };
    static const char *const names[] = { "f32", "f16", "bf16", "u8" };
    for (size_t from = 0; from < COUNT(types); from++)
        for (size_t to = 0; to < COUNT(types); to++)
            for (int large = 0; large < 2; large++) {
                char label[64];
                snprintf(label, sizeof(label), "%s to %s%s", names[from], names[to],
                         large ? ", large" : "");
                check_fill fill = types[from] == HF_U8 ? CHECK_INDEX
                                : large ? CHECK_LARGE : CHECK_NORMAL;
                check_case c = {
                    .op = "cast", .label = label, .call = call_cast, .limit = 1e-30,
                    .arrays = { CHECK_ARRAY(types[to], CHECK_ZERO, 11, 37),
                                CHECK_ARRAY(types[from], fill, 11, 37) },
                };
                check_run(state, &c);
            }
}

static void check_gather_rows(check_state *state)
{
    check_case c = {
        .op = "gather_rows", .label = "77 tokens", .call = call_gather_rows, .limit = 1e-30,
        .arrays = { CHECK_F32(CHECK_ZERO, 77, 19), CHECK_F32(CHECK_NORMAL, 50, 19),
                    { .dtype = HF_I32, .n_dims = 1, .shape = { 77 }, .fill = CHECK_INDEX,
                      .index_limit = 50 } },
    };
    check_run(state, &c);
    c.label = "f16 in runs of 16 bytes";
    c.arrays[0] = (check_array)CHECK_ARRAY(HF_F16, CHECK_ZERO, 77, 64);
    c.arrays[1] = (check_array)CHECK_ARRAY(HF_F16, CHECK_NORMAL, 50, 64);
    check_run(state, &c);
    c.label = "f16, unaligned";
    c.arrays[0].skip = 1;
    check_run(state, &c);
}

void check_pointwise(check_state *state)
{
    check_activate(state);
    check_add_mul(state);
    check_copy_channels(state);
    check_permute(state);
    check_cast(state);
    check_gather_rows(state);
}
