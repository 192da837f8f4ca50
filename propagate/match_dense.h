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

#define HF_MATCH_DENSE_MAX_SIDE 32768 /* pixels or cells, each way */

struct hf_match_dense_params {
    int source_width, source_height; /* Ws, Hs: pixels, >= ws, hs is usual but not needed */
    int target_width, target_height; /* Wt, Ht */
};

/*
 * hf_ops.match_dense_scratch_bytes(be, source, target, params)
 *
 * Bytes of scratch that match_dense wants for these shapes; `data` of the
 * tensors is not read. 0 when match_dense would refuse the sizes.
 *
 * hf_ops.match_dense(be, index, similarity, source, target, params, scratch, err)
 *
 *   index       i32 [Hs,Ws]   out: y*Wt + x of the best target pixel
 *   similarity  f32 [Hs,Ws]   out: its cosine, -1..1; 0 when either vector is zero
 *   source      f32 [hs,ws,D]
 *   target      f32 [ht,wt,D] same D
 *   scratch     u8  [bytes]   at least match_dense_scratch_bytes; what is in it does not matter
 *
 * Ties go to the lowest index. A zero vector has cosine 0 with everything; a
 * descriptor with a value that is not finite counts as zero.
 * A backend may return another pixel only where the two similarities, computed
 * in double, differ by less than 1e-6; `similarity` is right to 1e-5.
 * Swapping source and target gives the backward match. Nothing is allocated.
 *
 * Returns HF_OK, or HF_EARG for sides outside 1..HF_MATCH_DENSE_MAX_SIDE.
 */

/* The checks that every backend shares. */
int hf_match_dense_check(const hf_tensor *source, const hf_tensor *target,
                         const hf_match_dense_params *params, hf_error *err);

/* ref: every pixel against every pixel, in double. For tests: its scratch holds the upsampled target. */
size_t hf_ref_match_dense_scratch_bytes(hf_backend *be, const hf_tensor *source,
                                        const hf_tensor *target,
                                        const hf_match_dense_params *params);
int    hf_ref_match_dense(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                          const hf_tensor *source, const hf_tensor *target,
                          const hf_match_dense_params *params, const hf_tensor *scratch,
                          hf_error *err);

/* cpu: one GEMM of the coarse maps, then branch and bound; see match_dense_cpu.c. */
size_t hf_cpu_match_dense_scratch_bytes(hf_backend *be, const hf_tensor *source,
                                        const hf_tensor *target,
                                        const hf_match_dense_params *params);
int    hf_cpu_match_dense(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                          const hf_tensor *source, const hf_tensor *target,
                          const hf_match_dense_params *params, const hf_tensor *scratch,
                          hf_error *err);

#endif
