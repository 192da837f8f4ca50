/* run_network.c - runs one encoder on arrays of a file, for the scripts that compare with PyTorch at full size.
 *
 *     run_network vae|taesd|text WEIGHTS INPUTS OUTPUT [f32|bf16] [REPEATS] [THREADS]
 *
 * WEIGHTS: names as diffusers and transformers have them. INPUTS: `in.image` [N,H,W,3] or `in.ids` [N,77]. OUTPUT: the result,
 * packed f32. Prints seconds of the fastest repeat after a first one, processor seconds of all threads of the one with the
 * least, and the most memory the process held, in MB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "src/net/clip_text.h"
#include "src/net/taesd.h"
#include "src/net/vae.h"

typedef struct job {
    const char     *what;
    hf_backend     *be;
    const hf_weights *weights, *inputs;
    hf_dtype        dtype;
    hf_vae         *vae;
    hf_taesd       *taesd;
    hf_clip_text   *text;
    hf_arena       *arena;
    hf_tensor       input, output; /* f32 host arrays */
    int32_t        *ids;
} job;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of all threads: what the time would be on a machine with nothing else to do, times the threads. */
static double processor_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* The most memory this process held, MB. Not ru_maxrss: that of the process which started this one is in it. */
static long most_memory(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    long kb = 0;
    while (f && fgets(line, sizeof(line), f))
        sscanf(line, "VmHWM: %ld", &kb);
    if (f)
        fclose(f);
    return kb / 1024;
}

static int allocate(hf_tensor *t, hf_error *err)
{
    t->data = aligned_alloc(64, (hf_tensor_bytes(t) + 63) & ~(size_t)63);
    return t->data ? HF_OK : hf_fail(err, HF_ENOMEM, "no memory for an array");
}

static int read_input(job *j, const char *name, hf_error *err)
{
    int rc;
    j->input.dtype = HF_F32;
    if ((rc = hf_weights_shape(j->inputs, name, &j->input.n_dims, j->input.shape, err)) < 0 ||
        (rc = allocate(&j->input, err)) < 0)
        return rc;
    return hf_weights_read(j->inputs, &j->input, name, err);
}

static int open_text(job *j, hf_error *err)
{
    hf_clip_text_config c;
    int rc;
    if ((rc = read_input(j, "in.ids", err)) < 0 || (rc = hf_clip_text_config_infer(&c, j->weights, err)) < 0 ||
        (rc = hf_clip_text_open(&j->text, j->be, j->weights, &c, j->dtype, err)) < 0)
        return rc;
    int64_t n = hf_tensor_count(&j->input);
    if (!(j->ids = calloc((size_t)n, sizeof(*j->ids))))
        return hf_fail(err, HF_ENOMEM, "no memory for %lld tokens", (long long)n);
    for (int64_t i = 0; i < n; i++)
        j->ids[i] = (int32_t)((const float *)j->input.data)[i];
    j->output = hf_tensor_view(NULL, HF_F32, 3, j->input.shape[0], c.n_positions, c.width);
    return allocate(&j->output, err);
}

static int open_picture(job *j, hf_error *err)
{
    bool is_vae = strcmp(j->what, "vae") == 0;
    hf_vae_config c;
    int rc;

    if ((rc = read_input(j, "in.image", err)) < 0 ||
        (rc = hf_arena_new(&j->arena, j->be, "scratch", err)) < 0)
        return rc;
    const int64_t *s = j->input.shape;
    if (is_vae && ((rc = hf_vae_config_infer(&c, j->weights, err)) < 0 ||
                   (rc = hf_vae_open(&j->vae, j->be, j->weights, &c, j->dtype, err)) < 0 ||
                   (rc = hf_vae_plan(j->vae, j->arena, s[0], s[1], s[2], err)) < 0))
        return rc;
    if (!is_vae && ((rc = hf_taesd_open(&j->taesd, j->be, j->weights, j->dtype, err)) < 0 ||
                    (rc = hf_taesd_plan(j->taesd, j->arena, s[0], s[1], s[2], err)) < 0))
        return rc;
    int stride = is_vae ? hf_vae_stride(j->vae) : hf_taesd_stride(j->taesd);
    int channels = is_vae ? c.latent_channels : hf_taesd_latent_channels(j->taesd);
    j->output = hf_tensor_view(NULL, HF_F32, 4, s[0], s[1] / stride, s[2] / stride, channels);
    if ((rc = allocate(&j->output, err)) < 0)
        return rc;
    return hf_arena_seal(j->arena, 0, err);
}

