/* fill.h - push-pull: give pixels without a value the smooth continuation of their surroundings. */
#ifndef HF_PROPAGATE_FILL_H
#define HF_PROPAGATE_FILL_H

#include <stddef.h>
#include "src/error.h"

typedef struct hf_fill hf_fill;

/* Scratch for maps of this size with up to max_channels channels. HF_ENOMEM, HF_EARG (a size < 1). */
int  hf_fill_new(hf_fill **out, int width, int height, int max_channels, hf_error *err);
void hf_fill_free(hf_fill **fill);

/*
 *   data    f32 [H,W,C]  in and out: pixels of weight 0 are filled, the others stay as they are
 *   weight  f32 [H,W]    >= 0; more than 1 counts as 1
 *
 * C <= max_channels. With no weight anywhere everything becomes 0. Allocates nothing.
 */
void hf_fill_run(hf_fill *fill, float *data, const float *weight, int C);

/* Bytes that hf_fill_new takes. */
size_t hf_fill_bytes(int width, int height, int max_channels);

#endif
