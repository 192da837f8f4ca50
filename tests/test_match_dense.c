/* test_match_dense.c - dense matching against brute force in double, written here once more.
 *
 * Every case runs on every backend there is. The check: no pixel is better than the returned one by
 * 1e-9 (the contract allows 1e-6; the tie-break in double does better), of pixels that tie
 * exactly the lowest is returned, and the similarity is right to 1e-5.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/match_dense.h"
#include "tests/backends.h"

typedef struct shape {
    int hs, ws, Hs, Ws, ht, wt, Ht, Wt, D;
} shape;

/* A small generator of our own: the same numbers on every machine. */
static uint64_t state;

static double uniform(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) * 0x1p-53;
}

static double normal(void)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += uniform();
    return sum;
}

typedef void (*fill_fn)(float *v, int h, int w, int D, int is_target);

/* [H*W, D] upsampled unit vectors. */
static double *upsample(const float *map, int h, int w, int D, int H, int W)
{
    double *out = calloc((size_t)H * (size_t)W * (size_t)D, sizeof(double));
    for (int y = 0; y < H; y++) for (int x = 0; x < W; x++) {
        double *v = out + ((size_t)y * (size_t)W + (size_t)x) * (size_t)D, square = 0;
        double at_y = fmin(fmax((y + 0.5) * h / H - 0.5, 0), h - 1);
        double at_x = fmin(fmax((x + 0.5) * w / W - 0.5, 0), w - 1);
        for (int cy = 0; cy < h; cy++) for (int cx = 0; cx < w; cx++) {
            double weight = fmax(0, 1 - fabs(at_x - cx)) * fmax(0, 1 - fabs(at_y - cy));
            int finite = 1;
            for (int d = 0; d < D; d++)
                finite &= isfinite(map[(cy * w + cx) * D + d]) != 0;
            for (int d = 0; d < D && weight > 0 && finite; d++)
                v[d] += weight * map[(cy * w + cx) * D + d];
        }
        for (int d = 0; d < D; d++)
            square += v[d] * v[d];
        for (int d = 0; d < D && square > 0; d++)
            v[d] /= sqrt(square);
    }
    return out;
}

static double dot(const double *a, const double *b, int D)
{
    double sum = 0;
    for (int d = 0; d < D; d++)
        sum += a[d] * b[d];
    return sum;
}

static void check_pixel(const char *name, const double *s, const double *T, int n, int D, int got,
                        float similarity)
{
    double best = -2;
    int lowest = -1;
    cr_assert(got >= 0 && got < n, "%s: pixel %d of %d", name, got, n);
    for (int q = 0; q < n; q++) {
        double c = dot(s, T + (size_t)q * (size_t)D, D);
        if (c > best + 1e-12) {
            best = c;
            lowest = q;
        }
    }
    double mine = dot(s, T + (size_t)got * (size_t)D, D);
    cr_assert(best - mine < 1e-9, "%s: got %d with %.12f, want %d with %.12f", name, got, mine,
              lowest, best);
    cr_assert(got <= lowest || fabs(mine - dot(s, T + (size_t)lowest * (size_t)D, D)) > 1e-15,
              "%s: tie, got %d, want %d", name, got, lowest);
    cr_assert(fabs(similarity - best) < 1e-5, "%s: similarity %g, want %g", name, similarity, best);
}

/* One match; where the backend can record, once more as a recording over wiped results. */
typedef struct call {
    hf_tensor index, similarity, source, target, scratch;
    hf_match_dense_params params;
} call;

static void match(hf_backend *be, const char *name, const call *c)
{
    hf_error err = { 0 };
    cr_assert_eq(be->ops.match_dense(be, &c->index, &c->similarity, &c->source, &c->target, &c->params, &c->scratch,
                                     &err), HF_OK, "%s: %s", name, err.text);
}

static void match_recorded(hf_backend *be, const char *name, const call *c)
{
    hf_error err = { 0 };
    hf_recording *recording;
    void *wiped = calloc(1, hf_tensor_bytes(&c->index));
    cr_assert_eq(be->ops.write(be, &c->index, wiped, &err), HF_OK);
    cr_assert_eq(be->ops.sync(be, &err), HF_OK);
    cr_assert_eq(be->ops.record_begin(be, &err), HF_OK, "%s", err.text);
    match(be, name, c);
    cr_assert_eq(be->ops.record_end(be, &recording, &err), HF_OK, "%s", err.text);
    cr_assert_eq(be->ops.replay(be, recording, &err), HF_OK, "%s", err.text);
    cr_assert_eq(be->ops.sync(be, &err), HF_OK, "%s", err.text);
    be->ops.recording_free(be, &recording);
    free(wiped);
}

