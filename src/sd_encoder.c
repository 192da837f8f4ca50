/* sd_encoder.c - see sd_encoder.h. */
#include "src/sd_encoder.h"

#include <stdlib.h>

#include "src/net/taesd.h"
#include "src/net/vae.h"

struct hf_sd_encoder {
    hf_vae   *vae;   /* or */
    hf_taesd *taesd;
};

static int check_channels(int found, const hf_sd_files *files, const char *path, hf_error *err)
{
    if (found != files->unet.n_latent)
        return hf_fail(err, HF_EMODEL, "%s: latents of %d channels, the U-Net wants %d", path, found, files->unet.n_latent);
    return HF_OK;
}

static int open_taesd(hf_sd_encoder *e, hf_backend *be, const hf_sd_files *files, const char *path, hf_dtype arithmetic,
                      hf_error *err)
{
    hf_tensor_file *file = NULL;
    hf_weights *weights = NULL;
    int rc;

    if ((rc = hf_tensor_file_open(&file, path, err)) >= 0 &&
        (rc = hf_weights_open(&weights, file, "taesd", NULL, NULL, err)) >= 0 &&
        (rc = hf_taesd_open(&e->taesd, be, weights, arithmetic, err)) >= 0)
        rc = check_channels(hf_taesd_latent_channels(e->taesd), files, path, err);
    hf_weights_close(&weights);
    hf_tensor_file_close(&file);
    return rc;
}

int hf_sd_encoder_open(hf_sd_encoder **out, hf_backend *be, const hf_sd_files *files, const char *taesd,
                       hf_dtype arithmetic, hf_error *err)
{
    hf_sd_encoder *e = calloc(1, sizeof(*e));
    const hf_sd_component *vae = &files->part[HF_SD_VAE];
    int rc;

    *out = NULL;
    if (!e)
        return hf_fail(err, HF_ENOMEM, "encoder: out of memory");
    if (taesd)
        rc = open_taesd(e, be, files, taesd, arithmetic, err);
    else if ((rc = hf_vae_open(&e->vae, be, vae->weights, &files->vae, arithmetic, err)) >= 0)
        rc = check_channels(files->vae.latent_channels, files, vae->path, err);
    if (rc < 0)
        hf_sd_encoder_close(&e);
    *out = e;
    return rc;
}

void hf_sd_encoder_close(hf_sd_encoder **encoder)
{
    if (!encoder || !*encoder)
        return;
    hf_vae_close(&(*encoder)->vae);
    hf_taesd_close(&(*encoder)->taesd);
    free(*encoder);
    *encoder = NULL;
}

int hf_sd_encoder_stride(const hf_sd_encoder *e) { return e->vae ? hf_vae_stride(e->vae) : hf_taesd_stride(e->taesd); }

int64_t hf_sd_encoder_bytes(const hf_sd_encoder *e) { return e->vae ? hf_vae_bytes(e->vae) : hf_taesd_bytes(e->taesd); }

int hf_sd_encoder_plan(hf_sd_encoder *e, hf_arena *arena, int64_t H, int64_t W, hf_error *err)
{
    return e->vae ? hf_vae_plan(e->vae, arena, 1, H, W, err) : hf_taesd_plan(e->taesd, arena, 1, H, W, err);
}

static hf_tensor picture_of(const hf_tensor *batch, int64_t i)
{
    hf_tensor one = *batch;
    one.shape[0] = 1;
    one.data = (char *)batch->data + (size_t)i * hf_tensor_bytes(&one);
    return one;
}

int hf_sd_encoder_run(hf_sd_encoder *e, hf_arena *arena, const hf_tensor *latent, const hf_tensor *image, int seed,
                      hf_error *err)
{
    hf_vae_sample sample = { .seed = (uint64_t)seed };
    int rc = HF_OK;

    for (int64_t i = 0; i < image->shape[0] && rc >= 0; i++) {
        hf_tensor l = picture_of(latent, i), x = picture_of(image, i);
        if (e->taesd)
            rc = hf_taesd_encode(e->taesd, arena, &l, &x, err);
        else
            rc = hf_vae_encode(e->vae, arena, &l, &x, seed ? &sample : NULL, err);
    }
    return rc;
}
