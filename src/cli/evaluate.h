/* evaluate.h - score a folder of results against a DAVIS tree.
 *
 * Two protocols, told apart by which objects count:
 *   HF_EVAL_FIRST  davis2017-evaluation, semi-supervised: objects 1..n, n the largest id of a
 *                  sequence's first annotation; other ids of later annotations are
 *                  background, other ids in a result are an error
 *   HF_EVAL_SEEN   vos-benchmark: every id, from the first scored frame in which the annotation or
 *                  the result has it; reported if any annotation has it
 * Both leave out the first and the last frame unless told otherwise.
 */
#ifndef HF_SRC_CLI_EVALUATE_H
#define HF_SRC_CLI_EVALUATE_H

#include <stdint.h>
#include "io/davis.h"
#include "propagate/eval.h"

typedef enum hf_eval_objects {
    HF_EVAL_FIRST,
    HF_EVAL_SEEN
} hf_eval_objects;

/* What id 255 of an annotation means. */
typedef enum hf_eval_void {
    HF_EVAL_VOID_AUTO,       /* FIRST: background; SEEN and single objects: an object, as the tools do */
    HF_EVAL_VOID_BACKGROUND,
    HF_EVAL_VOID_EXCLUDE,    /* these pixels do not count, whatever the result says there */
    HF_EVAL_VOID_OBJECT      /* not with FIRST, where it would make 255 objects */
} hf_eval_void;

typedef struct hf_eval_params {
    hf_eval_objects objects;
    hf_eval_void    void_means;
    int             single_object;   /* 1: every id but 0 is object 1, as DAVIS 2016 is scored */
    int             keep_first_last; /* 1: score the first and the last frame too */
    int             n_threads;       /* 0: one a processor */
} hf_eval_params;

#define HF_EVAL_DEFAULTS { .objects = HF_EVAL_FIRST }

/* One object of one sequence: one row of the table. */
typedef struct hf_eval_row {
    int           sequence;    /* index in davis->sequences */
    int           id;
    int           first_frame; /* index in stems of the first value */
    int64_t       n_values;    /* one a frame */
    double       *j, *f;       /* [n_values] */
    hf_eval_stats J, F;
} hf_eval_row;

typedef struct hf_eval_report {
    const hf_davis *davis; /* borrowed */
    hf_eval_params  params;
    int             n_rows;
    hf_eval_row    *rows;  /* in the order of the sequences, ids ascending */
    hf_eval_stats   J, F;  /* means over the rows, each object once */
    double          jf_mean;
    int64_t         n_frames; /* pairs of files that were read */
} hf_eval_report;

/*
 * Score RESULTS/SEQUENCE/STEM.png for every scored frame of every sequence of davis, which
 * must outlive the report. On failure *out is NULL.
 *
 * Returns HF_EARG for parameters that exclude each other; what hf_davis_read returns for a
 * missing or broken file; HF_EFORMAT for a result of another size, a result with an id
 * that is no object (FIRST), a first annotation without object, a sequence too short to have a scored frame;
 * HF_ENOMEM. The failure of the first bad frame, in order, is the one told.
 */
int  hf_eval_run(hf_eval_report **out, const hf_davis *davis, const char *results,
                 const hf_eval_params *params, hf_error *err);
void hf_eval_report_free(hf_eval_report **report);

#endif
