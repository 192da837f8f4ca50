/* video_in.h - frames of a video, one after another: files, image folders, pipes.
 *
 * What `path` may be:
 *   a file or URL that FFmpeg reads   its best video stream; cover pictures are no video
 *   a folder                          its image files in natural order (1, 2, 10)
 *   a pattern, dir/%05d.jpg           the files that fit, by number
 *   a glob, "dir/a*.png"              the files that fit, in natural order
 *   one image                         a video of one frame
 *   -                                 a stream on standard input (yuv4mpeg, Matroska, ...)
 *
 * Frames come in displayed orientation: the display matrix is applied. They are
 * never scaled to square pixels, nor, unless the stream changes its size half
 * way, to any other size. One object is used by one thread at a time.
 */
#ifndef HF_IO_VIDEO_IN_H
#define HF_IO_VIDEO_IN_H

#include <stdint.h>
#include "io/frame.h"
#include "src/error.h"

typedef struct hf_video_in hf_video_in;

typedef enum hf_deinterlace {
    HF_DEINTERLACE_AUTO, /* frames flagged as interlaced become progressive, one for one */
    HF_DEINTERLACE_OFF   /* frames stay as decoded */
} hf_deinterlace;

typedef enum hf_hwdec {
    HF_HWDEC_OFF,  /* decode in software */
    HF_HWDEC_AUTO, /* on a device where that works and gives the same bits, else in software: the same frames in any case */
    HF_HWDEC_ON    /* on a device, or fail */
} hf_hwdec;

/* 0 means the default. */
typedef struct hf_video_in_params {
    int            fps_num, fps_den; /* of images: 24/1; not used for videos, which have time stamps */
    hf_deinterlace deinterlace;
    int            n_threads;        /* of the decoder: at most 4, at most one a processor */
    hf_hwdec       hwdec;            /* of videos; an image is always decoded in software */
    const char    *hw_type;          /* FFmpeg's name of a kind of device; NULL: "cuda" */
    const char    *hw_device;        /* its number, as text; NULL: the first */
    const struct hf_hw_calls *hw_calls; /* io/hw_decode.h; NULL: FFmpeg's own. Borrowed, like the two before for open alone */
} hf_video_in_params;

#define HF_VIDEO_IN_DEFAULTS { .deinterlace = HF_DEINTERLACE_AUTO }

/* Strings belong to FFmpeg or the object and live as long as the object. */
typedef struct hf_video_info {
    int         width, height;      /* as displayed, after rotation */
    int64_t     n_frames;           /* of the header or an estimate; -1 unknown; see hf_video_in_count */
    int         fps_num, fps_den;   /* average; 0/1 unknown */
    int         time_num, time_den; /* seconds = pts * time_num / time_den */
    double      duration_s;         /* < 0 unknown */
    int         is_seekable;        /* 0: a pipe, to be read once */
    int         is_images;          /* a folder, pattern or single image */
    int         is_interlaced;      /* the first frame is flagged so */
    int         rotation;           /* turned clockwise by 0, 90, 180 or 270 degrees for display */
    int         bit_depth;          /* of one component */
    int         has_alpha;
    int         n_audio, n_subtitles;
    const char *container, *codec, *pixel_format;
    const char *range, *primaries, *transfer, *matrix; /* FFmpeg's names; "unknown" if not tagged */
} hf_video_info;

/*
 * Open `path` and decode its first frame, so that what follows is known to work.
 * params may be NULL. On failure *out is NULL.
 *
 * HF_EIO           not there, not readable
 * HF_EFORMAT       not a video, empty, no video stream (audio only), no frame that can be
 *                  decoded, a folder or pattern without images, more than HF_FRAME_MAX_PIXELS
 * HF_EUNSUPPORTED  this FFmpeg has no decoder for it
 * HF_EDEVICE       with HF_HWDEC_ON, no device decodes it
 * HF_EARG, HF_ENOMEM
 */
int  hf_video_in_open(hf_video_in **out, const char *path, const hf_video_in_params *params, hf_error *err);
void hf_video_in_close(hf_video_in **in);

/* Borrowed; lives as long as the object. */
const hf_video_info *hf_video_in_get_info(const hf_video_in *in);

/*
 * What decodes it now: "software", the type of the device ("cuda"), or "software (cuda: why not)". Borrowed, until the
 * next call on the object.
 */
const char *hf_video_in_decoder(hf_video_in *in);

/*
 * Fill `frame` (from hf_frame_new with the width and height of the info): rgb, index, pts,
 * duration, name and picture, which replaces the one it held. pts always grows: a missing
 * or falling time stamp is repaired.
 *
 * HF_OK; HF_EOF after the last frame; HF_EFORMAT for an image of another size or one that
 * cannot be decoded (the next read goes on behind it); HF_EARG, HF_EIO, HF_ENOMEM; HF_EDEVICE where a device
 * stopped decoding and software may not (HF_HWDEC_ON) or cannot (a pipe, late) go on from the same frame.
 * A video that breaks off or has bad spots gives what can be decoded, then HF_EOF and a warning.
 */
int hf_video_in_read(hf_frame *frame, hf_video_in *in, hf_error *err);

/*
 * The next read returns frame number `index`, the same samples as when reading in order.
 * The first seek in a video reads the file once without decoding, to find its frames.
 * HF_EARG for a number outside the video, HF_EUNSUPPORTED for a pipe, and what read returns.
 * After a failure, the next read or seek may be anywhere: close.
 */
int hf_video_in_seek(hf_video_in *in, int64_t index, hf_error *err);

/* The exact number of frames; as costly as a first seek. HF_EUNSUPPORTED for a pipe. */
int hf_video_in_count(int64_t *n_frames, hf_video_in *in, hf_error *err);

/* What went wrong so far without stopping: lines joined by "; ", NULL if nothing did. Borrowed, until the
 * next call on the object. */
const char *hf_video_in_warning(const hf_video_in *in);

#endif
