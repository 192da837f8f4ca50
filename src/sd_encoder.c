/* sd_encoder.c - see sd_encoder.h. */
#include "src/sd_encoder.h"

#include <stdlib.h>

#include "src/net/taesd.h"
#include "src/net/vae.h"

struct hf_sd_encoder {
    hf_backend *be;    /* borrowed */
    hf_vae     *vae;   /* or */
    hf_taesd   *taesd;
};

/* Pictures that go through together. One at 512 x 512 fills a GPU at its first levels, with 512 x 512 x 128 numbers a
 * map, and leaves much of a large one idle at the last, with 64 x 64 x 512: two fill that too, and more would only need
 * more scratch (not measured on a GPU yet). An odd N goes one by one: a last picture alone would need every plan a second
 * time. */
static int64_t group_of(const hf_sd_encoder *e, int64_t N) { return !e->be->host_memory && N % 2 == 0 ? 2 : 1; }

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
    e->be = be;
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

int hf_sd_encoder_plan(hf_sd_encoder *e, hf_arena *arena, int64_t N, int64_t H, int64_t W, hf_error *err)
{
    int64_t n = group_of(e, N);
    return e->vae ? hf_vae_plan(e->vae, arena, n, H, W, err) : hf_taesd_plan(e->taesd, arena, n, H, W, err);
}

/* n pictures of [N,..], from picture i on. */
static hf_tensor pictures_of(const hf_tensor *batch, int64_t i, int64_t n)
{
    hf_tensor some = *batch;
    some.shape[0] = n;
    some.data = (char *)batch->data + (size_t)(i / n) * hf_tensor_bytes(&some);
    return some;
}

int hf_sd_encoder_run(hf_sd_encoder *e, hf_arena *arena, const hf_tensor *latent, const hf_tensor *image, int seed,
                      hf_error *err)
{
    hf_vae_sample sample = { .seed = (uint64_t)seed, .is_shared = true };
    int64_t n = group_of(e, image->shape[0]);
    int rc = HF_OK;

    for (int64_t i = 0; i < image->shape[0] && rc >= 0; i += n) {
        hf_tensor l = pictures_of(latent, i, n), x = pictures_of(image, i, n);
        if (e->taesd)
            rc = hf_taesd_encode(e->taesd, arena, &l, &x, err);
        else
            rc = hf_vae_encode(e->vae, arena, &l, &x, seed ? &sample : NULL, err);
    }
    return rc;
}
