/* test_ahead.c - frames shown to a session ahead give what frames that were not shown give, on every backend. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/hfprop.h"
#include "tests/backends.h"

enum { W = 40, H = 32, N = W * H, N_FRAMES = 7, N_FORWARD = 5, N_BACKWARD = 2, KEEP = N * 6 };

static uint8_t frames[N_FRAMES][3 * N], ids[2][N], edit[4 * N];

/* A textured scene that moves by a pixel a frame, with a box on it that moves by two. */
static void paint(void)
{
    for (int t = 0; t < N_FRAMES; t++)
        for (int i = 0; i < N; i++) {
            int x = i % W, y = i / W, bx = x - 12 - 2 * t, by = y - 10;
            int in = bx >= 0 && bx < 16 && by >= 0 && by < 18;
            unsigned u = in ? (unsigned)(bx / 3 * 31 + by / 3 * 57) : (unsigned)((x - t + 64) / 5 * 91 + y / 5 * 47);
            for (int c = 0; c < 3; c++)
                frames[t][3 * i + c] = (uint8_t)(40 + (in ? 70 : 0) + (int)((u * 2654435761u >> (10 + 5 * c)) % 90));
            if (t == 0)
                ids[0][i] = in ? 3 : 0;
            if (t == N_FRAMES - 1)
                ids[1][i] = in ? 3 : 0;
            if (t == 0)
                memset(edit + 4 * i, in ? 30 + x : 0, 4);
        }
}

TestSuite(ahead, .init = paint);

static hf_error err;

static void must(int rc) { cr_assert(rc >= 0, "%s", err.text); }

static int n_threads = 1;

/* With several threads, the features of light models are made by one of their own on the host. */
static void with_threads(void (*test)(void))
{
    for (n_threads = 1; n_threads <= 3; n_threads += 2)
        test();
}

/* All but ref; a GPU does not care how many threads the host has. */
static const char *const *backends(void)
{
    static const char *const host[] = { "cpu", NULL };
    return n_threads > 1 ? host : test_backends() + 1;
}

/* A session that does not look ahead gets as many threads as the features have in one that does: products of matrices
 * are rounded in another way with another number. */
static hf_session *open_session(const hf_session_params *like, const char *device, int batch)
{
    hf_session_params p = *like;
    hf_session *s;
    p.width = W, p.height = H, p.n_threads = batch ? n_threads : (n_threads + 1) / 2, p.device = device, p.batch = batch;
    must(hf_session_open(&s, &p, &err));
    must(hf_session_add_key(s, &(hf_key){ 0, frames[0], ids[0], edit }, &err));
    must(hf_session_add_key(s, &(hf_key){ N_FRAMES - 1, frames[N_FRAMES - 1], ids[1], NULL }, &err));
    return s;
}

/* What a test compares of a frame. */
static void keep(uint8_t *to, const hf_result *r)
{
    memcpy(to, r->ids, N);
    memcpy(to + N, r->alpha, N);
    memcpy(to + 2 * N, r->cover, sizeof(float) * N);
}

/* Frames waiting to be asked for, in an order: those that a batch has room for are shown. */
typedef struct showing {
    hf_session *session;
    const int  *order;
    int         n, batch, at, shown, second; /* asked for; shown, up to here; where the second batch begins */
} showing;

static const uint8_t *next_frame(showing *w)
{
    const uint8_t *rgb[HF_MAX_BATCH];
    while (w->batch && w->shown < w->n && (w->shown == w->at || w->at >= w->second)) {
        int n = 0;
        w->second = w->shown;
        for (; n < w->batch && w->shown < w->n; n++)
            rgb[n] = frames[w->order[w->shown++]];
        must(hf_session_look_ahead(w->session, rgb, n, &err));
    }
    return frames[w->order[w->at++]];
}

/* Forward from the first key by steps; backward from the last one by track and render. Every frame's results to out. */
static void run_all(hf_session *s, uint8_t *out)
{
    static const int forward[N_FORWARD] = { 1, 2, 3, 4, 5 }, backward[N_BACKWARD] = { 5, 4 };
    int batch = hf_session_batch(s, &err);
    showing there = { s, forward, N_FORWARD, batch, 0, 0, 0 }, back = { s, backward, N_BACKWARD, batch, 0, 0, 0 };
    hf_cells *cells = NULL;
    hf_result r;

    must(batch);
    must(hf_session_follow(s, 0, &err));
    for (int i = 0; i < N_FORWARD; i++, out += KEEP) {
        must(hf_session_step(s, &r, next_frame(&there), &err));
        keep(out, &r);
    }
    if (hf_session_needs_tracking(s))
        must(hf_session_cells_new(s, &cells, &err));
    must(hf_session_follow(s, 1, &err));
    for (int i = 0; i < N_BACKWARD; i++, out += KEEP) {
        const uint8_t *rgb = next_frame(&back);
        must(hf_session_track(s, cells, rgb, &err));
        must(hf_session_render(s, &r, rgb, &(hf_followed){ .key = 1, .cells = cells, .weight = 1 }, 1, &err));
        keep(out, &r);
    }
    hf_cells_free(&cells);
}

