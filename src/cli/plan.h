/* plan.h - in which order the frames of a video are followed from its key frames.
 *
 * Key frames cut the range [from, to] into segments. Frames before the first key
 * are followed backward from it, those after the last one forward; between two
 * keys both ways, blended by distance. --direction leaves one way out; frames that
 * nothing reaches stay as they are (segment with both keys -1).
 */
#ifndef HF_SRC_CLI_PLAN_H
#define HF_SRC_CLI_PLAN_H

#include <stdint.h>
#include "src/error.h"
#include "src/cli/options.h"

typedef struct hf_segment {
    int64_t first, last;       /* frames, both included; last may be HF_PLAN_END */
    int     key;               /* >= 0: this one frame is that key */
    int     left, right;       /* followed from these keys; -1: not */
    int64_t left_at, right_at; /* their frames */
} hf_segment;

#define HF_PLAN_END INT64_MAX /* "to the end of the video" */

typedef struct hf_plan {
    hf_segment segment[2 * HF_MAX_KEYS + 1];
    int        n;
} hf_plan;

/*
 * frames [n_keys]: frame of each key, ascending. to: HF_PLAN_END if not known.
 * Returns HF_EARG if a key lies outside [from, to]; the text names it.
 */
int hf_plan_make(hf_plan *plan, const int64_t *frames, int n_keys, int64_t from, int64_t to,
                 hf_direction direction, hf_error *err);

/* The segment of a frame, or -1. */
int hf_plan_find(const hf_plan *plan, int64_t frame);

/* Weight of the left key in a segment with two: 1 beside it, towards 0 beside the right one. */
float hf_plan_left_weight(const hf_segment *segment, int64_t frame);

/* Frames of the longest segment that is followed at all, from `frame` on: 1 to most. */
int64_t hf_plan_longest(const hf_plan *plan, int64_t frame, int64_t most);

/* Frames that are followed backward, from `frame` on (0 if the model needs no passes). */
int64_t hf_plan_n_backward(const hf_plan *plan, int64_t frame);

#endif
