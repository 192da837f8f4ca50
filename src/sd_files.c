/* sd_files.c - see sd_files.h. */
#include "src/sd_files.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/hub_cache.h"
#include "src/sd_config.h"
#include "src/sd_find.h"
#include "src/sd_names.h"

#define PREFIX_SIZE 64
#define OPEN_CLIP_USED 23        /* layers of its text encoder that SD 2.x reads */
#define STEP_OF_2_0_BASE 875000 /* global_step in the .ckpt of SD 2.0-base; 2.0 (768, v) has another */

/* What is behind the struct that callers see. */
typedef struct own_files {
    hf_tensor_file *file[HF_SD_N_PARTS]; /* a single file is file[0] alone */
    hf_weights     *weights[HF_SD_N_PARTS];
    hf_sd_names     names[HF_SD_N_PARTS];
    char            prefix[HF_SD_N_PARTS][PREFIX_SIZE];
} own_files;

const char *hf_sd_part_name(hf_sd_part part)
{
    static const char *const names[] = { "unet", "vae", "text_encoder" };
    return names[part];
}

__attribute__((format(printf, 3, 4)))
static int join(char *path, hf_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(path, HF_SD_PATH, format, args);
    va_end(args);
    return n >= 0 && n < HF_SD_PATH ? HF_OK : hf_fail(err, HF_EARG, "%.200s...: the path is too long", path);
}

/* The folder or file that the user means. */
static int find_path(hf_sd_files *f, const char *given, hf_error *err)
{
    int rc;
    if (hf_is_file(given) || hf_is_folder(given))
        rc = join(f->path, err, "%s", given);
    else if (hf_hub_is_name(given))
        rc = hf_hub_snapshot(f->path, sizeof(f->path), given, err);
    else
        rc = hf_fail(err, HF_EMODEL, "%s: no such file or folder, want a folder of diffusers, a .safetensors or .ckpt "
                     "file, or ORG/NAME in the Hugging Face cache", given);
    return rc;
}

/* Folder or single file? A folder with one checkpoint in it stands for that file. */
static int find_layout(hf_sd_files *f, hf_error *err)
{
    char unet[HF_SD_PATH + 8], file[HF_SD_PATH];
    int rc;

    f->layout = HF_SD_SINGLE_FILE;
    if (!hf_is_folder(f->path))
        return HF_OK;
    snprintf(unet, sizeof(unet), "%s/unet", f->path);
    if (hf_is_folder(unet)) {
        f->layout = HF_SD_FOLDER;
        return HF_OK;
    }
    if ((rc = hf_find_single_file(file, sizeof(file), f->path, err)) < 0)
        return rc;
    if (rc == 0)
        return hf_fail(err, HF_EMODEL, "%s: holds neither a folder unet/ nor a .safetensors or .ckpt file, want the "
                       "files of a Stable Diffusion model", f->path);
    return join(f->path, err, "%s", file);
}

static int open_weights(hf_sd_files *f, hf_sd_part part, const hf_tensor_file *file, hf_error *err)
{
    own_files *own = f->own;
    int rc = hf_weights_open(&own->weights[part], file, hf_sd_part_name(part), hf_sd_rename, &own->names[part], err);
    own->names[part].prefix = f->part[part].prefix = own->prefix[part];
    f->part[part].weights = own->weights[part];
    return rc;
}

static int open_folder_part(hf_sd_files *f, hf_sd_part part, hf_error *err)
{
    static const hf_sd_naming naming[] = { HF_SD_NAMES_DIFFUSERS, HF_SD_NAMES_DIFFUSERS, HF_SD_NAMES_CLIP };
    own_files *own = f->own;
    hf_sd_component *c = &f->part[part];
    char folder[HF_SD_PATH];
    int rc;

    if ((rc = join(folder, err, "%s/%s", f->path, hf_sd_part_name(part))) < 0)
        return rc;
    if (!hf_find_weights(c->path, sizeof(c->path), folder))
        return hf_fail(err, HF_EMODEL, "%s: %s; looked for %s.safetensors, the same with .fp16 or .non_ema, .bin, and "
                       "their .index.json; download the folder %s of the model again",
                       folder, hf_is_folder(folder) ? "no weights in it" : "no such folder",
                       part == HF_SD_TEXT ? "model" : "diffusion_pytorch_model", hf_sd_part_name(part));
    if ((rc = hf_tensor_file_open(&own->file[part], c->path, err)) < 0)
        return rc;
    own->names[part].naming = naming[part];
    return open_weights(f, part, own->file[part], err);
}

