/* outputs.h - what a run writes: one picture output (video or PNG folder), masks, mattes.
 *
 * Three steps. hf_outputs_plan decides what goes where and refuses what cannot
 * work; it writes nothing. hf_outputs_open makes the folders and opens the
 * encoder. Then, a frame at a time, compose (on the computing thread) turns a
 * result into a job's pictures, and write (on the encoding thread) puts them on disk.
 */
#ifndef HF_SRC_CLI_OUTPUTS_H
#define HF_SRC_CLI_OUTPUTS_H

#include <limits.h>
#include "io/video_out.h"
#include "src/hfprop.h"
#include "src/cli/options.h"
#include "src/cli/report.h"

typedef struct hf_outputs_plan {
    char                path[PATH_MAX]; /* picture output; "" = none */
    int                 is_folder, is_pipe;
    hf_render           render;         /* never AUTO */
    hf_video_out_params video;          /* without resume */
    const char         *masks_dir, *mattes_dir; /* NULL = none */
    int                 matte_bits;
    int                 has_names;      /* PNGs are called as the input's images */
    int64_t             first_number;   /* else number of the PNG of the first frame */
    char                base[PATH_MAX]; /* of sidecar and checkpoint; "" = none */
    char                sidecar[PATH_MAX]; /* "" = none */
} hf_outputs_plan;

/* One frame on its way from the decoder to the encoder. Buffers that nothing asks for are NULL. */
typedef struct hf_job {
    hf_frame *frame;
    int       is_backward; /* only followed, not written */
    uint8_t  *ids;         /* [H,W] for masks_dir */
    uint8_t  *alpha;       /* [H,W] for mattes_dir and cutouts */
    uint8_t  *layer;       /* [H,W,4] for overlays and edits */
    uint8_t  *picture;     /* [H,W,3], or [H,2W,3] side by side */
    uint8_t  *scratch;     /* [H,W,4] of side by side */
    int       is_reached;  /* 0: nothing was carried here */
    int       n_ids;
    uint8_t   used[HF_MAX_LABELS];
    int64_t   area_px[HF_MAX_LABELS];
    float     mean_cover, compute_ms;
} hf_job;

typedef struct hf_outputs hf_outputs;

/*
 * info: of the input; has_edit: something is painted. HF_EARG for options that contradict each other,
 * HF_EUNSUPPORTED and HF_EIO as hf_video_out_check.
 */
int hf_outputs_plan_make(hf_outputs_plan *plan, const hf_options *options, const hf_video_info *info,
                         int64_t from, hf_error *err);

/* Existing files: asks on a terminal, HF_EARG without -y elsewhere. Not called for --resume. */
int hf_outputs_check_overwrite(const hf_outputs_plan *plan, const hf_options *options, hf_report *report,
                               hf_error *err);

/* Bytes of one job of this plan. */
int64_t hf_job_bytes(const hf_outputs_plan *plan, int width, int height);
int     hf_job_new(hf_job **out, const hf_outputs_plan *plan, int width, int height, hf_error *err);
void    hf_job_free(hf_job **job);

/*
 * n_done: frames that an interrupted run wrote already (--resume), 0 otherwise. palette: colours of
 * the objects, borrowed. opacity: of the overlay. HF_EARG, HF_EIO, ... as hf_video_out_open.
 */
int  hf_outputs_open(hf_outputs **out, const hf_outputs_plan *plan, hf_video_in *in, int64_t n_done,
                     const uint8_t palette[256][3], int n_palette, double opacity, hf_error *err);
void hf_outputs_close(hf_outputs **outputs); /* unfinished videos are removed, PNGs stay */

/* Fill the job from its frame and the result; result NULL: nothing was carried to this frame. */
void hf_outputs_compose(const hf_outputs *outputs, hf_job *job, const hf_result *result);

/* HF_EIO, ... of the writers. */
int hf_outputs_write(hf_outputs *outputs, hf_job *job, hf_error *err);
int hf_outputs_finish(hf_outputs *outputs, hf_video_end end, hf_error *err);

/* Of the video writer: text to warn of, or NULL; "libx264 yuv420p". */
const char *hf_outputs_warning(const hf_outputs *outputs);
void        hf_outputs_describe(const hf_outputs *outputs, char *text, size_t size);

/* 1 if both names are one file or folder, whatever they look like. */
int hf_is_same_file(const char *a, const char *b);

/* The word of --render. */
const char *hf_render_name(hf_render render);

#endif
