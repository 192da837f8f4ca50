/* match_context.h - the K best reference cells of every target cell, inside a window.
 *
 * One call compares one target map with one reference map and merges what it
 * finds into lists that earlier calls have begun, so that any number of references,
 * each with its own window, share one list. A cell is one position of the
 * feature map, not a pixel.
 *
 * The window is a band: work and memory grow with its area, never with (h*w)^2.
 *
 * Features are compared as bytes: byte = 128 + round(256 * value), cut to 1..255. For vectors of unit
 * length this moves a cosine by about 0.002, and it makes every sum an exact integer, so that all
 * backends give the same lists to the last bit, four times as fast as float.
 */
#ifndef HF_PROPAGATE_MATCH_CONTEXT_H
#define HF_PROPAGATE_MATCH_CONTEXT_H

#include <assert.h>
#include "src/backend.h"

#define HF_MATCH_MAX_K 32
#define HF_MATCH_TILE 8           /* target cells of one row that share a window centre */
#define HF_MATCH_NONE (-1e9f)     /* similarity of an unused slot: below every other */
#define HF_MATCH_UNIT 256         /* steps of a byte for 1.0 */
#define HF_MATCH_ZERO 128         /* the byte of 0.0 */
#define HF_MATCH_SCALE (1.0f / (HF_MATCH_UNIT * HF_MATCH_UNIT)) /* a power of two: exact */
#define HF_MATCH_PAD(D) (((D) + 3) / 4 * 4) /* channels of the byte forms: padded by 128, which is 0 */

struct hf_match_context_params {
    int k;            /* slots of the list, 1..HF_MATCH_MAX_K */
    int radius_cells; /* |dx|,|dy| <= radius round the centre; 0 or more */
    int reference;    /* number of this reference, 0 or more; goes into the index */
};

/*
 * hf_ops.match_context(be, index, similarity, target, reference, shift, params, err)
 *
 *   index       i32 [h,w,K]  in and out: r*h*w + y*w + x, best first; -1 in unused slots
 *   similarity  f32 [h,w,K]  in and out: dot product, falling; HF_MATCH_NONE in unused slots
 *   target      u8 [h,w,P]   P = HF_MATCH_PAD(D)
 *   reference   u8 [h,P/4,w,4]  four channels of all columns of a row, then the next four, so that
 *                            the candidates of a window row lie side by side
 *   shift       i32 [h,T,2]  T = ceil(w / HF_MATCH_TILE): dx, dy of the window's centre from the cell's
 *                            own place, for each run of HF_MATCH_TILE cells of a row; NULL = no shift
 *
 * Candidates outside the map do not exist. Equal similarities keep the lower index,
 * whatever the order of the calls.
 * Returns HF_OK, or HF_EARG for parameters outside the ranges above.
 */

/* Asserts the shapes; HF_EARG for parameters outside their ranges. For every backend. */
static inline int hf_match_context_check(const hf_tensor *index, const hf_tensor *target, const hf_tensor *reference,
                                         const hf_match_context_params *p, hf_error *err)
{
    assert(index->n_dims == 3 && target->n_dims == 3 && reference->n_dims == 4);
    assert(target->dtype == HF_U8 && reference->dtype == HF_U8 && target->shape[2] % 4 == 0);
    assert(reference->shape[0] == target->shape[0] && 4 * reference->shape[1] == target->shape[2] &&
           reference->shape[2] == target->shape[1] && reference->shape[3] == 4);
    if (p->k < 1 || p->k > HF_MATCH_MAX_K)
        return hf_fail(err, HF_EARG, "match: k is %d, want 1..%d", p->k, HF_MATCH_MAX_K);
    if (p->radius_cells < 0)
        return hf_fail(err, HF_EARG, "match: radius is %d cells, want 0 or more", p->radius_cells);
    if (p->reference < 0)
        return hf_fail(err, HF_EARG, "match: reference is %d, want 0 or more", p->reference);
    assert(index->shape[2] == p->k);
    return HF_OK;
}

/* Both lists to their empty state: index -1, similarity HF_MATCH_NONE. Host memory. */
void hf_match_context_clear(int32_t *index, float *similarity, int64_t count);

/* Features f32 [h,w,D] to the bytes of a target, and those to the form of a reference. Host memory. */
void hf_match_context_bytes(uint8_t *target, const float *features, int h, int w, int D);
void hf_match_context_pack(uint8_t *reference, const uint8_t *target, int h, int w, int D);

/* The two host implementations; the backends put them in their tables. */
int hf_ref_match_context(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                         const hf_tensor *target, const hf_tensor *reference,
                         const hf_tensor *shift, const hf_match_context_params *params,
                         hf_error *err);
int hf_cpu_match_context(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                         const hf_tensor *target, const hf_tensor *reference,
                         const hf_tensor *shift, const hf_match_context_params *params,
                         hf_error *err);

#endif
