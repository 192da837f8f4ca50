/* sd_files.h - the files of a Stable Diffusion 1.x or 2.x model, found, opened and told apart.
 *
 *     hf_sd_files_open(&f, &(hf_sd_params){ .path = "stable-diffusion-v1-5" }, &err);
 *     hf_layers_new(&layers, be, f->part[HF_SD_UNET].weights, HF_F32, &err);
 *     hf_sd_files_close(&f);
 *
 * A path may be
 *   a folder of diffusers          model_index.json, unet/, vae/, text_encoder/, tokenizer/, scheduler/
 *   one file of the original code  .safetensors or .ckpt: "LDM", all parts under prefixes
 *   a folder with one such file
 *   ORG/NAME or ORG/NAME@REVISION  a repository in the Hugging Face cache (hub_cache.h)
 * Whatever the layout and its age, the weights of every part answer to the names that diffusers and transformers use
 * now: "down_blocks.0.resnets.0.conv1.weight", "text_model.encoder.layers.0.mlp.fc1.bias". EMA copies are left alone.
 */
#ifndef HF_SRC_SD_FILES_H
#define HF_SRC_SD_FILES_H

#include "src/net/clip_text.h"
#include "src/net/ddim.h"
#include "src/net/unet.h"
#include "src/net/vae.h"
#include "src/weights.h"

#define HF_SD_PATH 1024 /* bytes of a path */

typedef enum hf_sd_part { HF_SD_UNET, HF_SD_VAE, HF_SD_TEXT, HF_SD_N_PARTS } hf_sd_part;
typedef enum hf_sd_layout { HF_SD_FOLDER, HF_SD_SINGLE_FILE } hf_sd_layout;
typedef enum hf_sd_family { HF_SD_1, HF_SD_2 } hf_sd_family;

/* What the U-Net says of a noisy latent. AUTO: what scheduler_config.json says; for a single file, which does not hold it,
 * the .yaml of the same name beside it, else the training step that SD 2.0-base stopped at, else a name with "768" in it, else
 * epsilon. SD 1.x is epsilon. One-step features do not depend on it. */
typedef enum hf_sd_prediction { HF_SD_PREDICTION_AUTO, HF_SD_PREDICTION_EPSILON, HF_SD_PREDICTION_V } hf_sd_prediction;

typedef struct hf_sd_params {
    const char      *path;
    hf_sd_prediction prediction;
    unsigned         without; /* bits 1 << hf_sd_part: parts that are not needed and not opened */
} hf_sd_params;

typedef struct hf_sd_component {
    const hf_weights *weights;          /* NULL: not asked for */
    char              path[HF_SD_PATH]; /* the file, or the index of its shards */
    const char       *prefix;           /* of the part's names in the file: "", "model.diffusion_model." */
    bool              has_config;       /* heads, groups and so on are from a config.json; else from shapes and habit */
} hf_sd_component;

/* Everything belongs to the struct. */
typedef struct hf_sd_files {
    hf_sd_layout        layout;
    hf_sd_family        family;
    char                path[HF_SD_PATH];      /* folder or file, after the cache was searched */
    char                tokenizer[HF_SD_PATH]; /* folder with vocab.json and merges.txt; "" if there is none */
    hf_sd_component     part[HF_SD_N_PARTS];
    hf_unet_config      unet;
    hf_vae_config       vae;
    hf_clip_text_config text;
    hf_prediction       prediction;
    const char         *prediction_from; /* "scheduler_config.json", "habit": for messages */
    void               *own;             /* what is behind the weights */
} hf_sd_files;

/*
 * Open and check what can be told without reading the arrays: that every part asked for is there, that its layout is
 * known, that the model is SD 1.x or 2.x. Names and shapes are checked when a network asks (net_arrays.h lists them).
 * HF_EMODEL: a part is missing (the text says what was looked for and where, and what to do), a config or a shape
 * makes no sense, another kind of model (SDXL, inpainting, ...), another noise schedule. HF_EIO, HF_EFORMAT, HF_EUNSUPPORTED, HF_ENOMEM:
 * as hf_tensor_file_open.
 */
int  hf_sd_files_open(hf_sd_files **out, const hf_sd_params *params, hf_error *err);
void hf_sd_files_close(hf_sd_files **files);

const char *hf_sd_part_name(hf_sd_part part); /* "unet", "vae", "text_encoder" */

#endif
