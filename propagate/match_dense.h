/* match_dense.h - exact nearest neighbours between two upsampled feature maps.
 *
 * Source S [hs,ws,D] and target T [ht,wt,D] are both upsampled bilinearly
 * (align_corners = false, borders clamped) to Hs x Ws and Ht x Wt, every
 * upsampled vector is divided by its length, and every source pixel p gets
 *     argmax_q <S'(p), T'(q)>.
 * Normalisation comes after upsampling, so the maximum moves inside cells.
 * The upsampled maps are never built: the numerator is bilinear in the coarse
 * Gram matrix G = S T^t, and |T'(q)| comes from the Gram matrices of the corners
 * of each cell.
 */
#ifndef HF_PROPAGATE_MATCH_DENSE_H
#define HF_PROPAGATE_MATCH_DENSE_H

#include "src/backend.h"

struct hf_match_dense_params {
    int source_width, source_height; /* Ws, Hs: pixels, >= ws, hs is usual but not needed */
    int target_width, target_height; /* Wt, Ht */
};

/*
 * hf_ops.match_dense(be, index, similarity, source, target, params, scratch, err)
 *
 *   index       i32 [Hs,Ws]   out: y*Wt + x of the best target pixel
 *   similarity  f32 [Hs,Ws]   out: its cosine, -1..1; 0 when either vector is zero
 *   source      f32 [hs,ws,D]
 *   target      f32 [ht,wt,D] same D
 *
 * Ties go to the lowest index. A zero vector has cosine 0 with everything.
 * Arithmetic is f32 (the winner's similarity is computed in double from the features
 * on `ref`); a backend may return another pixel only where the two similarities,
 * computed in double, differ by less than 1e-6.
 */

#endif
