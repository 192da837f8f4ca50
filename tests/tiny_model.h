/* tiny_model.h - a feature model for tests of what stands behind models: mean colour of every
 * cell of 4 pixels less the gray of 128, and its differences to the right and down, unit length. */
#ifndef HF_TESTS_TINY_MODEL_H
#define HF_TESTS_TINY_MODEL_H

#include <math.h>
#include <stdlib.h>

#include "src/model.h"

enum { TINY_STRIDE = 4, TINY_D = 9 };

typedef struct tiny_model {
    hf_model base;
    int      width, height;
} tiny_model;

static int tiny_prepare(hf_model *m, int width, int height, hf_error *err)
{
    (void)err;
    ((tiny_model *)m)->width = width;
    ((tiny_model *)m)->height = height;
    return HF_OK;
}

static void tiny_mean(float *mean, const tiny_model *m, const uint8_t *rgb, int cx, int cy)
{
    int n = 0;
    mean[0] = mean[1] = mean[2] = 0.0f;
    for (int y = cy * TINY_STRIDE; y < (cy + 1) * TINY_STRIDE; y++)
    for (int x = cx * TINY_STRIDE; x < (cx + 1) * TINY_STRIDE; x++, n++) {
        int u = x < m->width ? x : m->width - 1, v = y < m->height ? y : m->height - 1;
        for (int c = 0; c < 3; c++)
            mean[c] += rgb[3 * ((size_t)v * m->width + u) + c] - 128.0f;
    }
    for (int c = 0; c < 3; c++)
        mean[c] /= (float)n;
}

static void tiny_describe(float *features, const tiny_model *m, const uint8_t *rgb, int h, int w)
{
    for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
        float *f = features + ((size_t)y * w + x) * TINY_D, sum = 0.0f;
        tiny_mean(f, m, rgb, x, y);
        tiny_mean(f + 3, m, rgb, x + 1 < w ? x + 1 : x, y);
        tiny_mean(f + 6, m, rgb, x, y + 1 < h ? y + 1 : y);
        for (int c = 0; c < 6; c++)
            f[3 + c] -= f[c % 3];
        for (int c = 0; c < TINY_D; c++)
            sum += f[c] * f[c];
        for (int c = 0; sum > 0.0f && c < TINY_D; c++)
            f[c] /= sqrtf(sum);
    }
}

/* On the host, wherever the tensors are. */
static int tiny_extract(hf_model *model, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    const tiny_model *m = (const tiny_model *)model;
    hf_backend *be = model->backend;
    int h = (int)features->shape[0], w = (int)features->shape[1], rc = HF_OK;

    if (be->host_memory) {
        tiny_describe(features->data, m, rgb->data, h, w);
        return HF_OK;
    }
    uint8_t *picture = malloc(hf_tensor_bytes(rgb));
    float *described = malloc(hf_tensor_bytes(features));
    if ((rc = be->ops.read(be, picture, rgb, err)) >= 0 && (rc = be->ops.sync(be, err)) >= 0) {
        tiny_describe(described, m, picture, h, w);
        if ((rc = be->ops.write(be, features, described, err)) >= 0)
            rc = be->ops.sync(be, err);
    }
    free(picture);
    free(described);
    return rc;
}

static void tiny_close(hf_model *m)
{
    free(m);
}

static inline hf_model *tiny_open(hf_backend *be)
{
    tiny_model *m = calloc(1, sizeof(*m));
    m->base = (hf_model){ .name = "tiny", .backend = be, .stride_px = TINY_STRIDE,
                          .n_channels = TINY_D, .prepare = tiny_prepare,
                          .extract = tiny_extract, .close = tiny_close };
    return &m->base;
}

#endif
