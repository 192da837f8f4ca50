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
    int   n_recent;     /* recent frames kept as references beside the drawn one */
    int   k;            /* votes a cell */
    int   radius_cells; /* window: |dx|,|dy| <= radius */
    float temperature;  /* divides cosine similarity before exp; > 0 */
} hf_context_params;

int  hf_context_open(hf_context **out, hf_model *model, int width, int height,
                     const hf_context_params *params, hf_error *err);
void hf_context_close(hf_context **context);

/* rgb: u8 [H,W,3] host. ids: u8 [H,W] host, labels 0..n_labels-1. Starts afresh. */
int hf_context_seed(hf_context *context, const uint8_t *rgb, const uint8_t *ids, int n_labels,
                    hf_error *err);

/* The next frame away from the drawn one. cells: made by hf_cells_new with hf_context_cells' sizes. */
int hf_context_step(hf_context *context, hf_cells *cells, const uint8_t *rgb, hf_error *err);

/* Everything step needs to go on later, for --resume. The drawn frame is seeded again
 * before load. */
int hf_context_save(const hf_context *context, FILE *file, const char *path, hf_error *err);
int hf_context_load(hf_context *context, FILE *file, const char *path, hf_error *err);

#endif
