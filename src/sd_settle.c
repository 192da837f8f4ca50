/* sd_settle.c - what model the opened parts of Stable Diffusion are: family, sizes, prediction, tokenizer; see sd_parts.h. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "src/sd_config.h"
#include "src/sd_find.h"
#include "src/sd_parts.h"

#define OPEN_CLIP_USED 23        /* layers of its text encoder that SD 2.x reads */
#define STEP_OF_2_0_BASE 875000 /* global_step in the .ckpt of SD 2.0-base; 2.0 (768, v) has another */

/* The config.json of a part; only folders have them. */
static int config_path(char *path, const hf_sd_files *f, const char *folder, const char *name, hf_error *err)
{
    return f->layout == HF_SD_FOLDER ? hf_sd_join(path, err, "%s/%s/%s", f->path, folder, name) : HF_OK;
}

/* Kinds of U-Net that are named alike but are other networks; told by arrays and input channels. */
static int refuse_other_unets(const hf_sd_files *f, hf_error *err)
{
    const hf_weights *w = f->part[HF_SD_UNET].weights;
    const hf_tensor_file *file = hf_weights_file(w);
    int64_t shape[HF_ENTRY_MAX_DIMS] = { 0 };
    int n_dims, rc;

    if (hf_sd_has(file, f->part[HF_SD_UNET].prefix, "add_embedding.linear_1.weight") ||
        hf_sd_has(file, f->part[HF_SD_UNET].prefix, "label_emb.0.0.weight"))
        return hf_fail(err, HF_EMODEL, "%s: the U-Net of SDXL or another model with more inputs, want Stable Diffusion "
                       "1.x or 2.x", f->part[HF_SD_UNET].path);
    if ((rc = hf_weights_shape(w, "conv_in.weight", &n_dims, shape, err)) < 0)
        return rc;
    if (n_dims == 4 && shape[1] > 4)
        return hf_fail(err, HF_EMODEL, "%s: unet takes %lld channels, want 4: a model for inpainting, depth or another "
                       "condition; use the plain one", f->part[HF_SD_UNET].path, (long long)shape[1]);
    return HF_OK;
}

/* SD 2.x has matrices where 1.x has 1x1 convolutions. In one file both may be written either way: the text
 * encoder tells too. */
static int tell_family(hf_sd_files *f, hf_error *err)
{
    const hf_sd_own *own = f->own;
    int64_t shape[HF_ENTRY_MAX_DIMS];
    int n_dims, rc;

    if (f->part[HF_SD_TEXT].weights && own->names[HF_SD_TEXT].naming == HF_SD_NAMES_OPEN_CLIP) {
        f->family = HF_SD_2;
        return HF_OK;
    }
    if ((rc = hf_weights_shape(f->part[HF_SD_UNET].weights, "mid_block.attentions.0.proj_in.weight", &n_dims, shape,
                               err)) < 0)
        return rc;
    f->family = n_dims == 2 ? HF_SD_2 : HF_SD_1;
    return HF_OK;
}

static int read_unet(hf_sd_files *f, hf_error *err)
{
    char path[HF_SD_PATH] = "";
    int rc;

    if ((rc = refuse_other_unets(f, err)) < 0 || (rc = tell_family(f, err)) < 0 ||
        (rc = hf_unet_config_read(&f->unet, f->part[HF_SD_UNET].weights, err)) < 0)
        return rc;
    f->unet.n_groups = hf_sd_config_groups(f->unet.channels[0]);
    if ((rc = config_path(path, f, "unet", "config.json", err)) < 0 ||
        (rc = hf_sd_config_unet(&f->unet, path, err)) < 0)
        return rc;
    f->part[HF_SD_UNET].has_config = rc;
    return HF_OK;
}

static int read_vae(hf_sd_files *f, hf_error *err)
{
    char path[HF_SD_PATH] = "";
    int rc;

    if ((rc = hf_vae_config_infer(&f->vae, f->part[HF_SD_VAE].weights, err)) < 0)
        return rc;
    f->vae.n_groups = hf_sd_config_groups(f->vae.channels[0]);
    if ((rc = config_path(path, f, "vae", "config.json", err)) < 0 || (rc = hf_sd_config_vae(&f->vae, path, err)) < 0)
        return rc;
    f->part[HF_SD_VAE].has_config = rc;
    return HF_OK;
}

static int read_text(hf_sd_files *f, hf_error *err)
{
    const hf_sd_own *own = f->own;
    char path[HF_SD_PATH] = "";
    int rc;

    if ((rc = hf_clip_text_config_infer(&f->text, f->part[HF_SD_TEXT].weights, err)) < 0)
        return rc;
    /* The U-Net was trained on the layer before the last. Published files of LDM have the last one too; those that
     * were converted from diffusers have 23 of the 24. */
    if (own->names[HF_SD_TEXT].naming == HF_SD_NAMES_OPEN_CLIP) {
        if (f->text.n_layers > 1 && f->text.n_layers != OPEN_CLIP_USED)
            f->text.n_layers--;
        f->text.activation = HF_ACT_GELU_ERF;
    }
    if ((rc = config_path(path, f, "text_encoder", "config.json", err)) < 0 ||
        (rc = hf_sd_config_text(&f->text, path, err)) < 0)
        return rc;
    f->part[HF_SD_TEXT].has_config = rc;
    return HF_OK;
}

