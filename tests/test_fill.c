/* test_fill.c - push-pull hole filling. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/first_ops.h"
#include "tests/backends.h"

/* A picture of w x h with C channels, filled by a backend. */
static void fill(const char *name, float *data, const float *weight, int w, int h, int C)
{
    hf_backend *be;
    hf_fill *f;
    hf_tensor d = hf_tensor_view(NULL, HF_F32, 3, h, w, C), k = hf_tensor_view(NULL, HF_F32, 2, h, w);
    cr_assert_eq(hf_backend_open(&be, name, 1, NULL), HF_OK);
    cr_assert_eq(be->ops.first->fill_new(be, &f, w, h, C + 1, NULL), HF_OK);
    put(be, &d, data), put(be, &k, weight);
    for (int i = 0; i < 2; i++) /* the second time over what the first has left */
        cr_assert_eq(be->ops.first->fill_run(be, f, d.data, k.data, C, NULL), HF_OK);
    get(be, data, &d);
    drop(be, &d), drop(be, &k);
    be->ops.first->fill_free(be, &f);
    cr_assert_null(f);
    hf_backend_close(&be);
}

#define FOR_EACH_BACKEND(name) \
    for (const char *const *backend_ = test_backends(); *backend_; backend_++) \
        for (const char *name = *backend_; name; name = NULL)

Test(fill, known_pixels_stay_exactly_as_they_are)
{
    float data[7 * 5 * 2], copy[70], weight[35];
    for (int i = 0; i < 70; i++)
        data[i] = copy[i] = (float)(i * i % 17) / 3.0f;
    for (int i = 0; i < 35; i++)
        weight[i] = i % 3 == 0 ? 0.0f : i % 3 == 1 ? 0.01f : 5.0f;
    FOR_EACH_BACKEND(name) {
        fill(name, data, weight, 7, 5, 2);
        for (int i = 0; i < 35; i++)
            if (weight[i] > 0.0f)
                cr_assert_eq(memcmp(data + 2 * i, copy + 2 * i, 8), 0);
    }
}

Test(fill, one_known_pixel_fills_everything)
{
    FOR_EACH_BACKEND(name) {
        float data[11 * 6] = { 0 }, weight[66] = { 0 };
        data[13] = 3.5f, weight[13] = 1.0f;
        fill(name, data, weight, 11, 6, 1);
        for (int i = 0; i < 66; i++)
            cr_assert_float_eq(data[i], 3.5f, 1e-5f);
    }
}

Test(fill, a_hole_between_two_values_lies_between_them)
{
    FOR_EACH_BACKEND(name) {
        float data[16] = { 0 }, weight[16] = { 0 };
        weight[0] = weight[15] = 1.0f, data[15] = 1.0f;
        fill(name, data, weight, 16, 1, 1);
        for (int i = 1; i < 16; i++)
            cr_assert(data[i] >= data[i - 1] - 1e-6f && data[i] <= 1.0f);
        cr_assert(data[4] < 0.3f && data[11] > 0.7f);
    }
}

Test(fill, nothing_known_gives_zero_for_any_size)
{
    static const int sizes[][2] = { { 1, 1 }, { 1, 9 }, { 5, 1 }, { 8, 8 } };
    FOR_EACH_BACKEND(name)
    for (int i = 0; i < 4; i++) {
        float data[64], weight[64] = { 0 };
        for (int k = 0; k < 64; k++)
            data[k] = NAN; /* holes may hold anything */
        fill(name, data, weight, sizes[i][0], sizes[i][1], 1);
        for (int k = 0; k < sizes[i][0] * sizes[i][1]; k++)
            cr_assert_eq(data[k], 0.0f);
    }
}

/* Large enough that a device goes from level to level in several ways. */
Test(fill, backends_agree_on_a_large_picture_with_holes)
{
    enum { W = 401, H = 233, C = 3 };
    static float first[W * H * C], data[W * H * C], weight[W * H];
    for (const char *const *name = test_backends(); *name; name++) {
        srand(5);
        for (int i = 0; i < W * H; i++) {
            int x = i % W, y = i / W, hole = x > 50 && x < 350 && y > 30 && y < 200;
            weight[i] = hole && rand() % 2000 ? 0.0f : (float)(rand() % 16) / 8.0f;
            for (int c = 0; c < C; c++)
                data[i * C + c] = (float)(rand() % 256);
        }
        fill(*name, data, weight, W, H, C);
        if (name == test_backends())
            memcpy(first, data, sizeof(first));
        for (int i = 0; i < W * H * C; i++)
            cr_assert_float_eq(first[i], data[i], 1e-5f * 256, "%s: %d: %g %g", *name, i, (double)first[i],
                               (double)data[i]);
    }
}

Test(fill, a_size_below_one_is_refused)
{
    FOR_EACH_BACKEND(name) {
        hf_backend *be;
        hf_fill *f;
        hf_error err;
        cr_assert_eq(hf_backend_open(&be, name, 1, NULL), HF_OK);
        cr_assert_eq(be->ops.first->fill_new(be, &f, 0, 4, 1, &err), HF_EARG);
        cr_assert_null(f);
        cr_assert_str_eq(err.text, "fill: size is 0x4 with 1 channels, want at least 1 each");
        hf_backend_close(&be);
    }
}
