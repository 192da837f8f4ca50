/* test_fill.c - push-pull hole filling. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/fill.h"

Test(fill, known_pixels_stay_exactly_as_they_are)
{
    hf_fill *f;
    float data[7 * 5 * 2], copy[70], weight[35];
    cr_assert_eq(hf_fill_new(&f, 7, 5, 2, NULL), HF_OK);
    for (int i = 0; i < 70; i++)
        data[i] = copy[i] = (float)(i * i % 17) / 3.0f;
    for (int i = 0; i < 35; i++)
        weight[i] = i % 3 == 0 ? 0.0f : i % 3 == 1 ? 0.01f : 5.0f;
    hf_fill_run(f, data, weight, 2);
    for (int i = 0; i < 35; i++)
        if (weight[i] > 0.0f)
            cr_assert_eq(memcmp(data + 2 * i, copy + 2 * i, 8), 0);
    hf_fill_free(&f);
}

Test(fill, one_known_pixel_fills_everything)
{
    hf_fill *f;
    float data[11 * 6] = { 0 }, weight[66] = { 0 };
    cr_assert_eq(hf_fill_new(&f, 11, 6, 4, NULL), HF_OK);
    data[13] = 3.5f, weight[13] = 1.0f;
    hf_fill_run(f, data, weight, 1);
    for (int i = 0; i < 66; i++)
        cr_assert_float_eq(data[i], 3.5f, 1e-5f);
    hf_fill_free(&f);
}

Test(fill, a_hole_between_two_values_lies_between_them)
{
    hf_fill *f;
    float data[16] = { 0 }, weight[16] = { 0 };
    cr_assert_eq(hf_fill_new(&f, 16, 1, 1, NULL), HF_OK);
    weight[0] = weight[15] = 1.0f, data[15] = 1.0f;
    hf_fill_run(f, data, weight, 1);
    for (int i = 1; i < 16; i++)
        cr_assert(data[i] >= data[i - 1] - 1e-6f && data[i] <= 1.0f);
    cr_assert(data[4] < 0.3f && data[11] > 0.7f);
    hf_fill_free(&f);
}

Test(fill, nothing_known_gives_zero_for_any_size)
{
    static const int sizes[][2] = { { 1, 1 }, { 1, 9 }, { 5, 1 }, { 8, 8 } };
    for (int i = 0; i < 4; i++) {
        hf_fill *f;
        float data[64], weight[64] = { 0 };
        for (int k = 0; k < 64; k++)
            data[k] = NAN; /* holes may hold anything */
        cr_assert_eq(hf_fill_new(&f, sizes[i][0], sizes[i][1], 1, NULL), HF_OK);
        hf_fill_run(f, data, weight, 1);
        for (int k = 0; k < sizes[i][0] * sizes[i][1]; k++)
            cr_assert_eq(data[k], 0.0f);
        hf_fill_free(&f);
    }
}

Test(fill, a_size_below_one_is_refused)
{
    hf_fill *f;
    hf_error err;
    cr_assert_eq(hf_fill_new(&f, 0, 4, 1, &err), HF_EARG);
    cr_assert_null(f);
    cr_assert_str_eq(err.text, "fill: size is 0x4 with 1 channels, want at least 1 each");
}
