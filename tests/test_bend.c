/* test_bend.c - edges of splatted labels and blends of keys, on every backend against the host. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/context_ops.h"
#include "propagate/first_ops.h"
#include "tests/backends.h"

/* Sides that are not whole blocks; more labels than the filter takes at once. */
enum { W = 45, H = 31, N = W * H, L = 7 };

static uint8_t rgb[3 * N], drawn_rgb[3 * N];
static float soft[L * N], painted[4 * N], xy[2 * N], cover[N];
static hf_error err;

static void must(int rc) { cr_assert(rc >= 0, "%s", err.text); }

static float noise(void) { return (float)rand() / (float)RAND_MAX; }

/* A frame in which half of the pixels have the colour of the drawn pixel that they came from. */
static void fill(void)
{
    srand(7);
    for (int i = 0; i < 3 * N; i++)
        rgb[i] = drawn_rgb[i] = (uint8_t)rand();
    for (int i = 0; i < N; i++) {
        int kind = rand() % 4, from = rand() % N;
        cover[i] = kind == 1 ? 0.0f : 0.2f + noise();
        xy[2 * i] = (float)(from % W) + (kind == 2 ? 0.5f : 0.0f);
        xy[2 * i + 1] = (float)(from / W);
        if (kind != 3)
            memcpy(rgb + 3 * i, drawn_rgb + 3 * from, 3);
    }
    for (int i = 0; i < N; i++)
        for (int l = 0; l < L; l++)
            soft[l * N + i] = i / 9 % L == l ? noise() : 0.2f * noise();
    for (int i = 0; i < 4 * N; i++)
        painted[i] = 255.0f * noise();
}

TestSuite(bend, .init = fill);

#define FOR_EACH_BACKEND(name) \
    for (const char *const *backend_ = test_backends(); *backend_; backend_++) \
        for (const char *name = *backend_; name; name = NULL)

static hf_backend *open_backend(const char *name)
{
    hf_backend *be;
    must(hf_backend_open(&be, name, 2, &err));
    return be;
}

static void *up(hf_backend *be, const void *host, int64_t bytes)
{
    hf_tensor t = hf_tensor_view(NULL, HF_U8, 1, bytes);
    put(be, &t, host);
    return t.data;
}

/* Fetches and frees. */
static void down(hf_backend *be, void *host, void *from, int64_t bytes)
{
    hf_tensor t = hf_tensor_view(from, HF_U8, 1, bytes);
    get(be, host, &t);
    be->ops.free(be, from);
}

static void bend_on(hf_backend *be, float *to)
{
    const hf_first_ops *ops = be->ops.first;
    uint8_t *frame = up(be, rgb, sizeof(rgb)), *drawn = up(be, drawn_rgb, sizeof(drawn_rgb));
    float *at = up(be, xy, sizeof(xy)), *covered = up(be, cover, sizeof(cover)), *labels = up(be, soft, sizeof(soft));
    hf_bend_frame f = { frame, drawn, at, covered };
    void *const memory[] = { frame, drawn, at, covered };
    hf_bend *bend;

    must(ops->bend_new(be, &bend, W, H, 8, 1e-4f, &err));
    must(ops->bend_run(be, bend, labels, L, &f, &err));
    down(be, to, labels, sizeof(soft));
    ops->bend_free(be, &bend);
    ops->bend_free(be, &bend);
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
        be->ops.free(be, memory[i]);
}

Test(bend, labels_on_every_backend_are_those_of_the_host)
{
    static float want[L * N], got[L * N];
    hf_bend_frame f = { rgb, drawn_rgb, xy, cover };
    hf_bend *bend;
    int kept = 0;

    memcpy(want, soft, sizeof(soft));
    must(hf_bend_new(&bend, W, H, 8, 1e-4f, &err));
    hf_bend_run(bend, want, L, &f);
    hf_bend_free(&bend);
    for (int i = 0; i < N; i++)
        kept += want[N + i] == soft[N + i];
    cr_assert(kept > N / 8 && kept < N * 3 / 4, "%d pixels keep label 1", kept);
    FOR_EACH_BACKEND(name) {
        hf_backend *be = open_backend(name);
        bend_on(be, got);
        for (int i = 0; i < L * N; i++)
            cr_assert_float_eq(got[i], want[i], 1e-5f, "%s: label %d, pixel %d: %g, want %g", name, i / N, i % N,
                               (double)got[i], (double)want[i]);
        hf_backend_close(&be);
    }
}

