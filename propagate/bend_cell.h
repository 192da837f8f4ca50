/* bend_cell.h - what bend.h says of one pixel or block, for the host and for a GPU (see both.h). */
#ifndef HF_PROPAGATE_BEND_CELL_H
#define HF_PROPAGATE_BEND_CELL_H

#include <stdint.h>

#include "propagate/both.h"
#include "propagate/guide.h"

/* Mean of plane f32 [H,W] over block x, y. */
HF_BOTH float hf_bend_block(const float *plane, int x, int y, int H, int W)
{
    int v1 = (y + 1) * HF_GUIDE_BLOCK < H ? (y + 1) * HF_GUIDE_BLOCK : H;
    int u1 = (x + 1) * HF_GUIDE_BLOCK < W ? (x + 1) * HF_GUIDE_BLOCK : W;
    float sum = 0.0f;
    int n = 0;
    for (int v = y * HF_GUIDE_BLOCK; v < v1; v++)
        for (int u = x * HF_GUIDE_BLOCK; u < u1; u++, n++)
            sum += plane[(int64_t)v * W + u];
    return sum / (float)n;
}

/* Coordinates of splatted pixels are whole numbers; those of filled ones never count as same, nor do places outside. */
HF_BOTH int hf_bend_same(const uint8_t *rgb, const uint8_t *drawn_rgb, const float *xy, float cover, int W, int H)
{
    if (cover <= 0.0f || !(xy[0] >= 0.0f && xy[1] >= 0.0f && xy[0] < (float)W && xy[1] < (float)H))
        return 0;
    int u = (int)xy[0], v = (int)xy[1];
    if ((float)u != xy[0] || (float)v != xy[1])
        return 0;
    const uint8_t *drawn = drawn_rgb + 3 * ((int64_t)v * W + u);
    return rgb[0] == drawn[0] && rgb[1] == drawn[1] && rgb[2] == drawn[2];
}

/* Filtered one by one, objects may claim a little more than there is; the background is the rest. soft f32 [L,n]. */
HF_BOTH void hf_bend_share(float *soft, int64_t n, int64_t i, int n_labels)
{
    float sum = 0.0f;
    for (int l = 1; l < n_labels; l++)
        sum += soft[l * n + i];
    for (int l = 1; sum > 1.0f && l < n_labels; l++)
        soft[l * n + i] /= sum;
    soft[i] = sum < 1.0f ? 1.0f - sum : 0.0f;
}

#endif
