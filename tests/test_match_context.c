/* test_match_context.c - the k best cells in windows: `cpu` against `ref`, ties, empty slots. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "propagate/match_tile.h"

typedef struct shape { int h, w, D, k, radius; } shape;

/* cpu as on a processor that cannot multiply bytes. */
static int plain_cpu(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                     const hf_tensor *target, const hf_tensor *reference, const hf_tensor *shift,
                     const hf_match_context_params *p, hf_error *err)
{
    return hf_match_context_run(false, be, index, similarity, target, reference, shift, p, err);
}

static hf_backend *open_backend(const char *name)
{
    hf_backend *be;
    cr_assert_eq(hf_backend_open(&be, name, 2, NULL), HF_OK);
    return be;
}

/* Two references, one of them shifted, into one list. */
static void run(hf_backend *be, int32_t *index, float *similarity, const float *target,
                const float *refs, int32_t *shift, const shape *s)
{
    size_t n = (size_t)s->h * s->w;
    int tiles = (s->w + HF_MATCH_TILE - 1) / HF_MATCH_TILE;
    int P = HF_MATCH_PAD(s->D);
    uint8_t *bytes = malloc(n * P), *targets = malloc(n * P), *packed = malloc(n * P);
    hf_match_context_bytes(targets, target, s->h, s->w, s->D);
    hf_match_context_clear(index, similarity, (int64_t)n * s->k);
    for (int r = 0; r < 2; r++) {
        hf_tensor ti = hf_tensor_view(index, HF_I32, 3, s->h, s->w, s->k);
        hf_tensor ts = hf_tensor_view(similarity, HF_F32, 3, s->h, s->w, s->k);
        hf_tensor tt = hf_tensor_view(targets, HF_U8, 3, s->h, s->w, P);
        hf_tensor tr = hf_tensor_view(packed, HF_U8, 4, s->h, P / 4, s->w, 4);
        hf_tensor tm = hf_tensor_view(shift, HF_I32, 3, s->h, tiles, 2);
        hf_match_context_params p = { .k = s->k, .radius_cells = s->radius, .reference = r };
        hf_match_context_bytes(bytes, refs + n * s->D * r, s->h, s->w, s->D);
        hf_match_context_pack(packed, bytes, s->h, s->w, s->D);
        cr_assert_eq(be->ops.match_context(be, &ti, &ts, &tt, &tr, r ? &tm : NULL, &p, NULL), HF_OK);
    }
    free(bytes);
    free(targets);
    free(packed);
}

/* Sums of bytes are exact: lists must agree to the last index. Values in steps of a byte. */
static void compare(const shape *s, int low, int high)
{
    size_t n = (size_t)s->h * s->w;
    int tiles = (s->w + HF_MATCH_TILE - 1) / HF_MATCH_TILE;
    float *target = malloc(n * s->D * sizeof(float)), *refs = malloc(2 * n * s->D * sizeof(float));
    int32_t *shift = malloc((size_t)s->h * tiles * 2 * sizeof(int32_t));
    int32_t *index[3];
    float *similarity[3];
    srand(7);
    for (size_t i = 0; i < n * s->D; i++)
        target[i] = (float)(low + rand() % (high - low + 1)) / HF_MATCH_UNIT;
    for (size_t i = 0; i < 2 * n * s->D; i++)
        refs[i] = (float)(low + rand() % (high - low + 1)) / HF_MATCH_UNIT;
    for (int i = 0; i < s->h * tiles * 2; i++)
        shift[i] = rand() % 9 - 4;
    for (int b = 0; b < 3; b++) {
        hf_backend *be = open_backend(b ? "cpu" : "ref");
        if (b == 2)
            be->ops.match_context = plain_cpu;
        index[b] = malloc(n * s->k * sizeof(int32_t));
        similarity[b] = malloc(n * s->k * sizeof(float));
        run(be, index[b], similarity[b], target, refs, shift, s);
        hf_backend_close(&be);
    }
    for (size_t i = 0; i < n * s->k; i++) {
        cr_assert_eq(index[0][i], index[1][i], "%dx%d D %d k %d r %d: slot %zu is %d on ref, %d on cpu",
                     s->h, s->w, s->D, s->k, s->radius, i, index[0][i], index[1][i]);
        cr_assert_eq(similarity[0][i], similarity[1][i]);
        cr_assert_eq(index[0][i], index[2][i], "slot %zu of the plain version", i);
        cr_assert_eq(similarity[0][i], similarity[2][i]);
    }
    for (int b = 0; b < 3; b++) {
        free(index[b]);
        free(similarity[b]);
    }
    free(target);
    free(refs);
    free(shift);
}

