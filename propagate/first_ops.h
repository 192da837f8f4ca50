/* first_ops.h - the steps of `--match first` between matching and the result, as operations of a backend.
 *
 * hf_ops.first of a backend points to such a table. `ref` and `cpu` have the same one, host code; a GPU has its own.
 * Rules are those of src/backend.h: operations are queued in order, nothing is allocated after fill_new and bend_new, and every
 * address is one of the backend's memory. A step returns HF_OK or HF_EDEVICE.
 *
 * draw and place look at the size of a field alone, and serve --flow (outside_ops.h), too.
 *
 * A GPU gives what the host gives, up to the rounding of sums: 1e-5 of the largest value.
 *
 *   H W pixels  C channels of a group, c0 the first of them: labels 0..L-1, then alpha-multiplied red, green, blue, alpha
 */
#ifndef HF_PROPAGATE_FIRST_OPS_H
#define HF_PROPAGATE_FIRST_OPS_H

#include "propagate/bend.h"
#include "propagate/fill.h"
#include "src/backend.h"

/* A pixel whose forward and backward matches disagree is trusted less, down to this: in flat areas they disagree and
 * are still right about the colour. */
#define HF_FIRST_TRUST_FLOOR 0.25f

/* Where a pixel's drawing comes from: it landed there, the pixel's own match in the drawn frame has it, or nowhere. */
enum { HF_FIRST_LANDED, HF_FIRST_ASKED, HF_FIRST_UNKNOWN };

/* What was drawn on a frame. */
typedef struct hf_drawing {
    const uint8_t *ids;  /* [H,W] labels 0..n_labels-1 */
    const uint8_t *edit; /* [H,W,4] straight alpha, or NULL: transparent */
    int            n_labels;
} hf_drawing;

/* Matches between the drawn frame and a frame, and what follows from them; all [H,W]. */
typedef struct hf_first_field {
    int      width, height;
    float    half_px; /* matches there and back that disagree by this much are half trusted */
    int32_t *forward, *backward; /* drawn frame -> frame, frame -> drawn frame */
    float   *forward_similarity, *backward_similarity;
    int32_t *source;  /* drawn pixel that each pixel takes after, -1: none */
    uint8_t *origin;  /* HF_FIRST_... of source */
    float   *known;   /* 0 where it is HF_FIRST_UNKNOWN, else 1 */
} hf_first_field;

typedef struct hf_first_ops {
    /* out f32 [H,W,C]: the drawing. */
    int (*draw)(hf_backend *be, float *out, const hf_first_field *field, const hf_drawing *drawing, int c0, int C,
                hf_error *err);

    /* source holds the winners of the splat, -1 where nothing landed: there a pixel takes after its backward match,
     * if that is similar at all. Writes source, origin, known. */
    int (*ask)(hf_backend *be, const hf_first_field *field, hf_error *err);

    /* group f32 [H,W,C]: pixels that asked get their source's drawing, the others stay. */
    int (*draw_asked)(hf_backend *be, float *group, const hf_first_field *field, const hf_drawing *drawing, int c0, int C,
                      hf_error *err);

    /* From a group f32 [H,W,C] to soft f32 [L,H,W] and edit f32 [H,W,4]; edit may be NULL where no channel is one. */
    int (*deal)(hf_backend *be, float *soft, float *edit, const float *group, const hf_first_field *field, int n_labels,
                int c0, int C, hf_error *err);

    /* moved f32 [H,W,2]: a pixel's way to its source, 0 without one; xy f32 [H,W,2]: its own place and that way. */
    int (*move)(hf_backend *be, float *moved, const hf_first_field *field, hf_error *err);
    int (*place)(hf_backend *be, float *xy, const float *moved, const hf_first_field *field, hf_error *err);

    /* cover f32 [H,W]: similarity of the match, 0..1, less where the way there and back does not end where it began;
     * 0 where nothing is known. */
    int (*trust)(hf_backend *be, float *cover, const hf_first_field *field, hf_error *err);

    /* mean f32 [1] of n values. */
    int (*mean)(hf_backend *be, float *mean, const float *values, int64_t n, hf_error *err);

    /* hf_fill of fill.h in the backend's memory, with its contracts. */
    int  (*fill_new)(hf_backend *be, hf_fill **out, int width, int height, int max_channels, hf_error *err);
    int  (*fill_run)(hf_backend *be, hf_fill *fill, float *data, const float *weight, int C, hf_error *err);
    void (*fill_free)(hf_backend *be, hf_fill **fill);

    /* hf_bend of bend.h in the backend's memory, with its contracts. */
    int     (*bend_new)(hf_backend *be, hf_bend **out, int width, int height, int radius_px, float epsilon, hf_error *err);
    int     (*bend_run)(hf_backend *be, hf_bend *bend, float *soft, int n_labels, const hf_bend_frame *frame, hf_error *err);
    void    (*bend_free)(hf_backend *be, hf_bend **bend);
    int64_t (*bend_bytes)(hf_backend *be, int width, int height); /* that new takes */
} hf_first_ops;

/* The table of the backends in host memory. */
extern const hf_first_ops hf_host_first_ops;

#endif
