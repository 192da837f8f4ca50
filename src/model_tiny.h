/* model_tiny.h - model `tiny`: a small learned network, compiled in. */
#ifndef HF_SRC_MODEL_TINY_H
#define HF_SRC_MODEL_TINY_H

#include "src/model.h"

/* params->weights: a file that samples/training made; NULL: the one that is compiled in (tiny_weights.h). */
int hf_model_tiny_open(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err);

#endif
