/* run.h - `hfprop [run]`: a drawing through a whole video.
 *
 * run.c        the verb from end to end: reading starts here
 * run_open.c   opens and checks everything but outputs
 * run_read.c   the decoding thread: frames in the order of the plan
 * run_ahead.c  decoded frames that wait, shown to the session ahead
 * run_flow.c   --flow: fields from files
 * run_loop.c   the threads, and what the encoding one does
 * run_follow.c following: the calling thread
 * run_render.c from what was followed to pixels, in a thread beside it where the session can
 * run_tell.c   plan, sidecar and summary for people and programs
 *
 *   free jobs -> [decode] -> decoded -> [follow] -> followed -> [render] -> computed -> [encode] -> free jobs
 *
 * Where the session cannot overlap the two in the middle, the following thread renders too.
 *
 * Between two key frames the backward pass comes first: its cells are spooled to a
 * temporary file, and the forward pass that follows renders both.
 */
#ifndef HF_SRC_CLI_RUN_H
#define HF_SRC_CLI_RUN_H

#include "io/edit.h"
#include "io/mask.h"
#include "io/video_in.h"
#include "src/hfprop.h"
#include "src/cli/options.h"
#include "src/cli/outputs.h"
#include "src/cli/plan.h"
#include "src/cli/exit_code.h"
#include "src/cli/queue.h"
#include "src/cli/report.h"
#include "src/cli/sidecar.h"

#define HF_RUN_N_JOBS 5                   /* one in each hand and one between, beside those that were shown ahead */
#define HF_RUN_N_STEPS 3                  /* one in each hand and one between */
#define HF_RUN_MAX_SHOWN (2 * HF_MAX_BATCH)
#define HF_RUN_MAX_JOBS (HF_RUN_N_JOBS + HF_RUN_MAX_SHOWN)
#define HF_RUN_REVERSE_BYTES (64 << 20)   /* frames kept to be handed on in reverse */

/* What is drawn on one key frame. */
typedef struct hf_drawing {
    int64_t     frame;
    const char *mask_path, *edit_path; /* NULL = none */
    hf_mask    *mask;
    hf_edit    *edit;
} hf_drawing;

/* A frame that has been followed, on its way to pixels. */
typedef struct hf_run_step {
    hf_job     *job;
    int         key;     /* the frame is this one itself; -1: is none */
    int         is_new;  /* nothing was followed: hf_session_step is to do both */
    hf_followed from[2]; /* else; they point to */
    int         n;       /* of them; 0: nothing is carried here */
    hf_cells   *left, *right; /* cells, NULL where the session needs none, or keeps those of the left key itself; and */
    float      *flow[2];      /* [H,W,2] to the left and right key; NULL without --flow */
} hf_run_step;

typedef struct hf_run {
    const hf_options    *options;
    hf_report           *report;
    hf_stage             stage;
    hf_video_in         *in;
    const hf_video_info *info;
    hf_drawing           drawing[HF_MAX_KEYS]; /* ascending */
    int                  n_drawings, has_edit, n_ids;
    uint8_t              palette[256][3];
    int                  n_palette;
    hf_session_params    params;
    hf_session          *session;
    hf_plan              plan;
    hf_outputs_plan      outputs_plan;
    hf_outputs          *outputs;
    hf_sidecar          *sidecar;
    int64_t              start;    /* first frame of this run: --from, or later with --resume */
    int64_t              n_frames; /* to be written, by the header; -1 unknown */
    int                  has_state; /* --resume: the state of the followed key is to be loaded */

    /* Reading: position of the decoder, and a frame that was read ahead for its key. */
    int64_t   at;
    hf_frame *ahead; /* NULL = none */

    /* The pipeline. */
    int       n_batch; /* frames that are shown to the session at a time; 0: none */
    hf_job   *job[HF_RUN_MAX_JOBS];
    hf_run_step *step[HF_RUN_N_STEPS];
    hf_queue *free_jobs, *decoded, *computed;
    hf_queue *free_steps, *followed;

    /* Results of the pipeline. */
    int64_t  n_written;
    int64_t  n_steps;      /* frames written and frames followed backward */
    int      is_flow_broken; /* the run failed over a field of --flow */
    int      is_interrupted, is_state_good; /* good: the session has followed up to the last frame written */
    double   seconds;
    int64_t  last_area_px[HF_MAX_LABELS];
    int      is_lost[HF_MAX_LABELS], is_cover_low;
} hf_run;

/* The whole verb. argv is for the sidecar. Returns the exit code; has told everything. */
int hf_run_main(const hf_options *options, int argc, char **argv);

/* ---- run_open.c ---- */

