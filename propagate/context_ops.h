/* context_ops.h - the steps of `--match context` as operations of a backend.
 *
 * hf_ops.context of a backend points to such a table. `ref` and `cpu` have the same one, host code; a GPU has its own.
 * Rules are those of src/backend.h: operations are queued in order, nothing is allocated, and every address in the
 * structs below (those inside hf_cells, too) is one of the backend's memory. A step returns HF_OK or HF_EDEVICE.
 *
 * A GPU gives what the host gives: to the last bit where numbers are whole (lists, guesses, patches, lightness,
 * searches), else within 1e-4 of labels and 1e-2 px of coordinates, since its exp differs in the last bit.
 * Decisions between equals (a label, a search that fits as well elsewhere) may turn over from that.
 *
 *   R references  h w cells  fh fw fine cells  K matches  L labels  P = HF_MATCH_PAD(D)
 */
#ifndef HF_PROPAGATE_CONTEXT_OPS_H
#define HF_PROPAGATE_CONTEXT_OPS_H

#include "propagate/anchor.h"
#include "propagate/blend.h"
#include "propagate/cells.h"
#include "propagate/fine.h"
#include "propagate/refine.h"
#include "src/backend.h"

/* A frame that others are matched against. Reference r of an array of them lies as far behind reference 0 as r
 * of its maps are long, so that reference 0 says where all are. */
typedef struct hf_context_reference {
    uint8_t *packed; /* [h,P/4,w,4] features, the matcher's form of a reference */
    float   *labels; /* [h,w,L] */
    float   *xy;     /* [h,w,2] pixels of the drawn frame */
} hf_context_reference;

/* Lists of hf_ops.match_context and what is made of them. */
typedef struct hf_context_lists {
    int      h, w, k, stride_px;
    int32_t *index;      /* [h,w,K] */
    float   *similarity; /* [h,w,K] */
    float   *weight;     /* [h,w,K] votes */
    int32_t *shift;      /* [h,T,2] of the drawn frame's window, see match_context.h */
    int32_t *guess;      /* [h,w] the cell of the last frame that looks most alike, -1 = none */
} hf_context_lists;

/* A frame's labels as a user gets them. */
typedef struct hf_decision {
    uint8_t *ids;   /* [H,W] id_of the strongest label, the lowest of equal ones */
    uint8_t *alpha; /* [H,W] 255 (1 - soft label 0), rounded; 0 where there are no objects */
    uint8_t *soft;  /* [n_ids,H,W] 255 times each object's soft label */
} hf_decision;

/* How a picture is brought to working size: averaged over squares of `factor` pixels, or doubled. */
typedef struct hf_scaling {
    int width, height;           /* of the frame */
    int work_width, work_height;
    int factor, enlarge;         /* one of the two is 1 */
} hf_scaling;

typedef struct hf_context_ops {
    /* Working picture u8 [h',w',3] of a frame u8 [H,W,3]. */
    int (*scale)(hf_backend *be, uint8_t *out, const uint8_t *rgb, const hf_scaling *scaling, hf_error *err);

    /* xy f32 [n,2] of working pixels to pixels, about the corner of the frame (pixel centres are at + 1/2). */
    int (*rescale)(hf_backend *be, float *xy, int64_t n, float scale, hf_error *err);

    /* See match_context.h. target u8 [h,w,P], features f32 [h,w,D], reference u8 [h,P/4,w,4]. */
    int (*bytes)(hf_backend *be, const hf_tensor *target, const hf_tensor *features, hf_error *err);
    int (*pack)(hf_backend *be, const hf_tensor *reference, const hf_tensor *target, hf_error *err);
    int (*clear)(hf_backend *be, const hf_context_lists *lists, hf_error *err);

    /* The lists hold the matches of one reference alone, the last frame, whose coordinates are xy f32 [h,w,2]. Writes
     * shift (the mean move, over a tile, from a cell's own place to the coordinate of its best match) and guess. */
    int (*predict)(hf_backend *be, const hf_context_lists *lists, const float *xy, hf_error *err);

    /* The K matches of each cell vote: writes lists->weight and out. A cell without matches keeps its own place and is
     * background. references: the first of all that an index may name. */
    int (*vote)(hf_backend *be, const hf_cells *out, const hf_context_lists *lists,
                const hf_context_reference *references, float temperature, hf_error *err);

    /* hf_fine_describe and hf_fine_vote of fine.h. */
    int (*describe)(hf_backend *be, uint8_t *patches, uint8_t *colours, const uint8_t *rgb, int width, int height,
                    int stride_px, hf_error *err);
    int (*fine_vote)(hf_backend *be, const hf_cells *out, const uint8_t *patches, const hf_fine_matches *matches,
                     const hf_fine_reference *references, hf_error *err);

    /* Lightness of rgb u8 [H,W,3], of the light's size; its memory is 4 bytes longer than hf_light_bytes. */
    int (*light)(hf_backend *be, const hf_light *light, const uint8_t *rgb, hf_error *err);
    /* Correct cells->xy, fine->xy and fine->labels, see anchor.h. guess i32 [h,w] or NULL. */
    int (*anchor)(hf_backend *be, const hf_anchor_view *anchor, const hf_cells *cells, const hf_cells *fine,
                  const int32_t *guess, hf_error *err);

    /* labels f32 [h,w,L]: the mean of the fine labels of each cell's parts. */
    int (*pool)(hf_backend *be, float *labels, int h, int w, const hf_cells *fine, hf_error *err);

    /* hf_refine of refine.h. run has its contract, but all of it in the backend's memory; new and run return
     * its statuses too. free takes a pointer to NULL. */
    int (*refine_new)(hf_backend *be, hf_refine **out, int width, int height, int max_labels,
                      const hf_refine_params *params, hf_error *err);
    int (*refine_run)(hf_backend *be, hf_refine *refine, float *soft, float *xy, float *cover, const hf_cells *cells,
                      const uint8_t *rgb, const hf_drawn *drawn, hf_error *err);
    void (*refine_free)(hf_backend *be, hf_refine **refine);
    int64_t (*refine_bytes)(hf_backend *be, int width, int height, int n_cells); /* that new takes */

    /* soft f32 [L,n] to masks. id_of u8 [n_labels], of the host; n_ids is 0, or n_labels - 1. */
    int (*decide)(hf_backend *be, const hf_decision *out, const float *soft, int64_t n, int n_labels, int n_ids,
                  const uint8_t *id_of, hf_error *err);

    /* An edit to a frame's pixels, as hf_warp_edit and hf_warp_straighten of warp.h, to the last bit. cover may be NULL: no fading. */
    int (*warp)(hf_backend *be, float *out, const uint8_t *rgba, const float *xy, const float *cover, int width, int height,
                hf_error *err);
    int (*straighten)(hf_backend *be, uint8_t *rgba, const float *multiplied, int64_t n, hf_error *err);
    int (*fade)(hf_backend *be, float *multiplied, const float *cover, int64_t n, hf_error *err); /* hf_warp_fade */

    /* One frame from several keys, see blend.h, to the last bit: the sums are cleared, keys added, their mean is taken.
     * soft and painted of a key may be NULL, the result's painted too. */
    int (*blend_clear)(hf_backend *be, const hf_blend *sums, hf_error *err);
    int (*blend_add)(hf_backend *be, const hf_blend *sums, const float *soft, const float *painted, const float *cover,
                     float weight, hf_error *err);
    int (*blend_mean)(hf_backend *be, const hf_blend *sums, float *soft, float *painted, hf_error *err);
} hf_context_ops;

/* The table of the backends in host memory. */
extern const hf_context_ops hf_host_context_ops;

#endif
