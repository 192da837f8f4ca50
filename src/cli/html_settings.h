/* html_settings.h - what the report tells of how results and scores were made. References are new; NULL without memory. */
#ifndef HF_SRC_CLI_HTML_SETTINGS_H
#define HF_SRC_CLI_HTML_SETTINGS_H

#include <jansson.h>
#include "src/cli/evaluate.h"

/* A command line as it could be typed in a shell. */
json_t *hf_html_command(int argc, char **argv);

/* How the scores were made, in the words of the options: {name: value}. */
json_t *hf_html_scoring(const hf_eval_report *report);

/*
 * How the masks of a sequence were made, if its folder of results still has a sidecar (SEQUENCE/hfprop.json, as a run
 * with --masks leaves it, or .hfprop/SEQUENCE.run.json, as hfprop davis does): {"hfprop", "model", "match", ...}, every default filled in. NULL if there is none that can be read.
 */
json_t *hf_html_sidecar(const char *results, const char *sequence);

#endif
