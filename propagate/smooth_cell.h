/* smooth_cell.h - one cell of smooth.h, for the host and for a GPU (see both.h). */
#ifndef HF_PROPAGATE_SMOOTH_CELL_H
#define HF_PROPAGATE_SMOOTH_CELL_H

#include <math.h>
#include <stdint.h>

#include "propagate/both.h"

#define HF_SMOOTH_RADIUS 3
#define HF_SMOOTH_SIGMA 2.0f /* cells */
#define HF_SMOOTH_ROUNDS 3
/* A cell with no better surroundings; keeps the normal equations regular. */
#define HF_SMOOTH_RIDGE 1e-3f
/* Moves this near to those of all neighbours, in pixels, have nothing to be smoothed. */
#define HF_SMOOTH_CALM_PX 0.125f
#define HF_SMOOTH_AROUND ((2 * HF_SMOOTH_RADIUS + 1) * (2 * HF_SMOOTH_RADIUS + 1))

/* The cells that take part in one fit. */
typedef struct hf_smooth_sample {
    float x, y;   /* cells from the middle */
    float mx, my; /* move */
    float say;
} hf_smooth_sample;

/* Do the eight cells around it, of whatever label, move like this one? */
HF_BOTH int hf_smooth_is_calm(const float *move, int h, int w, int x, int y)
{
    const float *own = move + 2 * ((size_t)y * w + x);
    for (int v = y > 0 ? y - 1 : 0; v <= y + 1 && v < h; v++)
        for (int u = x > 0 ? x - 1 : 0; u <= x + 1 && u < w; u++) {
            const float *m = move + 2 * ((size_t)v * w + u);
            if (fabsf(m[0] - own[0]) > HF_SMOOTH_CALM_PX || fabsf(m[1] - own[1]) > HF_SMOOTH_CALM_PX)
                return 0;
        }
    return 1;
}

HF_BOTH int hf_smooth_gather(hf_smooth_sample *s, const float *move, const float *trust, const uint8_t *label,
                  const float *near, int h, int w, int x, int y)
{
    int n = 0;
    for (int v = y - HF_SMOOTH_RADIUS; v <= y + HF_SMOOTH_RADIUS; v++)
        for (int u = x - HF_SMOOTH_RADIUS; u <= x + HF_SMOOTH_RADIUS; u++) {
            if (u < 0 || v < 0 || u >= w || v >= h)
                continue;
            int i = v * w + u;
            if (label[i] != label[y * w + x] || trust[i] <= 0)
                continue;
            float dx = (float)(u - x), dy = (float)(v - y);
            s[n].x = dx, s[n].y = dy, s[n].mx = move[2 * i], s[n].my = move[2 * i + 1];
            s[n++].say = trust[i] * near[u - x + HF_SMOOTH_RADIUS] * near[v - y + HF_SMOOTH_RADIUS];
        }
    return n;
}

/* Weighted least squares of m = a + b x + c y: a, b, c of both axes, or 0 where the cells lie on a line. */
HF_BOTH void hf_smooth_fit(float *f, const hf_smooth_sample *s, const float *weight, int n)
{
    float sw = 0, sx = 0, sy = 0, px = 0, py = 0;
    for (int i = 0; i < n; i++) {
        sw += weight[i], sx += weight[i] * s[i].x, sy += weight[i] * s[i].y;
        px += weight[i] * s[i].mx, py += weight[i] * s[i].my;
    }
    sx /= sw, sy /= sw, px /= sw, py /= sw;
    float xx = HF_SMOOTH_RIDGE * sw, yy = HF_SMOOTH_RIDGE * sw, xy = 0, ax = 0, bx = 0, ay = 0, by = 0;
    for (int i = 0; i < n; i++) {
        float u = s[i].x - sx, v = s[i].y - sy, g = s[i].mx - px, k = s[i].my - py;
        xx += weight[i] * u * u, yy += weight[i] * v * v, xy += weight[i] * u * v;
        ax += weight[i] * u * g, bx += weight[i] * v * g, ay += weight[i] * u * k, by += weight[i] * v * k;
    }
    float det = xx * yy - xy * xy;
    f[1] = (ax * yy - bx * xy) / det, f[2] = (bx * xx - ax * xy) / det;
    f[4] = (ay * yy - by * xy) / det, f[5] = (by * xx - ay * xy) / det;
    f[0] = px - f[1] * sx - f[2] * sy;
    f[3] = py - f[4] * sx - f[5] * sy;
}

HF_BOTH void hf_smooth_cell(float *out, const float *own, const hf_smooth_sample *s, int n, float scale)
{
    float weight[HF_SMOOTH_AROUND], f[6], sum = 0;
    for (int i = 0; i < n; i++)
        sum += weight[i] = s[i].say;
    if (!(sum > 1e-6f)) {
        out[0] = own[0], out[1] = own[1];
        return;
    }
    for (int round = 0; round < HF_SMOOTH_ROUNDS; round++) {
        hf_smooth_fit(f, s, weight, n);
        for (int i = 0; i < n; i++) {
            float dx = s[i].mx - (f[0] + f[1] * s[i].x + f[2] * s[i].y);
            float dy = s[i].my - (f[3] + f[4] * s[i].x + f[5] * s[i].y);
            weight[i] = s[i].say / (1 + (dx * dx + dy * dy) * scale);
        }
    }
    out[0] = f[0], out[1] = f[3];
}

/* The whole of it: near[HF_SMOOTH_RADIUS + i] is the say of a distance of i cells. */
HF_BOTH void hf_smooth_move(float *out, const float *move, const float *trust, const uint8_t *label, const float *near,
                            int h, int w, int stride_px, int x, int y)
{
    hf_smooth_sample s[HF_SMOOTH_AROUND];
    const float *own = move + 2 * ((size_t)y * w + x);
    float quarter = 0.25f * (float)stride_px;
    if (hf_smooth_is_calm(move, h, w, x, y)) {
        out[0] = own[0], out[1] = own[1];
        return;
    }
    int n = hf_smooth_gather(s, move, trust, label, near, h, w, x, y);
    hf_smooth_cell(out, own, s, n, 1 / (quarter * quarter));
}

#endif
