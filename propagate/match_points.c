/* match_points.c - see match_points.h.
 *
 * The pixels between the same four cells form a quad. With r = <T, v> for every cell, the numerator of all
 * pixels of a quad lies between the smallest and the largest of its four r, so that
 *     cosine <= max(0, r of the four cells) * max over the quad of 1 / |T'(q)|.
 * The quad with the largest bound is looked at first, the others only where their bound is not under the best so far.
 * |T'(q)| comes from the inner products of neighbouring cells.
 */
#include "propagate/match_points.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Rounding of a bound against the cosine that it bounds. */
#define SLACK 1e-6f

/* One axis: n cells upsampled to N pixels. */
typedef struct axis {
    int    n, N;
    int   *low, *high; /* [N] the two cells of a pixel */
    float *part;       /* [N] weight of the high one */
    int   *start;      /* [n + 2] first pixel of each quad; quads 0..n lie between cells q - 1 and q */
} axis;

struct hf_match_points {
    hf_feature_map map;
    axis           x, y;
    float         *scale; /* [H,W] 1 / |T'|, 0: zero vector, -1: not allowed */
    float         *reach; /* [h + 1, w + 1] largest scale of a quad; -1: no pixel of it is allowed */
};

/* ---- sampling ---- */

static double cell_of(double pixel, int n, int N)
{
    double c = (pixel + 0.5) * n / N - 0.5;
    return c < 0.0 ? 0.0 : c > n - 1 ? n - 1 : c;
}

float hf_feature_sample(float *vector, const hf_feature_map *map, double x, double y)
{
    double cx = cell_of(x, map->w, map->width), cy = cell_of(y, map->h, map->height), length = 0.0;
    int x0 = (int)cx, y0 = (int)cy, x1 = x0 + 1 < map->w ? x0 + 1 : x0, y1 = y0 + 1 < map->h ? y0 + 1 : y0;
    float fx = (float)(cx - x0), fy = (float)(cy - y0);
    const float *row0 = map->data + (int64_t)y0 * map->w * map->D, *row1 = map->data + (int64_t)y1 * map->w * map->D;

    for (int d = 0; d < map->D; d++) {
        float top = (1 - fx) * row0[(int64_t)x0 * map->D + d] + fx * row0[(int64_t)x1 * map->D + d];
        float low = (1 - fx) * row1[(int64_t)x0 * map->D + d] + fx * row1[(int64_t)x1 * map->D + d];
        vector[d] = (1 - fy) * top + fy * low;
        length += (double)vector[d] * vector[d];
    }
    return (float)sqrt(length);
}

/* ---- tables ---- */

static int axis_new(axis *a, int n, int N)
{
    *a = (axis){ .n = n, .N = N };
    a->low = malloc((size_t)N * sizeof(int));
    a->high = malloc((size_t)N * sizeof(int));
    a->part = malloc((size_t)N * sizeof(float));
    a->start = malloc(((size_t)n + 2) * sizeof(int));
    if (!a->low || !a->high || !a->part || !a->start)
        return -1;
    int quad = 0;
    for (int p = 0; p < N; p++) {
        double c = (p + 0.5) * n / N - 0.5;
        int below = (int)floor(c); /* -1 before the first cell's middle */
        int q = below + 1 > n ? n : below + 1;
        while (quad <= q)
            a->start[quad++] = p;
        a->low[p] = below < 0 ? 0 : below < n ? below : n - 1;
        a->high[p] = q < n ? q : n - 1;
        /* Beyond the outer cells' middles all pixels are the same vector: exactly, so that ties are ties. */
        a->part[p] = below < 0 || q >= n ? 0.0f : (float)(c - floor(c));
    }
    while (quad <= n + 1)
        a->start[quad++] = N;
    return 0;
}

static void axis_free(axis *a)
{
    free(a->low), free(a->high), free(a->part), free(a->start);
}

static double dot(const float *a, const float *b, int D)
{
    double sum = 0.0;
    for (int d = 0; d < D; d++)
        sum += (double)a[d] * b[d];
    return sum;
}

