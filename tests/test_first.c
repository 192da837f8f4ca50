/* test_first.c - `--match first` on small pictures with a test-only model. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/first.h"
#include "tests/backends.h"
#include "tests/tiny_model.h"

enum { W = 44, H = 30, N = W * H };

typedef struct scene {
    hf_backend     *be;
    hf_model       *model;
    hf_first       *first;
    uint8_t         rgb[3 * N], ids[N], edit[4 * N];
    float           soft[12 * N], painted[4 * N], xy[2 * N], cover[N];
    hf_first_result r;
} scene;

static scene *open_scene(const char *backend, int n_labels, int has_edit)
{
    scene *s = calloc(1, sizeof(*s));
    hf_first_params p = { W, H, W, H, 1, n_labels, has_edit, 0.02f };
    cr_assert_eq(hf_backend_open(&s->be, backend, 2, NULL), HF_OK);
    s->model = tiny_open(s->be);
    cr_assert_eq(hf_first_open(&s->first, s->model, &p, NULL), HF_OK);
    s->r = (hf_first_result){ s->soft, has_edit ? s->painted : NULL, s->xy, s->cover, 0 };
    srand(3);
    for (int i = 0; i < 3 * N; i++)
        s->rgb[i] = (uint8_t)rand();
    for (int i = 0; i < N; i++)
        s->ids[i] = (uint8_t)(i / 7 % n_labels);
    for (int i = 0; i < 4 * N; i++)
        s->edit[i] = (uint8_t)rand();
    return s;
}

/* ref is too slow for full matches. */
#define FOR_EACH_BACKEND(name) \
    for (const char *const *backend_ = test_backends() + 1; *backend_; backend_++) \
        for (const char *name = *backend_; name; name = NULL)

static void close_scene(scene *s)
{
    hf_first_close(&s->first);
    hf_model_close(&s->model);
    hf_backend_close(&s->be);
    free(s);
}

static void expect_identity(scene *s, int n_labels)
{
    cr_assert_eq(hf_first_seed(s->first, 0, s->rgb, s->ids, s->r.edit ? s->edit : NULL, NULL), HF_OK);
    cr_assert_eq(hf_first_frame(s->first, s->rgb, NULL), HF_OK);
    cr_assert_eq(hf_first_match(s->first, &s->r, 0, NULL), HF_OK);
    for (int i = 0; i < N; i++) {
        cr_assert_eq(s->xy[2 * i], (float)(i % W));
        cr_assert_eq(s->xy[2 * i + 1], (float)(i / W));
        for (int l = 0; l < n_labels; l++)
            cr_assert_eq(s->soft[l * N + i], s->ids[i] == l ? 1.0f : 0.0f);
        for (int c = 0; s->r.edit && c < 3; c++)
            cr_assert_float_eq(s->painted[4 * i + c],
                               (float)s->edit[4 * i + c] * s->edit[4 * i + 3] / 255.0f, 1e-4f);
        if (s->r.edit)
            cr_assert_eq(s->painted[4 * i + 3], (float)s->edit[4 * i + 3]);
    }
}

Test(first, the_drawn_frame_itself_comes_back_exactly)
{
    FOR_EACH_BACKEND(name) {
        scene *s = open_scene(name, 3, 1);
        expect_identity(s, 3);
        for (int i = 0; i < N; i++)
            cr_assert(s->cover[i] > 0.999f);
        cr_assert(s->r.mean_similarity > 0.999f);
        close_scene(s);
    }
}

Test(first, more_labels_than_are_splatted_at_once_come_back_exactly)
{
    FOR_EACH_BACKEND(name) {
        scene *s = open_scene(name, 12, 1);
        expect_identity(s, 12);
        close_scene(s);
    }
}

Test(first, a_picture_without_any_texture_comes_back_exactly)
{
    FOR_EACH_BACKEND(name) {
        scene *s = open_scene(name, 2, 0);
        memset(s->rgb, 200, sizeof(s->rgb)); /* all cells equal */
        expect_identity(s, 2);
        memset(s->rgb, 128, sizeof(s->rgb)); /* all descriptors zero */
        expect_identity(s, 2);
        close_scene(s);
    }
}

Test(first, a_shift_by_whole_cells_is_found)
{
    FOR_EACH_BACKEND(name) {
        scene *s = open_scene(name, 2, 0);
        static uint8_t moved[3 * N];
        for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int u = x - 8 < 0 ? 0 : x - 8, v = y - 4 < 0 ? 0 : y - 4;
            memcpy(moved + 3 * (y * W + x), s->rgb + 3 * (v * W + u), 3);
        }
        for (int i = 0; i < N; i++)
            s->ids[i] = i % W > 8 && i % W < 20 && i / W > 6 && i / W < 16;
        cr_assert_eq(hf_first_seed(s->first, 0, s->rgb, s->ids, NULL, NULL), HF_OK);
        cr_assert_eq(hf_first_frame(s->first, moved, NULL), HF_OK);
        cr_assert_eq(hf_first_match(s->first, &s->r, 0, NULL), HF_OK);
        int wrong = 0, n = 0;
        for (int y = 8; y < H - 8; y++)
        for (int x = 12; x < W - 8; x++, n++) {
            const float *xy = s->xy + 2 * (y * W + x);
            wrong += fabsf(xy[0] - (float)(x - 8)) > 1.0f || fabsf(xy[1] - (float)(y - 4)) > 1.0f;
        }
        cr_assert(wrong * 20 < n, "%d of %d pixels went astray", wrong, n);
        wrong = 0;
        for (int y = 8; y < H - 8; y++)
            for (int x = 12; x < W - 8; x++)
                wrong += (s->soft[N + y * W + x] > 0.5f) != s->ids[(y - 4) * W + x - 8];
        cr_assert(wrong * 20 < n, "%d of %d labels are wrong", wrong, n);
        close_scene(s);
    }
}

