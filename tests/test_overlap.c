/* test_overlap.c - one thread follows while another renders what was followed before: the same bytes as in turns. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/queue.h"
#include "src/hfprop.h"
#include "tests/small_scene.h"

enum { SCALE = 4, W = SCENE_W * SCALE, H = SCENE_H * SCALE, N = W * H, N_FRAMES = 10, KEEP = 18 * N };

static uint8_t frames[N_FRAMES][3 * N], ids[N], edit[4 * N];
static hf_error err;

static void must(int rc) { cr_assert(rc >= 0, "%s", err.text); }

/* The small scene, enlarged: there it moves by SCALE pixels a frame. */
static void enlarge(uint8_t *out, const uint8_t *small, int channels)
{
    for (int i = 0; i < N; i++) {
        int from = i / W / SCALE * SCENE_W + i % W / SCALE;
        memcpy(out + channels * i, small + channels * from, (size_t)channels);
    }
}

static void paint(void)
{
    static uint8_t rgb[3 * SCENE_N], small_ids[SCENE_N], rgba[4 * SCENE_N];
    for (int t = 0; t < N_FRAMES; t++) {
        small_scene_frame(rgb, t);
        enlarge(frames[t], rgb, 3);
    }
    small_scene_ids(small_ids, 10);
    small_scene_edit(rgba, small_ids);
    enlarge(ids, small_ids, 1);
    enlarge(edit, rgba, 4);
}

static hf_session *open_session(const hf_session_params *like)
{
    hf_session_params p = *like;
    hf_session *s;
    p.width = W, p.height = H, p.match = HF_MATCH_CONTEXT;
    must(hf_session_open(&s, &p, &err));
    must(hf_session_add_key(s, &(hf_key){ 0, frames[0], ids, edit }, &err));
    must(hf_session_batch(s, &err));
    return s;
}

static void keep(uint8_t *to, const hf_result *r)
{
    memcpy(to, r->ids, N);
    memcpy(to + N, r->alpha, N);
    memcpy(to + 2 * N, r->edit, 4 * N);
    memcpy(to + 6 * N, r->cover, 4 * N);
    memcpy(to + 10 * N, r->xy, 8 * N);
}

static void in_turns(const hf_session_params *like, uint8_t *out)
{
    hf_session *s = open_session(like);
    hf_result r;
    must(hf_session_follow(s, 0, &err));
    for (int t = 1; t < N_FRAMES; t++, out += KEEP) {
        must(hf_session_step(s, &r, frames[t], &err));
        keep(out, &r);
    }
    hf_session_close(&s);
}

typedef struct followed {
    hf_cells *cells;
    int       frame;
} followed;

typedef struct renderer {
    hf_session *session;
    hf_queue   *full, *empty;
    uint8_t    *out;
    int         rc;
    hf_error    err;
} renderer;

static void *render(void *argument)
{
    renderer *r = argument;
    void *item;
    while (r->rc >= 0 && hf_queue_pop(r->full, &item) == HF_OK) {
        followed *f = item;
        hf_result result;
        hf_followed from = { .cells = f->cells, .weight = 1 };
        r->rc = hf_session_render(r->session, &result, frames[f->frame], &from, 1, &r->err);
        if (r->rc >= 0)
            keep(r->out + (size_t)(f->frame - 1) * KEEP, &result);
        hf_queue_push(r->empty, f);
    }
    return NULL;
}

static void follow_all(hf_session *s, hf_queue *empty, hf_queue *full, int batch)
{
    must(hf_session_follow(s, 0, &err));
    for (int t = 1, shown = 1; t < N_FRAMES; t++) {
        void *item;
        if (batch && shown == t && shown < N_FRAMES) {
            const uint8_t *rgb[HF_MAX_BATCH];
            int n = 0;
            for (; n < batch && shown < N_FRAMES; n++)
                rgb[n] = frames[shown++];
            must(hf_session_look_ahead(s, rgb, n, &err));
        }
        cr_assert_eq(hf_queue_pop(empty, &item), HF_OK);
        followed *f = item;
        f->frame = t;
        must(hf_session_track(s, f->cells, frames[t], &err));
        cr_assert_eq(hf_queue_push(full, f), HF_OK);
    }
}

static void side_by_side(const hf_session_params *like, uint8_t *out)
{
    followed two[2] = { 0 };
    renderer r = { .session = open_session(like), .out = out };
    int batch = hf_session_batch(r.session, &err);
    pthread_t id;

    must(hf_queue_new(&r.full, 2, &err));
    must(hf_queue_new(&r.empty, 2, &err));
    for (int i = 0; i < 2; i++) {
        must(hf_session_cells_new(r.session, &two[i].cells, &err));
        hf_queue_push(r.empty, &two[i]);
    }
    cr_assert_eq(pthread_create(&id, NULL, render, &r), 0);
    follow_all(r.session, r.empty, r.full, batch);
    hf_queue_finish(r.full);
    pthread_join(id, NULL);
    cr_assert(r.rc >= 0, "%s", r.err.text);
    for (int i = 0; i < 2; i++)
        hf_cells_free(&two[i].cells);
    hf_queue_free(&r.full);
    hf_queue_free(&r.empty);
    hf_session_close(&r.session);
}

Test(overlap, following_and_rendering_side_by_side_give_the_bytes_of_steps)
{
    static const hf_session_params settings[] = {
        { .model.name = "tiny", .device = "cpu", .n_threads = 2, .size = 64, .batch = 3 }, /* scaled down */
        { .model.name = "tiny", .device = "cpu", .n_threads = 3 },                         /* enlarged */
        { .model.name = "classic", .device = "cpu", .n_threads = 2, .batch = 1 },
        { .model.name = "classic", .device = "ref", .n_threads = 2, .size = 128 },
    };
    size_t size = (size_t)(N_FRAMES - 1) * KEEP;
    uint8_t *a = malloc(size), *b = malloc(size);
    paint();
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        in_turns(&settings[i], a);
        side_by_side(&settings[i], b);
        for (int t = 1; t < N_FRAMES; t++)
            cr_assert_eq(memcmp(a + (size_t)(t - 1) * KEEP, b + (size_t)(t - 1) * KEEP, KEEP), 0,
                         "settings %zu, frame %d", i, t);
    }
    free(a);
    free(b);
}

Test(overlap, is_offered_where_it_gains)
{
    static const struct {
        hf_match_mode mode;
        int           n_threads, can;
    } cases[] = { { HF_MATCH_CONTEXT, 2, 1 }, { HF_MATCH_CONTEXT, 1, 0 }, { HF_MATCH_FIRST, 2, 0 } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hf_session_params p = { .model.name = "classic", .device = "cpu", .width = 64, .height = 48,
                                .match = cases[i].mode, .n_threads = cases[i].n_threads };
        hf_session *s;
        must(hf_session_open(&s, &p, &err));
        cr_assert_eq(hf_session_can_overlap(s), cases[i].can, "case %zu", i);
        hf_session_close(&s);
    }
}
