/* correspond.h - correspondences between two pictures: fields, cycles, and a few good pairs.
 *
 * A field says for every pixel of one picture which pixel of the other is its nearest neighbour (match_dense.h: exact,
 * features upsampled, then normalised). Made at the size of the feature grids it is a field of cells.
 */
#ifndef HF_PROPAGATE_CORRESPOND_H
#define HF_PROPAGATE_CORRESPOND_H

#include "propagate/match_points.h"
#include "src/backend.h"

/* Host memory; no match is index -1. */
typedef struct hf_field {
    int      width, height;       /* of the picture whose pixels ask */
    int      to_width, to_height; /* of the picture that answers */
    int32_t *index;               /* [H,W] y*to_width + x */
    float   *similarity;          /* [H,W] cosine */
} hf_field;

/* HF_EARG: a side below 1. HF_ENOMEM. */
int  hf_field_new(hf_field **out, int width, int height, int to_width, int to_height, hf_error *err);
void hf_field_free(hf_field **field);

/*
 * from, to: f32 [h,w,D] in memory of `be`. Between pictures of one size and maps of one shape, a pixel stays where it is if
 * that is as good a match within rounding (match_stay.h), so that what did not move does not jitter.
 * What match_dense returns, and HF_ENOMEM.
 */
int hf_field_match(hf_field *field, hf_backend *be, const hf_tensor *from, const hf_tensor *to, hf_error *err);

/*
 * The same between masks: pixels where `asking` (u8 [H,W]) is not 0 are matched with pixels where `allowed` (u8 of
 * the other picture) is not 0; NULL: all. The maps are in host memory and have the field's sizes.
 * HF_EARG: a mask that is empty. HF_ENOMEM.
 */
int hf_field_match_inside(hf_field *field, const hf_feature_map *from, const hf_feature_map *to, const uint8_t *asking,
                          const uint8_t *allowed, hf_error *err);

/* flow f32 [H,W,2] out: x and y of the match less the pixel's own; NaN without a match. */
void hf_field_to_flow(float *flow, const hf_field *field);

/*
 * How far from itself every pixel ends up on the way there and back, in pixels: 0 for mutual nearest neighbours.
 *   distance  f32 [H,W]  out; infinity where either way has no match
 * `back` goes from the other picture to the first.
 */
void hf_field_cycle(float *distance, const hf_field *forward, const hf_field *back);

typedef enum hf_select_how {
    HF_SELECT_MUTUAL, /* mutual nearest neighbours, the most similar first */
    HF_SELECT_CYCLIC, /* the 2 n smallest cycles, then one of each of n clusters of their descriptors in the first
                         picture: find_cyclical_correspondences of diffusion-hyperfeatures */
    HF_SELECT_BUDDIES /* mutual nearest neighbours, one of each of n clusters of their joined descriptors:
                         find_correspondences of dino-vit-features */
} hf_select_how;

/*
 * Saliency is what both public codes rank the pixels of a cluster by, and below whose threshold they are
 * background. Here it is a mask or anything like it; without, nothing is background and similarity ranks.
 */
typedef struct hf_select_params {
    hf_select_how how;
    int           n;
    const float  *saliency, *to_saliency; /* f32 [H,W] of each picture, or NULL */
    float         threshold;              /* background is saliency <= threshold */
} hf_select_params;

#define HF_SELECT_DEFAULTS { .how = HF_SELECT_BUDDIES, .n = 10, .threshold = 0.05f }

/*
 * Choose up to n pairs.
 *   chosen    [n]  out: positions y*W + x in `forward`
 *   n_chosen       out: fewer than n where there are fewer
 * from, to: the maps that the fields were made of, in host memory. Clusters are those of k-means on unit vectors,
 * started by k-means++ from a fixed seed: the same result every time.
 * HF_EARG: n below 1. HF_ENOMEM.
 */
int hf_select_pairs(int32_t *chosen, int *n_chosen, const hf_field *forward, const hf_field *back,
                    const hf_feature_map *from, const hf_feature_map *to, const hf_select_params *params,
                    hf_error *err);

#endif
