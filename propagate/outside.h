/* outside.h - `--flow`: carry a drawing by correspondences that somebody else has found.
 *
 * Instead of matching features, every frame comes with a field of displacements between it and the drawn
 * frame. Its direction decides how the drawing travels:
 *   HF_FLOW_TO_KEY    for every pixel of the frame, where in the drawn frame it came from: it fetches
 *                     what is drawn there, bilinearly
 *   HF_FLOW_FROM_KEY  for every pixel of the drawn frame, where in the frame it went: it is laid down there
 *                     (splat.h), and holes fetch from where their surroundings came from
 * Pixels without a displacement (NaN), or with one that leads out of the picture, are filled from their surroundings and
 * have no cover. Nothing is allocated after open.
 */
#ifndef HF_PROPAGATE_OUTSIDE_H
#define HF_PROPAGATE_OUTSIDE_H

#include "propagate/first.h"
#include "src/backend.h"

typedef struct hf_outside hf_outside;

typedef struct hf_outside_params {
    int         width, height; /* pixels */
    int         n_labels;      /* L, background included */
    hf_flow_way way;
} hf_outside_params;

/* The backend must outlive this. HF_EARG: a size or number of labels below 1. HF_ENOMEM. */
int  hf_outside_open(hf_outside **out, hf_backend *be, const hf_outside_params *params, hf_error *err);
void hf_outside_close(hf_outside **outside);

/* What open allocates. */
int64_t hf_outside_bytes(const hf_outside_params *params);

/*
 * Carry one drawing to one frame.
 *   result  as of hf_first_match: soft, edit (NULL: not wanted), xy, cover; mean_similarity is the mean of cover
 *   ids     u8 [H,W]     labels 0..n_labels-1 of the drawn frame
 *   edit    u8 [H,W,4]   of the drawn frame, straight alpha; NULL: none, the result's is cleared
 *   flow    f32 [H,W,2]  displacements x, y in pixels; NaN: none
 * Returns what the backend returns.
 */
int hf_outside_render(hf_outside *outside, hf_first_result *result, const uint8_t *ids, const uint8_t *edit,
                      const float *flow, hf_error *err);

#endif
