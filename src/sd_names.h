/* sd_names.h - where the arrays of Stable Diffusion lie in files of every age: renames for weights.h.
 *
 * Canonical names are those of diffusers (U-Net, VAE) and transformers (text encoder). Files of the original code (LDM) name
 * the same arrays by their place in a list of modules; SD 2's text encoder is OpenCLIP's, with q, k and v in one array.
 * Old diffusers files name the VAE's attention otherwise. The maps are the tables in sd_names.c.
 */
#ifndef HF_SRC_SD_NAMES_H
#define HF_SRC_SD_NAMES_H

#include "src/weights.h"

typedef enum hf_sd_naming {
    HF_SD_NAMES_DIFFUSERS, /* names as they are; of the VAE's attention, the old ones too */
    HF_SD_NAMES_UNET_LDM,
    HF_SD_NAMES_VAE_LDM,
    HF_SD_NAMES_CLIP,      /* SD 1: with or without the leading "text_model." */
    HF_SD_NAMES_OPEN_CLIP  /* SD 2 */
} hf_sd_naming;

typedef struct hf_sd_names {
    hf_sd_naming naming;
    const char  *prefix;          /* before every name in the file, or ""; at most 64 bytes */
    int          layers_per_block; /* U-Net of LDM: ResNets of a down block */
    int          n_blocks;        /* VAE of LDM: down blocks */
} hf_sd_names;

/* An hf_rename; ctx: hf_sd_names. 0 if the file has no such array under any name that is known. */
int hf_sd_rename(hf_weight_place *place, const hf_tensor_file *file, const char *canonical, const void *ctx);

#endif
