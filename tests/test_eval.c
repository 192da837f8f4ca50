/* test_eval.c - J, F and their statistics against values worked out by hand and against
 * the plain definition. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "propagate/eval.h"

/* A picture of one character a pixel; '.' is id 0, digits are ids. */
static void draw(uint8_t *ids, const char *picture)
{
    for (int i = 0; i < 64; i++)
        ids[i] = picture[i] == '.' ? 0 : (uint8_t)(picture[i] - '0');
}

static hf_eval_score score_8x8(const char *truth, const char *result, const uint8_t *ignore, int id)
{
    uint8_t a[64], b[64];
    hf_eval *eval;
    hf_eval_score s;

    draw(a, truth);
    draw(b, result);
    cr_assert_eq(hf_eval_new(&eval, 8, 8, NULL), HF_OK);
    s = hf_eval_frame(eval, a, b, ignore, id);
    hf_eval_free(&eval);
    return s;
}

static const char SQUARE[] = "........"
                             "........"
                             "..1111.."
                             "..1111.."
                             "..1111.."
                             "..1111.."
                             "........"
                             "........";
static const char EMPTY[] = "........"
                            "........"
                            "........"
                            "........"
                            "........"
                            "........"
                            "........"
                            "........";

Test(eval, equal_masks_score_one)
{
    hf_eval_score s = score_8x8(SQUARE, SQUARE, NULL, 1);
    cr_assert_eq(s.j, 1.0);
    cr_assert_eq(s.f, 1.0);
}

Test(eval, two_empty_masks_score_one_and_one_empty_mask_scores_zero)
{
    hf_eval_score both = score_8x8(EMPTY, EMPTY, NULL, 1);
    hf_eval_score lost = score_8x8(SQUARE, EMPTY, NULL, 1);
    hf_eval_score made_up = score_8x8(EMPTY, SQUARE, NULL, 1);

    cr_assert(both.j == 1.0 && both.f == 1.0);
    cr_assert(lost.j == 0.0 && lost.f == 0.0);
    cr_assert(made_up.j == 0.0 && made_up.f == 0.0);
}

Test(eval, a_full_mask_has_no_boundary)
{
    char full[65];
    memset(full, '1', 64);
    full[64] = 0;
    hf_eval_score s = score_8x8(full, SQUARE, NULL, 1);

    cr_assert_eq(s.j, 16.0 / 64);
    cr_assert_eq(s.f, 0.0);
}

/* r = ceil(0.008 * sqrt(128)) = 1: the disk is a plus. The square of columns 2..5 has the
 * boundary ring columns 1..5, rows 1..5 (16 pixels). Shifted by one column, every ring
 * pixel lies beside one of the other ring. 12 of 20 pixels are common. */
Test(eval, a_shift_by_one_pixel_is_inside_the_boundary_tolerance)
{
    hf_eval_score s = score_8x8(SQUARE,
                                "........"
                                "........"
                                "...1111."
                                "...1111."
                                "...1111."
                                "...1111."
                                "........"
                                "........", NULL, 1);
    cr_assert_eq(s.j, 12.0 / 20);
    cr_assert_eq(s.f, 1.0);
}

/* Shifted by two it touches the right border. There only the pixel below counts, so the
 * result's boundary is row 1 and row 5, columns 3..7, and column 3 of rows 2..4: 13 pixels.
 *   near the truth's ring: columns 3..6 of rows 1 and 5, (2,3) and (4,3): P = 10/13
 *   of the truth's 16: columns 2..5 of rows 1 and 5, (2,5) and (4,5):     R = 10/16
 *   F = 2 PR / (P + R) = 20/29; J = 8/24 */
Test(eval, at_the_last_column_only_the_pixel_below_makes_a_boundary)
{
    hf_eval_score s = score_8x8(SQUARE,
                                "........"
                                "........"
                                "....1111"
                                "....1111"
                                "....1111"
                                "....1111"
                                "........"
                                "........", NULL, 1);
    cr_assert_float_eq(s.j, 8.0 / 24, 1e-15);
    cr_assert_float_eq(s.f, 20.0 / 29, 1e-15);
}

