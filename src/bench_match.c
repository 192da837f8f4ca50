/* bench_match.c - `bench match`: how much faster exact dense matching is than brute force.
 *
 *     bench match [--case NAME] [--repeat N] [--threads N] [A.ppm B.ppm]
 *
 * Brute force is what one would write first: upsample and normalise both maps, one
 * big GEMM, an argmax per row. It is timed on a slice of the source pixels, against all
 * target pixels, with the upsampled vectors given for free (made outside the clock), and scaled to
 * all source pixels; OpenBLAS on the same threads. With two pictures, features are
 * plain statistics of them, or of the model classic at their own size; `pair` and `classic` are
 * left out without.
 * CHECKED source pixels of each case are compared with a search in double.
 */
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/match_dense.h"
#include "src/backend.h"
#include "src/bench.h"
#include "src/bench_features.h"
#include "src/model.h"
#include "src/simd.h"

#define SLICE_PX 512  /* source pixels of the timed brute force */
#define CHUNK_PX 8192 /* target pixels of one GEMM: the result stays in the cache */
#define CHECKED 32

typedef enum kind { SMOOTH, RANDOM, PAIR, CLASSIC } kind;

typedef struct bench_case {
    const char *name;
    kind        kind;
    int         W, H, w, h, D;
} bench_case;

static const bench_case cases[] = {
    { "smooth-512", SMOOTH, 512, 512, 64, 64, 384 }, { "pair-512", PAIR, 512, 512, 64, 64, 384 },
    { "random-512", RANDOM, 512, 512, 64, 64, 384 }, { "smooth-480p", SMOOTH, 854, 480, 107, 60, 64 },
    { "pair-480p", PAIR, 854, 480, 107, 60, 64 }, { "classic", CLASSIC, 0, 0, 0, 0, 0 },
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

typedef struct options {
    const char *only, *path[2];
    int         repeat, threads;
} options;

/* One case with its arrays. */
typedef struct run {
    const bench_case *c;
    float   *map[2]; /* [h,w,D] source, target */
    int32_t *index;
    float   *similarity;
    double   exact_s, brute_s, gflops;
    int      wrong;
} run;

/* out [n,D]: upsampled unit vectors of pixels first, first + step, ... */
static void upsample(float *out, const run *r, int which, int64_t first, int64_t step, int n)
{
    const bench_case *c = r->c;
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        int64_t px = first + i * step;
        double y = ((double)(px / c->W) + 0.5) * c->h / c->H - 0.5;
        double x = ((double)(px % c->W) + 0.5) * c->w / c->W - 0.5, square = 0;
        y = fmin(fmax(y, 0), c->h - 1), x = fmin(fmax(x, 0), c->w - 1);
        int y0 = (int)y, x0 = (int)x, y1 = y0 + 1 < c->h ? y0 + 1 : y0, x1 = x0 + 1 < c->w ? x0 + 1 : x0;
        const float *m = r->map[which];
        const float *v[4] = { m + (y0 * c->w + x0) * c->D, m + (y0 * c->w + x1) * c->D,
                              m + (y1 * c->w + x0) * c->D, m + (y1 * c->w + x1) * c->D };
        for (int d = 0; d < c->D; d++) {
            double s = (1 - (y - y0)) * ((1 - (x - x0)) * v[0][d] + (x - x0) * v[1][d]) +
                       (y - y0) * ((1 - (x - x0)) * v[2][d] + (x - x0) * v[3][d]);
            square += s * s;
            out[(int64_t)i * c->D + d] = (float)s;
        }
        for (int d = 0; d < c->D && square > 0; d++)
            out[(int64_t)i * c->D + d] *= (float)(1 / sqrt(square));
    }
}

HF_CLONES static void argmax_row(const float *row, int n, float *best, int32_t *at, int32_t first)
{
    float top = *best;
#pragma omp simd reduction(max : top)
    for (int q = 0; q < n; q++)
        top = row[q] > top ? row[q] : top;
    if (top <= *best)
        return;
    *best = top;
    int q = 0;
    while (row[q] < top)
        q++;
    *at = first + q;
}

