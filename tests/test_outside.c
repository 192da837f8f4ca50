/* test_outside.c - drawings carried by given fields, alone and through a session. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/outside.h"
#include "src/hfprop.h"
#include "tests/backends.h"

enum { W = 40, H = 30, N = W * H, L = 3 };

typedef struct scene {
    hf_backend *be;
    hf_outside *outside;
    uint8_t     ids[N], edit[4 * N];
    float       flow[2 * N], soft[L * N], painted[4 * N], xy[2 * N], cover[N], mean;
} scene;

static scene *open_scene(const char *backend, hf_flow_way way)
{
    scene *s = calloc(1, sizeof(*s));
    hf_outside_params p = { W, H, L, way };
    cr_assert_eq(hf_backend_open(&s->be, backend, 2, NULL), HF_OK);
    cr_assert_eq(hf_outside_open(&s->outside, s->be, &p, NULL), HF_OK);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            uint8_t *e = s->edit + 4 * (y * W + x);
            s->ids[y * W + x] = x >= 10 && x < 20 && y >= 8 && y < 18 ? 1 + (y >= 13) : 0;
            e[0] = (uint8_t)(x * 5), e[1] = (uint8_t)(y * 7), e[2] = 90, e[3] = s->ids[y * W + x] ? 200 : 0;
        }
    return s;
}

static void close_scene(scene *s)
{
    hf_outside_close(&s->outside);
    hf_backend_close(&s->be);
    free(s);
}

static void set_flow(scene *s, float dx, float dy)
{
    for (int i = 0; i < N; i++)
        s->flow[2 * i] = dx, s->flow[2 * i + 1] = dy;
}

/* In the backend's memory, on results that hold something else before. */
static void render(scene *s)
{
    hf_tensor t[] = { hf_tensor_view(NULL, HF_U8, 1, N),          hf_tensor_view(NULL, HF_U8, 1, 4 * N),
                      hf_tensor_view(NULL, HF_F32, 1, 2 * N),     hf_tensor_view(NULL, HF_F32, 1, L * N),
                      hf_tensor_view(NULL, HF_F32, 1, 4 * N),     hf_tensor_view(NULL, HF_F32, 1, 2 * N),
                      hf_tensor_view(NULL, HF_F32, 1, N),         hf_tensor_view(NULL, HF_F32, 1, 1) };
    void *host[] = { s->ids, s->edit, s->flow, s->soft, s->painted, s->xy, s->cover, &s->mean };
    hf_error err = { 0 };
    for (int i = 0; i < 3; i++)
        put(s->be, &t[i], host[i]);
    for (int i = 3; i < 8; i++)
        put_byte(s->be, &t[i], 0x41);
    hf_outside_result r = { t[3].data, t[4].data, t[5].data, t[6].data, t[7].data };
    hf_drawing drawing = { t[0].data, t[1].data, L };
    cr_assert_eq(hf_outside_render(s->outside, &r, &drawing, t[2].data, &err), HF_OK, "%s", err.text);
    for (int i = 3; i < 8; i++)
        get(s->be, host[i], &t[i]);
    for (int i = 0; i < 8; i++)
        drop(s->be, &t[i]);
}

static int label_at(const scene *s, int x, int y)
{
    int best = 0;
    for (int l = 1; l < L; l++)
        if (s->soft[l * N + y * W + x] > s->soft[best * N + y * W + x])
            best = l;
    return best;
}

/* The drawing moved by (6, -3): both ways say the same. */
static void expect_moved(scene *s)
{
    for (int y = 3; y < H - 4; y++)
        for (int x = 7; x < W - 1; x++) {
            int i = y * W + x, from = (y + 3) * W + x - 6;
            cr_assert_eq(label_at(s, x, y), s->ids[from], "at %d,%d", x, y);
            cr_assert(s->xy[2 * i] == (float)(x - 6) && s->xy[2 * i + 1] == (float)(y + 3));
            cr_assert_float_eq(s->cover[i], 1, 1e-5);
            for (int c = 0; c < 4; c++)
                cr_assert_float_eq(s->painted[4 * i + c],
                                   c == 3 ? s->edit[4 * from + 3] : s->edit[4 * from + c] * (float)s->edit[4 * from + 3] / 255,
                                   1e-3);
        }
}

static void check_to_key(const char *backend)
{
    scene *s = open_scene(backend, HF_FLOW_TO_KEY);
    set_flow(s, -6, 3);
    render(s);
    expect_moved(s);
    cr_assert_eq(s->cover[5], 0); /* came from outside the picture */
    cr_assert_float_eq(s->mean, (float)((W - 6) * (H - 3)) / N, 1e-6);
    close_scene(s);
}

static void check_from_key(const char *backend)
{
    scene *s = open_scene(backend, HF_FLOW_FROM_KEY);
    set_flow(s, 6, -3);
    render(s);
    expect_moved(s);
    cr_assert_eq(s->cover[10 * W + 2], 0); /* nothing went there */
    close_scene(s);
}

