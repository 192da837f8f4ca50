/* test_match_points.c - single descriptors and masked pictures against brute force in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/correspond.h"

enum { MAX_D = 8 };

typedef struct picture {
    hf_feature_map map;
    float         *data;
    uint8_t       *mask;
    double        *unit; /* [H,W,D] upsampled, normalised */
} picture;

static double random_unit(void) { return 2.0 * rand() / RAND_MAX - 1.0; }

static void upsample(picture *p)
{
    const hf_feature_map *m = &p->map;
    p->unit = calloc((size_t)m->width * m->height * m->D, sizeof(double));
    for (int y = 0; y < m->height; y++)
    for (int x = 0; x < m->width; x++) {
        double cy = fmin(fmax((y + 0.5) * m->h / m->height - 0.5, 0), m->h - 1), fy = cy - floor(cy);
        double cx = fmin(fmax((x + 0.5) * m->w / m->width - 0.5, 0), m->w - 1), fx = cx - floor(cx);
        int y0 = (int)cy, x0 = (int)cx, y1 = y0 + (y0 + 1 < m->h), x1 = x0 + (x0 + 1 < m->w);
        double *v = p->unit + ((int64_t)y * m->width + x) * m->D, length = 0.0;
        for (int d = 0; d < m->D; d++) {
            const float *f = m->data + d;
            v[d] = (1 - fy) * ((1 - fx) * f[(y0 * m->w + x0) * m->D] + fx * f[(y0 * m->w + x1) * m->D]) +
                   fy * ((1 - fx) * f[(y1 * m->w + x0) * m->D] + fx * f[(y1 * m->w + x1) * m->D]);
            length += v[d] * v[d];
        }
        for (int d = 0; length > 0 && d < m->D; d++)
            v[d] /= sqrt(length);
    }
}

static picture make(int h, int w, int D, int width, int height, int is_masked)
{
    picture p = { 0 };
    int n = width * height;
    p.data = malloc(sizeof(float) * h * w * D);
    for (int i = 0; i < h * w * D; i++)
        p.data[i] = (float)random_unit();
    p.map = (hf_feature_map){ p.data, h, w, D, width, height };
    if (is_masked) {
        p.mask = malloc((size_t)n);
        for (int i = 0; i < n; i++)
            p.mask[i] = rand() % 3 == 0;
        p.mask[n / 2] = 1;
    }
    upsample(&p);
    return p;
}

static void drop(picture *p)
{
    free(p->data), free(p->mask), free(p->unit);
}

static double cosine(const picture *a, int64_t i, const picture *b, int64_t j)
{
    double sum = 0.0;
    for (int d = 0; d < a->map.D; d++)
        sum += a->unit[i * a->map.D + d] * b->unit[j * b->map.D + d];
    return sum;
}

/* Best of b for pixel i of a; outside a disk of radius r round (x, y) if r >= 0. -2: none. */
static double brute(const picture *a, int64_t i, const picture *b, int x, int y, double r)
{
    double best = -2.0;
    for (int64_t j = 0; j < (int64_t)b->map.width * b->map.height; j++) {
        if ((b->mask && !b->mask[j]) ||
            (r >= 0 && hypot((double)(j % b->map.width) - x, (double)(j / b->map.width) - y) <= r))
            continue;
        best = fmax(best, cosine(a, i, b, j));
    }
    return best;
}

static void expect_dense(picture a, picture b)
{
    hf_field *f;
    hf_error err = { 0 };
    cr_assert_eq(hf_field_new(&f, a.map.width, a.map.height, b.map.width, b.map.height, NULL), HF_OK);
    cr_assert_eq(hf_field_match_inside(f, &a.map, &b.map, a.mask, b.mask, &err), HF_OK, "%s", err.text);
    for (int64_t i = 0; i < (int64_t)f->width * f->height; i++) {
        if (a.mask && !a.mask[i]) {
            cr_assert(f->index[i] == -1 && f->similarity[i] == 0.0f);
            continue;
        }
        cr_assert(f->index[i] >= 0 && (!b.mask || b.mask[f->index[i]]));
        double best = brute(&a, i, &b, 0, 0, -1.0);
        cr_assert_float_eq(cosine(&a, i, &b, f->index[i]), best, 1e-6);
        cr_assert_float_eq(f->similarity[i], best, 1e-5);
    }
    hf_field_free(&f);
    drop(&a);
    drop(&b);
}