static int time_brute_force(run *r, const hf_backend *be, hf_error *err)
{
    const bench_case *c = r->c;
    int n = c->W * c->H, n_slice = SLICE_PX < n ? SLICE_PX : n;
    float *s = malloc((size_t)n_slice * (size_t)c->D * sizeof(float));
    float *t = malloc((size_t)CHUNK_PX * (size_t)c->D * sizeof(float));
    float *dots = calloc((size_t)n_slice * CHUNK_PX, sizeof(float));
    float best[SLICE_PX];
    int32_t at[SLICE_PX];
    double seconds = 0;
    int rc = HF_OK;

    if (!s || !t || !dots) {
        rc = hf_fail(err, HF_ENOMEM, "bench: out of memory");
        goto end;
    }
    upsample(s, r, 0, n / 2, 1, n_slice);
    for (int i = 0; i < n_slice; i++)
        best[i] = -2;
    for (int q = 0; q < n; q += CHUNK_PX) {
        int n_q = n - q < CHUNK_PX ? n - q : CHUNK_PX;
        upsample(t, r, 1, q, 1, n_q);
        double start = hf_bench_seconds(be->n_threads);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n_slice, n_q, c->D, 1, s, c->D, t, c->D,
                    0, dots, n_q);
#pragma omp parallel for
        for (int i = 0; i < n_slice; i++)
            argmax_row(dots + (int64_t)i * n_q, n_q, &best[i], &at[i], q);
        seconds += hf_bench_seconds(be->n_threads) - start;
    }
    r->brute_s = seconds * n / n_slice;
    r->gflops = 2e-9 * n_slice * n * c->D / seconds;
end:
    free(s), free(t), free(dots);
    return rc;
}

static int time_exact(run *r, hf_backend *be, int repeat, hf_error *err)
{
    const bench_case *c = r->c;
    hf_match_dense_params p = { c->W, c->H, c->W, c->H };
    hf_tensor s = hf_tensor_view(r->map[0], HF_F32, 3, c->h, c->w, c->D);
    hf_tensor t = hf_tensor_view(r->map[1], HF_F32, 3, c->h, c->w, c->D);
    hf_tensor i = hf_tensor_view(r->index, HF_I32, 2, c->H, c->W);
    hf_tensor v = hf_tensor_view(r->similarity, HF_F32, 2, c->H, c->W);
    size_t bytes = be->ops.match_dense_scratch_bytes(be, &s, &t, &p);
    hf_tensor scratch = hf_tensor_view(be->ops.alloc(be, bytes), HF_U8, 1, (int64_t)bytes);
    int rc = HF_OK;

    if (!scratch.data)
        return hf_fail(err, HF_ENOMEM, "bench: out of memory, %zu bytes of scratch", bytes);
    r->exact_s = 1e9;
    for (int k = 0; k < repeat && rc == HF_OK; k++) {
        double start = hf_bench_seconds(be->n_threads);
        rc = be->ops.match_dense(be, &i, &v, &s, &t, &p, &scratch, err);
        r->exact_s = fmin(r->exact_s, hf_bench_seconds(be->n_threads) - start);
    }
    be->ops.free(be, scratch.data);
    return rc;
}

/* Pixels spread over the source, each searched through all target pixels in double. The
 * returned one is wrong if another is better by 1e-6 (upsampled vectors here are float). */
