/* classic_raw.c - cell statistics of a picture, see classic_raw.h.
 *
 * Everything is gathered once on a grid of 4 x 4 pixel blocks (two a cell, both
 * ways), as planes [channel][block row][block]; windows are then separable
 * filters on small planes. Energies are kept as square roots, which brings their
 * long tails near to what a Gaussian model (the whitening) expects.
 */
#include "src/classic_raw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/simd.h"

#define BLOCK 4
#define N_DIR 8      /* directions of a gradient, over the full circle */
#define N_TABLE 4096 /* entries of the cube root table of Lab */

/* Planes on the block grid. */
enum {
    B_LAB = 0,                    /* mean L, a, b */
    B_SQUARE = B_LAB + 3,         /* mean of their squares */
    B_FINE = B_SQUARE + 3,        /* gradient energy at full resolution, by direction */
    B_HALF = B_FINE + N_DIR,      /* at half resolution */
    B_QUARTER = B_HALF + N_DIR,   /* at quarter resolution: between blocks */
    B_CHROMA_A = B_QUARTER + N_DIR, /* half resolution, of a, direction modulo 180 degrees */
    B_CHROMA_B = B_CHROMA_A + N_DIR / 2,
    N_BLOCK = B_CHROMA_B + N_DIR / 2
};

/* Planes on the cell grid: what a cell's own descriptor and its neighbours' are read from. */
enum {
    C_BOX = 0,                  /* Lab over the cell itself */
    C_NEAR = C_BOX + 3,         /* all block planes over a window of 16 px */
    C_WIDE = C_NEAR + N_BLOCK,  /* over 40 px */
    C_BROAD = C_WIDE + N_BLOCK, /* Lab and its squares over 88 px */
    C_COARSE = C_BROAD + 6,     /* gradient energy between cells */
    C_COARSE_WIDE = C_COARSE + N_DIR,
    N_CELL = C_COARSE_WIDE + N_DIR
};

typedef enum read_kind {
    READ_PLAIN,
    READ_ROOT,   /* square root of an energy */
    READ_SPREAD  /* standard deviation, from the mean and the mean square 3 planes on */
} read_kind;

/* A group of channels: n planes from `plane` on, read at each of the places of `layout`. */
typedef struct group {
    int         plane, n;
    read_kind   kind;
    const int (*layout)[2]; /* dx, dy in cells */
    int         n_layout;
    float       weight;
} group;

static const int here[1][2] = { { 0, 0 } };
static const int ring[9][2] = { { 0, 0 }, { -1, 0 }, { 1, 0 }, { 0, -1 }, { 0, 1 },
                                { -1, -1 }, { 1, -1 }, { -1, 1 }, { 1, 1 } };
static const int cross[5][2] = { { 0, 0 }, { -1, -1 }, { 1, -1 }, { -1, 1 }, { 1, 1 } };
static const int far_ring[4][2] = { { -3, 0 }, { 3, 0 }, { 0, -3 }, { 0, 3 } };

static const group groups[] = {
    { C_BOX, 3, READ_PLAIN, ring, 9, 1 },
    { C_NEAR + B_LAB, 3, READ_PLAIN, here, 1, 1 },
    { C_NEAR + B_LAB, 3, READ_SPREAD, here, 1, 1 },
    { C_WIDE + B_LAB, 3, READ_PLAIN, here, 1, 1 },
    { C_WIDE + B_LAB, 3, READ_SPREAD, here, 1, 1 },
    { C_WIDE + B_LAB, 3, READ_PLAIN, far_ring, 4, 1 },
    { C_BROAD, 3, READ_PLAIN, here, 1, 1 },
    { C_BROAD, 3, READ_SPREAD, here, 1, 1 },
    { C_NEAR + B_FINE, N_DIR, READ_ROOT, here, 1, 1 },
    { C_WIDE + B_FINE, N_DIR, READ_ROOT, here, 1, 1 },
    { C_NEAR + B_HALF, N_DIR, READ_ROOT, cross, 5, 1 },
    { C_WIDE + B_HALF, N_DIR, READ_ROOT, here, 1, 1 },
    { C_NEAR + B_QUARTER, N_DIR, READ_ROOT, cross, 5, 1 },
    { C_WIDE + B_QUARTER, N_DIR, READ_ROOT, here, 1, 1 },
    { C_NEAR + B_CHROMA_A, N_DIR, READ_ROOT, here, 1, 1 },
    { C_WIDE + B_CHROMA_A, N_DIR, READ_ROOT, here, 1, 1 },
    { C_COARSE, N_DIR, READ_ROOT, here, 1, 1 },
    { C_COARSE_WIDE, N_DIR, READ_ROOT, here, 1, 1 },
};
#define N_GROUPS ((int)(sizeof(groups) / sizeof(groups[0])))

