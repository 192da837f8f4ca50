/* test_session.c - the public API, in both modes, with the model `classic`: no new weights change what it finds. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/hfprop.h"

enum { W = 160, H = 120, N = W * H };

static const hf_match_mode modes[2] = { HF_MATCH_CONTEXT, HF_MATCH_FIRST };

/* Overlap of mask and truth that a scene of 20 x 15 cells must reach. Pixel-by-pixel matching has nothing
 * to hold on to in so small a picture. */
static const double least[2] = { 0.8, 0.55 };

/* A smooth random texture: sums of a few waves and blocks, so that every place looks different. */
static void paint_scene(uint8_t *rgb, int dx, int dy)
{
    for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) {
        int u = x - dx, v = y - dy;
        unsigned block = (unsigned)((u + 800) / 10 * 7919 + (v + 800) / 10 * 104729);
        block = block * 2654435761u >> 16;
        for (int c = 0; c < 3; c++) {
            float wave = sinf((float)u * (0.11f + 0.03f * (float)c)) *
                         cosf((float)v * (0.13f - 0.02f * (float)c));
            rgb[3 * (y * W + x) + c] =
                (uint8_t)(110.0f + 50.0f * wave + (float)((block >> (3 * c)) & 63));
        }
    }
}

static void paint_box(uint8_t *ids, uint8_t id, int x0, int y0, int w, int h)
{
    for (int y = y0; y < y0 + h; y++)
        for (int x = x0; x < x0 + w; x++)
            if (x >= 0 && y >= 0 && x < W && y < H)
                ids[y * W + x] = id;
}

static void paint_edit(uint8_t *edit, int x0, int y0, int w, int h)
{
    memset(edit, 0, 4 * N);
    for (int y = y0; y < y0 + h; y++)
        for (int x = x0; x < x0 + w; x++) {
            uint8_t *p = edit + 4 * (y * W + x);
            p[0] = (uint8_t)(x * 5), p[1] = (uint8_t)(y * 3), p[2] = 200;
            p[3] = (uint8_t)(40 + (x + y) % 216);
        }
}

static double overlap(const uint8_t *a, const uint8_t *b, int id)
{
    int both = 0, any = 0;
    for (int i = 0; i < N; i++) {
        both += a[i] == id && b[i] == id;
        any += a[i] == id || b[i] == id;
    }
    return any ? (double)both / any : 1.0;
}

static hf_session *open_session(hf_match_mode mode)
{
    hf_session *s;
    hf_error err = { 0 };
    hf_session_params p = { .match = mode, .model.name = "classic", .width = W, .height = H, .n_threads = 1 };
    cr_assert_eq(hf_session_open(&s, &p, &err), HF_OK, "%s", err.text);
    return s;
}

static void must(int rc, const hf_error *err)
{
    cr_assert(rc >= 0, "%s", err->text);
}

static uint8_t rgb[3 * N], moved[3 * N], ids[N], want[N], edit[4 * N];

/* rgb and, in ids, object 3 on it. */
static void paint_scene_and_box(void)
{
    paint_scene(rgb, 0, 0);
    memset(ids, 0, sizeof(ids));
    paint_box(ids, 3, 30, 30, 48, 40);
}

/* The one key is frame 0, which shows rgb; what is drawn on it may be NULL. */
static void follow(hf_session *s, const uint8_t *drawn_ids, const uint8_t *drawn_edit)
{
    hf_error err = { 0 };
    must(hf_session_add_key(s, &(hf_key){ 0, rgb, drawn_ids, drawn_edit }, &err), &err);
    must(hf_session_follow(s, 0, &err), &err);
}

