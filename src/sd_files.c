/* sd_files.c - the files of Stable Diffusion found and opened; see sd_files.h. sd_settle.c reads what they are. */
#include "src/sd_files.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/hub_cache.h"
#include "src/sd_find.h"
#include "src/sd_parts.h"

const char *hf_sd_part_name(hf_sd_part part)
{
    static const char *const names[] = { "unet", "vae", "text_encoder" };
    return names[part];
}

int hf_sd_join(char *path, hf_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(path, HF_SD_PATH, format, args);
    va_end(args);
    return n >= 0 && n < HF_SD_PATH ? HF_OK : hf_fail(err, HF_EARG, "%.200s...: the path is too long", path);
}

bool hf_sd_has(const hf_tensor_file *file, const char *prefix, const char *name)
{
    char whole[256];
    snprintf(whole, sizeof(whole), "%s%s", prefix, name);
    return hf_tensor_file_find(file, whole) != NULL;
}

/* The folder or file that the user means. */
static int find_path(hf_sd_files *f, const char *given, hf_error *err)
{
    int rc;
    if (hf_is_file(given) || hf_is_folder(given))
        rc = hf_sd_join(f->path, err, "%s", given);
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
    return hf_sd_join(f->path, err, "%s", file);
}

static int open_weights(hf_sd_files *f, hf_sd_part part, const hf_tensor_file *file, hf_error *err)
{
    hf_sd_own *own = f->own;
    int rc = hf_weights_open(&own->weights[part], file, hf_sd_part_name(part), hf_sd_rename, &own->names[part], err);
    own->names[part].prefix = f->part[part].prefix = own->prefix[part];
    f->part[part].weights = own->weights[part];
    return rc;
}

static int open_folder_part(hf_sd_files *f, hf_sd_part part, hf_error *err)
{
    static const hf_sd_naming naming[] = { HF_SD_NAMES_DIFFUSERS, HF_SD_NAMES_DIFFUSERS, HF_SD_NAMES_CLIP };
    hf_sd_own *own = f->own;
    hf_sd_component *c = &f->part[part];
    char folder[HF_SD_PATH];
    int rc;

    if ((rc = hf_sd_join(folder, err, "%s/%s", f->path, hf_sd_part_name(part))) < 0)
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

/* ResNets of a down block: the first downsampler of LDM's list stands behind them. */
static int ldm_layers(const hf_tensor_file *file, const char *prefix)
{
    for (int i = 2; i < 16; i++) {
        char name[64];
        snprintf(name, sizeof(name), "input_blocks.%d.0.op.weight", i);
        if (hf_sd_has(file, prefix, name))
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
    while (n < HF_VAE_MAX_BLOCKS && hf_sd_has(file, prefix, name) && ++n);
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
    return hf_sd_has(file, "", "state_dict.model.diffusion_model.input_blocks.0.0.weight") ? "state_dict." : "";
}

static int open_file_part(hf_sd_files *f, hf_sd_part part, hf_error *err)
{
    hf_sd_own *own = f->own;
    const hf_tensor_file *file = own->file[0];
    const char *root = ldm_root(file), *missing = "";

    for (size_t i = 0; i < N_LDM_PARTS; i++) {
        char *prefix = own->prefix[part];
        if (ldm_parts[i].part != part)
            continue;
        snprintf(prefix, HF_SD_PREFIX, "%s%s", root, ldm_parts[i].prefix);
        missing = ldm_parts[i].array;
        if (!hf_sd_has(file, prefix, ldm_parts[i].array))
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
    const hf_tensor_file *file = ((hf_sd_own *)f->own)->file[0];
    size_t n;
    const hf_tensor_entry *list = hf_tensor_file_list(file, &n);

    for (size_t i = 0; i < n; i++)
        if (strncmp(list[i].name, "conditioner.embedders.", 22) == 0)
            return hf_fail(err, HF_EMODEL, "%s: an SDXL checkpoint, want Stable Diffusion 1.x or 2.x", f->path);
    if (hf_sd_has(file, ldm_root(file), "model.diffusion_model.input_blocks.0.0.weight"))
        return HF_OK;
    if (hf_sd_has(file, "", "conv_in.weight") && hf_sd_has(file, "", "time_embedding.linear_1.weight"))
        return hf_fail(err, HF_EMODEL, "%s: the U-Net of a diffusers model alone, want the folder that has unet/, vae/ "
                       "and text_encoder/", f->path);
    return hf_fail(err, HF_EMODEL, "%s: not a Stable Diffusion checkpoint: no array "
                   "\"model.diffusion_model.input_blocks.0.0.weight\" among its %zu, the first of which is \"%.80s\"",
                   f->path, n, n ? list[0].name : "");
}

static int open_parts(hf_sd_files *f, unsigned without, hf_error *err)
{
    hf_sd_own *own = f->own;
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

int hf_sd_files_open(hf_sd_files **out, const hf_sd_params *params, hf_error *err)
{
    hf_sd_files *f = calloc(1, sizeof(*f));
    int rc;

    *out = NULL;
    if (!f || !(f->own = calloc(1, sizeof(hf_sd_own)))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", params->path);
        goto end;
    }
    if ((rc = find_path(f, params->path, err)) < 0 || (rc = find_layout(f, err)) < 0 ||
        (rc = open_parts(f, params->without, err)) < 0 || (rc = hf_sd_settle(f, params->prediction, err)) < 0)
        goto end;
    *out = f;
    f = NULL;
end:
    hf_sd_files_close(&f);
    return rc;
}

void hf_sd_files_close(hf_sd_files **files)
{
    hf_sd_files *f = files ? *files : NULL;
    hf_sd_own *own = f ? f->own : NULL;

    for (int p = 0; own && p < HF_SD_N_PARTS; p++) {
        hf_weights_close(&own->weights[p]);
        hf_tensor_file_close(&own->file[p]);
    }
    free(own);
    free(f);
    if (files)
        *files = NULL;
}
