/* test_ref_ops.c - `ref` is the definition, so its own numbers are worked out here by hand
 * or from the formulas of PyTorch's documentation. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "src/half.h"
#include "src/ref.h"
#include "src/resize_taps.h"

static hf_backend *be;
static hf_error    err;

static void open_ref(void)
{
    cr_assert_eq(hf_backend_open(&be, "ref", 1, &err), HF_OK);
}

static void close_ref(void)
{
    hf_backend_close(&be);
}

TestSuite(ref_ops, .init = open_ref, .fini = close_ref);
TestSuite(half);
TestSuite(taps);

#define F32(array, ...) hf_tensor_view(array, HF_F32, (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / 8), __VA_ARGS__)

static void expect(const float *got, const double *want, int n, double tolerance)
{
    for (int i = 0; i < n; i++)
        cr_assert(fabs((double)got[i] - want[i]) <= tolerance, "number %d is %.9g, want %.9g", i,
                  (double)got[i], want[i]);
}
#define EXPECT(got, tolerance, ...) \
    expect(got, (const double[]){ __VA_ARGS__ }, \
           (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), tolerance)

Test(ref_ops, activations_have_the_values_of_their_formulas)
{
    static const struct {
        hf_activation kind;
        double        want[4]; /* of 1, -1, 2, -3; computed with Python's math */
    } rows[] = {
        { HF_ACT_RELU, { 1, 0, 2, 0 } },
        { HF_ACT_GELU_ERF, { 0.841344746, -0.158655254, 1.954499736, -0.004049694 } },
        { HF_ACT_GELU_TANH, { 0.841191991, -0.158808009, 1.954597694, -0.003637392 } },
        { HF_ACT_SILU, { 0.731058579, -0.268941421, 1.761594156, -0.14227762 } },
        { HF_ACT_QUICK_GELU, { 0.845795766, -0.154204234, 1.935658623, -0.01807131 } },
    };
    float x[4] = { 1, -1, 2, -3 }, y[4];
    hf_tensor in = F32(x, 4), out = F32(y, 4);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        be->ops.activate(be, &out, &in, &(hf_activate_params){ rows[i].kind }, &err);
        expect(y, rows[i].want, 4, 2e-7);
    }
}