Test(session, an_unchanged_video_gives_back_mask_and_edit_exactly_in_both_modes)
{
    for (int m = 0; m < 2; m++) {
        hf_session *s = open_session(modes[m]);
        hf_result r;
        hf_error err = { 0 };
        paint_scene(rgb, 0, 0);
        memset(ids, 0, sizeof(ids));
        paint_box(ids, 1, 40, 30, 37, 29);
        paint_box(ids, 5, 90, 50, 30, 41);
        paint_box(ids, 200, 5, 90, 25, 11);
        paint_edit(edit, 50, 35, 60, 40);
        follow(s, ids, edit);
        for (int t = 1; t < 4; t++) {
            must(hf_session_step(s, &r, rgb, &err), &err);
            for (int i = 0; i < N; i++) {
                cr_assert_eq(r.ids[i], ids[i], "mode %d frame %d pixel %d,%d", m, t, i % W, i / W);
                cr_assert_eq(r.alpha[i], ids[i] ? 255 : 0);
                cr_assert_eq(memcmp(r.edit + 4 * i, edit + 4 * i, 4), 0);
                cr_assert_eq(r.xy[2 * i], (float)(i % W));
                cr_assert_eq(r.xy[2 * i + 1], (float)(i / W));
            }
            cr_assert_eq(r.n_ids, 3);
            cr_assert_arr_eq(r.used, ((const uint8_t[]){ 1, 5, 200 }), 3);
            cr_assert_eq(r.area_px[200], 25 * 11);
            cr_assert_eq(r.soft[2 * N + 95 * W + 10], 255);
            cr_assert(r.mean_cover > 0.99f && r.mean_similarity > 0.99f);
        }
        hf_session_close(&s);
    }
}

Test(session, a_moving_scene_is_tracked_in_both_modes)
{
    for (int m = 0; m < 2; m++) {
        hf_session *s = open_session(modes[m]);
        hf_result r;
        hf_error err = { 0 };
        paint_scene_and_box();
        follow(s, ids, NULL);
        for (int t = 1; t <= 5; t++) {
            paint_scene(moved, 3 * t, t);
            must(hf_session_step(s, &r, moved, &err), &err);
            memset(want, 0, sizeof(want));
            paint_box(want, 3, 30 + 3 * t, 30 + t, 48, 40);
            double j = overlap(r.ids, want, 3);
            cr_assert(j > least[m], "mode %d frame %d: J %.3f", m, t, j);
        }
        hf_session_close(&s);
    }
}

/* Masks, mattes and cover do not hang on whether coordinates are wanted; an edit needs them all the same. */
Test(session, without_coordinates_everything_else_is_the_same)
{
    for (int with_edit = 0; with_edit < 2; with_edit++) {
        hf_session *s[2];
        hf_result r[2];
        hf_error err = { 0 };
        paint_scene_and_box();
        paint_edit(edit, 50, 35, 60, 40);
        for (int k = 0; k < 2; k++) {
            hf_session_params p = { .width = W, .height = H, .n_threads = 1, .match = HF_MATCH_CONTEXT,
                                    .no_coordinates = k };
            must(hf_session_open(&s[k], &p, &err), &err);
            follow(s[k], ids, with_edit ? edit : NULL);
        }
        must(hf_session_render_key(s[1], &r[1], 0, &err), &err);
        cr_assert_eq(r[1].xy != NULL, with_edit);
        for (int t = 1; t <= 3; t++) {
            paint_scene(moved, 3 * t, t);
            for (int k = 0; k < 2; k++)
                must(hf_session_step(s[k], &r[k], moved, &err), &err);
            cr_assert_arr_eq(r[0].ids, r[1].ids, N);
            cr_assert_arr_eq(r[0].alpha, r[1].alpha, N);
            cr_assert_arr_eq(r[0].cover, r[1].cover, N * sizeof(float));
            cr_assert_not_null(r[0].xy);
            cr_assert_eq(r[1].xy != NULL, with_edit);
            if (with_edit)
                cr_assert_arr_eq(r[0].edit, r[1].edit, 4 * N);
        }
        for (int k = 0; k < 2; k++)
            hf_session_close(&s[k]);
    }
}

