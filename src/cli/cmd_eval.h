/* cmd_eval.h - the verb `hfprop eval RESULTS --davis DIR`: only the scores; hfprop davis ends with them too. */
#ifndef HF_SRC_CLI_CMD_EVAL_H
#define HF_SRC_CLI_CMD_EVAL_H

#include <stdio.h>
#include "io/davis.h"
#include "src/cli/options.h"
#include "src/cli/report.h"

/*
 * Score options->input against options->davis, print the table or JSON to out, and write the files
 * into options->out and the page options->report if they are given. *writing: 1 after a failure
 * to write, so that the caller can tell a full disk from a missing mask.
 * Returns what hf_davis_open, hf_eval_run and hf_eval_write return; HF_EIO if out cannot be written.
 */
int hf_cmd_eval(const hf_options *options, FILE *out, int *writing, hf_error *err);

/* The tree that --year, --split, --sequences and --resolution choose. */
void hf_cmd_eval_tree(hf_davis_params *tree, const hf_options *options);

typedef struct hf_eval_places {
    const char *results; /* folder of masks */
    const char *tree;    /* what they are scored against, for the page */
    const char *folder;  /* of the CSV and JSON files; NULL: none */
    FILE       *out;     /* the table, or with --json the scores */
    hf_report  *events;  /* not NULL: with --json the scores go there, as the event "scores" */
} hf_eval_places;

/* What hf_cmd_eval does once the tree is open. The page is written too; its name has to be checked before. */
int hf_cmd_eval_score(const hf_options *options, const hf_davis *davis, const hf_eval_places *places, int *writing,
                  hf_error *err);

/* The verb: hf_cmd_eval to the standard output, errors told. Returns the exit code. */
int hf_eval_main(const hf_options *options, int argc, char **argv);

#endif
