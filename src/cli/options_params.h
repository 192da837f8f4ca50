/* options_params.h - what was typed, as the parameters of the library; for every verb that works with a model. */
#ifndef HF_SRC_CLI_OPTIONS_PARAMS_H
#define HF_SRC_CLI_OPTIONS_PARAMS_H

#include "src/cli/options.h"
#include "src/hfprop.h"

/* Strings stay those of the options. */
void hf_options_model(hf_model_params *params, const hf_options *options);
void hf_options_session(hf_session_params *params, const hf_options *options, int width, int height);

#endif
