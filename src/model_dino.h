/* model_dino.h - DINO and DINOv2 as feature models. */
#ifndef HF_SRC_MODEL_DINO_H
#define HF_SRC_MODEL_DINO_H

#include <stdbool.h>
#include "src/model.h"

/* Does a file or folder hold a vision transformer of these families? */
bool hf_model_dino_is_path(const char *path);

/* params->name is one of hf_dino_rows. See hf_model_open; HF_EMODEL also where the weights are of another network than
 * the name says. */
int hf_model_dino_open(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err);

#endif