/* A third has no displacement, or one that leads anywhere. */
static void set_wild_flow(scene *s)
{
    srand(3);
    for (int i = 0; i < 2 * N; i++)
        s->flow[i] = rand() % 5 ? 40.0f * ((float)rand() / (float)RAND_MAX - 0.5f) : rand() % 2 ? NAN : INFINITY;
}

static void check_wild(const char *backend, hf_flow_way way)
{
    scene *s = open_scene(backend, way);
    set_wild_flow(s);
    render(s);
    for (int i = 0; i < N; i++) {
        float sum = 0.0f;
        for (int l = 0; l < L; l++)
            sum += s->soft[l * N + i];
        cr_assert_float_eq(sum, 1.0f, 1e-4);
        cr_assert(isfinite(s->xy[2 * i]) && s->cover[i] >= 0.0f && s->cover[i] <= 1.0f);
        for (int c = 0; c < 4; c++)
            cr_assert(s->painted[4 * i + c] >= 0.0f && s->painted[4 * i + c] < 255.5f);
    }
    close_scene(s);
}

static void check_missing(const char *backend)
{
    scene *s = open_scene(backend, HF_FLOW_TO_KEY);
    set_flow(s, -6, 3);
    for (int y = 8; y < 11; y++)
        for (int x = 18; x < 21; x++)
            s->flow[2 * (y * W + x)] = NAN;
    render(s);
    cr_assert_eq(s->cover[9 * W + 19], 0);
    cr_assert_eq(label_at(s, 19, 9), s->ids[12 * W + 13]);
    cr_assert_float_eq(s->xy[2 * (9 * W + 19)], 13, 0.5);
    close_scene(s);
}

/* Twice as large: every second pixel gets nothing of its own. */
static void check_enlargement(const char *backend)
{
    scene *s = open_scene(backend, HF_FLOW_FROM_KEY);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            s->flow[2 * (y * W + x)] = (float)(x - 15), s->flow[2 * (y * W + x) + 1] = (float)(y - 13);
    render(s);
    for (int y = 4; y < 22; y++) /* the object is 5..25 x 3..23 now */
        for (int x = 6; x < 24; x++) {
            cr_assert_neq(label_at(s, x, y), 0, "at %d,%d", x, y);
            cr_assert(s->cover[y * W + x] >= 0.2f, "at %d,%d: %g", x, y, (double)s->cover[y * W + x]);
            cr_assert(s->painted[4 * (y * W + x) + 3] > 150);
        }
    close_scene(s);
}

static float farthest(const float *a, const float *b, int n)
{
    float most = 0.0f;
    for (int i = 0; i < n; i++)
        most = fmaxf(most, fabsf(a[i] - b[i]));
    return most;
}

/* Splatting and filling round their sums in another order, by 1e-5 of the largest value (first_ops.h). */
static void check_against_ref(const char *backend, hf_flow_way way)
{
    scene *s = open_scene(backend, way), *ref = open_scene("ref", way);
    set_wild_flow(s), set_wild_flow(ref);
    render(s), render(ref);
    cr_assert_leq(farthest(s->xy, ref->xy, 2 * N), 1e-5f * W);
    cr_assert_leq(farthest(s->soft, ref->soft, L * N), 1e-4f); /* a place that is 4e-4 pixels off fetches as much else */
    cr_assert_leq(farthest(s->painted, ref->painted, 4 * N), 255 * 1e-4f);
    cr_assert_leq(farthest(s->cover, ref->cover, N), 1e-5f);
    cr_assert_float_eq(s->mean, ref->mean, 1e-6);
    close_scene(s), close_scene(ref);
}

#define ON_EVERY_BACKEND(check) \
    for (const char *const *be = test_backends(); *be; be++) \
        check

Test(outside, a_field_to_the_key_fetches) { ON_EVERY_BACKEND(check_to_key(*be)); }
Test(outside, a_field_from_the_key_lays_down) { ON_EVERY_BACKEND(check_from_key(*be)); }
Test(outside, pixels_without_a_displacement_move_as_their_surroundings_and_have_no_cover) { ON_EVERY_BACKEND(check_missing(*be)); }
Test(outside, cracks_of_an_enlargement_are_closed) { ON_EVERY_BACKEND(check_enlargement(*be)); }

Test(outside, labels_always_sum_to_one_and_coordinates_are_finite)
{
    ON_EVERY_BACKEND(check_wild(*be, HF_FLOW_TO_KEY));
    ON_EVERY_BACKEND(check_wild(*be, HF_FLOW_FROM_KEY));
}

Test(outside, every_backend_gives_the_numbers_of_ref)
{
    ON_EVERY_BACKEND(check_against_ref(*be, HF_FLOW_TO_KEY));
    ON_EVERY_BACKEND(check_against_ref(*be, HF_FLOW_FROM_KEY));
}