enum { N_OUT = (N_FORWARD + N_BACKWARD) * KEEP };

static int n_different(const uint8_t *a, const uint8_t *b)
{
    int n = 0;
    for (int frame = 0; frame * KEEP < N_OUT; frame++)
        for (int i = 0; i < N; i++)
            n += a[frame * KEEP + i] != b[frame * KEEP + i];
    return n;
}

/* The frames of a session that looks ahead in batches against those of one that does not: the same bytes, or, where the
 * model rounds a batch in another way, no more than `most` pixels of all masks. */
static void compare(const hf_session_params *like, const char *device, const int *batches, int most)
{
    uint8_t *plain = malloc(N_OUT), *shown = malloc(N_OUT);
    hf_session *s = open_session(like, device, 0);
    cr_expect_eq(hf_session_batch(s, &err), 0);
    run_all(s, plain);
    hf_session_close(&s);
    for (; *batches; batches++) {
        s = open_session(like, device, *batches);
        run_all(s, shown);
        hf_session_close(&s);
        cr_expect(most ? n_different(plain, shown) <= most : memcmp(plain, shown, N_OUT) == 0,
                  "%s on %s, match %d, size %d, batch %d: %d pixels", like->model.name, device, like->match, like->size,
                  *batches, n_different(plain, shown));
    }
    free(plain);
    free(shown);
}

static void show_all(void)
{
    static const int batches[] = { HF_BATCH_AUTO, 3, 0 };
    static const hf_session_params all[] = {
        { .model.name = "classic", .match = HF_MATCH_CONTEXT, .size = H },
        { .model.name = "classic", .match = HF_MATCH_FIRST, .size = H },
        { .model.name = "tiny", .match = HF_MATCH_CONTEXT, .size = H },
        { .model.name = "classic", .match = HF_MATCH_FIRST, .size = H / 2 },   /* averaged */
        { .model.name = "classic", .match = HF_MATCH_CONTEXT, .size = 2 * H }, /* doubled */
    };
    for (const char *const *name = backends(); *name; name++) {
        size_t n = sizeof(all) / sizeof(all[0]);
        if (strcmp(*name, "cuda") == 0)
            n--; /* the largest takes too long where it is emulated; test_cli_cuda.sh doubles its pictures */
        for (size_t i = 0; i < n; i++)
            compare(&all[i], *name, i == 0 ? batches : batches + 1, 0);
    }
}

Test(ahead, frames_that_were_shown_give_what_the_others_give) { with_threads(show_all); }

Test(ahead, networks_that_take_several_at_a_time_give_the_same)
{
    static const int batches[] = { 3, 0 };
    const hf_session_params vit = { .model = { .name = "vit", .weights = HF_SOURCE_ROOT "/tests/golden/vit_dino.safetensors" },
                                    .match = HF_MATCH_FIRST, .size = H };
    const hf_session_params sd = { .model = { .name = "sd15-onestep", .weights = HF_SOURCE_ROOT "/tests/golden/sd_tiny/sd1",
                                              .square_px = 64 },
                                   .match = HF_MATCH_FIRST, .size = H };
    for (const char *const *name = test_backends() + 1; *name; name++)
        compare(&vit, *name, batches, 0);
    compare(&sd, "cpu", batches, N / 100);
}

static void show_another(void)
{
    const uint8_t *three[] = { frames[1], frames[2], frames[3] };
    const hf_session_params like = { .model.name = "classic", .size = H };
    uint8_t *kept = malloc(4 * KEEP);
    hf_result r;
    for (const char *const *name = backends(); *name; name++) {
        for (int shows = 0; shows < 2; shows++) {
            hf_session *s = open_session(&like, *name, shows ? 3 : 0);
            must(hf_session_follow(s, 0, &err));
            if (shows) {
                must(hf_session_look_ahead(s, three, 3, &err));
                must(hf_session_look_ahead(s, three, 2, &err));
            }
            must(hf_session_step(s, &r, frames[1], &err));
            must(hf_session_step(s, &r, frames[4], &err));
            keep(kept + shows * KEEP, &r);
            must(hf_session_step(s, &r, frames[2], &err));
            keep(kept + (2 + shows) * KEEP, &r);
            if (shows) /* there is room for both again */
                must(hf_session_look_ahead(s, three, 3, &err)), must(hf_session_look_ahead(s, three, 3, &err));
            hf_session_close(&s);
        }
        cr_expect_arr_eq(kept, kept + KEEP, KEEP, "%s", *name);
        cr_expect_arr_eq(kept + 2 * KEEP, kept + 3 * KEEP, KEEP, "%s", *name);
    }
    free(kept);
}

