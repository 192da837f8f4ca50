/* test_mask.c - mask files of every kind to ids, and what is refused. */
#include "tests/png_maker.h"

#include "io/mask.h"
#include "io/png.h"

#define W 64
#define H 48

/* A picture of W x H painted by rectangles and discs, written as a PNG of the kind wanted. */
typedef struct canvas {
    uint8_t px[H][W][4];
} canvas;

static void paint(canvas *c, int x0, int y0, int x1, int y1, int r, int g, int b, int a)
{
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            memcpy(c->px[y][x], ((uint8_t[]){ (uint8_t)r, (uint8_t)g, (uint8_t)b, (uint8_t)a }), 4);
}

/* A disc whose edge is mixed with what is there, as a painting program does. */
static void soft_disc(canvas *c, double cx, double cy, double radius, int r, int g, int b)
{
    const int ink[3] = { r, g, b };
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            double d2 = (x - cx) * (x - cx) + (y - cy) * (y - cy);
            double t = (radius * radius - d2) / (4 * radius) + 0.5; /* about 2 px wide */
            t = t < 0 ? 0 : t > 1 ? 1 : t;
            for (int k = 0; k < 3; k++)
                c->px[y][x][k] = (uint8_t)(c->px[y][x][k] + t * (ink[k] - c->px[y][x][k]) + 0.5);
        }
}

static const char *save(const canvas *c, hf_png_kind kind)
{
    static uint8_t rows[H * W * 4];
    static const int types[] = { GRAY, GRAY_ALPHA, PALETTE, RGB, RGBA };
    size_t n = (size_t)hf_png_channels(kind), at = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (size_t k = 0; k < n; k++)
                rows[at++] = c->px[y][x][k];
    return write_png("mask.png", W, H, 8, types[kind], rows, W * n, NULL, 0, NULL, 0);
}

static const char *save_indexed(const uint8_t ids[H][W], const uint8_t *palette, int n)
{
    return write_png("mask.png", W, H, 8, PALETTE, &ids[0][0], W, palette, n, NULL, 0);
}

static hf_mask *read_ok(const char *path, const hf_mask_params *params, hf_mask_report *report)
{
    hf_error err = { 0 };
    hf_mask *mask = NULL;
    cr_assert_eq(hf_mask_read(&mask, path, params, report, &err), HF_OK, "%s", err.text);
    return mask;
}

static void refuses(const char *path, const hf_mask_params *params, int status, const char *text)
{
    hf_error err = { 0 };
    hf_mask *mask = (hf_mask *)&err;
    cr_assert_eq(hf_mask_read(&mask, path, params, NULL, &err), status, "%s", err.text);
    cr_assert_null(mask);
    cr_assert(strstr(err.text, text), "want '%s' in: %s", text, err.text);
}

static int id_at(const hf_mask *mask, int x, int y)
{
    return mask->ids[y * mask->width + x];
}

static void base(canvas *c)
{
    memset(c, 0, sizeof(*c));
    paint(c, 0, 0, W, H, 0, 0, 0, 255);
}

Test(mask, the_palette_is_that_of_davis)
{
    uint8_t p[256][3];
    hf_mask_davis_palette(p);
    cr_assert_arr_eq(p, ((const uint8_t[]){ 0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128, 128, 0, 128,
                                            0, 128, 128, 128, 128, 128, 64, 0, 0, 192, 0, 0 }), 30);
    cr_assert_arr_eq(p[255], ((const uint8_t[]){ 224, 224, 192 }), 3);
}

Test(mask, a_palette_index_is_the_id_and_the_palette_is_kept)
{
    uint8_t ids[H][W] = { { 0 } };
    const uint8_t palette[12] = { 0, 0, 0, 9, 9, 9, 200, 1, 2, 50, 60, 70 };
    hf_mask_report report;
    for (int x = 0; x < 10; x++)
        ids[5][x] = 3, ids[6][x] = 1;
    hf_mask *mask = read_ok(save_indexed(ids, palette, 4), NULL, &report);
    cr_assert_arr_eq(mask->ids, ids, W * H);
    cr_assert(mask->n_palette == 4 && !memcmp(mask->palette, palette, 12));
    cr_assert(report.n_ids == 2 && report.ids[0] == 1 && report.ids[1] == 3 && report.area_px[3] == 10);
    cr_assert(strstr(report.text, "palette PNG 64x48") && strstr(report.text, "2 objects: ids 1 (10 px), 3 (10 px)"),
              "%s", report.text);
    cr_assert_str_empty(report.warning);
    hf_mask_free(&mask);
}

