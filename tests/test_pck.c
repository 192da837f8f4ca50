/* test_pck.c - the formula by hand, and the golden of golden/make_pck.py on the shared pairs.
 *
 * The golden needs the annotations of the shared data; without them it is skipped by name.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/keypoints.h"
#include "io/npy.h"
#include "propagate/pck.h"

static const double target_box[4] = { 10, 20, 50, 100 }, source_box[4] = { 0, 0, 200, 10 };

static const hf_pck_pair pair = {
    .n = 4,
    .source_xy = (const double[]){ 0, 0, 0, 0, 0, 0, 0, 0 },
    .target_xy = (const double[]){ 10, 10, 20, 10, 30, 10, 10, 40 },
    .source_width = 100, .source_height = 60, .target_width = 90, .target_height = 160,
    .source_box = source_box, .target_box = target_box, .category = "cat",
};
/* Distances 8, 8.0001, 16, 0. */
static const double predicted[] = { 18, 10, 20, 18.0001, 30, 26, 10, 40 };

static double base_of(hf_pck_params p)
{
    double base;
    cr_assert_eq(hf_pck_base_px(&base, &pair, &p, NULL), HF_OK);
    return base;
}

Test(pck, each_base_is_what_it_says)
{
    cr_assert_eq(base_of((hf_pck_params){ .base = HF_PCK_IMAGE }), 160);
    cr_assert_eq(base_of((hf_pck_params){ .base = HF_PCK_BOX }), 80);
    cr_assert_eq(base_of((hf_pck_params){ .base = HF_PCK_BOX, .box = HF_PCK_BOX_SOURCE }), 200);
    cr_assert_eq(base_of((hf_pck_params){ .base = HF_PCK_BOX, .box = HF_PCK_BOX_KEYPOINTS }), 30);
}

static void expect_hits(int is_strict, int first, int second)
{
    hf_pck_params p = { .alpha = { 0.1, 0.2 }, .n_alphas = 2, .is_strict = is_strict };
    hf_pck_tally tally = { .n_categories = 0 };
    int hits[2];
    cr_assert_eq(hf_pck_add(&tally, hits, &pair, predicted, 80.0, &p, NULL), HF_OK);
    cr_assert(hits[0] == first && hits[1] == second, "%d and %d", hits[0], hits[1]);
    hf_pck_tally_free(&tally);
}

Test(pck, a_distance_of_exactly_the_limit_counts_unless_strict)
{
    expect_hits(0, 2, 4);
    expect_hits(1, 1, 3);
}

Test(pck, means_are_per_key_point_per_image_and_per_category)
{
    hf_pck_params p = HF_PCK_DEFAULTS;
    hf_pck_tally tally = { .n_categories = 0 };
    hf_pck_pair one = pair, dog = pair;
    one.n = 1, dog.category = "dog";
    cr_assert_eq(hf_pck_add(&tally, NULL, &pair, predicted, 80.0, &p, NULL), HF_OK);   /* cat 2 of 4 */
    cr_assert_eq(hf_pck_add(&tally, NULL, &one, predicted, 80.0, &p, NULL), HF_OK);    /* cat 1 of 1 */
    cr_assert_eq(hf_pck_add(&tally, NULL, &dog, predicted, 1000.0, &p, NULL), HF_OK);  /* dog 4 of 4 */
    cr_assert_float_eq(hf_pck_per_point(&tally.all, 0), 7.0 / 9, 1e-12);
    cr_assert_float_eq(hf_pck_per_image(&tally.all, 0), (0.5 + 1 + 1) / 3, 1e-12);
    cr_assert_float_eq(hf_pck_per_category(&tally, 0), (3.0 / 5 + 1) / 2, 1e-12);
    cr_assert(tally.n_categories == 2 && tally.categories[0].n_pairs == 2);
    cr_assert_str_eq(tally.categories[1].category, "dog");
    hf_pck_tally_free(&tally);
}

Test(pck, a_missing_box_and_numbers_out_of_range_are_refused)
{
    hf_pck_pair bare = pair;
    hf_pck_params p = { .alpha = { 0.1 }, .n_alphas = 1, .base = HF_PCK_BOX };
    hf_error err = { 0 };
    double base;
    bare.target_box = NULL;
    cr_assert_eq(hf_pck_base_px(&base, &bare, &p, &err), HF_EFORMAT);
    cr_assert_not_null(strstr(err.text, "no box of the target"), "%s", err.text);
    p.alpha[0] = 0;
    cr_assert_eq(hf_pck_check(&p, &err), HF_EARG);
    p.alpha[0] = NAN;
    cr_assert_eq(hf_pck_check(&p, &err), HF_EARG);
    p = (hf_pck_params)HF_PCK_DEFAULTS;
    p.eval_size = 8193;
    cr_assert_eq(hf_pck_check(&p, &err), HF_EARG);
    p.eval_size = 0, p.n_alphas = 17;
    cr_assert_eq(hf_pck_check(&p, &err), HF_EARG);
}

/* ---- the golden ---- */

enum { N_IMAGES = 12, MAX_PAIRS = 6 };

typedef struct golden {
    hf_keypoints *set;
    hf_npy       *features;
    char          name[N_IMAGES][64];
    int           width[N_IMAGES], height[N_IMAGES], n_images;
    double        predicted[MAX_PAIRS][2 * 16];
    int           n_predicted[MAX_PAIRS];
} golden;