Test(session, an_edit_without_a_mask_is_followed_and_reported_as_object_1)
{
    for (int m = 0; m < 2; m++) {
        hf_session *s = open_session(modes[m]);
        hf_result r;
        hf_error err = { 0 };
        paint_scene(rgb, 0, 0);
        paint_edit(edit, 40, 30, 48, 40);
        follow(s, NULL, edit);
        for (int t = 1; t <= 4; t++) {
            paint_scene(moved, 4 * t, 2 * t);
            must(hf_session_step(s, &r, moved, &err), &err);
        }
        uint8_t shown[N];
        for (int i = 0; i < N; i++)
            shown[i] = r.edit[4 * i + 3] > 20;
        memset(want, 0, sizeof(want));
        paint_box(want, 1, 56, 38, 48, 40);
        cr_assert(overlap(shown, want, 1) > least[m], "mode %d: %.3f", m, overlap(shown, want, 1));
        cr_assert_eq(r.n_ids, 1);
        cr_assert_eq(r.used[0], 1);
        cr_assert(overlap(r.ids, want, 1) > least[m]);
        hf_session_close(&s);
    }
}

/* Frame t of 0..6; keys 0 and 6; object 2 is drawn in both, object 9 in the second only. */
Test(session, two_keys_are_blended_from_both_sides)
{
    for (int m = 0; m < 2; m++) {
        hf_session *s = open_session(modes[m]);
        hf_cells *forward[7] = { 0 }, *backward[7] = { 0 };
        hf_result r;
        hf_error err = { 0 };
        uint8_t last[N] = { 0 };
        paint_scene(rgb, 0, 0);
        paint_scene(moved, 12, 0);
        memset(ids, 0, sizeof(ids));
        paint_box(ids, 2, 30, 40, 40, 40);
        paint_box(last, 2, 42, 40, 40, 40);
        paint_box(last, 9, 100, 60, 32, 32);
        must(hf_session_add_key(s, &(hf_key){ 0, rgb, ids, NULL }, &err), &err);
        must(hf_session_add_key(s, &(hf_key){ 6, moved, last, NULL }, &err), &err);
        for (int side = 0; side < 2 && hf_session_needs_tracking(s); side++) {
            must(hf_session_follow(s, side, &err), &err);
            for (int i = 1; i < 6; i++) {
                int t = side ? 6 - i : i;
                hf_cells **c = side ? &backward[t] : &forward[t];
                must(hf_session_cells_new(s, c, &err), &err);
                paint_scene(moved, 2 * t, 0);
                must(hf_session_track(s, *c, moved, &err), &err);
            }
        }
        if (!hf_session_needs_tracking(s))
            must(hf_session_follow(s, 0, &err), &err);
        for (int t = 1; t < 6; t++) {
            hf_followed f[2] = { { 0, forward[t], (float)(6 - t), NULL }, { 1, backward[t], (float)t, NULL } };
            paint_scene(moved, 2 * t, 0);
            must(hf_session_render(s, &r, moved, f, 2, &err), &err);
            memset(want, 0, sizeof(want));
            paint_box(want, 2, 30 + 2 * t, 40, 40, 40);
            cr_assert_eq(r.n_ids, 2);
            cr_assert(overlap(r.ids, want, 2) > least[m], "mode %d frame %d", m, t);
            cr_assert((r.area_px[9] > 500) == (t > 3), "mode %d frame %d: %d", m, t,
                      (int)r.area_px[9]);
            hf_cells_free(&forward[t]);
            hf_cells_free(&backward[t]);
        }
        must(hf_session_render_key(s, &r, 1, &err), &err);
        cr_assert_eq(memcmp(r.ids, last, N), 0);
        hf_session_close(&s);
    }
}

