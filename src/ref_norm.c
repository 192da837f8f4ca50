/* ref_norm.c - `ref`: group_norm, layer_norm, softmax, l2_normalize.
 *
 * Means first, then squares of differences: two passes, so that a large mean with a
 * small spread keeps its digits.
 */
#include "src/ref.h"

#include <math.h>

#include "src/ops_check.h"

typedef struct moments {
    double mean, inverse_deviation;
} moments;

/* Of n_rows runs of `width` numbers, `step` apart, the first at `at`. */
static moments moments_of(const hf_tensor *x, int64_t at, int64_t n_rows, int64_t step,
                          int64_t width, double epsilon)
{
    double sum = 0, squares = 0, n = (double)(n_rows * width);
    for (int64_t i = 0; i < n_rows * width; i++)
        sum += hf_get(x, at + i / width * step + i % width);
    for (int64_t i = 0; i < n_rows * width; i++) {
        double d = hf_get(x, at + i / width * step + i % width) - sum / n;
        squares += d * d;
    }
    return (moments){ sum / n, 1 / sqrt(squares / n + epsilon) };
}

int hf_ref_group_norm(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                      const hf_tensor *gamma, const hf_tensor *beta,
                      const hf_group_norm_params *params, hf_error *err)
{
    (void)be, (void)err;
    hf_check_group_norm(out, x, gamma, beta, params);
    int64_t N = x->shape[0], C = hf_tensor_channels(x), n_rows = hf_tensor_rows(x) / N;
    int64_t width = C / params->n_groups;
    for (int64_t n = 0; n < N; n++)
        for (int64_t first = 0; first < C; first += width) {
            int64_t at = n * n_rows * C + first;
            moments m = moments_of(x, at, n_rows, C, width, (double)params->epsilon);
            for (int64_t i = 0; i < n_rows * width; i++) {
                int64_t c = first + i % width, where = at + i / width * C + i % width;
                double y = (hf_get(x, where) - m.mean) * m.inverse_deviation;
                y = y * hf_get_or(gamma, c, 1) + hf_get_or(beta, c, 0);
                hf_put(out, where, hf_activation_of(params->activation, y));
            }
        }
    return HF_OK;
}

int hf_ref_layer_norm(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                      const hf_tensor *gamma, const hf_tensor *beta,
                      const hf_layer_norm_params *params, hf_error *err)
{
    (void)be, (void)err;
    hf_check_rows(out, x, gamma, beta);
    int64_t C = hf_tensor_channels(x);
    for (int64_t row = 0; row < hf_tensor_rows(x); row++) {
        moments m = moments_of(x, row * C, 1, C, C, (double)params->epsilon);
        for (int64_t c = 0; c < C; c++) {
            double y = (hf_get(x, row * C + c) - m.mean) * m.inverse_deviation;
            hf_put(out, row * C + c, y * hf_get_or(gamma, c, 1) + hf_get_or(beta, c, 0));
        }
    }
    return HF_OK;
}

int hf_ref_softmax(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                   const hf_softmax_params *params, hf_error *err)
{
    (void)be, (void)err;
    hf_check_rows(out, x, NULL, NULL);
    int64_t C = hf_tensor_channels(x);
    double scale = params->scale == 0 ? 1 : (double)params->scale;
    for (int64_t at = 0; at < hf_tensor_count(x); at += C) {
        double best = -INFINITY, sum = 0;
        for (int64_t c = 0; c < C; c++)
            best = fmax(best, scale * hf_get(x, at + c));
        for (int64_t c = 0; c < C && best > -INFINITY; c++)
            sum += exp(scale * hf_get(x, at + c) - best);
        for (int64_t c = 0; c < C; c++)
            hf_put(out, at + c, sum > 0 ? exp(scale * hf_get(x, at + c) - best) / sum : 0);
    }
    return HF_OK;
}

int hf_ref_l2_normalize(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                        const hf_l2_normalize_params *params, hf_error *err)
{
    (void)be, (void)err;
    hf_check_rows(out, x, NULL, NULL);
    int64_t C = hf_tensor_channels(x);
    double epsilon = params->epsilon == 0 ? 1e-12 : (double)params->epsilon;
    for (int64_t at = 0; at < hf_tensor_count(x); at += C) {
        double squares = 0;
        for (int64_t c = 0; c < C; c++)
            squares += hf_get(x, at + c) * hf_get(x, at + c);
        for (int64_t c = 0; c < C; c++)
            hf_put(out, at + c, hf_get(x, at + c) / fmax(sqrt(squares), epsilon));
    }
    return HF_OK;
}
