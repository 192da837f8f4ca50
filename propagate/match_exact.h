/* match_exact.h - the last word between near-tied candidates, in double. Internal to propagate/match_*. */
#ifndef HF_PROPAGATE_MATCH_EXACT_H
#define HF_PROPAGATE_MATCH_EXACT_H

#include "propagate/match_tables.h"

typedef struct hf_match_best {
    int32_t q; /* -1: none yet */
    double  cosine;
} hf_match_best;

/* vector [D] = S' at position (py, px) of quad (qy, qx), not normalised; returns its length. */
double hf_match_exact_vector(double *vector, const hf_match_map *source, int qy, int qx, int py,
                             int px);

/* Better of best and the positions `keep` (ascending, indices into the quad's list) of one
 * target quad, compared in double from the features. Closer than double rounding goes to the lowest q. */
void hf_match_exact_quad(hf_match_best *best, const hf_match_target *target, int quad,
                         const int *keep, int n_keep, const double *vector, double length);

/* The same with one pixel of known cosine. */
void hf_match_exact_offer(hf_match_best *best, int32_t q, double cosine);

#endif
