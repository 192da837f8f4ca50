/* cpu_classic.c - `cpu`: the statistics of classic_raw.h, row by row, in vector loops.
 *
 * The bytes are those of ref: sums over a pixel's or cell's neighbours keep the order of classic_cell.h, and run side by
 * side for many pixels.
 */
#include "src/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "src/classic_cell.h"
#include "src/ops_check.h"
#include "src/simd.h"

enum { N_DIR = HF_CLASSIC_DIRECTIONS };

/* One row of gamma-coded lightness (Rec. 601 weights), continued past the right edge. */
HF_CLONES
static void light_row(float *out, const uint8_t *rgb, int n, int n_padded)
{
    for (int x = 0; x < n; x++)
        out[x] = hf_classic_light(rgb + 3 * x);
    for (int x = n; x < n_padded; x++)
        out[x] = out[n - 1];
}

/* One row at half resolution, of two rows of the picture. */
static void lab_row(const hf_classic_raw *r, float *L, float *a, float *b, const uint8_t *row0, const uint8_t *row1)
{
    for (int x = 0; x < 4 * r->w; x++) {
        int x0 = hf_clamp_int(2 * x, 0, r->width - 1) * 3, x1 = hf_clamp_int(2 * x + 1, 0, r->width - 1) * 3;
        hf_classic_lab(L + x, a + x, b + x, row0 + x0, row0 + x1, row1 + x0, row1 + x1, r->linear, r->root);
    }
}

/* hf_classic_add_gradient for one row of a plane: sums [n_dir][n]. */
HF_CLONES
static void gradient_row(float *restrict sums, const float *restrict up, const float *restrict row,
                         const float *restrict down, int n, int n_dir)
{
    const float diagonal = 0.70710678f;
    float *s0 = sums, *s1 = s0 + n, *s2 = s1 + n, *s3 = s2 + n;
    float *s4 = sums + (size_t)(n_dir - 4) * n, *s5 = s4 + n, *s6 = s5 + n, *s7 = s6 + n;
#pragma omp simd
    for (int x = 1; x < n - 1; x++) {
        float gx = row[x + 1] - row[x - 1], gy = down[x] - up[x];
        float scale = 1 / (sqrtf(gx * gx + gy * gy) + 1e-4f);
        float d0 = gx, d1 = (gx + gy) * diagonal, d2 = gy, d3 = (gy - gx) * diagonal;
        float e0 = d0 * d0 * scale, e1 = d1 * d1 * scale, e2 = d2 * d2 * scale, e3 = d3 * d3 * scale;
        float p0 = d0 > 0 ? e0 : 0, p1 = d1 > 0 ? e1 : 0, p2 = d2 > 0 ? e2 : 0, p3 = d3 > 0 ? e3 : 0;
        /* With 4 directions the opposite one is the same place. */
        s0[x] += p0;
        s1[x] += p1;
        s2[x] += p2;
        s3[x] += p3;
        s4[x] += e0 - p0;
        s5[x] += e1 - p1;
        s6[x] += e2 - p2;
        s7[x] += e3 - p3;
    }
}

/* Gradient energy of a plane [n_rows, n] by direction, averaged over blocks of size x size. */
static void gradient_blocks(float *out, const float *plane, int n_rows, int n, int size, int n_dir)
{
    int bh = n_rows / size, bw = n / size;
#pragma omp parallel for schedule(dynamic, 2)
    for (int by = 0; by < bh; by++) {
        float sums[N_DIR * n];
        memset(sums, 0, sizeof(float) * (size_t)n_dir * n);
        for (int i = 0; i < size; i++) {
            int y = by * size + i;
            gradient_row(sums, plane + (size_t)hf_clamp_int(y - 1, 0, n_rows - 1) * n, plane + (size_t)y * n,
                         plane + (size_t)hf_clamp_int(y + 1, 0, n_rows - 1) * n, n, n_dir);
        }
        for (int d = 0; d < n_dir; d++) {
            float *o = out + ((size_t)d * bh + by) * bw, *s = sums + (size_t)d * n;
            s[0] = n > 1 ? s[1] : 0;         /* no gradient across the border */
            s[n - 1] = n > 1 ? s[n - 2] : 0;
            for (int x = 0; x < bw; x++) {
                float sum = 0;
                for (int j = 0; j < size; j++)
                    sum += s[x * size + j];
                o[x] = sum / (size * size);
            }
        }
    }
}

