/* pca.c - see pca.h.
 *
 *   V <- orthonormal(V C), C = covariance, some directions more than are wanted; then the eigenvectors of V C V' turn
 *   V into the principal directions (Rayleigh and Ritz). The error shrinks by the ratio of the first eigenvalue left
 *   out to the last one wanted, in every round.
 */
#include "src/pca.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SPARE 8 /* directions carried beside the wanted ones */
#define MAX_DIRECTIONS (HF_PCA_MAX + SPARE)
#define MAX_ROUNDS 300
#define STILL 1e-9 /* relative change of every wanted variance at which rounds end */

/* LAPACK comes inside OpenBLAS; its header is not always installed. */
void dsyev_(const char *job, const char *half, const int *n, double *a, const int *lda, double *w,
            double *work, const int *lwork, int *info);

typedef struct search {
    const hf_pca_block *blocks;
    int                 n_blocks, D, m; /* m directions are carried */
    int64_t             n_rows, n_longest;
    float              *along;  /* [n_longest,m] */
    double             *v, *cv; /* [m,D]: directions, and times the covariance */
    float              *v_f32, *sum; /* [m,D] */
    const float        *mean;
} search;

void hf_pca_free(hf_pca **pca)
{
    if (!pca || !*pca)
        return;
    free((*pca)->mean);
    free((*pca)->directions);
    free(*pca);
    *pca = NULL;
}

/* out [n,k] = (rows - mean) directions'. */
static void project(float *out, const hf_pca_block *block, const float *directions, const float *mean, int D, int k)
{
    float offset[MAX_DIRECTIONS];
    for (int i = 0; i < k; i++)
        offset[i] = cblas_sdot(D, mean, 1, directions + (size_t)i * D, 1);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)block->n, k, D, 1, block->rows, D, directions, D, 0, out, k);
    for (int64_t r = 0; r < block->n; r++)
        for (int i = 0; i < k; i++)
            out[r * k + i] -= offset[i];
}

/* cv = v C. The mean of `along` is 0 over all rows, so the mean of the rows drops out of the second product. */
static void multiply(search *s)
{
    size_t n = (size_t)s->m * s->D;
    for (size_t i = 0; i < n; i++)
        s->v_f32[i] = (float)s->v[i], s->cv[i] = 0;
    for (int b = 0; b < s->n_blocks; b++) {
        const hf_pca_block *block = &s->blocks[b];
        project(s->along, block, s->v_f32, s->mean, s->D, s->m);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, s->m, s->D, (int)block->n, 1, s->along, s->m, block->rows, s->D,
                    0, s->sum, s->D);
        for (int i = 0; i < s->m; i++) {
            double total = 0;
            for (int64_t r = 0; r < block->n; r++)
                total += (double)s->along[r * s->m + i];
            for (int d = 0; d < s->D; d++) /* of one block, though, it is not 0 */
                s->cv[(size_t)i * s->D + d] += ((double)s->sum[(size_t)i * s->D + d] - total * (double)s->mean[d]) / (double)s->n_rows;
        }
    }
}

/* Gram and Schmidt, twice for the digits. A direction that vanishes becomes zero. */
static void orthonormalize(double *v, int m, int D)
{
    for (int i = 0; i < m; i++) {
        double *a = v + (size_t)i * D, before = cblas_dnrm2(D, a, 1);
        for (int round = 0; round < 2; round++)
            for (int j = 0; j < i; j++)
                cblas_daxpy(D, -cblas_ddot(D, a, 1, v + (size_t)j * D, 1), v + (size_t)j * D, 1, a, 1);
        double length = cblas_dnrm2(D, a, 1);
        cblas_dscal(D, length > 1e-10 * before && length > 0 ? 1 / length : 0, a, 1);
    }
}

/* v [m,D] = turned v: rows of `small` from the last to the first. */
static void turn(double *v, const double *small, int m, int D)
{
    double column[MAX_DIRECTIONS];
    for (int d = 0; d < D; d++) {
        for (int i = 0; i < m; i++)
            column[i] = v[(size_t)i * D + d];
        for (int i = 0; i < m; i++)
            v[(size_t)i * D + d] = cblas_ddot(m, small + (m - 1 - i) * m, 1, column, 1);
    }
}

/* v becomes the best directions within its span, by the eigenvectors `small` [m,m] of v C v' (least first; one a row);
 * values: their variances, greatest first. cv = v C. */
static int rotate(search *s, double *values, double *small, hf_error *err)
{
    double ascending[MAX_DIRECTIONS], work[4 * MAX_DIRECTIONS];
    int m = s->m, lwork = 4 * MAX_DIRECTIONS, info = 0;

    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, m, s->D, 1, s->cv, s->D, s->v, s->D, 0, small, m);
    dsyev_("V", "U", &m, small, &m, ascending, work, &lwork, &info);
    if (info != 0)
        return hf_fail(err, HF_EDEVICE, "principal components: dsyev returned %d, want 0", info);
    turn(s->v, small, m, s->D);
    for (int i = 0; i < m; i++)
        values[i] = ascending[m - 1 - i] > 0 ? ascending[m - 1 - i] : 0;
    return HF_OK;
}

