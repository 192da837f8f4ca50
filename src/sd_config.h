/* sd_config.h - what shapes do not tell of Stable Diffusion's networks, from the config files beside the weights.
 *
 * Sizes are known from the arrays before these are called; the files add heads, groups, activations and scales, and are held
 * against the sizes. What a network here cannot do is refused with the name of the setting.
 */
#ifndef HF_SRC_SD_CONFIG_H
#define HF_SRC_SD_CONFIG_H

#include "src/net/clip_text.h"
#include "src/net/ddim.h"
#include "src/net/unet.h"
#include "src/net/vae.h"

/*
 * Read one config.json of diffusers or transformers into a struct that holds what the shapes told. Return 1; 0 if there
 * is no such file, and the struct is as before. HF_EFORMAT: not JSON, or a value of a wrong kind or out of its range; HF_EMODEL:
 * it contradicts the shapes, or wants what the network does not have; HF_EIO.
 */
int hf_sd_config_unet(hf_unet_config *config, const char *path, hf_error *err);
int hf_sd_config_vae(hf_vae_config *config, const char *path, hf_error *err);
int hf_sd_config_text(hf_clip_text_config *config, const char *path, hf_error *err);

/* The same for scheduler_config.json. HF_EMODEL: another noise schedule than ddim.h's. */
int hf_sd_config_scheduler(hf_prediction *prediction, const char *path, hf_error *err);

/* The .yaml that people keep beside a single file of the original code; lines are looked for, it is not parsed. Returns 1
 * if it exists. *has_prediction: it says how the U-Net predicts. n_heads of the levels are set if it says them. */
int hf_sd_config_yaml(hf_unet_config *config, hf_prediction *prediction, bool *has_prediction, const char *path,
                      hf_error *err);

/* Groups of a group norm where nothing says it: 32, or the largest power of two below that divides n channels. */
int hf_sd_config_groups(int64_t n_channels);

#endif