/* Rows 4..7, columns 2..5: boundary row 3 columns 1..5, and columns 1 and 5 of rows 4..7, the
 * last row looking right only: 5 + 8 = 13. The truth's ring has rows 1..5.
 *   P: row 3: (3,1) and (3,5) lie on the ring, (3,2) and (3,4) beside it, (3,3) not: 4; rows 4..5: 4;
 *      row 6: below the ring: 2; row 7: none: 10/13
 *   R: ring row 1: none; row 2: (2,1), (2,5): 2; rows 3, 4: 4; row 5: columns 1, 2, 4, 5: 4: 10/16 */
Test(eval, at_the_last_row_only_the_pixel_to_the_right_makes_a_boundary)
{
    hf_eval_score s = score_8x8(SQUARE,
                                "........"
                                "........"
                                "........"
                                "........"
                                "..1111.."
                                "..1111.."
                                "..1111.."
                                "..1111..", NULL, 1);
    cr_assert_float_eq(s.f, 20.0 / 29, 1e-15);
}

Test(eval, each_object_is_scored_by_its_own_id)
{
    const char *truth = "........"
                        ".22....."
                        ".22....."
                        "........"
                        "....77.."
                        "....77.."
                        "........"
                        "........";
    const char *result = "........"
                         ".22....."
                         ".22....."
                         "........"
                         "....72.."
                         "....72.."
                         "........"
                         "........";
    cr_assert_eq(score_8x8(truth, result, NULL, 7).j, 0.5);
    cr_assert_float_eq(score_8x8(truth, result, NULL, 2).j, 4.0 / 6, 1e-15);
}

Test(eval, ignored_pixels_are_background_in_both_masks)
{
    uint8_t ignore[64] = { 0 };
    const char *wrong = "........"
                        "........"
                        "..1111.."
                        "..1111.."
                        "..1111.1"
                        "..1111.1"
                        "........"
                        "........";
    ignore[4 * 8 + 7] = ignore[5 * 8 + 7] = 255;

    hf_eval_score s = score_8x8(SQUARE, wrong, ignore, 1);
    cr_assert_eq(s.j, 1.0);
    cr_assert_eq(s.f, 1.0);
}

/* The plain definition, pixel by pixel. */

typedef struct plain_mask {
    const uint8_t *ids, *ignore;
    int            width, height;
} plain_mask;

static int inside(const plain_mask *m, int x, int y)
{
    int i = y * m->width + x;
    return m->ids[i] == 1 && !(m->ignore && m->ignore[i]);
}

static int on_boundary(const plain_mask *m, int x, int y)
{
    int s = inside(m, x, y), right = x + 1 < m->width, below = y + 1 < m->height;

    if (right && below)
        return s != inside(m, x + 1, y) || s != inside(m, x, y + 1) || s != inside(m, x + 1, y + 1);
    return (right && s != inside(m, x + 1, y)) || (below && s != inside(m, x, y + 1));
}

static int near_boundary(const plain_mask *m, int x, int y, int r)
{
    for (int v = y - r; v <= y + r; v++)
    for (int u = x - r; u <= x + r; u++)
        if (u >= 0 && v >= 0 && u < m->width && v < m->height &&
            (u - x) * (u - x) + (v - y) * (v - y) <= r * r && on_boundary(m, u, v))
            return 1;
    return 0;
}

static hf_eval_score plain_score(const plain_mask *a, const plain_mask *b)
{
    int r = (int)ceil(0.008 * sqrt(a->width * a->width + a->height * a->height));
    double both = 0, either = 0, na = 0, nb = 0, ma = 0, mb = 0;

    for (int y = 0; y < a->height; y++)
    for (int x = 0; x < a->width; x++) {
        both += inside(a, x, y) && inside(b, x, y);
        either += inside(a, x, y) || inside(b, x, y);
        if (on_boundary(a, x, y))
            na++, ma += near_boundary(b, x, y, r);
        if (on_boundary(b, x, y))
            nb++, mb += near_boundary(a, x, y, r);
    }
    double p = nb > 0 ? mb / nb : na == 0, q = na > 0 ? ma / na : nb == 0;
    return (hf_eval_score){ either > 0 ? both / either : 1, p + q > 0 ? 2 * p * q / (p + q) : 0 };
}

