/* model_sd.h - features from Stable Diffusion: Diffusion Hyperfeatures, raw layers, DIFT.
 *
 *     picture -> square, or padded -> VAE's latent -> steps of the diffusion -> the decoder's maps -> features
 *
 * A picture is its own cell grid where it is squeezed to a square (h = w = square / 8); padded, a cell is 8 x 8 pixels (16
 * x 16 and more for DIFT of the first blocks).
 */
#ifndef HF_SRC_MODEL_SD_H
#define HF_SRC_MODEL_SD_H

#include "src/model.h"
#include "src/presets.h"

/* preset NULL: params->weights is a user's own model without a name; its family's first preset is taken. */
int hf_model_sd_open(hf_model **out, hf_backend *be, const hf_preset *preset, const hf_model_params *params,
                     hf_error *err);

/* 1: a file, a folder or a repository in the cache, that is, something for params->weights. */
int hf_model_sd_is_path(const char *name);

#endif
