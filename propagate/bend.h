/* bend.h - guided filter on splatted labels, in the match modes first and given.
 *
 * Matching pixel by pixel is noisy, and blind to edges between cells. Each object's label is averaged
 * over blocks and bent to the frame's edges (guide.h); the background is the rest. A pixel
 * whose colour is exactly that of the drawn pixel it came from keeps its label: there is nothing
 * to mend, and an unchanged frame gives back the mask as it was drawn.
 */
#ifndef HF_PROPAGATE_BEND_H
#define HF_PROPAGATE_BEND_H

#include <stdint.h>
#include "src/error.h"

typedef struct hf_bend hf_bend;

/* Where the labels of a frame came from. */
typedef struct hf_bend_frame {
    const uint8_t *rgb;       /* [H,W,3] the frame */
    const uint8_t *drawn_rgb; /* [H,W,3] the drawn frame */
    const float   *xy;        /* [H,W,2] each pixel's place in it */
    const float   *cover;     /* [H,W] */
} hf_bend_frame;

/* radius_px and epsilon as of hf_guide_new, with its statuses. Free takes a pointer to NULL. */
int     hf_bend_new(hf_bend **out, int width, int height, int radius_px, float epsilon, hf_error *err);
void    hf_bend_free(hf_bend **bend);
int64_t hf_bend_bytes(int width, int height); /* that new takes */

/* soft f32 [L,H,W] in and out; sums to 1 afterwards. */
void hf_bend_run(hf_bend *bend, float *soft, int n_labels, const hf_bend_frame *frame);

#endif
