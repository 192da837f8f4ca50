/* bench_ops.c - `bench ops`: entries of the backend's table at the shapes that they meet in Stable Diffusion, DINO and
 * propagation, on random numbers; on any device.
 *
 *     bench ops [--device D] [--precision f32|bf16|f16] [--batch N] [--only WORD] [--repeat N] [--threads N]
 *
 * tests/bench/gpu_torch.py has the same rows in PyTorch under the same names. --batch is of the networks' rows; matching
 * and splatting are of one frame.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/match_context.h"
#include "propagate/match_dense.h"
#include "propagate/splat.h"
#include "src/bench.h"
#include "src/bench_device.h"
#include "src/bench_features.h"

#define MAX_ARRAYS 8
#define REFERENCES 8   /* the drawn frame and 7 recent ones, as propagation has it by default */
#define KEPT 5
#define DRAWN_RADIUS 20
#define RECENT_RADIUS 10

/* One row: its arrays and what is done with them. */
typedef struct job {
    const hf_bench_options *o;
    hf_backend *be;
    hf_dtype    type; /* of activations and arithmetic */
    hf_tensor   t[MAX_ARRAYS];
    hf_packed  *packed;
    int         heads;      /* attention */
    int         H, W, C;    /* context: cells, channels */
    int         px_W, px_H; /* dense matching: pixels */
} job;

static void close_job(job *j)
{
    for (int i = 0; i < MAX_ARRAYS; i++)
        j->be->ops.free(j->be, j->t[i].data);
    j->be->ops.packed_free(j->be, &j->packed);
}

/* Time body and print it; what open made is closed. */
static int run_row(job *j, const char *name, int opened, hf_recorder_body *body, int n_things, hf_error *err)
{
    double ms;
    int rc = opened < 0 ? opened : hf_bench_time(&ms, j->be, body, j, true, j->o->repeat, err);
    if (rc >= 0)
        hf_bench_row(j->be, name, ms, n_things);
    close_job(j);
    return rc;
}

static bool wanted(const hf_bench_options *o, const char *name) { return !o->only || strstr(name, o->only); }

/* ---- attention ---- */

static int attend(void *ctx, hf_error *err)
{
    job *j = ctx;
    hf_attention_params p = { .n_heads = j->heads };
    return j->be->ops.attention(j->be, &j->t[0], &j->t[1], &j->t[2], &j->t[3], &p, err);
}

static int attention_rows(const hf_bench_options *o, hf_backend *be, hf_dtype type, hf_error *err)
{
    static const struct { int L, Lk, heads, d, one; } rows[] = { /* one: not of a batch */
        { 4096, 4096, 8, 40, 0 }, { 1024, 1024, 8, 80, 0 }, { 256, 256, 8, 160, 0 }, { 4096, 77, 8, 40, 0 },
        { 4096, 4096, 5, 64, 0 }, { 4096, 4096, 1, 512, 1 }, { 1370, 1370, 6, 64, 0 },
    };
    int rc = HF_OK;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && rc >= 0; i++) {
        job j = { .o = o, .be = be, .type = type, .heads = rows[i].heads };
        int N = rows[i].one ? 1 : o->batch, C = rows[i].heads * rows[i].d;
        char name[64];
        snprintf(name, sizeof(name), "attention-b%d-%dx%d-%dx%d", N, rows[i].L, rows[i].Lk, rows[i].heads, rows[i].d);
        if (!wanted(o, name))
            continue;
        if ((rc = hf_bench_array(be, &j.t[0], 1, err, type, 3, N, rows[i].L, C)) >= 0 &&
            (rc = hf_bench_array(be, &j.t[1], 2, err, type, 3, N, rows[i].L, C)) >= 0 &&
            (rc = hf_bench_array(be, &j.t[2], 3, err, type, 3, N, rows[i].Lk, C)) >= 0)
            rc = hf_bench_array(be, &j.t[3], 4, err, type, 3, N, rows[i].Lk, C);
        rc = run_row(&j, name, rc, attend, N, err);
    }
    return rc;
}

