/* model_tiny.h - model `tiny`: a learned network compiled into the program, beside the statistics of `classic`. */
#ifndef HF_SRC_MODEL_TINY_H
#define HF_SRC_MODEL_TINY_H

#include "src/model.h"

/* params->weights: another file of the same network (samples/training), or NULL for the one compiled in. */
int hf_model_tiny_open(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err);

#endif
