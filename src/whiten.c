/* whiten.c - see whiten.h.
 *
 *   signal S = covariance of the descriptors of the picture
 *   noise  N = mean square of their differences from the distorted copies
 *   N = U diag(n) U'          A = U diag(n + floor)^-1/2     noise becomes the identity
 *   A' S A = V diag(s) V'     project = A V_D diag(s)^-power  the D largest s
 */
#include "src/whiten.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Noise that every direction has at least, as a part of the mean noise: directions that no
 * distortion touched must not count without bound. */
#define NOISE_FLOOR 1.0
/* 0 keeps signal over noise as it is, 0.5 would make every direction equally strong. */
#define FLATTEN 0.4

/* LAPACK comes inside OpenBLAS; its header is not always installed. */
void dsyev_(const char *job, const char *half, const int *n, double *a, const int *lda, double *w,
            double *work, const int *lwork, int *info);

int hf_whiten_new(hf_whiten **out, int C, int D, hf_error *err)
{
    *out = NULL;
    hf_whiten *w = calloc(1, sizeof(*w));
    if (!w)
        return hf_fail(err, HF_ENOMEM, "whiten: out of memory");
    size_t square = (size_t)C * C;
    w->C = C, w->D = D < C ? D : C;
    w->mean = calloc((size_t)C, sizeof(float));
    w->project = calloc((size_t)C * w->D, sizeof(float));
    w->bias = calloc((size_t)w->D, sizeof(float));
    w->signal = calloc(square, sizeof(double));
    w->noise = calloc(square, sizeof(double));
    w->part = calloc(square, sizeof(float));
    w->work = calloc(2 * square + 4 * (size_t)C, sizeof(double));
    if (!w->mean || !w->project || !w->bias || !w->signal || !w->noise || !w->part ||
        !w->work) {
        hf_whiten_free(&w);
        return hf_fail(err, HF_ENOMEM, "whiten: out of memory for %d channels", C);
    }
    *out = w;
    return HF_OK;
}

int64_t hf_whiten_bytes(int C, int D)
{
    int64_t square = (int64_t)C * C;
    return (int64_t)sizeof(hf_whiten) + 4 * (C + (int64_t)C * D + D) + 8 * (4 * square + 4 * C);
}

void hf_whiten_free(hf_whiten **whiten)
{
    if (!whiten || !*whiten)
        return;
    free((*whiten)->mean);
    free((*whiten)->project);
    free((*whiten)->bias);
    free((*whiten)->signal);
    free((*whiten)->noise);
    free((*whiten)->part);
    free((*whiten)->work);
    free(*whiten);
    *whiten = NULL;
}

/* sums [C,C] += scale * rows' rows. Float products of a thousand rows at a time, added in double:
 * sums over all cells of a picture lose digits in float. */
static void add_products(hf_whiten *w, double *sums, const float *rows, int n, double scale)
{
    enum { PART = 1024 };
    int C = w->C;
    for (int begin = 0; begin < n; begin += PART) {
        int m = n - begin < PART ? n - begin : PART;
        cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, C, m, 1, rows + (size_t)begin * C, C, 0,
                    w->part, C);
        for (int i = 0; i < C; i++)
            for (int j = i; j < C; j++)
                sums[(size_t)i * C + j] += scale * w->part[(size_t)i * C + j];
    }
}

/* The half under the diagonal from the half above it. */
static void mirror(double *sums, int C)
{
    for (int i = 0; i < C; i++)
        for (int j = 0; j < i; j++)
            sums[(size_t)i * C + j] = sums[(size_t)j * C + i];
}

void hf_whiten_begin(hf_whiten *w, const float *own, int n)
{
    memset(w->signal, 0, sizeof(double) * (size_t)w->C * w->C);
    memset(w->noise, 0, sizeof(double) * (size_t)w->C * w->C);
    for (int j = 0; j < w->C; j++) {
        double sum = 0;
        for (int r = 0; r < n; r++)
            sum += own[(size_t)r * w->C + j];
        w->mean[j] = (float)(sum / n);
    }
    add_products(w, w->signal, own, n, 1.0 / n);
    for (int i = 0; i < w->C; i++)
        for (int j = i; j < w->C; j++)
            w->signal[(size_t)i * w->C + j] -= (double)w->mean[i] * w->mean[j];
}

void hf_whiten_add(hf_whiten *w, const float *own, const float *distorted, float *difference, int n)
{
    for (size_t i = 0; i < (size_t)n * w->C; i++)
        difference[i] = distorted[i] - own[i];
    add_products(w, w->noise, difference, n, 1.0 / n);
}

static int eigen(double *matrix, double *values, double *work, int C, hf_error *err)
{
    int info = 0, lwork = 3 * C;
    dsyev_("V", "U", &C, matrix, &C, values, work, &lwork, &info);
    if (info != 0)
        return hf_fail(err, HF_EDEVICE, "whiten: dsyev returned %d, want 0", info);
    return HF_OK;
}

int hf_whiten_finish(hf_whiten *w, hf_error *err)
{
    int C = w->C, D = w->D, rc;
    double *values = w->work, *work = values + C, *half = work + 3 * C, *product = half + (size_t)C * C;
    double mean_noise = 0;

    mirror(w->signal, C);
    mirror(w->noise, C);
    for (int i = 0; i < C; i++)
        mean_noise += w->noise[(size_t)i * C + i] / C;
    if ((rc = eigen(w->noise, values, work, C, err)) < 0)
        return rc;
    /* LAPACK leaves eigenvector i in row i of a row-major matrix. */
    for (int i = 0; i < C; i++) {
        double v = values[i] > 0 ? values[i] : 0;
        double scale = 1 / sqrt(v + NOISE_FLOOR * mean_noise + 1e-12);
        for (int j = 0; j < C; j++)
            half[(size_t)i * C + j] = w->noise[(size_t)i * C + j] * scale; /* A' */
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, C, C, C, 1, half, C, w->signal, C, 0,
                product, C);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, C, C, C, 1, product, C, half, C, 0,
                w->signal, C);
    if ((rc = eigen(w->signal, values, work, C, err)) < 0)
        return rc;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, C, C, C, 1, w->signal, C, half, C, 0,
                product, C); /* rows: V' A' , by rising signal */
    for (int d = 0; d < D; d++) {
        double s = values[C - 1 - d];
        double scale = s > 1e-9 ? pow(s, -FLATTEN) : 0;
        w->bias[d] = 0;
        for (int c = 0; c < C; c++) {
            float p = (float)(product[(size_t)(C - 1 - d) * C + c] * scale);
            w->project[(size_t)c * D + d] = p;
            w->bias[d] += p * w->mean[c];
        }
    }
    return HF_OK;
}

void hf_whiten_apply(const hf_whiten *w, float *out, const float *in, int n)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, w->D, w->C, 1, in, w->C, w->project,
                w->D, 0, out, w->D);
#pragma omp parallel for
    for (int r = 0; r < n; r++) {
        float *row = out + (size_t)r * w->D, sum = 0;
        for (int d = 0; d < w->D; d++) {
            row[d] -= w->bias[d];
            sum += row[d] * row[d];
        }
        float scale = sum > 1e-12f ? 1 / sqrtf(sum) : 0;
        for (int d = 0; d < w->D; d++)
            row[d] *= scale;
    }
}