/* g[4][4]: inner products of the corners of a quad. */
static void gram_of_quad(double g[4][4], const hf_match_points *m, int qy, int qx)
{
    const hf_feature_map *t = &m->map;
    int y[2] = { qy > 0 ? qy - 1 : 0, qy < t->h ? qy : t->h - 1 };
    int x[2] = { qx > 0 ? qx - 1 : 0, qx < t->w ? qx : t->w - 1 };
    const float *corner[4];
    for (int i = 0; i < 4; i++)
        corner[i] = t->data + ((int64_t)y[i / 2] * t->w + x[i % 2]) * t->D;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j <= i; j++)
            g[i][j] = g[j][i] = dot(corner[i], corner[j], t->D);
}

static float scale_of_pixel(double g[4][4], float fy, float fx)
{
    double w[4] = { (1.0 - fy) * (1.0 - fx), (1.0 - fy) * fx, fy * (1.0 - fx), (double)fy * fx }, sum = 0.0;
    double largest = 0.0;
    for (int i = 0; i < 4; i++) {
        largest = fmax(largest, g[i][i]);
        for (int j = 0; j < 4; j++)
            sum += w[i] * w[j] * g[i][j];
    }
    /* Opposite corners cancel to rounding only: that is a zero vector. */
    return sum > 1e-13 * largest && sum > 0.0 ? (float)(1.0 / sqrt(sum)) : 0.0f;
}

static void fill_tables(hf_match_points *m, const uint8_t *allowed)
{
    int W = m->map.width;
#pragma omp parallel for schedule(static)
    for (int qy = 0; qy <= m->map.h; qy++)
    for (int qx = 0; qx <= m->map.w; qx++) {
        double g[4][4];
        float best = -1.0f;
        gram_of_quad(g, m, qy, qx);
        for (int y = m->y.start[qy]; y < m->y.start[qy + 1]; y++)
            for (int x = m->x.start[qx]; x < m->x.start[qx + 1]; x++) {
                int64_t i = (int64_t)y * W + x;
                m->scale[i] = allowed && !allowed[i] ? -1.0f : scale_of_pixel(g, m->y.part[y], m->x.part[x]);
                best = fmaxf(best, m->scale[i]);
            }
        m->reach[(int64_t)qy * (m->map.w + 1) + qx] = best;
    }
}

static int any_allowed(const uint8_t *allowed, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (allowed[i])
            return 1;
    return 0;
}

int hf_match_points_new(hf_match_points **out, const hf_feature_map *target, const uint8_t *allowed, hf_error *err)
{
    hf_match_points *m = calloc(1, sizeof(*m));
    int64_t n = (int64_t)target->width * target->height;
    int rc = HF_OK;

    *out = NULL;
    if (allowed && !any_allowed(allowed, n)) {
        rc = hf_fail(err, HF_EARG, "match: the mask allows no pixel");
        goto end;
    }
    if (!m || axis_new(&m->x, target->w, target->width) < 0 || axis_new(&m->y, target->h, target->height) < 0 ||
        !(m->scale = malloc((size_t)n * sizeof(float))) ||
        !(m->reach = malloc(((size_t)target->h + 1) * ((size_t)target->w + 1) * sizeof(float)))) {
        rc = hf_fail(err, HF_ENOMEM, "match: out of memory for %dx%d pixels", target->width, target->height);
        goto end;
    }
    m->map = *target;
    fill_tables(m, allowed);
    *out = m;
    m = NULL;
end:
    hf_match_points_free(&m);
    return rc;
}

void hf_match_points_free(hf_match_points **points)
{
    hf_match_points *m = points ? *points : NULL;
    if (!m)
        return;
    axis_free(&m->x);
    axis_free(&m->y);
    free(m->scale);
    free(m->reach);
    free(m);
    *points = NULL;
}

/* ---- search ---- */

typedef struct best {
    int   x, y; /* -1: none yet */
    float score;
} best;

/* A disk of pixels that do not count. r2 < 0: none. */
typedef struct disk {
    int   x, y;
    float r2;
} disk;

