/* test_context.c - `--match context` over a few frames, its saved state and its refusals. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/context.h"

enum { W = 160, H = 96, h = 12, w = 20, L = 3 };

static uint8_t picture[(H + 64) * (W + 64) * 3]; /* more than a frame: frames are cut out of it */

static void paint_picture(void)
{
    srand(3);
    for (size_t i = 0; i < sizeof(picture); i++)
        picture[i] = (uint8_t)(rand() % 256);
    /* Random pixels have no structure at the scale of a cell; average some away. */
    for (int pass = 0; pass < 3; pass++)
        for (size_t i = 0; i + 3 * (W + 64) + 3 < sizeof(picture); i++)
            picture[i] = (uint8_t)((picture[i] + picture[i + 3] + picture[i + 3 * (W + 64)] +
                                    picture[i + 3 * (W + 64) + 3]) / 4);
}

static void cut(uint8_t *rgb, int x0, int y0)
{
    for (int y = 0; y < H; y++)
        memcpy(rgb + y * W * 3, picture + ((y + y0) * (W + 64) + x0) * 3, W * 3);
}

/* Two rectangles along cell borders, so that every cell has one label. */
static void draw(uint8_t *ids)
{
    memset(ids, 0, W * H);
    for (int y = 24; y < 64; y++) {
        memset(ids + y * W + 40, 1, 32);
        memset(ids + y * W + 88, 2, 24);
    }
}

typedef struct rig {
    hf_backend *be;
    hf_model   *model;
    hf_context *context;
    hf_cells   *cells;
} rig;

/* Two threads where results must not depend on them; one is quicker on a busy machine. */
static rig open_rig(const hf_context_params *p, int n_threads)
{
    rig r = { 0 };
    int ch, cw, stride;
    cr_assert_eq(hf_backend_open(&r.be, "cpu", n_threads, NULL), HF_OK);
    cr_assert_eq(hf_model_open(&r.model, r.be, &(hf_model_params){ .name = "classic" }, NULL), HF_OK);
    cr_assert_eq(hf_context_open(&r.context, r.model, W, H, p, NULL), HF_OK);
    hf_context_cells_shape(r.context, &ch, &cw, &stride);
    cr_assert_eq(hf_cells_new(&r.cells, ch, cw, stride, L, NULL), HF_OK);
    return r;
}

static void close_rig(rig *r)
{
    hf_cells_free(&r->cells);
    hf_context_close(&r->context);
    hf_model_close(&r->model);
    hf_backend_close(&r->be);
}

static int winner(const hf_cells *c, int cell)
{
    int best = 0;
    for (int l = 1; l < c->n_labels; l++)
        if (c->labels[cell * c->n_labels + l] > c->labels[cell * c->n_labels + best])
            best = l;
    return best;
}

static int drawn_label(const hf_cells *c, const uint8_t *ids, int x, int y)
{
    int s = c->stride_px;
    return ids[(y * s + s / 2) * W + x * s + s / 2];
}

Test(context, an_unchanged_video_keeps_every_cells_label)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    rig r = open_rig(&(hf_context_params)HF_CONTEXT_DEFAULTS, 1);
    paint_picture();
    cut(rgb, 0, 0);
    draw(ids);
    cr_assert_eq(hf_context_seed(r.context, rgb, ids, L, NULL), HF_OK);
    for (int t = 0; t < 10; t++)
        cr_assert_eq(hf_context_step(r.context, r.cells, rgb, NULL), HF_OK);
    for (int y = 0; y < r.cells->h; y++)
        for (int x = 0; x < r.cells->w; x++)
            cr_assert_eq(winner(r.cells, y * r.cells->w + x), drawn_label(r.cells, ids, x, y),
                         "cell %d, %d", x, y);
    close_rig(&r);
}