/* ---- group norm, convolution ---- */

static int normalize(void *ctx, hf_error *err)
{
    job *j = ctx;
    hf_group_norm_params p = { 32, 1e-5f, HF_ACT_SILU };
    return j->be->ops.group_norm(j->be, &j->t[0], &j->t[1], &j->t[2], &j->t[3], &p, err);
}

static int convolve(void *ctx, hf_error *err)
{
    job *j = ctx;
    hf_conv2d_params p = { .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1 };
    return j->be->ops.conv2d(j->be, &j->t[0], &j->t[1], j->packed, &j->t[2], NULL, &p, err);
}

/* Arrays of both: out, x, a vector or two of the channels; the packed 3 x 3 filters of a convolution. */
static int open_map(job *j, int N, int side, int C, bool filters, hf_error *err)
{
    hf_pack_params pack = { .dtype = j->type };
    int rc;
    if ((rc = hf_bench_array(j->be, &j->t[0], 1, err, j->type, 4, N, side, side, C)) < 0 ||
        (rc = hf_bench_array(j->be, &j->t[1], 2, err, j->type, 4, N, side, side, C)) < 0 ||
        (rc = hf_bench_array(j->be, &j->t[2], 3, err, HF_F32, 1, C)) < 0 ||
        (rc = hf_bench_array(j->be, &j->t[3], 4, err, HF_F32, 1, C)) < 0)
        return rc;
    if (!filters)
        return HF_OK;
    if ((rc = hf_bench_array(j->be, &j->t[4], 5, err, HF_F32, 4, C, C, 3, 3)) < 0)
        return rc;
    return j->be->ops.packed_new(j->be, &j->packed, &j->t[4], &pack, err);
}

static int map_rows(const hf_bench_options *o, hf_backend *be, hf_dtype type, hf_error *err)
{
    static const struct { int side, C, one; } rows[] = {
        { 64, 320, 0 }, { 32, 640, 0 }, { 16, 1280, 0 }, { 512, 128, 1 }, { 64, 512, 1 },
    };
    int rc = HF_OK;
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]) && rc >= 0; i++) {
        job j = { .o = o, .be = be, .type = type };
        int N = rows[i / 2].one ? 1 : o->batch, side = rows[i / 2].side, C = rows[i / 2].C;
        char name[64];
        snprintf(name, sizeof(name), "%s-b%d-%dx%dx%d", i % 2 ? "conv3x3" : "group_norm", N, side, side, C);
        if (wanted(o, name))
            rc = run_row(&j, name, open_map(&j, N, side, C, i % 2, err), i % 2 ? convolve : normalize, N, err);
    }
    return rc;
}

/* ---- matching ---- */

static int write_map(job *j, hf_tensor *map, const void *host, hf_error *err)
{
    int rc = hf_bench_array_shape(j->be, map, 1, map->dtype, map->n_dims, map->shape, err);
    if (rc >= 0 && (rc = j->be->ops.write(j->be, map, host, err)) >= 0)
        rc = j->be->ops.sync(j->be, err);
    return rc;
}

/* Smooth maps, the second one 3.3, 1.7 cells beside the first: t[0] and t[1], f32 [h,w,D]. */
static int open_maps(job *j, int h, int w, int D, hf_error *err)
{
    float *host = malloc((size_t)h * (size_t)w * (size_t)D * sizeof(*host));
    int rc = host ? HF_OK : hf_fail(err, HF_ENOMEM, "bench: out of memory");
    for (int k = 0; k < 2 && rc >= 0; k++) {
        j->t[k] = hf_tensor_view(NULL, HF_F32, 3, h, w, D);
        if ((rc = hf_bench_smooth(host, h, w, D, 3, 3.3f * (float)k, 1.7f * (float)k, 7, err)) >= 0)
            rc = write_map(j, &j->t[k], host, err);
    }
    free(host);
    return rc;
}

