/* test_refine.c - cells to pixels along the edges of the frame. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/refine.h"

enum { W = 117, H = 70, S = 8, cw = 15, ch = 9, MAX_L = 5 }; /* cells of 8 px where a test does not say 4 */

static uint8_t rgb[W * H * 3], drawn_rgb[W * H * 3], ids[W * H];
static float soft[MAX_L * W * H], xy[W * H * 2], cover[W * H];

static void paint(uint8_t *out, int dx, int dy)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++) {
                double u = x + dx, v = y + dy;
                out[(y * W + x) * 3 + c] = (uint8_t)(127 + 60 * sin(0.33 * u + 0.21 * v * (c + 1)) +
                                                     50 * cos(0.27 * v - 0.19 * u * (2 - c)));
            }
}

static void draw_disc(int L)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int d = (x - 50) * (x - 50) + (y - 33) * (y - 33);
            ids[y * W + x] = (uint8_t)(d < 600 && L > 1 ? 1 + (x + y) / 7 % (L - 1) : 0);
        }
}

/* Cells of s px that say: everything came from (dx, dy) away, and vaguely what was drawn. */
static hf_cells *make_cells_of(int s, int L, float dx, float dy)
{
    hf_cells *c;
    cr_assert_eq(hf_cells_new(&c, (H + s - 1) / s, (W + s - 1) / s, s, L, NULL), HF_OK);
    for (int i = 0; i < c->h * c->w; i++) {
        int x = i % c->w * s, y = i / c->w * s;
        for (int l = 0; l < L; l++)
            c->labels[i * L + l] = 0.4f / (float)L;
        c->labels[i * L + ids[(y < H ? y : H - 1) * W + (x < W ? x : W - 1)]] += 0.6f;
        c->xy[2 * i] = (float)x + 0.5f * (float)s - 0.5f + dx;
        c->xy[2 * i + 1] = (float)y + 0.5f * (float)s - 0.5f + dy;
        c->similarity[i] = 1;
    }
    return c;
}

static hf_cells *make_cells(int L, float dx, float dy)
{
    return make_cells_of(S, L, dx, dy);
}

static hf_refine *open_refine(void)
{
    hf_refine *r;
    cr_assert_eq(hf_refine_open(&r, W, H, MAX_L, &(hf_refine_params)HF_REFINE_DEFAULTS, NULL), HF_OK);
    return r;
}

Test(refine, an_unchanged_frame_gives_back_mask_and_coordinates_exactly)
{
    hf_refine *r = open_refine();
    paint(rgb, 0, 0);
    for (int i = 0; i < 2 * MAX_L; i++) {
        int L = 1 + i / 2;
        draw_disc(L);
        hf_cells *cells = make_cells_of(i % 2 ? 4 : 8, L, 1.3f, -2.1f); /* votes that blended neighbours */
        cr_assert_eq(hf_refine_run(r, soft, xy, cover, cells, rgb, &(hf_drawn){ rgb, ids }, NULL), HF_OK);
        for (int p = 0; p < W * H; p++) {
            for (int l = 0; l < L; l++)
                cr_assert_eq(soft[l * W * H + p], l == ids[p] ? 1 : 0);
            cr_assert_eq(xy[2 * p], (float)(p % W));
            cr_assert_eq(xy[2 * p + 1], (float)(p / W));
            cr_assert_eq(cover[p], 1);
        }
        hf_cells_free(&cells);
    }
    hf_refine_close(&r);
}

Test(refine, coordinates_settle_on_the_true_motion)
{
    hf_refine *r = open_refine();
    draw_disc(2);
    paint(drawn_rgb, 0, 0);
    paint(rgb, 5, -3);
    hf_cells *cells = make_cells_of(4, 2, 6.7f, -1.2f); /* about two pixels off */
    cr_assert_eq(hf_refine_run(r, soft, xy, cover, cells, rgb, &(hf_drawn){ drawn_rgb, ids }, NULL), HF_OK);
    for (int y = 16; y < H - 16; y++)
        for (int x = 16; x < W - 16; x++) {
            cr_assert_float_eq(xy[2 * (y * W + x)], x + 5, 0.01, "pixel %d, %d", x, y);
            cr_assert_float_eq(xy[2 * (y * W + x) + 1], y - 3, 0.01, "pixel %d, %d", x, y);
        }
    hf_cells_free(&cells);
    hf_refine_close(&r);
}

