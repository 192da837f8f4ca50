/* muxer.h - one video file being written: encoded frames beside the source's copied streams. Inside io/ only. */
#ifndef HF_IO_MUXER_H
#define HF_IO_MUXER_H

#include <libavcodec/avcodec.h>

#include "io/encoder.h"

typedef struct hf_muxer hf_muxer;

/* Opens the file and writes its header. HF_EIO, HF_EUNSUPPORTED, HF_ENOMEM, HF_EFORMAT. */
int  hf_muxer_open(hf_muxer **out, const char *path, const hf_encoder_plan *plan, const AVCodecContext *encoder,
                   const hf_video_source *source, int no_streams, hf_warnings *warnings, hf_error *err);
void hf_muxer_close(hf_muxer **muxer); /* without finish: nothing is left of the file */

/* The moment of the source that becomes 0, in microseconds; before the first write. */
void hf_muxer_set_start(hf_muxer *muxer, int64_t start_us);

/* Write one video packet (times in `base`, on the output's clock) and the other streams' packets due by then.
 * Takes the packet. HF_EIO, HF_EFORMAT, HF_ENOMEM. */
int hf_muxer_write(hf_muxer *muxer, AVPacket *packet, AVRational base, hf_error *err);

/* Write other streams up to `end_us` of the source's clock (INT64_MAX: all), close and rename. HF_EIO. */
int hf_muxer_finish(hf_muxer *muxer, int64_t end_us, hf_error *err);

#endif
