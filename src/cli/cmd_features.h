/* cmd_features.h - the verb `hfprop features`: features of images into files, and as colours. */
#ifndef HF_SRC_CLI_CMD_FEATURES_H
#define HF_SRC_CLI_CMD_FEATURES_H

#include "src/cli/options.h"

/* The whole verb; the result is the exit code. */
int hf_features_main(const hf_options *options, int argc, char **argv);

#endif
