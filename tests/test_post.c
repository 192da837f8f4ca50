/* test_post.c - mask post-processing on masks drawn by hand, '.' for 0; distances against brute force. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/nearest.h"
#include "propagate/post.h"

/* Run the steps on rows of characters and compare with rows of characters. */
static void expect(hf_post_params params, int w, int h, const char *const *in,
                   const char *const *want)
{
    hf_post *p;
    uint8_t ids[1024];
    cr_assert_eq(hf_post_new(&p, w, h, &params, NULL), HF_OK);
    for (int i = 0; i < w * h; i++)
        ids[i] = in[i / w][i % w] == '.' ? 0 : (uint8_t)(in[i / w][i % w] - '0');
    hf_post_ids(p, ids);
    for (int y = 0; y < h; y++) {
        char row[65] = "";
        for (int x = 0; x < w; x++)
            row[x] = ids[y * w + x] ? (char)('0' + ids[y * w + x]) : '.';
        cr_assert_str_eq(row, want[y], "row %d: %s, want %s", y, row, want[y]);
    }
    hf_post_free(&p);
}

#define ROWS (const char *const[])

Test(post, nothing_asked_changes_nothing)
{
    expect((hf_post_params){ 0 }, 4, 2, ROWS{ "1.2.", ".1.2" }, ROWS{ "1.2.", ".1.2" });
}

Test(post, growing_by_two_adds_a_euclidean_disk)
{
    expect((hf_post_params){ .grow_px = 2 }, 8, 8,
           ROWS{ "........", "........", "........", "...1....", "........", "........",
                 "........", "........" },
           ROWS{ "........", "...1....", "..111...", ".11111..", "..111...", "...1....",
                 "........", "........" });
}

Test(post, growing_objects_meet_half_way_and_do_not_eat_each_other)
{
    expect((hf_post_params){ .grow_px = 5 }, 8, 1, ROWS{ "1.....23" }, ROWS{ "11112223" });
}

Test(post, shrinking_keeps_what_is_further_than_the_radius_from_anything_else)
{
    expect((hf_post_params){ .grow_px = -1 }, 8, 8,
           ROWS{ "........", ".11111..", ".11111..", ".11111..", ".11122..", "...222..",
                 "...222..", "........" },
           ROWS{ "........", "........", "..111...", "..11....", "........", "....2...",
                 "........", "........" });
}

Test(post, the_edge_of_the_frame_does_not_shrink_an_object)
{
    expect((hf_post_params){ .grow_px = -1 }, 4, 3, ROWS{ "111.", "111.", "111." },
           ROWS{ "11..", "11..", "11.." });
    expect((hf_post_params){ .grow_px = -3 }, 2, 2, ROWS{ "11", "11" }, ROWS{ "11", "11" });
}

Test(post, specks_take_the_id_around_them)
{
    expect((hf_post_params){ .despeckle_px = 3 }, 8, 8,
           ROWS{ "1.......", ".1....2.", "........", "..1111..", "..1121..", "..1111..",
                 "..1111.3", "......3." },
           ROWS{ "........", "........", "........", "..1111..", "..1111..", "..1111..",
                 "..1111..", "........" });
}

Test(post, pixels_joined_by_a_corner_are_one_speck)
{
    expect((hf_post_params){ .despeckle_px = 3 }, 4, 3, ROWS{ "1...", ".1..", "..1." },
           ROWS{ "1...", ".1..", "..1." });
}

Test(post, small_enclosed_holes_are_filled_and_bays_are_not)
{
    expect((hf_post_params){ .fill_holes_px = 3 }, 8, 8,
           ROWS{ "11111111", "1.111..1", "111111.1", "11111111", "1..11111", "1..11222",
                 "11111121", "..1112.2" },
           ROWS{ "11111111", "11111..1", "111111.1", "11111111", "1..11111", "1..11222",
                 "11111121", "..1112.2" });
}