static int recorded; /* tests run in processes of their own */

static void run(const char *backend, const char *name, const shape *z, const float *S,
                const float *T, int32_t *index, float *similarity)
{
    hf_backend *be;
    hf_error err = { 0 };
    hf_match_dense_params p = { z->Ws, z->Hs, z->Wt, z->Ht };
    cr_assert_eq(hf_backend_open(&be, backend, 2, &err), HF_OK, "%s", err.text);
    hf_tensor s = hf_tensor_view(NULL, HF_F32, 3, z->hs, z->ws, z->D);
    hf_tensor t = hf_tensor_view(NULL, HF_F32, 3, z->ht, z->wt, z->D);
    hf_tensor i = hf_tensor_view(NULL, HF_I32, 2, z->Hs, z->Ws);
    hf_tensor c = hf_tensor_view(NULL, HF_F32, 2, z->Hs, z->Ws);
    size_t bytes = be->ops.match_dense_scratch_bytes(be, &s, &t, &p);
    cr_assert_gt(bytes, 0);
    hf_tensor scratch = hf_tensor_view(NULL, HF_U8, 1, (int64_t)bytes);
    put_byte(be, &scratch, 0xa5); /* what is in the scratch must not matter */
    put(be, &s, S), put(be, &t, T), put(be, &i, index), put(be, &c, similarity);
    const call one = { i, c, s, t, scratch, p };
    match(be, name, &one);
    if (recorded && be->ops.record_begin)
        match_recorded(be, name, &one);
    get(be, index, &i), get(be, similarity, &c);
    drop(be, &s), drop(be, &t), drop(be, &i), drop(be, &c), drop(be, &scratch);
    hf_backend_close(&be);
}

/* All backends on one case; every `stride`th pixel is checked. */
static void check(const char *name, shape z, fill_fn fill, int stride)
{
    const char *const *backends = test_backends();
    size_t ns = (size_t)z.Hs * (size_t)z.Ws, nt = (size_t)z.Ht * (size_t)z.Wt;
    float *S = malloc((size_t)(z.hs * z.ws * z.D) * sizeof(float));
    float *T = malloc((size_t)(z.ht * z.wt * z.D) * sizeof(float));
    int32_t *index = malloc(ns * sizeof(*index));
    float *similarity = malloc(ns * sizeof(*similarity));
    char where[96];

    state = 42;
    fill(S, z.hs, z.ws, z.D, 0);
    fill(T, z.ht, z.wt, z.D, 1);
    double *up_s = upsample(S, z.hs, z.ws, z.D, z.Hs, z.Ws);
    double *up_t = upsample(T, z.ht, z.wt, z.D, z.Ht, z.Wt);
    for (int b = ns * nt > 4000000 ? 1 : 0; backends[b]; b++) {
        memset(index, 0xff, ns * sizeof(*index));
        run(backends[b], name, &z, S, T, index, similarity);
        snprintf(where, sizeof(where), "%s on %s", name, backends[b]);
        for (size_t p = 0; p < ns; p += (size_t)stride)
            check_pixel(where, up_s + p * (size_t)z.D, up_t, (int)nt, z.D, index[p], similarity[p]);
        for (size_t p = 0; p < ns; p++)
            cr_assert(similarity[p] >= -1 && similarity[p] <= 1, "%s: %g", name, similarity[p]);
    }
    free(S), free(T), free(index), free(similarity), free(up_s), free(up_t);
}

static void fill_random(float *v, int h, int w, int D, int is_target)
{
    (void)is_target;
    for (int i = 0; i < h * w * D; i++)
        v[i] = (float)normal();
}

static void fill_positive(float *v, int h, int w, int D, int is_target)
{
    (void)is_target;
    for (int i = 0; i < h * w * D; i++)
        v[i] = (float)uniform();
}

/* Waves of a few cells' length, seen one cell apart in the target, as between frames. */
static void fill_waves(float *v, int h, int w, int D, int is_target)
{
    for (int d = 0; d < D; d++) {
        double fx = normal() * 0.4, fy = normal() * 0.4, phase = uniform() * 6.28;
        for (int y = 0; y < h; y++) for (int x = 0; x < w; x++)
            v[(y * w + x) * D + d] = (float)(sin(fx * (x + 1.3 * is_target) + fy * y + phase) + 0.5);
    }
    state = 42; /* the target's waves are the source's */
}

static void fill_equal(float *v, int h, int w, int D, int is_target)
{
    (void)is_target;
    for (int i = 0; i < h * w * D; i++)
        v[i] = (float)(i % D) - 1.3f;
}

