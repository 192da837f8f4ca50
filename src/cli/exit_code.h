/* exit_code.h - the exit code of a failure; the one place where they are chosen. */
#ifndef HF_SRC_CLI_EXIT_CODE_H
#define HF_SRC_CLI_EXIT_CODE_H

#include "src/error.h"

/* Where a failure happened decides its exit code. */
typedef enum hf_stage { HF_STAGE_USAGE, HF_STAGE_INPUT, HF_STAGE_WORK, HF_STAGE_OUTPUT } hf_stage;

/* The stage that a failure to open a model or a session belongs to: files of weights are inputs. */
hf_stage hf_stage_of_opening(hf_status status);

int hf_exit_code(hf_status status, hf_stage stage);

#endif