Test(session, a_mask_key_and_an_edit_key_keep_out_of_each_others_way)
{
    for (int m = 0; m < 2; m++) {
        hf_session *s = open_session(modes[m]);
        hf_cells *cells[2] = { 0 };
        hf_result r;
        hf_error err = { 0 };
        paint_scene(rgb, 0, 0);
        memset(ids, 0, sizeof(ids));
        paint_box(ids, 7, 30, 40, 40, 40);
        paint_edit(edit, 100, 20, 32, 32);
        must(hf_session_add_key(s, &(hf_key){ 0, rgb, ids, NULL }, &err), &err);
        must(hf_session_add_key(s, &(hf_key){ 2, rgb, NULL, edit }, &err), &err);
        for (int k = 0; k < 2; k++) {
            must(hf_session_follow(s, k, &err), &err);
            if (hf_session_needs_tracking(s)) {
                must(hf_session_cells_new(s, &cells[k], &err), &err);
                must(hf_session_track(s, cells[k], rgb, &err), &err);
            }
        }
        hf_followed f[2] = { { 0, cells[0], 1, NULL }, { 1, cells[1], 1, NULL } };
        must(hf_session_render(s, &r, rgb, f, 2, &err), &err);
        cr_assert_eq(memcmp(r.ids, ids, N), 0);
        cr_assert_eq(memcmp(r.edit, edit, 4 * N), 0);
        cr_assert_eq(r.n_ids, 1);
        cr_assert_eq(r.used[0], 7);
        hf_cells_free(&cells[0]);
        hf_cells_free(&cells[1]);
        hf_session_close(&s);
    }
}

Test(session, going_on_from_a_file_gives_the_same_bytes)
{
    for (int m = 0; m < 2; m++) {
        hf_session *a = open_session(modes[m]), *b = open_session(modes[m]);
        hf_result ra, rb;
        hf_error err = { 0 };
        char path[] = "/tmp/hf_session_XXXXXX";
        close(mkstemp(path));
        paint_scene_and_box();
        must(hf_session_add_key(a, &(hf_key){ 0, rgb, ids, NULL }, &err), &err);
        must(hf_session_add_key(b, &(hf_key){ 0, rgb, ids, NULL }, &err), &err);
        must(hf_session_follow(a, 0, &err), &err);
        must(hf_session_follow(b, 0, &err), &err);
        for (int t = 1; t <= 8; t++) { /* the ring of 7 recent frames goes round */
            paint_scene(moved, 3 * t, t);
            must(hf_session_step(a, &ra, moved, &err), &err);
        }
        must(hf_session_save(a, path, &err), &err);
        must(hf_session_load(b, path, &err), &err);
        for (int t = 9; t <= 10; t++) {
            paint_scene(moved, 3 * t, t);
            must(hf_session_step(a, &ra, moved, &err), &err);
            must(hf_session_step(b, &rb, moved, &err), &err);
            cr_assert_eq(memcmp(ra.ids, rb.ids, N), 0);
            cr_assert_eq(memcmp(ra.soft, rb.soft, N), 0);
            cr_assert_eq(memcmp(ra.xy, rb.xy, 8 * N), 0);
        }
        unlink(path);
        hf_session_close(&a);
        hf_session_close(&b);
    }
}

Test(session, a_checkpoint_of_something_else_or_a_broken_one_is_refused)
{
    hf_session *a = open_session(HF_MATCH_CONTEXT), *b = open_session(HF_MATCH_CONTEXT);
    hf_error err = { 0 };
    char path[] = "/tmp/hf_session_XXXXXX";
    close(mkstemp(path));
    paint_scene_and_box();
    must(hf_session_add_key(a, &(hf_key){ 0, rgb, ids, NULL }, &err), &err);
    cr_assert_eq(hf_session_save(a, path, &err), HF_EARG); /* nothing followed */
    must(hf_session_follow(a, 0, &err), &err);
    must(hf_session_save(a, path, &err), &err);
    paint_box(ids, 3, 90, 90, 1, 1); /* one pixel more is another mask */
    must(hf_session_add_key(b, &(hf_key){ 0, rgb, ids, NULL }, &err), &err);
    cr_assert_eq(hf_session_load(b, path, &err), HF_EARG); /* follow first */
    must(hf_session_follow(b, 0, &err), &err);
    cr_assert_eq(hf_session_load(b, path, &err), HF_EFORMAT);
    cr_assert(strstr(err.text, "another mask"), "%s", err.text);

    FILE *f = fopen(path, "r+b");
    cr_assert_eq(fputc('X', f), 'X');
    fclose(f);
    cr_assert_eq(hf_session_load(a, path, &err), HF_EFORMAT);
    cr_assert(strstr(err.text, "not a checkpoint"), "%s", err.text);
    must(hf_session_save(a, path, &err), &err);
    cr_assert_eq(truncate(path, 20), 0);
    cr_assert_eq(hf_session_load(a, path, &err), HF_EFORMAT);
    unlink(path);
    cr_assert_eq(hf_session_load(a, path, &err), HF_EIO);
    cr_assert_eq(hf_session_save(a, "/nowhere/at/all", &err), HF_EIO);
    hf_session_close(&a);
    hf_session_close(&b);
}

