/* test_model_sd.c - the whole sd model on the tiny pipelines: a picture in, features out, against diffusers and the formulas of
 * the public code; every layout of the weights; what is refused. Goldens: tests/golden/make_model_sd.py. */
#include "tests/golden_net.h"

#include <string.h>

#include "src/cpu.h"
#include "src/model.h"

#define TINY HF_SOURCE_ROOT "/tests/golden/sd_tiny"
#define SQUARE 128
#define LIMIT 1e-4
#define SD1_GOLDEN "model_sd1_golden.safetensors"
#define LAYERS_GOLDEN "model_sd1_layers_golden.safetensors"
#define SD2_GOLDEN "model_sd2_golden.safetensors"

static hf_error err;

/* Features of the golden's picture. Callers free features.data. */
static hf_tensor extract(const golden *g, const hf_model_params *params)
{
    hf_model *m = NULL;
    hf_tensor rgb = golden_read(g, "rgb");
    int H = (int)rgb.shape[0], W = (int)rgb.shape[1], h, w;
    uint8_t *bytes = malloc((size_t)H * (size_t)W * 3);
    for (int i = 0; i < H * W * 3; i++)
        bytes[i] = (uint8_t)((float *)rgb.data)[i];
    hf_tensor picture = hf_tensor_view(bytes, HF_U8, 3, H, W, 3);

    cr_assert_eq(hf_model_open(&m, g->be, params, &err), HF_OK, "%s", err.text);
    hf_model_grid(m, W, H, &h, &w);
    hf_tensor features = hf_tensor_view(NULL, HF_F32, 3, h, w, m->n_channels);
    features = golden_room(&features);
    cr_assert_eq(m->prepare(m, W, H, &err), HF_OK, "%s", err.text);
    cr_assert_eq(m->extract(m, &features, &picture, &err), HF_OK, "%s", err.text);
    hf_model_close(&m);
    free(rgb.data);
    free(bytes);
    return features;
}

static const char *golden_of(const char *name)
{
    return strstr(name, "sd21") ? SD2_GOLDEN : strstr(name, "layer") || strstr(name, "concat") ? LAYERS_GOLDEN : SD1_GOLDEN;
}

static void compare(const char *backend, const hf_model_params *params, const char *name, double limit)
{
    golden g = golden_open(golden_of(name), backend);
    hf_tensor features = extract(&g, params);
    golden_expect(&g, &features, name, limit);
    free(features.data);
    golden_close(&g);
}

