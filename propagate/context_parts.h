/* context_parts.h - the inside of an hf_context, for the files that make it up.
 *
 *   context.c         seed and step
 *   context_memory.c  open and close
 *   context_state.c   save and load
 */
#ifndef HF_PROPAGATE_CONTEXT_PARTS_H
#define HF_PROPAGATE_CONTEXT_PARTS_H

#include "propagate/anchor.h"
#include "propagate/context.h"
#include "propagate/context_ops.h"
#include "propagate/match_context.h"

struct hf_context {
    hf_model          *model;
    hf_backend        *be;
    hf_context_params  p;
    int        W, H, h, w, D, P, L;
    int        stride_px, n_cells, tiles;
    /* Everything below is in the backend's memory, but for the arrays of structs themselves. The maps of all
     * references lie in one block each, at which reference 0 points. */
    hf_context_reference *refs;       /* [1 + n_recent] the drawn frame, then a ring */
    int64_t    n_steps;    /* frames since seed */
    uint8_t   *rgb;        /* [H,W,3] */
    float     *features;   /* [h,w,D] */
    uint8_t   *bytes;      /* [h,w,P] the same, the matcher's form of a target */
    hf_context_lists lists;
    hf_cells  *coarse;     /* the vote of the cells themselves */
    int        fh, fw, fine_px; /* fine cells */
    uint8_t   *patches;    /* [fh,fw,32] of the new frame */
    uint8_t   *colours;    /* [fh,fw,3] scratch */
    hf_fine_reference *fine_refs; /* [1 + n_recent] as hf_fine_vote wants them */
    hf_anchor *anchor;     /* holds the cells to the drawn frame */
};

/* Memory that depends on the number of labels: c->L becomes n_labels. Returns HF_ENOMEM. */
int hf_context_take_labels(hf_context *c, int n_labels, hf_error *err);

/* Where the frame of a step is kept: 1..n_recent of refs, in turn. */
static inline int hf_context_slot(const hf_context *c, int64_t step)
{
    return 1 + (int)(step % c->p.n_recent);
}

#endif