Test(match_points, pictures_with_masks_are_matched_as_by_brute_force)
{
    srand(1);
    expect_dense(make(5, 4, 6, 21, 23, 1), make(3, 6, 6, 25, 17, 1));
    expect_dense(make(5, 4, 6, 21, 23, 0), make(3, 6, 6, 25, 17, 1));
    expect_dense(make(4, 4, 8, 16, 16, 1), make(4, 4, 8, 4, 4, 0)); /* cells */
    expect_dense(make(1, 1, 3, 7, 5, 1), make(1, 1, 3, 5, 7, 0));
    expect_dense(make(1, 5, 3, 9, 2, 0), make(6, 1, 3, 3, 11, 1));
    expect_dense(make(6, 6, 4, 5, 5, 0), make(6, 6, 4, 3, 3, 0)); /* fewer pixels than cells */
}

Test(match_points, all_negative_cosines_are_found_too)
{
    srand(2);
    picture a = make(2, 2, 3, 6, 6, 0), b = make(3, 3, 3, 8, 8, 1);
    for (int i = 0; i < 2 * 2 * 3; i++)
        a.data[i] = 0.5f + 0.4f * (float)random_unit();
    for (int i = 0; i < 3 * 3 * 3; i++)
        b.data[i] = -0.5f + 0.4f * (float)random_unit();
    free(a.unit), free(b.unit);
    upsample(&a);
    upsample(&b);
    expect_dense(a, b);
}

Test(match_points, zero_vectors_have_cosine_0_and_the_first_pixel)
{
    srand(3);
    picture a = make(2, 2, 3, 6, 6, 0), b = make(3, 3, 3, 8, 8, 0);
    memset(a.data, 0, sizeof(float) * 2 * 2 * 3);
    hf_field *f;
    cr_assert_eq(hf_field_new(&f, 6, 6, 8, 8, NULL), HF_OK);
    cr_assert_eq(hf_field_match_inside(f, &a.map, &b.map, NULL, NULL, NULL), HF_OK);
    for (int i = 0; i < 36; i++)
        cr_assert(f->index[i] == 0 && f->similarity[i] == 0.0f);
    hf_field_free(&f);
    drop(&a);
    drop(&b);
}

Test(match_points, the_runner_up_is_the_best_beyond_the_radius)
{
    srand(4);
    picture a = make(4, 5, 8, 31, 22, 0), b = make(6, 5, 8, 33, 29, 1);
    hf_match_points *points;
    float vectors[10 * MAX_D];
    hf_point_match m[10];
    int at[10];
    for (int k = 0; k < 10; k++) {
        at[k] = rand() % (31 * 22);
        hf_feature_sample(vectors + 8 * k, &a.map, at[k] % 31, at[k] / 31);
    }
    cr_assert_eq(hf_match_points_new(&points, &b.map, b.mask, NULL), HF_OK);
    cr_assert_eq(hf_match_points_run(m, points, vectors, 10, 6.0f, NULL), HF_OK);
    for (int k = 0; k < 10; k++) {
        cr_assert_float_eq(m[k].similarity, brute(&a, at[k], &b, 0, 0, -1.0), 1e-5);
        cr_assert_float_eq(m[k].second, brute(&a, at[k], &b, m[k].x, m[k].y, 6.0), 1e-5);
        cr_assert(hypot(m[k].x - m[k].second_x, m[k].y - m[k].second_y) > 6.0);
        cr_assert(b.mask[m[k].second_y * 33 + m[k].second_x]);
    }
    cr_assert_eq(hf_match_points_run(m, points, vectors, 1, 1000.0f, NULL), HF_OK);
    cr_assert(m[0].second_x == -1 && m[0].second == -1.0f);
    hf_match_points_free(&points);
    drop(&a);
    drop(&b);
}

Test(match_points, an_empty_mask_is_refused)
{
    picture a = make(2, 2, 3, 6, 6, 1);
    hf_match_points *points = (hf_match_points *)1;
    hf_error err = { 0 };
    memset(a.mask, 0, 36);
    cr_assert_eq(hf_match_points_new(&points, &a.map, a.mask, &err), HF_EARG);
    cr_assert_null(points);
    cr_assert_not_null(strstr(err.text, "allows no pixel"), "%s", err.text);
    drop(&a);
}