Test(ahead, a_frame_that_was_not_shown_makes_the_session_forget) { with_threads(show_another); }

/* `classic` learns from each key. */
static void follow_another(void)
{
    const uint8_t *two[] = { frames[5], frames[4] };
    const hf_session_params like = { .model.name = "classic", .size = H };
    uint8_t *kept = malloc(2 * KEEP);
    hf_result r;
    for (const char *const *name = backends(); *name; name++) {
        for (int shows = 0; shows < 2; shows++) {
            hf_session *s = open_session(&like, *name, shows ? 2 : 0);
            must(hf_session_follow(s, 0, &err));
            if (shows)
                must(hf_session_look_ahead(s, two, 2, &err));
            must(hf_session_follow(s, 1, &err));
            must(hf_session_step(s, &r, frames[5], &err));
            keep(kept + shows * KEEP, &r);
            hf_session_close(&s);
        }
        cr_expect_arr_eq(kept, kept + KEEP, KEEP, "%s", *name);
    }
    free(kept);
}

Test(ahead, following_another_key_makes_the_session_forget) { with_threads(follow_another); }

/* A network is queued as a whole: nothing of it has run when look_ahead returns. */
static void show_a_copy(void)
{
    const hf_session_params like = { .model.name = "tiny", .size = H / 2 };
    static uint8_t copy[3 * N];
    uint8_t *kept = malloc(2 * KEEP);
    hf_result r;
    for (const char *const *name = backends(); *name; name++)
        for (int shows = 0; shows < 2; shows++) {
            hf_session *s = open_session(&like, *name, shows ? 2 : 0);
            must(hf_session_follow(s, 0, &err));
            memcpy(copy, frames[1], sizeof(copy));
            if (shows)
                must(hf_session_look_ahead(s, &(const uint8_t *){ copy }, 1, &err));
            must(hf_session_track(s, NULL, copy, &err));
            memset(copy, 0, sizeof(copy)); /* the same place is another picture now, and not one that was shown */
            must(hf_session_track(s, NULL, copy, &err));
            must(hf_session_step(s, &r, frames[2], &err));
            keep(kept + shows * KEEP, &r);
            hf_session_close(&s);
            if (shows)
                cr_expect_arr_eq(kept, kept + KEEP, KEEP, "%s", *name);
        }
    free(kept);
}

Test(ahead, what_is_shown_is_copied) { with_threads(show_a_copy); }

