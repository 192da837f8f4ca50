/* test_session_device.c - sessions on the cuda backend against the same on the processor, with one key and with several.
 *
 * Both bring the same cells to pixels, or match the same features, so that results differ by the rounding of sums alone.
 * Skipped, by name, where there is no cuda backend.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/session.h"
#include "tests/backends.h"
#include "tests/small_scene.h"

enum { W = SCENE_W, H = SCENE_H, N = SCENE_N, N_FRAMES = 3 };

static uint8_t frames[N_FRAMES][3 * N], ids[N], last_ids[N], edit[4 * N];
static float flow[2][2 * N]; /* of the two keys, in match mode given */
static hf_flow_way flow_way;
static hf_error err;

static void must(int rc) { cr_assert(rc >= 0, "%s", err.text); }

static void paint(void)
{
    for (int t = 0; t < N_FRAMES; t++)
        small_scene_frame(frames[t], t);
    small_scene_ids(ids, 12);
    small_scene_ids(last_ids, 14);
    small_scene_edit(edit, ids);
    for (int i = 0; i < N; i++) { /* a zoom about the middle, with a gap */
        float x = (float)(i % W - W / 2), y = (float)(i / W - H / 2);
        flow[0][2 * i] = 0.1f * x - 1.3f, flow[0][2 * i + 1] = 0.1f * y;
        flow[1][2 * i] = i % W == 9 ? NAN : -0.1f * x, flow[1][2 * i + 1] = 0.2f;
    }
}

static void start(void)
{
    if (!test_backends()[2])
        cr_skip_test("no cuda backend");
    paint();
}

TestSuite(session_device, .init = start);

typedef struct pictures {
    uint8_t ids[N], alpha[N], soft[2 * N], edit[4 * N];
    float   xy[2 * N], cover[N], similarity;
    bool    has_edit;
} pictures;

static void keep(pictures *to, const hf_result *r)
{
    memcpy(to->ids, r->ids, N);
    memcpy(to->alpha, r->alpha, N);
    memcpy(to->soft, r->soft, (size_t)r->n_ids * N);
    memcpy(to->xy, r->xy, sizeof(to->xy));
    memcpy(to->cover, r->cover, sizeof(to->cover));
    to->similarity = r->mean_similarity;
    if ((to->has_edit = r->edit != NULL))
        memcpy(to->edit, r->edit, 4 * N);
}

static hf_session *open_on(const char *device, hf_match_mode match, const hf_key *keys, int n_keys)
{
    hf_session_params p = { .width = W, .height = H, .device = device, .n_threads = 1, .match = match,
                            .model.name = "classic", .flow_way = flow_way };
    hf_session *s;
    must(hf_session_open(&s, &p, &err));
    for (int k = 0; k < n_keys; k++)
        must(hf_session_add_key(s, &keys[k], &err));
    must(hf_session_follow(s, 0, &err));
    return s;
}

static int differ(const uint8_t *a, const uint8_t *b, int n, int tolerance)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        count += abs(a[i] - b[i]) > tolerance;
    return count;
}

/* Of 1280 pixels; decisions between equals may turn over. */
static void expect_near(const pictures *a, const pictures *b, const char *what)
{
    int far_xy = 0, far_cover = 0;
    for (int i = 0; i < N; i++) {
        far_xy += !(fabsf(a->xy[2 * i] - b->xy[2 * i]) + fabsf(a->xy[2 * i + 1] - b->xy[2 * i + 1]) < 0.05f);
        far_cover += !(fabsf(a->cover[i] - b->cover[i]) < 1e-3f);
    }
    cr_expect(differ(a->ids, b->ids, N, 0) <= 6, "%s: %d ids", what, differ(a->ids, b->ids, N, 0));
    cr_expect(differ(a->alpha, b->alpha, N, 1) <= 6, "%s: %d mattes", what, differ(a->alpha, b->alpha, N, 1));
    cr_expect(differ(a->soft, b->soft, 2 * N, 1) <= 12, "%s: %d mattes of objects", what, differ(a->soft, b->soft, 2 * N, 1));
    cr_expect(far_xy <= 6 && far_cover <= 6, "%s: %d coordinates, %d covers", what, far_xy, far_cover);
    cr_expect(fabsf(a->similarity - b->similarity) < 1e-4f, "%s: %g %g", what, (double)a->similarity, (double)b->similarity);
    cr_expect_eq(a->has_edit, b->has_edit);
    cr_expect(!a->has_edit || differ(a->edit, b->edit, 4 * N, 2) <= 24, "%s: %d of the edit", what,
              differ(a->edit, b->edit, 4 * N, 2));
}

/* Frame 1 from the keys `used` (0, 1 or 2: both), on both devices. */
static void compare(hf_match_mode match, const hf_key *keys, int n_keys, int used, const char *what)
{
    static const char *const devices[2] = { "cpu", "cuda" };
    static pictures p[2];
    hf_session *s[2];
    hf_cells *cells[2] = { 0 };
    hf_result r;

    memset(p, 0, sizeof(p));
    for (int d = 0; d < 2; d++)
        s[d] = open_on(devices[d], match, keys, n_keys);
    for (int k = 0; k < n_keys && match == HF_MATCH_CONTEXT; k++) {
        must(hf_session_follow(s[0], k, &err));
        must(hf_session_cells_new(s[0], &cells[k], &err));
        must(hf_session_track(s[0], cells[k], frames[1], &err));
    }
    for (int d = 0; d < 2; d++) {
        hf_followed f[2] = { { 0, cells[0], 0.4f, flow[0] }, { 1, cells[1], 0.6f, flow[1] } };
        must(hf_session_render(s[d], &r, frames[1], used == 1 ? f + 1 : f, used == 2 ? 2 : 1, &err));
        keep(&p[d], &r);
    }
    expect_near(&p[0], &p[1], what);
    for (int i = 0; i < 2; i++) {
        hf_cells_free(&cells[i]);
        hf_session_close(&s[i]);
    }
}

