/* context.h - `--match context`: follow a drawn frame through time.
 *
 * References are the drawn frame and the last n frames. Every cell of the new
 * frame takes its k best cells of the references inside a window; they vote, with
 * softmax weights, for its label and for the coordinate it came from.
 * One hf_context follows ONE drawn frame in ONE direction; frames are given in order
 * of distance from it. Nothing is allocated after open and seed.
 */
#ifndef HF_PROPAGATE_CONTEXT_H
#define HF_PROPAGATE_CONTEXT_H

#include "propagate/cells.h"
#include "src/model.h"

typedef struct hf_context hf_context;

typedef struct hf_context_params {
    int   n_recent;     /* recent frames kept as references beside the drawn one, 1..64 */
    int   k;            /* votes a cell, 1..HF_MATCH_MAX_K */
    int   radius_cells; /* window in recent frames: |dx|,|dy| <= radius, 0..1024 */
    int   drawn_radius_cells; /* window in the drawn frame, round the place where the cell should
                               * have come from; 0..1024 */
    float temperature;  /* divides cosine similarity before exp; > 0 */
    int   no_anchor;    /* 1: what was voted stays as it is, for measuring what the anchor is worth */
} hf_context_params;

/* What scores best on real video, tests/bench/README.md. */
#define HF_CONTEXT_DEFAULTS { .n_recent = 7, .k = 10, .radius_cells = 10, .drawn_radius_cells = 20, \
                              .temperature = 0.15f }

/*
 * model: prepared here for pictures of width x height; it must outlive the context and
 * may serve several contexts of one size in turn only if each is seeded afresh, since seed
 * adapts it to the drawn frame. Returns HF_EARG for parameters outside their ranges
 * (0 is outside too: the caller fills in defaults), HF_ENOMEM, or the model's error.
 */
int  hf_context_open(hf_context **out, hf_model *model, int width, int height,
                     const hf_context_params *params, hf_error *err);
void hf_context_close(hf_context **context);

/* Sizes of the cells that step fills, for hf_cells_new. */
void hf_context_cells_shape(const hf_context *context, int *h, int *w, int *stride_px);

/* Bytes that a context of this size holds once seeded, without the model's own. */
int64_t hf_context_bytes(const hf_model *model, int width, int height,
                         const hf_context_params *params, int n_labels);

/* rgb: u8 [H,W,3] host. ids: u8 [H,W] host, labels 0..n_labels-1. Starts afresh. Both are copied.
 * Returns HF_EARG if an id is not below n_labels, HF_ENOMEM, or the model's error. */
int hf_context_seed(hf_context *context, const uint8_t *rgb, const uint8_t *ids, int n_labels,
                    hf_error *err);

/* The next frame away from the drawn one. cells: made by hf_cells_new_on, on the model's backend, with the sizes of
 * hf_context_cells_shape and the n_labels of seed; anything else is HF_EARG. rgb must stay as it is until
 * sync has returned. */
int hf_context_step(hf_context *context, hf_cells *cells, const uint8_t *rgb, hf_error *err);

/* The same with rgb in the backend's memory. features f32 [h,w,D], too: those of rgb by the model as it is since seed; NULL:
 * they are computed here. */
int hf_context_step_on(hf_context *context, const hf_cells *cells, const uint8_t *rgb, const float *features,
                       hf_error *err);

/* Everything step needs to go on later, for --resume. The drawn frame is seeded again
 * before load. load returns HF_EFORMAT for a file of another size, label count, parameters
 * or model, or one that ends early; the context must then be seeded again. */
int hf_context_save(const hf_context *context, FILE *file, const char *path, hf_error *err);
int hf_context_load(hf_context *context, FILE *file, const char *path, hf_error *err);

#endif
