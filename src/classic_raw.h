/* classic_raw.h - the statistics that model `classic` starts from.
 *
 * For every cell of 8 x 8 pixels: Lab colour over several windows and as a small
 * layout of its surroundings, spread of Lab, and orientated gradient energy of
 * lightness at four scales and of chroma at one, over several windows and at
 * neighbouring places. What each channel is stands in one table in classic_raw.c.
 */
#ifndef HF_SRC_CLASSIC_RAW_H
#define HF_SRC_CLASSIC_RAW_H

#include <stdint.h>
#include "src/error.h"

#define HF_CLASSIC_STRIDE 8

typedef struct hf_classic_raw hf_classic_raw;

/* All memory for pictures of this size. Returns HF_ENOMEM, or HF_EARG for a size below 1. */
int  hf_classic_raw_new(hf_classic_raw **out, int width, int height, hf_error *err);
void hf_classic_raw_free(hf_classic_raw **raw);

/* What new takes for this size, and the channels that every instance has. */
int64_t hf_classic_raw_bytes(int width, int height, int *n_channels);

int hf_classic_raw_channels(const hf_classic_raw *raw);

/*
 *   out  f32 [h,w,C]  h = ceil(height / 8), w = ceil(width / 8)
 *   rgb  u8  [H,W,3]  the picture; past its edge it is continued by its last pixels
 */
void hf_classic_raw_run(hf_classic_raw *raw, float *out, const uint8_t *rgb);

#endif
