/* cmd_eval.h - the verb `hfprop eval RESULTS --davis DIR`: only the scores. */
#ifndef HF_SRC_CLI_CMD_EVAL_H
#define HF_SRC_CLI_CMD_EVAL_H

#include <stdio.h>
#include "src/cli/options.h"

/*
 * Score options->input against options->davis, print the table or JSON to out, and write the files
 * into options->out and the page options->report if they are given. *writing: 1 after a failure
 * to write, so that the caller can tell a full disk from a missing mask.
 * Returns what hf_davis_open, hf_eval_run and hf_eval_write return; HF_EIO if out cannot be written.
 */
int hf_cmd_eval(const hf_options *options, FILE *out, int *writing, hf_error *err);

/* The verb: hf_cmd_eval to the standard output, errors told. Returns the exit code. */
int hf_eval_main(const hf_options *options, int argc, char **argv);

#endif
