/* settle.h - displacements of blocks, settled to parts of a pixel against the picture.
 *
 * Cells say to about a quarter of a cell where they came from. Here each block of a frame is laid
 * over the drawn frame around that place, and moved to where the two differ least.
 */
#ifndef HF_PROPAGATE_SETTLE_H
#define HF_PROPAGATE_SETTLE_H

#include <stdint.h>
#include "propagate/block.h"
#include "propagate/cells.h"

typedef struct hf_settle hf_settle;

/* What is known of each block; a block is one cell of hf_cells. */
typedef struct hf_settled {
    float   *move;     /* [h,w,2] displacement to the drawn frame, pixels */
    float   *residual; /* [h,w] mean absolute difference of lightness there, 0..255 */
    uint8_t *same;     /* [h,w] 1: every pixel of the block is bit for bit at that place, and the place
                        * is sure: the block's own, or one where the block has texture */
} hf_settled;

/* Two pictures u8 [H,W,3] and their lightness. */
typedef struct hf_settle_view {
    int            W, H, reach_px;
    hf_light       frame, drawn;
    const uint8_t *rgb, *drawn_rgb;
} hf_settle_view;

/* reach_px: how far a block may move from where its cell says. Returns HF_EARG, HF_ENOMEM. */
int  hf_settle_new(hf_settle **out, int width, int height, int reach_px, hf_error *err);
void hf_settle_free(hf_settle **settle);
int64_t hf_settle_bytes(int width, int height, int n_cells); /* once it has run on so many cells */

/* rgb: the frame that cells belongs to, drawn: the drawn frame, both u8 [H,W,3]. The result
 * belongs to `settle` and holds until the next run. Returns HF_ENOMEM if cells are
 * smaller than in every earlier run and memory is short. */
int hf_settle_run(hf_settle *settle, hf_settled *out, const hf_cells *cells, const uint8_t *rgb,
                  const uint8_t *drawn, hf_error *err);

#endif