Test(ahead, the_host_looks_ahead_where_a_thread_can_do_it)
{
    static const struct {
        const char *model, *weights;
        int         n_threads, batch;
    } rows[] = { { "tiny", NULL, 1, 0 }, { "tiny", NULL, 2, 1 }, { "classic", NULL, 2, 1 },
                 { "vit", HF_SOURCE_ROOT "/tests/golden/vit_dino.safetensors", 2, 0 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const hf_session_params like = { .model = { .name = rows[i].model, .weights = rows[i].weights }, .size = H };
        n_threads = rows[i].n_threads;
        hf_session *s = open_session(&like, "cpu", HF_BATCH_AUTO);
        cr_expect_eq(hf_session_batch(s, &err), rows[i].batch, "%s, %d threads", rows[i].model, n_threads);
        hf_session_close(&s);
    }
}

Test(ahead, what_cannot_be_shown_is_refused)
{
    const uint8_t *three[] = { frames[1], frames[2], frames[3] };
    const hf_session_params like = { .model.name = "classic", .size = H };
    hf_session *s = open_session(&like, "cpu", 2);
    cr_expect_eq(hf_session_look_ahead(s, three, 1, &err), HF_EARG);
    cr_expect_str_eq(err.text, "look ahead: no key is followed");
    must(hf_session_follow(s, 0, &err));
    cr_expect_eq(hf_session_look_ahead(s, three, 0, &err), HF_EARG);
    cr_expect_eq(hf_session_look_ahead(s, three, 3, &err), HF_EARG);
    cr_expect_str_eq(err.text, "look ahead: 3 frames at a time, want 1..2");
    must(hf_session_look_ahead(s, three, 2, &err));
    must(hf_session_look_ahead(s, three, 1, &err));
    cr_expect_eq(hf_session_look_ahead(s, three, 1, &err), HF_EARG);
    hf_session_close(&s);
    hf_session_params p = like;
    p.width = W, p.height = H, p.batch = HF_MAX_BATCH + 1;
    cr_expect_eq(hf_session_open(&s, &p, &err), HF_EARG);
    cr_expect_str_eq(err.text, "batch is 65, want -64..64");
}

Test(ahead, the_device_memory_foretold_is_the_memory_taken)
{
    for (const char *const *name = test_backends() + 2; *name; name++)
        for (int i = 0; i < 2; i++) {
            hf_session_params like = { .model.name = "tiny", .size = H / 2, .match = i ? HF_MATCH_CONTEXT : HF_MATCH_FIRST };
            hf_session *s = open_session(&like, *name, 3);
            hf_session_memory memory;
            hf_device_info device;
            hf_result r;
            hf_session_foretell(s, &memory, 1, 2, 1);
            must(hf_session_follow(s, 0, &err));
            must(hf_session_step(s, &r, frames[1], &err));
            hf_session_device(s, &device);
            hf_session_close(&s);
            /* Weights in blocks of their own and the network's library are not so exact. */
            double ratio = (double)device.bytes_peak / (double)memory.device;
            cr_expect(ratio > 0.6 && ratio < 1.3, "mode %d size %d: foretold %lld, taken %lld", like.match, like.size,
                      (long long)memory.device, (long long)device.bytes_peak);
        }
}

static int64_t foretold_with(const hf_session_params *like, int batch)
{
    hf_session_memory memory;
    hf_session *s = open_session(like, "cuda", batch);
    hf_session_foretell(s, &memory, 1, 2, 0);
    hf_session_close(&s);
    return memory.device;
}

Test(ahead, fewer_frames_are_suggested_where_memory_is_short)
{
    const hf_session_params like = { .model = { .name = "sd15-onestep", .weights = HF_SOURCE_ROOT "/tests/golden/sd_tiny/sd1",
                                                .square_px = 256 },
                                     .match = HF_MATCH_FIRST, .size = H };
    const char *module = getenv("HFPROP_CUDA_MODULE");
    char megabytes[32];
    hf_session_memory eight, four;
    if (!module || !strstr(module, "emulated")) {
        fprintf(stderr, "skipped: 1 test of a GPU with little memory: it is not emulated\n");
        return;
    }
    hf_session *s = open_session(&like, "cuda", HF_BATCH_AUTO);
    hf_session_foretell(s, &eight, 1, 2, 0);
    snprintf(megabytes, sizeof(megabytes), "%lld", (long long)(eight.device >> 20));
    setenv("HF_EMULATED_MEMORY", megabytes, 1); /* a tenth of it is left free */
    hf_session_foretell(s, &four, 1, 2, 0);
    hf_session_close(&s);
    unsetenv("HF_EMULATED_MEMORY");
    cr_expect_eq(eight.device, foretold_with(&like, 8));
    cr_expect_eq(four.device, foretold_with(&like, 4));
    cr_expect_lt(four.device, eight.device);
}

typedef struct elsewhere {
    hf_session *session;
    uint8_t    *out;
} elsewhere;

static void *run_elsewhere(void *argument)
{
    elsewhere *e = argument;
    run_all(e->session, e->out);
    return NULL;
}

/* The current CUDA device is one of each thread, 0 at first. */
Test(ahead, a_session_on_the_second_gpu_may_be_used_by_another_thread)
{
    const hf_session_params like = { .model.name = "classic", .size = H };
    uint8_t *here = malloc(N_OUT), *there = malloc(N_OUT);
    hf_device_info device;
    hf_backend *be;
    pthread_t id;

    if (hf_backend_open(&be, "cuda:1", 1, &err) < 0) {
        fprintf(stderr, "skipped: 1 test of a second GPU: %s\n", err.text);
        free(here), free(there);
        return;
    }
    hf_device_memory before, after;
    must(be->ops.memory(be, &before, &err));
    hf_session *s = open_session(&like, "cuda:1", 2);
    elsewhere e = { s, there };
    cr_assert_eq(pthread_create(&id, NULL, run_elsewhere, &e), 0);
    pthread_join(id, NULL);
    hf_session_device(s, &device);
    must(be->ops.memory(be, &after, &err));
    cr_expect(before.free - after.free > device.bytes_used / 2, "its memory is on another GPU: %lld of %lld bytes",
              (long long)(before.free - after.free), (long long)device.bytes_used);
    hf_session_close(&s);
    hf_backend_close(&be);
    s = open_session(&like, "cuda", 2);
    run_all(s, here);
    hf_session_close(&s);
    cr_expect(memcmp(here, there, N_OUT) == 0);
    free(here), free(there);
}
