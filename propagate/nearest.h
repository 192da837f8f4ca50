/* nearest.h - exact Euclidean distance transform that says which site is nearest. */
#ifndef HF_PROPAGATE_NEAREST_H
#define HF_PROPAGATE_NEAREST_H

#include <stdint.h>

/* A part of a picture: columns x0..x1-1, rows y0..y1-1. */
typedef struct hf_rect {
    int x0, y0, x1, y1;
} hf_rect;

/*
 * For every pixel of `rect` the nearest site of `rect`.
 *
 *   nearest  i32 [H,W]  out, inside rect only: y*W + x of the site, -1 where rect has none
 *   rows     i32 [H,W]  scratch
 *   line     i32 [2W]   scratch
 *   site     u8  [H,W]  non-zero: a site
 *
 * Among equally near sites any one may be given, the same on every run. O(pixels).
 */
void hf_nearest_site(int32_t *nearest, int32_t *rows, int32_t *line, const uint8_t *site,
                     hf_rect rect, int width);

#endif
