/* decoder.h - one file's video stream, decoded frame after frame. FFmpeg types inside io/ only. */
#ifndef HF_IO_DECODER_H
#define HF_IO_DECODER_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "io/av_util.h"
#include "io/packet_queue.h"
#include "src/error.h"

typedef struct hf_decoder {
    AVFormatContext *format;
    AVCodecContext  *codec;
    AVStream        *stream; /* the video, borrowed from format */
    AVPacket        *packet;
    hf_packet_queue *others; /* gets packets of other streams, or NULL; borrowed */
    hf_warnings     *warnings; /* borrowed */
    int              is_image; /* the file is one picture */
    int              is_draining;
    int              n_bad;    /* decode errors so far */
    int64_t          end_us;   /* latest end of a packet read, of any stream */
} hf_decoder;

/* Open the best video stream of `path` ("-": standard input). Statuses of hf_video_in_open. */
int  hf_decoder_open(hf_decoder **out, const char *path, int n_threads, hf_warnings *warnings, hf_error *err);
void hf_decoder_close(hf_decoder **decoder);

/* The next frame in display order. HF_OK or HF_EOF; broken data is skipped with a warning. */
int hf_decoder_read(AVFrame *frame, hf_decoder *decoder);

/* Go to the last key frame at or before `timestamp` (decoding time, stream's base). 0, or an FFmpeg code. */
int hf_decoder_seek(hf_decoder *decoder, int64_t timestamp);

/* Open a demuxer alone; its streams may not be known yet. HF_EIO, HF_EFORMAT, HF_EARG, HF_ENOMEM. */
int hf_demuxer_open(AVFormatContext **out, const char *path, hf_error *err);

#endif
