/* golden_net.h - a network's golden: weights, inputs and outputs in one file of tests/golden, and how far we are from it. */
#ifndef HF_TESTS_GOLDEN_NET_H
#define HF_TESTS_GOLDEN_NET_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/backend.h"
#include "src/weights.h"

typedef struct golden {
    hf_tensor_file *file;
    hf_weights     *weights;
    hf_backend     *be;
} golden;

static inline golden golden_open(const char *name, const char *backend)
{
    golden g = { .file = NULL };
    hf_error err = { 0 };
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/golden/%s", HF_SOURCE_ROOT, name);
    cr_assert_eq(hf_tensor_file_open(&g.file, path, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_weights_open(&g.weights, g.file, "golden", NULL, NULL, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_backend_open(&g.be, backend, 2, &err), HF_OK, "%s", err.text);
    return g;
}

static inline void golden_close(golden *g)
{
    hf_backend_close(&g->be);
    hf_weights_close(&g->weights);
    hf_tensor_file_close(&g->file);
}

/* An array of the file in f32 host memory, which the caller frees. */
static inline hf_tensor golden_read(const golden *g, const char *name)
{
    hf_tensor t = { .dtype = HF_F32 };
    hf_error err = { 0 };
    cr_assert_eq(hf_weights_shape(g->weights, name, &t.n_dims, t.shape, &err), HF_OK, "%s", err.text);
    t.data = aligned_alloc(64, (hf_tensor_bytes(&t) + 63) & ~(size_t)63);
    cr_assert_eq(hf_weights_read(g->weights, &t, name, &err), HF_OK, "%s", err.text);
    return t;
}

/* Room for an output of t's shape. */
static inline hf_tensor golden_room(const hf_tensor *t)
{
    hf_tensor room = *t;
    room.data = aligned_alloc(64, (hf_tensor_bytes(t) + 63) & ~(size_t)63);
    return room;
}

/* |a - b| / |b| in f32 arrays, lengths over all numbers. */
static inline double golden_distance(const hf_tensor *a, const hf_tensor *b)
{
    const float *x = a->data, *y = b->data;
    double off = 0, all = 0;
    cr_assert_eq(hf_tensor_count(a), hf_tensor_count(b));
    for (int64_t i = 0; i < hf_tensor_count(b); i++) {
        off += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
        all += (double)y[i] * (double)y[i];
    }
    return sqrt(off / all);
}

/* At most `limit` from the array of that name. HF_GOLDEN_PRINT=1 prints the distance, for the table in golden/README.md. */
static inline void golden_expect(const golden *g, const hf_tensor *a, const char *name, double limit)
{
    hf_tensor want = golden_read(g, name);
    double distance = golden_distance(a, &want);
    if (getenv("HF_GOLDEN_PRINT"))
        fprintf(stderr, "%s %s %s: %.2g\n", hf_tensor_file_path(g->file), g->be->name, name, distance);
    cr_expect(distance <= limit, "%s on %s: %g from the golden, want at most %g", name, g->be->name, distance, limit);
    free(want.data);
}

#endif
