/* test_warp.c - fetching an edit through a coordinate field. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/context_ops.h"
#include "propagate/warp.h"
#include "tests/backends.h"

static void warp(uint8_t *out, const uint8_t *rgba, const float *xy, const float *cover, int w, int h)
{
    float *m = malloc(sizeof(float) * 4 * w * h);
    hf_warp_edit(m, rgba, xy, cover, w, h);
    hf_warp_straighten(out, m, (int64_t)w * h);
    free(m);
}

Test(warp, whole_coordinates_copy_every_colour_and_alpha_exactly)
{
    /* All 256 x 256 pairs of colour and alpha, one a pixel. */
    enum { N = 256 };
    uint8_t *in = malloc(4 * N * N), *out = malloc(4 * N * N);
    float *xy = malloc(sizeof(float) * 2 * N * N), *cover = malloc(sizeof(float) * N * N);
    for (int i = 0; i < N * N; i++) {
        in[4 * i] = (uint8_t)(i % N), in[4 * i + 1] = (uint8_t)(255 - i % N), in[4 * i + 2] = 77;
        in[4 * i + 3] = (uint8_t)(i / N);
        xy[2 * i] = (float)(i % N), xy[2 * i + 1] = (float)(i / N), cover[i] = 1.0f;
    }
    warp(out, in, xy, cover, N, N);
    cr_assert_eq(memcmp(out + 4 * N, in + 4 * N, 4 * N * (N - 1)), 0); /* row 0 has alpha 0 */
    for (int i = 0; i < 4 * N; i++)
        cr_assert_eq(out[i], 0);
    free(in), free(out), free(xy), free(cover);
}

Test(warp, an_edge_to_transparent_black_has_no_dark_fringe)
{
    const uint8_t in[8] = { 250, 200, 150, 255, 0, 0, 0, 0 };
    const float xy[4] = { 0.5f, 0, 0.75f, 0 };
    uint8_t out[8];
    warp(out, in, xy, NULL, 2, 1);
    cr_assert_arr_eq(out, ((const uint8_t[]){ 250, 200, 150, 128, 250, 200, 150, 64 }), 8);
}

Test(warp, low_cover_fades_alpha_and_keeps_colour)
{
    const uint8_t in[12] = { 9, 8, 7, 200, 9, 8, 7, 200, 9, 8, 7, 200 };
    const float xy[6] = { 0, 0, 1, 0, 2, 0 };
    const float cover[3] = { HF_WARP_FULL_COVER, HF_WARP_FULL_COVER / 2, 0 };
    uint8_t out[12];
    warp(out, in, xy, cover, 3, 1);
    cr_assert_arr_eq(out, ((const uint8_t[]){ 9, 8, 7, 200, 9, 8, 7, 100, 0, 0, 0, 0 }), 12);
}

Test(warp, coordinates_beside_the_frame_are_clamped_and_nan_is_transparent)
{
    const uint8_t in[12] = { 1, 1, 1, 255, 2, 2, 2, 255, 3, 3, 3, 255 };
    const float xy[6] = { -1e20f, 5, 700, -3, NAN, 0 };
    uint8_t out[12];
    warp(out, in, xy, NULL, 3, 1);
    cr_assert_arr_eq(out, ((const uint8_t[]){ 1, 1, 1, 255, 3, 3, 3, 255, 0, 0, 0, 0 }), 12);
}

Test(warp, fading_a_splatted_edit_follows_the_same_rule)
{
    float m[8] = { 100, 50, 25, 200, 100, 50, 25, 200 }, cover[2] = { 1, HF_WARP_FULL_COVER / 2 };
    hf_warp_fade(m, cover, 2);
    const float want[8] = { 100, 50, 25, 200, 50, 25, 12.5f, 100 };
    cr_assert_eq(memcmp(m, want, sizeof(want)), 0);
}

/* Coordinates between pixels, whole, beside the frame and missing; cover from 0 to 1. */
Test(warp, every_backend_gives_the_bytes_of_the_host)
{
    enum { W = 37, H = 19, N = W * H };
    uint8_t rgba[4 * N], want[4 * N], got[4 * N];
    float xy[2 * N], cover[N], multiplied[4 * N], got_multiplied[4 * N];
    for (int i = 0; i < N; i++) {
        for (int c = 0; c < 4; c++)
            rgba[4 * i + c] = (uint8_t)(i * (31 + 7 * c) >> 2);
        xy[2 * i] = i % 5 ? (float)(i * 3 % (W + 6)) - 3 + 0.37f * (float)(i % 3) : (float)(i % W);
        xy[2 * i + 1] = i % 11 ? (float)(i / W) + 0.21f * (float)(i % 4) : NAN;
        cover[i] = (float)(i % 17) / 16;
    }
    hf_warp_edit(multiplied, rgba, xy, cover, W, H);
    hf_warp_straighten(want, multiplied, N);
    for (const char *const *name = test_backends(); *name; name++) {
        hf_backend *be;
        hf_tensor edit = hf_tensor_view(NULL, HF_U8, 3, H, W, 4), out = edit, from = hf_tensor_view(NULL, HF_F32, 3, H, W, 2);
        hf_tensor trust = hf_tensor_view(NULL, HF_F32, 2, H, W), sum = hf_tensor_view(NULL, HF_F32, 3, H, W, 4);
        cr_assert_eq(hf_backend_open(&be, *name, 1, NULL), HF_OK);
        put(be, &edit, rgba), put(be, &from, xy), put(be, &trust, cover), put_byte(be, &sum, 1), put_byte(be, &out, 1);
        cr_assert_eq(be->ops.context->warp(be, sum.data, edit.data, from.data, trust.data, W, H, NULL), HF_OK);
        cr_assert_eq(be->ops.context->straighten(be, out.data, sum.data, N, NULL), HF_OK);
        get(be, got_multiplied, &sum);
        get(be, got, &out);
        cr_expect_eq(memcmp(got_multiplied, multiplied, sizeof(multiplied)), 0, "%s: other sums", *name);
        cr_expect_eq(memcmp(got, want, sizeof(want)), 0, "%s: other colours", *name);
        drop(be, &edit), drop(be, &from), drop(be, &trust), drop(be, &sum), drop(be, &out);
        hf_backend_close(&be);
    }
}
