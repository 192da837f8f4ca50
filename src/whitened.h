/* whitened.h - a model of raw descriptors and a linear map learned from the drawn frame.
 *
 * The map to D channels (whiten.h) is learned from the drawn frame and distorted copies of it: moved by parts of a
 * cell, brighter, darker, blurred, tinted. What these change is what a video changes too. What the raw
 * descriptors are is the model's own affair: it gives a function that makes them.
 */
#ifndef HF_SRC_WHITENED_H
#define HF_SRC_WHITENED_H

#include "src/backend.h"
#include "src/whiten.h"

/* out f32 [n_cells,C] of the picture rgb u8 [H,W,3], both in the backend's memory. */
typedef int (*hf_raw_features)(void *ctx, const hf_tensor *out, const hf_tensor *rgb, hf_error *err);

typedef struct hf_whitened {
    hf_backend     *be;
    int             width, height, n_cells, C, D;
    hf_raw_features raw;
    void           *ctx;
    hf_whiten      *whiten;
    float          *own, *other, *difference; /* [n_cells,C], on the host */
    uint8_t        *distorted;                /* [H,W,3] */

    /* Of a backend that keeps its memory off the host: */
    uint8_t   *frame;     /* [H,W,3], on the host: the picture that is learned from */
    hf_tensor  picture;   /* u8 [H,W,3]: one of its distorted copies */
    hf_tensor  described; /* f32 [n_cells,C] */
    hf_packed *project;   /* the learned map, [D,C] */
    hf_tensor  bias;      /* f32 [D] */
} hf_whitened;

/*
 * Memory for pictures of this size, n_cells cells of C raw channels. *whitened: NULL, or one of another size; what was
 * learned there stays. be must outlive it. Returns HF_ENOMEM.
 */
int     hf_whitened_prepare(hf_whitened **whitened, hf_backend *be, int width, int height, int n_cells, int C, int D,
                            hf_raw_features raw, void *ctx, hf_error *err);
void    hf_whitened_free(hf_whitened **whitened);
int64_t hf_whitened_bytes(int width, int height, int n_cells, int C, int D); /* what prepare takes */

/* Learn from the drawn frame u8 [H,W,3]; then features f32 [h,w,D], h w = n_cells, of unit length, of any frame. All in
 * the backend's memory. Errors of `raw` and of the backend; extract does not wait for the device. */
int hf_whitened_adapt(hf_whitened *w, const hf_tensor *rgb, hf_error *err);
int hf_whitened_extract(hf_whitened *w, const hf_tensor *features, const hf_tensor *rgb, hf_error *err);

#endif
