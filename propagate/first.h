/* first.h - `--match first`: every frame against the drawn frames only, at full resolution.
 *
 * Exact matches both ways between drawn frame and frame, drawing splatted forward, holes filled
 * from the backward match of the pixel, what is left by push-pull (design: match_dense.h,
 * match_stay.h, splat.h, fill.h). Frames may come in any order; nothing is remembered of
 * them. Nothing is allocated after open.
 */
#ifndef HF_PROPAGATE_FIRST_H
#define HF_PROPAGATE_FIRST_H

#include "src/model.h"

typedef struct hf_first hf_first;

typedef struct hf_first_params {
    int   width, height;       /* of the results: pixels */
    int   work_width, work_height; /* of the pictures that features are computed from */
    int   n_keys;
    int   n_labels;            /* L, background included */
    int   has_edit;            /* room for edits */
    float temperature;         /* of the splat; > 0 */
} hf_first_params;

/* The model is borrowed and must outlive this. It is prepared here.
 * HF_EARG: a parameter out of its range. HF_ENOMEM. */
int  hf_first_open(hf_first **out, hf_model *model, const hf_first_params *params, hf_error *err);
void hf_first_close(hf_first **first);

/* What open allocates, the model's own memory not counted. */
int64_t hf_first_bytes(hf_model *model, const hf_first_params *params);

/*
 * A drawn frame. rgb: u8 [h',w',3] at working size, host. The model adapts to the first one
 * that is seeded; the others see it as it is then, so that one set of features of a frame
 * serves all keys.
 *   ids   u8 [H,W]    labels 0..n_labels-1; borrowed until close
 *   edit  u8 [H,W,4]  straight alpha, or NULL; borrowed until close
 */
int hf_first_seed(hf_first *first, int key, const uint8_t *rgb, const uint8_t *ids,
                  const uint8_t *edit, hf_error *err);

/* The frame that the next matches are for. rgb: u8 [h',w',3] at working size, host. */
int hf_first_frame(hf_first *first, const uint8_t *rgb, hf_error *err);

/* The same in the backend's memory; no copy is made. */
int hf_first_frame_on(hf_first *first, const uint8_t *picture, hf_error *err);

/* The same by its features f32 [h,w,D] in the backend's memory, computed since the first key was seeded; borrowed until the
 * next frame. */
void hf_first_use_features(hf_first *first, float *features);

typedef struct hf_first_result {
    float *soft;  /* [L,H,W] out: labels, sum 1 */
    float *edit;  /* [H,W,4] out: alpha-multiplied 0..255, or NULL: not wanted; needs an edit in the key */
    float *xy;    /* [H,W,2] out: where each pixel came from in the drawn frame */
    float *cover; /* [H,W] out: 0..1. The match's similarity, less where forward and backward
                     matches disagree, 0 where nothing matched */
    float  mean_similarity; /* of the frame's pixels with their best match */
} hf_first_result;

/* Match the frame with a seeded key; results on the host. */
int hf_first_match(hf_first *first, hf_first_result *result, int key, hf_error *err);

/* The same, of a backend whose memory is not the host's: results stay in its memory, in hf_first_results. has_edit: of the
 * key; without one no edit is made. mean_similarity, on the host, is there once the backend is
 * synchronised. */
int hf_first_match_on(hf_first *first, float *mean_similarity, int key, int has_edit, hf_error *err);
hf_first_result hf_first_results(const hf_first *first); /* arrays of the device, the same ones for all matches; may be written */

#endif
