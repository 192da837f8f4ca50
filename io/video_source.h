/* video_source.h - what a video output must know of the input's FFmpeg side. Inside io/ only. */
#ifndef HF_IO_VIDEO_SOURCE_H
#define HF_IO_VIDEO_SOURCE_H

#include <libavformat/avformat.h>

#include "io/decoder.h"
#include "io/image_list.h"
#include "io/video_in.h"

typedef struct hf_video_source {
    const char          *path;
    const hf_image_list *images;  /* or NULL */
    const hf_decoder    *decoder; /* of the file or the current image */
    const AVFrame       *sample;  /* format, size, colour tags and aspect of displayed frames; no data */
    hf_packet_queue     *queue;   /* of a pipe: its other packets; else NULL */
    AVRational           time_base, frame_rate; /* frame_rate 0/1: unknown */
    int                  is_interlaced; /* the frames given out are */
} hf_video_source;

/* Valid until the next call on `in`; the queue until close. */
hf_video_source hf_video_in_get_source(const hf_video_in *in);

#endif