Test(context, a_picture_moved_by_whole_cells_is_tracked)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    rig r = open_rig(&(hf_context_params)HF_CONTEXT_DEFAULTS, 1);
    paint_picture();
    cut(rgb, 0, 0);
    draw(ids);
    cr_assert_eq(hf_context_seed(r.context, rgb, ids, L, NULL), HF_OK);
    for (int t = 1; t <= 3; t++) {
        cut(rgb, 8 * t, 0);
        cr_assert_eq(hf_context_step(r.context, r.cells, rgb, NULL), HF_OK);
    }
    /* What is seen at x was drawn at x + 24. Three cells from the border descriptors see only what
     * moved. The vote of 5 may blend neighbours: half a cell is allowed, a wrong cell is not. */
    int s = r.cells->stride_px, margin = 24 / s;
    for (int y = margin; y < r.cells->h - margin; y++)
        for (int x = margin; x < r.cells->w - margin - 24 / s; x++) {
            int cell = y * r.cells->w + x;
            float centre_x = ((float)x + 0.5f) * (float)s - 0.5f, centre_y = ((float)y + 0.5f) * (float)s - 0.5f;
            cr_assert_eq(winner(r.cells, cell), drawn_label(r.cells, ids, x + 24 / s, y), "cell %d, %d", x, y);
            cr_assert_float_eq(r.cells->xy[2 * cell], centre_x + 24, 4, "cell %d, %d", x, y);
            cr_assert_float_eq(r.cells->xy[2 * cell + 1], centre_y, 4, "cell %d, %d", x, y);
        }
    close_rig(&r);
}

Test(context, a_saved_state_goes_on_bit_for_bit)
{
    static uint8_t first[W * H * 3], rgb[W * H * 3], ids[W * H];
    hf_context_params p = HF_CONTEXT_DEFAULTS;
    p.n_recent = 3;
    rig a = open_rig(&p, 2), b = open_rig(&p, 2);
    FILE *file = tmpfile();
    paint_picture();
    cut(first, 0, 0);
    draw(ids);
    cr_assert_eq(hf_context_seed(a.context, first, ids, L, NULL), HF_OK);
    for (int t = 1; t <= 5; t++) {
        cut(rgb, 3 * t, t);
        cr_assert_eq(hf_context_step(a.context, a.cells, rgb, NULL), HF_OK);
    }
    cr_assert_eq(hf_context_save(a.context, file, "state", NULL), HF_OK);
    rewind(file);
    cr_assert_eq(hf_context_seed(b.context, first, ids, L, NULL), HF_OK);
    cr_assert_eq(hf_context_load(b.context, file, "state", NULL), HF_OK);
    for (int t = 6; t <= 8; t++) {
        cut(rgb, 3 * t, t);
        cr_assert_eq(hf_context_step(a.context, a.cells, rgb, NULL), HF_OK);
        cr_assert_eq(hf_context_step(b.context, b.cells, rgb, NULL), HF_OK);
    }
    size_t n = (size_t)a.cells->h * a.cells->w;
    cr_assert_eq(memcmp(a.cells->labels, b.cells->labels, n * L * sizeof(float)), 0);
    cr_assert_eq(memcmp(a.cells->xy, b.cells->xy, n * 2 * sizeof(float)), 0);
    cr_assert_eq(memcmp(a.cells->similarity, b.cells->similarity, n * sizeof(float)), 0);
    fclose(file);
    close_rig(&a);
    close_rig(&b);
}

Test(context, a_state_of_other_settings_or_cut_short_is_refused)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    hf_context_params p = HF_CONTEXT_DEFAULTS, other = HF_CONTEXT_DEFAULTS;
    p.n_recent = 2, other.n_recent = 3;
    rig a = open_rig(&p, 1), b = open_rig(&other, 1);
    FILE *file = tmpfile(), *cut_short = tmpfile();
    char bytes[1000];
    paint_picture();
    cut(rgb, 0, 0);
    draw(ids);
    cr_assert_eq(hf_context_seed(a.context, rgb, ids, L, NULL), HF_OK);
    cr_assert_eq(hf_context_seed(b.context, rgb, ids, L, NULL), HF_OK);
    cr_assert_eq(hf_context_save(a.context, file, "state", NULL), HF_OK);
    rewind(file);
    cr_assert_eq(hf_context_load(b.context, file, "state", NULL), HF_EFORMAT);
    rewind(file);
    cr_assert_eq(fread(bytes, 1, sizeof(bytes), file), sizeof(bytes));
    fwrite(bytes, 1, sizeof(bytes), cut_short);
    rewind(cut_short);
    cr_assert_eq(hf_context_load(a.context, cut_short, "state", NULL), HF_EFORMAT);
    cr_assert_eq(hf_context_load(a.context, cut_short, "state", NULL), HF_EFORMAT); /* at its end */
    fclose(file);
    fclose(cut_short);
    close_rig(&a);
    close_rig(&b);
}

