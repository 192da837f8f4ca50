/* hf_ops.classic_raw: every backend gives the bytes of ref, and what ref gives is right where that is known. A GPU, or its
 * emulation, is tested where the module opens; else that is skipped by name. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/classic_raw.h"

/* Channels of the descriptor, see the table in classic_raw.c. */
enum { BOX_HERE = 0, NEAR_MEAN = 27, NEAR_SPREAD = 30, NEAR_FINE = 57, N_CHANNELS = 201 };

static hf_backend *open_or_skip(const char *name)
{
    hf_backend *be;
    hf_error err = { 0 };
    if (hf_backend_open(&be, name, 2, &err) < 0)
        cr_skip_test("%s cannot be opened: %s", name, err.text);
    return be;
}

/* Statistics of a picture, in host memory that the caller frees. */
static float *statistics(hf_backend *be, const uint8_t *picture, int W, int H, size_t *n)
{
    hf_classic_raw *raw;
    cr_assert_eq(hf_classic_raw_new(&raw, be, W, H, NULL), HF_OK);
    hf_tensor rgb = hf_tensor_view(NULL, HF_U8, 3, H, W, 3);
    hf_tensor out = hf_tensor_view(NULL, HF_F32, 3, raw->h, raw->w, raw->n_channels);
    float *host = malloc(hf_tensor_bytes(&out));
    rgb.data = be->ops.alloc(be, hf_tensor_bytes(&rgb));
    out.data = be->ops.alloc(be, hf_tensor_bytes(&out));
    cr_assert_eq(be->ops.write(be, &rgb, picture, NULL), HF_OK);
    cr_assert_eq(be->ops.classic_raw(be, &out, &rgb, raw, NULL), HF_OK);
    cr_assert_eq(be->ops.read(be, host, &out, NULL), HF_OK);
    cr_assert_eq(be->ops.sync(be, NULL), HF_OK);
    be->ops.free(be, rgb.data);
    be->ops.free(be, out.data);
    hf_classic_raw_free(&raw);
    *n = (size_t)hf_tensor_count(&out);
    return host;
}

/* Waves and noise, so that no two neighbours are alike and gradients point everywhere. */
static uint8_t *paint(int W, int H)
{
    uint8_t *rgb = malloc((size_t)W * H * 3);
    uint32_t random = 7;
    for (int i = 0; i < W * H * 3; i++) {
        int x = i / 3 % W, y = i / 3 / W;
        random = random * 1664525u + 1013904223u;
        rgb[i] = (uint8_t)(x * 3 + y * 5 + (x / 20 * 37 + y / 13 * 51) % 97 + (int)(random >> 27) + i % 3 * 20);
    }
    return rgb;
}

static void equals_ref(const char *name)
{
    /* One pixel, less than a cell, one cell wide or high, sizes that are no multiple of a block, and a common one. */
    static const int sizes[][2] = { { 1, 1 }, { 3, 2 }, { 8, 40 }, { 70, 5 }, { 17, 9 }, { 101, 75 }, { 160, 96 } };
    hf_backend *ref = open_or_skip("ref"), *be = open_or_skip(name);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t n, m;
        uint8_t *rgb = paint(sizes[i][0], sizes[i][1]);
        float *want = statistics(ref, rgb, sizes[i][0], sizes[i][1], &n), *got = statistics(be, rgb, sizes[i][0], sizes[i][1], &m);
        cr_assert_eq(n, m);
        for (size_t j = 0; j < n; j++)
            cr_assert_eq(want[j], got[j], "%d x %d pixels, cell %zu, channel %zu: %.9g, want %.9g", sizes[i][0], sizes[i][1],
                         j / N_CHANNELS, j % N_CHANNELS, (double)got[j], (double)want[j]);
        free(rgb), free(want), free(got);
    }
    hf_backend_close(&be);
    hf_backend_close(&ref);
}

Test(classic_raw, cpu_gives_the_numbers_of_ref) { equals_ref("cpu"); }

Test(classic_raw, cuda_gives_the_numbers_of_ref) { equals_ref("cuda"); }

/* A flat picture of sRGB 188: linear light 0.50289, L of Lab 76.25 of 100, without colour, spread or gradient. */
Test(classic_raw, a_gray_picture_has_lightness_and_nothing_else)
{
    enum { W = 24, H = 16 };
    uint8_t rgb[W * H * 3];
    size_t n;
    hf_backend *ref = open_or_skip("ref");
    memset(rgb, 188, sizeof(rgb));
    float *s = statistics(ref, rgb, W, H, &n);
    cr_assert_eq(n, (W / 8) * (H / 8) * N_CHANNELS);
    for (size_t cell = 0; cell < n / N_CHANNELS; cell++) {
        const float *c = s + cell * N_CHANNELS;
        cr_expect_float_eq(c[BOX_HERE], 0.7625, 1e-3);
        cr_expect_float_eq(c[NEAR_MEAN], 0.7625, 1e-3);
        cr_expect_float_eq(c[NEAR_MEAN + 1], 0, 1e-3);
        for (int i = 0; i < 3; i++)
            cr_expect_lt(c[NEAR_SPREAD + i], 1e-3);
        for (int i = NEAR_FINE; i < N_CHANNELS; i++)
            cr_expect_lt(c[i], 1e-3);
    }
    free(s);
    hf_backend_close(&ref);
}

/* Lightness that grows by 10 of 255 a pixel to the right: between neighbours on both sides it differs by d = 20 / 255, all of
 * it in direction 0, half in 45 degrees to both sides of that, none in the others. Energy is d d / (d + 1e-4), its root is
 * the channel. */
Test(classic_raw, a_ramp_has_energy_in_its_direction)
{
    enum { W = 24, H = 24 };
    uint8_t rgb[W * H * 3];
    size_t n;
    hf_backend *ref = open_or_skip("ref");
    for (int i = 0; i < W * H * 3; i++)
        rgb[i] = (uint8_t)(10 * (i / 3 % W));
    float *s = statistics(ref, rgb, W, H, &n), *fine = s + 4 * N_CHANNELS + NEAR_FINE;
    double d = 20.0 / 255, energy = d * d / (d + 1e-4);
    const double share[HF_CLASSIC_DIRECTIONS] = { 1, 0.5, 0, 0, 0, 0, 0, 0.5 };
    for (int i = 0; i < HF_CLASSIC_DIRECTIONS; i++)
        cr_expect_float_eq(fine[i], sqrt(share[i] * energy), 1e-4, "direction %d: %g", i, (double)fine[i]);
    free(s);
    hf_backend_close(&ref);
}

Test(classic_raw, nothing_is_made_for_a_picture_without_pixels)
{
    hf_backend *ref = open_or_skip("ref");
    hf_classic_raw *raw;
    hf_error err = { 0 };
    cr_expect_eq(hf_classic_raw_new(&raw, ref, 8, 0, &err), HF_EARG);
    cr_expect_null(raw);
    cr_expect(strstr(err.text, "8 x 0"));
    hf_backend_close(&ref);
}