static void colour_planes(const hf_classic_raw *r, const uint8_t *rgb)
{
    size_t half = (size_t)16 * r->h * r->w;
#pragma omp parallel for schedule(dynamic, 4)
    for (int y = 0; y < 4 * r->h; y++) {
        const uint8_t *row[2];
        for (int i = 0; i < 2; i++) {
            row[i] = rgb + (size_t)hf_clamp_int(2 * y + i, 0, r->height - 1) * r->width * 3;
            light_row(r->light + (size_t)(2 * y + i) * 8 * r->w, row[i], r->width, 8 * r->w);
        }
        float *L = r->lab + (size_t)y * 4 * r->w;
        lab_row(r, L, L + half, L + 2 * half, row[0], row[1]);
    }
}

/* Mean and mean square of Lab over the 2 x 2 half-resolution pixels of each block. */
static void lab_blocks(const hf_classic_raw *r)
{
    int bh = 2 * r->h, bw = 2 * r->w;
    size_t n_blocks = (size_t)bh * bw;
#pragma omp parallel for
    for (int y = 0; y < bh; y++)
        for (int c = 0; c < 3; c++) {
            const float *p = r->lab + ((size_t)c * 2 * bh + 2 * y) * 2 * bw, *q = p + 2 * bw;
            float *mean = r->blocks + (HF_CLASSIC_B_LAB + c) * n_blocks + (size_t)y * bw;
            float *square = r->blocks + (HF_CLASSIC_B_SQUARE + c) * n_blocks + (size_t)y * bw;
            for (int x = 0; x < bw; x++)
                hf_classic_moments(mean + x, square + x, p + 2 * x, q + 2 * x);
        }
}

/* hf_classic_near of a plane; scratch [2h,w]. */
static void near_window(const hf_classic_raw *r, float *out, const float *blocks, float *scratch)
{
    for (int y = 0; y < 2 * r->h; y++)
        for (int x = 0; x < r->w; x++)
            scratch[(size_t)y * r->w + x] = hf_classic_near_row(blocks + (size_t)y * 2 * r->w, r->w, x);
    for (int y = 0; y < r->h; y++) {
        const float *s0 = scratch + (size_t)(y ? 2 * y - 1 : 0) * r->w;
        const float *s1 = scratch + (size_t)2 * y * r->w, *s2 = s1 + r->w;
        const float *s3 = y < r->h - 1 ? s2 + r->w : s2;
        for (int x = 0; x < r->w; x++)
            out[(size_t)y * r->w + x] = 0.375f * (s1[x] + s2[x]) + 0.125f * (s0[x] + s3[x]);
    }
}

static void cell_box(const hf_classic_raw *r, float *out, const float *blocks)
{
    for (int y = 0; y < r->h; y++)
        for (int x = 0; x < r->w; x++)
            out[(size_t)y * r->w + x] = hf_classic_box(blocks + (size_t)2 * y * 2 * r->w, blocks + (size_t)(2 * y + 1) * 2 * r->w, x);
}

/* hf_classic_widen of a plane; scratch [h,w]. */
static void widen(const hf_classic_raw *r, float *out, const float *in, float *scratch, int reach)
{
    float scale = 1.0f / (float)((reach + 1) * (reach + 1));
    for (int y = 0; y < r->h; y++)
        for (int x = 0; x < r->w; x++)
            scratch[(size_t)y * r->w + x] = hf_classic_widen_row(in + (size_t)y * r->w, r->w, x, reach, scale);
    for (int y = 0; y < r->h; y++) {
        float *o = out + (size_t)y * r->w;
        memset(o, 0, sizeof(float) * (size_t)r->w);
        for (int i = -reach; i <= reach; i++) {
            const float *s = scratch + (size_t)hf_clamp_int(y + i, 0, r->h - 1) * r->w;
            float k = (float)(reach + 1 - abs(i)) * scale;
            for (int x = 0; x < r->w; x++)
                o[x] += k * s[x];
        }
    }
}