static bool has(const hf_tensor_file *file, const char *prefix, const char *name)
{
    char whole[256];
    snprintf(whole, sizeof(whole), "%s%s", prefix, name);
    return hf_tensor_file_find(file, whole) != NULL;
}

/* ResNets of a down block: the first downsampler of LDM's list stands behind them. */
static int ldm_layers(const hf_tensor_file *file, const char *prefix)
{
    for (int i = 2; i < 16; i++) {
        char name[64];
        snprintf(name, sizeof(name), "input_blocks.%d.0.op.weight", i);
        if (has(file, prefix, name))
            return i - 1;
    }
    return 2;
}

/* Down blocks of LDM's VAE. */
static int ldm_vae_blocks(const hf_tensor_file *file, const char *prefix)
{
    int n = 0;
    char name[64];
    do
        snprintf(name, sizeof(name), "encoder.down.%d.block.0.conv1.weight", n);
    while (n < HF_VAE_MAX_BLOCKS && has(file, prefix, name) && ++n);
    return n;
}

/* Every way a part is found in a single file: the prefix and an array that is there if the part is. */
static const struct {
    hf_sd_part   part;
    hf_sd_naming naming;
    const char  *prefix, *array;
} ldm_parts[] = {
    { HF_SD_UNET, HF_SD_NAMES_UNET_LDM, "model.diffusion_model.", "input_blocks.0.0.weight" },
    { HF_SD_VAE, HF_SD_NAMES_VAE_LDM, "first_stage_model.", "encoder.conv_in.weight" },
    { HF_SD_VAE, HF_SD_NAMES_VAE_LDM, "vae.", "encoder.conv_in.weight" },
    { HF_SD_TEXT, HF_SD_NAMES_CLIP, "cond_stage_model.transformer.", "text_model.embeddings.token_embedding.weight" },
    { HF_SD_TEXT, HF_SD_NAMES_CLIP, "cond_stage_model.transformer.", "embeddings.token_embedding.weight" },
    { HF_SD_TEXT, HF_SD_NAMES_OPEN_CLIP, "cond_stage_model.model.", "token_embedding.weight" },
};
#define N_LDM_PARTS (sizeof(ldm_parts) / sizeof(ldm_parts[0]))

/* .ckpt files have everything under "state_dict". */
static const char *ldm_root(const hf_tensor_file *file)
{
    return has(file, "", "state_dict.model.diffusion_model.input_blocks.0.0.weight") ? "state_dict." : "";
}

static int open_file_part(hf_sd_files *f, hf_sd_part part, hf_error *err)
{
    own_files *own = f->own;
    const hf_tensor_file *file = own->file[0];
    const char *root = ldm_root(file), *missing = "";

    for (size_t i = 0; i < N_LDM_PARTS; i++) {
        char *prefix = own->prefix[part];
        if (ldm_parts[i].part != part)
            continue;
        snprintf(prefix, PREFIX_SIZE, "%s%s", root, ldm_parts[i].prefix);
        missing = ldm_parts[i].array;
        if (!has(file, prefix, ldm_parts[i].array))
            continue;
        own->names[part].naming = ldm_parts[i].naming;
        own->names[part].layers_per_block = ldm_layers(file, prefix);
        own->names[part].n_blocks = ldm_vae_blocks(file, prefix);
        snprintf(f->part[part].path, HF_SD_PATH, "%s", f->path);
        return open_weights(f, part, file, err);
    }
    return hf_fail(err, HF_EMODEL, "%s: has no %s: no array \"%s%s\" in it; use a checkpoint with all parts, or a "
                   "folder of diffusers", f->path, hf_sd_part_name(part), own->prefix[part], missing);
}

