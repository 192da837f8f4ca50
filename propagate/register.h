/* register.h - lay a block of one picture over another, to parts of a pixel.
 *
 * Sum of absolute differences of lightness over the block and a margin, over whole pixels
 * within reach of a wished move, then a parabola through the best and its neighbours.
 */
#ifndef HF_PROPAGATE_REGISTER_H
#define HF_PROPAGATE_REGISTER_H

#include <stdint.h>
#include "src/error.h"

/* Lightness of a picture, continued past its edges so that a search needs no clamping. */
typedef struct hf_light {
    int      width, height;
    int      pitch, border;
    uint8_t *pixels;
} hf_light;

int  hf_light_new(hf_light **out, int width, int height, hf_error *err);
void hf_light_free(hf_light **light);
void hf_light_fill(hf_light *light, const uint8_t *rgb); /* u8 [H,W,3] of the light's size */
int64_t hf_light_bytes(int width, int height);

/* A block of `frame` to be found in `other`, a light of the same size. */
typedef struct hf_block {
    const uint8_t *frame, *other; /* first pixel of the patch, and the same place of the other picture */
    int pitch, size;              /* size of the patch: the block and its margin */
    int low_x, high_x, low_y, high_y; /* moves that keep the patch inside the bordered picture */
} hf_block;

/* The block of size x size pixels whose first pixel is (x, y). */
hf_block hf_block_at(const hf_light *frame, const hf_light *other, int x, int y, int size);

#define HF_REGISTER_MAX_REACH 16

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
