/* eval.h - J and F of one object in one frame, and their statistics over frames.
 *
 * The numbers are those of the public davis2017-evaluation tool, to the last bit:
 *   J  region similarity: |result and truth| / |result or truth|, 1 if both are empty
 *   F  boundary measure: 2 P R / (P + R); P is the part of the result's boundary
 *      within r pixels of the truth's boundary, R the other way round;
 *      r = ceil(0.008 * sqrt(W*W + H*H)), 8 for 854 x 480
 *
 * Which frames and which objects are scored is the caller's choice (the official
 * tool: objects 1..n of the first annotation, without the first and last frame).
 */
#ifndef HF_PROPAGATE_EVAL_H
#define HF_PROPAGATE_EVAL_H

#include <stdint.h>
#include "src/error.h"

typedef struct hf_eval hf_eval; /* scratch for pictures of one size; one thread at a time */

typedef struct hf_eval_score {
    double j, f; /* 0..1 */
} hf_eval_score;

typedef struct hf_eval_stats {
    double mean;
    double recall; /* part of the values above 0.5 */
    double decay;  /* mean of the first quarter - mean of the last quarter */
} hf_eval_stats;

/* Returns HF_EARG for sizes outside 1..65536, HF_ENOMEM. */
int  hf_eval_new(hf_eval **out, int width, int height, hf_error *err);
void hf_eval_free(hf_eval **eval);

/* Boundary tolerance r in pixels for this size. */
int hf_eval_radius_px(int width, int height);

/*
 * Score the pixels equal to `id`.
 *   truth, result  u8 [H,W]
 *   ignore         u8 [H,W], pixels that are not 0 count as background in both; or NULL
 *   id             0..255
 */
hf_eval_score hf_eval_frame(hf_eval *eval, const uint8_t *truth, const uint8_t *result,
                            const uint8_t *ignore, int id);

/*
 * Statistics of n >= 1 values, one a frame in order. Quarters share their end frames:
 * their borders are round_half_even(linspace(1, n, 5) + 1e-10) - 1.
 * The official tool keeps the borders in 8 bits, which gives a wrong or undefined
 * decay for n > 256; here they are exact, and equal for every n up to 256.
 */
hf_eval_stats hf_eval_statistics(const double *values, int64_t n);

/* Mean of n >= 1 values, summed in numpy's order (pairwise), so that the last digit agrees too. */
double hf_eval_mean(const double *values, int64_t n);

#endif