static float bound_of_quad(const hf_match_points *m, const float *r, int qy, int qx)
{
    float reach = m->reach[(int64_t)qy * (m->map.w + 1) + qx];
    const float *row0 = r + (int64_t)(qy > 0 ? qy - 1 : 0) * m->map.w;
    const float *row1 = r + (int64_t)(qy < m->map.h ? qy : m->map.h - 1) * m->map.w;
    int x0 = qx > 0 ? qx - 1 : 0, x1 = qx < m->map.w ? qx : m->map.w - 1;
    float top = fmaxf(fmaxf(row0[x0], row0[x1]), fmaxf(row1[x0], row1[x1]));
    if (reach < 0.0f)
        return -INFINITY;
    return fmaxf(top, 0.0f) * reach + SLACK;
}

static int is_better(const best *b, float score, int y, int x)
{
    return score > b->score || (score == b->score && (y < b->y || (y == b->y && x < b->x)));
}

static void look_at_quad(best *b, const hf_match_points *m, const float *r, int qy, int qx, const disk *out)
{
    int w = m->map.w, W = m->map.width;
    for (int y = m->y.start[qy]; y < m->y.start[qy + 1]; y++) {
        const float *row0 = r + (int64_t)m->y.low[y] * w, *row1 = r + (int64_t)m->y.high[y] * w;
        float fy = m->y.part[y];
        for (int x = m->x.start[qx]; x < m->x.start[qx + 1]; x++) {
            float scale = m->scale[(int64_t)y * W + x], fx = m->x.part[x];
            int x0 = m->x.low[x], x1 = m->x.high[x];
            float dx = (float)(x - out->x), dy = (float)(y - out->y);
            if (scale < 0.0f || dx * dx + dy * dy <= out->r2)
                continue;
            float top = (1 - fx) * row0[x0] + fx * row0[x1], low = (1 - fx) * row1[x0] + fx * row1[x1];
            float score = ((1 - fy) * top + fy * low) * scale;
            if (b->x < 0 || is_better(b, score, y, x))
                *b = (best){ x, y, score };
        }
    }
}

/* r [h,w]: inner products of every cell with the descriptor. */
static best search(const hf_match_points *m, const float *r, disk out)
{
    best b = { -1, -1, -INFINITY };
    float highest = -INFINITY;
    int first_y = -1, first_x = -1;

    for (int qy = 0; qy <= m->map.h; qy++)
        for (int qx = 0; qx <= m->map.w; qx++) {
            float bound = bound_of_quad(m, r, qy, qx);
            if (bound > highest)
                highest = bound, first_y = qy, first_x = qx;
        }
    if (first_y >= 0)
        look_at_quad(&b, m, r, first_y, first_x, &out);
    for (int qy = 0; qy <= m->map.h; qy++)
        for (int qx = 0; qx <= m->map.w; qx++) {
            float bound = bound_of_quad(m, r, qy, qx);
            if (bound > -INFINITY && bound >= b.score && (qy != first_y || qx != first_x))
                look_at_quad(&b, m, r, qy, qx, &out);
        }
    return b;
}

static float clamp_cosine(float c)
{
    return c < -1.0f ? -1.0f : c > 1.0f ? 1.0f : c;
}

static void match_one(hf_point_match *to, const hf_match_points *m, const float *r, float apart_px)
{
    best b = search(m, r, (disk){ 0, 0, -1.0f }), second = { -1, -1, -1.0f };
    if (apart_px >= 0.0f)
        second = search(m, r, (disk){ b.x, b.y, apart_px * apart_px });
    *to = (hf_point_match){ b.x, b.y, clamp_cosine(b.score), second.x, second.y,
                            second.x < 0 ? -1.0f : clamp_cosine(second.score) };
}

int hf_match_points_run(hf_point_match *matches, const hf_match_points *points, const float *vectors, int n,
                        float apart_px, hf_error *err)
{
    const hf_feature_map *t = &points->map;
    int64_t cells = (int64_t)t->h * t->w;
    float *rows = malloc((size_t)(cells * omp_get_max_threads()) * sizeof(float));

    if (!rows)
        return hf_fail(err, HF_ENOMEM, "match: out of memory");
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < n; i++) {
        const float *v = vectors + (int64_t)i * t->D;
        float *r = rows + cells * omp_get_thread_num();
        double length = sqrt(dot(v, v, t->D));
        for (int64_t c = 0; c < cells; c++)
            r[c] = length > 0.0 ? (float)(dot(t->data + c * t->D, v, t->D) / length) : 0.0f;
        match_one(&matches[i], points, r, apart_px);
    }
    free(rows);
    return HF_OK;
}

