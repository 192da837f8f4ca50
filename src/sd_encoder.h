/* sd_encoder.h - pictures to latents: the VAE of the model, or TAESD in its place. */
#ifndef HF_SRC_SD_ENCODER_H
#define HF_SRC_SD_ENCODER_H

#include "src/arena.h"
#include "src/sd_files.h"

typedef struct hf_sd_encoder hf_sd_encoder;

/* taesd: its file, or NULL for the VAE of files. Neither is needed after return. HF_EMODEL: an array is missing, or the latents have
 * other channels than the U-Net reads. */
int  hf_sd_encoder_open(hf_sd_encoder **out, hf_backend *be, const hf_sd_files *files, const char *taesd,
                        hf_dtype arithmetic, hf_error *err);
void hf_sd_encoder_close(hf_sd_encoder **encoder);

int     hf_sd_encoder_stride(const hf_sd_encoder *encoder); /* pixels a cell: 8 */
int64_t hf_sd_encoder_bytes(const hf_sd_encoder *encoder);  /* of the weights */

/* As hf_vae_plan and hf_vae_encode, for latent [N,..] and image [N,..] of the N that was planned. On the host pictures go
 * through one after the other, on a device two at a time where N is even: the scratch is that of one or two. seed 0: the
 * mean. TAESD has no other. Each picture gets the same noise. */
int hf_sd_encoder_plan(hf_sd_encoder *encoder, hf_arena *arena, int64_t N, int64_t H, int64_t W, hf_error *err);
int hf_sd_encoder_run(hf_sd_encoder *encoder, hf_arena *arena, const hf_tensor *latent, const hf_tensor *image, int seed,
                      hf_error *err);

#endif