static void fill_zero(float *v, int h, int w, int D, int is_target)
{
    (void)is_target;
    memset(v, 0, (size_t)(h * w * D) * sizeof(*v));
}

static void fill_some_zero(float *v, int h, int w, int D, int is_target)
{
    fill_random(v, h, w, D, is_target);
    for (int i = 0; i < h * w; i++)
        if (uniform() < 0.6)
            memset(v + i * D, 0, (size_t)D * sizeof(*v));
}

/* Every source vector is in the positive orthant, every target vector in the negative one. */
static void fill_negative(float *v, int h, int w, int D, int is_target)
{
    for (int i = 0; i < h * w * D; i++)
        v[i] = (float)(uniform() + 0.01) * (is_target ? -1 : 1);
}

static void fill_negative_some_zero(float *v, int h, int w, int D, int is_target)
{
    fill_negative(v, h, w, D, is_target);
    for (int i = 0; i < h * w; i++)
        if (is_target && i % 7 == 5)
            memset(v + i * D, 0, (size_t)D * sizeof(*v));
}

/* Neighbours point in opposite directions, so that upsampled vectors nearly or fully cancel. */
static void fill_opposite(float *v, int h, int w, int D, int is_target)
{
    for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) for (int d = 0; d < D; d++)
        v[(y * w + x) * D + d] = ((x + y) % 2 ? -1.f : 1.f) * (float)(d + 1 + 3 * is_target);
}

static void fill_nearly_opposite(float *v, int h, int w, int D, int is_target)
{
    fill_opposite(v, h, w, D, is_target);
    for (int i = 0; i < h * w * D; i++)
        v[i] += 1e-4f * (float)normal();
}

/* Three vectors only, in columns: most targets tie exactly with others. */
static void fill_columns(float *v, int h, int w, int D, int is_target)
{
    (void)is_target;
    for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) for (int d = 0; d < D; d++)
        v[(y * w + x) * D + d] = (float)((x % 3) * (d + 1) % 5) + 1;
}

/* Lengths from 1e-20 to 1e15 side by side. */
static void fill_norms(float *v, int h, int w, int D, int is_target)
{
    fill_random(v, h, w, D, is_target);
    for (int i = 0; i < h * w; i++) {
        double scale = pow(10, uniform() * 35 - 20);
        for (int d = 0; d < D; d++)
            v[i * D + d] *= (float)scale;
    }
}

/* Differences near float rounding: what only double can decide. */
static void fill_nearly_equal(float *v, int h, int w, int D, int is_target)
{
    fill_equal(v, h, w, D, is_target);
    for (int i = 0; i < h * w * D; i++)
        v[i] *= (float)(1 + 3e-4 * normal());
}

static void fill_not_finite(float *v, int h, int w, int D, int is_target)
{
    fill_random(v, h, w, D, is_target);
    v[3 * D + 1] = NAN;
    v[(h * w - 2) * D] = INFINITY;
}

static const shape regular = { 5, 6, 40, 48, 5, 6, 40, 48, 12 };
static const shape odd = { 5, 8, 37, 61, 7, 4, 45, 33, 9 };

