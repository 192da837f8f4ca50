/* golden_file.h - arrays of a golden in safetensors, for tests of networks. */
#ifndef HF_TESTS_GOLDEN_FILE_H
#define HF_TESTS_GOLDEN_FILE_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/backend.h"
#include "src/weights.h"

static inline hf_tensor_file *golden_open(const char *name)
{
    char path[512];
    hf_error err = { 0 };
    hf_tensor_file *file = NULL;
    snprintf(path, sizeof(path), HF_SOURCE_ROOT "/tests/golden/%s", name);
    cr_assert_eq(hf_tensor_file_open(&file, path, &err), HF_OK, "%s", err.text);
    return file;
}

/* An array of the file as f32 in new host memory, the caller's to free; data NULL if there is none. */
static inline hf_tensor golden_array(const hf_tensor_file *file, const char *name)
{
    const hf_tensor_entry *e = hf_tensor_file_find(file, name);
    hf_error err = { 0 };
    hf_weights *weights = NULL;
    hf_tensor t = { .data = NULL };
    if (!e)
        return t;
    t = hf_tensor_view_shape(NULL, HF_F32, e->n_dims, e->shape);
    t.data = malloc(hf_tensor_bytes(&t));
    cr_assert_eq(hf_weights_open(&weights, file, "golden", NULL, NULL, &err), HF_OK);
    cr_assert_eq(hf_weights_read(weights, &t, name, &err), HF_OK, "%s", err.text);
    hf_weights_close(&weights);
    return t;
}

/* |a - b| / |b| over all values. */
static inline double golden_error(const float *a, const float *b, int64_t n)
{
    double difference = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return size > 0 ? sqrt(difference / size) : sqrt(difference);
}

#endif