/* ---- whole pictures ---- */

/* The Gram matrix of two rows of source cells with all target cells, and scratch of each thread. */
typedef struct dense {
    const hf_match_points *m;
    const hf_feature_map  *source;
    hf_match_points       *sizes; /* the source's own axes and lengths */
    int64_t                cells;
    float                 *row[2]; /* [ws, cells] */
    float                 *r;      /* [threads, cells] */
} dense;

static void fill_gram(const dense *d, float *to, int y)
{
    const hf_feature_map *s = d->source;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, s->w, (int)d->cells, s->D, 1,
                s->data + (int64_t)y * s->w * s->D, s->D, d->m->map.data, s->D, 0, to, (int)d->cells);
}

static void match_pixel(const dense *d, int32_t *index, float *similarity, int y, int x)
{
    const axis *ax = &d->sizes->x, *ay = &d->sizes->y;
    float scale = d->sizes->scale[(int64_t)y * ax->N + x], fx = ax->part[x], fy = ay->part[y];
    float *r = d->r + d->cells * omp_get_thread_num();
    const float *a = d->row[0] + d->cells * ax->low[x], *b = d->row[0] + d->cells * ax->high[x];
    const float *c = d->row[1] + d->cells * ax->low[x], *e = d->row[1] + d->cells * ax->high[x];
    float wa = (1 - fy) * (1 - fx) * scale, wb = (1 - fy) * fx * scale, wc = fy * (1 - fx) * scale, we = fy * fx * scale;

    *index = -1;
    *similarity = 0.0f;
    if (scale < 0.0f)
        return; /* does not ask */
#pragma omp simd
    for (int64_t i = 0; i < d->cells; i++)
        r[i] = wa * a[i] + wb * b[i] + wc * c[i] + we * e[i];
    best found = search(d->m, r, (disk){ 0, 0, -1.0f });
    *index = found.y * d->m->map.width + found.x;
    *similarity = clamp_cosine(found.score);
}

static void match_rows(dense *d, int32_t *index, float *similarity)
{
    const axis *ay = &d->sizes->y;
    int W = d->source->width;

    for (int q = 0; q <= d->source->h; q++) {
        float *below = d->row[0];
        d->row[0] = d->row[1]; /* the high row of the quads before is the low one of these */
        d->row[1] = below;
        if (q < d->source->h)
            fill_gram(d, d->row[1], q);
        if (q == 0)
            memcpy(d->row[0], d->row[1], (size_t)(d->cells * d->source->w) * sizeof(float));
        if (q == d->source->h)
            memcpy(d->row[1], d->row[0], (size_t)(d->cells * d->source->w) * sizeof(float));
#pragma omp parallel for schedule(dynamic, 16)
        for (int64_t i = (int64_t)ay->start[q] * W; i < (int64_t)ay->start[q + 1] * W; i++)
            match_pixel(d, &index[i], &similarity[i], (int)(i / W), (int)(i % W));
    }
}

int hf_match_points_dense(int32_t *index, float *similarity, const hf_match_points *points,
                          const hf_feature_map *source, const uint8_t *asking, hf_error *err)
{
    dense d = { .m = points, .source = source, .cells = (int64_t)points->map.h * points->map.w };
    size_t row_bytes = (size_t)(d.cells * source->w) * sizeof(float);
    int rc;

    if ((rc = hf_match_points_new(&d.sizes, source, asking, err)) < 0)
        return rc;
    d.row[0] = malloc(row_bytes);
    d.row[1] = malloc(row_bytes);
    d.r = malloc((size_t)(d.cells * omp_get_max_threads()) * sizeof(float));
    if (!d.row[0] || !d.row[1] || !d.r)
        rc = hf_fail(err, HF_ENOMEM, "match: out of memory");
    else
        match_rows(&d, index, similarity);
    free(d.row[0]);
    free(d.row[1]);
    free(d.r);
    hf_match_points_free(&d.sizes);
    return rc;
}
