/* both.h - functions that the host and a GPU compile from one source.
 *
 * What decides about one cell or pixel is written once, in a header of inline functions, so that both give the same
 * numbers; who loops over the cells is another matter. Such a header keeps to what C11 and C++17 share.
 */
#ifndef HF_PROPAGATE_BOTH_H
#define HF_PROPAGATE_BOTH_H

#include <stddef.h>

#ifdef __CUDACC__
#define HF_BOTH static __device__ __forceinline__
#else
#define HF_BOTH static inline
#endif

HF_BOTH int hf_clamp_int(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

/* Centre of a cell, in pixels; the centre of pixel 0 is 0. */
HF_BOTH float hf_cell_centre(int cell, int stride_px) { return ((float)cell + 0.5f) * (float)stride_px - 0.5f; }

/* The strongest of L labels, `step` apart; the lowest of equal ones. */
HF_BOTH int hf_best_label(const float *labels, size_t step, int L)
{
    int best = 0;
    for (int l = 1; l < L; l++)
        if (labels[(size_t)l * step] > labels[(size_t)best * step])
            best = l;
    return best;
}

#endif
