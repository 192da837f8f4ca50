/* model_sd_open.c - a model of Stable Diffusion from files and settings; see model_sd.h.
 *
 * Opening makes everything that does not depend on the picture: the prompts' keys and values, the projections of all
 * time steps. The text encoder is needed for that alone and is let go.
 */
#include "src/model_sd.h"

#include <math.h>
#include <stdlib.h>

#include "src/hub_cache.h"
#include "src/model_sd_parts.h"
#include "src/sd_find.h"
#include "src/sd_text.h"

/* What is open only while the model is. */
typedef struct opening {
    const hf_preset       *preset;
    const hf_model_params *params;
    hf_sd_files           *files;
    hf_aggregation_file   *aggregation;
    hf_dtype               arithmetic;
    hf_tensor              text, negative; /* embeddings */
} opening;

int hf_model_sd_is_path(const char *name)
{
    char path[HF_SD_PATH];
    return hf_is_file(name) || hf_is_folder(name) ||
           (hf_hub_is_name(name) && hf_hub_snapshot(path, sizeof(path), name, NULL) == HF_OK);
}

static int open_files(opening *o, hf_error *err)
{
    static const hf_sd_prediction predictions[] = { [HF_OUTPUT_AUTO] = HF_SD_PREDICTION_AUTO,
                                                    [HF_OUTPUT_EPSILON] = HF_SD_PREDICTION_EPSILON,
                                                    [HF_OUTPUT_V] = HF_SD_PREDICTION_V };
    char path[HF_SD_PATH];
    hf_sd_params p = { .path = o->params->weights, .prediction = predictions[o->params->output],
                       .without = o->params->encoder ? 1u << HF_SD_VAE : 0 };
    int rc;

    if (o->preset) {
        if ((rc = hf_preset_weights(path, sizeof(path), o->preset, o->params->weights, err)) < 0)
            return rc;
        p.path = path;
    }
    if ((rc = hf_sd_files_open(&o->files, &p, err)) < 0)
        return rc;
    if (!o->preset)
        o->preset = hf_preset_of_family(o->files->family);
    if (o->preset->family != o->files->family)
        return hf_fail(err, HF_EMODEL, "%s: is a model of Stable Diffusion %d.x, %s wants %d.x", o->files->path,
                       o->files->family == HF_SD_2 ? 2 : 1, o->preset->name, o->preset->family == HF_SD_2 ? 2 : 1);
    if (hf_sd_features_of(o->preset, o->params) != HF_SD_HYPERFEATURES)
        return HF_OK;
    rc = hf_preset_aggregation(path, sizeof(path), o->preset, o->params->aggregation, o->files->path, err);
    return rc < 0 ? rc : hf_aggregation_file_open(&o->aggregation, path, err);
}

static int embed_prompts(hf_model_sd *m, opening *o, hf_error *err)
{
    hf_sd_text *text = NULL;
    int rc = hf_sd_text_open(&text, m->base.backend, o->files, o->arithmetic, err);

    if (rc >= 0)
        rc = hf_sd_text_embed(text, &o->text, m->s.prompt, err);
    if (rc >= 0 && m->s.guidance)
        rc = hf_sd_text_embed(text, &o->negative, m->s.negative_prompt, err);
    hf_sd_text_close(&text);
    return rc;
}

static int open_networks(hf_model_sd *m, opening *o, hf_error *err)
{
    hf_backend *be = m->base.backend;
    const hf_aggregation_file *a = o->aggregation;
    int rc;

    if ((rc = embed_prompts(m, o, err)) < 0 ||
        (rc = hf_unet_open(&m->unet, be, o->files->part[HF_SD_UNET].weights, &o->files->unet, o->arithmetic, err)) < 0 ||
        (rc = hf_unet_prompt_new(&m->prompt, m->unet, &o->text, err)) < 0)
        return rc;
    if (o->negative.data && (rc = hf_unet_prompt_new(&m->negative, m->unet, &o->negative, err)) < 0)
        return rc;
    if (a && (rc = hf_aggregation_open(&m->aggregation, be, a->weights, a->prefix, a->n_groups, o->arithmetic, err)) < 0)
        return rc;
    return hf_sd_encoder_open(&m->encoder, be, o->files, o->params->encoder, o->arithmetic, err);
}

