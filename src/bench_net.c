/* bench_net.c - `bench net`: networks with the user's weights, on any device.
 *
 *     bench net unet|vae|vit|model PATH [--device D] [--precision P] [--batch N] [--size WxH] [--repeat N] ...
 *
 *   unet   one pass of the U-Net of a Stable Diffusion folder or file, noise wanted; latents of WxH pixels
 *   vae    its encoder, picture to latent, a batch as --match first runs it: one after the other
 *   vit    a vision transformer's file, to the last layer's tokens
 *   model  what -m PATH does to frames: from bytes on the host to features on the device
 *
 * Pictures, latents and prompts are noise: times do not depend on them. The time of a row is that of the whole batch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/bench.h"
#include "src/bench_device.h"
#include "src/model.h"
#include "src/net/vit.h"
#include "src/net/vit_names.h"
#include "src/sd_encoder.h"

#define N_TOKENS 77 /* of a prompt */
#define INVERSION_STEP 261 /* any: a pass does not depend on it */

/* Of one measurement; what it does not use is NULL. */
typedef struct job {
    const hf_bench_options *o;
    hf_backend     *be;
    int             W, H;
    hf_sd_files    *files;
    hf_unet        *unet;
    hf_unet_prompt *prompt;
    hf_unet_times  *times;
    hf_sd_encoder  *encoder;
    hf_tensor_file *file;
    hf_weights     *weights;
    hf_vit_names    names; /* for as long as weights */
    hf_vit         *vit;
    hf_model       *model;
    hf_arena       *arena;
    uint8_t        *frames; /* host, u8 [N,H,W,3] */
    hf_tensor       in, out, text; /* in the backend's memory */
    bool            records; /* the whole body may be recorded */
} job;

static int open_sd(job *j, hf_dtype *type, unsigned without, hf_error *err)
{
    hf_sd_params p = { .path = j->o->words[1], .without = without };
    int rc = hf_model_arithmetic(type, j->be, j->o->precision, err);
    return rc < 0 ? rc : hf_sd_files_open(&j->files, &p, err);
}

static int open_unet(job *j, hf_error *err)
{
    int N = j->o->batch, h = j->H / 8, w = j->W / 8, rc;
    hf_dtype type;

    if ((rc = open_sd(j, &type, 1u << HF_SD_VAE | 1u << HF_SD_TEXT, err)) < 0 ||
        (rc = hf_unet_open(&j->unet, j->be, j->files->part[HF_SD_UNET].weights, &j->files->unet, type, err)) < 0)
        return rc;
    const hf_unet_config *c = hf_unet_get_config(j->unet);
    if ((rc = hf_bench_array(j->be, &j->text, 1, err, HF_F32, 2, N_TOKENS, c->context_dim)) < 0 ||
        (rc = hf_unet_prompt_new(&j->prompt, j->unet, &j->text, err)) < 0 ||
        (rc = hf_unet_times_new(&j->times, j->unet, (int[]){ INVERSION_STEP }, 1, err)) < 0 ||
        (rc = hf_unet_prepare(j->unet, N, h, w, err)) < 0 ||
        (rc = hf_bench_array(j->be, &j->in, 2, err, HF_F32, 4, N, h, w, c->n_latent)) < 0)
        return rc;
    j->records = true;
    return hf_bench_array(j->be, &j->out, 3, err, HF_F32, 4, N, h, w, c->n_latent);
}

static int run_unet(void *ctx, hf_error *err)
{
    job *j = ctx;
    return hf_unet_run(j->unet, &j->out, &j->in, j->prompt, j->times, 0, NULL, err);
}

static int open_vae(job *j, hf_error *err)
{
    int N = j->o->batch, rc;
    hf_dtype type;

    if ((rc = open_sd(j, &type, 1u << HF_SD_TEXT, err)) < 0 ||
        (rc = hf_sd_encoder_open(&j->encoder, j->be, j->files, NULL, type, err)) < 0)
        return rc;
    int stride = hf_sd_encoder_stride(j->encoder);
    if ((rc = hf_arena_new(&j->arena, j->be, "encoder scratch", err)) < 0 ||
        (rc = hf_sd_encoder_plan(j->encoder, j->arena, N, j->H, j->W, err)) < 0 ||
        (rc = hf_arena_seal(j->arena, 0, err)) < 0 ||
        (rc = hf_bench_array(j->be, &j->in, 2, err, HF_F32, 4, N, j->H, j->W, 3)) < 0)
        return rc;
    j->records = true;
    return hf_bench_array(j->be, &j->out, 3, err, HF_F32, 4, N, j->H / stride, j->W / stride, j->files->unet.n_latent);
}

static int run_vae(void *ctx, hf_error *err)
{
    job *j = ctx;
    return hf_sd_encoder_run(j->encoder, j->arena, &j->out, &j->in, 0, err);
}

