/* cpu_resize.c - `cpu`: resize, rgb_to_image and pool.
 *
 * Resizing goes row by row: the rows that make an output row are added with their
 * weights into one row of the old width (a long plain loop), and that row is
 * gathered into the new width.
 */
#include "src/cpu.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "src/ops_check.h"
#include "src/resize_taps.h"
#include "src/simd.h"

/* Both axes and a row for each thread, in the backend's scratch. */
typedef struct resize_work {
    int      y_taps, x_taps;
    int32_t *y_index, *x_index;
    float   *y_weight, *x_weight;
    float   *rows; /* [n_threads,row_floats] */
    size_t   row_floats;
} resize_work;

static int resize_work_get(resize_work *w, hf_backend *be, const hf_resize_params *p, int64_t H,
                           int64_t W, int64_t Ho, int64_t Wo, int64_t C, hf_error *err)
{
    w->y_taps = hf_taps_count(p->kind, p->antialias, H, Ho, p->scale_y);
    w->x_taps = hf_taps_count(p->kind, p->antialias, W, Wo, p->scale_x);
    w->row_floats = ((size_t)(W * C) + 15) & ~(size_t)15; /* threads share no cache line */
    size_t n_y = (size_t)Ho * (size_t)w->y_taps, n_x = (size_t)Wo * (size_t)w->x_taps;
    size_t n = w->row_floats * (size_t)be->n_threads + 2 * (n_y + n_x);
    if (!(w->rows = hf_cpu_scratch(be, HF_CPU_WORK, n * sizeof(float), err)))
        return HF_ENOMEM;
    w->y_weight = w->rows + w->row_floats * (size_t)be->n_threads;
    w->x_weight = w->y_weight + n_y;
    w->y_index = (int32_t *)(w->x_weight + n_x);
    w->x_index = w->y_index + n_y;
    hf_taps_fill(w->y_index, w->y_weight, w->y_taps, p->kind, p->antialias, H, Ho, p->scale_y);
    hf_taps_fill(w->x_index, w->x_weight, w->x_taps, p->kind, p->antialias, W, Wo, p->scale_x);
    return HF_OK;
}

HF_CLONES
static void add_row_f32(float *sum, const float *row, float weight, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        sum[i] += weight * row[i];
}

HF_CLONES
static void add_row_u8(float *sum, const uint8_t *row, float weight, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        sum[i] += weight * (float)row[i];
}

/* Sum of the taps' rows of one picture; n = W C numbers in a row. */
static void make_row(float *sum, const void *picture, hf_dtype type, const resize_work *w,
                     int64_t oy, int64_t n)
{
    memset(sum, 0, (size_t)n * sizeof(float));
    for (int t = 0; t < w->y_taps; t++) {
        float weight = w->y_weight[oy * w->y_taps + t];
        int64_t at = w->y_index[oy * w->y_taps + t] * n;
        if (weight == 0)
            continue;
        if (type == HF_U8)
            add_row_u8(sum, (const uint8_t *)picture + at, weight, n);
        else
            add_row_f32(sum, (const float *)picture + at, weight, n);
    }
}

/* Three channels, of colours, are too few for a loop over channels. */
HF_CLONES
static void gather_rgb_row(float *out, const float *row, const int32_t *index,
                           const float *weight, int n_taps, int64_t Wo)
{
    for (int64_t ox = 0; ox < Wo; ox++, index += n_taps, weight += n_taps, out += 3) {
        float r = 0, g = 0, b = 0;
        for (int t = 0; t < n_taps; t++) {
            const float *from = row + (int64_t)index[t] * 3;
            r += weight[t] * from[0];
            g += weight[t] * from[1];
            b += weight[t] * from[2];
        }
        out[0] = r, out[1] = g, out[2] = b;
    }
}

HF_CLONES
static void gather_row(float *out, const float *row, const int32_t *index, const float *weight,
                       int n_taps, int64_t Wo, int64_t C)
{
    for (int64_t ox = 0; ox < Wo; ox++, index += n_taps, weight += n_taps, out += C) {
        const float *first = row + index[0] * C;
#pragma omp simd
        for (int64_t c = 0; c < C; c++)
            out[c] = weight[0] * first[c];
        for (int t = 1; t < n_taps; t++) {
            const float *from = row + index[t] * C;
#pragma omp simd
            for (int64_t c = 0; c < C; c++)
                out[c] += weight[t] * from[c];
        }
    }
}

static float *own_row(const resize_work *w)
{
    return w->rows + w->row_floats * (size_t)omp_get_thread_num();
}

