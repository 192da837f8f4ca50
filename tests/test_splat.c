/* test_splat.c - forward splatting on every backend: matches drawn by hand, then against `ref`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/splat.h"
#include "tests/backends.h"

#define MAX_PIXELS 1024
#define MAX_C 8

/* One call with its buffers; sources and target may differ in size. */
typedef struct call {
    int     sw, sh, tw, th, C;
    float   temperature;
    float   payload[MAX_PIXELS * MAX_C], similarity[MAX_PIXELS];
    int32_t index[MAX_PIXELS];
    float   xy[MAX_PIXELS * 2];
    int     sub_pixel;
    float   out[MAX_PIXELS * MAX_C], cover[MAX_PIXELS];
    int32_t winner[MAX_PIXELS];
} call;

static int run_with(call *c, const char *name, int n_threads)
{
    hf_backend *be;
    cr_assert_eq(hf_backend_open(&be, name, n_threads, NULL), HF_OK);
    size_t bytes = hf_splat_scratch_bytes(c->sw, c->sh, c->tw, c->th);
    memset(c->out, 0x7f, sizeof(c->out));
    hf_tensor out = hf_tensor_view(NULL, HF_F32, 3, c->th, c->tw, c->C);
    hf_tensor cover = hf_tensor_view(NULL, HF_F32, 2, c->th, c->tw);
    hf_tensor winner = hf_tensor_view(NULL, HF_I32, 2, c->th, c->tw);
    hf_tensor payload = hf_tensor_view(NULL, HF_F32, 3, c->sh, c->sw, c->C);
    hf_tensor similarity = hf_tensor_view(NULL, HF_F32, 2, c->sh, c->sw);
    hf_tensor match = c->sub_pixel ? hf_tensor_view(NULL, HF_F32, 3, c->sh, c->sw, 2)
                                   : hf_tensor_view(NULL, HF_I32, 2, c->sh, c->sw);
    hf_tensor scratch = hf_tensor_view(NULL, HF_U8, 1, (int64_t)bytes);
    hf_splat_params params = { .temperature = c->temperature };
    put(be, &out, c->out), put(be, &cover, c->out), put(be, &winner, c->out);
    put(be, &payload, c->payload), put(be, &similarity, c->similarity);
    put(be, &match, c->sub_pixel ? (void *)c->xy : (void *)c->index);
    put_byte(be, &scratch, 0x7f);
    int rc = be->ops.splat(be, &out, &cover, &winner, &payload, &match, &similarity, &params,
                           &scratch, NULL);
    get(be, c->out, &out), get(be, c->cover, &cover), get(be, c->winner, &winner);
    drop(be, &out), drop(be, &cover), drop(be, &winner), drop(be, &payload), drop(be, &similarity);
    drop(be, &match), drop(be, &scratch);
    hf_backend_close(&be);
    return rc;
}

/* Every source matches the pixel at its own place, similarity 1, random payload. */
static call *identity(int w, int h, int C)
{
    call *c = calloc(1, sizeof(*c));
    c->sw = c->tw = w, c->sh = c->th = h, c->C = C, c->temperature = 0.05f;
    srand(7);
    for (int p = 0; p < w * h; p++) {
        c->index[p] = p;
        c->xy[2 * p] = (float)(p % w), c->xy[2 * p + 1] = (float)(p / w);
        c->similarity[p] = 1.0f;
        for (int i = 0; i < C; i++)
            c->payload[p * C + i] = (float)rand() / (float)RAND_MAX;
    }
    return c;
}

#define FOR_EACH_BACKEND(name) \
    for (const char *const *backend_ = test_backends(); *backend_; backend_++) \
        for (const char *name = *backend_; name; name = NULL)

