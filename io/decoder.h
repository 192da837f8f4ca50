/* decoder.h - one file's video stream, decoded frame after frame. FFmpeg types inside io/ only.
 *
 * With a device (hw_decode.h) frames come from there. Where it does not take the stream, or fails later, a software
 * decoder starts again at the same place and leaves out what was given already: no frame is lost or given twice. The
 * place is the start of the file or the last seek; a pipe's first packets are kept for this (packet_log.h).
 */
#ifndef HF_IO_DECODER_H
#define HF_IO_DECODER_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "io/av_util.h"
#include "io/hw_decode.h"
#include "io/packet_log.h"
#include "io/packet_queue.h"
#include "src/error.h"

typedef struct hf_decoder_params {
    int    n_threads;
    hf_hw *hw; /* NULL: software. Borrowed: outlives the decoder, may serve another one after it */
} hf_decoder_params;

typedef struct hf_decoder {
    const char      *path;   /* borrowed */
    AVFormatContext *format;
    AVCodecContext  *codec;
    AVStream        *stream; /* the video, borrowed from format */
    AVPacket        *packet;
    hf_packet_queue *others; /* gets packets of other streams, or NULL; borrowed */
    hf_warnings     *warnings; /* borrowed */
    hf_hw           *hw;     /* NULL: decodes in software */
    hf_packet_log   *log;    /* of a pipe that a device decodes; else NULL */
    int              n_threads;
    int64_t          n_read, n_skip;      /* frames given since the start or the last seek; frames to leave out now */
    int              has_sought;
    int64_t          sought_to;
    int              is_image; /* the file is one picture */
    int              is_draining;
    int              n_bad;    /* decode errors so far */
    int64_t          end_us;   /* latest end of a packet read, of any stream */
} hf_decoder;

/* Open the best video stream of `path` ("-": standard input), which must outlive it. Statuses of hf_video_in_open. */
int  hf_decoder_open(hf_decoder **out, const char *path, const hf_decoder_params *params, hf_warnings *warnings,
                     hf_error *err);
void hf_decoder_close(hf_decoder **decoder);

/*
 * The next frame in display order, in the host's memory. HF_OK or HF_EOF; broken data is skipped with a warning.
 * Where a device stopped decoding: HF_EDEVICE if software may not go on (HF_HWDEC_ON) or cannot (a pipe whose first
 * packets are gone), or what hf_decoder_open returns.
 */
int hf_decoder_read(AVFrame *frame, hf_decoder *decoder, hf_error *err);

/* Go to the last key frame at or before `timestamp` (decoding time, stream's base). 0, or an FFmpeg code. */
int hf_decoder_seek(hf_decoder *decoder, int64_t timestamp);

/* Open a demuxer alone; its streams may not be known yet. HF_EIO, HF_EFORMAT, HF_EARG, HF_ENOMEM. */
int hf_demuxer_open(AVFormatContext **out, const char *path, hf_error *err);

#endif