static int make_dift(hf_model_sd *m, hf_error *err)
{
    hf_ddim *ddim = malloc(sizeof(*ddim));
    int rc;

    if (!ddim)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", m->base.name);
    if ((rc = hf_ddim_init(ddim, 1, err)) >= 0) {
        double a = hf_ddim_alpha_bar(ddim, m->s.timestep);
        m->picture_factor = (float)sqrt(a), m->noise_factor = (float)sqrt(1 - a);
        rc = hf_unet_times_new(&m->times, m->unet, &m->s.timestep, 1, err);
    }
    free(ddim);
    return rc;
}

/* The steps, and for GENERATION those that lead to its start: without guidance, as the published inversion. */
static int make_diffusions(hf_model_sd *m, hf_error *err)
{
    hf_diffusion_params p = {
        .direction = m->s.way == HF_DIFFUSION_INVERSION ? HF_DDIM_INVERSION : HF_DDIM_GENERATION,
        .prediction = m->s.prediction, .n_steps = m->s.n_steps, .n_run = m->s.n_run, .labels = m->s.labels,
        .n_labels = m->s.n_labels, .branches = m->s.branches, .guidance = m->s.guidance,
    };
    int rc = hf_diffusion_new(&m->diffusion, m->unet, &p, m->prompt, m->negative, err);
    if (rc < 0 || m->s.way != HF_DIFFUSION_GENERATION)
        return rc;
    hf_diffusion_params back = { .direction = HF_DDIM_INVERSION, .prediction = m->s.prediction, .n_steps = m->s.n_steps };
    return hf_diffusion_new(&m->there, m->unet, &back, m->prompt, NULL, err);
}

static int open_all(hf_model_sd *m, opening *o, hf_error *err)
{
    int rc;

    if ((rc = hf_model_check_params(o->params, o->preset ? o->preset->name : "sd",
                                    HF_MODEL_HAS_WEIGHTS | HF_MODEL_HAS_LAYERS | HF_MODEL_HAS_DIFFUSION, err)) < 0 ||
        (rc = hf_model_arithmetic(&o->arithmetic, m->base.backend, o->params->precision, err)) < 0 ||
        (rc = open_files(o, err)) < 0 ||
        (rc = hf_sd_settings_make(&m->s, o->preset, o->params, o->files, o->aggregation, err)) < 0 ||
        (rc = open_networks(m, o, err)) < 0)
        return rc;
    rc = m->s.features == HF_SD_DIFT ? make_dift(m, err) : make_diffusions(m, err);
    if (rc < 0)
        return rc;
    m->s.prompt = m->s.negative_prompt = ""; /* borrowed, and used */
    hf_model_sd_fill(m, o->preset);
    return HF_OK;
}

int hf_model_sd_open(hf_model **out, hf_backend *be, const hf_preset *preset, const hf_model_params *params,
                     hf_error *err)
{
    hf_model_sd *m = calloc(1, sizeof(*m));
    opening o = { .preset = preset, .params = params };
    int rc;

    *out = NULL;
    if (!m)
        return hf_fail(err, HF_ENOMEM, "sd: out of memory");
    m->base.backend = be;
    m->base.close = hf_model_sd_close;
    m->recorder.be = be;
    rc = open_all(m, &o, err);
    be->ops.free(be, o.text.data);
    be->ops.free(be, o.negative.data);
    hf_aggregation_file_close(&o.aggregation);
    hf_sd_files_close(&o.files);
    if (rc < 0)
        hf_model_sd_close(&m->base);
    else
        *out = &m->base;
    return rc;
}
