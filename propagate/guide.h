/* guide.h - guided filter: bends soft labels to the edges of a colour picture.
 *
 * In every window the label is fitted as a linear function a.I + b of the colour I; the fits
 * of all windows over a pixel are averaged (He, Sun, Tang: Guided Image Filtering). The
 * fits are made on a grid of 4 x 4 pixel blocks and applied at full resolution.
 */
#ifndef HF_PROPAGATE_GUIDE_H
#define HF_PROPAGATE_GUIDE_H

#include <stdint.h>
#include "src/error.h"

#define HF_GUIDE_BLOCK 4

typedef struct hf_guide hf_guide;

/* radius_px is rounded to blocks, 1 block at least; epsilon > 0 is for colours in 0..1. */
int  hf_guide_new(hf_guide **out, int width, int height, int radius_px, float epsilon, hf_error *err);
void hf_guide_free(hf_guide **guide);
int64_t hf_guide_bytes(int width, int height); /* what new takes */

/* Blocks: bh = ceil(height / 4), bw = ceil(width / 4). */
void hf_guide_shape(const hf_guide *guide, int *bh, int *bw);

/* The picture that the next filters follow; u8 [H,W,3], not kept. */
void hf_guide_picture(hf_guide *guide, const uint8_t *rgb);

/* out f32 [H,W] in 0..1; in f32 [bh,bw]; rgb as given to hf_guide_picture. */
void hf_guide_filter(hf_guide *guide, float *out, const float *in, const uint8_t *rgb);

#endif
