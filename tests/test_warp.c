/* test_warp.c - fetching an edit through a coordinate field. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/warp.h"

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
