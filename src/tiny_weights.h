/* tiny_weights.h - the network of model `tiny`, the file src/tiny_weights.safetensors, compiled into the program. */
#ifndef HF_SRC_TINY_WEIGHTS_H
#define HF_SRC_TINY_WEIGHTS_H

#include "io/tensor_file.h"

/* What errors and reports call it. */
#define HF_TINY_WEIGHTS_NAME "tiny (compiled in)"

/* Opens it from the program's own memory. Returns HF_EFORMAT (a build with a damaged file) or HF_ENOMEM. */
int hf_tiny_weights_open(hf_tensor_file **out, hf_error *err);

#endif
