/* cpu_norm.c - `cpu`: group_norm, layer_norm, softmax, l2_normalize.
 *
 * group_norm reads the picture twice: once for the statistics of every channel, once to
 * write. Statistics are sums of x - k and (x - k)^2 with k the channel's first value, so that a
 * large mean costs no digits. Rows are cut into chunks whose number does not depend on
 * the threads, and added in the order of the chunks: the result does not either.
 */
#include "src/cpu.h"

#include <math.h>
#include <string.h>

#include "src/ops_check.h"
#include "src/simd.h"
#include "src/vec_math.h"

#define MAX_CHUNKS 64
#define MIN_CHUNK_ROWS 16
/* So many rows are summed in f32 before they go to double. */
#define F32_ROWS 64
/* And so many numbers of a row: where the first is an outlier, all differences from it are large, and an f32 sum of a
 * thousand of them has no digits left for the others. */
#define F32_RUN 64

static bool all_f32(const hf_tensor *out, const hf_tensor *x)
{
    return out->dtype == HF_F32 && x->dtype == HF_F32;
}

/* Numbers of a row that are brought to another type at a time. */
#define PART 1024
/* The longest row that layer_norm brings to another type. */
#define ROW 4096

static const float *values_of(const hf_tensor *vector)
{
    return vector ? vector->data : NULL;
}

/* Sums of one chunk: sum[C] and squares[C] in double; part[2 C] is room for f32 sums. */
HF_CLONES
static void sum_chunk(double *sum, double *squares, float *part, const float *x,
                      const float *shift, int64_t n_rows, int64_t C)
{
    for (int64_t c = 0; c < C; c++)
        sum[c] = squares[c] = 0;
    for (int64_t first = 0; first < n_rows; first += F32_ROWS) {
        int64_t end = first + F32_ROWS < n_rows ? first + F32_ROWS : n_rows;
        memset(part, 0, (size_t)C * 2 * sizeof(float));
        for (int64_t row = first; row < end; row++) {
            const float *from = x + row * C;
#pragma omp simd
            for (int64_t c = 0; c < C; c++) {
                float d = from[c] - shift[c];
                part[c] += d;
                part[C + c] += d * d;
            }
        }
        for (int64_t c = 0; c < C; c++)
            sum[c] += (double)part[c], squares[c] += (double)part[C + c];
    }
}

/* out = (x - mean) * factor + beta, all by channel. */
HF_CLONES
static void normalize_row(float *out, const float *x, const float *mean, const float *factor,
                          const float *beta, int64_t C)
{
#pragma omp simd
    for (int64_t c = 0; c < C; c++)
        out[c] = (x[c] - mean[c]) * factor[c] + beta[c];
}

/* One row normalised and activated into out, of any type: what a convolution in bf16 reads needs no pass of its own. */
static void write_row(void *out, hf_dtype type, const float *x, const float *mean, const float *factor,
                      const float *beta, int64_t C, hf_activation activation)
{
    float part[PART];
    for (int64_t c = 0; c < C; c += PART) {
        int64_t n = C - c < PART ? C - c : PART;
        float *to = type == HF_F32 ? (float *)out + c : part;
        normalize_row(to, x + c, mean + c, factor + c, beta + c, n);
        hf_cpu_activate_run(to, to, n, activation);
        if (type != HF_F32)
            hf_cpu_convert_run((char *)out + (size_t)c * hf_dtype_size(type), type, part, HF_F32, n);
    }
}

/* Where the numbers of one group_norm lie in scratch. */
typedef struct group_work {
    int64_t n_chunks, chunk_rows;
    double *sums; /* [n_chunks,2,C] */
    float  *part; /* [n_chunks,2,C] */
    float  *mean, *factor, *beta; /* [C] */
} group_work;

static int group_work_get(group_work *w, hf_backend *be, int64_t n_rows, int64_t C, hf_error *err)
{
    w->chunk_rows = (n_rows + MAX_CHUNKS - 1) / MAX_CHUNKS;
    if (w->chunk_rows < MIN_CHUNK_ROWS)
        w->chunk_rows = MIN_CHUNK_ROWS;
    w->n_chunks = (n_rows + w->chunk_rows - 1) / w->chunk_rows;
    size_t n = (size_t)(w->n_chunks * 2 * C);
    size_t bytes = n * sizeof(double) + (n + 3 * (size_t)C) * sizeof(float);
    if (!(w->sums = hf_cpu_scratch(be, HF_CPU_WORK, bytes, err)))
        return HF_ENOMEM;
    w->part = (float *)(w->sums + n);
    w->mean = w->part + n;
    w->factor = w->mean + C;
    w->beta = w->factor + C;
    return HF_OK;
}