Test(mask, void_becomes_background_unless_it_is_all_there_is)
{
    uint8_t ids[H][W] = { { 0 } }, palette[768];
    hf_mask_report report;
    memset(palette, 100, sizeof(palette));
    memset(palette, 0, 3);
    memset(ids[3], 255, 20);
    hf_mask *mask = read_ok(save_indexed(ids, palette, 256), NULL, &report);
    cr_assert(id_at(mask, 5, 3) == 1 && report.void_px == 0);
    hf_mask_free(&mask);

    memset(ids[4], 2, 20);
    mask = read_ok(save_indexed(ids, palette, 256), NULL, &report);
    cr_assert(id_at(mask, 5, 3) == 0 && id_at(mask, 5, 4) == 2 && report.void_px == 20);
    cr_assert(strstr(report.warning, "void"), "%s", report.warning);
    hf_mask_free(&mask);

    mask = read_ok(save_indexed(ids, palette, 256), &(hf_mask_params){ .mode = HF_MASK_INDEX }, &report);
    cr_assert_eq(id_at(mask, 5, 3), 255);
    hf_mask_free(&mask);
}

Test(mask, davis_ids_are_taken_as_they_are_with_the_palette_of_davis)
{
    static uint8_t ids[H][W]; /* 40 would be a brightness, 255 is void */
    static const uint8_t odd_palette[9] = { 200, 0, 0, 0, 0, 0, 9, 9, 9 };
    const hf_mask_params params = { .mode = HF_MASK_DAVIS, .tolerance = 16 };
    hf_mask_report report;
    memset(ids[3], 40, W), memset(ids[4], 255, W), memset(ids[5], 2, W);
    hf_mask *mask = read_ok(write_png("mask.png", W, H, 8, GRAY, &ids[0][0], W, NULL, 0, NULL, 0), &params, &report);
    cr_assert_eq(mask->ids[3 * W], 40);
    cr_assert_eq(mask->ids[4 * W], 0);
    cr_assert_eq(mask->ids[5 * W], 2);
    cr_assert_eq(report.n_ids, 2);
    cr_assert_str_eq(report.warning, "");
    hf_mask_free(&mask);
    memset(ids, 0, sizeof(ids)), memset(ids[3], 1, W);
    mask = read_ok(save_indexed(ids, odd_palette, 3), &params, NULL);
    cr_assert_eq(mask->ids[0], 0); /* whatever colour it has */
    cr_assert_eq(mask->ids[3 * W], 1);
    cr_assert_eq(mask->n_palette, 0);
    cr_assert_eq(mask->palette[1][0], 128);
    hf_mask_free(&mask);
    memset(ids[3], 255, W);
    static const uint8_t gray_palette[768] = { 0 };
    mask = read_ok(save_indexed(ids, gray_palette, 256), &params, NULL);
    cr_assert_eq(mask->ids[3 * W], 1); /* DAVIS 2016: 255 is the object */
    hf_mask_free(&mask);
}

Test(mask, single_joins_everything_that_is_not_black)
{
    const hf_mask_params params = { .mode = HF_MASK_SINGLE };
    static uint8_t ids[H][W];
    canvas c = { 0 };
    paint(&c, 0, 0, W, H, 0, 0, 0, 255); /* opaque black is background */
    paint(&c, 2, 2, 9, 9, 0, 0, 7, 0);   /* transparent blue is not */
    hf_mask *mask = read_ok(save(&c, HF_PNG_RGBA), &params, NULL);
    cr_assert_eq(mask->ids[0], 0);
    cr_assert_eq(mask->ids[3 * W + 3], 1);
    hf_mask_free(&mask);
    ids[1][1] = 1, ids[1][2] = 2, ids[1][3] = 255;
    mask = read_ok(write_png("mask.png", W, H, 8, GRAY, &ids[0][0], W, NULL, 0, NULL, 0), &params, NULL);
    cr_assert_arr_eq(mask->ids + W, ((uint8_t[]){ 0, 1, 1, 1, 0 }), 5);
    hf_mask_free(&mask);
}

