/* both.h - what the host and a GPU compile from one source (src/both.h), for cells and labels. */
#ifndef HF_PROPAGATE_BOTH_H
#define HF_PROPAGATE_BOTH_H

#include <stddef.h>

#include "src/both.h"

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
