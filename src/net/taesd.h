/* taesd.h - the tiny autoencoder's encoder (TAESD): latents like the VAE's at a ninth of the work.
 *
 * 64 channels throughout, no norms: `conv(3,64), block, conv/2, 3 blocks, conv/2, 3 blocks, conv/2, 3 blocks,
 * conv(64,4)`; a block is relu(conv(relu(conv(relu(conv(x))))) + x). Names are those of diffusers' AutoencoderTiny
 * (`encoder.layers.0.weight`, `encoder.layers.1.conv.0.weight`, ...) or of the author's taesd_encoder file (`0.weight`,
 * `1.conv.0.weight`), with or without a prefix `encoder.` or `taesd_encoder.`.
 *
 * Its latents are in the scaled convention already: they stand where the VAE's mean * 0.18215 does.
 */
#ifndef HF_SRC_NET_TAESD_H
#define HF_SRC_NET_TAESD_H

#include "src/arena.h"
#include "src/weights.h"

typedef struct hf_taesd hf_taesd;

/* Load the encoder; channels, blocks and latents are seen from the arrays. As hf_vae_open otherwise. */
int  hf_taesd_open(hf_taesd **out, hf_backend *be, const hf_weights *weights, hf_dtype dtype, hf_error *err);
void hf_taesd_close(hf_taesd **taesd);

int     hf_taesd_stride(const hf_taesd *taesd); /* 8 */
int     hf_taesd_latent_channels(const hf_taesd *taesd);
int64_t hf_taesd_bytes(const hf_taesd *taesd);

/* As hf_vae_plan and hf_vae_encode. image f32 [N,H,W,3] in -1..1 like the VAE's: the step to the 0..1 that the network
 * was trained with is made inside. latents f32 [N,H/8,W/8,C]. */
int hf_taesd_plan(hf_taesd *taesd, hf_arena *arena, int64_t N, int64_t H, int64_t W, hf_error *err);
int hf_taesd_encode(hf_taesd *taesd, hf_arena *arena, const hf_tensor *latents, const hf_tensor *image, hf_error *err);

#endif
