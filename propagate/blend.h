/* blend.h - one frame from several keys, for the host and for a GPU (see both.h).
 *
 * At a pixel, a key counts with weight * (cover + a little): labels are the weighted mean over the keys that have
 * objects, the edit (alpha multiplied in) over those that have one. Where no key has, a pixel is background and transparent.
 */
#ifndef HF_PROPAGATE_BLEND_H
#define HF_PROPAGATE_BLEND_H

#include <stdint.h>

#include "propagate/both.h"

/* Lets uncovered pixels still be decided by the nearer key. */
#define HF_BLEND_LEAST_COVER 0.05f

/* Weighted sums over keys. */
typedef struct hf_blend {
    int64_t n; /* pixels */
    int     n_labels;
    float  *soft, *soft_weight;       /* [L,n], [n] */
    float  *painted, *painted_weight; /* [n,4], [n]; NULL: no key has an edit */
} hf_blend;

/* Add one key at pixel i: soft [L,n], or NULL where it has no objects; painted [n,4], or NULL. */
HF_BOTH void hf_blend_add(const hf_blend *b, int64_t i, const float *soft, const float *painted, float cover, float weight)
{
    float w = weight * (cover + HF_BLEND_LEAST_COVER);
    for (int l = 0; soft && l < b->n_labels; l++)
        b->soft[l * b->n + i] += w * soft[l * b->n + i];
    if (soft)
        b->soft_weight[i] += w;
    for (int c = 0; painted && c < 4; c++)
        b->painted[4 * i + c] += w * painted[4 * i + c];
    if (painted)
        b->painted_weight[i] += w;
}

HF_BOTH void hf_blend_mean(const hf_blend *b, int64_t i, float *soft, float *painted)
{
    float w = b->soft_weight[i];
    for (int l = 0; l < b->n_labels; l++)
        soft[l * b->n + i] = w > 0.0f ? b->soft[l * b->n + i] / w : l == 0 ? 1.0f : 0.0f;
    w = painted ? b->painted_weight[i] : 0.0f;
    for (int c = 0; painted && c < 4; c++)
        painted[4 * i + c] = w > 0.0f ? b->painted[4 * i + c] / w : 0.0f;
}

#endif
