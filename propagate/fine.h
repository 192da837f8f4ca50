/* fine.h - labels and coordinates at twice the resolution of the cells.
 *
 * A cell's matches say which places of which references it looks like. Each of its 2 x 2 fine
 * cells compares its own small patch of colours with those round these places, and all of
 * them vote. Thin parts that are lost in a cell's descriptor keep their labels this way.
 */
#ifndef HF_PROPAGATE_FINE_H
#define HF_PROPAGATE_FINE_H

#include <stdint.h>
#include "propagate/cells.h"

#define HF_FINE_RATIO 2     /* fine cells a cell, both ways */
#define HF_FINE_CHANNELS 32 /* bytes of a patch: 3 x 3 places x 3 colours and padding, always 0 */
#define HF_FINE_USED 27

/* What is kept of a reference, [fh,fw] fine cells. */
typedef struct hf_fine_reference {
    uint8_t *patches; /* [fh,fw,32] */
    float   *labels;  /* [fh,fw,L] */
    float   *xy;      /* [fh,fw,2] pixels of the drawn frame */
} hf_fine_reference;

/* Matches of the cells, as hf_ops.match_context leaves them. */
typedef struct hf_fine_matches {
    int            h, w, k;  /* cells, matches each */
    const int32_t *index;    /* [h,w,k] into `refs`; -1 = unused */
    const float   *weight;   /* [h,w,k] of the vote; sums to 1 */
    const float   *labels;   /* [h,w,L] what the cells themselves voted */
    const float   *xy;       /* [h,w,2] */
    const float   *similarity;
} hf_fine_matches;

/* Patches of a picture u8 [H,W,3]. colours: scratch, u8 [fh,fw,3]. */
void hf_fine_describe(uint8_t *patches, uint8_t *colours, const uint8_t *rgb, int W, int H, int stride_px);

/* out: fine cells; cell (y,x) is in cell (y/2,x/2) of the matches. patches: those of the frame. */
void hf_fine_vote(const hf_cells *out, const uint8_t *patches, const hf_fine_matches *matches,
                  const hf_fine_reference *refs);

#endif
