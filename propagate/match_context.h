/* match_context.h - the K best reference cells of every target cell, inside a window.
 *
 * One call compares one target map with one reference map and merges what it
 * finds into lists that earlier calls have begun, so that any number of references,
 * each with its own window, share one list. A cell is one position of the
 * feature map, not a pixel.
 *
 * The window is a band: work and memory grow with its area, never with (h*w)^2.
 */
#ifndef HF_PROPAGATE_MATCH_CONTEXT_H
#define HF_PROPAGATE_MATCH_CONTEXT_H

#include "src/backend.h"

#define HF_MATCH_MAX_K 32
#define HF_MATCH_TILE 8           /* target cells of one row that share a window centre */
#define HF_MATCH_NONE (-2.0f)     /* similarity of an unused slot: below every cosine */

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
 *   target      f32 [h,w,D]
 *   reference   f32 [h,D,w]  the channels of a row before its columns, so that the
 *                            candidates of a window row lie side by side
 *   shift       i32 [h,T,2]  T = ceil(w / HF_MATCH_TILE): dx, dy of the window's centre from the cell's
 *                            own place, for each run of HF_MATCH_TILE cells of a row; NULL = no shift
 *
 * Candidates outside the map do not exist. Equal similarities keep the lower index,
 * whatever the order of the calls. Sums are f32 in any order: a backend may
 * keep another candidate where two similarities differ by less than 1e-5.
 * Returns HF_OK, or HF_EARG for parameters outside the ranges above.
 */

/* Both lists to their empty state: index -1, similarity HF_MATCH_NONE. Host memory. */
void hf_match_context_clear(int32_t *index, float *similarity, int64_t count);

/* [h,w,D] to [h,D,w], the form of a reference. Host memory. */
void hf_match_context_pack(float *packed, const float *features, int h, int w, int D);

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
