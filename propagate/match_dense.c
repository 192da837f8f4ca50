/* match_dense.c - the definition of dense matching: every pixel against every pixel.
 *
 *   x' = clamp((x + 0.5) * w / W - 0.5, 0, w - 1), the same for y,
 *   V'(p) = sum of the four cells around (x', y'), weighted bilinearly,
 *   index(p) = lowest argmax_q <S'(p), T'(q)> / (|S'(p)| |T'(q)|).
 *
 * All in double, no shortcut. match_dense_cpu.c is held to it by the tests.
 */
#include "propagate/match_dense.h"

#include <assert.h>
#include <math.h>

/* Double rounding, far below any real difference: closer similarities are a tie. */
#define TIE 1e-12

/* Up to two cells along one axis and the weight of the second. */
typedef struct tap {
    int64_t near, far;
    double  weight_far;
} tap;

static tap tap_at(int pixel, int64_t n_px, int64_t n_cells)
{
    double at = (pixel + 0.5) * (double)n_cells / (double)n_px - 0.5;
    at = fmin(fmax(at, 0), (double)(n_cells - 1));
    tap t = { .near = (int64_t)at };
    t.far = t.near + 1 < n_cells ? t.near + 1 : t.near;
    t.weight_far = at - (double)t.near;
    return t;
}

static void add_cell(double *sum, const float *v, int64_t D, double weight)
{
    for (int64_t d = 0; d < D; d++)
        if (!isfinite(v[d]))
            return;
    for (int64_t d = 0; d < D; d++)
        sum[d] += weight * v[d];
}

/* unit [D] = the upsampled vector at pixel (x, y), of length 1 or zero. */
static void upsample_unit(double *unit, const hf_tensor *map, int x, int y, int W, int H)
{
    int64_t h = map->shape[0], w = map->shape[1], D = map->shape[2];
    const float *cells = map->data;
    tap tx = tap_at(x, W, w), ty = tap_at(y, H, h);
    double fx = tx.weight_far, fy = ty.weight_far, square = 0;

    for (int64_t d = 0; d < D; d++)
        unit[d] = 0;
    add_cell(unit, cells + (ty.near * w + tx.near) * D, D, (1 - fx) * (1 - fy));
    add_cell(unit, cells + (ty.near * w + tx.far) * D, D, fx * (1 - fy));
    add_cell(unit, cells + (ty.far * w + tx.near) * D, D, (1 - fx) * fy);
    add_cell(unit, cells + (ty.far * w + tx.far) * D, D, fx * fy);
    for (int64_t d = 0; d < D; d++)
        square += unit[d] * unit[d];
    if (square > 0)
        for (int64_t d = 0; d < D; d++)
            unit[d] /= sqrt(square);
}

int hf_match_dense_check(const hf_tensor *source, const hf_tensor *target,
                         const hf_match_dense_params *p, hf_error *err)
{
    const struct { const char *what; int64_t side; } sides[] = {
        { "source width", p->source_width },  { "source height", p->source_height },
        { "target width", p->target_width },  { "target height", p->target_height },
        { "source cells", source->shape[1] }, { "source cell rows", source->shape[0] },
        { "target cells", target->shape[1] }, { "target cell rows", target->shape[0] },
        { "channels", source->shape[2] },
    };
    assert(source->n_dims == 3 && target->n_dims == 3 && source->shape[2] == target->shape[2]);
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
        if (sides[i].side < 1 || sides[i].side > HF_MATCH_DENSE_MAX_SIDE)
            return hf_fail(err, HF_EARG, "match: %s is %lld, want 1..%d", sides[i].what,
                           (long long)sides[i].side, HF_MATCH_DENSE_MAX_SIDE);
    return HF_OK;
}

size_t hf_ref_match_dense_scratch_bytes(hf_backend *be, const hf_tensor *source,
                                        const hf_tensor *target, const hf_match_dense_params *p)
{
    (void)be;
    if (hf_match_dense_check(source, target, p, NULL) < 0)
        return 0;
    size_t n_vectors = (size_t)p->target_width * (size_t)p->target_height + 1;
    return n_vectors * (size_t)source->shape[2] * sizeof(double);
}

int hf_ref_match_dense(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                       const hf_tensor *source, const hf_tensor *target,
                       const hf_match_dense_params *p, const hf_tensor *scratch, hf_error *err)
{
    int rc = hf_match_dense_check(source, target, p, err);
    if (rc < 0)
        return rc;
    assert(hf_tensor_bytes(scratch) >= hf_ref_match_dense_scratch_bytes(be, source, target, p));

    int64_t D = source->shape[2], n_target = (int64_t)p->target_width * p->target_height;
    int32_t *best_q = index->data;
    float *best_s = similarity->data;
    double *s = scratch->data, *t = s + D; /* [D], [Ht*Wt, D] */

    for (int64_t q = 0; q < n_target; q++)
        upsample_unit(t + q * D, target, (int)(q % p->target_width), (int)(q / p->target_width),
                      p->target_width, p->target_height);
    for (int y = 0; y < p->source_height; y++) for (int x = 0; x < p->source_width; x++) {
        double best = -INFINITY;
        upsample_unit(s, source, x, y, p->source_width, p->source_height);
        for (int64_t q = 0; q < n_target; q++) {
            double dot = 0;
            for (int64_t d = 0; d < D; d++)
                dot += s[d] * t[q * D + d];
            if (dot > best + TIE) {
                best = dot;
                best_q[(int64_t)y * p->source_width + x] = (int32_t)q;
            }
        }
        best_s[(int64_t)y * p->source_width + x] = (float)fmin(fmax(best, -1), 1);
    }
    return HF_OK;
}
