/* pck.h - PCK, the share of key points that a matcher carries near enough to their true place.
 *
 * Published numbers differ in all of these, and so each is a parameter and is told with the result:
 *   base       alpha times the larger side of the target image, or of a box
 *   box        the annotated box of the target (Diffusion Hyperfeatures, DIFT) or source (CATs++) image, or
 *              the box round the target's key points (PF-WILLOW; anything without an annotated box)
 *   strict     distance < alpha * base (sd-dino) instead of <=
 *   eval_size  both images count as eval_size x eval_size pixels when features are upsampled and matched
 *              (Diffusion Hyperfeatures); 0: each at its own size (DIFT)
 * Distances are always measured in pixels of the target image itself, and means come both per key point and per image.
 */
#ifndef HF_PROPAGATE_PCK_H
#define HF_PROPAGATE_PCK_H

#include "propagate/match_points.h"

#define HF_PCK_MAX_ALPHAS 16

typedef enum hf_pck_base { HF_PCK_IMAGE, HF_PCK_BOX } hf_pck_base;
typedef enum hf_pck_box { HF_PCK_BOX_TARGET, HF_PCK_BOX_SOURCE, HF_PCK_BOX_KEYPOINTS } hf_pck_box;

typedef struct hf_pck_params {
    double      alpha[HF_PCK_MAX_ALPHAS]; /* > 0 */
    int         n_alphas;                 /* 1..HF_PCK_MAX_ALPHAS */
    hf_pck_base base;
    hf_pck_box  box;
    int         is_strict;
    int         eval_size;                /* 0, or 1..HF_PCK_MAX_EVAL_SIZE */
} hf_pck_params;

#define HF_PCK_MAX_EVAL_SIZE 8192
#define HF_PCK_DEFAULTS { .alpha = { 0.1 }, .n_alphas = 1 }

/* HF_EARG: a number outside its range. */
int hf_pck_check(const hf_pck_params *params, hf_error *err);

/* One annotated pair. Boxes are left, top, right, bottom; NULL: not annotated. */
typedef struct hf_pck_pair {
    int           n;
    const double *source_xy, *target_xy; /* [n,2] pixels of the images */
    int           source_width, source_height, target_width, target_height;
    const double *source_box, *target_box;
    const char   *category;
} hf_pck_pair;

/*
 * Carry the source's key points into the target.
 *   predicted  [n,2]  out: pixels of the target image
 * A key point takes the descriptor of the pixel nearest to it (halves to even, clamped to the image), at the
 * evaluation size; its match is brought back by target size / evaluation size. The maps are upsampled to
 * the evaluation size whatever sizes they name. HF_ENOMEM.
 */
int hf_pck_predict(double *predicted, const hf_pck_pair *pair, const hf_feature_map *source,
                   const hf_feature_map *target, const hf_pck_params *params, hf_error *err);

/* What alpha is multiplied with. HF_EFORMAT: the box is asked for and the pair has none. */
int hf_pck_base_px(double *base_px, const hf_pck_pair *pair, const hf_pck_params *params, hf_error *err);

/* Sums of one category, or of all. */
typedef struct hf_pck_sums {
    char   category[128];
    int    n_pairs, n_points;
    int    hits[HF_PCK_MAX_ALPHAS];   /* key points */
    double shares[HF_PCK_MAX_ALPHAS]; /* sum over pairs of hits / points */
    double distance_px;               /* sum over key points */
} hf_pck_sums;

typedef struct hf_pck_tally {
    hf_pck_sums  all;
    hf_pck_sums *categories; /* in the order of their first pair */
    int          n_categories;
} hf_pck_tally;

/* Count one pair; hits may be NULL, else [n_alphas]: how many of its points were right. HF_ENOMEM. */
int hf_pck_add(hf_pck_tally *tally, int *hits, const hf_pck_pair *pair, const double *predicted, double base_px,
               const hf_pck_params *params, hf_error *err);
void hf_pck_tally_free(hf_pck_tally *tally);

double hf_pck_per_point(const hf_pck_sums *sums, int alpha);
double hf_pck_per_image(const hf_pck_sums *sums, int alpha);

/* Plain mean over categories of the figure per key point. */
double hf_pck_per_category(const hf_pck_tally *tally, int alpha);

#endif
