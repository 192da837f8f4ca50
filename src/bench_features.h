/* bench_features.h - feature maps to measure on. Internal to bench_*.c. */
#ifndef HF_SRC_BENCH_FEATURES_H
#define HF_SRC_BENCH_FEATURES_H

#include <stdint.h>
#include "src/error.h"

/* A binary PPM of 8 bits. rgb: u8 [H,W,3], the caller frees it. HF_EIO, HF_EFORMAT or HF_ENOMEM. */
int hf_bench_read_ppm(uint8_t **rgb, int *width, int *height, const char *path, hf_error *err);

/* map f32 [h,w,D] of independent normal numbers: nothing for a bound to hold on to. */
void hf_bench_random(float *map, int h, int w, int D, uint64_t seed);

/* The same after smoothing over `radius` cells each way and a shift of (dy, dx) cells; wraps around. */
int hf_bench_smooth(float *map, int h, int w, int D, int radius, float dy, float dx, uint64_t seed,
                    hf_error *err);

/* map f32 [h,w,D] of plain statistics of a picture that is stretched over the grid: colour and gradient
 * histograms of 3 window sizes, of the cell and its 8 neighbours; D channels of those, at most 378,
 * the rest zero. */
int hf_bench_statistics(float *map, int h, int w, int D, const uint8_t *rgb, int W, int H,
                        hf_error *err);

#endif