Test(match_context, cpu_gives_the_lists_of_ref)
{
    static const shape shapes[] = {
        { 1, 1, 1, 1, 0 },   { 1, 1, 3, 5, 12 },  /* one cell; k beyond the window */
        { 5, 7, 4, 5, 2 },   { 3, 17, 9, 5, 3 },  /* odd sizes, narrower and wider than a vector */
        { 9, 15, 8, 32, 1 }, { 6, 16, 5, 4, 50 }, /* k above the candidates; radius beyond the map */
        { 4, 41, 16, 5, 12 }, { 20, 33, 64, 5, 6 },
        { 8, 30, 8, 16, 9 }, { 8, 30, 8, 17, 9 }, /* the longest list in one vector, and one more */
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        {
        compare(&shapes[i], -3, 3);
        compare(&shapes[i], -127, 127); /* the whole range of a byte */
    }
}

Test(match_context, cpu_breaks_the_ties_of_ref)
{
    compare(&(shape){ 9, 19, 2, 5, 4 }, 0, 1);
}

Test(match_context, zero_vectors_tie_and_keep_the_lowest_indices)
{
    compare(&(shape){ 6, 18, 3, 5, 2 }, 0, 0);
}

Test(match_context, all_equal_features_list_the_window_from_its_first_cell)
{
    enum { H = 4, W = 5, K = 3 };
    float target[H * W], refs[2 * H * W], similarity[H * W * K];
    int32_t index[H * W * K], shift[H * 2] = { 0 };
    for (int i = 0; i < H * W; i++)
        target[i] = refs[i] = refs[H * W + i] = 0.25f;
    hf_backend *be = open_backend("cpu");
    run(be, index, similarity, target, refs, shift, &(shape){ H, W, 1, K, 1 });
    hf_backend_close(&be);
    /* cell (2, 2): its window begins at row 1, column 1 of reference 0 */
    const int32_t *list = index + (2 * W + 2) * K;
    cr_assert_eq(list[0], 1 * W + 1);
    cr_assert_eq(list[1], 1 * W + 2);
    cr_assert_eq(list[2], 1 * W + 3);
}

Test(match_context, slots_beyond_the_window_stay_empty)
{
    float target[1] = { 0.25f }, refs[2] = { 0.25f, 0.125f }, similarity[5];
    int32_t index[5], shift[2] = { 0 };
    hf_backend *be = open_backend("cpu");
    run(be, index, similarity, target, refs, shift, &(shape){ 1, 1, 1, 5, 12 });
    hf_backend_close(&be);
    cr_assert_eq(index[0], 0);
    cr_assert_eq(index[1], 1);
    cr_assert_eq(index[2], -1);
    cr_assert_eq(similarity[2], HF_MATCH_NONE);
}

Test(match_context, parameters_outside_their_ranges_are_refused)
{
    uint8_t byte[4] = { 128, 128, 128, 128 };
    float similarity[1];
    int32_t index[1];
    hf_tensor i = hf_tensor_view(index, HF_I32, 3, 1, 1, 1), s = hf_tensor_view(similarity, HF_F32, 3, 1, 1, 1);
    hf_tensor t = hf_tensor_view(byte, HF_U8, 3, 1, 1, 4), q = hf_tensor_view(byte, HF_U8, 4, 1, 1, 1, 4);
    static const hf_match_context_params bad[] = {
        { .k = 0 }, { .k = HF_MATCH_MAX_K + 1 }, { .k = 1, .radius_cells = -1 }, { .k = 1, .reference = -1 },
    };
    for (int b = 0; b < 2; b++) {
        hf_backend *be = open_backend(b ? "cpu" : "ref");
        for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++)
            cr_assert_eq(be->ops.match_context(be, &i, &s, &t, &q, NULL, &bad[n], NULL), HF_EARG);
        hf_backend_close(&be);
    }
}