static int run(job *j, hf_error *err)
{
    if (j->text)
        return hf_clip_text_run(j->text, &j->output, j->ids, err);
    if (j->vae)
        return hf_vae_encode(j->vae, j->arena, &j->output, &j->input, NULL, err);
    return hf_taesd_encode(j->taesd, j->arena, &j->output, &j->input, err);
}

static int measure(job *j, int n_repeats, hf_error *err)
{
    double best = 0, best_work = 0;
    int rc;

    for (int i = 0; i <= n_repeats; i++) {
        double start = seconds(), start_work = processor_seconds();
        if ((rc = run(j, err)) < 0)
            return rc;
        double took = seconds() - start, work = processor_seconds() - start_work;
        if (i == 1 || took < best) /* the first of all makes plans */
            best = took;
        if (i == 1 || work < best_work)
            best_work = work;
    }
    printf("%.4f %.4f %ld\n", best, best_work, most_memory());
    return HF_OK;
}

static int write_output(const job *j, const char *path, hf_error *err)
{
    FILE *f = fopen(path, "wb");
    size_t n = hf_tensor_bytes(&j->output);
    int ok = f && fwrite(j->output.data, 1, n, f) == n;
    ok = (f ? fclose(f) == 0 : 0) && ok;
    return ok ? HF_OK : hf_fail(err, HF_EIO, "%s: cannot be written", path);
}

int main(int argc, char **argv)
{
    job j = { 0 };
    hf_tensor_file *weights_file = NULL, *inputs_file = NULL;
    hf_weights *weights = NULL, *inputs = NULL;
    hf_error err = { 0 };
    int rc;

    if (argc < 5) {
        fprintf(stderr, "usage: run_network vae|taesd|text WEIGHTS INPUTS OUTPUT [f32|bf16] [REPEATS] [THREADS]\n");
        return 2;
    }
    j.what = argv[1];
    j.dtype = argc > 5 && strcmp(argv[5], "bf16") == 0 ? HF_BF16 : HF_F32;
    if ((rc = hf_tensor_file_open(&weights_file, argv[2], &err)) < 0 ||
        (rc = hf_weights_open(&weights, weights_file, j.what, NULL, NULL, &err)) < 0 ||
        (rc = hf_tensor_file_open(&inputs_file, argv[3], &err)) < 0 ||
        (rc = hf_weights_open(&inputs, inputs_file, "inputs", NULL, NULL, &err)) < 0 ||
        (rc = hf_backend_open(&j.be, "cpu", argc > 7 ? atoi(argv[7]) : 0, &err)) < 0)
        goto end;
    j.weights = weights, j.inputs = inputs;
    if ((rc = strcmp(j.what, "text") == 0 ? open_text(&j, &err) : open_picture(&j, &err)) < 0 ||
        (rc = measure(&j, argc > 6 ? atoi(argv[6]) : 1, &err)) < 0)
        goto end;
    rc = write_output(&j, argv[4], &err);
end:
    if (rc < 0)
        fprintf(stderr, "run_network: %s\n", err.text);
    hf_vae_close(&j.vae);
    hf_taesd_close(&j.taesd);
    hf_clip_text_close(&j.text);
    hf_arena_free(&j.arena);
    free(j.input.data);
    free(j.output.data);
    free(j.ids);
    hf_backend_close(&j.be);
    hf_weights_close(&inputs);
    hf_weights_close(&weights);
    hf_tensor_file_close(&inputs_file);
    hf_tensor_file_close(&weights_file);
    return rc < 0 ? 1 : 0;
}
