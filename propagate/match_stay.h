/* match_stay.h - a dense match moves a pixel only where that is better than staying.
 *
 * The exact matcher breaks ties by index. Where the scene has no texture, or has not moved,
 * many targets are equally good within rounding, and the natural one among them is the
 * pixel's own place. Maps A and B are upsampled bilinearly (align_corners = false, borders clamped)
 * to W x H as in match_dense.h; pixel p stays where
 *     <A'(p), B'(p)> / (|A'(p)| |B'(p)|) >= similarity(p) - tolerance.
 */
#ifndef HF_PROPAGATE_MATCH_STAY_H
#define HF_PROPAGATE_MATCH_STAY_H

#include "src/backend.h"

/* match_dense and match_stay are each right to about 1e-5. */
#define HF_MATCH_STAY_TOLERANCE 3e-5f

/*
 * hf_ops.match_stay(be, index, similarity, a, b, tolerance, err)
 *
 *   index       i32 [H,W]    in and out: y*W + x; p itself where p stays
 *   similarity  f32 [H,W]    in and out: the larger of the two where p stays
 *   a, b        f32 [h,w,D]  source and target of the match, the same sizes
 *
 * The cosine is 0 where either vector is zero. Always HF_OK.
 */
int hf_ref_match_stay(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                      const hf_tensor *a, const hf_tensor *b, float tolerance, hf_error *err);
int hf_cpu_match_stay(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                      const hf_tensor *a, const hf_tensor *b, float tolerance, hf_error *err);

#endif