Test(context, parameters_outside_their_ranges_are_refused)
{
    static const hf_context_params bad[] = {
        { 0, 5, 12, 20, 0.1f, 0 }, { 65, 5, 12, 20, 0.1f, 0 }, { 7, 0, 12, 20, 0.1f, 0 }, { 7, 33, 12, 20, 0.1f, 0 },
        { 7, 5, -1, 20, 0.1f, 0 }, { 7, 5, 1025, 20, 0.1f, 0 }, { 7, 5, 12, -1, 0.1f, 0 },
        { 7, 5, 12, 1025, 0.1f, 0 }, { 7, 5, 12, 20, 0, 0 }, { 7, 5, 12, 20, NAN, 0 },
    };
    hf_backend *be;
    hf_model *model;
    hf_context *c;
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, NULL), HF_OK);
    cr_assert_eq(hf_model_open(&model, be, &(hf_model_params){ .name = "classic" }, NULL), HF_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_eq(hf_context_open(&c, model, W, H, &bad[i], NULL), HF_EARG, "case %zu", i);
        cr_assert_null(c);
    }
    cr_assert_eq(hf_context_open(&c, model, 0, H, &(hf_context_params)HF_CONTEXT_DEFAULTS, NULL), HF_EARG);
    hf_model_close(&model);
    hf_backend_close(&be);
}

Test(context, a_mask_with_too_high_ids_and_cells_that_do_not_fit_are_refused)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    rig r = open_rig(&(hf_context_params)HF_CONTEXT_DEFAULTS, 1);
    cr_assert_eq(hf_context_step(r.context, r.cells, rgb, NULL), HF_EARG); /* not seeded */
    ids[7] = L;
    cr_assert_eq(hf_context_seed(r.context, rgb, ids, L, NULL), HF_EARG);
    cr_assert_eq(hf_context_seed(r.context, rgb, ids, 0, NULL), HF_EARG);
    ids[7] = 0;
    cr_assert_eq(hf_context_seed(r.context, rgb, ids, L + 1, NULL), HF_OK);
    cr_assert_eq(hf_context_step(r.context, r.cells, rgb, NULL), HF_EARG); /* cells have L labels */
    close_rig(&r);
}

Test(context, one_pixel_is_a_video_too)
{
    hf_backend *be;
    hf_model *model;
    hf_context *c;
    hf_cells *cells;
    uint8_t rgb[3] = { 1, 2, 3 }, ids[1] = { 1 };
    int ch, cw, stride;
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, NULL), HF_OK);
    cr_assert_eq(hf_model_open(&model, be, &(hf_model_params){ .name = "classic" }, NULL), HF_OK);
    cr_assert_eq(hf_context_open(&c, model, 1, 1, &(hf_context_params)HF_CONTEXT_DEFAULTS, NULL), HF_OK);
    hf_context_cells_shape(c, &ch, &cw, &stride);
    cr_assert_eq(hf_cells_new(&cells, ch, cw, stride, 2, NULL), HF_OK);
    cr_assert_eq(hf_context_seed(c, rgb, ids, 2, NULL), HF_OK);
    cr_assert_eq(hf_context_step(c, cells, rgb, NULL), HF_OK);
    cr_assert_eq(winner(cells, 0), 1);
    hf_cells_free(&cells);
    hf_context_close(&c);
    hf_model_close(&model);
    hf_backend_close(&be);
}
