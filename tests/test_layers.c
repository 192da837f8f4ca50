/* test_layers.c - parameters of layers: what is loaded computes what its numbers say, and the first failure stays. */
#include "src/layers.h"
#include "weights_maker.h"

static const float matrix[] = { 1, 2, 3, 4, 5, 6 };  /* [2,3] */
static const float another[] = { 0, 1, 0, -1, 0, 2 }; /* [2,3] */
static const float two[] = { 10, 20 }, more[] = { 30, 40 };
static const float kernel[] = { 0, 0, 0, 0, 1, 2, 0, 0, 0 }; /* [1,1,3,3]: x and twice its right neighbour */

static tensors_maker   maker;
static hf_tensor_file *file;
static hf_weights     *weights;
static hf_backend     *be;
static hf_layers      *layers;
static hf_error        err;

static void open_all(void)
{
    tensors_add(&maker, "a.weight", "F32", "2,3", matrix, sizeof(matrix));
    tensors_add(&maker, "a.bias", "F32", "2", two, sizeof(two));
    tensors_add(&maker, "b.weight", "F32", "2,3,1,1", another, sizeof(another));
    tensors_add(&maker, "b.bias", "F32", "2", more, sizeof(more));
    tensors_add(&maker, "down.0.conv.weight", "F32", "1,1,3,3", kernel, sizeof(kernel));
    tensors_add(&maker, "norm.1.weight", "F32", "2", two, sizeof(two));
    tensors_add(&maker, "norm.1.bias", "F32", "2", more, sizeof(more));
    tensors_add(&maker, "none.weight", "F32", "0,3", "", 0);
    file = tensors_open(&maker);
    cr_assert_eq(hf_weights_open(&weights, file, "net", NULL, NULL, &err), HF_OK);
    cr_assert_eq(hf_backend_open(&be, "ref", 1, &err), HF_OK);
    cr_assert_eq(hf_layers_new(&layers, be, weights, HF_F32, &err), HF_OK);
}

static void close_all(void)
{
    hf_layers_free(&layers);
    hf_backend_close(&be);
    hf_weights_close(&weights);
    hf_tensor_file_close(&file);
}

TestSuite(layers, .init = open_all, .fini = close_all);

static void check_loaded(void) { cr_assert_eq(hf_layers_status(layers, &err), HF_OK, "%s", err.text); }

static void check_linear(const hf_linear *l, const float *want, int64_t n_out)
{
    float x[] = { 1, 10, 100 }, y[8];
    hf_tensor in = hf_tensor_view(x, HF_F32, 2, 1, 3), out = hf_tensor_view(y, HF_F32, 2, 1, n_out);
    hf_linear_params params = { .activation = HF_ACT_NONE };
    cr_assert_eq(be->ops.linear(be, &out, &in, l->weight, hf_bias(&l->bias), NULL, &params, &err), HF_OK, "%s", err.text);
    for (int64_t i = 0; i < n_out; i++)
        cr_assert_eq(y[i], want[i], "%d: %g, want %g", (int)i, (double)y[i], (double)want[i]);
}

Test(layers, a_linear_layer_multiplies_and_adds)
{
    hf_linear l;
    hf_layers_linear(layers, &l, 2, 3, true, "%c", 'a');
    check_loaded();
    check_linear(&l, (const float[]){ 321 + 10, 654 + 20 }, 2);
    cr_assert_eq(hf_layers_bytes(layers), (6 + 2) * 4);
}

Test(layers, a_layer_without_bias_adds_nothing)
{
    hf_linear l;
    hf_layers_linear(layers, &l, 2, 3, false, "a");
    check_loaded();
    cr_assert_null(hf_bias(&l.bias));
    check_linear(&l, (const float[]){ 321, 654 }, 2);
    cr_assert_eq(hf_layers_bytes(layers), 6 * 4);
}

Test(layers, stacked_matrices_are_one_behind_the_other)
{
    hf_linear l;
    hf_layers_stacked(layers, &l, 2, 3, true, 2, (const char *const[]){ "a", "b" });
    check_loaded();
    check_linear(&l, (const float[]){ 331, 674, 10 + 30, 199 + 40 }, 4);
    cr_assert_eq(l.bias.shape[0], 4);
    cr_assert_eq(hf_layers_bytes(layers), (12 + 4) * 4);
}

