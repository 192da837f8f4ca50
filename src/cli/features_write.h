/* features_write.h - one image's features as a file that says how they were made.
 *
 *   FOLDER/STEM.npy           f32 [h,w,D], and FOLDER/STEM.json beside it, or
 *   FOLDER/STEM.safetensors   the array "features", and the same settings in its metadata
 * STEM is the image's name without folder and extension; a layer by itself has ".layerNN" behind it.
 */
#ifndef HF_SRC_CLI_FEATURES_WRITE_H
#define HF_SRC_CLI_FEATURES_WRITE_H

#include <stddef.h>
#include "src/cli/describe.h"
#include "src/cli/options.h"

/* The file's path. layer: from 1; 0: not a layer by itself. HF_EARG: too long. */
int hf_features_path(char *path, size_t size, const char *image, int layer, const hf_options *options, hf_error *err);

/* Into options->out. What hf_npy_write and hf_safetensors_write return. */
int hf_features_write(const hf_image *image, const hf_description *features, const hf_describer *describer, int layer,
                      const hf_options *options, hf_error *err);

#endif
