/* outside_ops.h - the steps of `--flow` beside splatting and filling, as operations of a backend.
 *
 * hf_ops.outside of a backend points to such a table. `ref` and `cpu` have the same one, host code; a GPU has its own, with
 * the same numbers to the last bit. Rules are those of first_ops.h, whose draw, place, mean and fill are used beside these.
 *
 *   H W pixels  C channels of a group, c0 the first of them: labels 0..L-1, then alpha-multiplied red, green, blue, alpha
 */
#ifndef HF_PROPAGATE_OUTSIDE_OPS_H
#define HF_PROPAGATE_OUTSIDE_OPS_H

#include <stdint.h>

#include "propagate/first_ops.h"
#include "src/backend.h"

/* Displacements between the drawn frame and a frame, and what follows from them. */
typedef struct hf_outside_field {
    int          width, height;
    const float *flow;   /* [H,W,2] x, y in pixels; NaN: none */
    float       *moved;  /* [H,W,2] a pixel's way to the drawn frame */
    float       *known;  /* [H,W] 1, or 0 where moved has to be filled */
    float       *target; /* [H,W,2] where a drawn pixel goes; HF_FLOW_FROM_KEY only, like the rest */
    float       *landed; /* [H,W] cover of the splat */
    int32_t     *winner; /* [H,W] drawn pixel that landed, -1: none */
} hf_outside_field;

typedef struct hf_outside_ops {
    /* HF_FLOW_TO_KEY: writes moved and known from flow. A displacement that leads out of the picture is not known. */
    int (*take)(hf_backend *be, const hf_outside_field *field, hf_error *err);

    /* HF_FLOW_FROM_KEY: writes target from flow; after the splat, moved and known from flow and winner. */
    int (*aim)(hf_backend *be, const hf_outside_field *field, hf_error *err);
    int (*turn)(hf_backend *be, const hf_outside_field *field, hf_error *err);

    /* soft f32 [L,H,W]: the drawing's labels at xy f32 [H,W,2], finite, bilinear; places outside count as the nearest pixel
     * inside. */
    int (*fetch)(hf_backend *be, float *soft, const float *xy, const hf_drawing *drawing, const hf_outside_field *field,
                 hf_error *err);

    /* From a group f32 [H,W,C] to soft f32 [L,H,W] and edit f32 [H,W,4], where something landed; edit may be NULL where no
     * channel is one. */
    int (*deal)(hf_backend *be, float *soft, float *edit, const float *group, const hf_outside_field *field, int n_labels,
                int c0, int C, hf_error *err);

    /* cover f32 [H,W]: the mean of what landed on a pixel and its neighbours, at most 1 each, or what landed on itself where
     * that is more. A crack between pixels that have drawn apart is covered still, the middle of a hole is not. */
    int (*cover)(hf_backend *be, float *cover, const hf_outside_field *field, hf_error *err);
} hf_outside_ops;

/* The table of the backends in host memory. */
extern const hf_outside_ops hf_host_outside_ops;

#endif
