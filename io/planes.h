/* planes.h - samples as GPUs lay them out, put where software decoders have them.
 *
 * A GPU keeps Cb and Cr of 4:2:0 side by side in one plane (NV12; P010 and P016 with 16 bits a sample), and its 16-bit
 * samples have their depth's bits at the upper end: 10 bits are value << 6.
 */
#ifndef HF_IO_PLANES_H
#define HF_IO_PLANES_H

#include <libavutil/frame.h>
#include <libavutil/pixfmt.h>

/* The planar format for a picture of the GPU's format `packed`: `wanted` if that fits, else one that does;
 * AV_PIX_FMT_NONE if none does. packed NONE: whether any picture of a GPU can become `wanted`. */
enum AVPixelFormat hf_planes_format(enum AVPixelFormat packed, enum AVPixelFormat wanted);

/* Fill `to`, of a format that hf_planes_format gave, with the upper left to->width x to->height pixels of `from`. */
void hf_planes_split(AVFrame *to, const AVFrame *from);

#endif
