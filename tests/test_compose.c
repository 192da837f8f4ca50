/* test_compose.c - output pictures of hand-made results. */
#include <criterion/criterion.h>
#include <string.h>

#include "propagate/compose.h"

static const uint8_t palette[256][3] = { { 0, 0, 0 }, { 128, 0, 0 }, { 0, 128, 0 } };

Test(compose, an_overlay_is_half_transparent_inside_an_opaque_line)
{
    /* A 3 x 3 object in a 5 x 5 frame: its middle is the only pixel off the border. */
    uint8_t ids[25] = { 0 }, rgba[100];
    for (int y = 1; y < 4; y++)
        memset(ids + 5 * y + 1, 2, 3);
    hf_compose_overlay(rgba, ids, palette, HF_OVERLAY_OPACITY, 5, 5);
    const uint8_t middle[4] = { 0, 128, 0, 128 }, line[4] = { 0, 128, 0, 255 }, none[4] = { 0 };
    cr_assert_arr_eq(rgba + 4 * 12, middle, 4);
    cr_assert_arr_eq(rgba + 4 * 6, line, 4);
    cr_assert_arr_eq(rgba, none, 4);
}

Test(compose, an_object_cut_by_the_frame_has_no_line_along_the_frame)
{
    uint8_t ids[9], rgba[36];
    memset(ids, 1, sizeof(ids));
    hf_compose_overlay(rgba, ids, palette, 0.25f, 3, 3);
    for (int i = 0; i < 9; i++)
        cr_assert_eq(rgba[4 * i + 3], 64);
}

Test(compose, two_touching_objects_are_told_apart_by_lines)
{
    const uint8_t ids[8] = { 1, 1, 1, 1, 2, 2, 2, 2 };
    uint8_t rgba[32];
    hf_compose_overlay(rgba, ids, palette, 0.5f, 8, 1);
    cr_assert_eq(rgba[4 * 2 + 3], 128);
    cr_assert_eq(rgba[4 * 3 + 3], 255);
    cr_assert_eq(rgba[4 * 4 + 3], 255);
}

Test(compose, mask_matte_and_cutout_copy_their_inputs)
{
    const uint8_t ids[3] = { 0, 1, 2 }, alpha[3] = { 0, 7, 255 };
    const uint8_t rgb[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    uint8_t out[9], rgba[12];
    hf_compose_mask(out, ids, palette, 3, 1);
    cr_assert_arr_eq(out, ((const uint8_t[]){ 0, 0, 0, 128, 0, 0, 0, 128, 0 }), 9);
    hf_compose_matte(out, alpha, 3, 1);
    cr_assert_arr_eq(out, ((const uint8_t[]){ 0, 0, 0, 7, 7, 7, 255, 255, 255 }), 9);
    hf_compose_cutout(rgba, rgb, alpha, 3, 1);
    cr_assert_arr_eq(rgba, ((const uint8_t[]){ 1, 2, 3, 0, 4, 5, 6, 7, 7, 8, 9, 255 }), 12);
}

Test(compose, a_blend_keeps_what_is_transparent_and_replaces_what_is_opaque)
{
    const uint8_t rgb[9] = { 10, 20, 30, 10, 20, 30, 0, 100, 255 };
    const uint8_t layer[12] = { 200, 201, 202, 0, 200, 201, 202, 255, 255, 0, 255, 128 };
    uint8_t out[9];
    hf_compose_blend(out, rgb, layer, 3, 1);
    /* third pixel: 255 * 128 / 255 = 128; 100 * 127 / 255 = 49.8; 255 stays */
    cr_assert_arr_eq(out, ((const uint8_t[]){ 10, 20, 30, 200, 201, 202, 128, 50, 255 }), 9);
}

Test(compose, blending_is_exact_rounding_for_every_alpha_and_colour)
{
    for (int a = 0; a < 256; a++)
    for (int v = 0; v < 256; v++) {
        uint8_t rgb[3] = { (uint8_t)(255 - v), 0, 255 }, out[3];
        uint8_t layer[4] = { (uint8_t)v, (uint8_t)v, (uint8_t)v, (uint8_t)a };
        hf_compose_blend(out, rgb, layer, 1, 1);
        cr_assert_eq(out[0], (2 * (v * a + (255 - v) * (255 - a)) + 255) / 510);
        cr_assert_eq(out[1], (2 * v * a + 255) / 510);
    }
}

Test(compose, a_colour_map_tells_places_apart_and_darkens_what_is_not_covered)
{
    float xy[2 * 4] = { 0, 0, 3, 0, 0, 0, -50, 1e9f }, cover[4] = { 1, 1, 0, 1 };
    uint8_t rgb[12];
    hf_compose_colormap(rgb, xy, cover, 4, 1);
    cr_assert_eq(rgb[0], 235); /* the colour of the top left corner */
    cr_assert_neq(memcmp(rgb, rgb + 3, 3), 0);
    cr_assert_eq(rgb[6], 24); /* 235 * 0.1 */
}

Test(compose, side_by_side_puts_rows_beside_each_other)
{
    const uint8_t left[6] = { 1, 1, 1, 2, 2, 2 }, right[6] = { 3, 3, 3, 4, 4, 4 };
    uint8_t out[12];
    hf_compose_side_by_side(out, left, right, 1, 2);
    cr_assert_arr_eq(out, ((const uint8_t[]){ 1, 1, 1, 3, 3, 3, 2, 2, 2, 4, 4, 4 }), 12);
}