/* A random rectangle of ones, and a few random pixels flipped. */
static void scribble(uint8_t *ids, int width, int height, unsigned *seed)
{
    int x0 = rand_r(seed) % width, x1 = rand_r(seed) % width, y0 = rand_r(seed) % height;

    memset(ids, 0, (size_t)width * height);
    for (int y = y0; y < height && y < y0 + height / 2 + 1; y++)
        for (int x = x0; x <= x1; x++)
            ids[y * width + x] = 1;
    for (int i = 0; i < 6; i++)
        ids[rand_r(seed) % (width * height)] ^= 1;
}

Test(eval, packed_words_agree_with_the_plain_definition_at_every_width)
{
    static const int sizes[][2] = { { 1, 1 },    { 1, 9 },    { 9, 1 },   { 2, 2 },
                                    { 63, 20 },  { 64, 20 },  { 65, 7 },  { 130, 5 },
                                    { 127, 64 }, { 200, 150 }, { 1040, 12 }, { 12, 1040 } };
    unsigned seed = 7;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
    for (int round = 0; round < 6; round++) {
        int w = sizes[i][0], h = sizes[i][1];
        uint8_t *a = malloc((size_t)w * h), *b = malloc((size_t)w * h), *v = malloc((size_t)w * h);
        hf_eval *eval;

        scribble(a, w, h, &seed);
        scribble(b, w, h, &seed);
        scribble(v, w, h, &seed);
        plain_mask pa = { a, round % 2 ? v : NULL, w, h }, pb = { b, pa.ignore, w, h };
        hf_eval_score want = plain_score(&pa, &pb);
        cr_assert_eq(hf_eval_new(&eval, w, h, NULL), HF_OK);
        hf_eval_score got = hf_eval_frame(eval, a, b, pa.ignore, 1);
        cr_expect_float_eq(got.j, want.j, 1e-15, "J at %d x %d", w, h);
        cr_expect_float_eq(got.f, want.f, 1e-15, "F at %d x %d", w, h);
        hf_eval_free(&eval);
        free(a), free(b), free(v);
    }
}

Test(eval, the_boundary_tolerance_grows_with_the_diagonal)
{
    cr_assert_eq(hf_eval_radius_px(854, 480), 8);
    cr_assert_eq(hf_eval_radius_px(910, 480), 9);
    cr_assert_eq(hf_eval_radius_px(1920, 1080), 18);
}

Test(eval, sizes_without_pixels_are_refused)
{
    hf_error err;
    hf_eval *eval;

    cr_assert_eq(hf_eval_new(&eval, 0, 8, &err), HF_EARG);
    cr_assert_null(eval);
    cr_assert_str_eq(err.text, "eval: masks are 0 x 8, want sides of 1..65536");
}

/* n = 8: linspace(1, 8, 5) = 1 2.75 4.5 6.25 8, rounded (4.5 + 1e-10 goes up) and less one:
 * 0 2 4 5 7. First quarter v[0..2] = 1, last quarter v[5..7] = 0.4 0.2 0.3. */
Test(eval, decay_is_the_first_quarter_less_the_last_with_shared_ends)
{
    double v[] = { 1, 1, 1, 0.5, 0.6, 0.4, 0.2, 0.3 };
    hf_eval_stats s = hf_eval_statistics(v, 8);

    cr_assert_float_eq(s.mean, 5.0 / 8, 1e-15);
    cr_assert_eq(s.recall, 4.0 / 8, "0.5 itself is not above 0.5");
    cr_assert_float_eq(s.decay, 1 - 0.3, 1e-15);
}

Test(eval, one_value_has_no_decay)
{
    double v = 0.75;
    hf_eval_stats s = hf_eval_statistics(&v, 1);

    cr_assert_eq(s.mean, 0.75);
    cr_assert_eq(s.recall, 1.0);
    cr_assert_eq(s.decay, 0.0);
}

/* n = 301: borders 0 75 150 225 300, all beyond what 8 bits hold for the last. */
Test(eval, decay_of_a_long_video_is_defined)
{
    double v[301];
    for (int i = 0; i < 301; i++)
        v[i] = i <= 75 ? 1 : i < 225 ? 0.1 : 0.25;

    cr_assert_float_eq(hf_eval_statistics(v, 301).decay, 0.75, 1e-12);
}
