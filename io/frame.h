/* frame.h - one decoded picture on the host.
 *
 * `rgb` is what features are computed from: 8 bit, displayed orientation,
 * square of nothing but the decoder's own samples converted once. `picture`
 * is the decoder's own picture (any pixel format and depth, same orientation),
 * kept so that an edit can be blended into the original samples and
 * untouched pixels stay bit-exact. It belongs to io/ and is opaque elsewhere.
 */
#ifndef HF_IO_FRAME_H
#define HF_IO_FRAME_H

#include <stdint.h>
#include "src/error.h"

#define HF_FRAME_MAX_PIXELS (1 << 27) /* 16384 x 8192; more is taken for a broken header */

typedef struct hf_frame {
    int      width, height;
    uint8_t *rgb;      /* [H,W,3], packed rows */
    int64_t  index;    /* position in the input, from 0 */
    int64_t  pts;      /* in the input's time base */
    int64_t  duration; /* same unit; 0 = unknown */
    char     name[256]; /* file stem for image folders, "" otherwise */
    void    *picture;  /* AVFrame of the decoder, or NULL */
} hf_frame;

/* A picture to lay over a frame: straight (not premultiplied) colour and alpha. */
typedef struct hf_layer {
    int            width, height;
    const uint8_t *rgba; /* [H,W,4] */
} hf_layer;

/* rgb has room behind its last row for whole vectors, which reading a video needs.
 * HF_EARG for a size below 1 or above HF_FRAME_MAX_PIXELS, HF_ENOMEM. */
int  hf_frame_new(hf_frame **out, int width, int height, hf_error *err);
void hf_frame_free(hf_frame **frame); /* also drops `picture` */

#endif
