/* warp_cell.h - what warp.h says of one pixel, for the host and for a GPU (see both.h). */
#ifndef HF_PROPAGATE_WARP_CELL_H
#define HF_PROPAGATE_WARP_CELL_H

#include <math.h>
#include <stdint.h>

#include "propagate/both.h"
#include "propagate/warp.h"

HF_BOTH float hf_warp_fade_of(float cover)
{
    float f = cover * (1.0f / HF_WARP_FULL_COVER);
    return f < 0.0f ? 0.0f : f > 1.0f ? 1.0f : f;
}

HF_BOTH void hf_warp_add_tap(float out[4], const uint8_t *tap, float weight)
{
    float alpha = weight * tap[3];
    float scale = alpha * (1.0f / 255.0f);
    out[0] += scale * tap[0];
    out[1] += scale * tap[1];
    out[2] += scale * tap[2];
    out[3] += alpha;
}

/* One pixel of hf_warp_edit, faded. */
HF_BOTH void hf_warp_pixel(float out[4], const uint8_t *rgba, float x, float y, float fade, int width, int height)
{
    out[0] = out[1] = out[2] = out[3] = 0.0f;
    if (!isfinite(x) || !isfinite(y) || fade <= 0.0f)
        return;
    x = fminf(fmaxf(x, 0.0f), (float)(width - 1));
    y = fminf(fmaxf(y, 0.0f), (float)(height - 1));
    int x0 = (int)x, y0 = (int)y;
    float fx = x - (float)x0, fy = y - (float)y0;
    size_t right = fx > 0.0f ? 4 : 0, down = fy > 0.0f ? (size_t)width * 4 : 0;
    const uint8_t *tap = rgba + ((size_t)y0 * width + x0) * 4;

    if (!(tap[3] | tap[right + 3] | tap[down + 3] | tap[down + right + 3]))
        return; /* most of an edit is empty */
    hf_warp_add_tap(out, tap, (1.0f - fx) * (1.0f - fy) * fade);
    hf_warp_add_tap(out, tap + right, fx * (1.0f - fy) * fade);
    hf_warp_add_tap(out, tap + down, (1.0f - fx) * fy * fade);
    hf_warp_add_tap(out, tap + down + right, fx * fy * fade);
}

/* Straight rgba of an alpha-multiplied pixel. */
HF_BOTH void hf_warp_straighten_pixel(uint8_t rgba[4], const float m[4])
{
    uint8_t alpha = (uint8_t)(fminf(m[3], 255.0f) + 0.5f);
    float scale = alpha ? 255.0f / m[3] : 0.0f;
    for (int c = 0; c < 3; c++)
        rgba[c] = (uint8_t)(fminf(m[c] * scale, 255.0f) + 0.5f);
    rgba[3] = alpha;
}

#endif