Test(splat, an_identity_match_copies_exactly_for_1_to_8_channels)
{
    FOR_EACH_BACKEND(name)
    for (int C = 1; C <= 8; C++)
    for (int sub_pixel = 0; sub_pixel < 2; sub_pixel++) {
        call *c = identity(13, 7, C);
        c->sub_pixel = sub_pixel;
        cr_assert_eq(run_with(c, name, 2), HF_OK);
        cr_assert_eq(memcmp(c->out, c->payload, sizeof(float) * 13 * 7 * C), 0, "%s C=%d", name, C);
        for (int q = 0; q < 13 * 7; q++) {
            cr_assert_eq(c->cover[q], 1.0f);
            cr_assert_eq(c->winner[q], q);
        }
        free(c);
    }
}

Test(splat, a_permutation_moves_every_pixel_exactly)
{
    FOR_EACH_BACKEND(name) {
        call *c = identity(11, 9, 3);
        for (int p = 0; p < 99; p++)
            c->index[p] = (p * 17 + 5) % 99; /* 17 and 99 have no common factor */
        cr_assert_eq(run_with(c, name, 2), HF_OK);
        for (int p = 0; p < 99; p++) {
            cr_assert_eq(memcmp(c->out + 3 * c->index[p], c->payload + 3 * p, 12), 0);
            cr_assert_eq(c->winner[c->index[p]], p);
        }
        free(c);
    }
}

Test(splat, all_sources_on_one_target_let_the_best_match_win)
{
    FOR_EACH_BACKEND(name) {
        call *c = identity(5, 4, 1);
        for (int p = 0; p < 20; p++)
            c->index[p] = 7, c->similarity[p] = 0.1f, c->payload[p] = 0.0f;
        c->similarity[12] = 0.9f, c->payload[12] = 1.0f;
        c->temperature = 0.01f; /* the others weigh exp(-80) each */
        cr_assert_eq(run_with(c, name, 2), HF_OK);
        cr_assert_eq(c->out[7], 1.0f);
        cr_assert_eq(c->winner[7], 12);
        cr_assert_eq(c->cover[7], 20.0f);
        cr_assert_eq(c->cover[6], 0.0f);
        cr_assert_eq(c->winner[6], -1);
        free(c);
    }
}

Test(splat, very_bad_matches_still_give_a_mean_and_ties_keep_the_lowest_source)
{
    FOR_EACH_BACKEND(name) {
        call *c = identity(2, 1, 1);
        c->index[0] = c->index[1] = 0;
        c->similarity[0] = c->similarity[1] = -1.0f; /* exp(-1 / 0.001) alone would be 0 */
        c->payload[0] = 0.0f, c->payload[1] = 1.0f;
        c->temperature = 0.001f;
        cr_assert_eq(run_with(c, name, 1), HF_OK);
        cr_assert_eq(c->out[0], 0.5f);
        cr_assert_eq(c->winner[0], 0);
        free(c);
    }
}

Test(splat, nothing_matched_leaves_holes_everywhere)
{
    FOR_EACH_BACKEND(name)
    for (int sub_pixel = 0; sub_pixel < 2; sub_pixel++) {
        call *c = identity(6, 5, 2);
        c->sub_pixel = sub_pixel;
        for (int p = 0; p < 30; p++) {
            c->index[p] = p % 2 ? -1 : 30 + p; /* no match, and out of range */
            c->xy[2 * p] = p % 2 ? NAN : 1e30f;
        }
        cr_assert_eq(run_with(c, name, 2), HF_OK);
        for (int q = 0; q < 30; q++) {
            cr_assert_eq(c->cover[q], 0.0f);
            cr_assert_eq(c->out[2 * q], 0.0f);
            cr_assert_eq(c->winner[q], -1);
        }
        free(c);
    }
}

Test(splat, a_match_between_pixels_has_a_bilinear_footprint)
{
    FOR_EACH_BACKEND(name) {
        call *c = identity(1, 1, 1); /* one source pixel into 3 x 3 */
        c->tw = c->th = 3, c->sub_pixel = 1;
        c->xy[0] = 0.25f, c->xy[1] = 1.5f, c->payload[0] = 4.0f;
        cr_assert_eq(run_with(c, name, 2), HF_OK);
        const float cover[9] = { 0, 0, 0, 0.375f, 0.125f, 0, 0.375f, 0.125f, 0 };
        for (int q = 0; q < 9; q++) {
            cr_assert_eq(c->cover[q], cover[q]);
            cr_assert_eq(c->out[q], cover[q] > 0 ? 4.0f : 0.0f);
        }
        free(c);
    }
}

