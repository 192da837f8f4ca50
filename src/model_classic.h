/* model_classic.h - the model that needs no weights. */
#ifndef HF_SRC_MODEL_CLASSIC_H
#define HF_SRC_MODEL_CLASSIC_H

#include "src/model.h"

int hf_model_classic_open(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err);

#endif