static int match_and_splat(void *ctx, hf_error *err)
{
    job *j = ctx;
    const hf_ops *ops = &j->be->ops;
    hf_match_dense_params p = { j->px_W, j->px_H, j->px_W, j->px_H };
    hf_tensor winner = { .data = NULL }, cover = hf_tensor_view(j->t[6].data, HF_F32, 2, j->px_H, j->px_W);
    hf_splat_params splat = { .temperature = 0.1f };
    int rc = ops->match_dense(j->be, &j->t[2], &j->t[3], &j->t[0], &j->t[1], &p, &j->t[4], err);
    return rc < 0 ? rc : ops->splat(j->be, &j->t[7], &cover, &winner, &j->t[5], &j->t[2], &j->t[3], &splat, &j->t[4], err);
}

/* 0, 1: maps; 2, 3: match; 4: scratch of both steps; 5: payload of 2 labels; 6: cover; 7: out. */
static int open_match(job *j, int h, int w, int D, hf_error *err)
{
    hf_match_dense_params p = { j->px_W, j->px_H, j->px_W, j->px_H };
    int rc = open_maps(j, h, w, D, err);
    if (rc < 0)
        return rc;
    size_t bytes = j->be->ops.match_dense_scratch_bytes(j->be, &j->t[0], &j->t[1], &p);
    size_t splat_bytes = hf_splat_scratch_bytes(j->px_W, j->px_H, j->px_W, j->px_H);
    if ((rc = hf_bench_array(j->be, &j->t[2], 1, err, HF_I32, 2, j->px_H, j->px_W)) < 0 ||
        (rc = hf_bench_array(j->be, &j->t[3], 1, err, HF_F32, 2, j->px_H, j->px_W)) < 0 ||
        (rc = hf_bench_array(j->be, &j->t[4], 1, err, HF_U8, 1, (int64_t)(bytes > splat_bytes ? bytes : splat_bytes))) < 0 ||
        (rc = hf_bench_array(j->be, &j->t[5], 1, err, HF_F32, 3, j->px_H, j->px_W, 2)) < 0 ||
        (rc = hf_bench_array(j->be, &j->t[6], 1, err, HF_F32, 2, j->px_H, j->px_W)) < 0)
        return rc;
    return hf_bench_array(j->be, &j->t[7], 1, err, HF_F32, 3, j->px_H, j->px_W, 2);
}

static int match_rows(const hf_bench_options *o, hf_backend *be, hf_error *err)
{
    static const struct { int W, H, w, h, D; } rows[] = { { 854, 480, 107, 60, 384 }, { 512, 512, 64, 64, 384 }, { 854, 480, 107, 60, 64 } };
    int rc = HF_OK;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && rc >= 0; i++) {
        job j = { .o = o, .be = be, .px_W = rows[i].W, .px_H = rows[i].H };
        char name[64];
        snprintf(name, sizeof(name), "match_splat-%dx%d-d%d", rows[i].W, rows[i].H, rows[i].D);
        if (wanted(o, name))
            rc = run_row(&j, name, open_match(&j, rows[i].h, rows[i].w, rows[i].D, err), match_and_splat, 1, err);
    }
    return rc;
}

/* A frame of context: its map against every reference, into one list. 0: index, 1: similarity, 2: target, 3: references. */
static int match_context(void *ctx, hf_error *err)
{
    job *j = ctx;
    int rc = HF_OK;
    for (int r = 0; r < REFERENCES && rc >= 0; r++) {
        hf_match_context_params p = { KEPT, r == 0 ? DRAWN_RADIUS : RECENT_RADIUS, r };
        hf_tensor reference = hf_tensor_view((char *)j->t[3].data + (size_t)r * hf_tensor_bytes(&j->t[2]), HF_U8, 4, j->H,
                                             j->C / 4, j->W, 4);
        rc = j->be->ops.match_context(j->be, &j->t[0], &j->t[1], &j->t[2], &reference, NULL, &p, err);
    }
    return rc;
}

