/* hw_decode.h - a GPU that decodes (NVDEC), through FFmpeg's hardware devices.
 *
 * The decoder then gives frames in the device's memory. They are fetched and their samples put where the software
 * decoder has them, so that nothing behind the decoder sees a difference:
 *
 *   NV12 -> yuv420p    P010 >> 6 -> yuv420p10    P016 >> 4 -> yuv420p12
 *   yuv444p as it is   yuv444p16 >> 6, 4 -> yuv444p10, yuv444p12
 *
 * H.264, HEVC, VP8, VP9 and AV1 define every bit of a frame, so a device gives the same ones. Of MPEG-1, -2, -4, VC-1 and
 * JPEG that is not so: HF_HWDEC_AUTO leaves them alone.
 *
 * A device that cannot decode a stream says so late: when the first frame's header is read, or at any picture. What
 * happens then is in decoder.h.
 */
#ifndef HF_IO_HW_DECODE_H
#define HF_IO_HW_DECODE_H

#include <libavcodec/avcodec.h>
#include <libavutil/hwcontext.h>

#include "io/video_in.h"
#include "src/error.h"

/* What is asked of FFmpeg, in one place so that tests can put something else there. Each returns >= 0 or an FFmpeg code. */
typedef struct hf_hw_calls {
    /* device: "0", "1", ..., or NULL for the first. The reference is the caller's; it may be NULL in a test. */
    int (*open_device)(AVBufferRef **out, enum AVHWDeviceType type, const char *device);
    /* As avcodec_get_hw_config: the ways in which `codec` uses devices; NULL behind the last. */
    const AVCodecHWConfig *(*get_config)(const AVCodec *codec, int index);
    /* Copy a frame out of the device's memory, coded size. `host` is blank, or what the call before left in it. */
    int (*transfer)(AVFrame *host, const AVFrame *frame);
} hf_hw_calls;

typedef struct hf_hw hf_hw;

/*
 * Nothing is opened yet. type: FFmpeg's name of a kind of device, NULL: "cuda". device: as above. calls: NULL: FFmpeg itself.
 * The strings are copied. HF_ENOMEM; HF_EARG for a type that FFmpeg does not know.
 */
int  hf_hw_new(hf_hw **out, hf_hwdec when, const char *type, const char *device, const hf_hw_calls *calls, hf_error *err);
void hf_hw_free(hf_hw **hw);

/*
 * The decoder to open where `software` would be opened; the device is opened at the first call. NULL: decode in software,
 * hf_hw_why tells why. With HF_HWDEC_ON that is the failure HF_EDEVICE; path is for its text.
 */
int  hf_hw_choose(const AVCodec **out, hf_hw *hw, const AVCodec *software, const char *path, hf_error *err);

/* Make `codec`, which is not open yet, use the device. It must be closed before hw is freed. */
void hf_hw_attach(hf_hw *hw, AVCodecContext *codec);

/* Turn a frame of the device into one of the host, with all that belongs to it; others stay as they are. >= 0 or an FFmpeg code. */
int  hf_hw_fetch(AVFrame *frame, hf_hw *hw);

/* For good: the device has failed with this FFmpeg code. */
void hf_hw_give_up(hf_hw *hw, int av_code);

int         hf_hw_is_used(const hf_hw *hw);    /* frames come from the device, or the first is yet to tell */
int         hf_hw_is_refused(const hf_hw *hw); /* HF_HWDEC_ON, and the device does not take the stream */
int         hf_hw_is_must(const hf_hw *hw);    /* HF_HWDEC_ON */
const char *hf_hw_name(const hf_hw *hw);       /* of the type */
const char *hf_hw_why(const hf_hw *hw);        /* why it is not used; "" while it is */

/*
 * Whether the first device of a type can be used and for what, for people: "H.264, HEVC, ..." or the reason why not.
 * Returns 1 or 0.
 */
int hf_hw_probe(char *text, size_t size, const char *type);

#endif