Test(refine, labels_and_cover_are_the_same_without_coordinates)
{
    static float soft_before[2 * W * H], cover_before[W * H];
    hf_refine *r = open_refine();
    hf_drawn drawn = { drawn_rgb, ids };
    draw_disc(2);
    paint(drawn_rgb, 0, 0);
    paint(rgb, 5, -3);
    memset(rgb, 90, sizeof(rgb) / 3); /* so that some blocks are found and some are not */
    static const int strides[] = { 4, 5, 8, 12, 16 };
    for (int i = 0; i < 5; i++) {
        hf_cells *cells = make_cells_of(strides[i], 2, 6.7f, -1.2f);
        cr_assert_eq(hf_refine_run(r, soft, xy, cover, cells, rgb, &drawn, NULL), HF_OK);
        memcpy(soft_before, soft, sizeof(soft_before));
        memcpy(cover_before, cover, sizeof(cover_before));
        cr_assert_eq(hf_refine_run(r, soft, NULL, cover, cells, rgb, &drawn, NULL), HF_OK);
        cr_assert_arr_eq(soft_before, soft, sizeof(soft_before));
        cr_assert_arr_eq(cover_before, cover, sizeof(cover_before), "cells of %d px", strides[i]);
        hf_cells_free(&cells);
    }
    hf_refine_close(&r);
}

Test(refine, soft_labels_sum_to_one_for_any_number_of_labels)
{
    hf_refine *r = open_refine();
    paint(drawn_rgb, 0, 0);
    for (int i = 0; i < W * H * 3; i++)
        rgb[i] = (uint8_t)(rand() % 256);
    for (int L = 1; L <= MAX_L; L++) {
        draw_disc(L);
        hf_cells *cells = make_cells(L, 0, 0);
        cr_assert_eq(hf_refine_run(r, soft, xy, cover, cells, rgb, &(hf_drawn){ drawn_rgb, ids }, NULL), HF_OK);
        for (int i = 0; i < W * H; i++) {
            float sum = 0;
            for (int l = 0; l < L; l++)
                sum += soft[l * W * H + i];
            cr_assert_float_eq(sum, 1, 1e-4);
            cr_assert(cover[i] >= 0 && cover[i] <= 1);
            cr_assert(isfinite(xy[2 * i]) && isfinite(xy[2 * i + 1]));
        }
        hf_cells_free(&cells);
    }
    hf_refine_close(&r);
}

Test(refine, soft_labels_follow_the_edge_of_the_picture)
{
    hf_refine *r = open_refine();
    /* A bright half from column 51 on; the cells' border lies at 48, three pixels off. */
    for (int i = 0; i < W * H; i++)
        memset(rgb + 3 * i, i % W >= 51 ? 200 : 40, 3);
    memset(drawn_rgb, 0, sizeof(drawn_rgb));
    memset(ids, 0, sizeof(ids));
    hf_cells *cells = make_cells(2, 0, 0);
    for (int i = 0; i < ch * cw; i++) {
        cells->labels[2 * i + 1] = i % cw >= 6 ? 1 : 0;
        cells->labels[2 * i] = 1 - cells->labels[2 * i + 1];
    }
    cr_assert_eq(hf_refine_run(r, soft, xy, cover, cells, rgb, &(hf_drawn){ drawn_rgb, ids }, NULL), HF_OK);
    for (int y = 0; y < H; y++) {
        cr_assert_lt(soft[W * H + y * W + 49], 0.5f);
        cr_assert_gt(soft[W * H + y * W + 52], 0.5f);
    }
    hf_cells_free(&cells);
    hf_refine_close(&r);
}

Test(refine, cells_that_do_not_fit_are_refused)
{
    hf_refine *r = open_refine();
    hf_cells *cells;
    hf_error err;
    cr_assert_eq(hf_cells_new(&cells, ch + 1, cw, S, 2, NULL), HF_OK);
    cr_assert_eq(hf_refine_run(r, soft, xy, cover, cells, rgb, &(hf_drawn){ rgb, ids }, &err), HF_EARG);
    hf_cells_free(&cells);
    cr_assert_eq(hf_cells_new(&cells, ch, cw, S, MAX_L + 1, NULL), HF_OK);
    cr_assert_eq(hf_refine_run(r, soft, xy, cover, cells, rgb, &(hf_drawn){ rgb, ids }, &err), HF_EARG);
    hf_cells_free(&cells);
    hf_refine_close(&r);
}

Test(refine, parameters_outside_their_ranges_are_refused)
{
    hf_refine *r;
    cr_assert_eq(hf_refine_open(&r, 0, H, 2, &(hf_refine_params)HF_REFINE_DEFAULTS, NULL), HF_EARG);
    cr_assert_eq(hf_refine_open(&r, W, H, 0, &(hf_refine_params)HF_REFINE_DEFAULTS, NULL), HF_EARG);
    cr_assert_eq(hf_refine_open(&r, W, H, 257, &(hf_refine_params)HF_REFINE_DEFAULTS, NULL), HF_EARG);
    cr_assert_eq(hf_refine_open(&r, W, H, 2, &(hf_refine_params){ 1, -1, 1e-3f }, NULL), HF_EARG);
    cr_assert_eq(hf_refine_open(&r, W, H, 2, &(hf_refine_params){ 1, 8, 0 }, NULL), HF_EARG);
    cr_assert_null(r);
}
