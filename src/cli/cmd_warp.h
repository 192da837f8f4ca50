/* cmd_warp.h - the verb `hfprop warp A B`: one image in the shape of another.
 *
 * Dense, from nearest neighbours alone: with --how backward every pixel of B takes the colour of its match in A, with
 * --how splat every pixel of A is laid down at its match in B (splat.h). Masks bound both sides.
 */
#ifndef HF_SRC_CLI_CMD_WARP_H
#define HF_SRC_CLI_CMD_WARP_H

#include "src/cli/options.h"

/* The verb. Returns the exit code; has told everything. */
int hf_warp_main(const hf_options *options, int argc, char **argv);

#endif
