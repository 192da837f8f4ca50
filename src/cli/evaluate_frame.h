/* evaluate_frame.h - inside of evaluate.c: score one frame. */
#ifndef HF_SRC_CLI_EVALUATE_FRAME_H
#define HF_SRC_CLI_EVALUATE_FRAME_H

#include <stdbool.h>
#include "src/cli/evaluate.h"

#define HF_EVAL_VOID_ID 255

/* What is the same for all frames; borrowed. */
typedef struct hf_eval_job {
    const hf_davis *davis;
    const char     *results;
    hf_eval_params  params;    /* void_means is never AUTO */
    int            *n_objects; /* FIRST: [n_sequences] */
} hf_eval_job;

/* What is known of one frame. */
typedef struct hf_eval_record {
    int            sequence, frame; /* index in stems */
    bool           in_truth[256], in_result[256];
    int            n;
    uint8_t        ids[256];
    hf_eval_score *scores; /* [n] of ids; the owner of the record frees it */
} hf_eval_record;

/* Scratch of one thread; all zero but job to begin with. */
typedef struct hf_eval_worker {
    const hf_eval_job *job;
    hf_eval           *eval;
    int                width, height; /* of eval and ignore */
    uint8_t           *ignore;        /* [H,W] */
} hf_eval_worker;

/* What each id of an annotation (is_truth) or a result counts as; params->void_means is not AUTO. */
void hf_eval_id_map(uint8_t map[256], const hf_eval_params *params, bool is_truth);

/* FIRST: objects are 1..n, n the largest id of the first annotation. HF_EFORMAT if it has none. */
int hf_eval_count_objects(const hf_eval_job *job, int sequence, int *n_objects, hf_error *err);

/* Fill in the record of frame->sequence, frame->frame: the ids that occur, and their scores. */
int  hf_eval_score_frame(hf_eval_worker *w, hf_eval_record *frame, hf_error *err);
void hf_eval_worker_close(hf_eval_worker *w);

#endif
