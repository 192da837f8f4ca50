/* pair.h - two images with their features and masks: what `hfprop match` and `hfprop warp` begin with. */
#ifndef HF_SRC_CLI_PAIR_H
#define HF_SRC_CLI_PAIR_H

#include "src/cli/describe.h"
#include "src/cli/exit_code.h"
#include "src/cli/options.h"
#include "src/cli/report.h"

typedef struct hf_pair {
    hf_image       *image[2];
    hf_object_mask *mask[2]; /* NULL: not given */
    hf_describer   *describer;
    hf_description  of[2];
} hf_pair;

/* hf_report_open without events: --json of these verbs is their result, and nothing else goes to the standard output. */
int hf_pair_open_report(hf_report **out, const hf_options *options, hf_error *err);

/* The parameters of hf_describer_open as typed. */
void hf_options_describe(hf_describe_params *params, const hf_options *options);

/* Read options->inputs[0..1] and the masks, compute the features; the model adapts to the first image. *stage: what was
 * being done when it failed. Errors of the readers and the model. */
int  hf_pair_open(hf_pair *pair, const hf_options *options, hf_stage *stage, hf_error *err);
void hf_pair_close(hf_pair *pair);

/*
 * Before anything is computed: HF_EARG if `path` is one of the inputs, or is there already and neither -y
 * nor an answer on the terminal allows to overwrite it. path NULL: nothing is written.
 */
int hf_pair_check_output(const char *path, const hf_options *options, hf_report *report, hf_error *err);

#endif
