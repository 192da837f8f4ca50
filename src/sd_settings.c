/* sd_settings.c - see sd_settings.h. */
#include "src/sd_settings.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SQUARE_PX 512
#define SIZE_UNIT 64 /* pixels: 8 of the VAE times 8 of the U-Net */
#define GENERATION_GUIDANCE 7.5f

static bool asks_for_layers(const hf_model_params *p) { return p->layer || p->all_layers; }

hf_sd_features hf_sd_features_of(const hf_preset *preset, const hf_model_params *p)
{
    return asks_for_layers(p) || preset->features == HF_SD_LAYER ? HF_SD_CONCAT : preset->features;
}

/* "49,45,40" */
static int read_list(hf_sd_settings *s, const char *text, hf_error *err)
{
    const char *at = text;
    for (s->n_labels = 0;; at++) {
        char *end;
        errno = 0;
        long label = strtol(at, &end, 10);
        if (end == at || errno || label < 0 || label > INT_MAX || (*end && *end != ','))
            return hf_fail(err, HF_EARG, "steps to save: \"%s\", want numbers as in 49,45,40", text);
        if (s->n_labels == HF_AGGREGATION_MAX_STEPS)
            return hf_fail(err, HF_EARG, "steps to save: more than %d", HF_AGGREGATION_MAX_STEPS);
        s->labels[s->n_labels++] = (int)label;
        if (!*(at = end))
            return HF_OK;
    }
}

/* Where the mixing weights of every saved step are. */
static int find_rows(hf_sd_settings *s, const hf_aggregation_file *a, hf_error *err)
{
    for (int i = 0; i < s->n_labels; i++) {
        s->rows[i] = -1;
        for (int j = 0; j < a->n_saved; j++)
            if (a->save_timestep[j] == s->labels[i])
                s->rows[i] = j;
        if (s->rows[i] < 0)
            return hf_fail(err, HF_EARG, "steps to save: %d is none of the %d that %s has weights for", s->labels[i],
                           a->n_saved, a->path);
    }
    return HF_OK;
}

/* The maps that go into the aggregation network are those that come out of this U-Net. */
static int check_layers(const hf_aggregation_file *a, const hf_unet_config *unet, hf_error *err)
{
    int n = hf_unet_n_branches(unet);
    if (a->n_layers != n)
        return hf_fail(err, HF_EMODEL, "%s: has %d layers, the U-Net's decoder has %d", a->path, a->n_layers, n);
    for (int i = 0; i < n; i++)
        if (a->channels[i] != hf_unet_branch_channels(unet, i))
            return hf_fail(err, HF_EMODEL, "%s: layer %d has %d channels, that of the U-Net %d", a->path, i + 1,
                           a->channels[i], hf_unet_branch_channels(unet, i));
    return HF_OK;
}

/* Steps and saved steps. */
static int make_schedule(hf_sd_settings *s, const hf_preset *preset, const hf_model_params *p,
                         const hf_aggregation_file *a, hf_error *err)
{
    bool own = asks_for_layers(p); /* not what the preset computes */
    int rc;

    s->n_steps = p->n_steps ? p->n_steps : preset->n_steps && !own ? preset->n_steps : a ? a->n_steps : 1;
    s->n_run = p->n_run ? p->n_run : own ? 0 : preset->n_run;
    if (s->n_steps < 1 || s->n_steps > HF_DDIM_TRAIN_STEPS || s->n_run < 0 || s->n_run > s->n_steps)
        return hf_fail(err, HF_EARG, "%d of %d steps, want 1..%d and no more than there are", s->n_run, s->n_steps,
                       HF_DDIM_TRAIN_STEPS);
    if (p->save_steps && (rc = read_list(s, p->save_steps, err)) < 0)
        return rc;
    if (!p->save_steps && a) {
        s->n_labels = a->n_saved;
        memcpy(s->labels, a->save_timestep, (size_t)a->n_saved * sizeof(*s->labels));
    } else if (!p->save_steps) {
        /* The first visit, whichever way. */
        s->n_labels = 1;
        s->labels[0] = s->way == HF_DIFFUSION_INVERSION ? s->n_steps - 1 : 0;
    }
    return a ? find_rows(s, a, err) : HF_OK;
}

static int make_branches(hf_sd_settings *s, const hf_preset *preset, const hf_model_params *p, const hf_unet_config *unet,
                         hf_error *err)
{
    int n = hf_unet_n_branches(unet);
    int layer = asks_for_layers(p) ? p->layer : preset->layer;

    s->branches = (1u << n) - 1;
    if (p->layer && p->all_layers)
        return hf_fail(err, HF_EARG, "layer %d and all layers are asked for, want one of the two", p->layer);
    if (layer && (layer < 1 || layer > n))
        return hf_fail(err, HF_EARG, "layer %d, want 1..%d", layer, n);
    if (layer)
        s->branches = 1u << (layer - 1);
    return HF_OK;
}

