/* bench_device.c - see bench_device.h. */
#include "src/bench_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/half.h"
#include "src/noise.h"

#define GROUP_S 0.02    /* a group of calls: far above what a sync and the clock cost */
#define MAX_GROUPS 100
#define N_NUMBERS (1 << 20)

static int read_precision(hf_precision *out, const char *word)
{
    static const char *const names[] = { [HF_PRECISION_AUTO] = "auto", [HF_PRECISION_F32] = "f32",
                                         [HF_PRECISION_BF16] = "bf16", [HF_PRECISION_F16] = "f16" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(word, names[i]) == 0)
            return *out = (hf_precision)i, 0;
    return -1;
}

static int read_number(int *out, const char *word)
{
    char *end;
    long v = strtol(word, &end, 10);
    *out = (int)v;
    return *end || v < 1 || v > 1000000 ? -1 : 0;
}

static int read_one(hf_bench_options *o, const char *option, const char *value)
{
    const struct { const char *name; const char **text; int *number; } table[] = {
        { "--device", &o->device, NULL },   { "--name", &o->name, NULL },
        { "--only", &o->only, NULL },       { "--aggregation", &o->aggregation, NULL },
        { "--batch", NULL, &o->batch },     { "--repeat", NULL, &o->repeat },
        { "--threads", NULL, &o->threads },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(option, table[i].name) == 0)
            return table[i].text ? (*table[i].text = value, 0) : read_number(table[i].number, value);
    if (strcmp(option, "--precision") == 0)
        return read_precision(&o->precision, value);
    char rest;
    if (strcmp(option, "--size") == 0)
        return sscanf(value, "%dx%d%c", &o->width, &o->height, &rest) == 2 && o->width > 0 && o->height > 0 ? 0 : -1;
    return -1;
}

int hf_bench_options_read(hf_bench_options *o, int argc, char **argv)
{
    *o = (hf_bench_options){ .device = "cpu", .batch = 1, .repeat = 5 };
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            if (o->n_words == 2)
                return -1;
            o->words[o->n_words++] = argv[i];
        } else if (i + 1 == argc || read_one(o, argv[i], argv[i + 1]) < 0) {
            return -1;
        } else {
            i++;
        }
    }
    return 0;
}

static void put(void *data, hf_dtype dtype, int64_t i, float value, const float *normal)
{
    switch (dtype) {
    case HF_F32: ((float *)data)[i] = value; break;
    case HF_F16: ((uint16_t *)data)[i] = hf_f32_to_f16(value); break;
    case HF_BF16: ((uint16_t *)data)[i] = hf_f32_to_bf16(value); break;
    case HF_I32: ((int32_t *)data)[i] = (int32_t)hf_bits_of_float(normal[i % N_NUMBERS]) & 255; break;
    case HF_U8: ((uint8_t *)data)[i] = (uint8_t)hf_bits_of_float(normal[i % N_NUMBERS]); break;
    }
}

int hf_bench_array_shape(hf_backend *be, hf_tensor *out, uint64_t seed, hf_dtype dtype, int n_dims, const int64_t *shape,
                         hf_error *err)
{
    *out = hf_tensor_view_shape(NULL, dtype, n_dims, shape);
    int64_t n = hf_tensor_count(out);
    float *normal = malloc(N_NUMBERS * sizeof(*normal));
    void *host = malloc(hf_tensor_bytes(out));
    int rc;

    out->data = be->ops.alloc(be, hf_tensor_bytes(out));
    if (!normal || !host || !out->data) {
        rc = hf_fail(err, HF_ENOMEM, "bench: out of memory for an array of %zu bytes", hf_tensor_bytes(out));
        goto end;
    }
    hf_noise_normal(normal, 0, n < N_NUMBERS ? (n + 1) & ~(int64_t)1 : N_NUMBERS, seed, 0);
    for (int64_t i = 0; i < n; i++)
        put(host, dtype, i, normal[i % N_NUMBERS], normal);
    if ((rc = be->ops.write(be, out, host, err)) >= 0)
        rc = be->ops.sync(be, err);
end:
    free(normal);
    free(host);
    return rc;
}

static double wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct timed {
    hf_backend       *be;
    hf_recorder_body *body;
    void             *ctx;
    hf_recorder      *recorder; /* NULL: plainly */
} timed;

/* n calls between two syncs, seconds. */
static int time_group(double *seconds, const timed *t, int n, hf_error *err)
{
    int rc = t->be->ops.sync(t->be, err);
    double begin = wall();
    for (int i = 0; i < n && rc >= 0; i++)
        rc = t->recorder ? hf_recorder_run(t->recorder, t->body, t->ctx, err) : t->body(t->ctx, err);
    if (rc >= 0)
        rc = t->be->ops.sync(t->be, err);
    *seconds = wall() - begin;
    return rc;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int hf_bench_time(double *ms, hf_backend *be, hf_recorder_body *body, void *ctx, bool records, int repeat, hf_error *err)
{
    hf_recorder recorder = { .be = be };
    timed t = { be, body, ctx, records ? &recorder : NULL };
    double seconds[MAX_GROUPS], one = 0;
    int rc = HF_OK;

    if (repeat > MAX_GROUPS)
        repeat = MAX_GROUPS;
    for (int i = 0; i < 3 && rc >= 0; i++) /* plain; recorded; the first replay, which puts the recording on the device */
        rc = time_group(&one, &t, 1, err);
    int n = one < GROUP_S ? (int)(GROUP_S / (one > 1e-6 ? one : 1e-6)) + 1 : 1;
    for (int i = 0; i < repeat && rc >= 0; i++)
        rc = time_group(&seconds[i], &t, n, err);
    if (rc >= 0) {
        qsort(seconds, (size_t)repeat, sizeof(*seconds), by_size);
        *ms = 1e3 * seconds[repeat / 2] / n;
    }
    hf_recorder_reset(&recorder);
    return rc;
}

void hf_bench_row(hf_backend *be, const char *name, double ms, int n_things)
{
    hf_device_memory m = { 0 };
    if (be->ops.memory)
        be->ops.memory(be, &m, NULL);
    printf("%-32s %11.4f ms %11.2f /s %8lld MB %8lld MB\n", name, ms, n_things * 1e3 / ms, (long long)(m.peak >> 20),
           (long long)((m.total - m.free) >> 20));
    fflush(stdout);
}
