/* painter.h - make the picture that an encoder gets from a frame and what is laid over it. Inside io/ only.
 *
 * The picture a call gives belongs to the painter (or the frame) and stays until the next call.
 */
#ifndef HF_IO_PAINTER_H
#define HF_IO_PAINTER_H

#include <libavutil/frame.h>

#include "io/encoder.h"
#include "io/frame.h"

typedef struct hf_painter hf_painter;

/* HF_ENOMEM. */
int  hf_painter_new(hf_painter **out, const hf_encoder_plan *plan, hf_error *err);
void hf_painter_free(hf_painter **painter);

/* HF_EARG for a frame without picture or of another size; HF_ENOMEM; HF_EFORMAT (no conversion). */
int hf_painter_blend(const AVFrame **ready, hf_painter *painter, const hf_frame *frame, const hf_layer *layer,
                     hf_error *err);
int hf_painter_cutout(const AVFrame **ready, hf_painter *painter, const hf_frame *frame, const uint8_t *alpha,
                      hf_error *err);
int hf_painter_picture(const AVFrame **ready, hf_painter *painter, const uint8_t *rgb, hf_error *err);

#endif
