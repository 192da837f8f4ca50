/* cells.h - what tracking knows about one frame, at cell resolution.
 *
 * This is the correspondence field between a frame and one drawn frame before
 * it is brought to pixels. It is small (about 50 KB a frame at 480p), so that a
 * backward pass can be spooled to disk until the forward pass comes by.
 */
#ifndef HF_PROPAGATE_CELLS_H
#define HF_PROPAGATE_CELLS_H

#include <stdio.h>
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

/* Raw bytes, host order, to and from a spool or checkpoint file; `path` is for messages. */
int hf_cells_write(const hf_cells *cells, FILE *file, const char *path, hf_error *err);
int hf_cells_read(hf_cells *cells, FILE *file, const char *path, hf_error *err); /* sizes must agree */

#endif
