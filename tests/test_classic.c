/* test_classic.c - descriptors of model `classic`: length, repeatability, what they do not depend on. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/model.h"

enum { W = 101, H = 75, h = 10, w = 13 }; /* not multiples of 8 */

/* Smooth noise: sums of waves, so that there is texture at every scale. */
static void paint(uint8_t *rgb, float gain)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++) {
                double v = 110 + 40 * sin(0.13 * x + 0.07 * y * (c + 1)) + 30 * cos(0.31 * y - 0.05 * x * c) +
                           20 * sin(0.017 * x * y + c);
                rgb[(y * W + x) * 3 + c] = (uint8_t)(v * gain);
            }
}

/* One thread, where the number of them is not the matter: adapting meets at thousands of barriers, and
 * on a busy machine two threads that spin at each take seconds for what is done in some milliseconds. */
static float *extract(const uint8_t *drawn, const uint8_t *rgb, int n_threads, int *D)
{
    hf_backend *be;
    hf_model *m;
    cr_assert_eq(hf_backend_open(&be, "cpu", n_threads, NULL), HF_OK);
    cr_assert_eq(hf_model_open(&m, be, &(hf_model_params){ .name = "classic" }, NULL), HF_OK);
    cr_assert_eq(m->prepare(m, W, H, NULL), HF_OK);
    cr_assert_eq(m->stride_px, 8);
    hf_tensor first = hf_tensor_view((void *)drawn, HF_U8, 3, H, W, 3);
    hf_tensor next = hf_tensor_view((void *)rgb, HF_U8, 3, H, W, 3);
    float *features = malloc(sizeof(float) * h * w * m->n_channels);
    hf_tensor f = hf_tensor_view(features, HF_F32, 3, h, w, m->n_channels);
    cr_assert_eq(m->adapt(m, &first, NULL), HF_OK);
    cr_assert_eq(m->extract(m, &f, &next, NULL), HF_OK);
    *D = m->n_channels;
    hf_model_close(&m);
    hf_backend_close(&be);
    return features;
}

static float dot(const float *a, const float *b, int D)
{
    float sum = 0;
    for (int d = 0; d < D; d++)
        sum += a[d] * b[d];
    return sum;
}

Test(classic, descriptors_have_unit_length)
{
    static uint8_t rgb[W * H * 3];
    int D;
    paint(rgb, 1);
    float *f = extract(rgb, rgb, 1, &D);
    for (int i = 0; i < h * w; i++)
        cr_assert_float_eq(dot(f + i * D, f + i * D, D), 1, 1e-4);
    free(f);
}

Test(classic, the_same_pictures_give_the_same_bytes)
{
    static uint8_t rgb[W * H * 3];
    int D;
    paint(rgb, 1);
    float *a = extract(rgb, rgb, 2, &D), *b = extract(rgb, rgb, 2, &D);
    cr_assert_eq(memcmp(a, b, sizeof(float) * h * w * D), 0);
    free(a);
    free(b);
}

Test(classic, a_brighter_picture_keeps_its_descriptors)
{
    static uint8_t rgb[W * H * 3], bright[W * H * 3];
    int D;
    paint(rgb, 1);
    paint(bright, 1.05f);
    float *a = extract(rgb, rgb, 1, &D), *b = extract(rgb, bright, 1, &D), mean = 0;
    for (int i = 0; i < h * w; i++)
        mean += dot(a + i * D, b + i * D, D) / (h * w);
    cr_assert_gt(mean, 0.9f);
    free(a);
    free(b);
}

Test(classic, a_flat_picture_gives_finite_descriptors)
{
    static uint8_t rgb[W * H * 3];
    int D;
    memset(rgb, 90, sizeof(rgb));
    float *f = extract(rgb, rgb, 1, &D);
    for (int i = 0; i < h * w * D; i++)
        cr_assert(isfinite(f[i]));
    free(f);
}

Test(classic, a_picture_without_pixels_is_refused)
{
    hf_backend *be;
    hf_model *m;
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, NULL), HF_OK);
    cr_assert_eq(hf_model_open(&m, be, &(hf_model_params){ .name = "classic" }, NULL), HF_OK);
    cr_assert_eq(m->prepare(m, 0, 5, NULL), HF_EARG);
    cr_assert_eq(m->prepare(m, 1, 1, NULL), HF_OK);
    hf_model_close(&m);
    hf_backend_close(&be);
}

Test(classic, what_was_learned_stays_when_the_size_changes_and_changes_back)
{
    static uint8_t rgb[W * H * 3];
    hf_backend *be;
    hf_model *m;
    float *features[2];
    hf_tensor picture = hf_tensor_view(rgb, HF_U8, 3, H, W, 3);

    paint(rgb, 1);
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, NULL), HF_OK);
    cr_assert_eq(hf_model_open(&m, be, &(hf_model_params){ .name = "classic" }, NULL), HF_OK);
    cr_assert_eq(m->prepare(m, W, H, NULL), HF_OK);
    cr_assert_eq(m->adapt(m, &picture, NULL), HF_OK);
    for (int i = 0; i < 2; i++) {
        features[i] = malloc(sizeof(float) * h * w * m->n_channels);
        hf_tensor f = hf_tensor_view(features[i], HF_F32, 3, h, w, m->n_channels);
        cr_assert_eq(m->extract(m, &f, &picture, NULL), HF_OK);
        cr_assert_eq(m->prepare(m, i ? W : W / 2, i ? H : H * 2, NULL), HF_OK);
        cr_assert_eq(m->prepare(m, W, H, NULL), HF_OK);
    }
    cr_assert_eq(memcmp(features[0], features[1], sizeof(float) * h * w * m->n_channels), 0);
    free(features[0]);
    free(features[1]);
    hf_model_close(&m);
    hf_backend_close(&be);
}