static int image_number(const golden *g, const char *name)
{
    for (int i = 0; i < g->n_images; i++)
        if (strcmp(g->name[i], name) == 0)
            return i;
    cr_assert_fail("image %s is not in the golden", name);
    return -1;
}

static hf_feature_map map_of(const golden *g, int image)
{
    const int64_t *s = g->features->shape;
    return (hf_feature_map){ (const float *)g->features->data + image * s[1] * s[2] * s[3], (int)s[1], (int)s[2],
                             (int)s[3], g->width[image], g->height[image] };
}

static hf_pck_pair pair_of(const golden *g, int i)
{
    const hf_keypoint_pair *p = &g->set->pairs[i];
    int s = image_number(g, p->source.image), t = image_number(g, p->target.image);
    return (hf_pck_pair){ p->n, p->source.xy, p->target.xy, g->width[s], g->height[s], g->width[t], g->height[t],
                          p->source.box, p->target.box, p->category };
}

static void predict_all(golden *g, int eval_size)
{
    hf_pck_params p = { .alpha = { 0.1 }, .n_alphas = 1, .eval_size = eval_size };
    for (int i = 0; i < g->set->n; i++) {
        hf_pck_pair q = pair_of(g, i);
        hf_feature_map s = map_of(g, image_number(g, g->set->pairs[i].source.image));
        hf_feature_map t = map_of(g, image_number(g, g->set->pairs[i].target.image));
        cr_assert_eq(hf_pck_predict(g->predicted[i], &q, &s, &t, &p, NULL), HF_OK);
        g->n_predicted[i] = 0;
    }
}

static void check_point(golden *g, const char *line)
{
    int i;
    double x, y;
    cr_assert_eq(sscanf(line, "point %d %lf %lf", &i, &x, &y), 3);
    const double *got = g->predicted[i] + 2 * g->n_predicted[i]++;
    cr_assert(fabs(got[0] - x) < 1e-9 && fabs(got[1] - y) < 1e-9, "pair %d: %g,%g, want %g,%g", i, got[0], got[1], x, y);
}

static void check_pck(golden *g, const char *line)
{
    char base[16];
    int hits, n;
    double alpha, per_point, per_image;
    cr_assert_eq(sscanf(line, "pck %15s %lf %d %d %lf %lf", base, &alpha, &hits, &n, &per_point, &per_image), 6);
    hf_pck_params p = { .alpha = { alpha }, .n_alphas = 1,
                        .base = strcmp(base, "box") == 0 ? HF_PCK_BOX : HF_PCK_IMAGE };
    hf_pck_tally tally = { .n_categories = 0 };
    for (int i = 0; i < g->set->n; i++) {
        hf_pck_pair q = pair_of(g, i);
        double base_px;
        cr_assert_eq(g->n_predicted[i], q.n);
        cr_assert_eq(hf_pck_base_px(&base_px, &q, &p, NULL), HF_OK);
        cr_assert_eq(hf_pck_add(&tally, NULL, &q, g->predicted[i], base_px, &p, NULL), HF_OK);
    }
    cr_assert(tally.all.hits[0] == hits && tally.all.n_points == n, "%s %g: %d of %d", base, alpha, tally.all.hits[0],
              tally.all.n_points);
    cr_assert_float_eq(hf_pck_per_point(&tally.all, 0), per_point, 1e-12);
    cr_assert_float_eq(hf_pck_per_image(&tally.all, 0), per_image, 1e-12);
    hf_pck_tally_free(&tally);
}

Test(pck, predictions_and_figures_are_those_of_the_published_formula)
{
    const char *shared = getenv("HF_SHARED_DATA");
    char path[1024], line[256];
    golden g = { 0 };
    int n_checked = 0;

    snprintf(path, sizeof(path), "%s/pairs/spair/annotations/spair_71k_test-6.json",
             shared ? shared : HF_SOURCE_ROOT "/../shared/data");
    if (access(path, R_OK) != 0)
        cr_skip_test("skipped: %s is not there", path);
    cr_assert_eq(hf_keypoints_read(&g.set, path, NULL, NULL), HF_OK);
    cr_assert_eq(hf_npy_read(&g.features, HF_SOURCE_ROOT "/tests/golden/pck_features.npy", NULL), HF_OK);
    FILE *file = fopen(HF_SOURCE_ROOT "/tests/golden/pck.txt", "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof(line), file)) {
        int eval_size, i = g.n_images;
        if (sscanf(line, "image %63s", path) == 1) {
            cr_assert_eq(sscanf(line, "image %63s %d %d", g.name[i], &g.width[i], &g.height[i]), 3);
            g.n_images++;
        } else if (sscanf(line, "eval %d", &eval_size) == 1) {
            predict_all(&g, eval_size);
        } else if (strncmp(line, "point", 5) == 0) {
            check_point(&g, line);
            n_checked++;
        } else if (strncmp(line, "pck", 3) == 0) {
            check_pck(&g, line);
            n_checked++;
        }
    }
    fclose(file);
    cr_assert_eq(n_checked, 2 * (43 + 6));
    hf_npy_free(&g.features);
    hf_keypoints_free(&g.set);
}
