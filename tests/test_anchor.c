/* test_anchor.c - cells corrected by blocks of the frame before and the drawn one, and the state that is saved. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/anchor.h"

/* A textured object of 48 x 40 px at OBJECT_X, OBJECT_Y that moves 1 px a frame to the right over a
 * textured ground that stands still. */
enum { W = 160, H = 96, S = 8, F = 4, L = 2, h = H / S, w = W / S, fh = H / F, fw = W / F };
enum { OBJECT_X = 40, OBJECT_Y = 24, OBJECT_W = 48, OBJECT_H = 40, N_FRAMES = 20 };

typedef struct rig {
    hf_backend *be;
    hf_anchor  *anchor;
    hf_cells   *cells, *fine;
} rig;

static int is_object(int x, int y, int t)
{
    return x >= OBJECT_X + t && x < OBJECT_X + OBJECT_W + t && y >= OBJECT_Y && y < OBJECT_Y + OBJECT_H;
}

static uint8_t ground_at(int x, int y)
{
    return (uint8_t)lrint(90 + 30 * sin(0.71 * x + 0.33 * y) + 25 * cos(0.52 * y - 0.37 * x) +
                          20 * sin(0.013 * x * y));
}

static uint8_t object_at(int x, int y)
{
    return (uint8_t)lrint(160 + 35 * sin(0.58 * x - 0.66 * y) + 30 * cos(0.83 * y + 0.29 * x) +
                          20 * sin(0.021 * x * y));
}

static void paint(uint8_t *rgb, uint8_t *ids, int t)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int object = is_object(x, y, t);
            memset(rgb + 3 * (y * W + x), object ? object_at(x - t, y) : ground_at(x, y), 3);
            if (ids)
                ids[y * W + x] = (uint8_t)object;
        }
}

/* Every cell in its own place with the labels drawn there: what votes say that saw no motion. */
static void vote_in_place(rig *r, const uint8_t *ids)
{
    for (int i = 0; i < h * w; i++) {
        r->cells->xy[2 * i] = (float)(i % w * S) + 0.5f * S - 0.5f;
        r->cells->xy[2 * i + 1] = (float)(i / w * S) + 0.5f * S - 0.5f;
    }
    memset(r->fine->labels, 0, sizeof(float) * fh * fw * L);
    for (int i = 0; i < fh * fw; i++) {
        r->fine->xy[2 * i] = (float)(i % fw * F) + 0.5f * F - 0.5f;
        r->fine->xy[2 * i + 1] = (float)(i / fw * F) + 0.5f * F - 0.5f;
    }
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            r->fine->labels[(y / F * fw + x / F) * L + ids[y * W + x]] += 1.0f / (F * F);
}

static rig open_rig(const uint8_t *rgb, const uint8_t *ids)
{
    rig r = { 0 };
    cr_assert_eq(hf_backend_open(&r.be, "cpu", 1, NULL), HF_OK);
    cr_assert_eq(hf_anchor_open(&r.anchor, r.be, W, H, S, F, NULL), HF_OK);
    cr_assert_eq(hf_cells_new(&r.cells, h, w, S, L, NULL), HF_OK);
    cr_assert_eq(hf_cells_new(&r.fine, fh, fw, F, L, NULL), HF_OK);
    cr_assert_eq(hf_anchor_seed(r.anchor, rgb, ids, NULL), HF_OK);
    vote_in_place(&r, ids);
    return r;
}

static void close_rig(rig *r)
{
    hf_anchor_close(&r->anchor);
    hf_cells_free(&r->cells);
    hf_cells_free(&r->fine);
    hf_backend_close(&r->be);
}

/* The object's part of the pixels of a fine cell and its eight neighbours. */
static float part_around(int u, int v, int t)
{
    int n = 0, inside = 0;
    for (int y = (v - 1) * F; y < (v + 2) * F; y++)
        for (int x = (u - 1) * F; x < (u + 2) * F; x++, n++)
            inside += is_object(x, y, t);
    return (float)inside / (float)n;
}

/* The most similar cell of the frame before is each one's own. */
static const int32_t *own_cells(void)
{
    static int32_t guess[h * w];
    for (int i = 0; i < h * w; i++)
        guess[i] = i;
    return guess;
}

/* Votes that know the object's way only in whole cells, as much as 4 px off. */
static void vote_by_whole_cells(rig *r, int t)
{
    static uint8_t ids[W * H];
    int moved = (t + S / 2 - 1) / S * S;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            ids[y * W + x] = (uint8_t)is_object(x, y, moved);
    vote_in_place(r, ids);
    for (int i = 0; i < h * w; i++)
        if (is_object(i % w * S + S / 2, i / w * S + S / 2, moved))
            r->cells->xy[2 * i] -= (float)moved;
}

static void run_whole_cells(rig *r, uint8_t *rgb, int first, int last)
{
    for (int t = first; t <= last; t++) {
        paint(rgb, NULL, t);
        vote_by_whole_cells(r, t);
        cr_assert_eq(hf_anchor_run(r->anchor, r->cells, r->fine, rgb, t > 1 ? own_cells() : NULL, NULL), HF_OK);
    }
}

