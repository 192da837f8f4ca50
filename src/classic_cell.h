/* classic_cell.h - what classic_raw.h says of one pixel, block or cell, for the host and for a GPU (see both.h).
 *
 * Sums run in the order that is written here on all backends, so that they agree to the last bit.
 */
#ifndef HF_SRC_CLASSIC_CELL_H
#define HF_SRC_CLASSIC_CELL_H

#include <math.h>

#include "src/both.h"
#include "src/classic_raw.h"

/* The picture's pixel (y,x), or its last one that way. */
HF_BOTH const uint8_t *hf_classic_pixel(const hf_classic_raw *r, const uint8_t *rgb, int y, int x)
{
    return rgb + ((size_t)hf_clamp_int(y, 0, r->height - 1) * r->width + hf_clamp_int(x, 0, r->width - 1)) * 3;
}

/* Gamma-coded lightness of a pixel (Rec. 601 weights), 0..1. */
HF_BOTH float hf_classic_light(const uint8_t *rgb)
{
    return (0.299f * (float)rgb[0] + 0.587f * (float)rgb[1] + 0.114f * (float)rgb[2]) / 255;
}

/* Lab of 2 x 2 pixels (the upper two, the lower two) averaged in linear light. Scaled so that L, a, b have like ranges. */
HF_BOTH void hf_classic_lab(float *L, float *a, float *b, const uint8_t *p00, const uint8_t *p01, const uint8_t *p10,
                            const uint8_t *p11, const float *linear, const float *root)
{
    float c[3];
    for (int i = 0; i < 3; i++)
        c[i] = 0.25f * (linear[p00[i]] + linear[p01[i]] + linear[p10[i]] + linear[p11[i]]);
    /* D65 white divided out, so that white is (1, 1, 1) */
    float X = 0.43395f * c[0] + 0.37621f * c[1] + 0.18984f * c[2];
    float Y = 0.21267f * c[0] + 0.71516f * c[1] + 0.07217f * c[2];
    float Z = 0.01776f * c[0] + 0.10947f * c[1] + 0.87277f * c[2];
    float fx = root[(int)(X * HF_CLASSIC_ROOTS + 0.5f)], fy = root[(int)(Y * HF_CLASSIC_ROOTS + 0.5f)];
    float fz = root[(int)(Z * HF_CLASSIC_ROOTS + 0.5f)];
    *L = 1.16f * fy - 0.16f;
    *a = 5 * (fx - fy);
    *b = 2 * (fy - fz);
}

/* Mean and mean square over 2 x 2 values: two of a row, and the two below them. */
HF_BOTH void hf_classic_moments(float *mean, float *square, const float *p, const float *q)
{
    *mean = 0.25f * (p[0] + p[1] + q[0] + q[1]);
    *square = 0.25f * (p[0] * p[0] + p[1] * p[1] + q[0] * q[0] + q[1] * q[1]);
}

/* Energy by direction of the gradient (gx,gy), added to sums [n_dir].
 * A gradient of length g at angle t counts g * cos(t - direction)^2 in the directions
 * within 90 degrees of it: d * d / g with d its part along the direction. */
HF_BOTH void hf_classic_add_gradient(float *sums, float gx, float gy, int n_dir)
{
    const float diagonal = 0.70710678f;
    float scale = 1 / (sqrtf(gx * gx + gy * gy) + 1e-4f);
    float d[4] = { gx, (gx + gy) * diagonal, gy, (gy - gx) * diagonal };
    for (int i = 0; i < 4; i++) {
        float energy = d[i] * d[i] * scale, ahead = d[i] > 0 ? energy : 0;
        sums[i] += ahead;
        sums[n_dir - 4 + i] += energy - ahead; /* with 4 directions the opposite one is the same place */
    }
}

/* Gradient energy [n_dir] of block (by,bx) of a plane [n_rows,n], averaged over its size x size places. There is no
 * gradient across the borders: the first and last columns take their neighbours'. Rows are summed first. */