static int open_vit(job *j, hf_error *err)
{
    hf_vit_params params = { 0 };
    int h, w, rc;

    if ((rc = hf_model_arithmetic(&params.dtype, j->be, j->o->precision, err)) < 0 ||
        (rc = hf_tensor_file_open(&j->file, j->o->words[1], err)) < 0 || (rc = hf_vit_names_find(&j->names, j->file, err)) < 0 ||
        (rc = hf_weights_open(&j->weights, j->file, "ViT", hf_vit_rename, &j->names, err)) < 0 ||
        (rc = hf_vit_new(&j->vit, j->be, j->weights, &params, err)) < 0 ||
        (rc = hf_vit_prepare(j->vit, j->W, j->H, err)) < 0 ||
        (rc = hf_bench_array(j->be, &j->in, 2, err, HF_F32, 3, j->H, j->W, 3)) < 0)
        return rc;
    hf_vit_grid(j->vit, j->W, j->H, &h, &w);
    j->records = true;
    return hf_bench_array(j->be, &j->out, 3, err, HF_F32, 3, h, w, hf_vit_get_sizes(j->vit)->width);
}

/* The network takes one picture; a batch is a loop. */
static int run_vit(void *ctx, hf_error *err)
{
    job *j = ctx;
    hf_vit_tap tap = { hf_vit_get_sizes(j->vit)->depth, HF_VIT_TOKEN, j->out };
    int rc = HF_OK;
    for (int i = 0; i < j->o->batch && rc >= 0; i++)
        rc = hf_vit_run(j->vit, &j->in, &tap, 1, err);
    return rc;
}

static int open_model(job *j, hf_error *err)
{
    hf_model_params p = { .name = j->o->words[1], .aggregation = j->o->aggregation, .precision = j->o->precision };
    int N = j->o->batch, h, w, rc;
    size_t bytes = (size_t)N * (size_t)j->H * (size_t)j->W * 3;

    if ((rc = hf_model_open(&j->model, j->be, &p, err)) < 0)
        return rc;
    hf_model_set_batch(j->model, N);
    hf_model_grid(j->model, j->W, j->H, &h, &w);
    if ((rc = j->model->prepare(j->model, j->W, j->H, err)) < 0 ||
        (rc = hf_bench_array(j->be, &j->in, 2, err, HF_U8, 4, N, j->H, j->W, 3)) < 0 ||
        (rc = hf_bench_array(j->be, &j->out, 3, err, HF_F32, 4, N, h, w, j->model->n_channels)) < 0)
        return rc;
    if (!(j->frames = malloc(bytes)))
        return hf_fail(err, HF_ENOMEM, "bench: out of memory for %d frames", N);
    for (size_t i = 0; i < bytes; i++)
        j->frames[i] = (uint8_t)(i * 2654435761u >> 24);
    if (j->model->adapt) {
        hf_tensor first = hf_tensor_view(j->in.data, HF_U8, 3, j->H, j->W, 3);
        return j->model->adapt(j->model, &first, err);
    }
    return HF_OK;
}

static int run_model(void *ctx, hf_error *err)
{
    job *j = ctx;
    int rc = j->be->ops.write(j->be, &j->in, j->frames, err);
    return rc < 0 ? rc : hf_model_extract_batch(j->model, &j->out, &j->in, err);
}

static const struct {
    const char *name;
    int (*open)(job *j, hf_error *err);
    hf_recorder_body *run;
} kinds[] = {
    { "unet", open_unet, run_unet },
    { "vae", open_vae, run_vae },
    { "vit", open_vit, run_vit },
    { "model", open_model, run_model },
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void close_job(job *j)
{
    hf_model_close(&j->model);
    hf_vit_free(&j->vit);
    hf_weights_close(&j->weights);
    hf_tensor_file_close(&j->file);
    hf_arena_free(&j->arena);
    hf_sd_encoder_close(&j->encoder);
    hf_unet_times_free(&j->times);
    hf_unet_prompt_free(&j->prompt);
    hf_unet_close(&j->unet);
    hf_sd_files_close(&j->files);
    free(j->frames);
    if (j->be)
        for (int i = 0; i < 3; i++)
            j->be->ops.free(j->be, (hf_tensor *[]){ &j->in, &j->out, &j->text }[i]->data);
    hf_backend_close(&j->be);
}

static int measure(job *j, size_t kind, hf_error *err)
{
    char name[64];
    double ms;
    int rc;

    snprintf(name, sizeof(name), "%s-b%d-%dx%d", kinds[kind].name, j->o->batch, j->W, j->H);
    if ((rc = hf_backend_open(&j->be, j->o->device, j->o->threads, err)) < 0 || (rc = kinds[kind].open(j, err)) < 0 ||
        (rc = hf_bench_time(&ms, j->be, kinds[kind].run, j, j->records, j->o->repeat, err)) < 0)
        return rc;
    hf_bench_row(j->be, j->o->name ? j->o->name : name, ms, j->o->batch);
    return HF_OK;
}

int hf_bench_net(int argc, char **argv)
{
    hf_bench_options o;
    hf_error err = { 0 };
    size_t kind = 0;

    if (hf_bench_options_read(&o, argc, argv) < 0 || o.n_words != 2)
        goto usage;
    while (kind < N_KINDS && strcmp(kinds[kind].name, o.words[0]) != 0)
        kind++;
    if (kind == N_KINDS)
        goto usage;
    job j = { .o = &o, .W = o.width ? o.width : 512, .H = o.width ? o.height : 512 };
    int rc = measure(&j, kind, &err);
    close_job(&j);
    if (rc < 0)
        fprintf(stderr, "bench net: %s\n", err.text);
    return rc < 0 ? 1 : 0;
usage:
    fprintf(stderr, "bench net: want unet|vae|vit|model PATH and options\n");
    return 2;
}
