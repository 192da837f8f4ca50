/* check_networks_match.c - given the same features, the device's matches are those of `cpu`.
 *
 * Dense: match_dense.h allows another pixel only where two similarities differ by less than 1e-6, and 1e-5 in the similarity
 * itself. Context: integers, so equal lists. Splat: sums in another order, 1e-5; the winner where cover is not 0.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/match_context.h"
#include "propagate/match_dense.h"
#include "propagate/splat.h"
#include "src/bench_features.h"
#include "tests/check_networks.h"

#define MAX_ARRAYS 8
#define KEPT 5

/* The arrays of one call: host contents, and what comes back. The first n_out are outputs. */
typedef struct arrays {
    hf_tensor t[MAX_ARRAYS];
    int       n, n_out;
} arrays;

typedef int call(hf_backend *be, const hf_tensor *t, const void *params, hf_error *err);

static hf_tensor *add_array(arrays *a, hf_dtype dtype, int n_dims, const int64_t *shape)
{
    hf_tensor *t = &a->t[a->n++];
    *t = hf_tensor_view_shape(NULL, dtype, n_dims, shape);
    t->data = check_memory(hf_tensor_bytes(t));
    return t;
}
#define ADD(a, dtype, n_dims, ...) add_array(a, dtype, n_dims, (const int64_t[]){ __VA_ARGS__ })

static void free_arrays(arrays *a)
{
    for (int i = 0; i < a->n; i++)
        free(a->t[i].data);
    a->n = 0;
}

/* The call on a backend; its outputs into out. */
static int run_on(hf_backend *be, const arrays *a, arrays *out, call *f, const void *params, hf_error *err)
{
    hf_tensor t[MAX_ARRAYS] = { { .data = NULL } };
    int rc = HF_OK;
    for (int i = 0; i < a->n && rc >= 0; i++)
        rc = check_upload(be, &t[i], &a->t[i], err);
    if (rc >= 0)
        rc = f(be, t, params, err);
    *out = (arrays){ .n_out = a->n_out };
    for (int i = 0; i < a->n_out && rc >= 0; i++)
        rc = check_download(be, add_array(out, t[i].dtype, t[i].n_dims, t[i].shape)->data, &t[i], err);
    for (int i = 0; i < a->n; i++)
        be->ops.free(be, t[i].data);
    return rc;
}

static double share_equal(const hf_tensor *a, const hf_tensor *b)
{
    int64_t n = hf_tensor_count(a), same = 0;
    for (int64_t i = 0; i < n; i++)
        same += ((const int32_t *)a->data)[i] == ((const int32_t *)b->data)[i];
    return (double)same / (double)n;
}

static double largest_difference(const hf_tensor *a, const hf_tensor *b)
{
    double worst = 0;
    for (int64_t i = 0; i < hf_tensor_count(a); i++) {
        double d = fabs((double)((const float *)a->data)[i] - (double)((const float *)b->data)[i]);
        worst = d > worst || isnan(d) ? d : worst;
    }
    return worst;
}

/* ---- dense ---- */

static int match_dense(hf_backend *be, const hf_tensor *t, const void *params, hf_error *err)
{
    size_t bytes = be->ops.match_dense_scratch_bytes(be, &t[2], &t[3], params);
    hf_tensor scratch = hf_tensor_view(be->ops.alloc(be, bytes), HF_U8, 1, (int64_t)bytes);
    int rc = be->ops.match_dense(be, &t[0], &t[1], &t[2], &t[3], params, &scratch, err);
    if (rc >= 0)
        rc = be->ops.sync(be, err);
    be->ops.free(be, scratch.data);
    return rc;
}

/* Splats the match that cpu found, so that a different tie does not count twice. */
static int splat(hf_backend *be, const hf_tensor *t, const void *params, hf_error *err)
{
    size_t bytes = hf_splat_scratch_bytes((int)t[4].shape[1], (int)t[4].shape[0], (int)t[1].shape[1], (int)t[1].shape[0]);
    hf_tensor scratch = hf_tensor_view(be->ops.alloc(be, bytes), HF_U8, 1, (int64_t)bytes);
    int rc = be->ops.splat(be, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], params, &scratch, err);
    if (rc >= 0)
        rc = be->ops.sync(be, err);
    be->ops.free(be, scratch.data);
    return rc;
}

static void check_splat(check *c, const char *label, const arrays *matched, int W, int H)
{
    arrays a = { .n_out = 3 }, want = { .n = 0 }, got = { .n = 0 };
    hf_splat_params p = { .temperature = 0.1f };
    hf_error err = { 0 };
    char what[96];
    int rc;

    snprintf(what, sizeof(what), "splat, %s", label);
    ADD(&a, HF_F32, 3, H, W, 2), ADD(&a, HF_F32, 2, H, W), ADD(&a, HF_I32, 2, H, W);
    float *payload = ADD(&a, HF_F32, 3, H, W, 2)->data;
    for (int i = 0; i < 2 * W * H; i++)
        payload[i] = (float)(i * 7919 % 1000) * 1e-3f;
    memcpy(ADD(&a, HF_I32, 2, H, W)->data, matched->t[0].data, hf_tensor_bytes(&matched->t[0]));
    memcpy(ADD(&a, HF_F32, 2, H, W)->data, matched->t[1].data, hf_tensor_bytes(&matched->t[1]));
    if ((rc = run_on(c->cpu, &a, &want, splat, &p, &err)) < 0 || (rc = run_on(c->device, &a, &got, splat, &p, &err)) < 0) {
        check_refusal(c, what, rc, &err);
    } else {
        check_limit(c, what, "difference", largest_difference(&got.t[0], &want.t[0]), 1e-5, false);
        check_limit(c, what, "difference of cover", largest_difference(&got.t[1], &want.t[1]), 1e-5, false);
        check_limit(c, what, "share of equal winners", share_equal(&got.t[2], &want.t[2]), 0.9999, true);
    }
    free_arrays(&a), free_arrays(&want), free_arrays(&got);
}

