/* evaluate_write.h - the scores as a table, as the official CSV files, and as JSON. */
#ifndef HF_SRC_CLI_EVALUATE_WRITE_H
#define HF_SRC_CLI_EVALUATE_WRITE_H

#include <jansson.h>
#include <stdio.h>
#include "src/cli/evaluate.h"

/* One line an object, then the means over objects. What file could not take is seen by
 * the caller's ferror or fclose. */
void hf_eval_print(FILE *file, const hf_eval_report *report);

/* Everything; NULL without memory. A new reference. */
json_t *hf_eval_json(const hf_eval_report *report);

/* Everything, in one line, with every digit: settings, global, and each object with its values
 * frame by frame. HF_ENOMEM, HF_EIO. */
int hf_eval_print_json(FILE *file, const hf_eval_report *report, hf_error *err);

/*
 * Write into `folder`, made if it is not there (its parent must be):
 *   global_results-SPLIT.csv, per-sequence_results-SPLIT.csv   byte for byte those of davis2017-evaluation
 *   scores-SPLIT.json                                          as hf_eval_print_json
 * Old files of these names are replaced; each is complete or not there. HF_EIO, HF_ENOMEM.
 */
int hf_eval_write(const char *folder, const hf_eval_report *report, hf_error *err);

#endif
