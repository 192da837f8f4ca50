/* resume.h - the packets of an earlier part of the same output, to be put before newly encoded ones.
 *
 * A decoder can go through the join only if both parts were made with the same
 * settings: codec, size, pixel format and, for H.264, HEVC and FFV1, the headers are compared.
 */
#ifndef HF_IO_RESUME_H
#define HF_IO_RESUME_H

#include <libavcodec/avcodec.h>

#include "src/error.h"

typedef struct hf_resume hf_resume;

/* HF_EARG: made with other settings; HF_EIO, HF_EFORMAT (not a finished video), HF_ENOMEM. */
int  hf_resume_open(hf_resume **out, const char *path, const AVCodecContext *encoder, hf_error *err);
void hf_resume_close(hf_resume **resume);

int64_t    hf_resume_get_n_frames(const hf_resume *resume);
AVRational hf_resume_get_time_base(const hf_resume *resume);
int64_t    hf_resume_get_end(const hf_resume *resume); /* of the last frame, in this time base */

/* HF_OK and a packet in decoding order with its times; HF_EOF; HF_EFORMAT. */
int hf_resume_read(AVPacket *packet, hf_resume *resume, hf_error *err);

#endif