Test(mask, davis_ids_of_16_bits_are_refused)
{
    static const uint8_t deep[4] = { 1, 0, 0, 1 };
    const hf_mask_params params = { .mode = HF_MASK_DAVIS };
    refuses(write_png("mask.png", 2, 1, 16, GRAY, deep, 4, NULL, 0, NULL, 0), &params, HF_EFORMAT, "16-bit samples");
}

Test(mask, ids_of_16_bits_over_255_are_refused_and_not_joined)
{
    const uint8_t deep[] = { 0, 2, 1, 44 }; /* 2 and 300 */
    refuses(write_png("mask.png", 2, 1, 16, GRAY, deep, 4, NULL, 0, NULL, 0), NULL, HF_EFORMAT, "values up to 300");
}

Test(mask, ids_of_16_bits_up_to_255_are_read)
{
    const uint8_t deep[] = { 0, 2, 0, 200 };
    hf_mask *mask = read_ok(write_png("mask.png", 2, 1, 16, GRAY, deep, 4, NULL, 0, NULL, 0), NULL, NULL);
    cr_assert_eq(mask->ids[0], 2);
    cr_assert_eq(mask->ids[1], 200);
    hf_mask_free(&mask);
}

Test(mask, a_palette_that_begins_with_white_is_read_by_colour)
{
    uint8_t ids[H][W];
    const uint8_t palette[6] = { 255, 255, 255, 0, 0, 0 };
    memset(ids, 1, sizeof(ids));
    for (int y = 10; y < 20; y++)
        memset(ids[y] + 10, 0, 10);
    hf_mask *mask = read_ok(save_indexed(ids, palette, 2), NULL, NULL);
    cr_assert(id_at(mask, 15, 15) == 1 && id_at(mask, 1, 1) == 0);
    hf_mask_free(&mask);
}

Test(mask, white_on_black_is_one_object_in_gray_and_in_rgb)
{
    canvas c;
    for (int kind = HF_PNG_GRAY; kind <= HF_PNG_RGB; kind += HF_PNG_RGB - HF_PNG_GRAY) {
        hf_mask_report report;
        base(&c);
        paint(&c, 8, 8, 20, 20, 255, 255, 255, 255);
        hf_mask *mask = read_ok(save(&c, (hf_png_kind)kind), NULL, &report);
        cr_assert(report.n_ids == 1 && report.area_px[1] == 144);
        cr_assert_str_empty(report.warning);
        hf_mask_free(&mask);
    }
}

Test(mask, small_gray_values_are_ids_in_gray_and_in_rgb_and_in_red)
{
    canvas c;
    for (int variant = 0; variant < 3; variant++) {
        hf_mask_report report;
        int other = variant == 2 ? 0 : 7;
        base(&c);
        paint(&c, 8, 8, 20, 20, 7, other, other, 255);
        paint(&c, 30, 8, 40, 20, 12, variant == 2 ? 0 : 12, variant == 2 ? 0 : 12, 255);
        hf_mask *mask = read_ok(save(&c, variant ? HF_PNG_RGB : HF_PNG_GRAY), NULL, &report);
        cr_assert(report.n_ids == 2 && id_at(mask, 10, 10) == 7 && id_at(mask, 35, 10) == 12, "variant %d", variant);
        hf_mask_free(&mask);
    }
}

Test(mask, gray_levels_are_objects_by_brightness)
{
    canvas c;
    base(&c);
    paint(&c, 2, 2, 14, 14, 200, 200, 200, 255);
    paint(&c, 20, 2, 34, 14, 100, 100, 100, 255);
    hf_mask *mask = read_ok(save(&c, HF_PNG_GRAY), NULL, NULL);
    cr_assert(id_at(mask, 25, 8) == 1 && id_at(mask, 8, 8) == 2);
    hf_mask_free(&mask);
}

Test(mask, the_gray_of_davis_colours_gets_the_davis_ids)
{
    canvas c; /* 75 and 113 are what dropping the palette makes of ids 2 and 3 */
    base(&c);
    paint(&c, 2, 2, 14, 14, 113, 113, 113, 255);
    paint(&c, 20, 2, 34, 14, 75, 75, 75, 255);
    hf_mask *mask = read_ok(save(&c, HF_PNG_GRAY), NULL, NULL);
    cr_assert(id_at(mask, 8, 8) == 3 && id_at(mask, 25, 8) == 2);
    hf_mask_free(&mask);
}