/* Numbers that are no multiples of each other, the same in every run. */
static void start_directions(search *s)
{
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < (size_t)s->m * s->D; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        s->v[i] = (double)(int32_t)(state >> 32) / 2147483648.0;
    }
    orthonormalize(s->v, s->m, s->D);
}

static int iterate(search *s, double *values, int k, hf_error *err)
{
    double before[MAX_DIRECTIONS] = { 0 }, small[MAX_DIRECTIONS * MAX_DIRECTIONS];
    int rc;

    start_directions(s);
    for (int round = 0; round < MAX_ROUNDS; round++) {
        bool is_still = round > 0;
        multiply(s);
        if ((rc = rotate(s, values, small, err)) < 0)
            return rc;
        for (int i = 0; i < k; i++) {
            is_still = is_still && fabs(values[i] - before[i]) <= STILL * values[0];
            before[i] = values[i];
        }
        if (is_still)
            break;
        turn(s->cv, small, s->m, s->D);
        memcpy(s->v, s->cv, (size_t)s->m * s->D * sizeof(*s->v));
        orthonormalize(s->v, s->m, s->D);
    }
    return HF_OK;
}

static void take_mean(hf_pca *p, const search *s)
{
    double *sum = s->cv; /* [D] of it */
    double squares = 0, of_mean = 0;
    memset(sum, 0, (size_t)s->D * sizeof(*sum));
    for (int b = 0; b < s->n_blocks; b++)
        for (int64_t i = 0; i < s->blocks[b].n * s->D; i++) {
            double x = (double)s->blocks[b].rows[i];
            sum[i % s->D] += x;
            squares += x * x;
        }
    for (int d = 0; d < s->D; d++) {
        double mean = sum[d] / (double)s->n_rows;
        p->mean[d] = (float)mean;
        of_mean += mean * mean;
    }
    p->total = squares / (double)s->n_rows - of_mean;
    p->total = p->total > 0 ? p->total : 0;
}

static void keep(hf_pca *p, const search *s, const double *values)
{
    for (int i = 0; i < p->k; i++) {
        const double *v = s->v + (size_t)i * s->D;
        int largest = (int)cblas_idamax(s->D, v, 1);
        double sign = v[largest] < 0 ? -1 : 1;
        bool is_there = i < s->m && values[i] > 1e-12 * p->total;
        p->variance[i] = is_there ? values[i] : 0;
        for (int d = 0; d < s->D; d++)
            p->directions[(size_t)i * s->D + d] = is_there ? (float)(sign * v[d]) : 0;
    }
}

int hf_pca_new(hf_pca **out, const hf_pca_block *blocks, int n_blocks, int D, int k, hf_error *err)
{
    search s = { .blocks = blocks, .n_blocks = n_blocks, .D = D, .m = k + SPARE < D ? k + SPARE : D };
    double values[MAX_DIRECTIONS] = { 0 };
    hf_pca *p = NULL;
    int rc;

    *out = NULL;
    for (int b = 0; b < n_blocks; b++) {
        s.n_rows += blocks[b].n;
        s.n_longest = blocks[b].n > s.n_longest ? blocks[b].n : s.n_longest;
    }
    if (s.n_rows < 1 || D < 1 || k < 1 || k > HF_PCA_MAX || k > D)
        return hf_fail(err, HF_EARG, "principal components: %d of %d channels and %lld rows", k, D, (long long)s.n_rows);
    size_t n = (size_t)s.m * (size_t)D;
    s.along = malloc((size_t)s.n_longest * (size_t)s.m * sizeof(float));
    s.v = malloc(n * sizeof(double)), s.cv = malloc(n * sizeof(double));
    s.v_f32 = malloc(n * sizeof(float)), s.sum = malloc(n * sizeof(float));
    if (!(p = calloc(1, sizeof(*p))) || !(p->mean = malloc((size_t)D * sizeof(float))) ||
        !(p->directions = malloc((size_t)k * (size_t)D * sizeof(float))) || !s.along || !s.v || !s.cv || !s.v_f32 || !s.sum) {
        rc = hf_fail(err, HF_ENOMEM, "principal components: out of memory for %lld rows of %d", (long long)s.n_rows, D);
        goto end;
    }
    p->D = D, p->k = k;
    take_mean(p, &s);
    s.mean = p->mean;
    if ((rc = iterate(&s, values, k, err)) < 0)
        goto end;
    keep(p, &s, values);
    *out = p;
    p = NULL;
end:
    hf_pca_free(&p);
    free(s.along);
    free(s.v);
    free(s.cv);
    free(s.v_f32);
    free(s.sum);
    return rc;
}

void hf_pca_project(float *out, const hf_pca *p, const hf_pca_block *block)
{
    project(out, block, p->directions, p->mean, p->D, p->k);
}
