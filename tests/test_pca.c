/* test_pca.c - principal components of rows whose spectrum is known. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "src/pca.h"

static hf_error err;

/* n rows of D: mean `offset`, direction i (a rotated axis) with deviation size[i]. */
static float *make_rows(int64_t n, int D, const double *size, double offset)
{
    float *rows = calloc((size_t)(n * D), sizeof(float));
    unsigned state = 1;
    for (int64_t r = 0; r < n; r++) {
        double axis[64];
        for (int d = 0; d < D; d++) {
            state = state * 1664525u + 1013904223u;
            axis[d] = ((double)(state >> 8) / 8388608.0 - 1) * sqrt(3) * size[d]; /* variance size^2 */
        }
        for (int d = 0; d + 1 < D; d += 2) { /* turned by 30 degrees in every pair of axes */
            rows[r * D + d] = (float)(offset + 0.8660254 * axis[d] - 0.5 * axis[d + 1]);
            rows[r * D + d + 1] = (float)(offset + 0.5 * axis[d] + 0.8660254 * axis[d + 1]);
        }
    }
    return rows;
}

Test(pca, variances_and_directions_of_a_known_cloud)
{
    double size[16] = { [0] = 1, [3] = 5, [6] = 3, [9] = 2, [12] = 0.5 };
    float *rows = make_rows(4000, 16, size, 10);
    hf_pca_block block = { rows, 4000 };
    hf_pca *p;
    cr_assert_eq(hf_pca_new(&p, &block, 1, 16, 3, &err), HF_OK, "%s", err.text);
    cr_expect_float_eq(p->variance[0], 25, 1.0);
    cr_expect_float_eq(p->variance[1], 9, 0.5);
    cr_expect_float_eq(p->variance[2], 4, 0.3);
    cr_expect_float_eq(p->total, 25 + 9 + 4 + 1 + 0.25, 2);
    /* Axis 3 lies at (-1/2, 0.866) of channels 2 and 3; its greatest number is positive. */
    cr_expect_float_eq(p->directions[2], -0.5, 0.02);
    cr_expect_float_eq(p->directions[3], 0.866, 0.02);
    cr_expect_float_eq(p->mean[5], 10, 0.2);
    hf_pca_free(&p);
    cr_expect_null(p);
    free(rows);
}

Test(pca, projections_have_mean_0_and_the_variances_and_no_correlation)
{
    double size[12] = { 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2, 2.1 };
    float *rows = make_rows(3000, 12, size, -4), *out = malloc(3000 * 3 * sizeof(float));
    /* Two blocks of different length are one cloud. */
    hf_pca_block blocks[2] = { { rows, 1000 }, { rows + 1000 * 12, 2000 } };
    hf_pca *p;
    cr_assert_eq(hf_pca_new(&p, blocks, 2, 12, 3, &err), HF_OK);
    hf_pca_project(out, p, &blocks[0]);
    hf_pca_project(out + 1000 * 3, p, &blocks[1]);
    for (int i = 0; i < 3; i++)
        for (int j = i; j < 3; j++) {
            double sum = 0, product = 0;
            for (int r = 0; r < 3000; r++) {
                sum += (double)out[3 * r + i];
                product += (double)out[3 * r + i] * (double)out[3 * r + j];
            }
            cr_expect_float_eq(sum / 3000, 0, 1e-4);
            cr_expect_float_eq(product / 3000, i == j ? p->variance[i] : 0, 1e-3, "%d %d: %g", i, j, product / 3000);
        }
    hf_pca_free(&p);
    free(rows);
    free(out);
}

Test(pca, directions_that_are_not_there_are_zero)
{
    float rows[] = { 1, 2, 3, 2, 4, 6, 3, 6, 9 }; /* a line */
    hf_pca_block block = { rows, 3 };
    hf_pca *p;
    float out[9];
    cr_assert_eq(hf_pca_new(&p, &block, 1, 3, 3, &err), HF_OK);
    cr_expect_float_eq(p->variance[0], 14 * 2.0 / 3, 1e-5);
    cr_expect(p->variance[1] == 0 && p->variance[2] == 0);
    hf_pca_project(out, p, &block);
    for (int r = 0; r < 3; r++) {
        cr_expect_float_eq(out[3 * r], sqrt(14) * (r - 1), 1e-5);
        cr_expect(out[3 * r + 1] == 0 && out[3 * r + 2] == 0);
    }
    hf_pca_free(&p);
}

Test(pca, rows_that_are_all_equal_have_no_directions)
{
    float rows[20] = { 0 };
    hf_pca_block block = { rows, 5 };
    hf_pca *p;
    cr_assert_eq(hf_pca_new(&p, &block, 1, 4, 3, &err), HF_OK);
    cr_expect(p->total == 0 && p->variance[0] == 0);
    hf_pca_free(&p);
}

Test(pca, no_rows_and_too_many_components_are_refused)
{
    float rows[4] = { 0 };
    hf_pca_block none = { rows, 0 }, one = { rows, 1 };
    hf_pca *p;
    cr_expect_eq(hf_pca_new(&p, &none, 1, 4, 3, &err), HF_EARG);
    cr_expect_eq(hf_pca_new(&p, &one, 1, 2, 3, &err), HF_EARG);
    cr_expect_null(p);
}