/* Chunk sums to mean, factor and beta of every channel. shift: what x was reduced by. */
static void finish_statistics(group_work *w, const float *shift, int64_t n_rows, int64_t C,
                              const float *gamma, const float *beta,
                              const hf_group_norm_params *p)
{
    int64_t width = C / p->n_groups;
    for (int64_t first = 0; first < C; first += width) {
        double n = (double)(n_rows * width), mean = 0, squares = 0;
        for (int64_t c = first; c < first + width; c++)
            for (int64_t i = 0; i < w->n_chunks; i++)
                mean += w->sums[i * 2 * C + c] / n;
        for (int64_t c = first; c < first + width; c++)
            mean += (double)shift[c] / (double)width;
        /* sum (x - m)^2 = sum (x - k)^2 + 2 (k - m) sum (x - k) + rows (k - m)^2 */
        for (int64_t c = first; c < first + width; c++) {
            double sum = 0, square = 0, d = (double)shift[c] - mean;
            for (int64_t i = 0; i < w->n_chunks; i++) {
                sum += w->sums[i * 2 * C + c];
                square += w->sums[(i * 2 + 1) * C + c];
            }
            squares += square + 2 * d * sum + (double)n_rows * d * d;
        }
        double factor = 1 / sqrt(fmax(squares / n, 0) + (double)p->epsilon);
        for (int64_t c = first; c < first + width; c++) {
            w->mean[c] = (float)mean;
            w->factor[c] = (float)(factor * (gamma ? (double)gamma[c] : 1));
            /* What f32 lost of the mean goes into beta. */
            w->beta[c] = (float)((beta ? (double)beta[c] : 0) +
                                 ((double)w->mean[c] - mean) * (double)w->factor[c]);
        }
    }
}

int hf_cpu_group_norm(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                      const hf_tensor *gamma, const hf_tensor *beta,
                      const hf_group_norm_params *p, hf_error *err)
{
    hf_check_group_norm(out, x, gamma, beta, p);
    if (x->dtype != HF_F32)
        return hf_ref_group_norm(be, out, x, gamma, beta, p, err);
    int64_t N = x->shape[0], C = hf_tensor_channels(x), n_rows = hf_tensor_rows(x) / N;
    int64_t row_bytes = C * (int64_t)hf_dtype_size(out->dtype);
    bool share = n_rows * C >= HF_CPU_PARALLEL_FROM && be->n_threads > 1;
    group_work w;
    if (group_work_get(&w, be, n_rows, C, err) < 0)
        return HF_ENOMEM;
    for (int64_t n = 0; n < N; n++) {
        const float *from = (const float *)x->data + n * n_rows * C;
        char *to = (char *)out->data + n * n_rows * row_bytes;
#pragma omp parallel for num_threads(be->n_threads) if (share)
        for (int64_t i = 0; i < w.n_chunks; i++) {
            int64_t first = i * w.chunk_rows, left = n_rows - first;
            sum_chunk(w.sums + i * 2 * C, w.sums + (i * 2 + 1) * C, w.part + i * 2 * C,
                      from + first * C, from, left < w.chunk_rows ? left : w.chunk_rows, C);
        }
        finish_statistics(&w, from, n_rows, C, values_of(gamma), values_of(beta), p);
#pragma omp parallel for num_threads(be->n_threads) if (share)
        for (int64_t row = 0; row < n_rows; row++)
            write_row(to + row * row_bytes, out->dtype, from + row * C, w.mean, w.factor, w.beta, C, p->activation);
    }
    return HF_OK;
}

HF_CLONES
static void layer_norm_row(float *out, const float *x, const float *gamma, const float *beta,
                           float epsilon, int64_t C)
{
    float shift = x[0];
    double sum = 0, squares = 0;
    for (int64_t first = 0; first < C; first += F32_RUN) {
        int64_t end = first + F32_RUN < C ? first + F32_RUN : C;
        float part = 0;
#pragma omp simd reduction(+ : part)
        for (int64_t c = first; c < end; c++)
            part += x[c] - shift;
        sum += (double)part;
    }
    float rest = (float)(sum / (double)C); /* of the mean, over shift */
    for (int64_t first = 0; first < C; first += F32_RUN) {
        int64_t end = first + F32_RUN < C ? first + F32_RUN : C;
        float part = 0;
#pragma omp simd reduction(+ : part)
        for (int64_t c = first; c < end; c++) {
            float d = x[c] - shift - rest;
            part += d * d;
        }
        squares += (double)part;
    }
    float factor = 1 / sqrtf((float)(squares / (double)C) + epsilon);
#pragma omp simd
    for (int64_t c = 0; c < C; c++) {
        float y = (x[c] - shift - rest) * factor;
        out[c] = y * (gamma ? gamma[c] : 1) + (beta ? beta[c] : 0);
    }
}