/* A file that is not LDM's: say what it looks like. */
static int check_ldm(const hf_sd_files *f, hf_error *err)
{
    const hf_tensor_file *file = ((own_files *)f->own)->file[0];
    size_t n;
    const hf_tensor_entry *list = hf_tensor_file_list(file, &n);

    for (size_t i = 0; i < n; i++)
        if (strncmp(list[i].name, "conditioner.embedders.", 22) == 0)
            return hf_fail(err, HF_EMODEL, "%s: an SDXL checkpoint, want Stable Diffusion 1.x or 2.x", f->path);
    if (has(file, ldm_root(file), "model.diffusion_model.input_blocks.0.0.weight"))
        return HF_OK;
    if (has(file, "", "conv_in.weight") && has(file, "", "time_embedding.linear_1.weight"))
        return hf_fail(err, HF_EMODEL, "%s: the U-Net of a diffusers model alone, want the folder that has unet/, vae/ "
                       "and text_encoder/", f->path);
    return hf_fail(err, HF_EMODEL, "%s: not a Stable Diffusion checkpoint: no array "
                   "\"model.diffusion_model.input_blocks.0.0.weight\" among its %zu, the first of which is \"%.80s\"",
                   f->path, n, n ? list[0].name : "");
}

static int open_parts(hf_sd_files *f, unsigned without, hf_error *err)
{
    own_files *own = f->own;
    int rc = HF_OK;

    if (f->layout == HF_SD_SINGLE_FILE) {
        if ((rc = hf_tensor_file_open(&own->file[0], f->path, err)) < 0 || (rc = check_ldm(f, err)) < 0)
            return rc;
    }
    for (int p = 0; p < HF_SD_N_PARTS && rc == HF_OK; p++)
        if (!(without & (1u << p)))
            rc = (f->layout == HF_SD_FOLDER ? open_folder_part : open_file_part)(f, (hf_sd_part)p, err);
    return rc;
}

/* The config.json of a part; only folders have them. */
static int config_path(char *path, const hf_sd_files *f, const char *folder, const char *name, hf_error *err)
{
    return f->layout == HF_SD_FOLDER ? join(path, err, "%s/%s/%s", f->path, folder, name) : HF_OK;
}

/* Kinds of U-Net that are named alike but are other networks; told by arrays and input channels. */
static int refuse_other_unets(const hf_sd_files *f, hf_error *err)
{
    const hf_weights *w = f->part[HF_SD_UNET].weights;
    const hf_tensor_file *file = hf_weights_file(w);
    int64_t shape[HF_ENTRY_MAX_DIMS] = { 0 };
    int n_dims, rc;

    if (has(file, f->part[HF_SD_UNET].prefix, "add_embedding.linear_1.weight") ||
        has(file, f->part[HF_SD_UNET].prefix, "label_emb.0.0.weight"))
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
    const own_files *own = f->own;
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
    const own_files *own = f->own;
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

    if ((rc = join(path, err, "%.*s.yaml", dot ? (int)(dot - f->path) : HF_SD_PATH, f->path)) < 0 ||
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
    else if (global_step(((own_files *)f->own)->file[0]) == STEP_OF_2_0_BASE)
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
        if ((rc = join(path, err, "%s/scheduler/scheduler_config.json", f->path)) < 0)
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

int hf_sd_files_open(hf_sd_files **out, const hf_sd_params *params, hf_error *err)
{
    hf_sd_files *f = calloc(1, sizeof(*f));
    int rc;

    *out = NULL;
    if (!f || !(f->own = calloc(1, sizeof(own_files)))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", params->path);
        goto end;
    }
    if ((rc = find_path(f, params->path, err)) < 0 || (rc = find_layout(f, err)) < 0 ||
        (rc = open_parts(f, params->without, err)) < 0)
        goto end;
    if ((f->part[HF_SD_UNET].weights && (rc = read_unet(f, err)) < 0) ||
        (f->part[HF_SD_VAE].weights && (rc = read_vae(f, err)) < 0) ||
        (f->part[HF_SD_TEXT].weights && (rc = read_text(f, err)) < 0) || (rc = check_fit(f, err)) < 0 ||
        (rc = tell_prediction(f, params->prediction, err)) < 0)
        goto end;
    find_tokenizer(f);
    *out = f;
    f = NULL;
end:
    hf_sd_files_close(&f);
    return rc;
}

void hf_sd_files_close(hf_sd_files **files)
{
    hf_sd_files *f = files ? *files : NULL;
    own_files *own = f ? f->own : NULL;

    for (int p = 0; own && p < HF_SD_N_PARTS; p++) {
        hf_weights_close(&own->weights[p]);
        hf_tensor_file_close(&own->file[p]);
    }
    free(own);
    free(f);
    if (files)
        *files = NULL;
}