Test(mask, a_soft_gray_mask_is_cut_at_half_and_says_so)
{
    canvas c;
    hf_mask_report report;
    base(&c);
    for (int x = 0; x < W; x++)
        paint(&c, x, 0, x + 1, H, x * 4, x * 4, x * 4, 255);
    paint(&c, 0, 0, 3, H, 1, 1, 1, 255);
    paint(&c, W - 1, 0, W, H, 255, 255, 255, 255);
    for (int x = 0; x < W; x++)
        c.px[0][x][0] = (uint8_t)(4 * x + 2); /* over 64 levels */
    hf_mask *mask = read_ok(save(&c, HF_PNG_GRAY), NULL, &report);
    cr_assert(id_at(mask, 31, 5) == 0 && id_at(mask, 32, 5) == 1 && report.n_ids == 1);
    cr_assert(strstr(report.warning, "cut at half"), "%s", report.warning);
    hf_mask_free(&mask);
}

Test(mask, colours_become_ids_in_the_order_in_which_they_appear)
{
    canvas c;
    base(&c);
    paint(&c, 30, 2, 40, 10, 0, 0, 255, 255);
    paint(&c, 5, 20, 20, 30, 255, 0, 0, 255);
    hf_mask *mask = read_ok(save(&c, HF_PNG_RGB), NULL, NULL);
    cr_assert(id_at(mask, 35, 5) == 1 && id_at(mask, 10, 25) == 2);
    cr_assert_arr_eq(mask->palette[1], ((const uint8_t[]){ 0, 0, 255 }), 3);
    hf_mask_free(&mask);
}

Test(mask, davis_colours_keep_their_ids)
{
    canvas c;
    base(&c);
    paint(&c, 30, 2, 40, 10, 128, 128, 0, 255);
    paint(&c, 5, 20, 20, 30, 128, 0, 0, 255);
    hf_mask *mask = read_ok(save(&c, HF_PNG_RGB), NULL, NULL);
    cr_assert(id_at(mask, 35, 5) == 3 && id_at(mask, 10, 25) == 1);
    hf_mask_free(&mask);
}

Test(mask, a_colour_is_the_same_object_in_all_key_frames)
{
    canvas c;
    hf_mask_colors colors = { 0 };
    hf_mask_params params = HF_MASK_DEFAULTS;
    params.colors = &colors;
    base(&c);
    paint(&c, 2, 2, 12, 12, 255, 0, 0, 255);
    paint(&c, 2, 20, 12, 32, 0, 255, 0, 255);
    hf_mask *mask = read_ok(save(&c, HF_PNG_RGB), &params, NULL);
    hf_mask_free(&mask);
    base(&c); /* the other order, and a new colour first */
    paint(&c, 30, 0, 40, 10, 0, 0, 255, 255);
    paint(&c, 2, 12, 12, 20, 0, 255, 0, 255);
    paint(&c, 2, 25, 12, 35, 255, 0, 0, 255);
    mask = read_ok(save(&c, HF_PNG_RGB), &params, NULL);
    cr_assert(id_at(mask, 5, 30) == 1 && id_at(mask, 5, 15) == 2 && id_at(mask, 35, 5) == 3);
    hf_mask_free(&mask);
}

Test(mask, soft_edges_do_not_become_objects)
{
    canvas c;
    hf_mask_report report;
    base(&c);
    soft_disc(&c, 16, 16, 11, 255, 0, 0);
    soft_disc(&c, 44, 28, 13, 0, 200, 80);
    hf_mask *mask = read_ok(save(&c, HF_PNG_RGB), NULL, &report);
    cr_assert_eq(report.n_ids, 2, "%s", report.text);
    cr_assert(report.snapped_px > 50 && strstr(report.warning, "edge colours"), "%s", report.warning);
    /* pi 121 = 380 and pi 169 = 531; the cut lies at half cover, give it half a pixel of edge */
    cr_assert(llabs(report.area_px[1] - 380) < 35 && llabs(report.area_px[2] - 531) < 41, "%s", report.text);
    hf_mask_free(&mask);
}

