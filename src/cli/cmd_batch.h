/* cmd_batch.h - the verb `hfprop batch`: many videos. */
#ifndef HF_SRC_CLI_CMD_BATCH_H
#define HF_SRC_CLI_CMD_BATCH_H

#include "src/cli/options.h"

/* The whole verb; has told everything. Returns the exit code. */
int hf_batch_main(const hf_options *options, int argc, char **argv);

#endif
