/* doctor.h - `hfprop doctor`: what this machine and this build can do. */
#ifndef HF_SRC_CLI_DOCTOR_H
#define HF_SRC_CLI_DOCTOR_H

#include "src/cli/options.h"

/*
 * One line a fact: "ok", "missing", "no files" (a model whose weights are not here) or "broken" (weights that cannot be
 * opened), the thing, and what to do. With --json one object: "ok", "checks" (the lines: "state", "what", "detail") and
 * what `hfprop models --json` has. Returns the exit code: 1 if something is missing without which the main job cannot be
 * done, or the answer could not be printed.
 */
int hf_doctor_main(const hf_options *options, int argc, char **argv);

#endif
