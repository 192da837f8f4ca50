/* mask_colors.h - which colours of a painted picture are objects.
 *
 * Used by mask_read.c only. Drawn masks have few real colours and, where edges
 * are anti-aliased or a lossy format was in the way, thousands of accidental ones.
 * A colour is an object if it fills an area: it has a pixel whose 3 x 3
 * surroundings are the same. Colours without one (thin lines, tiny spots)
 * count only in clean pictures, and only if they are no mixture of two others.
 */
#ifndef HF_IO_MASK_COLORS_H
#define HF_IO_MASK_COLORS_H

#include <stdint.h>
#include "src/error.h"

#define HF_COLORS_MAX 255 /* objects */

/* One colour that is an object. */
typedef struct hf_color_object {
    uint8_t rgb[3];
    int64_t n_px;     /* of exactly this colour */
    int64_t inner_px; /* of them inside an area */
    int64_t first;    /* its first pixel, row by row */
} hf_color_object;

typedef enum hf_colors_verdict {
    HF_COLORS_OK,
    HF_COLORS_TOO_MANY, /* more than HF_COLORS_MAX objects */
    HF_COLORS_PHOTO     /* most pixels belong to no area */
} hf_colors_verdict;

typedef struct hf_colors {
    hf_colors_verdict verdict;
    int               n_found;  /* different colours in the picture; a lower bound for photos */
    int               n;        /* objects, without the background; in the order of `first` */
    hf_color_object   object[HF_COLORS_MAX];
    int64_t           snapped_px;
} hf_colors;

/*
 * Find the object colours and give every pixel one of them.
 *
 *   slots  u8 [H,W]    out: 0 = background (black, or alpha under 128), i+1 = object[i]
 *   rgba   u8 [H,W,4]  alpha of 128 and more counts as opaque
 *
 * tolerance: colours that near in each channel are one (two areas that differ at all are two
 * objects in a picture of few colours). min_inner_px: an object needs that
 * many inner pixels (0 = colours without an area may count, as above).
 * If the verdict is not HF_COLORS_OK, slots and object hold nothing of use.
 * Returns HF_OK or HF_ENOMEM.
 */
int hf_colors_find(hf_colors *out, uint8_t *slots, const uint8_t *rgba, int width, int height,
                   int tolerance, int64_t min_inner_px, hf_error *err);

#endif
