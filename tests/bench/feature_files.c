/* feature_files.c - see feature_files.h. */
#include "tests/bench/feature_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/npy.h"

enum { STRIDE_PX = 8 };

typedef struct feature_files {
    hf_model base; /* first: callers hold this one */
    char     folder[4096];
    int      h, w, next; /* frame that the next extract reads */
} feature_files;

static int read_frame(hf_npy **out, const feature_files *m, hf_error *err)
{
    char path[4200];
    snprintf(path, sizeof(path), "%s/%05d.npy", m->folder, m->next);
    int rc = hf_npy_read(out, path, err);
    if (rc < 0)
        return rc;
    const int64_t *n = (*out)->shape;
    if ((*out)->n_dims == 3 && n[0] == m->h && n[1] == m->w && n[2] > 0 &&
        (m->base.n_channels == 0 || n[2] == m->base.n_channels))
        return HF_OK;
    rc = hf_fail(err, HF_EFORMAT, "%s: %d dimensions, %lld x %lld x ..., want %d x %d x D", path, (*out)->n_dims,
                 (long long)n[0], (long long)n[1], m->h, m->w);
    hf_npy_free(out);
    *out = NULL;
    return rc;
}

static int extract(hf_model *model, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    feature_files *m = (feature_files *)model;
    int D = model->n_channels, rc;
    float *out = features->data;
    hf_npy *npy = NULL;
    (void)rgb;
    if ((rc = read_frame(&npy, m, err)) < 0)
        return rc;
    hf_npy_to_f32(out, npy);
    hf_npy_free(&npy);
    m->next++;
    for (float *row = out; row < out + (size_t)m->h * m->w * D; row += D) {
        float sum = 0;
        for (int c = 0; c < D; c++)
            sum += row[c] * row[c];
        float scale = sum > 1e-12f ? 1 / sqrtf(sum) : 0;
        for (int c = 0; c < D; c++)
            row[c] *= scale;
    }
    return HF_OK;
}

static int prepare(hf_model *model, int width, int height, hf_error *err)
{
    const feature_files *m = (const feature_files *)model;
    if ((width + STRIDE_PX - 1) / STRIDE_PX == m->w && (height + STRIDE_PX - 1) / STRIDE_PX == m->h)
        return HF_OK;
    return hf_fail(err, HF_EARG, "features: pictures of %d x %d pixels, want %d x %d cells", width, height, m->w, m->h);
}

static int64_t bytes(const hf_model *model, int width, int height)
{
    (void)model, (void)width, (void)height;
    return sizeof(feature_files);
}

static void close_model(hf_model *model) { free(model); }

int feature_files_open(hf_model **out, hf_backend *be, const char *folder, const char *name, int width, int height,
                       hf_error *err)
{
    hf_npy *first = NULL;
    int rc;
    *out = NULL;
    feature_files *m = calloc(1, sizeof(*m));
    if (!m)
        return hf_fail(err, HF_ENOMEM, "features: out of memory");
    m->base = (hf_model){ .name = "files", .backend = be, .stride_px = STRIDE_PX, .prepare = prepare,
                          .extract = extract, .bytes = bytes, .close = close_model };
    m->h = (height + STRIDE_PX - 1) / STRIDE_PX, m->w = (width + STRIDE_PX - 1) / STRIDE_PX;
    snprintf(m->folder, sizeof(m->folder), "%s/%s", folder, name);
    if ((rc = read_frame(&first, m, err)) < 0) {
        free(m);
        return rc;
    }
    m->base.n_channels = (int)first->shape[2];
    hf_npy_free(&first);
    *out = &m->base;
    return HF_OK;
}