static int make_dift(hf_sd_settings *s, const hf_preset *preset, const hf_model_params *p, const hf_unet_config *unet,
                     hf_error *err)
{
    s->timestep = p->timestep ? p->timestep : preset->t;
    s->up_block = p->up_block ? p->up_block - 1 : preset->up_block;
    s->n_ensemble = p->n_ensemble ? p->n_ensemble : preset->n_ensemble;
    if (s->timestep < 0 || s->timestep >= HF_DDIM_TRAIN_STEPS)
        return hf_fail(err, HF_EARG, "time step %d, want 0..%d", s->timestep, HF_DDIM_TRAIN_STEPS - 1);
    if (s->up_block < 0 || s->up_block >= unet->n_levels)
        return hf_fail(err, HF_EARG, "up block %d, want 1..%d", s->up_block + 1, unet->n_levels);
    if (s->n_ensemble < 1 || s->n_ensemble > 1024)
        return hf_fail(err, HF_EARG, "%d noises, want 1..1024", s->n_ensemble);
    return HF_OK;
}

/* What has no meaning for these features is refused, not ignored. */
static int refuse_foreign(const hf_sd_settings *s, const hf_model_params *p, hf_error *err)
{
    const char *what = NULL;

    if (s->features == HF_SD_DIFT) {
        what = p->aggregation ? "an aggregation network" : p->diffusion ? "a way of diffusion" : p->n_steps ? "a number of steps"
             : p->n_run ? "a step to stop after" : p->save_steps ? "steps to save" : p->guidance ? "guidance" : NULL;
        return what ? hf_fail(err, HF_EARG, "DIFT has one step and no use for %s", what) : HF_OK;
    }
    if (p->timestep || p->up_block || p->n_ensemble)
        return hf_fail(err, HF_EARG, "a %s is for DIFT features", p->timestep ? "time step" : p->up_block ? "up block" : "number of noises");
    if (s->features == HF_SD_CONCAT && p->aggregation)
        return hf_fail(err, HF_EARG, "raw layers have no use for an aggregation network");
    if (p->negative_prompt && !s->guidance)
        return hf_fail(err, HF_EARG, "a negative prompt needs guidance");
    return HF_OK;
}

static bool is_generation(const hf_preset *preset, const hf_aggregation_file *a)
{
    return preset->direction == HF_DDIM_GENERATION || (a && strcmp(a->mode, "generation") == 0);
}

/* What the aggregation network was trained with ranks above our own defaults. */
static void make_way(hf_sd_settings *s, const hf_preset *preset, const hf_model_params *p, const hf_sd_files *f,
                     const hf_aggregation_file *a)
{
    s->way = p->diffusion != HF_DIFFUSION_AUTO ? p->diffusion
           : is_generation(preset, a) ? HF_DIFFUSION_GENERATION : HF_DIFFUSION_INVERSION;
    s->guidance = p->guidance ? p->guidance : a && a->guidance > 0 ? (float)a->guidance
                : s->way == HF_DIFFUSION_INVERSION ? 0 : GENERATION_GUIDANCE;
    s->prediction = p->output == HF_OUTPUT_AUTO ? f->prediction : p->output == HF_OUTPUT_V ? HF_PREDICTION_V : HF_PREDICTION_EPSILON;
    s->prompt = p->prompt ? p->prompt : a ? a->prompt : "";
    s->negative_prompt = p->negative_prompt ? p->negative_prompt : a ? a->negative_prompt : "";
    s->seed = p->seed;
}

int hf_sd_settings_make(hf_sd_settings *s, const hf_preset *preset, const hf_model_params *p, const hf_sd_files *f,
                        const hf_aggregation_file *a, hf_error *err)
{
    int rc;

    *s = (hf_sd_settings){ .features = hf_sd_features_of(preset, p), .is_padded = p->fit == HF_FIT_PADDED || (p->fit == HF_FIT_AUTO && p->match == HF_MATCH_CONTEXT),
                           .square_px = p->square_px ? p->square_px : SQUARE_PX };
    make_way(s, preset, p, f, a);
    if (s->square_px < SIZE_UNIT || s->square_px % SIZE_UNIT || s->square_px > 8192)
        return hf_fail(err, HF_EARG, "a square of %d pixels, want a multiple of %d up to 8192", s->square_px, SIZE_UNIT);
    if (p->square_px && s->is_padded)
        return hf_fail(err, HF_EARG, "a square of %d pixels, but pictures keep their shape here: it takes --fit square and "
                       "--match first", p->square_px);
    if (s->seed < 0 || s->guidance < 0)
        return hf_fail(err, HF_EARG, "seed %d and guidance %g, want no negative numbers", s->seed, (double)s->guidance);
    if ((rc = refuse_foreign(s, p, err)) < 0)
        return rc;
    if (s->features == HF_SD_DIFT)
        return make_dift(s, preset, p, &f->unet, err);
    if (a && (rc = check_layers(a, &f->unet, err)) < 0)
        return rc;
    if ((rc = make_schedule(s, preset, p, a, err)) < 0)
        return rc;
    return make_branches(s, preset, p, &f->unet, err);
}
