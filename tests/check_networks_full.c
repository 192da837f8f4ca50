/* check_networks_full.c - hyperfeatures of Stable Diffusion at its real size: f16 on the device against f32.
 *
 * Weights are a diffusers folder with both aggregation networks (tests/bench/gpu_torch.py makes one of random numbers).
 * Wanted: cosine of every cell's features in f16 with those in f32 of at least 0.999; for neighbours that are found
 * with f16 features, a similarity in f32 within 1e-3 of the best for 99.9 % of the pixels.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "propagate/match_dense.h"
#include "tests/check_networks.h"

#define SIDE 512 /* pixels */
#define CELLS 64

/* Unit descriptor of pixel q of a map upsampled to SIDE x SIDE, as match_dense.h defines it. */
static void descriptor(double *out, const float *map, int D, int32_t q)
{
    double y = (q / SIDE + 0.5) * CELLS / SIDE - 0.5, x = (q % SIDE + 0.5) * CELLS / SIDE - 0.5, square = 0;
    y = fmin(fmax(y, 0), CELLS - 1), x = fmin(fmax(x, 0), CELLS - 1);
    int y0 = (int)y, x0 = (int)x, y1 = y0 + 1 < CELLS ? y0 + 1 : y0, x1 = x0 + 1 < CELLS ? x0 + 1 : x0;
    for (int d = 0; d < D; d++) {
        double top = (1 - (x - x0)) * map[(y0 * CELLS + x0) * D + d] + (x - x0) * map[(y0 * CELLS + x1) * D + d];
        double low = (1 - (x - x0)) * map[(y1 * CELLS + x0) * D + d] + (x - x0) * map[(y1 * CELLS + x1) * D + d];
        out[d] = (1 - (y - y0)) * top + (y - y0) * low;
        square += out[d] * out[d];
    }
    for (int d = 0; d < D && square > 0; d++)
        out[d] /= sqrt(square);
}

static double similarity_of(const float *source, const float *target, int D, int32_t p, int32_t q)
{
    double a[4096], b[4096], dot = 0;
    descriptor(a, source, D, p);
    descriptor(b, target, D, q);
    for (int d = 0; d < D; d++)
        dot += a[d] * b[d];
    return dot;
}

/* Least cosine of the cells of a and b. */
static double least_cosine(const float *a, const float *b, int64_t n_cells, int D)
{
    double least = 1;
    for (int64_t i = 0; i < n_cells; i++) {
        double ab = 0, aa = 0, bb = 0;
        for (int d = 0; d < D; d++) {
            double x = a[i * D + d], y = b[i * D + d];
            ab += x * y, aa += x * x, bb += y * y;
        }
        double cosine = ab / sqrt(aa * bb);
        least = cosine >= least ? least : cosine; /* no number becomes the least and fails */
    }
    return least;
}

/* Best pixel of target for each of source: [2][CELLS][CELLS][D] on the host. */
static int neighbours(check *c, int32_t *index, const float *features, int D, hf_error *err)
{
    hf_backend *be = c->device;
    hf_match_dense_params p = { SIDE, SIDE, SIDE, SIDE };
    hf_tensor map[2], out[2] = { hf_tensor_view(NULL, HF_I32, 2, SIDE, SIDE), hf_tensor_view(NULL, HF_F32, 2, SIDE, SIDE) };
    hf_tensor scratch = { .data = NULL };
    int rc = HF_OK;

    for (int i = 0; i < 2; i++) {
        hf_tensor host = hf_tensor_view((float *)features + (size_t)i * CELLS * CELLS * (size_t)D, HF_F32, 3, CELLS, CELLS, D);
        int uploaded = check_upload(be, &map[i], &host, err);
        rc = rc < 0 ? rc : uploaded;
        out[i].data = be->ops.alloc(be, hf_tensor_bytes(&out[i]));
    }
    if (rc >= 0) {
        size_t bytes = be->ops.match_dense_scratch_bytes(be, &map[0], &map[1], &p);
        scratch = hf_tensor_view(be->ops.alloc(be, bytes), HF_U8, 1, (int64_t)bytes);
        rc = be->ops.match_dense(be, &out[0], &out[1], &map[0], &map[1], &p, &scratch, err);
    }
    if (rc >= 0)
        rc = check_download(be, index, &out[0], err);
    for (int i = 0; i < 2; i++)
        be->ops.free(be, map[i].data), be->ops.free(be, out[i].data);
    be->ops.free(be, scratch.data);
    return rc;
}

