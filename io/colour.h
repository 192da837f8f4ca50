/* colour.h - matrix and range of a picture, RGB from it and RGB into it.
 *
 * Y = Kr R + Kg G + Kb B, Cb = (B - Y) / 2(1 - Kb), Cr = (R - Y) / 2(1 - Kr),
 * with R, G, B in 0..1; codes are 16 + 219 Y and 128 + 224 C (limited range) or
 * 255 Y and 128 + 255 C (full), times 2^(depth - 8). Nothing here changes
 * primaries or transfer: they are carried as tags.
 */
#ifndef HF_IO_COLOUR_H
#define HF_IO_COLOUR_H

#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "src/error.h"

typedef struct hf_colour {
    enum AVColorSpace matrix;  /* never unspecified for YUV: BT.601 up to 576 lines, else BT.709 */
    int               is_full; /* 1: codes use the full range */
} hf_colour;

/* Of a picture of this format, height and tags. */
hf_colour hf_colour_of(enum AVPixelFormat format, int height, enum AVColorSpace matrix, enum AVColorRange range);
hf_colour hf_colour_of_picture(const AVFrame *picture);

/* rows[c] = { r, g, b, offset }: code of component c (as in the pixel format's description)
 * = r R + g G + b B + offset, with R, G, B in 0..255. An alpha component gives its maximum. */
void hf_colour_rows(float rows[4][4], enum AVPixelFormat format, hf_colour colour);

/* A cached conversion between two pixel formats of one size. Zero it first. */
typedef struct hf_convert {
    struct SwsContext *sws;
    int                width, height, source, target;
    hf_colour          from, to;
} hf_convert;

/* exact: 1 full chroma and rounding, 0 the quick way that is good enough to look for features.
 * target has its format, size and buffers. HF_OK, HF_ENOMEM, HF_EFORMAT (no such conversion). */
int  hf_convert_run(AVFrame *target, hf_colour to, const AVFrame *source, hf_colour from, int exact,
                    hf_convert *convert, hf_error *err);
void hf_convert_free(hf_convert *convert);

#endif