/* The sanitizer's own allocator answers mallinfo2 with zeros. */
#ifdef __SANITIZE_ADDRESS__
#define SKIP_WITHOUT_COUNTS cr_skip_test("1 test skipped: allocations are not counted under the address sanitizer")
#else
#define SKIP_WITHOUT_COUNTS (void)0
#endif

Test(session, nothing_is_allocated_by_steps)
{
    SKIP_WITHOUT_COUNTS;
    for (int m = 0; m < 2; m++) {
        hf_session *s = open_session(modes[m]);
        hf_result r;
        hf_error err = { 0 };
        paint_scene_and_box();
        paint_edit(edit, 40, 30, 48, 40);
        follow(s, ids, edit);
        must(hf_session_step(s, &r, rgb, &err), &err); /* OpenMP's and BLAS's own buffers */
        struct mallinfo2 before = mallinfo2();
        for (int t = 1; t <= 10; t++) {
            paint_scene(moved, t, t);
            must(hf_session_step(s, &r, moved, &err), &err);
        }
        struct mallinfo2 after = mallinfo2();
        cr_assert_eq(before.uordblks + before.hblkhd, after.uordblks + after.hblkhd, "mode %d", m);
        hf_session_close(&s);
    }
}

Test(session, the_memory_foretold_is_the_memory_taken)
{
    SKIP_WITHOUT_COUNTS;
    for (int m = 0; m < 2; m++) {
        hf_session_params p = HF_SESSION_DEFAULTS;
        hf_error err = { 0 };
        hf_result r;
        p.width = W, p.height = H, p.n_threads = 1, p.match = modes[m];
        paint_scene_and_box();
        paint_box(ids, 4, 90, 30, 20, 40);
        paint_edit(edit, 40, 30, 48, 40);
        int64_t foretold = hf_session_bytes(&p, 2, 1, 1);
        struct mallinfo2 before = mallinfo2();
        hf_session *s = NULL;
        must(hf_session_open(&s, &p, &err), &err);
        follow(s, ids, edit);
        must(hf_session_step(s, &r, rgb, &err), &err);
        struct mallinfo2 after = mallinfo2();
        double taken = (double)(after.uordblks + after.hblkhd) -
                       (double)(before.uordblks + before.hblkhd);
        cr_assert(taken > 0.85 * (double)foretold && taken < 1.15 * (double)foretold,
                  "mode %d: foretold %lld, taken %.0f", m, (long long)foretold, taken);
        hf_session_close(&s);
    }
}

Test(session, the_model_is_the_compiled_in_network_where_none_is_named)
{
    hf_session_params p = HF_SESSION_DEFAULTS, used;
    hf_error err = { 0 };
    hf_session *s;
    p.width = W, p.height = H, p.n_threads = 1;
    must(hf_session_open(&s, &p, &err), &err);
    hf_session_settings(s, &used);
    cr_assert_str_eq(used.model.name, "tiny");
    cr_assert_eq(used.match, HF_MATCH_CONTEXT);
    hf_session_close(&s);
}

