/* refine_cover.h - how far each pixel can be trusted, where nobody asks for its coordinates; for refine.c only. */
#ifndef HF_PROPAGATE_REFINE_COVER_H
#define HF_PROPAGATE_REFINE_COVER_H

#include <stdint.h>

#include "propagate/cells.h"
#include "propagate/settle.h"

/*
 * What hf_refine_place_pixel gives as cover, to the last bit, and 1 in blocks that are the same.
 *
 *   cover        f32 [H,W]
 *   winner       u8 [H,W]  label of each pixel
 *   cell_winner  u8 [h,w]  label of each cell; h, w and stride_px are those of cells
 */
void hf_refine_cover(float *cover, const uint8_t *winner, int width, int height, const hf_cells *cells,
                     const hf_settled *settled, const uint8_t *cell_winner);

#endif
