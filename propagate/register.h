/* register.h - lay a block of one picture over another, to parts of a pixel.
 *
 * Sum of absolute differences of lightness over the block and a margin, over whole pixels
 * within reach of a wished move, then a parabola through the best and its neighbours.
 */
#ifndef HF_PROPAGATE_REGISTER_H
#define HF_PROPAGATE_REGISTER_H

#include <stdint.h>
#include "propagate/block.h"
#include "src/error.h"

int  hf_light_new(hf_light **out, int width, int height, hf_error *err);
void hf_light_free(hf_light **light);
void hf_light_fill(const hf_light *light, const uint8_t *rgb); /* u8 [H,W,3] of the light's size */

/*
 * Best move of the block within reach_px of (wish_x, wish_y), into move[2] (x, y; pixels).
 * Returns the mean absolute difference of lightness there, 0..255.
 */
float hf_block_search(const hf_block *block, int reach_px, int wish_x, int wish_y, float *move);

/* Mean absolute deviation of the patch's lightness from its mean: what a search can hold on to. */
float hf_block_texture(const hf_block *block);

/* Sum of absolute differences over the patch at a whole move. */
int hf_block_difference(const hf_block *block, int dx, int dy);

#endif
