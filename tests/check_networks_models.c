/* check_networks_models.c - the feature models on the small networks of tests/golden: every network is a part of one.
 *
 * Limits are of the relative distance of all features from those of cpu in f32. What a network makes of one rounding
 * decides more than its depth. Measured on the processor: every weight changed by up to 2^-11 of itself, as f16 may round
 * it, moves the features of tiny by 6e-4 and those of the small Stable Diffusion by 6e-3 to 1.3e-2 (three draws). All of
 * f16, on the emulated GPU:
 *
 *   tiny, vision transformers   1.6e-4 to 3.6e-4    the limit is four times the largest
 *   TAESD in the VAE's place    3.1e-3              three times
 *   sampled, dift-sd21          5.4e-3, 7.4e-3      not quite three times
 *   one step                    1.1e-2 to 1.2e-2    two and a half times
 *   several steps               1.6e-2, 2.1e-2      as for one: no more than that is to come of more steps
 *
 * f32 there: 2e-7 for tiny and the transformers, 1e-6 to 1.3e-5 for the rest, with sums in double. A GPU sums in f32, and
 * cuDNN may take Winograd's convolutions: the limits leave twenty times as much and more. They would still see TF32,
 * which rounds to as many digits as f16.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check_networks.h"

#define PATH 512

typedef struct model_case {
    const char     *label;
    hf_model_params p;
    const char     *weights, *encoder, *aggregation; /* under the folder of goldens */
    int             N, W, H;
    bool            quick;   /* is in --quick */
    bool            no_half; /* has no matrices that could be f16 */
    double          f32_limit, f16_limit; /* the most that features may be away */
} model_case;

