/* refine.h - from cells to pixels, with the frame's own edges.
 *
 * Brings an hf_cells to full resolution: soft labels refined against the
 * picture (guided filter), and the coordinate field. Where the warped drawn
 * frame already explains the pixel (same colour at the coordinate it came
 * from), the drawn label there is kept as it is, so that an unchanged frame gives
 * back the mask exactly.
 */
#ifndef HF_PROPAGATE_REFINE_H
#define HF_PROPAGATE_REFINE_H

#include <stdint.h>
#include "propagate/cells.h"
#include "propagate/guide.h"

#define HF_REFINE_JOINED_PX 8 /* smaller cells are joined to these where coordinates are made */

typedef struct hf_refine hf_refine;

typedef struct hf_refine_params {
    int   edges;     /* 0: upsample only */
    int   radius_px; /* guided filter */
    float epsilon;   /* guided filter, colours in 0..1; > 0 */
} hf_refine_params;

#define HF_REFINE_DEFAULTS { .edges = 1, .radius_px = 8, .epsilon = 1e-3f }

/* One picture with what was drawn on it; borrowed. */
typedef struct hf_drawn {
    const uint8_t *rgb; /* [H,W,3] */
    const uint8_t *ids; /* [H,W] */
} hf_drawn;

/* max_labels: 1..HF_MAX_LABELS. Returns HF_EARG for parameters outside their ranges, HF_ENOMEM. */
int  hf_refine_open(hf_refine **out, int width, int height, int max_labels,
                    const hf_refine_params *params, hf_error *err);
void hf_refine_close(hf_refine **refine);

/* Bytes that it holds once it has run on so many cells. */
int64_t hf_refine_bytes(int width, int height, int n_cells);

/*
 *   soft   f32 [L,H,W]  out: soft labels, sum 1 over L
 *   xy     f32 [H,W,2]  out: where each pixel came from in the drawn frame, pixels; NULL: not wanted, the rest
 *                       comes out the same
 *   cover  f32 [H,W]    out: 0..1, how well the coordinate explains the pixel
 *   rgb    u8  [H,W,3]  the frame that cells belongs to
 *
 * cells: of a stride of 2 px, or of 4 or more. Returns HF_EARG if they do not fit the picture or have more
 * labels than max_labels; every id that was drawn is below their n_labels.
 */
int hf_refine_run(hf_refine *refine, float *soft, float *xy, float *cover, const hf_cells *cells,
                  const uint8_t *rgb, const hf_drawn *drawn, hf_error *err);

/* HF_EARG unless the cells fit, see above. For every backend. */
static inline int hf_refine_check(int W, int H, int max_labels, const hf_cells *cells, hf_error *err)
{
    int L = cells->n_labels, s = cells->stride_px;
    /* Cells finer than a block (of a small frame that was enlarged) are joined, or nothing holds them. */
    if (L > max_labels || s < 1 || (s < HF_GUIDE_BLOCK && HF_REFINE_JOINED_PX % s != 0) ||
        cells->h != (H + s - 1) / s || cells->w != (W + s - 1) / s)
        return hf_fail(err, HF_EARG, "refine: %d x %d cells of %d px with %d labels do not fit "
                       "%d x %d pixels with up to %d labels", cells->h, cells->w, s, L, W, H, max_labels);
    return HF_OK;
}

#endif