Test(layers, a_convolution_is_padded_by_half_its_kernel)
{
    float x[] = { 1, 2, 3 }, y[3];
    hf_tensor in = hf_tensor_view(x, HF_F32, 4, 1, 1, 3, 1), out = hf_tensor_view(y, HF_F32, 4, 1, 1, 3, 1);
    hf_conv c;
    hf_layers_conv(layers, &c, 1, 1, 3, 1, false, "down.%d.conv", 0);
    check_loaded();
    cr_assert_eq(be->ops.conv2d(be, &out, &in, c.weight, hf_bias(&c.bias), NULL, &c.params, &err), HF_OK, "%s", err.text);
    cr_assert(y[0] == 5 && y[1] == 8 && y[2] == 3, "%g %g %g", (double)y[0], (double)y[1], (double)y[2]);
}

Test(layers, a_norm_has_gamma_and_beta)
{
    hf_norm n;
    hf_layers_norm(layers, &n, 2, "norm.%s", "1");
    check_loaded();
    cr_assert_arr_eq(n.gamma.data, two, sizeof(two));
    cr_assert_arr_eq(n.beta.data, more, sizeof(more));
}

Test(layers, a_norm_of_another_size_is_refused)
{
    hf_norm n;
    hf_layers_norm(layers, &n, 3, "norm.1");
    cr_assert_eq(hf_layers_status(layers, &err), HF_EMODEL);
    cr_assert_str_eq(err.text, "it: net: array \"norm.1.weight\" has shape [2], want [3]");
    cr_assert_null(n.beta.data);
}

Test(layers, an_array_is_f32_in_the_memory_of_the_backend)
{
    hf_tensor t;
    hf_layers_array(layers, &t, 2, (const int64_t[]){ 2, 3 }, "%s.weight", "a");
    check_loaded();
    cr_assert_eq(t.dtype, HF_F32);
    cr_assert_arr_eq(t.data, matrix, sizeof(matrix));
    cr_assert_eq(hf_layers_bytes(layers), 6 * 4);
}

Test(layers, the_first_failure_stays_and_later_loads_do_nothing)
{
    hf_linear l, m;
    hf_layers_linear(layers, &l, 2, 3, true, "up.%d", 7);
    hf_layers_linear(layers, &m, 2, 3, true, "a");
    cr_assert_eq(hf_layers_status(layers, &err), HF_EMODEL);
    cr_assert_str_eq(err.text, "it: net has no array \"up.7.weight\", want one of shape [2,3]");
    cr_assert_eq(hf_layers_status(layers, NULL), HF_EMODEL);
    cr_assert_null(m.weight);
    cr_assert_null(m.bias.data);
}

Test(layers, a_missing_bias_is_named)
{
    hf_conv c;
    hf_layers_conv(layers, &c, 1, 1, 3, 1, true, "down.0.conv");
    cr_assert_eq(hf_layers_status(layers, &err), HF_EMODEL);
    cr_assert_str_eq(err.text, "it: net has no array \"down.0.conv.bias\", want one of shape [1]");
}

Test(layers, a_part_of_a_stack_with_another_shape_is_named)
{
    hf_linear l;
    hf_layers_stacked(layers, &l, 2, 3, false, 2, (const char *const[]){ "a", "down.0.conv" });
    cr_assert_eq(hf_layers_status(layers, &err), HF_EMODEL);
    cr_assert_str_eq(err.text, "it: net: array \"down.0.conv.weight\" has shape [1,1,3,3], want [2,3]");
}

Test(layers, a_layer_without_channels_is_refused)
{
    hf_linear l;
    hf_layers_linear(layers, &l, 0, 3, false, "none");
    cr_assert_eq(hf_layers_status(layers, &err), HF_EMODEL);
    cr_assert_str_eq(err.text, "it: array \"none.weight\" would be of 0 x 3 channels, want at least 1");
    cr_assert_null(l.weight);
}

Test(layers, a_name_too_long_is_refused)
{
    hf_linear l;
    hf_layers_linear(layers, &l, 2, 3, false, "%0300d", 1);
    cr_assert_eq(hf_layers_status(layers, &err), HF_EARG);
    cr_assert_not_null(strstr(err.text, "a name longer than 255"));
}

/* Every pointer list grows several times. */
Test(layers, hundreds_of_layers_are_owned_together)
{
    hf_linear l[300];
    for (int i = 0; i < 300; i++)
        hf_layers_linear(layers, &l[i], 2, 3, true, "a");
    check_loaded();
    check_linear(&l[0], (const float[]){ 331, 674 }, 2);
    check_linear(&l[299], (const float[]){ 331, 674 }, 2);
    cr_assert_eq(hf_layers_bytes(layers), 300 * 8 * 4);
}