Test(session, pictures_larger_than_the_working_size_come_back_exactly_too)
{
    for (int m = 0; m < 2; m++) {
        hf_session_params p = HF_SESSION_DEFAULTS, used;
        hf_error err = { 0 };
        hf_result r;
        hf_session *s;
        p.width = W, p.height = H, p.n_threads = 1, p.match = modes[m], p.size = 58, p.model.name = "classic";
        must(hf_session_open(&s, &p, &err), &err);
        hf_session_settings(s, &used);
        cr_assert_eq(used.size, 58);
        cr_assert_str_eq(used.model.name, "classic");
        cr_assert(used.temperature > 0.0f);
        paint_scene(rgb, 0, 0);
        memset(ids, 0, sizeof(ids));
        paint_box(ids, 3, 31, 33, 48, 40);
        follow(s, ids, NULL);
        must(hf_session_step(s, &r, rgb, &err), &err);
        cr_assert_eq(memcmp(r.ids, ids, N), 0, "mode %d", m);
        paint_scene(moved, 4, 2);
        must(hf_session_step(s, &r, moved, &err), &err);
        memset(want, 0, sizeof(want));
        paint_box(want, 3, 35, 35, 48, 40);
        cr_assert(overlap(r.ids, want, 3) > least[m] - 0.1, "mode %d: %.3f", m, overlap(r.ids, want, 3));
        hf_session_close(&s);
    }
}

Test(session, post_processing_changes_masks_and_mattes)
{
    hf_session_params p = HF_SESSION_DEFAULTS;
    hf_error err = { 0 };
    hf_result r;
    hf_session *s;
    p.width = W, p.height = H, p.n_threads = 1, p.grow_px = 2, p.feather_px = 1.5f;
    must(hf_session_open(&s, &p, &err), &err);
    paint_scene(rgb, 0, 0);
    memset(ids, 0, sizeof(ids));
    paint_box(ids, 3, 40, 40, 40, 40);
    follow(s, ids, NULL);
    must(hf_session_step(s, &r, rgb, &err), &err);
    /* A square of 40 grown by a disk of 2: a cross of 40 x 44 and 44 x 40 and one pixel at
     * each corner, (1,1); 1 + 1 <= 4 but 1 + 4 > 4. */
    cr_assert_eq(r.area_px[3], 40 * 44 + 2 * 2 * 40 + 4);
    cr_assert_eq(r.ids[60 * W + 38], 3);
    cr_assert(r.alpha[60 * W + 36] > 0 && r.alpha[60 * W + 38] < 255);
    cr_assert_eq(r.alpha[60 * W + 60], 255);
    hf_session_close(&s);
}

Test(session, a_matte_is_stretched_about_its_middle_and_feathered_after)
{
    static uint8_t plain[N];
    int n_soft = 0;
    for (int way = 0; way < 3; way++) { /* as it is, stretched, feathered too */
        hf_session_params p = HF_SESSION_DEFAULTS;
        hf_error err = { 0 };
        hf_result r;
        hf_session *s;
        p.width = W, p.height = H, p.n_threads = 1, p.matte_contrast = way ? 3 : 0, p.feather_px = way == 2 ? 2 : 0;
        paint_scene_and_box();
        must(hf_session_open(&s, &p, &err), &err);
        follow(s, ids, NULL);
        paint_scene(moved, 4, 2);
        must(hf_session_step(s, &r, moved, &err), &err);
        if (way == 0)
            memcpy(plain, r.alpha, N);
        for (int i = 0; way == 1 && i < N; i++) {
            double want = (plain[i] - 127.5) * 3 + 127.5;
            cr_assert_float_eq(r.alpha[i], want < 0 ? 0 : want > 255 ? 255 : want, 0.51, "%d: %d to %d", i, plain[i], r.alpha[i]);
            n_soft += plain[i] > 0 && plain[i] < 85 && r.alpha[i] == 0;
        }
        for (int i = 0; way == 2 && i + 1 < N; i++)
            cr_assert(i % W == W - 1 || abs(r.alpha[i] - r.alpha[i + 1]) < 64, "an edge is hard at %d", i);
        hf_session_close(&s);
    }
    cr_assert(n_soft > 10, "%d pixels were faint", n_soft);
}

