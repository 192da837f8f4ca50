/* cells.h - what tracking knows about one frame, at cell resolution.
 *
 * This is the correspondence field between a frame and one drawn frame before
 * it is brought to pixels. It is small, so that a backward pass can be spooled to disk
 * until the forward pass comes by: 9 + L bytes a cell, which is 0.3 MB a frame for one
 * object at 480p, with cells of 4 px.
 */
#ifndef HF_PROPAGATE_CELLS_H
#define HF_PROPAGATE_CELLS_H

#include <stdio.h>
#include "src/backend.h"
#include "src/hfprop.h"

struct hf_cells {
    int    h, w;       /* cells */
    int    stride_px;  /* pixels per cell; cell (y,x) covers pixels [y*s, y*s+s) x [x*s, x*s+s) */
    int    n_labels;   /* L, background included */
    float *labels;     /* [h,w,L] soft labels, sum 1 */
    float *xy;         /* [h,w,2] x and y in pixels of the drawn frame where the cell's centre came from */
    float *similarity; /* [h,w] cosine of the best match, -1..1 */
};

int  hf_cells_new(hf_cells **out, int h, int w, int stride_px, int n_labels, hf_error *err);

/* Cells whose three maps are in a backend's memory; the struct itself is on the host. Freed by hf_cells_free_on alone,
 * which takes a pointer to NULL. Where the backend has host memory they are cells like any other. */
int  hf_cells_new_on(hf_cells **out, hf_backend *be, int h, int w, int stride_px, int n_labels, hf_error *err);
void hf_cells_free_on(hf_backend *be, hf_cells **cells);

/* Maps between cells on a backend and cells of the same shape on the host. Both return when the bytes are there. */
int hf_cells_to_host(hf_cells *host, hf_backend *be, const hf_cells *cells, hf_error *err);
int hf_cells_from_host(const hf_cells *cells, hf_backend *be, const hf_cells *host, hf_error *err);

/*
 * One frame to and from a spool, 9 + L bytes a cell; `path` is for messages. The file is for the
 * machine that wrote it: floats are in host order.
 *
 * xy comes back bit for bit. Labels and similarity are kept in a byte each: similarity
 * comes back to 1/255; labels are rounded to 1/255 and then scaled to sum 1 again, so that each is
 * within (L + 1)/510 of what it was. 0 and 1 stay what they are. So a spool is no place for a
 * state to go on from.
 *
 * write returns HF_EIO. read fills cells of the same h, w and n_labels as were written, and
 * returns HF_EFORMAT if the file ends too early or a cell has no label; cells are then undefined.
 */
int hf_cells_write(const hf_cells *cells, FILE *file, const char *path, hf_error *err);
int hf_cells_read(hf_cells *cells, FILE *file, const char *path, hf_error *err);

/* The strongest of the L labels of one cell; the lowest of equal ones. */
static inline int hf_cells_best_label(const float *labels, int L)
{
    int best = 0;
    for (int l = 1; l < L; l++)
        if (labels[l] > labels[best])
            best = l;
    return best;
}

#endif