static int64_t global_step(const hf_tensor_file *file)
{
    json_t *root = json_loads(hf_tensor_file_metadata(file), 0, NULL);
    int64_t step = json_integer_value(json_object_get(root, "global_step"));
    json_decref(root);
    return step;
}

/* What tells how the U-Net of a single file predicts; see hf_sd_prediction. */
static int tell_single_prediction(hf_sd_files *f, hf_error *err)
{
    char path[HF_SD_PATH];
    const char *name = strrchr(f->path, '/');
    const char *dot = strrchr(f->path, '.');
    bool said = false;
    int rc;

    if ((rc = hf_sd_join(path, err, "%.*s.yaml", dot ? (int)(dot - f->path) : HF_SD_PATH, f->path)) < 0 ||
        (rc = hf_sd_config_yaml(&f->unet, &f->prediction, &said, path, err)) < 0)
        return rc;
    if (said) {
        f->prediction_from = "the .yaml beside it";
        return HF_OK;
    }
    f->prediction = HF_PREDICTION_EPSILON;
    f->prediction_from = "habit";
    if (f->family == HF_SD_1)
        f->prediction_from = "SD 1.x";
    else if (global_step(((hf_sd_own *)f->own)->file[0]) == STEP_OF_2_0_BASE)
        f->prediction_from = "its training step";
    else if (strstr(name ? name : f->path, "768")) {
        f->prediction = HF_PREDICTION_V;
        f->prediction_from = "its name";
    }
    return HF_OK;
}

static int tell_prediction(hf_sd_files *f, hf_sd_prediction wanted, hf_error *err)
{
    char path[HF_SD_PATH];
    int rc;

    if (f->layout == HF_SD_SINGLE_FILE)
        rc = tell_single_prediction(f, err);
    else {
        if ((rc = hf_sd_join(path, err, "%s/scheduler/scheduler_config.json", f->path)) < 0)
            return rc;
        f->prediction = HF_PREDICTION_EPSILON;
        rc = hf_sd_config_scheduler(&f->prediction, path, err);
        f->prediction_from = rc ? "scheduler_config.json" : "habit";
    }
    if (rc < 0 || wanted == HF_SD_PREDICTION_AUTO)
        return rc < 0 ? rc : HF_OK;
    f->prediction = wanted == HF_SD_PREDICTION_V ? HF_PREDICTION_V : HF_PREDICTION_EPSILON;
    f->prediction_from = "the command line";
    return HF_OK;
}

/* vocab.json and merges.txt: in tokenizer/ of the folder, or beside a single file, in tokenizer/ or not. */
static void find_tokenizer(hf_sd_files *f)
{
    static const char *const folders[] = { "/tokenizer", "" };
    char path[HF_SD_PATH + 32];
    const char *slash = strrchr(f->path, '/');
    int n = f->layout == HF_SD_FOLDER ? (int)strlen(f->path) : slash ? (int)(slash - f->path) : 0;
    const char *base = n ? f->path : ".";

    for (int i = 0; i < 2 && !*f->tokenizer; i++) {
        snprintf(f->tokenizer, sizeof(f->tokenizer), "%.*s%s", n ? n : 1, base, folders[i]);
        snprintf(path, sizeof(path), "%s/vocab.json", f->tokenizer);
        int found = hf_is_file(path);
        snprintf(path, sizeof(path), "%s/merges.txt", f->tokenizer);
        if (!found || !hf_is_file(path))
            f->tokenizer[0] = 0;
    }
}

/* The text encoder's vectors are what the cross-attention reads. */
static int check_fit(const hf_sd_files *f, hf_error *err)
{
    if (f->part[HF_SD_TEXT].weights && f->part[HF_SD_UNET].weights && f->text.width != f->unet.context_dim)
        return hf_fail(err, HF_EMODEL, "%s: the text encoder is %d wide, the U-Net wants %d: parts of different models",
                       f->path, f->text.width, f->unet.context_dim);
    if (f->part[HF_SD_VAE].weights && f->part[HF_SD_UNET].weights && f->vae.latent_channels != f->unet.n_latent)
        return hf_fail(err, HF_EMODEL, "%s: the VAE gives %d channels, the U-Net wants %d: parts of different models",
                       f->path, f->vae.latent_channels, f->unet.n_latent);
    return HF_OK;
}

int hf_sd_settle(hf_sd_files *f, hf_sd_prediction wanted, hf_error *err)
{
    int rc;

    if ((f->part[HF_SD_UNET].weights && (rc = read_unet(f, err)) < 0) ||
        (f->part[HF_SD_VAE].weights && (rc = read_vae(f, err)) < 0) ||
        (f->part[HF_SD_TEXT].weights && (rc = read_text(f, err)) < 0) || (rc = check_fit(f, err)) < 0 ||
        (rc = tell_prediction(f, wanted, err)) < 0)
        return rc;
    find_tokenizer(f);
    return HF_OK;
}