static int count_wrong(run *r, hf_error *err)
{
    const bench_case *c = r->c;
    int n = c->W * c->H, D = c->D;
    int64_t step = n / CHECKED;
    float *s = malloc((size_t)CHECKED * (size_t)D * sizeof(float));
    float *t = malloc((size_t)CHUNK_PX * (size_t)D * sizeof(float));
    double best[CHECKED], mine[CHECKED];

    if (!s || !t) {
        free(s), free(t);
        return hf_fail(err, HF_ENOMEM, "bench: out of memory");
    }
    upsample(s, r, 0, step / 2, step, CHECKED);
    for (int i = 0; i < CHECKED; i++)
        best[i] = mine[i] = -2;
    for (int q = 0; q < n; q += CHUNK_PX) {
        int n_q = n - q < CHUNK_PX ? n - q : CHUNK_PX;
        upsample(t, r, 1, q, 1, n_q);
#pragma omp parallel for
        for (int i = 0; i < CHECKED; i++)
            for (int k = 0; k < n_q; k++) {
                double dot = 0;
#pragma omp simd reduction(+ : dot)
                for (int d = 0; d < D; d++)
                    dot += (double)s[i * D + d] * (double)t[(int64_t)k * D + d];
                best[i] = fmax(best[i], dot);
                if (q + k == r->index[step / 2 + i * step])
                    mine[i] = dot;
            }
    }
    r->wrong = 0;
    for (int i = 0; i < CHECKED; i++)
        r->wrong += best[i] - mine[i] > 1e-6;
    free(s), free(t);
    return HF_OK;
}

static int fill_maps(run *r, const options *o, hf_error *err)
{
    const bench_case *c = r->c;
    for (int k = 0; k < 2; k++) {
        uint8_t *rgb = NULL;
        int rc = HF_OK, W = 0, H = 0;
        if (c->kind == RANDOM)
            hf_bench_random(r->map[k], c->h, c->w, c->D, 7 + (uint64_t)k);
        else if (c->kind == SMOOTH) /* a shift of 3.3, 1.7 cells between the two */
            rc = hf_bench_smooth(r->map[k], c->h, c->w, c->D, 3, 3.3f * (float)k, 1.7f * (float)k, 7, err);
        else if ((rc = hf_bench_read_ppm(&rgb, &W, &H, o->path[k], err)) == HF_OK)
            rc = hf_bench_statistics(r->map[k], c->h, c->w, c->D, rgb, W, H, err);
        free(rgb);
        if (rc < 0)
            return rc;
    }
    return HF_OK;
}

/* Case sizes and maps of the model classic; made here, freed with the run. */
static int fill_classic(run *r, bench_case *c, hf_backend *be, const options *o, hf_error *err)
{
    hf_model *model = NULL;
    uint8_t *rgb = NULL;
    int rc = hf_model_open(&model, be, &(hf_model_params){ .name = "classic" }, err);

    for (int k = 0; k < 2 && rc == HF_OK; k++) {
        int W = 0, H = 0;
        if ((rc = hf_bench_read_ppm(&rgb, &W, &H, o->path[k], err)) < 0)
            break;
        if (k > 0 && (W != c->W || H != c->H)) {
            rc = hf_fail(err, HF_EARG, "%s: is %d x %d, want %d x %d like the other", o->path[k], W, H,
                         c->W, c->H);
            break;
        }
        hf_tensor picture = hf_tensor_view(rgb, HF_U8, 3, H, W, 3);
        if (k == 0) {
            c->W = W, c->H = H, c->D = model->n_channels;
            c->w = (W + model->stride_px - 1) / model->stride_px;
            c->h = (H + model->stride_px - 1) / model->stride_px;
            if ((rc = model->prepare(model, W, H, err)) == HF_OK && model->adapt)
                rc = model->adapt(model, &picture, err);
        }
        r->map[k] = malloc((size_t)c->h * (size_t)c->w * (size_t)c->D * sizeof(float));
        hf_tensor map = hf_tensor_view(r->map[k], HF_F32, 3, c->h, c->w, c->D);
        if (rc == HF_OK)
            rc = r->map[k] ? model->extract(model, &map, &picture, err)
                           : hf_fail(err, HF_ENOMEM, "bench: out of memory");
        free(rgb);
        rgb = NULL;
    }
    free(rgb);
    hf_model_close(&model);
    return rc;
}