int hf_cpu_resize(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                  const hf_resize_params *p, hf_error *err)
{
    hf_check_resize(out, x, p);
    if (out->dtype != HF_F32 || x->dtype != HF_F32)
        return hf_ref_resize(be, out, x, p, err);
    int64_t N = x->shape[0], H = x->shape[1], W = x->shape[2], C = x->shape[3];
    int64_t Ho = out->shape[1], Wo = out->shape[2];
    bool share = hf_tensor_count(out) >= HF_CPU_PARALLEL_FROM;
    resize_work w;
    if (resize_work_get(&w, be, p, H, W, Ho, Wo, C, err) < 0)
        return HF_ENOMEM;
#pragma omp parallel for num_threads(be->n_threads) if (share)
    for (int64_t i = 0; i < N * Ho; i++) {
        make_row(own_row(&w), (const float *)x->data + i / Ho * H * W * C, HF_F32, &w, i % Ho,
                 W * C);
        gather_row((float *)out->data + i * Wo * C, own_row(&w), w.x_index, w.x_weight, w.x_taps,
                   Wo, C);
    }
    return HF_OK;
}

HF_CLONES
static void scale_rgb_row(float *row, const float *factor, const float *offset, int64_t W)
{
#pragma omp simd
    for (int64_t x = 0; x < W; x++) {
        row[3 * x] = row[3 * x] * factor[0] + offset[0];
        row[3 * x + 1] = row[3 * x + 1] * factor[1] + offset[1];
        row[3 * x + 2] = row[3 * x + 2] * factor[2] + offset[2];
    }
}

int hf_cpu_rgb_to_image(hf_backend *be, const hf_tensor *out, const hf_tensor *rgb,
                        const hf_rgb_to_image_params *p, hf_error *err)
{
    hf_check_rgb_to_image(out, rgb, p);
    if (out->dtype != HF_F32)
        return hf_ref_rgb_to_image(be, out, rgb, p, err);
    int64_t H = rgb->shape[0], W = rgb->shape[1], Ho = out->shape[0], Wo = out->shape[1];
    float factor[3], offset[3];
    resize_work w;
    if (resize_work_get(&w, be, &p->resize, H, W, Ho, Wo, 3, err) < 0)
        return HF_ENOMEM;
    for (int c = 0; c < 3; c++) {
        factor[c] = 1 / (255 * p->deviation[c]);
        offset[c] = -p->mean[c] / p->deviation[c];
    }
#pragma omp parallel for num_threads(be->n_threads) if (Ho * Wo * 3 >= HF_CPU_PARALLEL_FROM)
    for (int64_t oy = 0; oy < Ho; oy++) {
        float *row = own_row(&w), *to = (float *)out->data + oy * Wo * 3;
        make_row(row, rgb->data, HF_U8, &w, oy, W * 3);
        scale_rgb_row(row, factor, offset, W);
        gather_rgb_row(to, row, w.x_index, w.x_weight, w.x_taps, Wo);
    }
    return HF_OK;
}

HF_CLONES
static void max_cell(float *best, const float *x, int64_t C)
{
#pragma omp simd
    for (int64_t c = 0; c < C; c++)
        best[c] = x[c] > best[c] ? x[c] : best[c];
}

HF_CLONES
static void scale_cell(float *x, float factor, int64_t C)
{
#pragma omp simd
    for (int64_t c = 0; c < C; c++)
        x[c] *= factor;
}

/* All channels of one window. */
static void pool_window(float *out, const hf_tensor *x, const hf_pool_params *p, int64_t n,
                        int64_t oy, int64_t ox)
{
    int64_t H = x->shape[1], W = x->shape[2], C = x->shape[3], n_cells = 0;
    int stride = p->stride ? p->stride : 1;
    for (int64_t c = 0; c < C; c++)
        out[c] = p->kind == HF_POOL_MAX ? -INFINITY : 0;
    for (int ky = 0; ky < p->kernel_h; ky++)
        for (int kx = 0; kx < p->kernel_w; kx++) {
            int64_t iy = oy * stride - p->pad_top + ky, ix = ox * stride - p->pad_left + kx;
            if (iy < 0 || iy >= H || ix < 0 || ix >= W)
                continue;
            const float *from = (const float *)x->data + ((n * H + iy) * W + ix) * C;
            if (p->kind == HF_POOL_MAX)
                max_cell(out, from, C);
            else
                add_row_f32(out, from, 1, C);
            n_cells++;
        }
    if (p->kind == HF_POOL_MEAN_PADDED)
        n_cells = (int64_t)p->kernel_h * p->kernel_w;
    if (p->kind != HF_POOL_MAX)
        scale_cell(out, 1 / (float)n_cells, C);
}

int hf_cpu_pool(hf_backend *be, const hf_tensor *out, const hf_tensor *x, const hf_pool_params *p,
                hf_error *err)
{
    hf_check_pool(out, x, p);
    if (out->dtype != HF_F32 || x->dtype != HF_F32)
        return hf_ref_pool(be, out, x, p, err);
    int64_t Ho = out->shape[1], Wo = out->shape[2], C = out->shape[3];
    bool share = hf_tensor_count(out) >= HF_CPU_PARALLEL_FROM;
#pragma omp parallel for num_threads(be->n_threads) if (share)
    for (int64_t i = 0; i < out->shape[0] * Ho * Wo; i++)
        pool_window((float *)out->data + i * C, x, p, i / Wo / Ho, i / Wo % Ho, i % Wo);
    return HF_OK;
}
