/* warp.h - fetch a painted edit from the drawn frame through a coordinate field.
 *
 * Colours are interpolated with alpha multiplied in, so that the colour hidden under
 * transparent pixels never shows as a dark or bright fringe.
 */
#ifndef HF_PROPAGATE_WARP_H
#define HF_PROPAGATE_WARP_H

#include <stdint.h>

/* Cover under which an edit fades out, linearly down to nothing at 0. */
#define HF_WARP_FULL_COVER 0.25f

/*
 *   out    f32 [H,W,4]  out: alpha-multiplied colour and alpha, 0..255
 *   rgba   u8  [H,W,4]  the edit, straight alpha
 *   xy     f32 [H,W,2]  where to fetch each pixel, in pixels; clamped to the frame,
 *                       transparent where not finite
 *   cover  f32 [H,W]    0..1, or NULL: no fading
 *
 * Exact where x and y are whole numbers and cover is at least HF_WARP_FULL_COVER.
 */
void hf_warp_edit(float *out, const uint8_t *rgba, const float *xy, const float *cover, int width,
                  int height);

/* Straight rgba u8 [n,4] from alpha-multiplied f32 [n,4]; transparent pixels become all 0. */
void hf_warp_straighten(uint8_t *rgba, const float *multiplied, int64_t n);

/* The same fading for an edit that was splatted. multiplied: f32 [n,4] in and out. */
void hf_warp_fade(float *multiplied, const float *cover, int64_t n);

#endif