Test(mask, an_edge_that_has_another_objects_colour_stays_with_its_neighbour)
{
    canvas c; /* half of (255,0,0) on black is (128,0,0), the colour of the far square */
    hf_mask_report report;
    base(&c);
    soft_disc(&c, 16, 24, 12, 255, 0, 0);
    paint(&c, 46, 4, 60, 18, 128, 0, 0, 255);
    hf_mask *mask = read_ok(save(&c, HF_PNG_RGB), NULL, &report);
    int square = id_at(mask, 50, 10), near_disc = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < 36; x++)
            near_disc += id_at(mask, x, y) == square;
    cr_assert_eq(report.n_ids, 2);
    /* Of some 200 px only those within the tolerance of the very colour: 33 of 256 levels, and a few. */
    cr_assert_leq(near_disc, 32, "%d px of the ring", near_disc);
    hf_mask_free(&mask);
}

Test(mask, thin_lines_of_a_hard_mask_are_objects)
{
    canvas c;
    hf_mask_report report;
    base(&c);
    paint(&c, 5, 5, 50, 6, 255, 255, 0, 255);
    paint(&c, 5, 20, 20, 40, 0, 0, 255, 255);
    hf_mask *mask = read_ok(save(&c, HF_PNG_RGB), NULL, &report);
    cr_assert(report.n_ids == 2 && report.area_px[1] == 45);
    hf_mask_free(&mask);
}

Test(mask, transparent_is_background_and_a_black_shape_is_an_object)
{
    canvas c;
    hf_mask_report report;
    memset(&c, 0, sizeof(c));
    paint(&c, 0, 0, W, H, 250, 250, 250, 0); /* a colour nobody sees */
    paint(&c, 5, 5, 25, 25, 0, 255, 0, 255);
    hf_mask *mask = read_ok(save(&c, HF_PNG_RGBA), NULL, &report);
    cr_assert(report.n_ids == 1 && report.area_px[1] == 400);
    hf_mask_free(&mask);

    paint(&c, 5, 5, 25, 25, 0, 0, 0, 255);
    mask = read_ok(save(&c, HF_PNG_RGBA), NULL, &report);
    cr_assert(report.n_ids == 1 && report.area_px[1] == 400);
    hf_mask_free(&mask);
}

static void noise(canvas *c, int x0, int y0, int x1, int y1)
{
    uint32_t s = 1;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            s = s * 1664525u + 1013904223u;
            paint(c, x, y, x + 1, y + 1, (int)(s >> 24), (int)(s >> 16 & 255), (int)(s >> 8 & 255), 255);
        }
}

Test(mask, a_photo_is_refused_and_a_cut_out_photo_is_one_object)
{
    canvas c;
    hf_mask_report report;
    noise(&c, 0, 0, W, H);
    refuses(save(&c, HF_PNG_RGB), NULL, HF_EFORMAT, "looks like a photo");
    memset(&c, 0, sizeof(c));
    noise(&c, 10, 10, 30, 30);
    hf_mask *mask = read_ok(save(&c, HF_PNG_RGBA), NULL, &report);
    cr_assert(report.n_ids == 1 && report.area_px[1] == 400);
    cr_assert(strstr(report.warning, "opaque part is one object"), "%s", report.warning);
    hf_mask_free(&mask);
}

Test(mask, more_than_255_colours_with_an_area_are_refused)
{
    static uint8_t rows[102][3 * 102]; /* 17 x 17 squares of 6 x 6 px */
    for (int by = 0; by < 17; by++)
        for (int bx = 0; bx < 17; bx++)
            for (int y = 0; y < 6; y++)
                for (int x = 0; x < 6; x++) {
                    uint8_t *p = &rows[by * 6 + y][3 * (bx * 6 + x)];
                    p[0] = (uint8_t)(bx * 15 + 1), p[1] = (uint8_t)(by * 15 + 1), p[2] = 90;
                }
    hf_mask_params params = { .tolerance = 4 };
    refuses(write_png("many.png", 102, 102, 8, RGB, &rows[0][0], sizeof(rows[0]), NULL, 0, NULL, 0), &params,
            HF_EFORMAT, "more than 255");
}

Test(mask, an_empty_mask_is_refused_with_advice)
{
    canvas c;
    base(&c);
    refuses(save(&c, HF_PNG_GRAY), NULL, HF_EFORMAT, "has no object");
    refuses(save(&c, HF_PNG_RGB), NULL, HF_EFORMAT, "has no object");
}

