/* vae.h - the encoder of Stable Diffusion's autoencoder: a picture to latents, 8 times smaller.
 *
 * Names and arithmetic of diffusers' AutoencoderKL: `encoder.conv_in`, `encoder.down_blocks.I.resnets.J`,
 * `encoder.mid_block.attentions.0.to_q`, `encoder.conv_out`, `quant_conv`. The decoder is not here.
 *
 *     hf_vae_config config = HF_VAE_SD;
 *     hf_vae_open(&vae, be, weights, &config, HF_F32, err);
 *     hf_vae_plan(vae, arena, N, H, W, err);          any number of networks may share an arena
 *     hf_arena_seal(arena, 0, err);
 *     hf_vae_encode(vae, arena, &latents, &image, NULL, err);
 *     hf_vae_close(&vae);
 */
#ifndef HF_SRC_NET_VAE_H
#define HF_SRC_NET_VAE_H

#include "src/net/pass.h"

#define HF_VAE_MAX_BLOCKS 8

typedef struct hf_vae_config {
    int   n_blocks;                    /* of the encoder; each but the last halves the picture */
    int   channels[HF_VAE_MAX_BLOCKS]; /* block_out_channels */
    int   layers_per_block;            /* ResNets a block */
    int   latent_channels;
    int   n_groups;                    /* norm_num_groups */
    float scale;                       /* scaling_factor: latents are multiplied by it */
} hf_vae_config;

/* SD 1.x and 2.x. */
#define HF_VAE_SD \
    { .n_blocks = 4, .channels = { 128, 256, 512, 512 }, .layers_per_block = 2, .latent_channels = 4, \
      .n_groups = 32, .scale = 0.18215f }

/* Blocks, channels and latents from the shapes of the arrays. Groups and scale cannot be seen there and are
 * those of HF_VAE_SD. HF_EMODEL: an array that every encoder has is missing. */
int hf_vae_config_infer(hf_vae_config *config, const hf_weights *weights, hf_error *err);

/* How the posterior becomes latents. NULL stands for the mean. */
typedef struct hf_vae_sample {
    uint64_t seed;
    uint64_t stream; /* the first picture's noise stream (src/noise.h); the others have the next ones, or */
    bool     is_shared; /* the same one */
} hf_vae_sample;

typedef struct hf_vae hf_vae;

/* Load the encoder. The weights are borrowed until return; the backend must outlive the network. dtype: arithmetic of
 * convolutions and matrices (hf_pack_params). HF_EMODEL: an array is missing or has another shape, or the config
 * makes no sense; HF_ENOMEM, HF_EDEVICE, HF_EUNSUPPORTED as packed_new. */
int  hf_vae_open(hf_vae **out, hf_backend *be, const hf_weights *weights, const hf_vae_config *config, hf_dtype dtype,
                 hf_error *err);
void hf_vae_close(hf_vae **vae);

int     hf_vae_stride(const hf_vae *vae); /* pixels a latent cell, both ways: 8 */
int64_t hf_vae_bytes(const hf_vae *vae);  /* of the parameters */

/* Take the scratch of N pictures of H x W pixels from an arena that is not sealed, and give it back; H and W are
 * multiples of the stride. */
int hf_vae_plan(hf_vae *vae, hf_arena *arena, int64_t N, int64_t H, int64_t W, hf_error *err);

/*
 * Latents of pictures, scaled.
 *
 *   latents  f32 [N,H/8,W/8,latent_channels]  backend memory, not in the arena's free part
 *   image    f32 [N,H,W,3]                    range -1..1
 *   sample   NULL: mean * scale. Else (mean + exp(logvar / 2) * noise) * scale with logvar held to -30..20;
 *            numbers of the noise are in the order of the latents. This way goes through host memory.
 *
 * The arena is sealed and was planned for this N, H, W or larger; its mark is as before on return.
 */
int hf_vae_encode(hf_vae *vae, hf_arena *arena, const hf_tensor *latents, const hf_tensor *image,
                  const hf_vae_sample *sample, hf_error *err);

/* Show the outputs of the blocks of every later encode, under diffusers' module names: "encoder.conv_in",
 * "encoder.down_blocks.I", "encoder.mid_block", "quant_conv". For tests; borrowed; NULL ends it. */
void hf_vae_watch(hf_vae *vae, const hf_pass_watch *watch);

#endif
