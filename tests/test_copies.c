/* test_copies.c - what a session moves between host and device for a frame; on the emulated module, which counts it.
 *
 * That is the frame, and what a user gets of it, and nothing else; with given matches those, too. Skipped, by name,
 * where there is no emulated module.
 */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/cells.h"
#include "src/hfprop.h"
#include "tests/emulation/copies.h"
#include "tests/small_scene.h"

enum { W = SCENE_W, H = SCENE_H, N = SCENE_N, N_FRAMES = 4 };

static uint8_t frames[N_FRAMES][3 * N], ids[N], edit[4 * N];
static hf_emulated_count_copies_fn *count;
static hf_error err;

static void must(int rc) { cr_assert(rc >= 0, "%s", err.text); }

static void paint(void)
{
    for (int t = 0; t < N_FRAMES; t++)
        small_scene_frame(frames[t], t);
    small_scene_ids(ids, 12);
    small_scene_edit(edit, ids);
}

static void start(void)
{
    const char *module = getenv("HFPROP_CUDA_MODULE");
    void *handle = module ? dlopen(module, RTLD_NOW) : NULL;
    *(void **)&count = handle ? dlsym(handle, "hf_emulated_count_copies") : NULL;
    if (!count)
        cr_skip_test("HFPROP_CUDA_MODULE names no emulated module");
    paint();
}

TestSuite(copies, .init = start);

/* What the last frame of a run of steps moved, after those in which things are made. */
static hf_emulated_copies moved_between(const hf_emulated_copies *before, const hf_emulated_copies *after)
{
    return (hf_emulated_copies){ after->n_up - before->n_up, after->up_bytes - before->up_bytes,
                                 after->n_down - before->n_down, after->down_bytes - before->down_bytes };
}

static hf_emulated_copies copies_of_frame(hf_match_mode match, const uint8_t *painted, int wants_xy)
{
    hf_session_params p = { .width = W, .height = H, .device = "cuda", .n_threads = 1, .match = match,
                            .model.name = "classic", .no_coordinates = wants_xy ? 0 : 2 };
    hf_emulated_copies before, after;
    hf_session *s;
    hf_result r;

    must(hf_session_open(&s, &p, &err));
    must(hf_session_add_key(s, &(hf_key){ 0, frames[0], ids, painted }, &err));
    must(hf_session_follow(s, 0, &err));
    for (int t = 1; t < N_FRAMES; t++) {
        count(&before);
        must(hf_session_step(s, &r, frames[t], &err));
        count(&after);
    }
    cr_assert_eq(r.n_ids, 2);
    hf_session_close(&s);
    return moved_between(&before, &after);
}

/* The frame; masks, matte, mattes of two objects, cover f32, and one mean f32. Then what else is wanted. */
enum { FRAME = 3 * N, MASKS = N + N + 2 * N + 4 * N + 4, EDIT = 4 * N, COORDINATES = 8 * N };
static void moves(hf_match_mode match, const uint8_t *painted, int wants_xy, int64_t up, int64_t down)
{
    hf_emulated_copies c = copies_of_frame(match, painted, wants_xy);
    cr_expect_eq(c.n_up, 1, "%d copies up", (int)c.n_up);
    cr_expect_eq(c.up_bytes, up, "%d bytes up", (int)c.up_bytes);
    cr_expect_eq(c.down_bytes, down, "%d bytes down in %d copies, want %d", (int)c.down_bytes, (int)c.n_down, (int)down);
}

Test(copies, context_sends_the_frame_and_fetches_masks)
{
    moves(HF_MATCH_CONTEXT, NULL, 0, FRAME, MASKS);
}

Test(copies, context_fetches_coordinates_where_they_are_wanted)
{
    moves(HF_MATCH_CONTEXT, NULL, 1, FRAME, MASKS + COORDINATES);
}

Test(copies, context_fetches_an_edit_and_not_what_it_is_made_of)
{
    moves(HF_MATCH_CONTEXT, edit, 0, FRAME, MASKS + EDIT);
}

Test(copies, first_sends_the_frame_and_fetches_masks)
{
    moves(HF_MATCH_FIRST, NULL, 0, FRAME, MASKS);
}

Test(copies, first_fetches_coordinates_where_they_are_wanted)
{
    moves(HF_MATCH_FIRST, NULL, 1, FRAME, MASKS + COORDINATES);
}

Test(copies, first_fetches_an_edit_and_not_what_it_is_made_of)
{
    moves(HF_MATCH_FIRST, edit, 0, FRAME, MASKS + EDIT);
}

