/* guide.c - guided filter on blocks, see guide.h.
 *
 *   a = (cov(I) + epsilon)^-1 cov(I, p)     b = mean(p) - a . mean(I)
 * with means over a square window of blocks; cov(I) is 3 x 3 and its inverse is shared by
 * all labels of a picture.
 */
#include "propagate/guide.h"

#include <stdlib.h>
#include <string.h>

#include "src/simd.h"

#define BLOCK HF_GUIDE_BLOCK

/* Planes [bh,bw]. */
enum {
    P_COLOUR = 0,            /* block means of R, G, B, 0..1 */
    P_MEAN = 3,              /* their window means */
    P_INVERSE = 6,           /* xx xy xz yy yz zz of the inverse covariance */
    P_CROSS = 12,            /* products of colours, later of colour and label, then their means */
    P_FIT = 18,              /* a (3) and b */
    P_FIT_MEAN = 22,
    P_LABEL_MEAN = 26,
    N_PLANES = 27
};

struct hf_guide {
    int    W, H, bh, bw, radius;
    float  epsilon;
    size_t n;        /* blocks */
    float *planes;
    float *scratch;  /* [9][bh,bw], one a plane that is filtered at the same time */
};

static inline int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

static float *plane(const hf_guide *g, int i) { return g->planes + (size_t)i * g->n; }

int64_t hf_guide_bytes(int width, int height)
{
    int64_t bh = (height + BLOCK - 1) / BLOCK, bw = (width + BLOCK - 1) / BLOCK;
    return (int64_t)sizeof(hf_guide) + (N_PLANES + 9) * bh * bw * 4;
}

int hf_guide_new(hf_guide **out, int width, int height, int radius_px, float epsilon, hf_error *err)
{
    *out = NULL;
    if (width < 1 || height < 1 || radius_px < 0 || !(epsilon > 0))
        return hf_fail(err, HF_EARG, "guide: %d x %d pixels, radius %d, epsilon %g; want sizes of 1 or "
                       "more, a radius of 0 or more, epsilon above 0", width, height, radius_px, epsilon);
    hf_guide *g = calloc(1, sizeof(*g));
    if (!g)
        return hf_fail(err, HF_ENOMEM, "guide: out of memory");
    g->W = width, g->H = height, g->epsilon = epsilon;
    g->bh = (height + BLOCK - 1) / BLOCK, g->bw = (width + BLOCK - 1) / BLOCK;
    g->radius = (radius_px + BLOCK / 2) / BLOCK;
    if (g->radius < 1)
        g->radius = 1;
    g->n = (size_t)g->bh * g->bw;
    g->planes = calloc(N_PLANES * g->n, sizeof(float));
    g->scratch = calloc(9 * g->n, sizeof(float));
    if (!g->planes || !g->scratch) {
        hf_guide_free(&g);
        return hf_fail(err, HF_ENOMEM, "guide: out of memory for %d x %d pixels", width, height);
    }
    *out = g;
    return HF_OK;
}

void hf_guide_free(hf_guide **guide)
{
    if (!guide || !*guide)
        return;
    free((*guide)->planes);
    free((*guide)->scratch);
    free(*guide);
    *guide = NULL;
}

void hf_guide_shape(const hf_guide *g, int *bh, int *bw)
{
    *bh = g->bh, *bw = g->bw;
}

/* Mean over 2 radius + 1 blocks of one row, borders repeated. */
HF_CLONES
static void box_row(float *out, const float *in, int w, int radius)
{
    float scale = 1.0f / (float)(2 * radius + 1);
    for (int x = 0; x < w; x++) {
        if (x == radius && w > 2 * radius) {
            /* The inside needs no clamping and vectorises. */
            for (; x < w - radius; x++) {
                float sum = 0;
                for (int i = -radius; i <= radius; i++)
                    sum += in[x + i];
                out[x] = sum * scale;
            }
            if (x >= w)
                break;
        }
        float sum = 0;
        for (int i = -radius; i <= radius; i++)
            sum += in[clamp(x + i, 0, w - 1)];
        out[x] = sum * scale;
    }
}

HF_CLONES
static void add_row(float *out, const float *in, int w, float scale)
{
    for (int x = 0; x < w; x++)
        out[x] += in[x] * scale;
}

