/* recorder.h - run the same sequence of operations again and again, on a device that can keep it.
 *
 * The first run does the work as it is written (libraries make plans, scratch is allocated), the second one is
 * recorded, later ones replay the recording. On a backend that cannot record, and for a sequence that cannot be
 * recorded (one that goes through host memory), every run does the work as it is written.
 */
#ifndef HF_SRC_RECORDER_H
#define HF_SRC_RECORDER_H

#include "src/backend.h"

typedef struct hf_recorder {
    hf_backend   *be;        /* set by the user; the rest is zero at first */
    int           n_runs;    /* that did the work as it is written */
    bool          is_plain;  /* cannot be recorded */
    hf_recording *recording;
} hf_recorder;

/* The operations of one run. Every address, shape and parameter is the same in every run. */
typedef int hf_recorder_body(void *ctx, hf_error *err);

/* Run body, or what was recorded of it. Returns what body or the device returns. */
int hf_recorder_run(hf_recorder *r, hf_recorder_body *body, void *ctx, hf_error *err);

/* Forget: the next run is a first one. For new shapes or addresses, and at the end. */
void hf_recorder_reset(hf_recorder *r);

#endif