static void check_dense(check *c, const char *label, int W, int H, int w, int h, int D, bool smooth)
{
    arrays a = { .n_out = 2 }, want = { .n = 0 }, got = { .n = 0 };
    hf_match_dense_params p = { W, H, W, H };
    hf_error err = { 0 };
    char what[96];
    int rc = HF_OK;

    snprintf(what, sizeof(what), "dense match, %s", label);
    ADD(&a, HF_I32, 2, H, W), ADD(&a, HF_F32, 2, H, W);
    for (int k = 0; k < 2 && rc >= 0; k++) {
        float *map = ADD(&a, HF_F32, 3, h, w, D)->data;
        if (smooth)
            rc = hf_bench_smooth(map, h, w, D, 2, 2.3f * (float)k, 1.7f * (float)k, 7, &err);
        else
            hf_bench_random(map, h, w, D, 3 + (uint64_t)k);
    }
    if (rc < 0 || (rc = run_on(c->cpu, &a, &want, match_dense, &p, &err)) < 0 ||
        (rc = run_on(c->device, &a, &got, match_dense, &p, &err)) < 0) {
        check_refusal(c, what, rc, &err);
    } else {
        check_limit(c, what, "difference of similarity", largest_difference(&got.t[1], &want.t[1]), 1e-5, false);
        check_limit(c, what, "share of equal matches", share_equal(&got.t[0], &want.t[0]), 0.9999, true);
        check_splat(c, label, &want, W, H);
    }
    free_arrays(&a), free_arrays(&want), free_arrays(&got);
}

/* ---- context ---- */

typedef struct context_params {
    int n_references;
    hf_match_context_params p;
} context_params;

static int match_context(hf_backend *be, const hf_tensor *t, const void *params, hf_error *err)
{
    const context_params *c = params;
    int rc = HF_OK;
    for (int r = 0; r < c->n_references && rc >= 0; r++) {
        hf_match_context_params p = c->p;
        const int64_t *s = t[3].shape;
        hf_tensor reference = hf_tensor_view(NULL, HF_U8, 4, s[1], s[2], s[3], 4);
        reference.data = (char *)t[3].data + (size_t)r * hf_tensor_bytes(&reference);
        p.reference = r;
        p.radius_cells += r;
        rc = be->ops.match_context(be, &t[0], &t[1], &t[2], &reference, r % 2 ? &t[4] : NULL, &p, err);
    }
    return rc < 0 ? rc : be->ops.sync(be, err);
}

static void check_context(check *c, const char *label, int w, int h, int D, int radius)
{
    arrays a = { .n_out = 2 }, want = { .n = 0 }, got = { .n = 0 };
    context_params p = { 3, { KEPT, radius, 0 } };
    int P = HF_MATCH_PAD(D), tiles = (w + HF_MATCH_TILE - 1) / HF_MATCH_TILE, rc;
    hf_error err = { 0 };
    char what[96];

    snprintf(what, sizeof(what), "context match, %s", label);
    ADD(&a, HF_I32, 3, h, w, KEPT), ADD(&a, HF_F32, 3, h, w, KEPT);
    hf_match_context_clear(a.t[0].data, a.t[1].data, (int64_t)h * w * KEPT);
    uint8_t *target = ADD(&a, HF_U8, 3, h, w, P)->data, *references = ADD(&a, HF_U8, 5, p.n_references, h, P / 4, w, 4)->data;
    int32_t *shift = ADD(&a, HF_I32, 3, h, tiles, 2)->data;
    float *map = check_memory((size_t)h * (size_t)w * (size_t)D * sizeof(*map));
    uint8_t *bytes = check_memory((size_t)h * (size_t)w * (size_t)P);
    for (int r = 0; r <= p.n_references; r++) {
        hf_bench_random(map, h, w, D, 11 + (uint64_t)r);
        for (int64_t i = 0; i < (int64_t)h * w * D; i++)
            map[i] *= 0.15f;
        hf_match_context_bytes(r ? bytes : target, map, h, w, D);
        if (r)
            hf_match_context_pack(references + (size_t)(r - 1) * (size_t)h * (size_t)w * (size_t)P, bytes, h, w, D);
    }
    for (int i = 0; i < 2 * h * tiles; i++)
        shift[i] = i * 7 % 11 - 5;
    if ((rc = run_on(c->cpu, &a, &want, match_context, &p, &err)) < 0 ||
        (rc = run_on(c->device, &a, &got, match_context, &p, &err)) < 0) {
        check_refusal(c, what, rc, &err);
    } else {
        check_limit(c, what, "share of equal matches", share_equal(&got.t[0], &want.t[0]), 1, true);
        check_limit(c, what, "difference of similarity", largest_difference(&got.t[1], &want.t[1]), 0, false);
    }
    free(map), free(bytes);
    free_arrays(&a), free_arrays(&want), free_arrays(&got);
}

void check_matching(check *c)
{
    check_dense(c, "smooth, small", 53, 41, 9, 7, 12, true);
    check_dense(c, "random, odd sizes", 61, 37, 8, 5, 33, false);
    check_context(c, "small", 21, 13, 10, 3);
    if (c->quick)
        return;
    check_dense(c, "smooth, 512 x 512, D 384", 512, 512, 64, 64, 384, true);
    check_dense(c, "smooth, 854 x 480, D 64", 854, 480, 107, 60, 64, true);
    check_context(c, "107 x 60, D 64", 107, 60, 64, 20);
    check_context(c, "107 x 60, D 384", 107, 60, 384, 10);
}
