/* encoder.h - which container, codec and pixel format an output gets, and its encoder. Inside io/ only. */
#ifndef HF_IO_ENCODER_H
#define HF_IO_ENCODER_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "io/colour.h"
#include "io/video_out.h"
#include "io/video_source.h"

typedef struct hf_encoder_plan {
    const AVOutputFormat *format; /* NULL: a folder of PNG */
    const AVCodec        *codec;
    enum AVPixelFormat    pixel_format; /* NONE as long as the source is unknown */
    int                   width, height;
    hf_colour             colour; /* of the encoded pictures */
} hf_encoder_plan;

/* source NULL: only what path and params tell. HF_EUNSUPPORTED, HF_EARG. */
int hf_encoder_plan_make(hf_encoder_plan *plan, const char *path, const hf_video_out_params *params,
                         const hf_video_source *source, hf_error *err);

/* HF_EUNSUPPORTED, HF_EARG (the encoder refuses the parameters), HF_ENOMEM. */
int hf_encoder_open(AVCodecContext **out, const hf_encoder_plan *plan, const hf_video_out_params *params,
                    const hf_video_source *source, hf_error *err);

#endif
