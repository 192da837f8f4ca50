/* cells.c - see cells.h. */
#include "propagate/cells.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hf_cells_new(hf_cells **out, int h, int w, int stride_px, int n_labels, hf_error *err)
{
    *out = NULL;
    if (h < 1 || w < 1 || stride_px < 1 || n_labels < 1 || n_labels > HF_MAX_LABELS)
        return hf_fail(err, HF_EARG, "cells: %d x %d cells of %d px with %d labels, want 1 or more, "
                       "labels up to %d", w, h, stride_px, n_labels, HF_MAX_LABELS);
    hf_cells *c = calloc(1, sizeof(*c));
    if (!c)
        return hf_fail(err, HF_ENOMEM, "cells: out of memory");
    size_t n = (size_t)h * w;
    c->h = h, c->w = w, c->stride_px = stride_px, c->n_labels = n_labels;
    c->labels = calloc(n * n_labels, sizeof(float));
    c->xy = calloc(n * 2, sizeof(float));
    c->similarity = calloc(n, sizeof(float));
    if (!c->labels || !c->xy || !c->similarity) {
        hf_cells_free(&c);
        return hf_fail(err, HF_ENOMEM, "cells: out of memory for %d x %d cells", w, h);
    }
    *out = c;
    return HF_OK;
}

void hf_cells_free(hf_cells **cells)
{
    if (!cells || !*cells)
        return;
    free((*cells)->labels);
    free((*cells)->xy);
    free((*cells)->similarity);
    free(*cells);
    *cells = NULL;
}

int hf_cells_write(const hf_cells *c, FILE *file, const char *path, hf_error *err)
{
    size_t n = (size_t)c->h * c->w, labels = n * c->n_labels;
    if (fwrite(c->labels, sizeof(float), labels, file) != labels ||
        fwrite(c->xy, sizeof(float), 2 * n, file) != 2 * n ||
        fwrite(c->similarity, sizeof(float), n, file) != n)
        return hf_fail(err, HF_EIO, "%s: cells not written: %s", path, strerror(errno));
    return HF_OK;
}

int hf_cells_read(hf_cells *c, FILE *file, const char *path, hf_error *err)
{
    size_t n = (size_t)c->h * c->w, labels = n * c->n_labels;
    if (fread(c->labels, sizeof(float), labels, file) != labels ||
        fread(c->xy, sizeof(float), 2 * n, file) != 2 * n ||
        fread(c->similarity, sizeof(float), n, file) != n)
        return hf_fail(err, HF_EFORMAT, "%s: ended inside the cells of a frame", path);
    return HF_OK;
}