/*
 * Open and check all that a run needs but its outputs, whose plan is made and checked; run->options and run->report are set.
 * After a failure, run->stage says for the exit code what it belongs to, and hf_run_close is called all the same.
 * Returns what the parts return: HF_EARG, HF_EIO, HF_EFORMAT, HF_EMODEL, HF_EUNSUPPORTED, HF_EDEVICE, HF_ENOMEM, HF_EINTERRUPTED.
 */
int hf_run_open(hf_run *run, hf_error *err);

/* Close and free all that run holds, outputs too; not the report. */
void hf_run_close(hf_run *run);

/* ---- run_read.c ---- */

/* Fill `frame` with frame number `index` of the input: read on, seek, or take what was read ahead.
 * HF_EOF behind the end; what hf_video_in_read and _seek return. */
int hf_run_read_frame(hf_run *run, hf_frame *frame, int64_t index, hf_error *err);

typedef struct hf_reader {
    hf_run  *run;
    int      rc; /* valid once joined */
    hf_error err;
} hf_reader;

/* Thread: decode the frames of the plan from run->start on into run->decoded, finish it at the end. */
void *hf_run_read_thread(void *reader);

/* ---- run_ahead.c ---- */

/* Decoded frames in the hands of the computing thread: none but the next one where nothing is shown ahead. */
typedef struct hf_run_ahead {
    hf_run *run;
    hf_job *job[HF_RUN_MAX_SHOWN]; /* a ring */
    int     first, n;
    int     n_shown[2]; /* frames of the ring's beginning that the session has seen, batch by batch */
} hf_run_ahead;

/* The next frame, which stays where it is. HF_EOF: there is none; HF_EINTERRUPTED: the queue was aborted. */
int hf_run_ahead_next(hf_run_ahead *ahead, hf_job **job);

/* Show the session the next frame and those behind it that are followed from the same key in the same direction. Waits
 * for the decoder until the first batch is full, not for the second one. Errors of hf_session_look_ahead. */
int hf_run_ahead_show(hf_run_ahead *ahead, hf_error *err);

/* The next frame is done with. */
void hf_run_ahead_drop(hf_run_ahead *ahead);

/* Jobs that a run needs. */
int hf_run_n_jobs(const hf_run *run);

/* ---- run_loop.c ---- */

/* Everything between open and finish, until the end, a failure or Ctrl-C. The session is prepared; run->n_batch
 * says how many frames it takes at a time. The time it takes is added to run->seconds. */
int hf_run_loop(hf_run *run, hf_error *err);

/* ---- run_follow.c ---- */

/* Until the decoder ends, somebody fails, or Ctrl-C: then the frame in hand is still handed on. HF_EINTERRUPTED, without a
 * text, where a queue was aborted. */
int hf_run_follow(hf_run *run, hf_error *err);

/* ---- run_render.c ---- */

/* run->step and its queues, for a prepared session; and an end to them, which takes a run that has none. HF_ENOMEM. */
int  hf_run_new_steps(hf_run *run, hf_error *err);
void hf_run_free_steps(hf_run *run);
int64_t hf_run_step_bytes(const hf_run *run); /* of the steps that are there */

/* Fill the step's job, hand it on to the encoder, and the step back. */
int hf_run_render(hf_run *run, hf_run_step *step, hf_error *err);

typedef struct hf_renderer {
    hf_run  *run;
    int      rc; /* valid once joined */
    hf_error err;
} hf_renderer;

/* Thread: render what comes through run->followed until that is finished. A failure stops those before it. */
void *hf_run_render_thread(void *renderer);

/* ---- run_flow.c ---- */

/* HF_EARG: --flow names no folder, or with several key frames has none for one of them. Nothing without --flow. */
int hf_run_check_flow(const hf_run *run, hf_error *err);

/*
 * Fill flow f32 [H,W,2] with the field between a frame and key number `key`. Errors of hf_flow_find and hf_flow_read;
 * run->is_flow_broken is set with them, for the exit code.
 */
int hf_run_read_flow(hf_run *run, float *flow, int key, const hf_frame *frame, hf_error *err);

/* ---- run_tell.c ---- */

/* --dry-run: a text, with --json the event "plan" in its place. Measures the session, which is of no use for a run
 * afterwards. Fails as the run would fail to begin. */
int  hf_run_print_plan(hf_run *run, FILE *out, int argc, char **argv, hf_error *err);
int  hf_run_open_sidecar(hf_run *run, int argc, char **argv, int64_t keep_before, hf_error *err);
int  hf_run_finish_sidecar(hf_run *run, const char *state, hf_error *err);
void hf_run_send_start(hf_run *run, int argc, char **argv);
void hf_run_send_done(hf_run *run, const char *state);
/* A frame is on disk: event, sidecar line, warnings, progress. Called by the encoding thread. */
void hf_run_tell_frame(hf_run *run, const hf_job *job);

#endif