#define BOTH(title, limit, golden_name, ...) \
    Test(model_sd, title##_on_ref) { compare("ref", &(hf_model_params){ __VA_ARGS__ }, golden_name, limit); } \
    Test(model_sd, title##_on_cpu) { compare("cpu", &(hf_model_params){ __VA_ARGS__ }, golden_name, limit); }
/* The plain loops of ref take their time with a whole picture: one case of each kind. */
#define FAST(title, limit, golden_name, ...) \
    Test(model_sd, title) { compare("cpu", &(hf_model_params){ __VA_ARGS__ }, golden_name, limit); }
#define SD1(title, ...) .name = title, .weights = TINY "/sd1", .square_px = SQUARE, __VA_ARGS__
#define SD2(title, ...) .name = title, .weights = TINY "/sd2", .square_px = SQUARE, __VA_ARGS__

FAST(sd15_equals_the_public_code, LIMIT, "sd15", SD1("sd15", ))
FAST(sd15_with_a_prompt, LIMIT, "sd15.prompt", SD1("sd15", .prompt = "a b cd"))
FAST(sd15_stopped_after_3_steps, LIMIT, "sd15.stop3", SD1("sd15", .n_run = 3))
BOTH(sd15_onestep, LIMIT, "sd15-onestep", SD1("sd15-onestep", ))
FAST(sd15_onestep_padded, LIMIT, "sd15-onestep.padded", .name = "sd15-onestep", .weights = TINY "/sd1", .fit = HF_FIT_PADDED)
BOTH(one_raw_layer, LIMIT, "sd15-layer4", SD1("sd15-layer4", ))
FAST(all_raw_layers, LIMIT, "sd15-concat", SD1("sd15-concat", ))
FAST(sd15_generation, LIMIT, "sd15-generation", SD1("sd15-generation", .prompt = "a b cd"))
BOTH(generation_from_seeded_noise, LIMIT, "noise", SD1("sd15", .prompt = "a b cd", .diffusion = HF_DIFFUSION_NOISE, .seed = 7))
BOTH(sd21_predicts_v_as_its_scheduler_says, LIMIT, "sd21", SD2("sd21", ))
FAST(sd21_as_if_it_predicted_noise, LIMIT, "sd21.epsilon", SD2("sd21", .output = HF_OUTPUT_EPSILON))
FAST(dift_of_sd21, LIMIT, "dift-sd21", SD2("dift-sd21", .n_ensemble = 2))
FAST(dift_of_an_earlier_block, LIMIT, "dift-sd21-semantic", SD2("dift-sd21-semantic", .n_ensemble = 2))

/* The layer and all of them can be asked of any model, and need no aggregation network. */
Test(model_sd, a_layer_asked_of_sd15_is_that_of_the_preset)
{
    compare("cpu", &(hf_model_params){ SD1("sd15", .layer = 4) }, "sd15-layer4", LIMIT);
    compare("cpu", &(hf_model_params){ SD1("sd15", .all_layers = 1) }, "sd15-concat", LIMIT);
}

Test(model_sd, weights_in_bf16_stay_near)
{
    compare("ref", &(hf_model_params){ SD1("sd15-onestep", .precision = HF_PRECISION_BF16) }, "sd15-onestep", 5e-2);
}

/* Without its config files a tiny network has other heads: what comes out is not the golden, but it is features. */
Test(model_sd, a_single_file_runs_with_its_network_elsewhere)
{
    golden g = golden_open(SD1_GOLDEN, "cpu");
    hf_tensor f = extract(&g, &(hf_model_params){ .name = "sd15", .weights = TINY "/sd1.safetensors", .square_px = SQUARE,
                                                  .aggregation = TINY "/sd1/aggregation_network.pt" });
    for (int64_t cell = 0; cell < f.shape[0] * f.shape[1]; cell++) {
        double length = 0;
        for (int64_t c = 0; c < f.shape[2]; c++)
            length += pow(((float *)f.data)[cell * f.shape[2] + c], 2);
        cr_assert_float_eq(length, 1, 1e-4);
    }
    free(f.data);
    golden_close(&g);
}

Test(model_sd, a_path_is_a_model_without_a_name)
{
    compare("cpu", &(hf_model_params){ .name = TINY "/sd1", .square_px = SQUARE }, "sd15", LIMIT);
    compare("cpu", &(hf_model_params){ .name = TINY "/sd2", .square_px = SQUARE }, "sd21", LIMIT);
}

Test(model_sd, cells_of_pictures)
{
    golden g = golden_open(SD1_GOLDEN, "cpu");
    hf_model *m = NULL;
    int h, w;
    cr_assert_eq(hf_model_open(&m, g.be, &(hf_model_params){ SD1("sd15-onestep", ) }, &err), HF_OK, "%s", err.text);
    hf_model_grid(m, 854, 480, &h, &w);
    cr_expect(h == 16 && w == 16 && m->n_channels == 32);
    cr_expect_gt(m->bytes(m, 150, 90), 1 << 20);
    hf_model_close(&m);
    cr_assert_eq(hf_model_open(&m, g.be, &(hf_model_params){ .name = "sd15-onestep", .weights = TINY "/sd1", .match = HF_MATCH_CONTEXT }, &err), HF_OK);
    hf_model_grid(m, 854, 480, &h, &w);
    cr_expect(h == 60 && w == 107 && m->stride_px == 8);
    hf_model_close(&m);
    cr_assert_eq(hf_model_open(&m, g.be, &(hf_model_params){ .name = "dift-sd21-semantic", .weights = TINY "/sd2", .fit = HF_FIT_PADDED }, &err), HF_OK);
    hf_model_grid(m, 854, 480, &h, &w);
    cr_expect(h == 30 && w == 54 && m->stride_px == 16);
    hf_model_close(&m);
    golden_close(&g);
}

Test(model_sd, a_seed_samples_the_latent_and_the_same_seed_gives_the_same)
{
    golden g = golden_open(SD1_GOLDEN, "cpu");
    hf_model_params p = { SD1("sd15-onestep", ) };
    hf_tensor mean = extract(&g, &p);
    p.seed = 3;
    hf_tensor a = extract(&g, &p), b = extract(&g, &p);
    p.seed = 4;
    hf_tensor c = extract(&g, &p);
    cr_expect_eq(golden_distance(&a, &b), 0);
    cr_expect_gt(golden_distance(&a, &c), 1e-3);
    cr_expect_gt(golden_distance(&a, &mean), 1e-3);
    free(mean.data), free(a.data), free(b.data), free(c.data);
    golden_close(&g);
}

Test(model_sd, a_taesd_encoder_stands_for_the_vae)
{
    golden g = golden_open(SD1_GOLDEN, "cpu");
    hf_model_params p = { SD1("sd15-onestep", ) };
    hf_tensor vae = extract(&g, &p);
    p.encoder = HF_SOURCE_ROOT "/tests/golden/taesd_a.safetensors";
    hf_tensor taesd = extract(&g, &p);
    cr_expect_gt(golden_distance(&taesd, &vae), 1e-2);
    free(vae.data), free(taesd.data);
    golden_close(&g);
}

/* Of three that there is room for, two; the first differs from the second, so that no picture stands for another. */
static void compare_batch(const hf_model_params *params)
{
    enum { W = 80, H = 72, N = 3, GIVEN = 2 };
    golden g = golden_open(SD1_GOLDEN, "cpu");
    hf_model *m = NULL;
    int h, w;
    uint8_t *bytes = malloc(GIVEN * W * H * 3);
    for (int i = 0; i < GIVEN * W * H * 3; i++)
        bytes[i] = (uint8_t)(i * 37 % 251);
    hf_tensor pictures = hf_tensor_view(bytes, HF_U8, 4, GIVEN, H, W, 3);

    cr_assert_eq(hf_model_open(&m, g.be, params, &err), HF_OK, "%s", err.text);
    hf_model_grid(m, W, H, &h, &w);
    hf_tensor shape = hf_tensor_view(NULL, HF_F32, 4, GIVEN, h, w, m->n_channels);
    hf_tensor both = golden_room(&shape), single = golden_room(&shape);
    size_t half = hf_tensor_bytes(&shape) / GIVEN;
    cr_assert_eq(m->prepare(m, W, H, &err), HF_OK, "%s", err.text);
    int64_t bytes_of_one = m->bytes(m, W, H);
    for (int i = 0; i < GIVEN; i++) {
        hf_tensor f = hf_tensor_view((char *)single.data + (size_t)i * half, HF_F32, 3, h, w, m->n_channels);
        hf_tensor rgb = hf_tensor_view(bytes + i * W * H * 3, HF_U8, 3, H, W, 3);
        cr_assert_eq(m->extract(m, &f, &rgb, &err), HF_OK, "%s", err.text);
    }
    hf_model_set_batch(m, N);
    cr_assert_eq(m->prepare(m, W, H, &err), HF_OK, "%s", err.text);
    cr_expect_gt(m->bytes(m, W, H), bytes_of_one);
    cr_assert_eq(hf_model_extract_batch(m, &both, &pictures, &err), HF_OK, "%s", err.text);
    cr_expect_lt(golden_distance(&both, &single), 1e-5);
    cr_expect(params->diffusion == HF_DIFFUSION_NOISE || memcmp(both.data, (char *)both.data + half, half) != 0);
    hf_model_close(&m);
    free(both.data), free(single.data), free(bytes);
    golden_close(&g);
}

Test(model_sd, a_batch_is_its_pictures_one_by_one)
{
    compare_batch(&(hf_model_params){ SD1("sd15-onestep", ) });
    compare_batch(&(hf_model_params){ SD1("sd15-onestep", .seed = 3) });
    compare_batch(&(hf_model_params){ SD1("sd15-concat", ) });
    compare_batch(&(hf_model_params){ .name = "dift-sd21-semantic", .weights = TINY "/sd2", .n_ensemble = 2, .fit = HF_FIT_PADDED });
    compare_batch(&(hf_model_params){ SD1("sd15", .n_run = 2, .diffusion = HF_DIFFUSION_NOISE, .seed = 7) });
}

Test(model_sd, more_pictures_than_there_is_room_for_are_refused)
{
    golden g = golden_open(SD1_GOLDEN, "cpu");
    hf_model *m = NULL;
    hf_tensor rgb = hf_tensor_view(NULL, HF_U8, 4, 2, 64, 64, 3), features = hf_tensor_view(NULL, HF_F32, 4, 2, 16, 16, 32);
    cr_assert_eq(hf_model_open(&m, g.be, &(hf_model_params){ SD1("sd15-onestep", ) }, &err), HF_OK, "%s", err.text);
    cr_assert_eq(m->prepare(m, 64, 64, &err), HF_OK, "%s", err.text);
    cr_expect_eq(hf_model_extract_batch(m, &features, &rgb, &err), HF_EARG);
    cr_expect_str_eq(err.text, "sd15-onestep: 2 pictures at once, prepared for 1");
    hf_model_close(&m);
    golden_close(&g);
}

Test(model_sd, nothing_is_allocated_per_frame)
{
    static const char *const names[] = { "sd15", "sd15-generation", "sd15-concat", "dift-sd15" };
    golden g = golden_open(SD1_GOLDEN, "cpu");
    uint8_t *rgb = calloc(96 * 80, 3);
    hf_tensor picture = hf_tensor_view(rgb, HF_U8, 3, 80, 96, 3);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        hf_model_params p = { SD1(names[i], ) };
        hf_model *m = NULL;
        cr_assert_eq(hf_model_open(&m, g.be, &p, &err), HF_OK, "%s", err.text);
        hf_tensor features = hf_tensor_view(NULL, HF_F32, 3, 16, 16, m->n_channels);
        features = golden_room(&features);
        cr_assert_eq(m->prepare(m, 96, 80, &err), HF_OK, "%s", err.text);
        cr_assert_eq(m->extract(m, &features, &picture, &err), HF_OK, "%s", err.text);
        int64_t before = hf_cpu_n_growths(g.be);
        cr_assert_eq(m->prepare(m, 96, 80, &err), HF_OK, "%s", err.text);
        cr_assert_eq(m->extract(m, &features, &picture, &err), HF_OK, "%s", err.text);
        cr_expect_eq(hf_cpu_n_growths(g.be), before, "%s", names[i]);
        free(features.data);
        hf_model_close(&m);
    }
    free(rgb);
    golden_close(&g);
}

static void expect_refused(const hf_model_params *params, hf_status status, const char *text)
{
    golden g = golden_open(SD1_GOLDEN, "ref");
    hf_model *m = NULL;
    cr_expect_eq(hf_model_open(&m, g.be, params, &err), status, "%s: %d", text, (int)err.status);
    cr_expect_not_null(strstr(err.text, text), "\"%s\" is not in \"%s\"", text, err.text);
    cr_expect_null(m);
    golden_close(&g);
}

#define REFUSED(status, text, ...) expect_refused(&(hf_model_params){ __VA_ARGS__ }, status, text)

Test(model_sd, settings_that_cannot_be_are_refused)
{
    REFUSED(HF_EARG, "layer 13, want 1..12", SD1("sd15", .layer = 13));
    REFUSED(HF_EARG, "layer 2 and all layers", SD1("sd15", .layer = 2, .all_layers = 1));
    REFUSED(HF_EARG, "\"4;2\", want numbers as in 49,45,40", SD1("sd15", .save_steps = "4;2"));
    REFUSED(HF_EARG, "want numbers as in 49,45,40", SD1("sd15", .save_steps = ""));
    REFUSED(HF_EARG, "want numbers as in 49,45,40", SD1("sd15", .save_steps = "-1"));
    REFUSED(HF_EARG, "3 is none of the 3 that", SD1("sd15", .save_steps = "4,3"));
    REFUSED(HF_EARG, "step 4 is to be saved twice", SD1("sd15", .save_steps = "4,4"));
    REFUSED(HF_EARG, "6 of 5 steps", SD1("sd15", .n_run = 6));
    REFUSED(HF_EARG, "0 of 1001 steps", SD1("sd15", .n_steps = 1001));
    REFUSED(HF_EARG, "a square of 100 pixels", .name = "sd15", .weights = TINY "/sd1", .square_px = 100);
    REFUSED(HF_EARG, "a square of 128 pixels, but pictures keep their shape", SD1("sd15", .fit = HF_FIT_PADDED));
    REFUSED(HF_EARG, "a negative prompt needs guidance", SD1("sd15", .negative_prompt = "x"));
    REFUSED(HF_EARG, "a time step is for DIFT", SD1("sd15", .timestep = 5));
    REFUSED(HF_EARG, "DIFT has one step and no use for a number of steps", SD2("dift-sd21", .n_steps = 5));
    REFUSED(HF_EARG, "up block 5, want 1..4", SD2("dift-sd21", .up_block = 5));
    REFUSED(HF_EARG, "raw layers have no use for an aggregation network", SD1("sd15-layer4", .aggregation = "x.pt"));
    REFUSED(HF_EARG, "has no setting \"bins\"", SD1("sd15", .bins = 2));
    REFUSED(HF_EARG, "has no setting \"prompt\"", .name = "classic", .prompt = "x");
    REFUSED(HF_EARG, "has no setting \"fit\"", .name = "classic", .fit = HF_FIT_SQUARE);
}

Test(model_sd, weights_of_another_model_are_refused)
{
    REFUSED(HF_EMODEL, "is a model of Stable Diffusion 2.x, sd15 wants 1.x", .name = "sd15", .weights = TINY "/sd2");
    REFUSED(HF_EMODEL, "no such file or folder", .name = "sd15", .weights = "/nowhere/at/all");
    REFUSED(HF_EMODEL, "is not known", .name = "/nowhere/at/all");
    REFUSED(HF_EARG, "want one of the two", .name = TINY "/sd1", .weights = TINY "/sd1");
    REFUSED(HF_EMODEL, "aggregation_network.pt", .name = "sd15", .weights = TINY "/sd1.safetensors");
    REFUSED(HF_EIO, "/nowhere/taesd.pt", SD1("sd15", .encoder = "/nowhere/taesd.pt"));
}

Test(model_sd, settings_are_copied_with_their_strings_and_told_apart)
{
    char prompt[] = "a cat";
    hf_model_params p = { .name = "sd15", .weights = "w", .prompt = prompt, .guidance = 2 }, *copy;
    cr_assert_eq(hf_model_params_copy(&copy, &p, &err), HF_OK);
    cr_expect_eq(hf_model_params_hash(copy), hf_model_params_hash(&p));
    prompt[2] = 'b';
    cr_expect_str_eq(copy->prompt, "a cat");
    cr_expect_null(copy->aggregation);
    cr_expect_neq(hf_model_params_hash(copy), hf_model_params_hash(&p));
    p.prompt = "a cat", p.guidance = 3;
    cr_expect_neq(hf_model_params_hash(copy), hf_model_params_hash(&p));
    p.guidance = 2, p.negative_prompt = "";
    cr_expect_neq(hf_model_params_hash(copy), hf_model_params_hash(&p));
    free(copy);
}