#define CHECK(fill)                              \
    do {                                         \
        check(#fill " regular", regular, fill, 1); \
        check(#fill " odd", odd, fill, 1);         \
    } while (0)

Test(match_dense, random_features_find_the_best_pixel) { CHECK(fill_random); }
Test(match_dense, positive_features_find_the_best_pixel) { CHECK(fill_positive); }
Test(match_dense, smooth_features_find_the_best_pixel) { CHECK(fill_waves); }
Test(match_dense, all_equal_features_keep_the_lowest_pixel) { CHECK(fill_equal); }
Test(match_dense, all_zero_features_match_pixel_0_with_similarity_0) { CHECK(fill_zero); }
Test(match_dense, zero_vectors_among_others_have_cosine_0) { CHECK(fill_some_zero); }
Test(match_dense, negative_similarities_find_the_least_negative) { CHECK(fill_negative); }
Test(match_dense, a_zero_vector_beats_negative_similarities) { CHECK(fill_negative_some_zero); }
Test(match_dense, vectors_that_cancel_count_as_zero) { CHECK(fill_opposite); }
Test(match_dense, vectors_that_nearly_cancel_are_decided_in_double) { CHECK(fill_nearly_opposite); }
Test(match_dense, repeated_columns_tie_to_the_lowest_pixel) { CHECK(fill_columns); }
Test(match_dense, lengths_from_1e_20_to_1e15_do_not_matter) { CHECK(fill_norms); }
Test(match_dense, near_ties_are_decided_in_double) { CHECK(fill_nearly_equal); }
Test(match_dense, vectors_that_are_not_finite_count_as_zero) { CHECK(fill_not_finite); }

Test(match_dense, every_grid_and_picture_size_is_right)
{
    static const shape shapes[] = {
        { 1, 1, 1, 1, 1, 1, 1, 1, 1 },         { 1, 1, 9, 7, 1, 1, 5, 6, 3 },
        { 1, 6, 8, 40, 5, 1, 33, 4, 4 },       { 6, 1, 40, 8, 1, 5, 4, 33, 4 },
        { 2, 2, 33, 31, 2, 2, 31, 33, 3 },     { 9, 8, 5, 4, 8, 9, 4, 3, 6 },
        { 3, 4, 3, 4, 4, 3, 4, 3, 5 },         { 2, 3, 3, 5, 3, 2, 5, 3, 5 },
        { 1, 2, 50, 50, 2, 1, 50, 50, 2 },     { 5, 5, 1, 1, 5, 5, 40, 40, 7 },
        { 5, 5, 40, 40, 5, 5, 1, 1, 7 },       { 4, 14, 30, 107, 4, 14, 30, 107, 17 },
        { 7, 7, 6, 50, 7, 7, 50, 6, 33 },
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        char name[32];
        snprintf(name, sizeof(name), "shape %zu", i);
        check(name, shapes[i], fill_random, 1);
        check(name, shapes[i], fill_waves, 1);
        check(name, shapes[i], fill_equal, 1);
    }
}

Test(match_dense, a_larger_map_is_right_everywhere_it_is_looked_at)
{
    check("large", (shape){ 16, 18, 128, 144, 16, 18, 128, 144, 64 }, fill_waves, 211);
    check("large", (shape){ 10, 13, 77, 103, 20, 24, 157, 190, 64 }, fill_random, 61);
}

Test(match_dense, a_recorded_match_is_the_same)
{
    recorded = 1;
    check("recorded", (shape){ 4, 5, 17, 22, 3, 6, 23, 31, 8 }, fill_some_zero, 1);
}

/* Where neighbours cancel, bounds say nothing: all of 1200 target quads are candidates. */
Test(match_dense, more_candidates_than_are_kept_at_a_time_are_all_looked_at)
{
    check("many", (shape){ 3, 3, 8, 9, 36, 36, 37, 41, 3 }, fill_nearly_opposite, 1);
    check("many", (shape){ 2, 2, 4, 4, 36, 36, 40, 40, 2 }, fill_random, 1);
}

Test(match_dense, a_target_of_more_cells_than_fit_in_fast_memory_is_right)
{
    check("wide", (shape){ 2, 2, 4, 3, 129, 130, 129, 130, 2 }, fill_random, 1);
}

/* 49.5 KiB of bounds beside the 15 of the rest: too much for a GPU whose blocks have 64 KiB, not for others. */
Test(match_dense, a_target_of_more_cells_than_fit_on_a_small_gpu_is_right)
{
    check("small GPU", (shape){ 2, 2, 4, 3, 113, 112, 113, 112, 2 }, fill_random, 1);
}

static int status_for(int width, int Hs, int cells, hf_error *err)
{
    float v[8] = { 0 }, similarity[8];
    int32_t index[8];
    hf_backend *be;
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, NULL), HF_OK);
    hf_tensor map = hf_tensor_view(v, HF_F32, 3, 1, cells, 1);
    hf_tensor i = hf_tensor_view(index, HF_I32, 2, 1, 1), c = hf_tensor_view(similarity, HF_F32, 2, 1, 1);
    hf_tensor scratch = hf_tensor_view(v, HF_U8, 1, 0);
    hf_match_dense_params p = { 4, Hs, width, 1 };
    cr_assert_eq(be->ops.match_dense_scratch_bytes(be, &map, &map, &p), 0);
    int rc = be->ops.match_dense(be, &i, &c, &map, &map, &p, &scratch, err);
    hf_backend_close(&be);
    return rc;
}

Test(match_dense, a_side_of_no_pixels_is_refused)
{
    hf_error err = { 0 };
    cr_assert_eq(status_for(0, 1, 1, &err), HF_EARG);
    cr_assert_str_eq(err.text, "match: target width is 0, want 1..32768");
}

Test(match_dense, a_side_of_too_many_pixels_is_refused)
{
    hf_error err = { 0 };
    cr_assert_eq(status_for(4, 32769, 1, &err), HF_EARG);
    cr_assert_str_eq(err.text, "match: source height is 32769, want 1..32768");
}

Test(match_dense, a_map_without_cells_is_refused)
{
    hf_error err = { 0 };
    cr_assert_eq(status_for(4, 1, 0, &err), HF_EARG);
    cr_assert_str_eq(err.text, "match: source cells is 0, want 1..32768");
}
