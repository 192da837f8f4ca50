/* cmd_davis.h - the verb `hfprop davis`: a whole DAVIS tree, then its scores.
 *
 *   RESULTS/SEQUENCE/STEM.png             indexed, DAVIS palette, ids of the first annotation
 *   RESULTS/global_results-SPLIT.csv ...  as evaluate_write.h
 *   RESULTS/.hfprop/                      as task.h
 */
#ifndef HF_SRC_CLI_CMD_DAVIS_H
#define HF_SRC_CLI_CMD_DAVIS_H

#include "src/cli/options.h"

/* The whole verb; has told everything. Returns the exit code. */
int hf_davis_main(const hf_options *options, int argc, char **argv);

#endif