int hf_cpu_layer_norm(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                      const hf_tensor *gamma, const hf_tensor *beta,
                      const hf_layer_norm_params *p, hf_error *err)
{
    hf_check_rows(out, x, gamma, beta);
    bool is_f32 = all_f32(out, x);
    if (x->dtype != HF_F32 || (!is_f32 && hf_tensor_channels(x) > ROW))
        return hf_ref_layer_norm(be, out, x, gamma, beta, p, err);
    int64_t C = hf_tensor_channels(x), n_rows = hf_tensor_rows(x);
    int64_t row_bytes = C * (int64_t)hf_dtype_size(out->dtype);
#pragma omp parallel for num_threads(be->n_threads) if (n_rows * C >= HF_CPU_PARALLEL_FROM)
    for (int64_t row = 0; row < n_rows; row++) {
        char *to = (char *)out->data + row * row_bytes;
        float middle[ROW];
        layer_norm_row(is_f32 ? (float *)(void *)to : middle, (const float *)x->data + row * C, values_of(gamma),
                       values_of(beta), p->epsilon, C);
        if (!is_f32)
            hf_cpu_convert_run(to, out->dtype, middle, HF_F32, C);
    }
    return HF_OK;
}

HF_CLONES
static void softmax_row(float *out, const float *x, float scale, int64_t C)
{
    float best = -INFINITY, sum = 0;
#pragma omp simd reduction(max : best)
    for (int64_t c = 0; c < C; c++)
        best = scale * x[c] > best ? scale * x[c] : best;
    if (best == -INFINITY) {
        memset(out, 0, (size_t)C * sizeof(float));
        return;
    }
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < C; c++) {
        /* hf_exp never gives 0: what is masked out must. */
        float d = scale * x[c] - best;
        out[c] = d < -87 ? 0 : hf_exp(d);
        sum += out[c];
    }
    float factor = 1 / sum;
#pragma omp simd
    for (int64_t c = 0; c < C; c++)
        out[c] *= factor;
}

int hf_cpu_softmax(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                   const hf_softmax_params *p, hf_error *err)
{
    hf_check_rows(out, x, NULL, NULL);
    if (!all_f32(out, x))
        return hf_ref_softmax(be, out, x, p, err);
    int64_t C = hf_tensor_channels(x), n_rows = hf_tensor_rows(x);
    float scale = p->scale == 0 ? 1 : p->scale;
#pragma omp parallel for num_threads(be->n_threads) if (n_rows * C >= HF_CPU_PARALLEL_FROM)
    for (int64_t row = 0; row < n_rows; row++)
        softmax_row((float *)out->data + row * C, (const float *)x->data + row * C, scale, C);
    return HF_OK;
}

/* The row is brought to a greatest size of 1 before it is squared: f32 squares of very small or
 * very large numbers would vanish or overflow. */
HF_CLONES
static void l2_normalize_row(float *out, const float *x, float epsilon, int64_t C)
{
    float top = 0, squares = 0;
#pragma omp simd reduction(max : top)
    for (int64_t c = 0; c < C; c++)
        top = fabsf(x[c]) > top ? fabsf(x[c]) : top;
    /* A smaller top has no inverse in f32; such a row is under every epsilon that f32 holds. */
    float unit = top > 1e-37f ? 1 / top : 1;
#pragma omp simd reduction(+ : squares)
    for (int64_t c = 0; c < C; c++)
        squares += (x[c] * unit) * (x[c] * unit);
    /* length = sqrt(squares) / unit; divide by the greater of it and epsilon. */
    float length = sqrtf(squares), least = epsilon * unit;
    float factor = 1 / (length > least ? length : least);
#pragma omp simd
    for (int64_t c = 0; c < C; c++)
        out[c] = (x[c] * unit) * factor;
}

int hf_cpu_l2_normalize(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                        const hf_l2_normalize_params *p, hf_error *err)
{
    hf_check_rows(out, x, NULL, NULL);
    if (!all_f32(out, x))
        return hf_ref_l2_normalize(be, out, x, p, err);
    int64_t C = hf_tensor_channels(x), n_rows = hf_tensor_rows(x);
    float epsilon = p->epsilon == 0 ? 1e-12f : p->epsilon;
#pragma omp parallel for num_threads(be->n_threads) if (n_rows * C >= HF_CPU_PARALLEL_FROM)
    for (int64_t row = 0; row < n_rows; row++)
        l2_normalize_row((float *)out->data + row * C, (const float *)x->data + row * C, epsilon,
                         C);
    return HF_OK;
}