Test(mask, a_forced_reading_that_the_file_cannot_give_is_refused)
{
    canvas c;
    base(&c);
    paint(&c, 5, 5, 20, 20, 255, 0, 0, 255);
    const char *path = save(&c, HF_PNG_RGB);
    refuses(path, &(hf_mask_params){ .mode = HF_MASK_PALETTE }, HF_EFORMAT, "wants a palette PNG");
    refuses(path, &(hf_mask_params){ .mode = HF_MASK_INDEX }, HF_EFORMAT, "has no index");
    refuses(path, &(hf_mask_params){ .mode = HF_MASK_ALPHA }, HF_EFORMAT, "without transparency");
    refuses(path, &(hf_mask_params){ .tolerance = 300 }, HF_EARG, "0..255");
}

Test(mask, alpha_and_gray_can_be_forced)
{
    canvas c;
    hf_mask_report report;
    base(&c);
    paint(&c, 0, 0, W, H, 200, 200, 200, 100);
    paint(&c, 5, 5, 15, 15, 10, 10, 10, 200);
    const char *path = save(&c, HF_PNG_RGBA);
    hf_mask *mask = read_ok(path, &(hf_mask_params){ .mode = HF_MASK_ALPHA }, &report);
    cr_assert_eq(report.area_px[1], 100);
    hf_mask_free(&mask);
    base(&c);
    paint(&c, 5, 5, 15, 15, 127, 127, 127, 255);
    paint(&c, 20, 5, 30, 15, 128, 128, 128, 255);
    mask = read_ok(save(&c, HF_PNG_RGB), &(hf_mask_params){ .mode = HF_MASK_GRAY }, &report);
    cr_assert(report.area_px[1] == 100 && id_at(mask, 25, 10) == 1);
    hf_mask_free(&mask);
}

Test(mask, oddities_are_warned_of)
{
    canvas c;
    hf_mask_report report;
    base(&c);
    paint(&c, 0, 0, W, H, 1, 1, 1, 255);
    paint(&c, 5, 5, 6, 7, 2, 2, 2, 255);
    hf_mask *mask = read_ok(save(&c, HF_PNG_GRAY), NULL, &report);
    cr_assert(strstr(report.warning, "stray") && strstr(report.warning, "no background"), "%s", report.warning);
    hf_mask_free(&mask);
}

Test(mask, words_of_the_options_are_understood_or_refused)
{
    hf_mask_mode mode;
    hf_fit fit;
    hf_error err = { 0 };
    cr_assert(hf_mask_mode_parse(&mode, "alpha", NULL) == HF_OK && mode == HF_MASK_ALPHA);
    cr_assert(hf_fit_parse(&fit, "crop", NULL) == HF_OK && fit == HF_FIT_CROP);
    cr_assert_eq(hf_mask_mode_parse(&mode, "blue", &err), HF_EARG);
    cr_assert_str_eq(err.text, "--mask-colors is blue, want auto, palette, index, rgb, alpha, gray, davis or single");
    cr_assert_eq(hf_fit_parse(&fit, "", &err), HF_EARG);
}

static hf_mask *quarters(int width, int height)
{
    hf_mask *mask;
    cr_assert_eq(hf_mask_new(&mask, width, height, NULL), HF_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            mask->ids[y * width + x] = (uint8_t)(1 + (x >= width / 2) + 2 * (y >= height / 2));
    return mask;
}

Test(mask, a_mask_of_the_same_shape_is_scaled_with_a_warning)
{
    char warning[256];
    hf_mask *mask = quarters(32, 16);
    cr_assert_eq(hf_mask_fit(mask, 64, 32, HF_FIT_STRICT, "m.png", warning, sizeof(warning), NULL), HF_OK);
    cr_assert_str_eq(warning, "m.png: is 32x16, the frame is 64x32: scaled");
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 64; x++)
            cr_assert_eq(id_at(mask, x, y), 1 + (x >= 32) + 2 * (y >= 16));
    cr_assert_eq(hf_mask_fit(mask, 64, 32, HF_FIT_STRICT, "m.png", warning, sizeof(warning), NULL), HF_OK);
    cr_assert_str_empty(warning);
    hf_mask_free(&mask);
}

