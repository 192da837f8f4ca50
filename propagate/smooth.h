/* smooth.h - moves of cells, drawn towards what their surroundings agree on.
 *
 * Each cell's move is fitted, together with those of the cells of its label around it, by a local
 * affine map (turning and growing included), with weights that fall with the distance and, over a few
 * rounds, with the distance from the fit: what disagrees loses its say.
 */
#ifndef HF_PROPAGATE_SMOOTH_H
#define HF_PROPAGATE_SMOOTH_H

#include <stdint.h>

/*
 *   out    f32 [h,w,2]  out: the fitted moves, cells
 *   move   f32 [h,w,2]  moves, pixels
 *   trust  f32 [h,w]    >= 0: say of each cell; where nothing around has any, the move stays
 *   label  u8  [h,w]    cells of different labels don't mix
 *
 * A cell that moves like all its neighbours keeps its move. The formula is weighted least squares in
 * closed form (3 unknowns for each axis), three rounds with weights
 * 1 / (1 + (distance / (stride_px / 4))^2). stride_px: pixels a cell.
 */
void hf_smooth_moves(float *out, const float *move, const float *trust, const uint8_t *label,
                     int h, int w, int stride_px);

#endif
