/* cmd_eval.h - the verb `hfprop eval RESULTS --davis ROOT`: only the scores. */
#ifndef HF_SRC_CMD_EVAL_H
#define HF_SRC_CMD_EVAL_H

#include <stdio.h>
#include "src/error.h"

/* As they were typed; NULL or 0 = not given. */
typedef struct hf_eval_options {
    const char *results;         /* RESULTS: folder of sequences */
    const char *davis;           /* --davis ROOT */
    const char *split;           /* --split val */
    const char *resolution;      /* --resolution 480p */
    const char *sequences;       /* --sequences a,b */
    const char *objects;         /* --objects first|seen */
    const char *void_means;      /* --void auto|background|exclude|object */
    const char *output;          /* -o DIR: where the CSV and JSON files go */
    int         year;            /* --year 2016|2017; 2016 scores one object, as that data set does */
    int         single_object;   /* --single-object */
    int         keep_first_last; /* --keep-first-last */
    int         json;            /* --json: JSON on out instead of the table */
    int         n_threads;       /* -t */
} hf_eval_options;

/* Score and print to out. HF_EARG for a missing RESULTS or --davis and for unknown words; else what
 * hf_davis_open, hf_eval_run and hf_eval_write return; HF_EIO if out cannot be written. */
int hf_cmd_eval(const hf_eval_options *o, FILE *out, hf_error *err);

#endif