Test(post, a_hole_closed_only_by_corners_is_closed)
{
    expect((hf_post_params){ .fill_holes_px = 2 }, 3, 3, ROWS{ ".2.", "2.2", ".2." },
           ROWS{ ".2.", "222", ".2." });
}

Test(post, distances_equal_brute_force_on_random_sites)
{
    enum { W = 23, H = 17 };
    static int32_t nearest[W * H], rows[W * H], line[2 * W];
    static uint8_t site[W * H];
    for (int round = 0; round < 60; round++) {
        hf_rect r = { rand() % 5, rand() % 5, W - rand() % 6, H - rand() % 6 };
        for (int i = 0; i < W * H; i++)
            site[i] = rand() % (1 + round * 2) == 0;
        hf_nearest_site(nearest, rows, line, site, r, W);
        for (int y = r.y0; y < r.y1; y++)
        for (int x = r.x0; x < r.x1; x++) {
            long best = -1;
            for (int v = r.y0; v < r.y1; v++)
            for (int u = r.x0; u < r.x1; u++) {
                long d = (long)(u - x) * (u - x) + (long)(v - y) * (v - y);
                if (site[v * W + u] && (best < 0 || d < best))
                    best = d;
            }
            int32_t n = nearest[y * W + x];
            cr_assert_eq(n < 0, best < 0);
            if (n >= 0) {
                cr_assert(site[n]);
                long d = (long)(n % W - x) * (n % W - x) + (long)(n / W - y) * (n / W - y);
                cr_assert_eq(d, best);
            }
        }
    }
}

Test(post, feathering_an_edge_is_a_gaussian)
{
    /* A step at x = 100: the blurred value is the normal distribution function. */
    enum { W = 200, H = 3 };
    static const float sigmas[] = { 1.0f, 2.7f, 10.0f };
    for (int s = 0; s < 3; s++) {
        hf_post *p;
        uint8_t plane[W * H];
        hf_post_params params = { .feather_px = sigmas[s] };
        cr_assert_eq(hf_post_new(&p, W, H, &params, NULL), HF_OK);
        for (int i = 0; i < W * H; i++)
            plane[i] = i % W < 100 ? 0 : 255;
        hf_post_feather(p, plane);
        for (int x = 0; x < W; x++) {
            double want = 127.5 * (1.0 + erf((x - 99.5) / (sigmas[s] * sqrt(2.0))));
            cr_assert_float_eq(plane[W + x], want, 3.0 /* stated in post.h */,
                               "sigma %g x %d: %d want %g", (double)sigmas[s], x, plane[W + x],
                               want);
        }
        hf_post_free(&p);
    }
}

Test(post, feathering_keeps_full_and_empty_planes)
{
    hf_post *p;
    uint8_t plane[35];
    hf_post_params params = { .feather_px = 40.0f }; /* much larger than the frame */
    cr_assert_eq(hf_post_new(&p, 7, 5, &params, NULL), HF_OK);
    for (int v = 0; v < 256; v += 255) {
        memset(plane, v, sizeof(plane));
        hf_post_feather(p, plane);
        for (int i = 0; i < 35; i++)
            cr_assert_eq(plane[i], v);
    }
    hf_post_free(&p);
}

Test(post, parameters_out_of_range_are_refused_by_name)
{
    static const struct { hf_post_params params; const char *text; } cases[] = {
        { { .grow_px = 513 }, "grow: 513 pixels, want -512..512" },
        { { .grow_px = -513 }, "grow: -513 pixels, want -512..512" },
        { { .feather_px = -1.0f }, "feather: -1 pixels, want 0..256" },
        { { .feather_px = NAN }, "feather: nan pixels, want 0..256" },
        { { .despeckle_px = -2 }, "despeckle: -2 pixels, want 0 or more" },
        { { .fill_holes_px = -2 }, "fill-holes: -2 pixels, want 0 or more" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hf_post *p;
        hf_error err;
        cr_assert_eq(hf_post_new(&p, 8, 8, &cases[i].params, &err), HF_EARG);
        cr_assert_null(p);
        cr_assert_str_eq(err.text, cases[i].text);
    }
}
