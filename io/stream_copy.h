/* stream_copy.h - carry audio, subtitles, attachments, chapters and metadata into an output, packet by packet.
 *
 * A file is opened a second time for this, so that packets are read just when
 * they are due and nothing waits in memory. A pipe's packets come through the
 * queue of its hf_video_in.
 */
#ifndef HF_IO_STREAM_COPY_H
#define HF_IO_STREAM_COPY_H

#include <libavformat/avformat.h>

#include "io/av_util.h"
#include "io/video_source.h"

typedef struct hf_stream_copy hf_stream_copy;

/*
 * Add the streams of `source` that `target` can hold to it, before its header is written; the
 * others are named in warnings. *out is NULL, with HF_OK, if there is nothing to copy.
 * HF_EIO, HF_EFORMAT, HF_ENOMEM.
 */
int  hf_stream_copy_open(hf_stream_copy **out, AVFormatContext *target, const hf_video_source *source,
                         hf_warnings *warnings, hf_error *err);
void hf_stream_copy_close(hf_stream_copy **copy);

/* Write the packets due up to `time` (microseconds of the source's clock), moved back by `start`;
 * those before `start` are left out. INT64_MAX: all that are left. 0 or an FFmpeg code. */
int hf_stream_copy_until(hf_stream_copy *copy, int64_t time_us, int64_t start_us);

#endif
