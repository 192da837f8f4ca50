/* test_edit.c - paint found in a painted frame, overlays read and fitted. */
#include "tests/png_maker.h"

#include "io/edit.h"

#define W 80
#define H 60

static uint8_t frame[H][W][3], painted[H][W][4], rgba[H][W][4];

/* A frame of blotches, and a copy to paint on. */
static void setup(void)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 4; c++) {
                uint8_t v = c == 3 ? 255 : (uint8_t)(90 + 10 * ((x / 7 + y / 5 + c) % 8));
                if (c < 3)
                    frame[y][x][c] = v;
                painted[y][x][c] = v;
            }
}

static void brush(int x0, int y0, int x1, int y1, int r, int g, int b)
{
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            memcpy(painted[y][x], ((uint8_t[]){ (uint8_t)r, (uint8_t)g, (uint8_t)b }), 3);
}

/* Uniform noise of +-amplitude on every channel, as a lossy format leaves. */
static void shake(int amplitude)
{
    uint32_t s = 7;
    for (int i = 0; i < W * H * 4; i++) {
        s = s * 1664525u + 1013904223u;
        if (i % 4 < 3)
            (&painted[0][0][0])[i] = (uint8_t)((&painted[0][0][0])[i] + (int)(s >> 16) % (2 * amplitude + 1) - amplitude);
    }
}

static int64_t difference(const hf_edit_params *params)
{
    hf_error err = { 0 };
    int64_t n = hf_edit_from_difference(&rgba[0][0][0], &painted[0][0][0], &frame[0][0][0], W, H, params, &err);
    cr_assert_geq(n, 0, "%s", err.text);
    return n;
}

static const char *save(int type)
{
    return write_png("edit.png", W, H, 8, type, &painted[0][0][0], W * 4, NULL, 0, NULL, 0);
}

static hf_edit *read_ok(const char *path)
{
    hf_error err = { 0 };
    hf_edit *edit = NULL;
    cr_assert_eq(hf_edit_read(&edit, path, &err), HF_OK, "%s", err.text);
    return edit;
}

Test(edit, an_exactly_painted_frame_gives_exactly_the_paint, .init = setup)
{
    brush(20, 10, 50, 30, 255, 30, 30);
    cr_assert_eq(difference(NULL), 600);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int inside = x >= 20 && x < 50 && y >= 10 && y < 30;
            cr_assert_eq(rgba[y][x][3], inside ? 255 : 0);
            cr_assert_eq(rgba[y][x][0], inside ? 255 : 0);
        }
}

Test(edit, noise_of_a_lossy_frame_is_not_paint, .init = setup)
{
    shake(6);
    cr_assert_eq(difference(NULL), 0);
}

Test(edit, paint_is_found_under_noise_and_nothing_else, .init = setup)
{
    brush(20, 10, 50, 30, 255, 30, 30);
    shake(6);
    cr_assert_eq(difference(NULL), 600);
}

Test(edit, specks_go_and_small_holes_are_filled, .init = setup)
{
    brush(20, 10, 50, 30, 255, 30, 30);
    for (int y = 15; y < 20; y++) /* painted in the very colour of the frame */
        for (int x = 30; x < 35; x++)
            memcpy(painted[y][x], frame[y][x], 3);
    brush(70, 50, 72, 52, 255, 255, 255); /* 4 px */
    cr_assert_eq(difference(NULL), 600);
    cr_assert(rgba[17][32][3] == 255 && rgba[51][71][3] == 0);
    cr_assert_eq(difference(&(hf_edit_params){ .despeckle_px = 0, .fill_holes_px = 0 }), 600 - 25 + 4);
}

Test(edit, the_threshold_can_be_set, .init = setup)
{
    for (int y = 10; y < 30; y++) /* a faint tint */
        for (int x = 20; x < 50; x++)
            painted[y][x][0] += 12;
    cr_assert_eq(difference(NULL), 600);
    cr_assert_eq(difference(&(hf_edit_params){ .threshold = 40 }), 0);
}

Test(edit, an_overlay_is_taken_as_it_is, .init = setup)
{
    for (int i = 0; i < W * H; i++)
        (&painted[0][0][0])[4 * i + 3] = i < 100 ? 128 : 0;
    hf_edit *edit = read_ok(save(RGBA));
    cr_assert(!edit->is_painted && edit->covered_px == 100);
    cr_assert_eq(hf_edit_fit(edit, NULL, W, H, NULL, NULL), HF_OK);
    cr_assert_arr_eq(edit->rgba, painted, sizeof(painted));
    cr_assert(strstr(edit->text, "overlay 80x60, covers 100 px (2.1 %)"), "%s", edit->text);
    hf_edit_free(&edit);
}

