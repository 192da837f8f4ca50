/* blend.h - lay RGBA over a decoded picture in the picture's own pixel format.
 *
 * Every sample covers n pixels (1, or 2 or 4 for subsampled chroma). With their
 * alphas a_i in 0..255 and colours C_i in codes of the sample:
 *     out = ((255 n - sum a_i) in + sum a_i C_i) / 255 n,  rounded
 * so that a sample under alpha 0 alone is not touched at all.
 */
#ifndef HF_IO_BLEND_H
#define HF_IO_BLEND_H

#include <libavutil/frame.h>
#include <libavutil/pixfmt.h>

#include "io/frame.h"

/* 1 for formats of 8 to 16 integer bits in whole bytes or words: planar, half planar or packed. */
int hf_blend_supports(enum AVPixelFormat format);

/* picture is writable, of a supported format and of the layer's size. An alpha plane becomes more opaque. */
void hf_blend(AVFrame *picture, const hf_layer *layer);

/* Set the alpha component of a picture from u8 [height,width], scaled to its depth. 0 if it has none. */
int hf_blend_set_alpha(AVFrame *picture, const uint8_t *alpha);

/* 1 if any pixel of the layer has alpha. */
int hf_layer_is_visible(const hf_layer *layer);

#endif