/* Fields of somebody else may lead out of the drawn frame: no pixel there is the same, whatever lies in memory. */
Test(bend, places_outside_of_the_drawn_frame_are_no_pixels_of_it)
{
    static const float outside[][2] = { { 3, -1 }, { -1, 0 }, { 2, H }, { W, H - 1 }, { -4e9f, 2 }, { 1, 3e9f } };
    static uint8_t guarded[3 * (N + 4 * W)];
    static float want[L * N], got[L * N];
    memset(guarded, 77, sizeof(guarded)); /* the frame's colour, around a drawn frame of another */
    memset(rgb, 77, sizeof(rgb));
    memset(drawn_rgb, 20, sizeof(drawn_rgb));
    memcpy(guarded + 6 * W, drawn_rgb, sizeof(drawn_rgb));
    for (int i = 0; i < N; i++) {
        cover[i] = 1.0f;
        memcpy(xy + 2 * i, outside[i % 6], sizeof(outside[0]));
    }
    for (int way = 0; way < 2; way++) { /* places between pixels, which are none, then these */
        float *to = way ? got : want;
        hf_bend_frame f = { rgb, guarded + 6 * W, xy, cover };
        static float between[2 * N];
        for (int i = 0; i < 2 * N; i++)
            between[i] = 1.5f;
        f.xy = way ? xy : between;
        hf_bend *bend;
        memcpy(to, soft, sizeof(soft));
        must(hf_bend_new(&bend, W, H, 8, 1e-4f, &err));
        hf_bend_run(bend, to, L, &f);
        hf_bend_free(&bend);
    }
    cr_assert_eq(memcmp(got, want, sizeof(want)), 0);
    FOR_EACH_BACKEND(name) {
        hf_backend *be = open_backend(name);
        bend_on(be, got);
        for (int i = 0; i < L * N; i++)
            cr_assert_float_eq(got[i], want[i], 1e-5f, "%s: label %d, pixel %d", name, i / N, i % N);
        hf_backend_close(&be);
    }
}

/* Keys that know objects and have no edit; or none does, and one has an edit. */
static void blend_on(hf_backend *be, float *to_soft, float *to_painted, bool objects)
{
    const hf_context_ops *ops = be->ops.context;
    static const float nothing[4 * L * N];
    float *labels = up(be, soft, sizeof(soft)), *edit = up(be, painted, sizeof(painted));
    float *covered = up(be, cover, sizeof(cover));
    hf_blend sums = { N, L, up(be, nothing, sizeof(soft)), up(be, nothing, sizeof(cover)), up(be, nothing, sizeof(painted)),
                      up(be, nothing, sizeof(cover)) };
    void *const memory[] = { covered, sums.soft, sums.soft_weight, sums.painted, sums.painted_weight };

    must(ops->blend_add(be, &sums, labels, edit, covered, 5.0f, &err)); /* to be cleared */
    must(ops->blend_clear(be, &sums, &err));
    must(ops->blend_add(be, &sums, objects ? labels : NULL, NULL, covered, 0.75f, &err));
    must(ops->blend_add(be, &sums, NULL, objects ? NULL : edit, covered, 0.25f, &err));
    must(ops->blend_add(be, &sums, objects ? labels : NULL, NULL, covered, 0.3f, &err));
    must(ops->blend_mean(be, &sums, labels, edit, &err));
    must(ops->fade(be, edit, covered, N, &err));
    down(be, to_soft, labels, sizeof(soft));
    down(be, to_painted, edit, sizeof(painted));
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
        be->ops.free(be, memory[i]);
}

Test(bend, blends_of_keys_are_means_and_the_same_bytes_on_every_backend)
{
    static float want_soft[L * N], want_painted[4 * N], got_soft[L * N], got_painted[4 * N];
    for (int objects = 0; objects < 2; objects++) {
        hf_backend *ref = open_backend("ref");
        blend_on(ref, want_soft, want_painted, objects);
        hf_backend_close(&ref);
        for (int i = 0; i < N; i++) {
            cr_assert_float_eq(want_soft[i], objects ? soft[i] : 1.0f, 1e-5f);
            cr_assert_float_eq(want_soft[N + i], objects ? soft[N + i] : 0.0f, 1e-5f);
            float fade = fminf(4.0f * cover[i], 1.0f); /* of HF_WARP_FULL_COVER */
            cr_assert_float_eq(want_painted[4 * i], objects ? 0.0f : fade * painted[4 * i], 1e-3f);
        }
        FOR_EACH_BACKEND(name) {
            hf_backend *be = open_backend(name);
            blend_on(be, got_soft, got_painted, objects);
            cr_assert_eq(memcmp(got_soft, want_soft, sizeof(soft)), 0, "%s: labels", name);
            cr_assert_eq(memcmp(got_painted, want_painted, sizeof(painted)), 0, "%s: edit", name);
            hf_backend_close(&be);
        }
    }
}
