/* cells.c - see cells.h. */
#include "propagate/cells.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 4096 /* on the stack: nothing is allocated while frames go by */

static int check_shape(int h, int w, int stride_px, int n_labels, hf_error *err)
{
    if (h >= 1 && w >= 1 && stride_px >= 1 && n_labels >= 1 && n_labels <= HF_MAX_LABELS)
        return HF_OK;
    return hf_fail(err, HF_EARG, "cells: %d x %d cells of %d px with %d labels, want 1 or more, "
                   "labels up to %d", w, h, stride_px, n_labels, HF_MAX_LABELS);
}

static void *take(hf_backend *be, size_t count)
{
    return be ? be->ops.alloc(be, count * sizeof(float)) : calloc(count, sizeof(float));
}

static void give(hf_backend *be, void *data)
{
    if (be)
        be->ops.free(be, data);
    else
        free(data);
}

int hf_cells_new_on(hf_cells **out, hf_backend *be, int h, int w, int stride_px, int n_labels, hf_error *err)
{
    *out = NULL;
    int rc = check_shape(h, w, stride_px, n_labels, err);
    if (rc < 0)
        return rc;
    hf_cells *c = calloc(1, sizeof(*c));
    if (!c)
        return hf_fail(err, HF_ENOMEM, "cells: out of memory");
    size_t n = (size_t)h * w;
    c->h = h, c->w = w, c->stride_px = stride_px, c->n_labels = n_labels;
    if (!(c->labels = take(be, n * n_labels)) || !(c->xy = take(be, n * 2)) || !(c->similarity = take(be, n))) {
        hf_cells_free_on(be, &c);
        return hf_fail(err, HF_ENOMEM, "cells: out of memory for %d x %d cells", w, h);
    }
    *out = c;
    return HF_OK;
}

void hf_cells_free_on(hf_backend *be, hf_cells **cells)
{
    if (!cells || !*cells)
        return;
    give(be, (*cells)->labels);
    give(be, (*cells)->xy);
    give(be, (*cells)->similarity);
    free(*cells);
    *cells = NULL;
}

int hf_cells_new(hf_cells **out, int h, int w, int stride_px, int n_labels, hf_error *err)
{
    return hf_cells_new_on(out, NULL, h, w, stride_px, n_labels, err);
}

/* Views of the three maps. */
static void list_maps(hf_tensor maps[3], const hf_cells *c)
{
    maps[0] = hf_tensor_view(c->labels, HF_F32, 3, c->h, c->w, c->n_labels);
    maps[1] = hf_tensor_view(c->xy, HF_F32, 3, c->h, c->w, 2);
    maps[2] = hf_tensor_view(c->similarity, HF_F32, 2, c->h, c->w);
}

int hf_cells_to_host(hf_cells *host, hf_backend *be, const hf_cells *cells, hf_error *err)
{
    hf_tensor from[3], to[3];
    int rc = HF_OK;
    list_maps(from, cells);
    list_maps(to, host);
    for (int i = 0; rc == HF_OK && i < 3; i++)
        rc = be->ops.read(be, to[i].data, &from[i], err);
    return rc < 0 ? rc : be->ops.sync(be, err);
}

int hf_cells_from_host(const hf_cells *cells, hf_backend *be, const hf_cells *host, hf_error *err)
{
    hf_tensor from[3], to[3];
    int rc = HF_OK;
    list_maps(from, host);
    list_maps(to, cells);
    for (int i = 0; rc == HF_OK && i < 3; i++)
        rc = be->ops.write(be, &to[i], from[i].data, err);
    return rc < 0 ? rc : be->ops.sync(be, err);
}

void hf_cells_free(hf_cells **cells)
{
    hf_cells_free_on(NULL, cells);
}

/* Values low..high as bytes, rounded to the nearest of 256 steps. */
static bool write_bytes(const float *values, size_t n, float low, float high, FILE *file)
{
    uint8_t bytes[CHUNK_BYTES];
    float scale = 255 / (high - low);
    for (size_t i = 0; i < n; i += CHUNK_BYTES) {
        size_t m = n - i < CHUNK_BYTES ? n - i : CHUNK_BYTES;
        for (size_t j = 0; j < m; j++)
            bytes[j] = (uint8_t)lrintf(scale * (fminf(fmaxf(values[i + j], low), high) - low));
        if (fwrite(bytes, 1, m, file) != m)
            return false;
    }
    return true;
}

static bool read_bytes(float *values, size_t n, float low, float high, FILE *file)
{
    uint8_t bytes[CHUNK_BYTES];
    float step = (high - low) / 255;
    for (size_t i = 0; i < n; i += CHUNK_BYTES) {
        size_t m = n - i < CHUNK_BYTES ? n - i : CHUNK_BYTES;
        if (fread(bytes, 1, m, file) != m)
            return false;
        for (size_t j = 0; j < m; j++)
            values[i + j] = low + step * (float)bytes[j];
    }
    return true;
}

int hf_cells_write(const hf_cells *c, FILE *file, const char *path, hf_error *err)
{
    size_t n = (size_t)c->h * c->w;
    if (fwrite(c->xy, sizeof(float), 2 * n, file) != 2 * n ||
        !write_bytes(c->similarity, n, -1, 1, file) ||
        !write_bytes(c->labels, n * c->n_labels, 0, 1, file))
        return hf_fail(err, HF_EIO, "%s: cells not written: %s", path, strerror(errno));
    return HF_OK;
}

/* Rounded labels sum to 1 only roughly. */
static bool scale_labels(hf_cells *c)
{
    for (size_t cell = 0; cell < (size_t)c->h * c->w; cell++) {
        float *labels = c->labels + cell * c->n_labels, sum = 0;
        for (int l = 0; l < c->n_labels; l++)
            sum += labels[l];
        if (!(sum > 0))
            return false;
        for (int l = 0; l < c->n_labels; l++)
            labels[l] /= sum;
    }
    return true;
}

int hf_cells_read(hf_cells *c, FILE *file, const char *path, hf_error *err)
{
    size_t n = (size_t)c->h * c->w;
    if (fread(c->xy, sizeof(float), 2 * n, file) != 2 * n ||
        !read_bytes(c->similarity, n, -1, 1, file) ||
        !read_bytes(c->labels, n * c->n_labels, 0, 1, file))
        return hf_fail(err, HF_EFORMAT, "%s: ended inside the cells of a frame", path);
    if (!scale_labels(c))
        return hf_fail(err, HF_EFORMAT, "%s: a cell has no label, want labels that sum to 1", path);
    return HF_OK;
}