/* The lists are full after the first run; later ones only merge, which is less work: they begin anew each time. */
static int match_context_anew(void *ctx, hf_error *err)
{
    job *j = ctx;
    int rc = j->be->ops.copy(j->be, &j->t[0], &j->t[4], err);
    if (rc >= 0)
        rc = j->be->ops.copy(j->be, &j->t[1], &j->t[5], err);
    return rc < 0 ? rc : match_context(ctx, err);
}

static int open_context(job *j, hf_error *err)
{
    int64_t n = (int64_t)j->H * j->W * KEPT;
    int32_t *index = malloc((size_t)n * sizeof(*index));
    float *similarity = malloc((size_t)n * sizeof(*similarity));
    int rc = index && similarity ? HF_OK : hf_fail(err, HF_ENOMEM, "bench: out of memory");

    if (rc < 0)
        goto end;
    hf_match_context_clear(index, similarity, n);
    j->t[4] = hf_tensor_view(NULL, HF_I32, 3, j->H, j->W, KEPT);
    j->t[5] = hf_tensor_view(NULL, HF_F32, 3, j->H, j->W, KEPT);
    if ((rc = hf_bench_array(j->be, &j->t[0], 1, err, HF_I32, 3, j->H, j->W, KEPT)) >= 0 &&
        (rc = hf_bench_array(j->be, &j->t[1], 1, err, HF_F32, 3, j->H, j->W, KEPT)) >= 0 &&
        (rc = hf_bench_array(j->be, &j->t[2], 1, err, HF_U8, 3, j->H, j->W, j->C)) >= 0 &&
        (rc = hf_bench_array(j->be, &j->t[3], 2, err, HF_U8, 4, REFERENCES, j->H, j->W, j->C)) >= 0 &&
        (rc = write_map(j, &j->t[4], index, err)) >= 0)
        rc = write_map(j, &j->t[5], similarity, err);
end:
    free(index);
    free(similarity);
    return rc;
}

static int context_rows(const hf_bench_options *o, hf_backend *be, hf_error *err)
{
    int rc = HF_OK;
    for (int i = 0; i < 2 && rc >= 0; i++) {
        job j = { .o = o, .be = be, .W = 107, .H = 60, .C = i ? 384 : 64 };
        char name[64];
        snprintf(name, sizeof(name), "match_context-%dx%d-d%d", j.W, j.H, j.C);
        if (wanted(o, name))
            rc = run_row(&j, name, open_context(&j, err), match_context_anew, 1, err);
    }
    return rc;
}

/* ---- all ---- */

int hf_bench_ops(int argc, char **argv)
{
    static const hf_dtype types[] = { [HF_PRECISION_AUTO] = HF_F32, [HF_PRECISION_F32] = HF_F32,
                                      [HF_PRECISION_BF16] = HF_BF16, [HF_PRECISION_F16] = HF_F16 };
    hf_bench_options o;
    hf_backend *be = NULL;
    hf_error err = { 0 };
    int rc;

    if (hf_bench_options_read(&o, argc, argv) < 0 || o.n_words) {
        fprintf(stderr, "bench ops: want options only\n");
        return 2;
    }
    if ((rc = hf_backend_open(&be, o.device, o.threads, &err)) >= 0 &&
        (rc = attention_rows(&o, be, types[o.precision], &err)) >= 0 &&
        (rc = map_rows(&o, be, types[o.precision], &err)) >= 0 && (rc = match_rows(&o, be, &err)) >= 0)
        rc = context_rows(&o, be, &err);
    hf_backend_close(&be);
    if (rc < 0)
        fprintf(stderr, "bench ops: %s\n", err.text);
    return rc < 0 ? 1 : 0;
}
