/* check_ops_resize.c - cases of resize and rgb_to_image. */
#include <stdio.h>

#include "tests/check_ops.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static int call_resize(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.resize(be, a->t[0], a->t[1], a->params, err);
}

static int call_rgb_to_image(hf_backend *be, const check_args *a, hf_error *err)
{
    return be->ops.rgb_to_image(be, a->t[0], a->t[1], a->params, err);
}

typedef struct size_row {
    const char *label;
    int64_t     n, H, W, C, Ho, Wo;
} size_row;

static const size_row size_rows[] = {
    { "1x1 to 1x1", 1, 1, 1, 1, 1, 1 },
    { "1x1 to 5x7", 1, 1, 1, 3, 5, 7 },
    { "7x5 to 1x1", 2, 7, 5, 3, 1, 1 },
    { "same size", 1, 6, 5, 17, 6, 5 },
    { "twice", 2, 6, 5, 17, 12, 10 },
    { "half", 1, 12, 10, 16, 6, 5 },
    { "up by odd factors", 1, 5, 7, 33, 13, 16 },
    { "down by odd factors", 1, 31, 29, 3, 9, 4 },
    { "up one way, down the other", 1, 9, 20, 2, 25, 6 },
};

static void check_resize_floats(check_state *state)
{
    static const char *const kinds[] = { "nearest", "bilinear", "bicubic", "area" };
    for (size_t kind = 0; kind < COUNT(kinds); kind++)
        for (int antialias = 0; antialias < 2; antialias++)
            for (size_t i = 0; i < COUNT(size_rows); i++) {
                const size_row *r = &size_rows[i];
                hf_resize_params params = { .kind = (hf_resize_kind)kind, .antialias = antialias };
                char label[96];
                snprintf(label, sizeof(label), "%s%s, %s", kinds[kind],
                         antialias ? ", antialiased" : "", r->label);
                check_case c = {
                    .op = "resize", .label = label, .call = call_resize, .params = &params,
                    .arrays = { CHECK_F32(CHECK_ZERO, r->n, r->Ho, r->Wo, r->C),
                                CHECK_F32(CHECK_NORMAL, r->n, r->H, r->W, r->C) },
                };
                check_run(state, &c);
            }
}

static void check_resize_more(check_state *state)
{
    /* DINO's grid: 14x14 to 60x107 by a factor with 0.1 added. */
    hf_resize_params dino = { .kind = HF_RESIZE_BICUBIC, .scale_y = 14 / 60.1,
                              .scale_x = 14 / 107.1 };
    check_case scaled = {
        .op = "resize", .label = "bicubic with a scale of its own", .call = call_resize,
        .params = &dino, .arrays = { CHECK_F32(CHECK_ZERO, 1, 60, 107, 8),
                                     CHECK_F32(CHECK_NORMAL, 1, 14, 14, 8) },
    };
    hf_resize_params bilinear = { .kind = HF_RESIZE_BILINEAR };
    check_case f16 = {
        .op = "resize", .label = "bf16 to f16", .call = call_resize, .params = &bilinear,
        .arrays = { CHECK_ARRAY(HF_F16, CHECK_ZERO, 1, 9, 8, 5),
                    CHECK_ARRAY(HF_BF16, CHECK_NORMAL, 1, 4, 5, 5) },
        .limit = 1e-6, /* f16 out rounds at 2^-11 */
    };
    check_case big = {
        .op = "resize", .label = "bilinear 16x16 to 64x64 x 384", .call = call_resize,
        .params = &bilinear, .bench_only = true, .flops = 8.0 * 64 * 64 * 384,
        .arrays = { CHECK_F32(CHECK_ZERO, 1, 64, 64, 384), CHECK_F32(CHECK_NORMAL, 1, 16, 16, 384) },
    };
    check_run(state, &scaled);
    check_case vectors = {
        .op = "resize", .label = "f16, 24 channels", .call = call_resize, .params = &bilinear,
        .arrays = { CHECK_ARRAY(HF_F16, CHECK_ZERO, 2, 7, 9, 24), CHECK_ARRAY(HF_F16, CHECK_NORMAL, 2, 4, 5, 24) },
        .limit = 1e-6,
    };
    check_run(state, &f16);
    check_run(state, &vectors);
    vectors.label = "f16, 24 channels, unaligned";
    vectors.arrays[1].skip = 1;
    check_run(state, &vectors);
    check_run(state, &big);
}

static void check_rgb(check_state *state)
{
    hf_rgb_to_image_params params = {
        .resize.kind = HF_RESIZE_BILINEAR, .mean = { 0.485f, 0.456f, 0.406f },
        .deviation = { 0.229f, 0.224f, 0.225f },
    };
    for (int antialias = 0; antialias < 2; antialias++)
        for (size_t i = 0; i < COUNT(size_rows); i++) {
            const size_row *r = &size_rows[i];
            params.resize.antialias = antialias;
            check_case c = {
                .op = "rgb_to_image", .label = r->label, .call = call_rgb_to_image,
                .params = &params,
                .arrays = { CHECK_F32(CHECK_ZERO, r->Ho, r->Wo, 3),
                            CHECK_ARRAY(HF_U8, CHECK_INDEX, r->H, r->W, 3) },
            };
            check_run(state, &c);
        }
    check_case big = {
        .op = "rgb_to_image", .label = "854x480 to 512x512, antialiased", .call = call_rgb_to_image,
        .params = &params, .bench_only = true, .flops = 8.0 * 512 * 512 * 3,
        .arrays = { CHECK_F32(CHECK_ZERO, 512, 512, 3), CHECK_ARRAY(HF_U8, CHECK_INDEX, 480, 854, 3) },
    };
    check_run(state, &big);
}

/* Shapes that nobody thought of. */
static void check_drawn(check_state *state)
{
    for (int i = 0; i < 80; i++) {
        char label[96];
        hf_resize_params params = {
            .kind = (hf_resize_kind)check_draw(state, HF_RESIZE_NEAREST, HF_RESIZE_AREA),
            .antialias = check_draw(state, 0, 1),
        };
        int64_t H = check_draw(state, 1, 40), W = check_draw(state, 1, 40);
        int64_t Ho = check_draw(state, 1, 40), Wo = check_draw(state, 1, 40);
        int64_t C = check_draw(state, 1, 20);
        snprintf(label, sizeof(label), "drawn %d: %dx%dx%d to %dx%d, kind %d, antialias %d", i,
                 (int)H, (int)W, (int)C, (int)Ho, (int)Wo, (int)params.kind, params.antialias);
        check_case c = {
            .op = "resize", .label = label, .call = call_resize, .params = &params,
            .arrays = { CHECK_F32(CHECK_ZERO, 1, Ho, Wo, C), CHECK_F32(CHECK_NORMAL, 1, H, W, C) },
        };
        check_run(state, &c);
    }
}

void check_resize(check_state *state)
{
    check_drawn(state);
    check_resize_floats(state);
    check_resize_more(state);
    check_rgb(state);
}
