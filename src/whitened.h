/* whitened.h - a model of raw descriptors and a linear map learned from the drawn frame.
 *
 * The map to D channels (whiten.h) is learned from the drawn frame and distorted copies of it: moved by parts of a
 * cell, brighter, darker, blurred, tinted. What these change is what a video changes too. What the raw
 * descriptors are is the model's own affair: it gives a function that makes them.
 */
#ifndef HF_SRC_WHITENED_H
#define HF_SRC_WHITENED_H

#include "src/tensor.h"
#include "src/whiten.h"

/* out f32 [h,w,C] for the picture rgb u8 [H,W,3], both host memory. */
typedef int (*hf_raw_features)(void *ctx, float *out, const uint8_t *rgb, hf_error *err);

typedef struct hf_whitened {
    int             width, height, n_cells, C, D;
    hf_raw_features raw;
    void           *ctx;
    hf_whiten      *whiten;
    float          *own, *other, *difference; /* [h,w,C] */
    uint8_t        *distorted;                /* [H,W,3] */
} hf_whitened;

/* Memory for pictures of this size, n_cells cells of C raw channels. *whitened: NULL, or one of another size; what was
 * learned there stays. Returns HF_ENOMEM. */
int     hf_whitened_prepare(hf_whitened **whitened, int width, int height, int n_cells, int C, int D, hf_raw_features raw,
                            void *ctx, hf_error *err);
void    hf_whitened_free(hf_whitened **whitened);
int64_t hf_whitened_bytes(int width, int height, int n_cells, int C, int D); /* what prepare takes */

/* Learn from the drawn frame; then features f32 [n_cells,D] of unit length of any frame. */
int hf_whitened_adapt(hf_whitened *w, const uint8_t *rgb, hf_error *err);
int hf_whitened_extract(hf_whitened *w, float *features, const uint8_t *rgb, hf_error *err);

#endif