Test(outside, sizes_below_one_are_refused)
{
    hf_backend *be;
    hf_outside *o = (hf_outside *)1;
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, NULL), HF_OK);
    cr_assert_eq(hf_outside_open(&o, be, &(hf_outside_params){ 0, 4, 2, HF_FLOW_TO_KEY }, NULL), HF_EARG);
    cr_assert_null(o);
    hf_backend_close(&be);
}

/* ---- the session ---- */

static hf_session *open_session(hf_flow_way way)
{
    hf_session_params p = HF_SESSION_DEFAULTS;
    hf_session *s;
    p.width = W, p.height = H, p.match = HF_MATCH_GIVEN, p.flow_way = way, p.refine = -1;
    cr_assert_eq(hf_session_open(&s, &p, NULL), HF_OK);
    return s;
}

Test(outside, a_session_carries_masks_and_edits_by_given_fields)
{
    for (int way = 0; way < 2; way++) {
        scene *c = open_scene("cpu", (hf_flow_way)way);
        hf_session *s = open_session((hf_flow_way)way);
        static uint8_t rgb[3 * N];
        hf_result r;
        hf_followed f = { .weight = 1, .flow = c->flow };
        for (int i = 0; i < N; i++)
            c->ids[i] = c->ids[i] ? (uint8_t)(c->ids[i] * 40) : 0; /* sparse ids */
        cr_assert_eq(hf_session_add_key(s, &(hf_key){ .rgb = rgb, .ids = c->ids, .edit = c->edit }, NULL), HF_OK);
        cr_assert_eq(hf_session_follow(s, 0, NULL), HF_OK);
        cr_assert_eq(hf_session_needs_tracking(s), 0);
        set_flow(c, way ? 6 : -6, way ? -3 : 3);
        cr_assert_eq(hf_session_render(s, &r, rgb, &f, 1, NULL), HF_OK);
        for (int y = 3; y < H - 4; y++)
            for (int x = 7; x < W - 1; x++) {
                cr_assert_eq(r.ids[y * W + x], c->ids[(y + 3) * W + x - 6]);
                cr_assert_eq(r.edit[4 * (y * W + x) + 3], c->edit[4 * ((y + 3) * W + x - 6) + 3]);
            }
        cr_assert(hf_session_bytes(&(hf_session_params){ .width = W, .height = H, .match = HF_MATCH_GIVEN }, 2, 1, 1) >
                  N * 20);
        hf_session_close(&s);
        close_scene(c);
    }
}

Test(outside, two_keys_are_blended_by_their_weights)
{
    scene *c = open_scene("cpu", HF_FLOW_TO_KEY);
    hf_session *s = open_session(HF_FLOW_TO_KEY);
    static uint8_t rgb[3 * N], other[N];
    hf_result r;
    for (int i = 0; i < N; i++)
        other[i] = i % W >= 25 ? 5 : 0;
    cr_assert_eq(hf_session_add_key(s, &(hf_key){ .frame = 0, .rgb = rgb, .ids = c->ids }, NULL), HF_OK);
    cr_assert_eq(hf_session_add_key(s, &(hf_key){ .frame = 9, .rgb = rgb, .ids = other }, NULL), HF_OK);
    cr_assert_eq(hf_session_follow(s, 0, NULL), HF_OK);
    set_flow(c, 0, 0);
    hf_followed f[2] = { { .key = 0, .weight = 0.4f, .flow = c->flow }, { .key = 1, .weight = 0.6f, .flow = c->flow } };
    cr_assert_eq(hf_session_render(s, &r, rgb, f, 2, NULL), HF_OK);
    cr_assert_eq(r.ids[10 * W + 15], 0); /* object of the lighter key */
    cr_assert_eq(r.ids[10 * W + 30], 5);
    f[0].weight = 0.7f, f[1].weight = 0.3f;
    cr_assert_eq(hf_session_render(s, &r, rgb, f, 2, NULL), HF_OK);
    cr_assert_eq(r.ids[10 * W + 15], 1);
    cr_assert_eq(r.ids[10 * W + 30], 0);
    hf_session_close(&s);
    close_scene(c);
}

Test(outside, a_frame_without_a_field_is_refused)
{
    scene *c = open_scene("cpu", HF_FLOW_TO_KEY);
    hf_session *s = open_session(HF_FLOW_TO_KEY);
    static uint8_t rgb[3 * N];
    hf_result r;
    hf_error err = { 0 };
    cr_assert_eq(hf_session_add_key(s, &(hf_key){ .rgb = rgb, .ids = c->ids }, NULL), HF_OK);
    cr_assert_eq(hf_session_follow(s, 0, NULL), HF_OK);
    cr_assert_eq(hf_session_render(s, &r, rgb, &(hf_followed){ .weight = 1 }, 1, &err), HF_EARG);
    cr_assert_not_null(strstr(err.text, "no field of displacements"), "%s", err.text);
    cr_assert_eq(hf_session_step(s, &r, rgb, &err), HF_EARG);
    hf_session_close(&s);
    close_scene(c);
}