struct hf_classic_raw {
    int    width, height;
    int    h, w;          /* cells */
    int    bh, bw;        /* blocks: 2h, 2w */
    int    n_channels;
    float *light;         /* [8h,8w] gamma-coded lightness, 0..1 */
    float *lab;           /* [3][4h,4w] at half resolution; L 0..1, a and b on the same scale */
    float *blocks;        /* [N_BLOCK][bh,bw] */
    float *cells;         /* [N_CELL][h,w] */
    float *scratch;       /* [N_BLOCK][bh,w] */
    float  linear[256];   /* sRGB code to linear light */
    float  root[N_TABLE + 1];
};

static inline int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

/* CIE Lab's f(t), 0..1 in. */
static double lab_root(double t)
{
    return t > 216.0 / 24389 ? cbrt(t) : (24389.0 / 27 * t + 16) / 116;
}

static void fill_tables(hf_classic_raw *r)
{
    for (int i = 0; i < 256; i++) {
        double c = i / 255.0;
        r->linear[i] = (float)(c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
    }
    for (int i = 0; i <= N_TABLE; i++)
        r->root[i] = (float)lab_root((double)i / N_TABLE);
}

int64_t hf_classic_raw_bytes(int width, int height, int *n_channels)
{
    int64_t h = (height + HF_CLASSIC_STRIDE - 1) / HF_CLASSIC_STRIDE;
    int64_t w = (width + HF_CLASSIC_STRIDE - 1) / HF_CLASSIC_STRIDE;
    *n_channels = 0;
    for (int g = 0; g < N_GROUPS; g++)
        *n_channels += groups[g].n * groups[g].n_layout;
    return (int64_t)sizeof(hf_classic_raw) +
           4 * h * w * (64 + 3 * 16 + N_BLOCK * 4 + N_CELL + N_BLOCK * 2);
}

int hf_classic_raw_new(hf_classic_raw **out, int width, int height, hf_error *err)
{
    *out = NULL;
    if (width < 1 || height < 1)
        return hf_fail(err, HF_EARG, "classic: picture of %d x %d pixels, want 1 x 1 or more",
                       width, height);
    hf_classic_raw *r = calloc(1, sizeof(*r));
    if (!r)
        return hf_fail(err, HF_ENOMEM, "classic: out of memory");
    r->width = width, r->height = height;
    r->h = (height + HF_CLASSIC_STRIDE - 1) / HF_CLASSIC_STRIDE;
    r->w = (width + HF_CLASSIC_STRIDE - 1) / HF_CLASSIC_STRIDE;
    r->bh = 2 * r->h, r->bw = 2 * r->w;
    for (int g = 0; g < N_GROUPS; g++)
        r->n_channels += groups[g].n * groups[g].n_layout;
    size_t cells = (size_t)r->h * r->w;
    r->light = calloc(64 * cells, sizeof(float));
    r->lab = calloc(3 * 16 * cells, sizeof(float));
    r->blocks = calloc(N_BLOCK * 4 * cells, sizeof(float));
    r->cells = calloc(N_CELL * cells, sizeof(float));
    r->scratch = calloc(N_BLOCK * 2 * cells, sizeof(float));
    if (!r->light || !r->lab || !r->blocks || !r->cells || !r->scratch) {
        hf_classic_raw_free(&r);
        return hf_fail(err, HF_ENOMEM, "classic: out of memory for %d x %d pixels", width, height);
    }
    fill_tables(r);
    *out = r;
    return HF_OK;
}

void hf_classic_raw_free(hf_classic_raw **raw)
{
    if (!raw || !*raw)
        return;
    free((*raw)->light);
    free((*raw)->lab);
    free((*raw)->blocks);
    free((*raw)->cells);
    free((*raw)->scratch);
    free(*raw);
    *raw = NULL;
}

int hf_classic_raw_channels(const hf_classic_raw *raw) { return raw->n_channels; }

/* One row of gamma-coded lightness (Rec. 601 weights), continued past the right edge. */
HF_CLONES
static void light_row(float *out, const uint8_t *rgb, int n, int n_padded)
{
    for (int x = 0; x < n; x++)
        out[x] = (0.299f * rgb[3 * x] + 0.587f * rgb[3 * x + 1] + 0.114f * rgb[3 * x + 2]) / 255;
    for (int x = n; x < n_padded; x++)
        out[x] = out[n - 1];
}

/* Lab of 2 x 2 pixels averaged in linear light. Scaled so that L, a, b have like ranges. */
static void lab_row(const hf_classic_raw *r, float *L, float *a, float *b, const uint8_t *row0,
                    const uint8_t *row1)
{
    int n = 4 * r->w;
    for (int x = 0; x < n; x++) {
        int x0 = clamp(2 * x, 0, r->width - 1) * 3, x1 = clamp(2 * x + 1, 0, r->width - 1) * 3;
        float c[3];
        for (int i = 0; i < 3; i++)
            c[i] = 0.25f * (r->linear[row0[x0 + i]] + r->linear[row0[x1 + i]] +
                            r->linear[row1[x0 + i]] + r->linear[row1[x1 + i]]);
        /* D65 white divided out, so that white is (1, 1, 1) */
        float X = 0.43395f * c[0] + 0.37621f * c[1] + 0.18984f * c[2];
        float Y = 0.21267f * c[0] + 0.71516f * c[1] + 0.07217f * c[2];
        float Z = 0.01776f * c[0] + 0.10947f * c[1] + 0.87277f * c[2];
        float fx = r->root[(int)(X * N_TABLE + 0.5f)], fy = r->root[(int)(Y * N_TABLE + 0.5f)];
        float fz = r->root[(int)(Z * N_TABLE + 0.5f)];
        L[x] = 1.16f * fy - 0.16f;
        a[x] = 5 * (fx - fy);
        b[x] = 2 * (fy - fz);
    }
}

/* Energy by direction of one row of a plane, added to sums [n_dir][n].
 * A gradient of length g at angle t counts g * cos(t - direction)^2 in the directions
 * within 90 degrees of it: d * d / g with d its part along the direction. */
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
            gradient_row(sums, plane + (size_t)clamp(y - 1, 0, n_rows - 1) * n, plane + (size_t)y * n,
                         plane + (size_t)clamp(y + 1, 0, n_rows - 1) * n, n, n_dir);
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

static void colour_planes(hf_classic_raw *r, const uint8_t *rgb)
{
    size_t half = (size_t)16 * r->h * r->w;
#pragma omp parallel for schedule(dynamic, 4)
    for (int y = 0; y < 4 * r->h; y++) {
        const uint8_t *row[2];
        for (int i = 0; i < 2; i++) {
            row[i] = rgb + (size_t)clamp(2 * y + i, 0, r->height - 1) * r->width * 3;
            light_row(r->light + (size_t)(2 * y + i) * 8 * r->w, row[i], r->width, 8 * r->w);
        }
        float *L = r->lab + (size_t)y * 4 * r->w;
        lab_row(r, L, L + half, L + 2 * half, row[0], row[1]);
    }
}

/* Mean and mean square of Lab over the 2 x 2 half-resolution pixels of each block. */
static void lab_blocks(hf_classic_raw *r)
{
    size_t n_blocks = (size_t)r->bh * r->bw;
#pragma omp parallel for
    for (int y = 0; y < r->bh; y++)
        for (int c = 0; c < 3; c++) {
            const float *p = r->lab + ((size_t)c * 4 * r->h + 2 * y) * 4 * r->w, *q = p + 4 * r->w;
            float *mean = r->blocks + (B_LAB + c) * n_blocks + (size_t)y * r->bw;
            float *square = r->blocks + (B_SQUARE + c) * n_blocks + (size_t)y * r->bw;
            for (int x = 0; x < r->bw; x++) {
                float s = p[2 * x] + p[2 * x + 1] + q[2 * x] + q[2 * x + 1];
                float t = p[2 * x] * p[2 * x] + p[2 * x + 1] * p[2 * x + 1] + q[2 * x] * q[2 * x] +
                          q[2 * x + 1] * q[2 * x + 1];
                mean[x] = 0.25f * s;
                square[x] = 0.25f * t;
            }
        }
}

/* Blocks to cells with weights 1 3 3 1 (a triangle of 16 px), and the plain mean of the cell's 2 x 2. */
static void near_window(hf_classic_raw *r, float *out, const float *blocks, float *scratch)
{
    for (int y = 0; y < r->bh; y++) {
        const float *b = blocks + (size_t)y * r->bw;
        float *s = scratch + (size_t)y * r->w;
        for (int x = 0; x < r->w; x++)
            s[x] = 0.375f * (b[2 * x] + b[2 * x + 1]) +
                   0.125f * (b[x ? 2 * x - 1 : 0] + b[x < r->w - 1 ? 2 * x + 2 : 2 * x + 1]);
    }
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
    for (int y = 0; y < r->h; y++) {
        const float *b = blocks + (size_t)2 * y * r->bw, *c = b + r->bw;
        for (int x = 0; x < r->w; x++)
            out[(size_t)y * r->w + x] = 0.25f * (b[2 * x] + b[2 * x + 1] + c[2 * x] + c[2 * x + 1]);
    }
}

/* Separable triangle of `reach` cells to each side, borders repeated. */
static void widen(const hf_classic_raw *r, float *out, const float *in, float *scratch, int reach)
{
    float scale = 1.0f / ((reach + 1) * (reach + 1));
    for (int y = 0; y < r->h; y++)
        for (int x = 0; x < r->w; x++) {
            float s = 0;
            for (int i = -reach; i <= reach; i++)
                s += (float)(reach + 1 - abs(i)) * in[(size_t)y * r->w + clamp(x + i, 0, r->w - 1)];
            scratch[(size_t)y * r->w + x] = s * scale;
        }
    for (int y = 0; y < r->h; y++) {
        float *o = out + (size_t)y * r->w;
        memset(o, 0, sizeof(float) * (size_t)r->w);
        for (int i = -reach; i <= reach; i++) {
            const float *s = scratch + (size_t)clamp(y + i, 0, r->h - 1) * r->w;
            float k = (float)(reach + 1 - abs(i)) * scale;
            for (int x = 0; x < r->w; x++)
                o[x] += k * s[x];
        }
    }
}

static void cell_planes(hf_classic_raw *r)
{
    size_t n_cells = (size_t)r->h * r->w, n_blocks = 4 * n_cells;
#pragma omp parallel for schedule(dynamic, 1)
    for (int p = 0; p < N_BLOCK; p++) {
        float *scratch = r->scratch + 2 * n_cells * p;
        const float *blocks = r->blocks + n_blocks * p;
        near_window(r, r->cells + n_cells * (C_NEAR + p), blocks, scratch);
        if (p < 3)
            cell_box(r, r->cells + n_cells * (C_BOX + p), blocks);
        widen(r, r->cells + n_cells * (C_WIDE + p), r->cells + n_cells * (C_NEAR + p), scratch, 2);
        if (p < 6)
            widen(r, r->cells + n_cells * (C_BROAD + p), r->cells + n_cells * (C_WIDE + p), scratch, 5);
    }
    gradient_blocks(r->cells + n_cells * C_COARSE, r->cells + n_cells * (C_NEAR + B_LAB), r->h, r->w,
                    1, N_DIR);
    for (int d = 0; d < N_DIR; d++)
        widen(r, r->cells + n_cells * (C_COARSE_WIDE + d), r->cells + n_cells * (C_COARSE + d),
              r->scratch, 2);
}

static inline float read_cell(const float *plane, size_t n_cells, size_t at, read_kind kind)
{
    float v = plane[at];
    if (kind == READ_ROOT)
        return sqrtf(v);
    if (kind == READ_SPREAD) {
        float variance = plane[3 * n_cells + at] - v * v;
        return sqrtf(variance > 0 ? variance : 0);
    }
    return v;
}

static void assemble(const hf_classic_raw *r, float *out)
{
    size_t n_cells = (size_t)r->h * r->w;
#pragma omp parallel for
    for (int y = 0; y < r->h; y++) {
        int channel = 0;
        for (int g = 0; g < N_GROUPS; g++)
        for (int l = 0; l < groups[g].n_layout; l++)
        for (int i = 0; i < groups[g].n; i++, channel++) {
            const float *plane = r->cells + n_cells * (size_t)(groups[g].plane + i);
            size_t row = (size_t)clamp(y + groups[g].layout[l][1], 0, r->h - 1) * r->w;
            for (int x = 0; x < r->w; x++)
                out[((size_t)y * r->w + x) * r->n_channels + channel] =
                    groups[g].weight * read_cell(plane, n_cells,
                        row + clamp(x + groups[g].layout[l][0], 0, r->w - 1), groups[g].kind);
        }
    }
}

void hf_classic_raw_run(hf_classic_raw *r, float *out, const uint8_t *rgb)
{
    size_t n_blocks = (size_t)r->bh * r->bw, half = (size_t)16 * r->h * r->w;
    colour_planes(r, rgb);
    lab_blocks(r);
    gradient_blocks(r->blocks + n_blocks * B_FINE, r->light, 8 * r->h, 8 * r->w, 4, N_DIR);
    gradient_blocks(r->blocks + n_blocks * B_HALF, r->lab, 4 * r->h, 4 * r->w, 2, N_DIR);
    gradient_blocks(r->blocks + n_blocks * B_QUARTER, r->blocks, r->bh, r->bw, 1, N_DIR);
    gradient_blocks(r->blocks + n_blocks * B_CHROMA_A, r->lab + half, 4 * r->h, 4 * r->w, 2, N_DIR / 2);
    gradient_blocks(r->blocks + n_blocks * B_CHROMA_B, r->lab + 2 * half, 4 * r->h, 4 * r->w, 2, N_DIR / 2);
    cell_planes(r);
    assemble(r, out);
}