/* x = 1 2 3 / 4 5 6 / 7 8 9, kernel 1 2 / 3 4. */
static void convolve(float *y, int64_t h, int64_t w, const hf_conv2d_params *params)
{
    float x[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, k[4] = { 1, 2, 3, 4 };
    hf_tensor in = F32(x, 1, 3, 3, 1), weight = F32(k, 1, 1, 2, 2), out = F32(y, 1, h, w, 1);
    hf_packed *packed = NULL;
    cr_assert_eq(be->ops.packed_new(be, &packed, &weight, &(hf_pack_params){ HF_F32, 1 }, &err), HF_OK);
    cr_assert_eq(be->ops.conv2d(be, &out, &in, packed, NULL, NULL, params, &err), HF_OK);
    be->ops.packed_free(be, &packed);
    cr_assert_null(packed);
}

Test(ref_ops, conv2d_correlates_and_does_not_flip_the_kernel)
{
    float y[4];
    /* 1*1 + 2*2 + 3*4 + 4*5 = 37; 2 + 6 + 15 + 24; 4 + 10 + 21 + 32; 5 + 12 + 24 + 36 */
    convolve(y, 2, 2, &(hf_conv2d_params){ 0 });
    EXPECT(y, 0, 37, 47, 67, 77);
}

Test(ref_ops, conv2d_pads_each_side_on_its_own)
{
    float y[4];
    /* Stride 2, one row below and one column right: 37; 3 + 18; 7 + 16; 9 */
    convolve(y, 2, 2, &(hf_conv2d_params){ .stride = 2, .pad_bottom = 1, .pad_right = 1 });
    EXPECT(y, 0, 37, 21, 23, 9);
}

Test(ref_ops, conv2d_dilated_reads_the_corners)
{
    float y[1];
    convolve(y, 1, 1, &(hf_conv2d_params){ .dilation = 2 }); /* 1 + 2*3 + 3*7 + 4*9 */
    EXPECT(y, 0, 64);
}

Test(ref_ops, conv2d_groups_see_their_own_channels_only)
{
    float x[4] = { 1, 2, 3, 4 }, k[4] = { 1, 10, 100, 1000 }, y[2];
    hf_tensor in = F32(x, 1, 1, 1, 4), weight = F32(k, 2, 2, 1, 1), out = F32(y, 1, 1, 1, 2);
    hf_packed *packed = NULL;
    be->ops.packed_new(be, &packed, &weight, &(hf_pack_params){ HF_F32, 2 }, &err);
    be->ops.conv2d(be, &out, &in, packed, NULL, NULL, &(hf_conv2d_params){ 0 }, &err);
    EXPECT(y, 0, 1 + 20, 300 + 4000);
    be->ops.packed_free(be, &packed);
}

Test(ref_ops, linear_adds_bias_and_residual_before_the_activation)
{
    float x[2] = { 1, 2 }, k[4] = { 1, 1, -1, -1 }, b[2] = { 10, 0 }, r[2] = { 0.5f, 1 }, y[2];
    hf_tensor in = F32(x, 1, 2), weight = F32(k, 2, 2), bias = F32(b, 2);
    hf_tensor residual = F32(r, 1, 2), out = F32(y, 1, 2);
    hf_packed *packed = NULL;
    be->ops.packed_new(be, &packed, &weight, &(hf_pack_params){ HF_F32, 0 }, &err);
    be->ops.linear(be, &out, &in, packed, &bias, &residual, &(hf_linear_params){ HF_ACT_RELU }, &err);
    EXPECT(y, 0, 13.5, 0); /* 3 + 10 + 0.5; -3 + 1 */
    be->ops.packed_free(be, &packed);
}

Test(ref_ops, geglu_gates_the_first_half_by_the_second)
{
    float x[1] = { 1 }, k[4] = { 3, 5, 1, -1 }, y[2];
    hf_tensor in = F32(x, 1, 1), weight = F32(k, 4, 1), out = F32(y, 1, 2);
    hf_packed *packed = NULL;
    be->ops.packed_new(be, &packed, &weight, &(hf_pack_params){ HF_F32, 0 }, &err);
    be->ops.linear(be, &out, &in, packed, NULL, NULL, &(hf_linear_params){ HF_ACT_GEGLU }, &err);
    EXPECT(y, 1e-6, 3 * 0.841344746, 5 * -0.158655254);
    be->ops.packed_free(be, &packed);
}

Test(ref_ops, bf16_weights_round_weights_and_inputs)
{
    /* bf16 has steps of 2^-7 above 1: 1 + 2^-9 goes to 1. */
    float x[1] = { 1 + 0x1p-9f }, k[1] = { 1 + 0x1p-9f }, y[1];
    hf_tensor in = F32(x, 1, 1), weight = F32(k, 1, 1), out = F32(y, 1, 1);
    hf_packed *packed = NULL;
    be->ops.packed_new(be, &packed, &weight, &(hf_pack_params){ HF_BF16, 0 }, &err);
    be->ops.linear(be, &out, &in, packed, NULL, NULL, &(hf_linear_params){ 0 }, &err);
    EXPECT(y, 0, 1);
    be->ops.packed_free(be, &packed);
}

static void *no_memory(hf_backend *backend, size_t bytes)
{
    (void)backend, (void)bytes;
    return NULL;
}

Test(ref_ops, weights_without_memory_are_an_error)
{
    float k[4] = { 0 };
    hf_tensor weight = F32(k, 2, 2);
    hf_packed *packed = (hf_packed *)k;
    be->ops.alloc = no_memory;
    cr_assert_eq(be->ops.packed_new(be, &packed, &weight, &(hf_pack_params){ HF_F32, 0 }, &err), HF_ENOMEM);
    cr_assert_null(packed);
    cr_assert_str_eq(err.text, "weights: no memory for 4 numbers");
}

Test(ref_ops, matmul_transposes_what_it_is_told_to)
{
    float a[2] = { 1, 2 }, b[2] = { 3, 4 }, y[4];
    hf_tensor column = F32(a, 2, 1), row = F32(b, 1, 2), four = F32(y, 2, 2), one = F32(y, 1, 1);
    be->ops.matmul(be, &four, &column, &row, &(hf_matmul_params){ 0 }, &err);
    EXPECT(y, 0, 3, 4, 6, 8);
    be->ops.matmul(be, &one, &column, &row,
                   &(hf_matmul_params){ .alpha = 2, .transpose_a = true, .transpose_b = true }, &err);
    EXPECT(y, 0, 22);
}

Test(ref_ops, group_norm_takes_a_group_over_all_pixels)
{
    /* Group 1 holds 1 2 3 4: mean 2.5, variance 1.25. Group 2: ten times that. */
    float x[8] = { 1, 2, 10, 20, 3, 4, 30, 40 }, y[8], g[4] = { 1, 1, 1, 2 }, b[4] = { 0, 0, 0, 5 };
    hf_tensor in = F32(x, 1, 2, 4), out = F32(y, 1, 2, 4), gamma = F32(g, 4), beta = F32(b, 4);
    be->ops.group_norm(be, &out, &in, &gamma, &beta, &(hf_group_norm_params){ .n_groups = 2 }, &err);
    double d = sqrt(1.25);
    EXPECT(y, 1e-6, -1.5 / d, -0.5 / d, -1.5 / d, 5 - 1 / d, 0.5 / d, 1.5 / d, 0.5 / d, 5 + 3 / d);
}

Test(ref_ops, layer_norm_divides_by_the_biased_variance_plus_epsilon)
{
    float x[2] = { 1, 3 }, y[2]; /* mean 2, variance 1; with epsilon 3: divided by 2 */
    hf_tensor in = F32(x, 1, 2), out = F32(y, 1, 2);
    be->ops.layer_norm(be, &out, &in, NULL, NULL, &(hf_layer_norm_params){ 3 }, &err);
    EXPECT(y, 1e-7, -0.5, 0.5);
}

Test(ref_ops, softmax_scales_first_and_survives_a_row_of_minus_infinity)
{
    float x[4] = { 0, (float)log(3) / 2, -INFINITY, -INFINITY }, y[4];
    hf_tensor in = F32(x, 2, 2), out = F32(y, 2, 2);
    be->ops.softmax(be, &out, &in, &(hf_softmax_params){ 2 }, &err);
    EXPECT(y, 1e-7, 0.25, 0.75, 0, 0);
}

Test(ref_ops, l2_normalize_leaves_a_zero_row_zero)
{
    float x[4] = { 3, -4, 0, 0 }, y[4];
    hf_tensor in = F32(x, 2, 2), out = F32(y, 2, 2);
    be->ops.l2_normalize(be, &out, &in, &(hf_l2_normalize_params){ 0 }, &err);
    EXPECT(y, 1e-7, 0.6, -0.8, 0, 0);
}

Test(ref_ops, attention_is_the_mean_of_values_by_softmax)
{
    /* Head 1: scores 0, ln 3: (4 + 3 * 8) / 4. Head 2: equal scores: the mean. */
    float q[2] = { 1, 1 }, k[4] = { 0, 5, (float)log(3), 5 }, v[4] = { 4, 1, 8, 2 }, y[2];
    hf_tensor tq = F32(q, 1, 1, 2), tk = F32(k, 1, 2, 2), tv = F32(v, 1, 2, 2), out = F32(y, 1, 1, 2);
    be->ops.attention(be, &out, &tq, &tk, &tv, &(hf_attention_params){ .n_heads = 2 }, &err);
    EXPECT(y, 1e-6, 7, 1.5);
}

Test(ref_ops, causal_attention_does_not_see_what_comes_later)
{
    float q[2] = { 0, 0 }, v[2] = { 4, 8 }, y[2];
    hf_tensor tq = F32(q, 1, 2, 1), tv = F32(v, 1, 2, 1), out = F32(y, 1, 2, 1);
    be->ops.attention(be, &out, &tq, &tq, &tv, &(hf_attention_params){ .n_heads = 1, .causal = true }, &err);
    EXPECT(y, 0, 4, 6);
}

Test(ref_ops, add_spreads_a_vector_for_each_picture)
{
    float a[8] = { 0, 0, 1, 1, 2, 2, 3, 3 }, b[4] = { 10, 20, 30, 40 };
    hf_tensor x = F32(a, 2, 2, 2), vector = F32(b, 2, 2);
    be->ops.add(be, &x, &x, &vector, &(hf_add_params){ 1, 0.5f }, &err);
    EXPECT(a, 0, 5, 10, 6, 11, 17, 22, 18, 23);
}

Test(ref_ops, pool_counts_padding_only_when_told)
{
    float x[4] = { 1, 2, 3, 6 }, y[1];
    hf_tensor in = F32(x, 1, 2, 2, 1), out = F32(y, 1, 1, 1, 1);
    hf_pool_params p = { .kind = HF_POOL_MEAN, .kernel_h = 3, .kernel_w = 3, .pad_top = 1, .pad_left = 1 };
    be->ops.pool(be, &out, &in, &p, &err);
    EXPECT(y, 1e-7, 3);
    p.kind = HF_POOL_MEAN_PADDED;
    be->ops.pool(be, &out, &in, &p, &err);
    EXPECT(y, 1e-7, 12.0 / 9);
    p.kind = HF_POOL_MAX;
    be->ops.pool(be, &out, &in, &p, &err);
    EXPECT(y, 0, 6);
}

/* One row of numbers, resized. */
static void resize_row(float *y, int64_t n_out, float *x, int64_t n_in, const hf_resize_params *p)
{
    hf_tensor in = F32(x, 1, 1, n_in, 1), out = F32(y, 1, 1, n_out, 1);
    cr_assert_eq(be->ops.resize(be, &out, &in, p, &err), HF_OK);
}

Test(ref_ops, bilinear_without_aligned_corners)
{
    float two[2] = { 0, 1 }, four[4] = { 0, 1, 2, 3 }, y[4];
    hf_resize_params p = { .kind = HF_RESIZE_BILINEAR };
    resize_row(y, 4, two, 2, &p);
    EXPECT(y, 1e-7, 0, 0.25, 0.75, 1); /* positions -0.25 and 1.25 are clamped */
    resize_row(y, 2, four, 4, &p);
    EXPECT(y, 1e-7, 0.5, 2.5);
}

Test(ref_ops, bilinear_with_antialias_widens_its_triangle)
{
    float four[4] = { 0, 1, 2, 3 }, y[2];
    hf_resize_params p = { .kind = HF_RESIZE_BILINEAR, .antialias = true };
    /* Centre 1, triangle of half width 2: cells 0, 1, 2 weigh 3, 3, 1 (sum 7). */
    resize_row(y, 2, four, 4, &p);
    EXPECT(y, 1e-6, 5.0 / 7, 3 - 5.0 / 7);
}

Test(ref_ops, bicubic_has_pytorchs_parameter)
{
    float two[2] = { 0, 1 }, y[4];
    hf_resize_params p = { .kind = HF_RESIZE_BICUBIC };
    /* a = -0.75. f(1.25) = a (1.25^3 - 5 1.25^2 + 8 1.25 - 4) = -0.10546875;
     * f(0.75) + f(1.75) = 0.26171875 - 0.03515625 */
    resize_row(y, 4, two, 2, &p);
    EXPECT(y, 1e-7, -0.10546875, 0.2265625, 1 - 0.2265625, 1.10546875);
}

Test(ref_ops, nearest_rounds_down_and_area_means_what_it_covers)
{
    float three[3] = { 1, 2, 4 }, y[2];
    resize_row(y, 2, three, 3, &(hf_resize_params){ .kind = HF_RESIZE_NEAREST });
    EXPECT(y, 0, 1, 2); /* floor(0), floor(1.5) */
    resize_row(y, 2, three, 3, &(hf_resize_params){ .kind = HF_RESIZE_AREA });
    EXPECT(y, 1e-6, (1 + 2 / 2.0) / 1.5, (2 / 2.0 + 4) / 1.5);
}

Test(ref_ops, a_scale_of_its_own_moves_the_samples)
{
    float x[4] = { 0, 1, 2, 3 }, y[2];
    /* Centres 0.5 * 1 - 0.5 = 0 and 1, as if 4 cells went to 4. */
    resize_row(y, 2, x, 4, &(hf_resize_params){ .kind = HF_RESIZE_BILINEAR, .scale_x = 1 });
    EXPECT(y, 1e-7, 0, 1);
}

Test(ref_ops, rgb_to_image_subtracts_then_divides)
{
    uint8_t rgb[3] = { 255, 0, 51 };
    float y[3];
    hf_tensor in = hf_tensor_view(rgb, HF_U8, 3, 1, 1, 3), out = F32(y, 1, 1, 3);
    hf_rgb_to_image_params p = { .resize.kind = HF_RESIZE_BILINEAR, .mean = { 0.5f, 0.5f, 0.2f },
                                 .deviation = { 0.5f, 0.25f, 1 } };
    be->ops.rgb_to_image(be, &out, &in, &p, &err);
    EXPECT(y, 1e-7, 1, -2, 0);
}

Test(ref_ops, permute_and_copy_channels_put_things_where_they_belong)
{
    float x[6] = { 1, 2, 3, 4, 5, 6 }, y[6], z[4] = { 9, 9, 9, 9 };
    hf_tensor in = F32(x, 2, 3), out = F32(y, 3, 2), part = F32(z, 2, 2);
    be->ops.permute(be, &out, &in, &(hf_permute_params){ { 1, 0 } }, &err);
    EXPECT(y, 0, 1, 4, 2, 5, 3, 6);
    be->ops.copy_channels(be, &part, &in, &(hf_copy_channels_params){ .to = 1, .from = 2, .n = 1 }, &err);
    EXPECT(z, 0, 9, 3, 9, 6);
}

Test(ref_ops, cast_to_u8_clamps_and_rounds_to_even)
{
    float x[5] = { -3, 300, 2.5f, 3.5f, 254.6f };
    uint8_t y[5];
    hf_tensor in = F32(x, 5), out = hf_tensor_view(y, HF_U8, 1, 5);
    be->ops.cast(be, &out, &in, &err);
    cr_assert_arr_eq(y, ((uint8_t[]){ 0, 255, 2, 4, 255 }), 5);
}

Test(half, f16_rounds_to_even_at_every_range)
{
    static const struct {
        float    x;
        uint16_t want;
    } rows[] = {
        { 0, 0 }, { -0.0f, 0x8000 }, { 1, 0x3c00 }, { -2, 0xc000 }, { 65504, 0x7bff },
        { 65519, 0x7bff }, { 65520, 0x7c00 }, { 1e30f, 0x7c00 }, { -INFINITY, 0xfc00 },
        { 1 + 0x1p-11f, 0x3c00 },        /* tie, to even */
        { 1 + 3 * 0x1p-11f, 0x3c02 },    /* tie, to even, upwards */
        { 0x1p-14f, 0x0400 },            /* least normal */
        { 0x1p-24f, 0x0001 }, { 0x1p-25f, 0 }, { 3 * 0x1p-25f, 0x0002 },
        { 0x1p-14f - 0x1p-26f, 0x0400 }, /* the greatest subnormal's upper neighbour */
        { NAN, 0x7e00 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_eq(hf_f32_to_f16(rows[i].x), rows[i].want, "%g gives %04x, want %04x",
                     (double)rows[i].x, hf_f32_to_f16(rows[i].x), rows[i].want);
}

Test(half, bf16_rounds_to_even_and_keeps_a_nan)
{
    cr_assert_eq(hf_f32_to_bf16(1 + 0x1p-8f), 0x3f80);     /* tie, down to even */
    cr_assert_eq(hf_f32_to_bf16(1 + 3 * 0x1p-8f), 0x3f82); /* tie, up to even */
    cr_assert_eq(hf_f32_to_bf16(1 + 0x1.02p-8f), 0x3f81);  /* just over a tie */
    cr_assert_eq(hf_f32_to_bf16(-0x1.ffp127f), 0xff80);    /* rounds to infinity */
    cr_assert_neq(hf_f32_to_bf16(hf_float_of_bits(0x7f800001)) & 0x7f, 0);
}

Test(half, every_f16_and_bf16_goes_to_f32_and_back)
{
    for (uint32_t v = 0; v < 65536; v++) {
        if ((v & 0x7c00) != 0x7c00 || (v & 0x3ff) == 0)
            cr_assert_eq(hf_f32_to_f16(hf_f16_to_f32((uint16_t)v)), v);
        if ((v & 0x7f80) != 0x7f80 || (v & 0x7f) == 0)
            cr_assert_eq(hf_f32_to_bf16(hf_bf16_to_f32((uint16_t)v)), v);
    }
    cr_assert(isnan(hf_f16_to_f32(0x7e00)));
    cr_assert(isnan(hf_bf16_to_f32(hf_f32_to_bf16(NAN))));
}

Test(taps, weights_of_every_cell_sum_to_one)
{
    for (int kind = HF_RESIZE_NEAREST; kind <= HF_RESIZE_AREA; kind++)
        for (int antialias = 0; antialias < 2; antialias++)
            for (int64_t n_in = 1; n_in < 20; n_in += 3)
                for (int64_t n_out = 1; n_out < 20; n_out++) {
                    int n = hf_taps_count((hf_resize_kind)kind, antialias, n_in, n_out, 0);
                    int32_t *index = malloc(sizeof(*index) * (size_t)(n * n_out));
                    float *weight = malloc(sizeof(*weight) * (size_t)(n * n_out));
                    hf_taps_fill(index, weight, n, (hf_resize_kind)kind, antialias, n_in, n_out, 0);
                    for (int64_t i = 0; i < n_out; i++) {
                        double sum = 0;
                        for (int t = 0; t < n; t++) {
                            sum += (double)weight[i * n + t];
                            cr_assert(index[i * n + t] >= 0 && index[i * n + t] < n_in);
                        }
                        cr_assert(fabs(sum - 1) < 1e-6, "kind %d, %d to %d, cell %d: %g", kind,
                                  (int)n_in, (int)n_out, (int)i, sum);
                    }
                    free(index);
                    free(weight);
                }
}
