/* cmd_models.h - the verb `hfprop models [list | info NAME | verify NAME...]`: weights and their files. */
#ifndef HF_SRC_CLI_CMD_MODELS_H
#define HF_SRC_CLI_CMD_MODELS_H

#include "src/cli/options.h"

/*
 * To the standard output, text or (--json) one JSON object a line. Returns the exit code: 0; 2 for a wrong command line;
 * 3 for files that cannot be read; 4 for files that are missing, wrong or, of verify, damaged.
 */
int hf_models_main(const hf_options *options, int argc, char **argv);

#endif
