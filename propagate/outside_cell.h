/* outside_cell.h - what outside_ops.h says of one pixel, for the host and for a GPU (see both.h). */
#ifndef HF_PROPAGATE_OUTSIDE_CELL_H
#define HF_PROPAGATE_OUTSIDE_CELL_H

#include <math.h>
#include <stdint.h>

#include "propagate/both.h"
#include "propagate/outside_ops.h"

/* Whether a pixel has a displacement that does not lead out of the picture; NaN is none. */
HF_BOTH int hf_outside_is_known(const hf_outside_field *f, int64_t q)
{
    float x = (float)(q % f->width) + f->flow[2 * q], y = (float)(q / f->width) + f->flow[2 * q + 1];
    return x >= -0.5f && y >= -0.5f && x <= (float)f->width - 0.5f && y <= (float)f->height - 0.5f;
}

HF_BOTH void hf_outside_take(const hf_outside_field *f, int64_t q)
{
    int known = hf_outside_is_known(f, q);
    f->moved[2 * q] = known ? f->flow[2 * q] : 0.0f;
    f->moved[2 * q + 1] = known ? f->flow[2 * q + 1] : 0.0f;
    f->known[q] = (float)known;
}

HF_BOTH void hf_outside_aim(const hf_outside_field *f, int64_t q)
{
    f->target[2 * q] = (float)(q % f->width) + f->flow[2 * q];
    f->target[2 * q + 1] = (float)(q / f->width) + f->flow[2 * q + 1];
}

HF_BOTH void hf_outside_turn(const hf_outside_field *f, int64_t q)
{
    int64_t p = f->winner[q];
    f->known[q] = (float)(p >= 0);
    f->moved[2 * q] = p < 0 ? 0.0f : -f->flow[2 * p];
    f->moved[2 * q + 1] = p < 0 ? 0.0f : -f->flow[2 * p + 1];
}

/* One-hot labels of the drawn frame at a place between its pixels. soft f32 [L,H,W]. */
HF_BOTH void hf_outside_fetch(float *soft, const uint8_t *ids, int n_labels, int64_t q, float x, float y, int W, int H)
{
    int64_t n = (int64_t)W * H;
    x = fminf(fmaxf(x, 0.0f), (float)(W - 1));
    y = fminf(fmaxf(y, 0.0f), (float)(H - 1));
    int x0 = (int)x, y0 = (int)y, x1 = x0 + 1 < W ? x0 + 1 : x0, y1 = y0 + 1 < H ? y0 + 1 : y0;
    float fx = x - (float)x0, fy = y - (float)y0;
    int a = ids[(int64_t)y0 * W + x0], b = ids[(int64_t)y0 * W + x1];
    int c = ids[(int64_t)y1 * W + x0], d = ids[(int64_t)y1 * W + x1];

    for (int l = 0; l < n_labels; l++) {
        float sum = l == a ? (1 - fy) * (1 - fx) : 0.0f;
        sum += l == b ? (1 - fy) * fx : 0.0f;
        sum += l == c ? fy * (1 - fx) : 0.0f;
        soft[l * n + q] = sum + (l == d ? fy * fx : 0.0f);
    }
}

/* From a group of channels to the planes of the result. */
HF_BOTH void hf_outside_deal(float *soft, float *edit, const float *group, int64_t q, int64_t n, int n_labels, int c0, int C)
{
    for (int c = 0; c < C; c++) {
        int channel = c0 + c - n_labels; /* of the edit */
        if (channel < 0)
            soft[(c0 + c) * n + q] = group[q * C + c];
        else
            edit[4 * q + channel] = group[q * C + c];
    }
}

HF_BOTH float hf_outside_cover(const float *landed, int64_t q, int W, int H)
{
    int x = (int)(q % W), y = (int)(q / W), n = 0;
    float sum = 0.0f;
    for (int v = y > 0 ? y - 1 : 0; v <= y + 1 && v < H; v++)
        for (int u = x > 0 ? x - 1 : 0; u <= x + 1 && u < W; u++, n++)
            sum += fminf(landed[(int64_t)v * W + u], 1.0f);
    return fmaxf(sum / (float)n, fminf(landed[q], 1.0f));
}

#endif
