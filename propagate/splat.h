/* splat.h - forward splatting: every source pixel adds what it carries at its match.
 *
 * A source pixel p with match m(p) and similarity s(p) adds its payload at the four
 * target pixels around m(p), with bilinear weights b. At a target pixel q
 *     out(q)   = sum_p b e payload(p) / sum_p b e,   e = exp((s(p) - best(q)) / temperature)
 *     cover(q) = sum_p b
 * where best(q) is the largest s(p) that reaches q: only differences matter, so the better
 * match wins and nothing underflows. cover is 0 where nothing landed (a hole), 1 where one
 * whole pixel did.
 */
#ifndef HF_PROPAGATE_SPLAT_H
#define HF_PROPAGATE_SPLAT_H

#include "src/backend.h"

struct hf_splat_params {
    float temperature; /* > 0 */
};

/*
 * hf_ops.splat(be, out, cover, winner, payload, match, similarity, params, scratch, err)
 *
 *   out         f32 [Ht,Wt,C]  out: 0 in holes
 *   cover       f32 [Ht,Wt]    out
 *   winner      i32 [Ht,Wt]    out: y*Ws + x of the source pixel with the largest b e,
 *                              the lowest on ties, -1 in holes; data may be NULL
 *   payload     f32 [Hs,Ws,C]  C >= 1
 *   match       i32 [Hs,Ws]    y*Wt + x, -1 for a pixel that matches nothing; or
 *               f32 [Hs,Ws,2]  x and y between pixels; what falls outside the target is dropped
 *   similarity  f32 [Hs,Ws]    finite
 *   scratch     u8  [bytes]    hf_splat_scratch_bytes of these sizes
 *
 * The sums of a target pixel run in one fixed order, whatever the number of threads.
 * A match out of range, and a coordinate that is not finite, count as no match.
 * Returns HF_OK, or HF_EARG for a temperature that is not positive.
 */
size_t hf_splat_scratch_bytes(int source_width, int source_height, int target_width,
                              int target_height);

int hf_ref_splat(hf_backend *be, const hf_tensor *out, const hf_tensor *cover, const hf_tensor *winner,
                 const hf_tensor *payload, const hf_tensor *match, const hf_tensor *similarity,
                 const hf_splat_params *params, const hf_tensor *scratch, hf_error *err);
int hf_cpu_splat(hf_backend *be, const hf_tensor *out, const hf_tensor *cover, const hf_tensor *winner,
                 const hf_tensor *payload, const hf_tensor *match, const hf_tensor *similarity,
                 const hf_splat_params *params, const hf_tensor *scratch, hf_error *err);

#endif
