/* outside.h - `--flow`: carry a drawing by correspondences that somebody else has found.
 *
 * Instead of matching features, every frame comes with a field of displacements between it and the drawn
 * frame. Its direction decides how the drawing travels:
 *   HF_FLOW_TO_KEY    for every pixel of the frame, where in the drawn frame it came from: it fetches
 *                     what is drawn there, bilinearly
 *   HF_FLOW_FROM_KEY  for every pixel of the drawn frame, where in the frame it went: it is laid down there
 *                     (splat.h), and holes fetch from where their surroundings came from
 * Pixels without a displacement (NaN), or with one that leads out of the picture, are filled from their surroundings and
 * have no cover. All arrays are the backend's memory; nothing is allocated after open.
 */
#ifndef HF_PROPAGATE_OUTSIDE_H
#define HF_PROPAGATE_OUTSIDE_H

#include "propagate/outside_ops.h"
#include "src/backend.h"
#include "src/hfprop.h"

typedef struct hf_outside hf_outside;

typedef struct hf_outside_params {
    int         width, height; /* pixels */
    int         n_labels;      /* L, background included */
    hf_flow_way way;
} hf_outside_params;

typedef struct hf_outside_result {
    float *soft;  /* [L,H,W] out: labels, sum 1 */
    float *edit;  /* [H,W,4] out: alpha-multiplied 0..255; not used where the drawing has no edit */
    float *xy;    /* [H,W,2] out: where each pixel came from in the drawn frame */
    float *cover; /* [H,W] out: 0..1 */
    float *mean;  /* [1] out: of cover */
} hf_outside_result;

/* The backend must outlive this. HF_EARG: a size or number of labels below 1. HF_ENOMEM. */
int  hf_outside_open(hf_outside **out, hf_backend *be, const hf_outside_params *params, hf_error *err);
void hf_outside_close(hf_outside **outside);

/* What open allocates. */
int64_t hf_outside_bytes(const hf_outside_params *params);

/* Carry one drawing to one frame, whose field is flow f32 [H,W,2]: displacements x, y in pixels, NaN: none. Queued like an
 * operation; returns what those return. */
int hf_outside_render(hf_outside *outside, const hf_outside_result *result, const hf_drawing *drawing, const float *flow,
                      hf_error *err);

#endif