Test(edit, a_file_without_transparency_is_a_painted_frame, .init = setup)
{
    brush(20, 10, 50, 30, 255, 30, 30);
    hf_edit *edit = read_ok(save(RGBA));
    cr_assert(edit->is_painted);
    cr_assert_eq(hf_edit_fit(edit, &frame[0][0][0], W, H, NULL, NULL), HF_OK);
    cr_assert(!edit->is_painted && edit->covered_px == 600);
    hf_edit_free(&edit);
}

Test(edit, an_overlay_of_twice_the_size_is_scaled_and_keeps_its_colours, .init = setup)
{
    hf_edit *edit;
    for (int i = 0; i < W * H; i++) {
        uint8_t *p = &painted[0][0][0] + 4 * i;
        int inside = i % W >= 20 && i % W < 40;
        memcpy(p, inside ? ((uint8_t[]){ 200, 100, 50, 255 }) : ((uint8_t[]){ 0, 255, 0, 0 }), 4);
    }
    edit = read_ok(save(RGBA));
    cr_assert_eq(hf_edit_fit(edit, NULL, W / 2, H / 2, NULL, NULL), HF_OK);
    cr_assert(edit->width == 40 && edit->height == 30 && strstr(edit->warning, "scaled"), "%s", edit->warning);
    for (int x = 0; x < 40; x++) {
        const uint8_t *p = edit->rgba + 4 * (15 * 40 + x);
        if (p[3]) /* the green nobody sees must not bleed in */
            cr_assert(p[0] == 200 && p[1] == 100 && p[2] == 50);
    }
    cr_assert(edit->rgba[4 * (15 * 40 + 15) + 3] == 255 && edit->rgba[4 * (15 * 40 + 5) + 3] == 0);
    hf_edit_free(&edit);
}

static void fit_refuses(hf_edit *edit, const uint8_t *rgb, int width, int height, const hf_edit_params *params,
                        const char *text)
{
    hf_error err = { 0 };
    cr_assert_eq(hf_edit_fit(edit, rgb, width, height, params, &err), HF_EARG, "%s", err.text);
    cr_assert(strstr(err.text, text), "want '%s' in: %s", text, err.text);
}

Test(edit, what_does_not_fit_is_refused, .init = setup)
{
    hf_edit *edit = read_ok(save(RGBA));
    fit_refuses(edit, &frame[0][0][0], W, H, NULL, "nothing painted was found");
    fit_refuses(edit, &frame[0][0][0], 2 * W, 2 * H, NULL, "painted frame of 80x60, but the frame is 160x120");
    fit_refuses(edit, NULL, W, H, NULL, "no frame to compare");
    fit_refuses(edit, &frame[0][0][0], W, H, &(hf_edit_params){ .threshold = 255 }, "0..254");
    hf_edit_free(&edit);
    painted[0][0][3] = 0;
    edit = read_ok(save(RGBA));
    fit_refuses(edit, NULL, W, 2 * H, NULL, "another shape");
    hf_edit_free(&edit);
}

Test(edit, a_frame_that_differs_everywhere_is_warned_of, .init = setup)
{
    brush(0, 0, W, 40, 255, 0, 0);
    hf_edit *edit = read_ok(save(RGBA));
    cr_assert_eq(hf_edit_fit(edit, &frame[0][0][0], W, H, &(hf_edit_params){ .threshold = 20 }, NULL), HF_OK);
    cr_assert(strstr(edit->warning, "is it painted on this frame?"), "%s", edit->warning);
    hf_edit_free(&edit);
}

Test(edit, an_overlay_that_is_transparent_everywhere_is_refused, .init = setup)
{
    hf_error err = { 0 };
    hf_edit *edit;
    for (int i = 0; i < W * H; i++)
        (&painted[0][0][0])[4 * i + 3] = 0;
    cr_assert_eq(hf_edit_read(&edit, save(RGBA), &err), HF_EFORMAT);
    cr_assert_null(edit);
    cr_assert(strstr(err.text, "every pixel is transparent"), "%s", err.text);
}