HF_BOTH void hf_classic_gradient(float *out, const float *plane, int n_rows, int n, int size, int n_dir, int by, int bx)
{
    float total[HF_CLASSIC_DIRECTIONS] = { 0 };
    for (int j = 0; n > 2 && j < size; j++) {
        float sums[HF_CLASSIC_DIRECTIONS] = { 0 };
        int x = hf_clamp_int(bx * size + j, 1, n - 2);
        for (int i = 0; i < size; i++) {
            int y = by * size + i;
            const float *row = plane + (size_t)y * n + x;
            float gy = plane[(size_t)hf_clamp_int(y + 1, 0, n_rows - 1) * n + x] -
                       plane[(size_t)hf_clamp_int(y - 1, 0, n_rows - 1) * n + x];
            hf_classic_add_gradient(sums, row[1] - row[-1], gy, n_dir);
        }
        for (int d = 0; d < n_dir; d++)
            total[d] += sums[d];
    }
    for (int d = 0; d < n_dir; d++)
        out[d] = total[d] / (float)(size * size);
}

/* Four of a row of blocks [2w] round cell x, with weights 1 3 3 1 / 8. */
HF_BOTH float hf_classic_near_row(const float *blocks, int w, int x)
{
    return 0.375f * (blocks[2 * x] + blocks[2 * x + 1]) +
           0.125f * (blocks[x ? 2 * x - 1 : 0] + blocks[x < w - 1 ? 2 * x + 2 : 2 * x + 1]);
}

/* A plane of blocks [2h,2w] at cell (y,x), with weights 1 3 3 1 both ways: a triangle of 16 px. */
HF_BOTH float hf_classic_near(const float *blocks, int h, int w, int y, int x)
{
    size_t step = 2 * (size_t)w;
    float s0 = hf_classic_near_row(blocks + (size_t)(y ? 2 * y - 1 : 0) * step, w, x);
    float s1 = hf_classic_near_row(blocks + (size_t)2 * y * step, w, x);
    float s2 = hf_classic_near_row(blocks + (size_t)(2 * y + 1) * step, w, x);
    float s3 = hf_classic_near_row(blocks + (size_t)(y < h - 1 ? 2 * y + 2 : 2 * y + 1) * step, w, x);
    return 0.375f * (s1 + s2) + 0.125f * (s0 + s3);
}

/* The plain mean of the 2 x 2 blocks of cell x: of a row of blocks, and of the one below it. */
HF_BOTH float hf_classic_box(const float *row, const float *below, int x)
{
    return 0.25f * (row[2 * x] + row[2 * x + 1] + below[2 * x] + below[2 * x + 1]);
}

/* Triangle of `reach` cells to each side along row [w], borders repeated, times scale. */
HF_BOTH float hf_classic_widen_row(const float *row, int w, int x, int reach, float scale)
{
    float sum = 0;
    for (int i = -reach; i <= reach; i++)
        sum += (float)(reach + 1 - (i < 0 ? -i : i)) * row[hf_clamp_int(x + i, 0, w - 1)];
    return sum * scale;
}

/* The triangle both ways, of a plane of cells [h,w] at cell (y,x). */
HF_BOTH float hf_classic_widen(const float *plane, int h, int w, int y, int x, int reach)
{
    float scale = 1.0f / (float)((reach + 1) * (reach + 1)), sum = 0;
    for (int i = -reach; i <= reach; i++) {
        const float *row = plane + (size_t)hf_clamp_int(y + i, 0, h - 1) * w;
        sum += (float)(reach + 1 - (i < 0 ? -i : i)) * scale * hf_classic_widen_row(row, w, x, reach, scale);
    }
    return sum;
}

/* A channel's value from plane [n_cells] at cell `at`. */
HF_BOTH float hf_classic_read(const float *plane, size_t n_cells, size_t at, int read)
{
    float v = plane[at];
    if (read == HF_CLASSIC_READ_ROOT)
        return sqrtf(v);
    if (read == HF_CLASSIC_READ_SPREAD) {
        float variance = plane[3 * n_cells + at] - v * v;
        return sqrtf(variance > 0 ? variance : 0);
    }
    return v;
}

/* Channel c of the statistics of cell (y,x). */
HF_BOTH float hf_classic_channel_at(const hf_classic_raw *r, const hf_classic_channel *c, int y, int x)
{
    size_t n_cells = (size_t)r->h * r->w;
    size_t at = (size_t)hf_clamp_int(y + c->dy, 0, r->h - 1) * r->w + hf_clamp_int(x + c->dx, 0, r->w - 1);
    return hf_classic_read(r->cells + n_cells * (size_t)c->plane, n_cells, at, c->read);
}

#endif