Test(mask, a_mask_of_another_shape_is_refused_unless_told_how_to_fit_it)
{
    char warning[256];
    hf_error err = { 0 };
    hf_mask *mask = quarters(40, 40);
    cr_assert_eq(hf_mask_fit(mask, 80, 40, HF_FIT_STRICT, "m.png", NULL, 0, &err), HF_EARG);
    cr_assert(strstr(err.text, "40x40") && strstr(err.text, "80x40") && strstr(err.text, "--mask-fit"), "%s", err.text);
    cr_assert(mask->width == 40 && id_at(mask, 39, 39) == 4);
    cr_assert_eq(hf_mask_fit(mask, 80, 40, HF_FIT_CROP, "m.png", warning, sizeof(warning), NULL), HF_OK);
    cr_assert(strstr(warning, "cut"), "%s", warning);
    /* Twice as large and cut above and below: the middle is still in the middle. */
    cr_assert(id_at(mask, 39, 19) == 1 && id_at(mask, 40, 19) == 2 && id_at(mask, 39, 20) == 3);
    hf_mask_free(&mask);

    mask = quarters(40, 40);
    cr_assert_eq(hf_mask_fit(mask, 80, 40, HF_FIT_SCALE, "m.png", warning, sizeof(warning), NULL), HF_OK);
    cr_assert(strstr(warning, "stretched") && id_at(mask, 40, 20) == 4);
    hf_mask_free(&mask);
}

Test(mask, a_mask_that_lies_on_its_side_is_told_so)
{
    hf_error err = { 0 };
    hf_mask *mask = quarters(108, 60);
    cr_assert_eq(hf_mask_fit(mask, 30, 54, HF_FIT_STRICT, "m.png", NULL, 0, &err), HF_EARG);
    cr_assert(strstr(err.text, "on its side") && strstr(err.text, "108x60") && strstr(err.text, "30x54"), "%s", err.text);
    cr_assert_eq(hf_mask_fit(mask, 30, 55, HF_FIT_STRICT, "m.png", NULL, 0, &err), HF_EARG);
    cr_assert(!strstr(err.text, "on its side"), "%s", err.text); /* another shape either way */
    cr_assert_eq(hf_mask_fit(mask, 30, 54, HF_FIT_SCALE, "m.png", NULL, 0, &err), HF_OK);
    hf_mask_free(&mask);
}

Test(mask, a_mask_that_vanishes_in_fitting_is_refused)
{
    hf_error err = { 0 };
    hf_mask *mask;
    hf_mask_new(&mask, 100, 100, NULL);
    mask->ids[0] = 1;
    cr_assert_eq(hf_mask_fit(mask, 10, 10, HF_FIT_STRICT, "m.png", NULL, 0, &err), HF_EARG);
    cr_assert(strstr(err.text, "no object is left"), "%s", err.text);
    cr_assert(mask->width == 100 && mask->ids[0] == 1);
    hf_mask_free(&mask);
}

Test(mask, what_is_written_is_read_back_with_its_ids)
{
    hf_error err = { 0 };
    hf_mask *mask, *back;
    const char *path = temp_path("out.png");
    cr_assert_eq(hf_mask_new(&mask, 300, 2, &err), HF_OK);
    for (int i = 0; i < 300; i++)
        mask->ids[i] = (uint8_t)(i % 255);
    cr_assert_eq(hf_mask_write(path, mask, &err), HF_OK, "%s", err.text);
    back = read_ok(path, NULL, NULL);
    cr_assert_arr_eq(back->ids, mask->ids, 600);
    cr_assert(back->n_palette == 256 && !memcmp(back->palette, mask->palette, 768));
    hf_mask_free(&back);
    mask->n_palette = 3; /* too short for the ids: it grows */
    cr_assert_eq(hf_mask_write(path, mask, &err), HF_OK);
    back = read_ok(path, NULL, NULL);
    cr_assert_eq(back->n_palette, 255);
    hf_mask_free(&back);
    hf_mask_free(&mask);
}

Test(mask, mattes_are_gray_files_of_8_or_16_bits)
{
    uint16_t deep[4] = { 0, 257, 40000, 65535 };
    hf_png *png;
    const char *path = temp_path("matte.png");
    cr_assert_eq(hf_matte_write(path, deep, 2, 2, 16, NULL), HF_OK);
    cr_assert_eq(hf_png_read(&png, path, NULL), HF_OK);
    cr_assert(png->kind == HF_PNG_GRAY && png->bits == 16 && !memcmp(png->pixels, deep, 8));
    hf_png_free(&png);
    cr_assert_eq(hf_matte_write(path, deep, 2, 2, 12, NULL), HF_EARG);
}
