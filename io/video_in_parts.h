/* video_in_parts.h - the inside of hf_video_in, shared by the three files that make it. */
#ifndef HF_IO_VIDEO_IN_PARTS_H
#define HF_IO_VIDEO_IN_PARTS_H

#include "io/colour.h"
#include "io/frame_index.h"
#include "io/orient.h"
#include "io/video_source.h"

struct hf_video_in {
    char              *path;
    hf_video_in_params params;
    hf_video_info      info;
    hf_warnings        warnings;

    hf_hw             *hw;      /* device that decodes a video, used by all decoders of it; NULL: software */
    hf_decoder        *decoder; /* of the video, or of the current image */
    hf_packet_queue   *queue;   /* of a pipe */
    hf_image_list     *images;
    hf_frame_index    *index;
    int                stream;
    AVRational         time_base;

    AVFrame           *decoded; /* waits for the chain before it is rebuilt */
    AVFrame           *pending; /* next to be read */
    AVFrame           *sample;
    AVFrame           *wide;    /* rgb with room at the end of its rows; NULL until needed */
    int                has_decoded, has_pending, is_deinterlacing;
    hf_turn            turn;
    hf_orient         *orient;

    int64_t            next;     /* number of the next frame */
    int64_t            last_pts; /* of the last frame decoded */
    int64_t            last_duration;
    hf_convert         convert;
    char               decoder_text[480];
};

/* video_decode.c */

/* Open the decoder of the video, from its start. Errors of hf_decoder_open. */
int hf_video_open_decoder(hf_video_in *in, hf_error *err);

/* Threads for the decoder. */
int hf_video_n_threads(const hf_video_in *in);

/* The next decoded frame with repaired time stamp. HF_OK, HF_EOF or what hf_video_in_read returns. */
int hf_video_decode(AVFrame *frame, hf_video_in *in, hf_error *err);

/* Set `turn` from the stream and the frame in `decoded`. */
void hf_video_find_turn(hf_video_in *in);

/* The next frame in displayed orientation. HF_OK, HF_EOF or an error. */
int hf_video_next_picture(AVFrame *out, hf_video_in *in, hf_error *err);

#endif
