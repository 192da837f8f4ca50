/* test_fine.c - labels of fine cells by small colour patches. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/fine.h"

enum { W = 64, H = 48, S = 4, fh = 12, fw = 16, h = 6, w = 8, L = 2, K = 2 };

static uint8_t rgb[W * H * 3], patches[fh * fw * HF_FINE_CHANNELS], colours[fh * fw * 3];
static float fine_labels[fh * fw * L], fine_xy[fh * fw * 2];
static int32_t index_[h * w * K];
static float weight[h * w * K], labels[h * w * L], xy[h * w * 2], similarity[h * w];

/* A red bar of one fine cell's width on noise of blue: a cell of 8 px is half of it. */
static void paint(void)
{
    srand(5);
    for (int i = 0; i < W * H; i++) {
        int red = i % W / S == 6;
        rgb[3 * i] = red ? 220 : 20;
        rgb[3 * i + 1] = (uint8_t)(rand() % 40);
        rgb[3 * i + 2] = red ? 10 : 180;
    }
    hf_fine_describe(patches, colours, rgb, W, H, S);
    for (int i = 0; i < fh * fw; i++) {
        fine_labels[i * L + 1] = i % fw == 6;
        fine_labels[i * L] = 1 - fine_labels[i * L + 1];
        fine_xy[2 * i] = (float)(i % fw * S) + 1.5f;
        fine_xy[2 * i + 1] = (float)(i / fw * S) + 1.5f;
    }
}

/* Every cell matches itself; its own labels say `doubt` for the object. */
static hf_fine_matches match_itself(float doubt)
{
    for (int i = 0; i < h * w; i++) {
        index_[i * K] = i;
        index_[i * K + 1] = -1;
        weight[i * K] = 1;
        labels[i * L + 1] = doubt;
        labels[i * L] = 1 - doubt;
        xy[2 * i] = (float)(i % w * 8) + 3.5f;
        xy[2 * i + 1] = (float)(i / w * 8) + 3.5f;
        similarity[i] = 0.75f;
    }
    return (hf_fine_matches){ h, w, K, index_, weight, labels, xy, similarity };
}

Test(fine, a_bar_thinner_than_a_cell_keeps_its_label)
{
    hf_cells *out;
    hf_fine_reference ref = { patches, fine_labels, fine_xy };
    paint();
    hf_fine_matches m = match_itself(0.4f);
    cr_assert_eq(hf_cells_new(&out, fh, fw, S, L, NULL), HF_OK);
    hf_fine_vote(out, patches, &m, &ref);
    for (int i = 0; i < fh * fw; i++) {
        cr_assert_eq(out->labels[i * L + 1] > 0.5f, i % fw == 6, "fine cell %d, %d", i % fw, i / fw);
        cr_assert_float_eq(out->labels[i * L] + out->labels[i * L + 1], 1, 1e-4);
        cr_assert_eq(out->similarity[i], 0.75f);
    }
    hf_cells_free(&out);
}

Test(fine, sure_cells_keep_their_own_word)
{
    hf_cells *out;
    hf_fine_reference ref = { patches, fine_labels, fine_xy };
    paint();
    hf_fine_matches m = match_itself(0);
    cr_assert_eq(hf_cells_new(&out, fh, fw, S, L, NULL), HF_OK);
    hf_fine_vote(out, patches, &m, &ref);
    for (int i = 0; i < fh * fw; i++) {
        cr_assert_eq(out->labels[i * L], 1);
        cr_assert_eq(out->xy[2 * i], fine_xy[2 * i]);
        cr_assert_eq(out->xy[2 * i + 1], fine_xy[2 * i + 1]);
    }
    hf_cells_free(&out);
}

Test(fine, patches_that_look_like_nothing_seen_still_vote)
{
    static uint8_t strange[sizeof(patches)];
    hf_cells *out;
    hf_fine_reference ref = { patches, fine_labels, fine_xy };
    paint();
    memset(strange, 255, sizeof(strange));
    hf_fine_matches m = match_itself(0.4f);
    cr_assert_eq(hf_cells_new(&out, fh, fw, S, L, NULL), HF_OK);
    hf_fine_vote(out, strange, &m, &ref);
    for (int i = 0; i < fh * fw; i++)
        cr_assert_float_eq(out->labels[i * L] + out->labels[i * L + 1], 1, 1e-4);
    hf_cells_free(&out);
}

Test(fine, a_picture_of_one_pixel_has_one_patch)
{
    uint8_t pixel[3] = { 200, 200, 200 }, patch[HF_FINE_CHANNELS] = { 0 }, colour[3];
    hf_fine_describe(patch, colour, pixel, 1, 1, 4);
    for (int i = 0; i < 9; i++) {
        cr_assert_eq(patch[3 * i], 200);
        cr_assert_eq(patch[3 * i + 1], 128);
        cr_assert_eq(patch[3 * i + 2], 128);
    }
}
