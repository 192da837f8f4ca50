/* doctor.h - `hfprop doctor`: what this machine and this build can do. */
#ifndef HF_SRC_CLI_DOCTOR_H
#define HF_SRC_CLI_DOCTOR_H

#include <stdio.h>

/* One line a fact: "ok" or "missing" with what to do. Returns the exit code: 1 if something is missing
 * without which the main job cannot be done. */
int hf_doctor_main(FILE *out);

#endif