/* Share of pixels whose f16 neighbour is, in f32, within 1e-3 of the best. Every 7th pixel: 37450 of them. */
static double share_near(const float *f32, int D, const int32_t *exact, const int32_t *found)
{
    const float *target = f32 + (size_t)CELLS * CELLS * (size_t)D;
    int n = 0, near = 0;
    for (int32_t p = 0; p < SIDE * SIDE; p += 7, n++)
        near += exact[p] == found[p] ||
                similarity_of(f32, target, D, p, found[p]) >= similarity_of(f32, target, D, p, exact[p]) - 1e-3;
    return (double)near / n;
}

static void compare(check *c, const char *label, hf_model_params p, const uint8_t *rgb)
{
    float *f32 = NULL, *f16 = NULL;
    int32_t *exact = check_memory(SIDE * SIDE * sizeof(*exact)), *found = check_memory(SIDE * SIDE * sizeof(*found));
    hf_error err = { 0 };
    int64_t n = 0, n16 = 0;
    bool same = false;
    int rc;

    p.precision = HF_PRECISION_F32;
    rc = check_features(&f32, &n, &same, c->device, &p, rgb, 2, SIDE, SIDE, 1, &err);
    p.precision = HF_PRECISION_F16;
    if (rc >= 0)
        rc = check_features(&f16, &n16, &same, c->device, &p, rgb, 2, SIDE, SIDE, 3, &err);
    int D = (int)(n / (2 * CELLS * CELLS));
    if (rc >= 0)
        rc = neighbours(c, exact, f32, D, &err);
    if (rc >= 0)
        rc = neighbours(c, found, f16, D, &err);
    if (rc < 0) {
        check_refusal(c, label, rc, &err);
    } else {
        check_limit(c, label, "least cosine of a cell, f16 with f32", least_cosine(f16, f32, 2 * CELLS * CELLS, D), 0.999, true);
        check_limit(c, label, "share of neighbours within 1e-3 of the best", share_near(f32, D, exact, found), 0.999, true);
        check_limit(c, label, "replays that are equal to the first run", same, 1, true);
    }
    free(f32), free(f16), free(exact), free(found);
}

/* The device's f32 is the yardstick of the above; here it is held to cpu. */
static void compare_with_cpu(check *c, const char *label, hf_model_params p, const uint8_t *rgb)
{
    float *want = NULL, *got = NULL;
    hf_error err = { 0 };
    int64_t n = 0;
    bool same;
    int rc;

    p.precision = HF_PRECISION_F32;
    if ((rc = check_features(&want, &n, &same, c->cpu, &p, rgb, 1, SIDE, SIDE, 1, &err)) < 0 ||
        (rc = check_features(&got, &n, &same, c->device, &p, rgb, 1, SIDE, SIDE, 1, &err)) < 0)
        check_refusal(c, label, rc, &err);
    else
        check_limit(c, label, "distance from cpu, f32", check_distance(got, want, n), 1e-3, false);
    free(want), free(got);
}

void check_full(check *c, const char *folder)
{
    char one_step[1024], all_steps[1024];
    uint8_t *rgb = check_memory(2 * SIDE * SIDE * 3);
    hf_model_params p = { .name = folder };

    check_picture(rgb, SIDE, SIDE, 0, 0);
    check_picture(rgb + SIDE * SIDE * 3, SIDE, SIDE, 9.5, -4.25);
    snprintf(one_step, sizeof(one_step), "%s/aggregation_network_one-step.pt", folder);
    snprintf(all_steps, sizeof(all_steps), "%s/aggregation_network.pt", folder);
    p.aggregation = one_step;
    compare_with_cpu(c, "one step at full size", p, rgb);
    compare(c, "one step at full size", p, rgb);
    p.aggregation = all_steps;
    compare(c, "50 steps at full size", p, rgb);
    free(rgb);
}