/* All pixels from a cell's patch are the object's. */
static int is_inside(int cell, int t)
{
    int x0 = cell % w * S - 4, y0 = cell / w * S - 4, x1 = x0 + S + 7, y1 = y0 + S + 7;
    return is_object(x0, y0, t) && is_object(x1, y1, t);
}

static int was_always_inside(int cell) { return is_inside(cell, 0) && is_inside(cell, N_FRAMES); }

static void check_xy(const rig *r, int cell, int moved)
{
    cr_assert_float_eq(r->cells->xy[2 * cell], (float)(cell % w * S) + 3.5f - (float)moved, 0.5f,
                       "x of cell %d, %d: %g", cell % w, cell / w, r->cells->xy[2 * cell]);
    cr_assert_float_eq(r->cells->xy[2 * cell + 1], (float)(cell / w * S) + 3.5f, 0.5f,
                       "y of cell %d, %d: %g", cell % w, cell / w, r->cells->xy[2 * cell + 1]);
}

Test(anchor, labels_follow_a_slow_object_to_one_fine_cell)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    paint(rgb, ids, 0);
    rig r = open_rig(rgb, ids);
    run_whole_cells(&r, rgb, 1, N_FRAMES);
    for (int v = 0; v < fh; v++)
        for (int u = 0; u < fw; u++) {
            float part = part_around(u, v, N_FRAMES), label = r.fine->labels[(v * fw + u) * L + 1];
            if (part == 0 || part == 1)
                cr_expect_eq(label > 0.5f, part == 1, "fine cell %d, %d: %g, want %g", u, v, label, part);
        }
    close_rig(&r);
}

Test(anchor, coordinates_follow_a_slow_object_to_half_a_pixel)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    int n = 0;
    paint(rgb, ids, 0);
    rig r = open_rig(rgb, ids);
    run_whole_cells(&r, rgb, 1, N_FRAMES);
    for (int i = 0; i < h * w; i++)
        if (is_inside(i, N_FRAMES)) { /* those too that the object has only just reached */
            check_xy(&r, i, N_FRAMES);
            n++;
        }
    cr_assert_geq(n, 12);
    close_rig(&r);
}

Test(anchor, fine_coordinates_move_with_their_cell)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    paint(rgb, ids, 0);
    rig r = open_rig(rgb, ids);
    run_whole_cells(&r, rgb, 1, 3);
    for (int i = 0; i < fh * fw; i++) {
        int cell = i / fw / 2 * w + i % fw / 2;
        if (is_inside(cell, 3))
            cr_assert_float_eq(r.fine->xy[2 * i], (float)(i % fw * F) + 1.5f - 3, 0.5f);
    }
    close_rig(&r);
}

/* To the votes nothing ever moves; what was the object's all the time is followed all the same. */
Test(anchor, coordinates_flow_on_while_the_votes_are_frozen_in_place)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    int n = 0;
    paint(rgb, ids, 0);
    rig r = open_rig(rgb, ids);
    for (int t = 1; t <= N_FRAMES; t++) {
        paint(rgb, NULL, t);
        vote_in_place(&r, ids);
        cr_assert_eq(hf_anchor_run(r.anchor, r.cells, r.fine, rgb, t > 1 ? own_cells() : NULL, NULL), HF_OK);
    }
    for (int i = 0; i < h * w; i++)
        if (was_always_inside(i)) {
            check_xy(&r, i, N_FRAMES);
            n++;
        }
    cr_assert_geq(n, 6);
    close_rig(&r);
}

Test(anchor, the_cell_that_looks_alike_leads_over_a_jump)
{
    enum { JUMP = 2 * S };
    static uint8_t rgb[W * H * 3], ids[W * H];
    static int32_t guess[h * w];
    int n = 0;
    paint(rgb, ids, 0);
    rig r = open_rig(rgb, ids);
    cr_assert_eq(hf_anchor_run(r.anchor, r.cells, r.fine, rgb, NULL, NULL), HF_OK);
    paint(rgb, NULL, JUMP);
    vote_in_place(&r, ids);
    for (int i = 0; i < h * w; i++)
        guess[i] = is_inside(i, JUMP) ? i - JUMP / S : -1;
    cr_assert_eq(hf_anchor_run(r.anchor, r.cells, r.fine, rgb, guess, NULL), HF_OK);
    for (int i = 0; i < h * w; i++)
        if (is_inside(i, JUMP)) {
            check_xy(&r, i, JUMP);
            n++;
        }
    cr_assert_geq(n, 8);
    close_rig(&r);
}