/* Blended there; besides, the mean of the second key. */
Test(copies, first_with_two_keys_sends_the_frame_once_and_fetches_one_mask)
{
    hf_session_params p = { .width = W, .height = H, .device = "cuda", .n_threads = 1, .match = HF_MATCH_FIRST,
                            .model.name = "classic", .no_coordinates = 2 };
    hf_followed followed[2] = { { 0, NULL, 0.5f, NULL }, { 1, NULL, 0.7f, NULL } };
    hf_emulated_copies before, after;
    hf_session *s;
    hf_result r;

    must(hf_session_open(&s, &p, &err));
    must(hf_session_add_key(s, &(hf_key){ 0, frames[0], ids, edit }, &err));
    must(hf_session_add_key(s, &(hf_key){ 3, frames[3], ids, edit }, &err));
    must(hf_session_follow(s, 0, &err));
    for (int t = 1; t < 3; t++) {
        count(&before);
        must(hf_session_render(s, &r, frames[t], followed, 2, &err));
        count(&after);
    }
    hf_emulated_copies c = moved_between(&before, &after);
    cr_expect_eq(c.n_up, 1);
    cr_expect_eq(c.up_bytes, FRAME);
    cr_expect_eq(c.down_bytes, MASKS + EDIT + 4, "%d bytes down in %d copies", (int)c.down_bytes, (int)c.n_down);
    hf_session_close(&s);
}

/* Fields of two keys go up besides, and the means of their cover come down. */
Test(copies, given_sends_frame_and_fields_and_fetches_one_mask)
{
    static float flow[2][2 * N];
    hf_session_params p = { .width = W, .height = H, .device = "cuda", .n_threads = 1, .match = HF_MATCH_GIVEN,
                            .flow_way = HF_FLOW_FROM_KEY, .no_coordinates = 2 };
    hf_followed followed[2] = { { 0, NULL, 0.5f, flow[0] }, { 1, NULL, 0.7f, flow[1] } };
    hf_emulated_copies before, after;
    hf_session *s;
    hf_result r;

    must(hf_session_open(&s, &p, &err));
    must(hf_session_add_key(s, &(hf_key){ 0, frames[0], ids, edit }, &err));
    must(hf_session_add_key(s, &(hf_key){ 3, frames[3], ids, edit }, &err));
    must(hf_session_follow(s, 0, &err));
    for (int t = 1; t < 3; t++) {
        count(&before);
        must(hf_session_render(s, &r, frames[t], followed, 2, &err));
        count(&after);
    }
    hf_emulated_copies c = moved_between(&before, &after);
    cr_expect_eq(c.n_up, 3);
    cr_expect_eq(c.up_bytes, FRAME + 2 * 8 * N);
    cr_expect_eq(c.down_bytes, MASKS + EDIT + 4, "%d bytes down in %d copies", (int)c.down_bytes, (int)c.n_down);
    cr_expect_null(r.xy);
    hf_session_close(&s);
}

/* The cells of the key that is followed stay where they are; the other's go up: three labels, x, y, similarity. */
Test(copies, context_with_two_keys_sends_the_frame_once_and_the_cells_of_one)
{
    hf_session_params p = { .width = W, .height = H, .device = "cuda", .n_threads = 1, .model.name = "classic",
                            .no_coordinates = 2 };
    hf_emulated_copies before, after;
    hf_cells *back;
    hf_session *s;
    hf_result r;

    must(hf_session_open(&s, &p, &err));
    must(hf_session_add_key(s, &(hf_key){ 0, frames[0], ids, NULL }, &err));
    must(hf_session_add_key(s, &(hf_key){ 3, frames[3], ids, NULL }, &err));
    must(hf_session_cells_new(s, &back, &err));
    must(hf_session_follow(s, 1, &err));
    must(hf_session_track(s, back, frames[2], &err));
    must(hf_session_follow(s, 0, &err));
    hf_followed followed[2] = { { 0, NULL, 0.7f, NULL }, { 1, back, 0.3f, NULL } };
    for (int t = 1; t < 3; t++) {
        count(&before);
        must(hf_session_track(s, NULL, frames[t], &err));
        must(hf_session_render(s, &r, frames[t], followed, 2, &err));
        count(&after);
    }
    hf_emulated_copies c = moved_between(&before, &after);
    cr_expect_eq(c.n_up, 1 + 3);
    cr_expect_eq(c.up_bytes, FRAME + (int64_t)back->h * back->w * (3 + 2 + 1) * 4);
    cr_expect_eq(c.down_bytes, MASKS, "%d bytes down in %d copies", (int)c.down_bytes, (int)c.n_down);
    hf_cells_free(&back);
    hf_session_close(&s);
}