static int run_case(const bench_case *which, hf_backend *be, const options *o, hf_error *err)
{
    bench_case own = *which;
    const bench_case *c = &own;
    run r = { .c = c };
    int rc = HF_OK;

    if (c->kind == CLASSIC && (rc = fill_classic(&r, &own, be, o, err)) < 0)
        goto end;
    size_t n_map = (size_t)c->h * (size_t)c->w * (size_t)c->D, n = (size_t)c->W * (size_t)c->H;
    for (int k = 0; k < 2 && c->kind != CLASSIC; k++)
        r.map[k] = malloc(n_map * sizeof(float));
    r.index = malloc(n * sizeof(int32_t));
    r.similarity = malloc(n * sizeof(float));
    if (!r.map[0] || !r.map[1] || !r.index || !r.similarity) {
        rc = hf_fail(err, HF_ENOMEM, "bench: out of memory");
        goto end;
    }
    if (c->kind != CLASSIC && (rc = fill_maps(&r, o, err)) < 0)
        goto end;
    if ((rc = time_exact(&r, be, o->repeat, err)) < 0 ||
        (rc = time_brute_force(&r, be, err)) < 0 || (rc = count_wrong(&r, err)) < 0)
        goto end;
    printf("%-12s %4dx%-4d %3dx%-3d %4d %10.1f %10.1f %9.1f %8.0f %6d/%d\n", c->name, c->W, c->H, c->w,
           c->h, c->D, r.exact_s * 1e3, r.brute_s, r.gflops, r.brute_s / r.exact_s, r.wrong, CHECKED);
    fflush(stdout);
    rc = r.wrong > 0 ? HF_EDEVICE : HF_OK;
    if (rc < 0)
        hf_fail(err, HF_EDEVICE, "bench: %s: %d of %d pixels are not the best match", c->name, r.wrong, CHECKED);
end:
    free(r.map[0]), free(r.map[1]), free(r.index), free(r.similarity);
    return rc;
}

static int parse(options *o, int argc, char **argv)
{
    int n_paths = 0;
    *o = (options){ .repeat = 3 };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--case") == 0 && i + 1 < argc)
            o->only = argv[++i];
        else if (strcmp(argv[i], "--repeat") == 0 && i + 1 < argc)
            o->repeat = atoi(argv[++i]);
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            o->threads = atoi(argv[++i]);
        else if (argv[i][0] != '-' && n_paths < 2)
            o->path[n_paths++] = argv[i];
        else
            return -1;
    }
    return n_paths == 1 || o->repeat < 1 || o->threads < 0 ? -1 : 0;
}

int hf_bench_match(int argc, char **argv)
{
    options o;
    hf_backend *be = NULL;
    hf_error err = { 0 };
    int rc = HF_OK, n_run = 0;

    if (parse(&o, argc, argv) < 0) {
        fprintf(stderr, "bench match: want [--case NAME] [--repeat N] [--threads N] [A.ppm B.ppm]\n");
        return 2;
    }
    if ((rc = hf_backend_open(&be, "cpu", o.threads, &err)) < 0)
        goto end;
    printf("%d threads, %s time; best of %d; brute force timed on %d source pixels and scaled\n",
           be->n_threads, be->n_threads == 1 ? "processor" : "wall clock", o.repeat, SLICE_PX);
    printf("%-12s %9s %7s %4s %10s %10s %9s %8s %9s\n", "case", "pixels", "cells", "D", "exact ms",
           "brute s", "GFLOP/s", "ratio", "wrong");
    for (size_t i = 0; i < N_CASES; i++) {
        if ((o.only && strcmp(o.only, cases[i].name) != 0) || (cases[i].kind >= PAIR && !o.path[1]))
            continue;
        n_run++;
        if ((rc = run_case(&cases[i], be, &o, &err)) < 0)
            goto end;
    }
    if (n_run == 0)
        rc = hf_fail(&err, HF_EARG, "bench: no case to run; want a name of the table, two pictures for pair");
end:
    hf_backend_close(&be);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.text);
    return rc < 0 ? 1 : 0;
}
