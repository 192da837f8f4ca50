/* video_out.h - write frames into a video or an image folder, with the source's audio.
 *
 *   path            video codec                          alpha (HF_VIDEO_CUTOUT)
 *   .mp4 .m4v       H.264, crf 18                        refused
 *   .mov            H.264, crf 18                        ProRes 4444, 16-bit alpha plane
 *   .webm           VP9, crf 24                          VP9, yuva420p
 *   .mkv            H.264, crf 18; codec "ffv1": lossless  FFV1, lossless, full-size alpha
 *   folder/         PNG, 8 bit, or 16 if the source has more   RGBA PNG
 *   -               a y4m pipe in: yuv4mpeg out; else FFV1 in Matroska   FFV1 in Matroska
 *
 * A path that ends in '/', is a folder, or has no '.' in its last part is a folder; it is
 * made if it is not there. Images take the names of an image input, else %05d.
 *
 * Time stamps, colour tags and pixel aspect come from the source, the display matrix does
 * not (frames are turned already). Audio, subtitles, attachments, chapters and metadata
 * are copied as they are; what the container cannot hold is left out with a warning.
 *
 * A video is written to `path.part` and renamed by finish, so `path` is never half a file.
 * Devices and named pipes are written directly. One object is used by one thread at a time,
 * and may run beside the thread that reads the source.
 *
 * Pixel format: the source's own where the codec has it. Else, for H.264 and VP9, RGB and
 * gray become yuv420p (10 bit for deeper sources), which every player shows. H.264 cannot
 * hold odd sizes in 4:2:0: those become 4:4:4, unpadded.
 */
#ifndef HF_IO_VIDEO_OUT_H
#define HF_IO_VIDEO_OUT_H

#include <stdint.h>
#include "io/frame.h"
#include "io/video_in.h"
#include "src/error.h"

typedef struct hf_video_out hf_video_out;

typedef enum hf_video_kind {
    HF_VIDEO_BLEND,   /* the source with layers over it */
    HF_VIDEO_PICTURE, /* RGB pictures of any size */
    HF_VIDEO_CUTOUT   /* the source with an alpha plane; colours are not multiplied by it */
} hf_video_kind;

/* NULL and 0 mean the default. */
typedef struct hf_video_out_params {
    hf_video_kind kind;
    int           width, height; /* HF_VIDEO_PICTURE: size of the pictures; 0: the source's */
    const char   *format;        /* container by FFmpeg's name ("matroska", "yuv4mpegpipe"); NULL: by extension */
    const char   *codec;         /* h264 hevc vp9 ffv1 prores qtrle, or an encoder of FFmpeg by name */
    const char   *preset;        /* libx264, libx265; NULL: "superfast" */
    int           crf;           /* H.264, HEVC, VP9; -1: the codec's default above, 0: best */
    int64_t       bitrate;       /* bit/s; > 0: instead of crf */
    const char   *options;       /* more encoder options, "key=value:key=value" */
    int           n_threads;     /* of the encoder; 0: 4, on every machine, so that it makes the same bytes */
    int           start_number;  /* of the first image in a folder without names of its own */
    int           bits;          /* of PNG: 8 or 16; 0: as the source */
    int           no_streams;    /* 1: leave out audio, subtitles and attachments */
    int           trim;          /* 1: time starts at the first frame written; audio before it is left out */
    const char   *resume;        /* a finished file of the same settings to go on from, or NULL */
} hf_video_out_params;

#define HF_VIDEO_OUT_DEFAULTS { .crf = -1 }

typedef enum hf_video_end {
    HF_VIDEO_WHOLE, /* the rest of the audio is copied to its end */
    HF_VIDEO_PART   /* interrupted or cut: audio ends with the last frame */
} hf_video_end;

/*
 * Refuse what cannot work before anything is computed: HF_EUNSUPPORTED for a container
 * that FFmpeg does not know, cannot hold alpha (kind CUTOUT) or cannot hold the codec; the
 * text names the formats that can. HF_EIO if the folder is missing or not writable.
 * params gives kind, format and codec; NULL: the defaults. Nothing is created.
 */
int hf_video_out_check(const char *path, const hf_video_out_params *params, hf_error *err);

/* 1 if the path means a folder of images (see above), 0 if a video. */
int hf_video_out_is_folder(const char *path);

/*
 * Open the encoder and `path.part`. params may be NULL. `source` is not kept, but what it has
 * of the source file may be read until close; a source that is a pipe must stay open until
 * finish or close, and its audio goes to the first output opened that takes streams.
 *
 * What check returns, and:
 * HF_EARG   a parameter is out of range; the output is the source itself; `resume` was made with
 *           other settings (size, codec, options): start over without it
 * HF_EIO, HF_EFORMAT (resume), HF_ENOMEM, HF_EUNSUPPORTED (no such encoder in this FFmpeg)
 */
int hf_video_out_open(hf_video_out **out, const char *path, const hf_video_out_params *params,
                      hf_video_in *source, hf_error *err);

/* Abandon: removes `path.part`. After finish: only frees. PNGs already written stay. */
void hf_video_out_close(hf_video_out **out);

/* Frames already there from `resume`; go on with the source's frame of this number. 0 without resume.
 * For a folder: always 0, the caller sees by the names which images exist. */
int64_t hf_video_out_get_n_resumed(const hf_video_out *out);

/*
 * Write one frame, in rising order of pts. pts, duration and name are taken from `frame`.
 *
 * blend    frame->picture (must be there) with the layer over it, in the source's own pixel
 *          format: where alpha is 0 (for chroma: in all pixels of the sample) the samples
 *          keep their exact value. layer NULL: nothing over it.
 * picture  rgb [height,width,3] of the size given in params.
 * cutout   frame->picture's colours and alpha u8 [height,width].
 *
 * HF_EARG for a call of the wrong kind, a wrong size or a pts that does not rise; HF_EIO with
 * the system's words when the disk is full or the pipe closed (SIGPIPE is not raised);
 * HF_EFORMAT if the encoder refuses; HF_ENOMEM. After a failure only close is of use.
 */
int hf_video_out_write_blend(hf_video_out *out, const hf_frame *frame, const hf_layer *layer, hf_error *err);
int hf_video_out_write_picture(hf_video_out *out, const hf_frame *frame, const uint8_t *rgb, hf_error *err);
int hf_video_out_write_cutout(hf_video_out *out, const hf_frame *frame, const uint8_t *alpha, hf_error *err);

/* Write what is left, sync to disk and rename. Then only close. HF_EARG if no frame was written. */
int hf_video_out_finish(hf_video_out *out, hf_video_end end, hf_error *err);

/* Lines joined by "; " (streams left out, ...), NULL if there are none. Borrowed, until the next call. */
const char *hf_video_out_warning(const hf_video_out *out);

/* Encoder and pixel format in use, for logs and sidecars. Borrowed. */
const char *hf_video_out_get_codec(const hf_video_out *out);
const char *hf_video_out_get_pixel_format(const hf_video_out *out);

#endif
