/* cosine_dense.h - how alike two upsampled feature maps are at the same pixel.
 *
 * Maps A and B are upsampled bilinearly (align_corners = false, borders clamped) to W x H, as
 * in match_dense.h, and every pixel p gets the cosine <A'(p), B'(p)>. It is what a pixel's match must
 * beat: where the scene has not moved, or has no texture, staying in place is as good.
 */
#ifndef HF_PROPAGATE_COSINE_DENSE_H
#define HF_PROPAGATE_COSINE_DENSE_H

#include "src/backend.h"

/*
 * hf_ops.cosine_dense(be, cosine, a, b, err)
 *
 *   cosine  f32 [H,W]    out: -1..1, 0 where either vector is zero
 *   a, b    f32 [h,w,D]  the same sizes
 *
 * Exactly 1 within rounding (1e-6) where a and b are equal and not zero. Always HF_OK.
 */
int hf_ref_cosine_dense(hf_backend *be, const hf_tensor *cosine, const hf_tensor *a,
                        const hf_tensor *b, hf_error *err);
int hf_cpu_cosine_dense(hf_backend *be, const hf_tensor *cosine, const hf_tensor *a,
                        const hf_tensor *b, hf_error *err);

#endif
