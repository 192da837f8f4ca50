/* log_bin.h - descriptors with their surroundings, in bins that grow with the distance.
 *
 * As ShirAmir/dino-vit-features (_log_bin of extractor.py) has it. For every cell and every k of 0..levels-1, from the means
 * over 3^k x 3^k cells (those outside left out of the mean): the 3 x 3 places 3^k apart around the
 * cell, row by row, less the middle one for k > 0; places outside count as the nearest one inside. So 1 + 8 levels
 * parts of C channels: 17 C for 2 levels, the published setting.
 */
#ifndef HF_SRC_NET_LOG_BIN_H
#define HF_SRC_NET_LOG_BIN_H

#include "src/backend.h"

#define HF_LOG_BIN_MAX_LEVELS 4

typedef struct hf_log_bin hf_log_bin;

static inline int hf_log_bin_parts(int levels) { return 1 + 8 * levels; }

/* For grids of h x w cells of C channels. levels: 1..HF_LOG_BIN_MAX_LEVELS. HF_ENOMEM, HF_EARG. */
int     hf_log_bin_new(hf_log_bin **out, hf_backend *be, int levels, int h, int w, int C, hf_error *err);
void    hf_log_bin_free(hf_log_bin **bin);
int64_t hf_log_bin_bytes(int levels, int h, int w, int C);

/* out f32 [h,w,parts*C] from x f32 [h,w,C]. Allocates nothing once it has run. */
int hf_log_bin_run(hf_log_bin *bin, const hf_tensor *out, const hf_tensor *x, hf_error *err);

#endif