Test(anchor, a_video_that_stands_still_changes_nothing)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    paint(rgb, ids, 0);
    rig r = open_rig(rgb, ids), want = open_rig(rgb, ids);
    for (int t = 0; t < 5; t++)
        cr_assert_eq(hf_anchor_run(r.anchor, r.cells, r.fine, rgb, t ? own_cells() : NULL, NULL), HF_OK);
    for (int i = 0; i < h * w * 2; i++)
        cr_assert_float_eq(r.cells->xy[i], want.cells->xy[i], 1e-4);
    for (int i = 0; i < fh * fw * 2; i++)
        cr_assert_float_eq(r.fine->xy[i], want.fine->xy[i], 1e-4);
    for (int i = 0; i < fh * fw * L; i++)
        cr_assert_float_eq(r.fine->labels[i], want.fine->labels[i], 1e-5);
    close_rig(&r);
    close_rig(&want);
}

Test(anchor, a_frame_that_looks_like_nothing_drawn_keeps_its_votes)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    paint(rgb, ids, 0);
    rig r = open_rig(rgb, ids), want = open_rig(rgb, ids);
    for (int i = 0; i < W * H; i++)
        memset(rgb + 3 * i, i % 2 ? 255 : 0, 3);
    cr_assert_eq(hf_anchor_run(r.anchor, r.cells, r.fine, rgb, NULL, NULL), HF_OK);
    cr_assert_eq(memcmp(r.cells->xy, want.cells->xy, sizeof(float) * h * w * 2), 0);
    cr_assert_eq(memcmp(r.fine->labels, want.fine->labels, sizeof(float) * fh * fw * L), 0);
    close_rig(&r);
    close_rig(&want);
}

/* A rig after 5 frames, and its state at the start of a file. */
static rig saved_rig(FILE *file, uint8_t *rgb, uint8_t *ids)
{
    paint(rgb, ids, 0);
    rig r = open_rig(rgb, ids);
    run_whole_cells(&r, rgb, 1, 5);
    cr_assert_eq(hf_anchor_save(r.anchor, file, "state", NULL), HF_OK);
    rewind(file);
    return r;
}

Test(anchor, a_saved_state_goes_on_bit_for_bit)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    FILE *file = tmpfile();
    rig a = saved_rig(file, rgb, ids);
    paint(rgb, NULL, 0);
    rig b = open_rig(rgb, ids);
    cr_assert_eq(hf_anchor_load(b.anchor, file, "state", NULL), HF_OK);
    run_whole_cells(&a, rgb, 6, 9);
    run_whole_cells(&b, rgb, 6, 9);
    cr_assert_eq(memcmp(a.cells->xy, b.cells->xy, sizeof(float) * h * w * 2), 0);
    cr_assert_eq(memcmp(a.fine->xy, b.fine->xy, sizeof(float) * fh * fw * 2), 0);
    cr_assert_eq(memcmp(a.fine->labels, b.fine->labels, sizeof(float) * fh * fw * L), 0);
    fclose(file);
    close_rig(&a);
    close_rig(&b);
}

Test(anchor, a_state_cut_short_is_refused)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    static char bytes[1 << 20];
    FILE *file = tmpfile();
    rig r = saved_rig(file, rgb, ids);
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    /* nothing, inside the flag, inside the coordinates, inside the picture, one byte short */
    const size_t lengths[] = { 0, 3, 4 + 100, 4 + 8 * h * w + 1000, size - 1 };
    for (int i = 0; i < 5; i++) {
        FILE *cut = tmpfile();
        fwrite(bytes, 1, lengths[i], cut);
        rewind(cut);
        cr_assert_eq(hf_anchor_load(r.anchor, cut, "state", NULL), HF_EFORMAT, "%zu bytes", lengths[i]);
        fclose(cut);
    }
    fclose(file);
    close_rig(&r);
}

Test(anchor, a_state_with_a_senseless_flag_is_refused)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    int32_t flag = 2; /* first of the state; want 0 or 1 */
    FILE *file = tmpfile();
    rig r = saved_rig(file, rgb, ids);
    fwrite(&flag, sizeof(flag), 1, file);
    rewind(file);
    cr_assert_eq(hf_anchor_load(r.anchor, file, "state", NULL), HF_EFORMAT);
    fclose(file);
    close_rig(&r);
}

Test(anchor, a_video_of_one_pixel_can_be_anchored)
{
    uint8_t rgb[3] = { 10, 20, 30 }, ids[1] = { 1 };
    rig r = { 0 };
    cr_assert_eq(hf_backend_open(&r.be, "cpu", 1, NULL), HF_OK);
    cr_assert_eq(hf_anchor_open(&r.anchor, r.be, 1, 1, S, F, NULL), HF_OK);
    cr_assert_eq(hf_cells_new(&r.cells, 1, 1, S, L, NULL), HF_OK);
    cr_assert_eq(hf_cells_new(&r.fine, 1, 1, F, L, NULL), HF_OK);
    r.fine->labels[1] = 1;
    cr_assert_eq(hf_anchor_seed(r.anchor, rgb, ids, NULL), HF_OK);
    for (int t = 0; t < 3; t++)
        cr_assert_eq(hf_anchor_run(r.anchor, r.cells, r.fine, rgb, t ? &(int32_t){ 0 } : NULL, NULL), HF_OK);
    cr_assert_float_eq(r.fine->labels[1], 1, 1e-5);
    close_rig(&r);
}