static void cell_planes(const hf_classic_raw *r)
{
    size_t n_cells = (size_t)r->h * r->w, n_blocks = 4 * n_cells;
#pragma omp parallel for schedule(dynamic, 1)
    for (int p = 0; p < HF_CLASSIC_N_BLOCK; p++) {
        float *scratch = r->scratch + 2 * n_cells * p;
        const float *blocks = r->blocks + n_blocks * p;
        near_window(r, r->cells + n_cells * (HF_CLASSIC_C_NEAR + p), blocks, scratch);
        if (p < 3)
            cell_box(r, r->cells + n_cells * (HF_CLASSIC_C_BOX + p), blocks);
        widen(r, r->cells + n_cells * (HF_CLASSIC_C_WIDE + p), r->cells + n_cells * (HF_CLASSIC_C_NEAR + p), scratch, 2);
        if (p < 6)
            widen(r, r->cells + n_cells * (HF_CLASSIC_C_BROAD + p), r->cells + n_cells * (HF_CLASSIC_C_WIDE + p), scratch, 5);
    }
    gradient_blocks(r->cells + n_cells * HF_CLASSIC_C_COARSE, r->cells + n_cells * (HF_CLASSIC_C_NEAR + HF_CLASSIC_B_LAB), r->h, r->w,
                    1, N_DIR);
    for (int d = 0; d < N_DIR; d++)
        widen(r, r->cells + n_cells * (HF_CLASSIC_C_COARSE_WIDE + d), r->cells + n_cells * (HF_CLASSIC_C_COARSE + d),
              r->scratch, 2);
}

static void assemble(const hf_classic_raw *r, float *out)
{
    size_t n_cells = (size_t)r->h * r->w;
#pragma omp parallel for
    for (int y = 0; y < r->h; y++)
        for (int i = 0; i < r->n_channels; i++) {
            const hf_classic_channel c = r->channels[i];
            const float *plane = r->cells + n_cells * (size_t)c.plane;
            size_t row = (size_t)hf_clamp_int(y + c.dy, 0, r->h - 1) * r->w;
            for (int x = 0; x < r->w; x++)
                out[((size_t)y * r->w + x) * r->n_channels + i] =
                    hf_classic_read(plane, n_cells, row + hf_clamp_int(x + c.dx, 0, r->w - 1), c.read);
        }
}

static void block_planes(const hf_classic_raw *r)
{
    int bh = 2 * r->h, bw = 2 * r->w;
    size_t n = (size_t)bh * bw;
    float *b = r->blocks;
    lab_blocks(r);
    gradient_blocks(b + n * HF_CLASSIC_B_FINE, r->light, 4 * bh, 4 * bw, 4, N_DIR);
    gradient_blocks(b + n * HF_CLASSIC_B_HALF, r->lab, 2 * bh, 2 * bw, 2, N_DIR);
    gradient_blocks(b + n * HF_CLASSIC_B_QUARTER, b, bh, bw, 1, N_DIR);
    for (int c = 0; c < 2; c++)
        gradient_blocks(b + n * (HF_CLASSIC_B_CHROMA + c * N_DIR / 2), r->lab + 4 * n * (1 + c), 2 * bh, 2 * bw, 2,
                        N_DIR / 2);
}

int hf_cpu_classic_raw(hf_backend *be, const hf_tensor *out, const hf_tensor *rgb, const hf_classic_raw *r, hf_error *err)
{
    (void)err;
    hf_check_classic_raw(out, rgb, r);
    hf_cpu_use_threads(be);
    colour_planes(r, rgb->data);
    block_planes(r);
    cell_planes(r);
    assemble(r, out->data);
    return HF_OK;
}