Test(session, bad_parameters_are_refused_by_name)
{
    static const struct { hf_session_params p; int rc; const char *text; } cases[] = {
        { { .width = 0, .height = 9 }, HF_EARG, "width is 0, want 1..32768" },
        { { .width = 9, .height = 40000 }, HF_EARG, "height is 40000, want 1..32768" },
        { { .width = 9, .height = 9, .n_threads = -1 }, HF_EARG, "threads is -1, want 0..1024" },
        { { .width = 9, .height = 9, .size = -5 }, HF_EARG, "size is -5, want 0..32768" },
        { { .width = 9, .height = 9, .k = 33 }, HF_EARG, "k is 33, want 0..32" },
        { { .width = 9, .height = 9, .temperature = NAN }, HF_EARG, "temperature is nan, want 0..100" },
        { { .width = 9, .height = 9, .matte_contrast = 0.5f }, HF_EARG, "matte contrast is 0.5, want 1..64" },
        { { .width = 9, .height = 9, .grow_px = 1000 }, HF_EARG, "grow: 1000 pixels, want -512..512" },
        { { .width = 9, .height = 9, .model.name = "none" }, HF_EMODEL, "model \"none\" is not known" },
        { { .width = 9, .height = 9, .device = "gpu" }, HF_EARG, "device \"gpu\" is not known" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hf_session *s;
        hf_error err = { 0 };
        cr_assert_eq(hf_session_open(&s, &cases[i].p, &err), cases[i].rc, "case %zu", i);
        cr_assert_null(s);
        cr_assert_eq(strncmp(err.text, cases[i].text, strlen(cases[i].text)), 0, "%s", err.text);
    }
}

Test(session, calls_in_a_wrong_order_and_bad_keys_are_refused)
{
    hf_session *s = open_session(HF_MATCH_CONTEXT);
    hf_error err = { 0 };
    hf_result r;
    memset(ids, 0, sizeof(ids));
    memset(edit, 0, sizeof(edit));
    paint_scene(rgb, 0, 0);
    cr_assert_eq(hf_session_follow(s, 0, &err), HF_EARG);
    cr_assert_str_eq(err.text, "session: no key frame was added");
    cr_assert_eq(hf_session_step(s, &r, rgb, &err), HF_EARG);
    cr_assert_str_eq(err.text, "track: no key is followed");
    cr_assert_eq(hf_session_add_key(s, &(hf_key){ 4, rgb, NULL, NULL }, &err), HF_EARG);
    cr_assert_str_eq(err.text, "key frame 4: neither mask nor edit, want one");
    cr_assert_eq(hf_session_add_key(s, &(hf_key){ 4, NULL, ids, NULL }, &err), HF_EARG);
    cr_assert_eq(hf_session_add_key(s, &(hf_key){ 4, rgb, ids, NULL }, &err), HF_EARG);
    cr_assert_str_eq(err.text, "key frame 4: nothing is drawn: the mask has no object");
    cr_assert_eq(hf_session_add_key(s, &(hf_key){ 4, rgb, NULL, edit }, &err), HF_EARG);
    cr_assert_str_eq(err.text, "key frame 4: nothing is drawn: the edit is transparent everywhere");
    ids[77] = 1;
    must(hf_session_add_key(s, &(hf_key){ 4, rgb, ids, NULL }, &err), &err);
    cr_assert_eq(hf_session_add_key(s, &(hf_key){ 4, rgb, ids, NULL }, &err), HF_EARG);
    cr_assert_str_eq(err.text, "key frame 4: was added before");
    cr_assert_eq(hf_session_follow(s, 1, &err), HF_EARG);
    cr_assert_str_eq(err.text, "follow: key 1, want 0..0");
    must(hf_session_follow(s, 0, &err), &err);
    cr_assert_eq(hf_session_add_key(s, &(hf_key){ 5, rgb, ids, NULL }, &err), HF_EARG);
    hf_followed f = { 0, NULL, 1.0f, NULL };
    cr_assert_eq(hf_session_render(s, &r, rgb, &f, 1, &err), HF_EARG);
    cr_assert_str_eq(err.text, "render: key 0 was followed but has no cells");
    must(hf_session_track(s, NULL, rgb, &err), &err);
    must(hf_session_render(s, &r, rgb, &f, 1, &err), &err);
    must(hf_session_follow(s, 0, &err), &err);
    cr_assert_eq(hf_session_render(s, &r, rgb, &f, 1, &err), HF_EARG); /* they were of another pass */
    cr_assert_eq(hf_session_render(s, &r, rgb, &f, 0, &err), HF_EARG);
    hf_session_close(&s);
}