static void compare_all_modes(const hf_key *keys, int n_keys, int used, const char *what)
{
    static const struct {
        hf_match_mode match;
        hf_flow_way   way;
        const char   *name;
    } modes[] = { { HF_MATCH_FIRST, 0, "first" }, { HF_MATCH_CONTEXT, 0, "context" },
                  { HF_MATCH_GIVEN, HF_FLOW_TO_KEY, "given to key" }, { HF_MATCH_GIVEN, HF_FLOW_FROM_KEY, "given from key" } };
    char text[64];
    for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
        snprintf(text, sizeof(text), "%s, %s", what, modes[m].name);
        flow_way = modes[m].way;
        compare(modes[m].match, keys, n_keys, used, text);
    }
}

Test(session_device, one_key_with_mask_and_edit)
{
    compare_all_modes((hf_key[]){ { 0, frames[0], ids, edit } }, 1, 0, "mask and edit");
}

Test(session_device, two_keys_are_blended_as_on_the_host)
{
    compare_all_modes((hf_key[]){ { 0, frames[0], ids, NULL }, { 2, frames[2], last_ids, NULL } }, 2, 2, "two masks");
}

Test(session_device, keys_without_objects_or_without_an_edit_are_left_out_of_a_blend)
{
    hf_key keys[] = { { 0, frames[0], ids, NULL }, { 2, frames[2], NULL, edit } };
    compare_all_modes(keys, 2, 2, "mask and edit blended");
    compare_all_modes(keys, 2, 0, "the mask alone");
    compare_all_modes(keys, 2, 1, "the edit alone");
}

/* Key 1's cells come from outside, key 0's are those that track left, on the device, or went out and in again. */
static void blend_followed(pictures *to, const char *device, bool are_left, float weight)
{
    hf_key keys[] = { { 0, frames[0], ids, edit }, { 2, frames[2], last_ids, NULL } };
    hf_session *s = open_on(device, HF_MATCH_CONTEXT, keys, 2);
    hf_cells *cells[2];
    hf_result r;
    for (int k = 0; k < 2; k++)
        must(hf_session_cells_new(s, &cells[k], &err));
    must(hf_session_follow(s, 1, &err));
    must(hf_session_track(s, cells[1], frames[1], &err));
    must(hf_session_follow(s, 0, &err));
    hf_followed f[2] = { { 0, are_left ? NULL : cells[0], weight, NULL }, { 1, cells[1], 1 - weight, NULL } };
    must(hf_session_track(s, are_left ? NULL : cells[0], frames[1], &err));
    for (int again = 0; again < 2; again++) {
        must(hf_session_render(s, &r, frames[1], f, 2, &err));
        keep(again ? to + 1 : to, &r);
    }
    hf_cells_free(&cells[0]), hf_cells_free(&cells[1]);
    hf_session_close(&s);
}

Test(session_device, cells_that_track_left_are_blended_as_those_it_gives)
{
    static pictures left[2], given[2];
    for (int d = 0; d < 2; d++)
        for (int heavy = 0; heavy < 2; heavy++) {
            blend_followed(left, d ? "cuda" : "cpu", true, heavy ? 0.8f : 0.3f);
            blend_followed(given, d ? "cuda" : "cpu", false, heavy ? 0.8f : 0.3f);
            for (int again = 0; again < 2; again++) {
                cr_expect_float_eq(left[again].similarity, given[again].similarity, 1e-6);
                left[again].similarity = given[again].similarity;
                cr_expect_eq(memcmp(&left[again], &given[again], sizeof(left[0])), 0, "device %d, heavy %d", d, heavy);
            }
        }
}

/* A copy down that fails after another was queued. */
static hf_ops real;
static int    n_reads, is_queued;

static int second_read_fails(hf_backend *be, void *host, const hf_tensor *src, hf_error *e)
{
    if (++n_reads == 2)
        return hf_fail(e, HF_EDEVICE, "planted");
    is_queued = 1;
    return real.read(be, host, src, e);
}

static int counted_sync(hf_backend *be, hf_error *e)
{
    is_queued = 0;
    return real.sync(be, e);
}

static hf_session *open_failing(hf_match_mode match)
{
    hf_session *s = open_on("cuda", match, (hf_key[]){ { 0, frames[0], ids, edit } }, 1);
    real = s->backend->ops;
    s->backend->ops.read = second_read_fails;
    s->backend->ops.sync = counted_sync;
    n_reads = is_queued = 0;
    return s;
}

Test(session_device, a_failure_leaves_no_copy_into_the_callers_memory_on_its_way)
{
    for (int way = 0; way < 3; way++) { /* step in both modes, track */
        hf_session *s = open_failing(way == 1 ? HF_MATCH_FIRST : HF_MATCH_CONTEXT);
        hf_cells *cells = NULL;
        hf_result r;
        if (way == 2)
            must(hf_session_cells_new(s, &cells, &err));
        int rc = cells ? hf_session_track(s, cells, frames[1], &err) : hf_session_step(s, &r, frames[1], &err);
        cr_expect_eq(rc, HF_EDEVICE, "way %d: %d", way, rc);
        cr_expect_str_eq(err.text, "planted");
        cr_expect(!is_queued, "way %d", way);
        hf_session_close(&s);
        hf_cells_free(&cells);
    }
}
