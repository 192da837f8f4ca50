/* test_recorded.c - models whose device work is recorded: it is, and what is replayed is what would have been computed.
 *
 * On a GPU or the emulated module; skipped, by name, where there is neither.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "src/model.h"
#include "src/recorded.h"

enum { N_RUNS = 4 };

static int (*replay_of_device)(hf_backend *, const hf_recording *, hf_error *);
static int n_replays;

static int count_replay(hf_backend *be, const hf_recording *recording, hf_error *err)
{
    n_replays++;
    return replay_of_device(be, recording, err);
}

static hf_backend *open_device(void)
{
    hf_backend *be;
    hf_error err = { 0 };
    if (hf_backend_open(&be, "cuda", 1, &err) < 0)
        cr_skip_test("no cuda backend: %s", err.text);
    return be;
}

/* Two handles of the device: one whose replays are counted, and one that cannot record. */
typedef struct rig {
    hf_backend *recording, *plain;
    hf_model   *recorded, *computed;
} rig;

static rig rig_new(const hf_model_params *p)
{
    rig r = { open_device(), open_device(), NULL, NULL };
    replay_of_device = r.recording->ops.replay;
    r.recording->ops.replay = count_replay;
    r.plain->ops.record_begin = NULL;
    n_replays = 0;
    cr_assert_eq(hf_model_open(&r.recorded, r.recording, p, NULL), HF_OK);
    cr_assert_eq(hf_model_open(&r.computed, r.plain, p, NULL), HF_OK);
    return r;
}

static void rig_free(rig *r)
{
    hf_model_close(&r->recorded);
    hf_model_close(&r->computed);
    hf_backend_close(&r->recording);
    hf_backend_close(&r->plain);
}

static hf_tensor picture_new(hf_backend *be, int width, int height, int seed)
{
    hf_tensor t = hf_tensor_view(NULL, HF_U8, 3, height, width, 3);
    uint8_t *rgb = malloc(hf_tensor_bytes(&t));
    for (int i = 0; i < width * height * 3; i++)
        rgb[i] = (uint8_t)(i / 3 % width * 3 + i / 3 / width * 5 + (i * (7 + seed)) % 61 + 20 * seed);
    cr_assert_not_null(t.data = be->ops.alloc(be, hf_tensor_bytes(&t)));
    cr_assert_eq(be->ops.write(be, &t, rgb, NULL), HF_OK);
    cr_assert_eq(be->ops.sync(be, NULL), HF_OK);
    free(rgb);
    return t;
}

/* Features of picture `seed`, in host memory that the caller frees. Picture and features are at other addresses each time. */
static float *describe(hf_model *m, int width, int height, int seed, size_t *bytes)
{
    hf_backend *be = m->backend;
    hf_tensor rgb = picture_new(be, width, height, seed);
    int h, w;
    hf_model_grid(m, width, height, &h, &w);
    hf_tensor f = hf_tensor_view(NULL, HF_F32, 3, h, w, m->n_channels);
    float *host = malloc(*bytes = hf_tensor_bytes(&f));
    cr_assert_not_null(f.data = be->ops.alloc(be, *bytes));
    cr_assert_eq(m->extract(m, &f, &rgb, NULL), HF_OK);
    cr_assert_eq(be->ops.read(be, host, &f, NULL), HF_OK);
    cr_assert_eq(be->ops.sync(be, NULL), HF_OK);
    be->ops.free(be, rgb.data);
    be->ops.free(be, f.data);
    return host;
}

static void prepare(rig *r, int width, int height)
{
    cr_assert_eq(r->recorded->prepare(r->recorded, width, height, NULL), HF_OK);
    cr_assert_eq(r->computed->prepare(r->computed, width, height, NULL), HF_OK);
}

static void adapt(rig *r, int width, int height, int seed)
{
    hf_model *models[] = { r->recorded, r->computed };
    for (int i = 0; i < 2 && models[i]->adapt; i++) {
        hf_tensor rgb = picture_new(models[i]->backend, width, height, seed);
        cr_assert_eq(models[i]->adapt(models[i], &rgb, NULL), HF_OK);
        models[i]->backend->ops.free(models[i]->backend, rgb.data);
    }
}

/* Pictures in turn, each described by both: the same bytes. The first run of all computes, the others replay. */
static void agree(rig *r, int width, int height, int n_replays_wanted)
{
    n_replays = 0;
    for (int i = 0; i < N_RUNS; i++) {
        size_t bytes;
        float *a = describe(r->recorded, width, height, i % 2, &bytes), *b = describe(r->computed, width, height, i % 2, &bytes);
        cr_expect_eq(memcmp(a, b, bytes), 0, "run %d", i);
        free(a), free(b);
    }
    cr_expect_eq(n_replays, n_replays_wanted, "%d runs replayed, want %d", n_replays, n_replays_wanted);
}

/* n_first: runs that compute after prepare. */
static void is_recorded(const hf_model_params *p, int n_first)
{
    rig r = rig_new(p);
    prepare(&r, 30, 21);
    adapt(&r, 30, 21, 2);
    agree(&r, 30, 21, N_RUNS - n_first);
    prepare(&r, 17, 40);
    agree(&r, 17, 40, N_RUNS - n_first);
    rig_free(&r);
}

Test(recorded, tiny_is_computed_once_and_replayed)
{
    is_recorded(&(hf_model_params){ .name = "tiny" }, 1);
}

Test(recorded, classic_is_computed_once_and_replayed)
{
    is_recorded(&(hf_model_params){ .name = "classic" }, 1);
}

/* It runs once when it is prepared. */
Test(recorded, vit_is_replayed_from_the_first_picture_on)
{
    is_recorded(&(hf_model_params){ .name = "vit", .weights = HF_SOURCE_ROOT "/tests/golden/vit_names_dino_native.safetensors" }, 0);
}

Test(recorded, classic_is_recorded_anew_when_it_has_learned)
{
    rig r = rig_new(&(hf_model_params){ .name = "classic" });
    prepare(&r, 30, 21);
    adapt(&r, 30, 21, 2);
    agree(&r, 30, 21, N_RUNS - 1);
    adapt(&r, 30, 21, 3);
    agree(&r, 30, 21, N_RUNS - 1);
    rig_free(&r);
}

static int note_features(void *ctx, const hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    (void)rgb, (void)err;
    *(const hf_tensor **)ctx = features;
    return HF_OK;
}

Test(recorded, where_nothing_records_the_work_is_done_on_the_callers_own)
{
    hf_backend *be;
    hf_recorded r = { .body = NULL };
    const hf_tensor *seen = NULL;
    uint8_t picture[3] = { 1, 2, 3 };
    float value = 0;
    hf_tensor rgb = hf_tensor_view(picture, HF_U8, 3, 1, 1, 3), features = hf_tensor_view(&value, HF_F32, 3, 1, 1, 1);

    cr_assert_eq(hf_backend_open(&be, "ref", 1, NULL), HF_OK);
    cr_assert_eq(hf_recorded_prepare(&r, be, 1, 1, 1, 1, 1, note_features, &seen, NULL), HF_OK);
    cr_expect_eq(hf_recorded_bytes(be, 1, 1, 1, 1, 1), 0);
    cr_expect_eq(hf_recorded_run(&r, &features, &rgb, NULL), HF_OK);
    cr_expect_eq(seen, &features);
    hf_recorded_free(&r);
    hf_recorded_free(&r);
    hf_backend_close(&be);
}
