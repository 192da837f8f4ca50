/* splat_footprint.h - which target pixels a match reaches, and how much of each; for the
 * backends' splat only. */
#ifndef HF_PROPAGATE_SPLAT_FOOTPRINT_H
#define HF_PROPAGATE_SPLAT_FOOTPRINT_H

#include <math.h>
#include "propagate/splat.h"

/* The tensors of one call. */
typedef struct hf_splat_io {
    const hf_tensor *out, *cover, *winner, *payload, *match, *similarity;
} hf_splat_io;

typedef struct hf_footprint {
    int     n; /* 0..4 */
    int64_t at[4];
    float   weight[4];
} hf_footprint;

/* Asserts the shapes of the contract. */
void hf_splat_check(const hf_splat_io *io, const hf_tensor *scratch);

static inline void hf_footprint_add(hf_footprint *f, int x, int y, float weight, int w, int h)
{
    if (weight <= 0.0f || x < 0 || y < 0 || x >= w || y >= h)
        return;
    f->at[f->n] = (int64_t)y * w + x;
    f->weight[f->n++] = weight;
}

static inline hf_footprint hf_splat_footprint(const hf_tensor *match, int64_t p, int w, int h)
{
    hf_footprint f = { 0 };
    if (match->dtype == HF_I32) {
        int32_t q = ((const int32_t *)match->data)[p];
        if (q >= 0 && q < (int64_t)w * h) {
            f.at[0] = q;
            f.weight[0] = 1.0f;
            f.n = 1;
        }
        return f;
    }
    const float *xy = (const float *)match->data + 2 * p;
    if (!(xy[0] > -1.0f && xy[0] < (float)w && xy[1] > -1.0f && xy[1] < (float)h))
        return f; /* NaN fails every comparison */
    int x = (int)floorf(xy[0]), y = (int)floorf(xy[1]);
    float fx = xy[0] - (float)x, fy = xy[1] - (float)y;
    hf_footprint_add(&f, x, y, (1.0f - fx) * (1.0f - fy), w, h);
    hf_footprint_add(&f, x + 1, y, fx * (1.0f - fy), w, h);
    hf_footprint_add(&f, x, y + 1, (1.0f - fx) * fy, w, h);
    hf_footprint_add(&f, x + 1, y + 1, fx * fy, w, h);
    return f;
}

#endif