Test(first, a_frame_unlike_anything_drawn_is_filled_and_not_trusted)
{
    FOR_EACH_BACKEND(name) {
        scene *s = open_scene(name, 2, 1);
        static uint8_t gray[3 * N];
        memset(gray, 128, sizeof(gray)); /* zero descriptors: nothing matches */
        for (int i = 0; i < N; i++)
            s->rgb[3 * i] = 255; /* and none of the drawn frame's is zero */
        cr_assert_eq(hf_first_seed(s->first, 0, s->rgb, s->ids, s->edit, NULL), HF_OK);
        cr_assert_eq(hf_first_frame(s->first, gray, NULL), HF_OK);
        cr_assert_eq(hf_first_match(s->first, &s->r, 0, NULL), HF_OK);
        for (int i = 0; i < N; i++) {
            cr_assert_eq(s->cover[i], 0.0f);
            cr_assert(isfinite(s->soft[i]) && isfinite(s->xy[2 * i]) && isfinite(s->painted[4 * i]));
        }
        close_scene(s);
    }
}

/* What a device makes of a picture with moved, hidden and new parts is what the host makes of it. */
Test(first, a_device_gives_what_the_host_gives)
{
    scene *a = open_scene("cpu", 9, 1);
    static uint8_t moved[3 * N];
    for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) {
        int from = (x < 30 ? x : 30) + y * W;
        memcpy(moved + 3 * (y * W + x), a->rgb + 3 * from, 3);
        if (x < 12 && y < 12)
            memset(moved + 3 * (y * W + x), 128, 3); /* a zero descriptor: matches nothing */
    }
    cr_assert_eq(hf_first_seed(a->first, 0, a->rgb, a->ids, a->edit, NULL), HF_OK);
    cr_assert_eq(hf_first_frame(a->first, moved, NULL), HF_OK);
    cr_assert_eq(hf_first_match(a->first, &a->r, 0, NULL), HF_OK);
    FOR_EACH_BACKEND(name) {
        scene *b = open_scene(name, 9, 1);
        cr_assert_eq(hf_first_seed(b->first, 0, b->rgb, b->ids, b->edit, NULL), HF_OK);
        cr_assert_eq(hf_first_frame(b->first, moved, NULL), HF_OK);
        cr_assert_eq(hf_first_match(b->first, &b->r, 0, NULL), HF_OK);
        for (int i = 0; i < 9 * N; i++)
            cr_assert_float_eq(a->soft[i], b->soft[i], 1e-5f, "%s: label %d of %d", name, i / N, i % N);
        for (int i = 0; i < 4 * N; i++)
            cr_assert_float_eq(a->painted[i], b->painted[i], 255e-5f);
        for (int i = 0; i < 2 * N; i++)
            cr_assert_float_eq(a->xy[i], b->xy[i], 1e-3f);
        for (int i = 0; i < N; i++)
            cr_assert_float_eq(a->cover[i], b->cover[i], 1e-4f);
        cr_assert_float_eq(a->r.mean_similarity, b->r.mean_similarity, 1e-5f);
        close_scene(b);
    }
    close_scene(a);
}

Test(first, the_bytes_foretold_are_those_of_the_open_session_for_any_labels)
{
    scene *s = open_scene("cpu", 2, 0);
    hf_first_params p = { W, H, W, H, 1, 2, 0, 0.02f };
    int64_t one = hf_first_bytes(s->model, &p);
    p.n_keys = 3;
    int64_t cells = (H + 3) / 4 * ((W + 3) / 4);
    cr_assert_eq(hf_first_bytes(s->model, &p) - one, 2 * cells * TINY_D * 4);
    p.width *= 2;
    cr_assert(hf_first_bytes(s->model, &p) > one + N * 60);
    close_scene(s);
}

Test(first, parameters_out_of_range_are_refused)
{
    static const struct { hf_first_params p; const char *text; } cases[] = {
        { { 0, 4, 4, 4, 1, 2, 0, 1 }, "match first: size is 0x4, want at least 1x1" },
        { { 4, 4, 4, 4, 0, 2, 0, 1 }, "match first: 0 key frames with 2 labels, want 1 or more" },
        { { 4, 4, 4, 4, 1, 2, 0, 0 }, "match first: temperature is 0, want more than 0" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hf_first *f;
        hf_error err;
        cr_assert_eq(hf_first_open(&f, NULL, &cases[i].p, &err), HF_EARG);
        cr_assert_null(f);
        cr_assert_str_eq(err.text, cases[i].text);
    }
}
