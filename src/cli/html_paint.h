/* html_paint.h - small pictures of masks: what the report's contact sheets are made of.
 *
 * H x W is the size of the masks and of the video, h x w that of the small picture, h <= H, w <= W.
 * Every small pixel stands for a box of large ones. Ids are u8 [H,W], 0 is background;
 * colours are those of the DAVIS palette.
 */
#ifndef HF_SRC_CLI_HTML_PAINT_H
#define HF_SRC_CLI_HTML_PAINT_H

#include <stdint.h>

/* The largest size of the same shape whose longer side is at most `side`; never larger than W x H. */
void hf_paint_fit(int *w, int *h, int W, int H, int side);

/* rgb u8 [h,w,3] out from u8 [H,W,3], any two sizes: the mean of each box. */
void hf_paint_shrink(uint8_t *rgb, int w, int h, const uint8_t *large, int W, int H);

/* labels u8 [h,w] out: the id that most of each box has. */
void hf_paint_labels(uint8_t *labels, int w, int h, const uint8_t *ids, int W, int H);

/* rgba u8 [h,w,4] out, to be laid over a frame: objects half transparent, their edges less so. */
void hf_paint_overlay(uint8_t *rgba, const uint8_t *labels, int w, int h);

/* rgba u8 [h,w,4] out, to be laid over a frame: a white line round each object, a dark one beside it. */
void hf_paint_outline(uint8_t *rgba, const uint8_t *labels, int w, int h);

/* rgba u8 [h,w,4] out, opaque: the mask as such, on black. */
void hf_paint_mask(uint8_t *rgba, int w, int h, const uint8_t *ids, int W, int H);

/* How a pixel is wrong; the colours are those of the report's legend. */
typedef enum hf_paint_verdict {
    HF_PAINT_NOTHING, /* background in both */
    HF_PAINT_RIGHT,
    HF_PAINT_MISSED,  /* the truth has an object, the result none */
    HF_PAINT_EXTRA,   /* the other way round */
    HF_PAINT_SWAPPED  /* another object */
} hf_paint_verdict;

extern const uint8_t hf_paint_verdict_rgb[5][3];

/* rgba u8 [h,w,4] out, opaque: the verdict of each pixel, averaged over each box. */
void hf_paint_errors(uint8_t *rgba, int w, int h, const uint8_t *truth, const uint8_t *result, int W, int H);

#endif
