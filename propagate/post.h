/* post.h - what artists do to a mask last: drop specks, fill holes, grow, shrink, feather. */
#ifndef HF_PROPAGATE_POST_H
#define HF_PROPAGATE_POST_H

#include <stddef.h>
#include <stdint.h>
#include "src/error.h"

#define HF_POST_MAX_GROW 512
#define HF_POST_MAX_FEATHER 256.0f

/* 0 switches a step off. */
typedef struct hf_post_params {
    int   grow_px;       /* radius of the disk that objects grow by; negative: shrink */
    float feather_px;    /* sigma of the Gaussian */
    int   despeckle_px;  /* components of fewer pixels are dropped */
    int   fill_holes_px; /* enclosed holes of fewer pixels are filled */
} hf_post_params;

typedef struct hf_post hf_post;

/* HF_EARG names the parameter that is out of its range, HF_ENOMEM. */
int  hf_post_new(hf_post **out, int width, int height, const hf_post_params *params,
                 hf_error *err);
void hf_post_free(hf_post **post);

/*
 * Despeckle, fill holes, then grow or shrink, in this order, in place. ids: u8 [H,W].
 *
 *   speck   a group of pixels of one object, joined along sides or corners; it takes the id found most
 *           often beside it
 *   hole    background joined along sides that does not reach the frame's edge; it takes the
 *           id found most often beside it
 *   grow    background within the radius of an object takes the id of the nearest one;
 *           objects do not grow into each other
 *   shrink  what lies within the radius of another id, or of the background, becomes background;
 *           the frame's edge is no border
 *
 * Allocates nothing.
 */
void hf_post_ids(hf_post *post, uint8_t *ids);

/* Gaussian of feather_px on one matte, in place; the frame's edge continues outwards.
 * plane: u8 [H,W]. Three running means: from sigma 1 on the error against a true Gaussian is below
 * 3 of 255. */
void hf_post_feather(hf_post *post, uint8_t *plane);

/* Bytes that hf_post_new takes. */
size_t hf_post_bytes(int width, int height);

#endif
