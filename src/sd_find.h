/* sd_find.h - which file holds the weights of a part, in the folders that diffusers and transformers write. */
#ifndef HF_SRC_SD_FIND_H
#define HF_SRC_SD_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include "src/error.h"

/*
 * The weights in a folder: the first of STEM.safetensors, STEM.fp16.safetensors, STEM.non_ema.safetensors, the indexes of
 * their shards, and the same with .bin, under the stems of diffusers ("diffusion_pytorch_model") and of
 * transformers ("model", "pytorch_model"). Returns 1 and the path, or 0 if there is none.
 */
int hf_find_weights(char *path, size_t size, const char *folder);

/* The one .safetensors or .ckpt that lies in a folder itself: 1 and its path; 0 if there is none. HF_EMODEL if
 * there are several: the text names two. A .ckpt and a .safetensors of one name count once. */
int hf_find_single_file(char *path, size_t size, const char *folder, hf_error *err);

bool hf_is_folder(const char *path);
bool hf_is_file(const char *path);

#endif
