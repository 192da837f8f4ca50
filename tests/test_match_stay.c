/* test_match_stay.c - pixels stay where that is as good as their match; the other backends against `ref`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/match_stay.h"
#include "tests/backends.h"

/* size: H, W, h, w, D */
static void stay(hf_backend *be, int32_t *index, float *similarity, const float *a, const float *b, const int size[5],
                 float tolerance)
{
    hf_tensor ti = hf_tensor_view(NULL, HF_I32, 2, size[0], size[1]);
    hf_tensor ts = hf_tensor_view(NULL, HF_F32, 2, size[0], size[1]);
    hf_tensor ta = hf_tensor_view(NULL, HF_F32, 3, size[2], size[3], size[4]);
    hf_tensor tb = hf_tensor_view(NULL, HF_F32, 3, size[2], size[3], size[4]);
    put(be, &ti, index), put(be, &ts, similarity), put(be, &ta, a), put(be, &tb, b);
    cr_assert_eq(be->ops.match_stay(be, &ti, &ts, &ta, &tb, tolerance, NULL), HF_OK);
    get(be, index, &ti), get(be, similarity, &ts);
    drop(be, &ti), drop(be, &ts), drop(be, &ta), drop(be, &tb);
}

/* Fills index with -1 and similarity with -2 first, so that every pixel stays and similarity
 * becomes the cosine in place. */
static void cosines(const char *name, float *similarity, const float *a, const float *b, int H,
                    int W, int h, int w, int D)
{
    hf_backend *be;
    int32_t *index = malloc(sizeof(int32_t) * H * W);
    cr_assert_eq(hf_backend_open(&be, name, 2, NULL), HF_OK);
    for (int i = 0; i < H * W; i++)
        index[i] = -1, similarity[i] = -2.0f;
    stay(be, index, similarity, a, b, (const int[]){ H, W, h, w, D }, 0.0f);
    for (int i = 0; i < H * W; i++)
        cr_assert_eq(index[i], i);
    free(index);
    hf_backend_close(&be);
}

Test(match_stay, upsampling_comes_before_normalising)
{
    /* Cells (1,0) and (0,3) against (1,0) twice; pixel 1 of 4 lies a quarter of the way:
     * A' = (0.75, 0.75), cosine sqrt(1/2). */
    const float a[4] = { 1, 0, 0, 3 }, b[4] = { 1, 0, 1, 0 };
    float cosine[4];
    for (const char *const *name = test_backends(); *name; name++) {
        cosines(*name, cosine, a, b, 1, 4, 1, 2, 2);
        cr_assert_float_eq(cosine[0], 1.0f, 1e-6f);
        cr_assert_float_eq(cosine[1], sqrtf(0.5f), 1e-6f);
        cr_assert_float_eq(cosine[3], 0.0f, 1e-6f);
    }
}

Test(match_stay, only_a_better_match_moves_a_pixel)
{
    /* One cell, cosine in place 0.6; the matches claim a little less, a little more, much more. */
    const float a[2] = { 1, 0 }, b[2] = { 0.6f, 0.8f };
    for (const char *const *name = test_backends(); *name; name++) {
        hf_backend *be;
        int32_t index[3] = { 2, 2, 0 };
        float similarity[3] = { 0.6f - 1e-3f, 0.6f + 1e-5f, 0.7f };
        cr_assert_eq(hf_backend_open(&be, *name, 1, NULL), HF_OK);
        stay(be, index, similarity, a, b, (const int[]){ 1, 3, 1, 1, 2 }, HF_MATCH_STAY_TOLERANCE);
        cr_assert_arr_eq(index, ((const int32_t[]){ 0, 1, 0 }), sizeof(index));
        cr_assert_float_eq(similarity[0], 0.6f, 1e-6f);
        cr_assert_float_eq(similarity[1], 0.6f + 1e-5f, 1e-6f);
        cr_assert_float_eq(similarity[2], 0.7f, 1e-6f);
        hf_backend_close(&be);
    }
}

Test(match_stay, backends_agree_with_ref_on_odd_sizes_zero_and_equal_vectors)
{
    static const int sizes[][5] = { { 1, 1, 1, 1, 1 }, { 17, 23, 3, 4, 7 }, { 16, 8, 16, 8, 5 },
                                    { 5, 3, 9, 7, 16 }, { 33, 1, 5, 1, 64 }, { 1, 9, 1, 1, 3 } };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int H = sizes[i][0], W = sizes[i][1], h = sizes[i][2], w = sizes[i][3], D = sizes[i][4];
        float *a = calloc((size_t)h * w * D, 4), *b = calloc((size_t)h * w * D, 4);
        float *c0 = calloc((size_t)H * W, 4), *c1 = calloc((size_t)H * W, 4);
        for (int k = 0; k < h * w * D; k++) {
            a[k] = (float)rand() / (float)RAND_MAX - 0.5f;
            b[k] = k % 3 ? a[k] : (float)rand() / (float)RAND_MAX - 0.5f;
        }
        memset(b, 0, (size_t)D * 4);
        cosines("ref", c0, a, b, H, W, h, w, D);
        for (const char *const *name = test_backends() + 1; *name; name++) {
            cosines(*name, c1, a, b, H, W, h, w, D);
            for (int k = 0; k < H * W; k++)
                cr_assert_float_eq(c0[k], c1[k], 2e-6f, "%s case %zu pixel %d: %g %g", *name, i, k,
                                   (double)c0[k], (double)c1[k]); /* f32 dot products */
            cosines(*name, c1, a, a, H, W, h, w, D);
            for (int k = 0; k < H * W; k++)
                cr_assert_float_eq(c1[k], 1.0f, 1e-6f);
        }
        free(a), free(b), free(c0), free(c1);
    }
}