/* Square window means. in and out may be the same plane. */
static void box(const hf_guide *g, float *out, const float *in, float *scratch)
{
    for (int y = 0; y < g->bh; y++)
        box_row(scratch + (size_t)y * g->bw, in + (size_t)y * g->bw, g->bw, g->radius);
    for (int y = 0; y < g->bh; y++) {
        float *o = out + (size_t)y * g->bw;
        memset(o, 0, sizeof(float) * (size_t)g->bw);
        for (int i = -g->radius; i <= g->radius; i++)
            add_row(o, scratch + (size_t)clamp(y + i, 0, g->bh - 1) * g->bw, g->bw,
                    1.0f / (float)(2 * g->radius + 1));
    }
}

HF_CLONES
static void multiply(float *out, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] * b[i];
}

static void block_row(const hf_guide *g, const uint8_t *rgb, int by)
{
    int rows = g->H - by * BLOCK < BLOCK ? g->H - by * BLOCK : BLOCK;
    uint16_t sums[3 * g->W];
    memset(sums, 0, sizeof(sums));
    for (int i = 0; i < rows; i++) {
        const uint8_t *p = rgb + (size_t)(by * BLOCK + i) * g->W * 3;
        for (int x = 0; x < 3 * g->W; x++)
            sums[x] = (uint16_t)(sums[x] + p[x]);
    }
    for (int bx = 0; bx < g->bw; bx++) {
        int n = g->W - bx * BLOCK < BLOCK ? g->W - bx * BLOCK : BLOCK;
        for (int c = 0; c < 3; c++) {
            int sum = 0;
            for (int i = 0; i < n; i++)
                sum += sums[(bx * BLOCK + i) * 3 + c];
            plane(g, P_COLOUR + c)[(size_t)by * g->bw + bx] = (float)sum / (float)(255 * n * rows);
        }
    }
}

/* P_CROSS holds window means of colour products: turn them into the inverse covariance. */
HF_CLONES
static void invert(float *p, size_t n, float epsilon)
{
    const float *r = p + P_MEAN * n, *gr = r + n, *b = gr + n, *m = p + P_CROSS * n;
    float *inverse = p + P_INVERSE * n;
    for (size_t i = 0; i < n; i++) {
        float xx = m[i] - r[i] * r[i] + epsilon, xy = m[n + i] - r[i] * gr[i];
        float xz = m[2 * n + i] - r[i] * b[i], yy = m[3 * n + i] - gr[i] * gr[i] + epsilon;
        float yz = m[4 * n + i] - gr[i] * b[i], zz = m[5 * n + i] - b[i] * b[i] + epsilon;
        float a = yy * zz - yz * yz, c = xz * yz - xy * zz, d = xy * yz - xz * yy;
        float scale = 1 / (xx * a + xy * c + xz * d);
        inverse[i] = a * scale;
        inverse[n + i] = c * scale;
        inverse[2 * n + i] = d * scale;
        inverse[3 * n + i] = (xx * zz - xz * xz) * scale;
        inverse[4 * n + i] = (xy * xz - xx * yz) * scale;
        inverse[5 * n + i] = (xx * yy - xy * xy) * scale;
    }
}

void hf_guide_picture(hf_guide *g, const uint8_t *rgb)
{
    static const int pairs[6][2] = { { 0, 0 }, { 0, 1 }, { 0, 2 }, { 1, 1 }, { 1, 2 }, { 2, 2 } };
#pragma omp parallel for
    for (int by = 0; by < g->bh; by++)
        block_row(g, rgb, by);
#pragma omp parallel for schedule(dynamic, 1)
    for (int i = 0; i < 9; i++) {
        float *scratch = g->scratch + (size_t)i * g->n;
        if (i >= 6) {
            box(g, plane(g, P_MEAN + i - 6), plane(g, P_COLOUR + i - 6), scratch);
            continue;
        }
        float *cross = plane(g, P_CROSS + i);
        multiply(cross, plane(g, P_COLOUR + pairs[i][0]), plane(g, P_COLOUR + pairs[i][1]), g->n);
        box(g, cross, cross, scratch);
    }
    invert(g->planes, g->n, g->epsilon);
}

