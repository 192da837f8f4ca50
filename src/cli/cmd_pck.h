/* cmd_pck.h - the verb `hfprop pck ANNOTATIONS --images DIR`; see pck_run.h. */
#ifndef HF_SRC_CLI_CMD_PCK_H
#define HF_SRC_CLI_CMD_PCK_H

#include "src/cli/options.h"

/* The verb. Returns the exit code; has told everything. */
int hf_pck_main(const hf_options *options, int argc, char **argv);

#endif
