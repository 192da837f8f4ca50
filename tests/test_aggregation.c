/* test_aggregation.c - latents in, hyperfeatures out: diffusion and aggregation against the formulas of the public code.
 * Goldens: tests/golden/make_unet.py. */
#include "tests/golden_net.h"

#include "src/net/aggregation.h"
#include "src/net/diffusion.h"

#define LIMIT 1e-4

typedef struct fixture {
    golden          weights, mixing, expected;
    hf_unet        *net;
    hf_aggregation *aggregation;
    hf_unet_prompt *prompt, *negative;
    hf_tensor       latent, end, features;
} fixture;

static hf_error err;

static hf_unet_prompt *open_prompt(fixture *x, const char *name)
{
    hf_unet_prompt *prompt;
    hf_tensor text = golden_read(&x->expected, name);
    cr_assert_eq(hf_unet_prompt_new(&prompt, x->net, &text, &err), HF_OK, "%s", err.text);
    free(text.data);
    return prompt;
}

static fixture open_all(const char *backend)
{
    fixture x = { .weights = golden_open("unet_sd1.safetensors", backend),
                  .mixing = golden_open("aggregation.safetensors", "ref"),
                  .expected = golden_open("diffusion_golden.safetensors", "ref") };
    hf_unet_config c;
    hf_backend *be = x.weights.be;
    cr_assert_eq(hf_unet_config_read(&c, x.weights.weights, &err), HF_OK, "%s", err.text);
    for (int i = 0; i < 4; i++)
        c.n_heads[i] = 2;
    c.n_groups = 2;
    cr_assert_eq(hf_unet_open(&x.net, be, x.weights.weights, &c, HF_F32, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_aggregation_open(&x.aggregation, be, x.mixing.weights, "", 8, HF_F32, &err), HF_OK, "%s", err.text);
    x.prompt = open_prompt(&x, "text");
    x.negative = open_prompt(&x, "negative");
    x.latent = golden_read(&x.expected, "latent");
    x.end = golden_room(&x.latent);
    x.features = hf_tensor_view(calloc(2 * 16 * 8 * 32, sizeof(float)), HF_F32, 4, 2, 16, 8, 32);
    return x;
}

static void close_all(fixture *x)
{
    free(x->latent.data);
    free(x->end.data);
    free(x->features.data);
    hf_unet_prompt_free(&x->prompt);
    hf_unet_prompt_free(&x->negative);
    hf_aggregation_close(&x->aggregation);
    hf_unet_close(&x->net);
    golden_close(&x->weights);
    golden_close(&x->mixing);
    golden_close(&x->expected);
}

static int sum_up(void *ctx, int saved, int branch, const hf_tensor *map, hf_error *e)
{
    fixture *x = ctx;
    return hf_aggregation_add(x->aggregation, &x->features, map, saved, branch, e);
}

static void run(fixture *x, const hf_diffusion_params *p, bool to_the_end)
{
    hf_diffusion *d;
    hf_diffusion_sink sink = { .take = sum_up, .ctx = x };
    cr_assert_eq(hf_diffusion_new(&d, x->net, p, x->prompt, p->guidance ? x->negative : NULL, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_diffusion_prepare(d, 2, 16, 8, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_aggregation_prepare(x->aggregation, 2, 16, 8, &err), HF_OK, "%s", err.text);
    hf_aggregation_begin(x->aggregation);
    cr_assert_eq(hf_diffusion_run(d, to_the_end ? &x->end : NULL, &x->latent, &sink, &err), HF_OK, "%s", err.text);
    hf_diffusion_free(&d);
}

static void compare(const char *backend, const hf_diffusion_params *p, const char *what)
{
    char name[64];
    fixture x = open_all(backend);
    run(&x, p, true);
    snprintf(name, sizeof(name), "%s.features", what);
    golden_expect(&x.expected, &x.features, name, LIMIT);
    snprintf(name, sizeof(name), "%s.latent", what);
    golden_expect(&x.expected, &x.end, name, LIMIT);

    /* The same features where the end is not wanted and the last pass stops early. */
    memset(x.features.data, 0, hf_tensor_bytes(&x.features));
    run(&x, p, false);
    snprintf(name, sizeof(name), "%s.features", what);
    golden_expect(&x.expected, &x.features, name, LIMIT);
    close_all(&x);
}

static const int published[] = { 49, 45, 40 }, of_five[] = { 4, 2, 0 }, zero[] = { 0 };
static const hf_diffusion_params one = { .n_steps = 1, .labels = zero, .n_labels = 1, .branches = 0xfff };
static const hf_diffusion_params five_of_fifty = { .n_steps = 50, .n_run = 5, .labels = published, .n_labels = 3, .branches = 0xfff };
static const hf_diffusion_params five_of_fifty_v = { .n_steps = 50, .n_run = 5, .labels = published, .n_labels = 3, .branches = 0xfff,
                                                     .prediction = HF_PREDICTION_V };
static const hf_diffusion_params all_of_five = { .n_steps = 5, .labels = of_five, .n_labels = 3, .branches = 0xfff };
static const hf_diffusion_params generation = { .n_steps = 5, .labels = of_five, .n_labels = 3, .branches = 0xfff, .guidance = 7.5f,
                                                .direction = HF_DDIM_GENERATION };

Test(aggregation, one_step_equals_the_formula_on_ref) { compare("ref", &one, "one"); }
Test(aggregation, one_step_equals_the_formula_on_cpu) { compare("cpu", &one, "one"); }
Test(aggregation, a_run_stopped_after_five_of_fifty_steps_sums_what_it_has_on_ref) { compare("ref", &five_of_fifty, "five_of_fifty"); }
Test(aggregation, a_run_stopped_after_five_of_fifty_steps_sums_what_it_has_on_cpu) { compare("cpu", &five_of_fifty, "five_of_fifty"); }
Test(aggregation, inversion_with_v_prediction_equals_the_formula_on_ref) { compare("ref", &five_of_fifty_v, "five_of_fifty_v"); }
Test(aggregation, inversion_with_v_prediction_equals_the_formula_on_cpu) { compare("cpu", &five_of_fifty_v, "five_of_fifty_v"); }
Test(aggregation, all_steps_equal_the_formula_on_ref) { compare("ref", &all_of_five, "all_of_five"); }
Test(aggregation, all_steps_equal_the_formula_on_cpu) { compare("cpu", &all_of_five, "all_of_five"); }
Test(aggregation, generation_with_guidance_equals_the_formula_on_ref) { compare("ref", &generation, "generation"); }
Test(aggregation, generation_with_guidance_equals_the_formula_on_cpu) { compare("cpu", &generation, "generation"); }

Test(aggregation, sizes_and_mixing_weights_come_from_the_file)
{
    fixture x = open_all("ref");
    double sum = 0;
    cr_expect_eq(hf_aggregation_n_layers(x.aggregation), 12);
    cr_expect_eq(hf_aggregation_n_steps(x.aggregation), 3);
    cr_expect_eq(hf_aggregation_n_features(x.aggregation), 32);
    cr_expect_eq(hf_aggregation_channels(x.aggregation, 0), 12);
    cr_expect_eq(hf_aggregation_channels(x.aggregation, 11), 4);
    for (int s = 0; s < 3; s++)
        for (int l = 0; l < 12; l++)
            sum += hf_aggregation_mixing(x.aggregation, s, l);
    cr_expect_float_eq(sum, 1, 1e-6);
    close_all(&x);
}

Test(aggregation, files_and_groups_that_do_not_fit_are_refused)
{
    golden g = golden_open("aggregation.safetensors", "ref"), unet = golden_open("unet_sd1.safetensors", "ref");
    hf_aggregation *a = NULL;
    cr_expect_eq(hf_aggregation_open(&a, g.be, unet.weights, "", 8, HF_F32, &err), HF_EMODEL);
    cr_expect_not_null(strstr(err.text, "bottleneck_layers.0.0.conv1.weight"), "%s", err.text);
    cr_expect_eq(hf_aggregation_open(&a, g.be, g.weights, "", 32, HF_F32, &err), HF_EMODEL);
    cr_expect_not_null(strstr(err.text, "8 and 32 channels, want multiples of the 32 groups"), "%s", err.text);
    cr_expect_eq(hf_aggregation_open(&a, g.be, g.weights, "other.", 8, HF_F32, &err), HF_EMODEL);
    cr_expect_null(a);
    golden_close(&g);
    golden_close(&unet);
}

static void expect_refused(const fixture *x, const hf_diffusion_params *p, const hf_unet_prompt *negative, const char *text)
{
    hf_diffusion *d = NULL;
    cr_expect_eq(hf_diffusion_new(&d, x->net, p, x->prompt, negative, &err), HF_EARG);
    cr_expect_str_eq(err.text, text);
    cr_expect_null(d);
}

Test(aggregation, schedules_that_cannot_be_are_refused)
{
    static const int beyond[] = { 50 }, twice[] = { 3, 3 }, late[] = { 0 };
    fixture x = open_all("ref");
    hf_diffusion_params p = { .n_steps = 50, .labels = beyond, .n_labels = 1 };
    expect_refused(&x, &p, NULL, "diffusion: saved step 50, want 0..49");
    p.labels = twice, p.n_labels = 2;
    expect_refused(&x, &p, NULL, "diffusion: step 3 is to be saved twice");
    p.labels = late, p.n_labels = 1, p.n_run = 5;
    expect_refused(&x, &p, NULL, "diffusion: none of the saved steps is among the 5 that are run");
    p.n_run = 51;
    expect_refused(&x, &p, NULL, "diffusion: 51 of 50 steps are to be run");
    p.n_run = 0, p.guidance = 7.5f;
    expect_refused(&x, &p, NULL, "diffusion: guidance and a negative prompt go together");
    p.n_steps = 0;
    expect_refused(&x, &p, x.negative, "ddim: 0 time steps, want 1..1000");
    close_all(&x);
}