/* From the means of label and colour times label to the fit of every window. */
HF_CLONES
static void fit(float *p, size_t n)
{
    const float *r = p + P_MEAN * n, *gr = r + n, *b = gr + n, *v = p + P_INVERSE * n;
    const float *cross = p + P_CROSS * n, *label = p + P_LABEL_MEAN * n;
    float *a = p + P_FIT * n;
    for (size_t i = 0; i < n; i++) {
        float x = cross[i] - r[i] * label[i], y = cross[n + i] - gr[i] * label[i];
        float z = cross[2 * n + i] - b[i] * label[i];
        float ar = v[i] * x + v[n + i] * y + v[2 * n + i] * z;
        float ag = v[n + i] * x + v[3 * n + i] * y + v[4 * n + i] * z;
        float ab = v[2 * n + i] * x + v[4 * n + i] * y + v[5 * n + i] * z;
        a[i] = ar;
        a[n + i] = ag;
        a[2 * n + i] = ab;
        a[3 * n + i] = label[i] - ar * r[i] - ag * gr[i] - ab * b[i];
    }
}

/* One row of pixels: the averaged fits [4][bw], already between two block rows, applied to colours. */
HF_CLONES
static void apply_row(float *out, const float *fits, const uint8_t *rgb, int W, int bw)
{
    /* Block centres lie at 1.5 px + 4 i: the four pixels of a block have fixed shares. */
    static const float share[BLOCK] = { 0.375f, 0.125f, 0.125f, 0.375f }; /* of the neighbour */
    for (int bx = 0; bx < bw; bx++)
        for (int i = 0; i < BLOCK && bx * BLOCK + i < W; i++) {
            int next = i < BLOCK / 2 ? (bx ? bx - 1 : 0) : (bx < bw - 1 ? bx + 1 : bx);
            float v[4], s = share[i];
            for (int c = 0; c < 4; c++)
                v[c] = fits[c * bw + bx] * (1 - s) + fits[c * bw + next] * s;
            const uint8_t *p = rgb + 3 * (bx * BLOCK + i);
            float q = (v[0] * p[0] + v[1] * p[1] + v[2] * p[2]) * (1 / 255.0f) + v[3];
            out[bx * BLOCK + i] = q < 0 ? 0 : q > 1 ? 1 : q;
        }
}

static void apply(const hf_guide *g, float *out, const uint8_t *rgb)
{
#pragma omp parallel for
    for (int y = 0; y < g->H; y++) {
        static const float share[BLOCK] = { 0.375f, 0.125f, 0.125f, 0.375f };
        int by = y / BLOCK, i = y % BLOCK;
        int next = clamp(i < BLOCK / 2 ? by - 1 : by + 1, 0, g->bh - 1);
        float fits[4 * g->bw];
        for (int c = 0; c < 4; c++) {
            const float *p = plane(g, P_FIT_MEAN + c) + (size_t)by * g->bw;
            const float *q = plane(g, P_FIT_MEAN + c) + (size_t)next * g->bw;
            for (int x = 0; x < g->bw; x++)
                fits[c * g->bw + x] = p[x] * (1 - share[i]) + q[x] * share[i];
        }
        apply_row(out + (size_t)y * g->W, fits, rgb + (size_t)y * g->W * 3, g->W, g->bw);
    }
}

void hf_guide_filter(hf_guide *g, float *out, const float *in, const uint8_t *rgb)
{
#pragma omp parallel for schedule(dynamic, 1)
    for (int c = 0; c < 4; c++) {
        float *scratch = g->scratch + (size_t)c * g->n;
        if (c == 3) {
            box(g, plane(g, P_LABEL_MEAN), in, scratch);
            continue;
        }
        multiply(plane(g, P_CROSS + c), plane(g, P_COLOUR + c), in, g->n);
        box(g, plane(g, P_CROSS + c), plane(g, P_CROSS + c), scratch);
    }
    fit(g->planes, g->n);
#pragma omp parallel for schedule(dynamic, 1)
    for (int c = 0; c < 4; c++)
        box(g, plane(g, P_FIT_MEAN + c), plane(g, P_FIT + c), g->scratch + (size_t)c * g->n);
    apply(g, out, rgb);
}