Test(splat, what_falls_beside_the_frame_is_dropped)
{
    FOR_EACH_BACKEND(name) {
        call *c = identity(1, 1, 1);
        c->sub_pixel = 1, c->xy[0] = -0.5f, c->xy[1] = -0.5f;
        cr_assert_eq(run_with(c, name, 2), HF_OK);
        cr_assert_eq(c->cover[0], 0.25f);
        free(c);
    }
}

/* The order of sums differs, so 1e-6 of a payload within 0..1. */
static void expect_like_ref(const char *name, call *a)
{
    call *b = malloc(sizeof(*b)), *c = malloc(sizeof(*c));
    *b = *c = *a;
    cr_assert_eq(run_with(a, "ref", 1), HF_OK);
    cr_assert_eq(run_with(b, name, 1), HF_OK);
    cr_assert_eq(run_with(c, name, 3), HF_OK);
    for (int i = 0; i < a->tw * a->th * a->C; i++)
        cr_assert_float_eq(a->out[i], b->out[i], 1e-6f, "%s %d: %g %g", name, i, (double)a->out[i], (double)b->out[i]);
    for (int q = 0; q < a->tw * a->th; q++) {
        cr_assert_float_eq(a->cover[q], b->cover[q], 1e-6f * (100 + a->cover[q]));
        cr_assert((a->cover[q] > 0) == (b->cover[q] > 0));
        cr_assert(a->winner[q] == b->winner[q] || a->sub_pixel);
    }
    cr_assert_eq(memcmp(b->out, c->out, sizeof(float) * a->tw * a->th * a->C), 0);
    cr_assert_eq(memcmp(b->winner, c->winner, sizeof(int32_t) * a->tw * a->th), 0);
    free(b), free(c);
}

Test(splat, backends_agree_with_ref_and_threads_change_nothing)
{
    FOR_EACH_BACKEND(name) {
        call *a = identity(31, 29, 5);
        for (int round = 0; round < 4; round++) {
            a->sub_pixel = round & 1;
            a->tw = 17, a->th = 23;
            for (int p = 0; p < 31 * 29; p++) {
                a->index[p] = rand() % (17 * 23 + 9) - 5;
                a->xy[2 * p] = (float)(rand() % 2000) / 100.0f - 1.5f;
                a->xy[2 * p + 1] = (float)(rand() % 2600) / 100.0f - 1.5f;
                a->similarity[p] = (float)(rand() % 20) / 10.0f - 1.0f; /* many ties */
            }
            expect_like_ref(name, a);
        }
        free(a);
    }
}

Test(splat, a_crowd_on_a_few_pixels_and_a_far_match_agree_with_ref)
{
    FOR_EACH_BACKEND(name)
    for (int sub_pixel = 0; sub_pixel < 2; sub_pixel++) {
        call *a = identity(32, 32, 8);
        a->sub_pixel = sub_pixel, a->tw = 40, a->th = 25, a->temperature = 0.5f;
        for (int p = 0; p < 1024; p++) { /* two places with 500 each, the others anywhere */
            a->index[p] = p < 500 ? 41 : p < 1000 ? 999 : rand() % 1000;
            a->xy[2 * p] = p < 500 ? 1.5f : (float)(rand() % 300) / 100.0f + 30.0f;
            a->xy[2 * p + 1] = p < 500 ? 1.0f + 1e-6f : 20.25f;
            a->similarity[p] = (float)(rand() % 64) / 64.0f;
        }
        expect_like_ref(name, a);
        free(a);
    }
}

Test(splat, a_temperature_of_zero_is_refused)
{
    FOR_EACH_BACKEND(name) {
        call *c = identity(2, 2, 1);
        c->temperature = 0.0f;
        cr_assert_eq(run_with(c, name, 1), HF_EARG);
        free(c);
    }
}
