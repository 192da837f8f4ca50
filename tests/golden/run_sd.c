/* run_sd.c - one frame of hyperfeatures with weights of full size, for fullsize_sd.py, which compares with PyTorch.
 *
 *     run_sd FOLDER GOLDEN f32|bf16 REPEATS THREADS
 *
 * First the model as a user opens it: features of the golden's picture, timed. Then, with that closed, encoder and U-Net by
 * themselves: latent, every decoder branch, and what the network predicts. Prints one line of JSON.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "src/model.h"
#include "src/net/unet.h"
#include "src/sd_encoder.h"
#include "src/sd_files.h"

typedef struct job {
    const char     *folder;
    hf_precision    precision;
    int             n_repeats;
    hf_backend     *be;
    hf_tensor_file *file;
    hf_weights     *golden;
    hf_sd_files    *files;
    hf_sd_encoder  *encoder;
    hf_unet        *unet;
    hf_unet_prompt *prompt;
    hf_unet_times  *times;
    hf_arena       *arena;
    double          seconds, work;
    long            memory_mb, weights_mb;
    char            errors[2048];
} job;

static double wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of all threads. */
static double processor(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static hf_tensor room(int n_dims, const int64_t *shape)
{
    hf_tensor t = hf_tensor_view_shape(NULL, HF_F32, n_dims, shape);
    t.data = aligned_alloc(64, (hf_tensor_bytes(&t) + 63) & ~(size_t)63);
    return t;
}

static int read_golden(const job *j, hf_tensor *out, const char *name, hf_error *err)
{
    int64_t shape[HF_ENTRY_MAX_DIMS];
    int n_dims, rc;
    *out = (hf_tensor){ .data = NULL };
    if ((rc = hf_weights_shape(j->golden, name, &n_dims, shape, err)) < 0)
        return rc;
    *out = room(n_dims, shape);
    return hf_weights_read(j->golden, out, name, err);
}

/* |a - b| / |b| of the golden's array of that name; b in unit cells where a is. */
static int note_error(job *j, const hf_tensor *a, const char *name, bool unit_cells, hf_error *err)
{
    hf_tensor b;
    double off = 0, all = 0;
    int rc = read_golden(j, &b, name, err);
    if (rc < 0)
        return rc;
    int64_t C = b.shape[b.n_dims - 1], n = hf_tensor_count(&b);
    if (n != hf_tensor_count(a))
        return hf_fail(err, HF_EARG, "%s: %lld numbers, want %lld", name, (long long)hf_tensor_count(a), (long long)n);
    for (int64_t i = 0; i < n; i += C) {
        const float *x = (const float *)a->data + i, *y = (const float *)b.data + i;
        double length = 0;
        for (int64_t c = 0; c < C; c++)
            length += (double)y[c] * y[c];
        double scale = unit_cells && length > 0 ? 1 / sqrt(length) : 1;
        for (int64_t c = 0; c < C; c++)
            off += pow(x[c] - scale * y[c], 2), all += pow(scale * y[c], 2);
    }
    size_t used = strlen(j->errors);
    snprintf(j->errors + used, sizeof(j->errors) - used, "%s\"%s\": %.3g", used ? ", " : "", name, sqrt(off / all));
    free(b.data);
    return HF_OK;
}

static int time_model(job *j, hf_model *m, hf_error *err)
{
    hf_tensor rgb, picture, features;
    int rc, h, w;

    if ((rc = read_golden(j, &rgb, "rgb", err)) < 0)
        return rc;
    picture = hf_tensor_view(malloc((size_t)hf_tensor_count(&rgb)), HF_U8, 3, rgb.shape[0], rgb.shape[1], 3);
    for (int64_t i = 0; i < hf_tensor_count(&rgb); i++)
        ((uint8_t *)picture.data)[i] = (uint8_t)((float *)rgb.data)[i];
    hf_model_grid(m, 512, 512, &h, &w);
    features = room(3, (int64_t[]){ h, w, m->n_channels });
    rc = m->prepare(m, 512, 512, err);
    for (int i = 0; i <= j->n_repeats && rc >= 0; i++) {
        double begin = wall(), work = processor();
        rc = m->extract(m, &features, &picture, err);
        begin = wall() - begin, work = processor() - work;
        if (i == 1 || (i > 1 && work < j->work))
            j->seconds = begin, j->work = work;
    }
    j->weights_mb = (long)(m->bytes(m, 512, 512) >> 20);
    if (rc >= 0)
        rc = note_error(j, &features, "features", true, err);
    free(rgb.data);
    free(picture.data);
    free(features.data);
    return rc;
}

static int run_model(job *j, hf_error *err)
{
    char aggregation[1024];
    struct rusage u;
    hf_model *m = NULL;
    int rc;

    snprintf(aggregation, sizeof(aggregation), "%s/aggregation_network_one-step.pt", j->folder);
    hf_model_params p = { .name = j->folder, .aggregation = aggregation, .precision = j->precision };
    if ((rc = hf_model_open(&m, j->be, &p, err)) < 0)
        return rc;
    rc = time_model(j, m, err);
    hf_model_close(&m);
    getrusage(RUSAGE_SELF, &u);
    j->memory_mb = u.ru_maxrss / 1024;
    return rc;
}

static int see_branch(void *ctx, int branch, const hf_tensor *map, hf_error *err)
{
    char name[32];
    snprintf(name, sizeof(name), "branch.%d", branch);
    return note_error(ctx, map, name, false, err);
}

static int run_encoder(job *j, hf_error *err)
{
    hf_tensor rgb, latent = room(4, (int64_t[]){ 1, 64, 64, 4 });
    int rc;
    if ((rc = read_golden(j, &rgb, "rgb", err)) < 0 || (rc = hf_arena_new(&j->arena, j->be, "encoder", err)) < 0 ||
        (rc = hf_sd_encoder_plan(j->encoder, j->arena, 1, 512, 512, err)) < 0 || (rc = hf_arena_seal(j->arena, 0, err)) < 0)
        goto end;
    for (int64_t i = 0; i < hf_tensor_count(&rgb); i++)
        ((float *)rgb.data)[i] = ((float *)rgb.data)[i] / 127.5f - 1;
    hf_tensor image = hf_tensor_view(rgb.data, HF_F32, 4, 1, 512, 512, 3);
    if ((rc = hf_sd_encoder_run(j->encoder, j->arena, &latent, &image, 0, err)) >= 0)
        rc = note_error(j, &latent, "latent", false, err);
end:
    free(rgb.data);
    free(latent.data);
    return rc;
}

static int run_unet(job *j, hf_error *err)
{
    hf_tensor text, latent, noise = room(4, (int64_t[]){ 1, 64, 64, 4 });
    hf_unet_taps taps = { .branches = 0xfff, .take_branch = see_branch, .ctx = j };
    int rc;
    if ((rc = read_golden(j, &text, "text", err)) < 0 || (rc = read_golden(j, &latent, "latent", err)) < 0 ||
        (rc = hf_unet_prompt_new(&j->prompt, j->unet, &text, err)) < 0 ||
        (rc = hf_unet_times_new(&j->times, j->unet, (int[]){ -1 }, 1, err)) < 0 ||
        (rc = hf_unet_prepare(j->unet, 1, 64, 64, err)) < 0 ||
        (rc = hf_unet_run(j->unet, &noise, &latent, j->prompt, j->times, 0, &taps, err)) < 0)
        return rc;
    rc = note_error(j, &noise, "noise", false, err);
    free(text.data);
    free(latent.data);
    free(noise.data);
    return rc;
}

static int run_parts(job *j, hf_error *err)
{
    hf_dtype type;
    hf_sd_params p = { .path = j->folder };
    int rc;
    if ((rc = hf_model_arithmetic(&type, j->be, j->precision, err)) < 0 || (rc = hf_sd_files_open(&j->files, &p, err)) < 0 ||
        (rc = hf_sd_encoder_open(&j->encoder, j->be, j->files, NULL, type, err)) < 0 || (rc = run_encoder(j, err)) < 0 ||
        (rc = hf_unet_open(&j->unet, j->be, j->files->part[HF_SD_UNET].weights, &j->files->unet, type, err)) < 0)
        return rc;
    return run_unet(j, err);
}

int main(int argc, char **argv)
{
    hf_error err = { 0 };
    job j = { .folder = argv[1] };
    int rc;

    if (argc != 6) {
        fprintf(stderr, "usage: run_sd FOLDER GOLDEN f32|bf16 REPEATS THREADS\n");
        return 2;
    }
    j.precision = strcmp(argv[3], "bf16") == 0 ? HF_PRECISION_BF16 : HF_PRECISION_F32;
    j.n_repeats = atoi(argv[4]);
    if ((rc = hf_backend_open(&j.be, "cpu", atoi(argv[5]), &err)) >= 0 &&
        (rc = hf_tensor_file_open(&j.file, argv[2], &err)) >= 0 &&
        (rc = hf_weights_open(&j.golden, j.file, "golden", NULL, NULL, &err)) >= 0 && (rc = run_model(&j, &err)) >= 0)
        rc = run_parts(&j, &err);
    if (rc < 0)
        fprintf(stderr, "run_sd: %s\n", err.text);
    else
        printf("{\"seconds\": %.2f, \"work\": %.2f, \"memory_mb\": %ld, \"weights_mb\": %ld, \"errors\": {%s}}\n", j.seconds, j.work,
               j.memory_mb, j.weights_mb, j.errors);
    hf_arena_free(&j.arena);
    hf_unet_times_free(&j.times);
    hf_unet_prompt_free(&j.prompt);
    hf_unet_close(&j.unet);
    hf_sd_encoder_close(&j.encoder);
    hf_sd_files_close(&j.files);
    hf_weights_close(&j.golden);
    hf_tensor_file_close(&j.file);
    hf_backend_close(&j.be);
    return rc < 0;
}