static const model_case cases[] = {
    { "classic", { .name = "classic" }, NULL, NULL, NULL, 1, 90, 62, true, true, 1e-4, 0 },
    { "tiny", { .name = "tiny" }, "tiny.safetensors", NULL, NULL, 1, 96, 64, true, false, 1e-5, 1.5e-3 },
    { "vit", { .name = "vit" }, "vit_names_dino_native.safetensors", NULL, NULL, 1, 50, 41, true, false, 1e-5, 1.5e-3 },
    { "vit, overlapping patches, keys", { .name = "vit", .stride = 2, .facet = HF_FACET_KEY, .layer = 1 },
      "vit_names_dino_native.safetensors", NULL, NULL, 1, 40, 30, false, false, 1e-5, 1.5e-3 },
    { "vit, all layers", { .name = "vit", .all_layers = 1 },
      "vit_names_dinov2_native.safetensors", NULL, NULL, 1, 70, 56, false, false, 1e-5, 1.5e-3 },
    { "vit, binned", { .name = "vit", .bins = 2 },
      "vit_names_dino_native.safetensors", NULL, NULL, 1, 50, 41, false, false, 1e-5, 1.5e-3 },
    { "sd15-onestep", { .name = "sd15-onestep", .square_px = 128 },
      "sd_tiny/sd1", NULL, NULL, 1, 90, 70, true, false, 1e-3, 3e-2 },
    { "sd15-onestep, 3 pictures", { .name = "sd15-onestep", .square_px = 128 },
      "sd_tiny/sd1", NULL, NULL, 3, 90, 70, false, false, 1e-3, 3e-2 },
    { "sd15-onestep, its own size", { .name = "sd15-onestep", .fit = HF_FIT_PADDED },
      "sd_tiny/sd1", NULL, NULL, 2, 150, 90, false, false, 1e-3, 3e-2 },
    { "sd15-onestep, sampled, 2 pictures", { .name = "sd15-onestep", .square_px = 128, .seed = 3 },
      "sd_tiny/sd1", NULL, NULL, 2, 90, 70, true, false, 1e-4, 2e-2 },
    { "sd15-onestep, TAESD, 2 pictures", { .name = "sd15-onestep", .square_px = 128 },
      "sd_tiny/sd1", "taesd_a.safetensors", NULL, 2, 90, 70, false, false, 1e-4, 1e-2 },
    { "sd15, 3 steps", { .name = "sd15", .square_px = 128, .n_run = 3, .prompt = "a b cd" },
      "sd_tiny/sd1", NULL, NULL, 2, 90, 70, false, false, 1e-3, 3e-2 },
    { "sd15-concat", { .name = "sd15-concat", .square_px = 128 },
      "sd_tiny/sd1", NULL, NULL, 1, 90, 70, false, false, 1e-3, 3e-2 },
    { "sd21, 2 steps", { .name = "sd21", .square_px = 128, .n_run = 2 },
      "sd_tiny/sd2", NULL, NULL, 1, 90, 70, false, false, 1e-3, 3e-2 },
    { "dift-sd21", { .name = "dift-sd21", .n_ensemble = 2, .square_px = 128 },
      "sd_tiny/sd2", NULL, NULL, 2, 90, 70, false, false, 1e-4, 2e-2 },
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

/* name under folder, or NULL for none. */
static const char *under(char *path, const char *folder, const char *name)
{
    if (!name)
        return NULL;
    snprintf(path, PATH, "%s/%s", folder, name);
    return path;
}

static void compare(check *c, const model_case *m, const hf_model_params *params, const uint8_t *rgb, const float *want,
                    int64_t n_want, hf_precision precision)
{
    hf_model_params p = *params;
    hf_error err = { 0 };
    float *got = NULL;
    int64_t n = 0;
    bool same;
    char what[128];

    p.precision = precision;
    snprintf(what, sizeof(what), "%s in %s on %s", m->label, precision == HF_PRECISION_F16 ? "f16" : "f32", c->device->name);
    /* 4 runs: plain, recorded, replayed twice. */
    int rc = check_features(&got, &n, &same, c->device, &p, rgb, m->N, m->W, m->H, c->quick ? 3 : 4, &err);
    if (rc < 0) {
        check_refusal(c, what, rc, &err);
    } else {
        check_limit(c, what, "distance", n == n_want ? check_distance(got, want, n) : 1e9,
                    precision == HF_PRECISION_F16 ? m->f16_limit : m->f32_limit, false);
        check_limit(c, what, "runs that are equal to the first", same, 1, true);
    }
    free(got);
}

static void check_model(check *c, const model_case *m)
{
    char weights[PATH], encoder[PATH], aggregation[PATH];
    hf_model_params p = m->p;
    hf_error err = { 0 };
    float *want = NULL;
    int64_t n = 0;
    bool same;
    size_t one = (size_t)m->W * (size_t)m->H * 3;
    uint8_t *rgb = check_memory(one * (size_t)m->N);

    p.weights = under(weights, c->golden, m->weights);
    p.encoder = under(encoder, c->golden, m->encoder);
    p.aggregation = under(aggregation, c->golden, m->aggregation);
    for (int i = 0; i < m->N; i++)
        check_picture(rgb + (size_t)i * one, m->W, m->H, 3.5 * i, 1.5 * i);
    /* cpu stands for ref here: the goldens' tests hold both to the same numbers, and it is done sooner. */
    p.precision = m->no_half ? HF_PRECISION_AUTO : HF_PRECISION_F32; /* auto is bf16 for tiny on some processors */
    int rc = check_features(&want, &n, &same, c->cpu, &p, rgb, m->N, m->W, m->H, 1, &err);
    if (rc < 0) {
        check_refusal(c, m->label, rc, &err);
    } else {
        if (!m->no_half)
            compare(c, m, &p, rgb, want, n, HF_PRECISION_F16);
        p.precision = HF_PRECISION_AUTO;
        compare(c, m, &p, rgb, want, n, m->no_half ? HF_PRECISION_AUTO : HF_PRECISION_F32);
    }
    free(want);
    free(rgb);
}

void check_models(check *c)
{
    for (size_t i = 0; i < N_CASES; i++)
        if (cases[i].quick || !c->quick)
            check_model(c, &cases[i]);
}
