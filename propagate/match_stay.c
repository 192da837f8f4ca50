/* match_stay.c - is a pixel's own place as good as its match? `ref` and `cpu`.
 *
 * The upsampled vector of a pixel is a weighted sum of four cells, so dot products of upsampled
 * vectors are weighted sums of dot products of cells:
 *     <A'(p), B'(p)> = sum_ij w_i w_j <A_i, B_j>.
 * `ref` builds the two vectors; `cpu` takes the 4 x 4 products once for each quad of
 * cells, which serve all pixels between the four centres.
 */
#include "propagate/match_stay.h"

#include <assert.h>
#include <math.h>

#include "src/simd.h"

/* Sample position along one axis: cells i0 and i1, weight f of i1. */
typedef struct axis {
    int   i0, i1;
    float f;
} axis;

static axis axis_at(int pixel, int n_pixels, int n_cells)
{
    float x = ((float)pixel + 0.5f) * (float)n_cells / (float)n_pixels - 0.5f;
    x = fminf(fmaxf(x, 0.0f), (float)(n_cells - 1));
    int i0 = (int)x;
    return (axis){ i0, i0 + 1 < n_cells ? i0 + 1 : i0, x - (float)i0 };
}

static float cosine_of(double ab, double aa, double bb)
{
    if (!(aa > 0.0) || !(bb > 0.0))
        return 0.0f;
    return (float)fmin(fmax(ab / (sqrt(aa) * sqrt(bb)), -1.0), 1.0);
}

/* The matches of one call. */
typedef struct matches {
    int32_t *index;
    float   *similarity, tolerance;
} matches;

static inline void stay(const matches *m, int64_t p, float cosine)
{
    if (cosine < m->similarity[p] - m->tolerance)
        return;
    m->index[p] = (int32_t)p;
    m->similarity[p] = fmaxf(m->similarity[p], cosine);
}

static double sample(const float *map, int w, int64_t D, axis y, axis x, int64_t d)
{
    const float *r0 = map + (int64_t)y.i0 * w * D + d, *r1 = map + (int64_t)y.i1 * w * D + d;
    double top = r0[x.i0 * D] + (double)x.f * ((double)r0[x.i1 * D] - r0[x.i0 * D]);
    double low = r1[x.i0 * D] + (double)x.f * ((double)r1[x.i1 * D] - r1[x.i0 * D]);
    return top + (double)y.f * (low - top);
}

int hf_ref_match_stay(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                      const hf_tensor *a, const hf_tensor *b, float tolerance, hf_error *err)
{
    int H = (int)similarity->shape[0], W = (int)similarity->shape[1];
    int h = (int)a->shape[0], w = (int)a->shape[1];
    int64_t D = a->shape[2];
    matches m = { index->data, similarity->data, tolerance };

    (void)be, (void)err;
    assert(b->shape[0] == h && b->shape[1] == w && b->shape[2] == D);
    for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) {
        axis ay = axis_at(y, H, h), ax = axis_at(x, W, w);
        double ab = 0.0, aa = 0.0, bb = 0.0;
        for (int64_t d = 0; d < D; d++) {
            double va = sample(a->data, w, D, ay, ax, d), vb = sample(b->data, w, D, ay, ax, d);
            ab += va * vb, aa += va * va, bb += vb * vb;
        }
        stay(&m, (int64_t)y * W + x, cosine_of(ab, aa, bb));
    }
    return HF_OK;
}

/* Products of the corners of one quad: top left, top right, bottom left, bottom right. */
typedef struct quad {
    double ab[4][4], aa[4][4], bb[4][4];
} quad;

HF_CLONES
static float dot(const float *a, const float *b, int64_t D)
{
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t d = 0; d < D; d++)
        sum += a[d] * b[d];
    return sum;
}

static void quad_make(quad *q, const hf_tensor *a, const hf_tensor *b, axis y, axis x)
{
    int64_t w = a->shape[1], D = a->shape[2];
    int64_t at[4] = { (y.i0 * w + x.i0) * D, (y.i0 * w + x.i1) * D, (y.i1 * w + x.i0) * D,
                      (y.i1 * w + x.i1) * D };
    const float *A = a->data, *B = b->data;

    for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) {
        q->ab[i][j] = dot(A + at[i], B + at[j], D);
        q->aa[i][j] = j < i ? q->aa[j][i] : dot(A + at[i], A + at[j], D);
        q->bb[i][j] = j < i ? q->bb[j][i] : dot(B + at[i], B + at[j], D);
    }
}

static double form(const double g[4][4], const double w[4])
{
    double sum = 0.0;
    for (int i = 0; i < 4; i++)
        sum += w[i] * (w[0] * g[i][0] + w[1] * g[i][1] + w[2] * g[i][2] + w[3] * g[i][3]);
    return sum;
}

/* All pixel rows whose upper cells are row i0; each quad of the row is made once. */
static void stay_band(const matches *m, const hf_tensor *a, const hf_tensor *b, int i0, int H, int W)
{
    int h = (int)a->shape[0], w = (int)a->shape[1];
    int y0 = 0, y1;

    while (y0 < H && axis_at(y0, H, h).i0 < i0)
        y0++;
    for (y1 = y0; y1 < H && axis_at(y1, H, h).i0 == i0;)
        y1++;
    quad q;
    int made = -1;
    for (int x = 0; y1 > y0 && x < W; x++) {
        axis ax = axis_at(x, W, w);
        if (ax.i0 != made)
            quad_make(&q, a, b, axis_at(y0, H, h), ax);
        made = ax.i0;
        for (int y = y0; y < y1; y++) {
            double fy = axis_at(y, H, h).f, fx = ax.f;
            double weight[4] = { (1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx };
            stay(m, (int64_t)y * W + x, cosine_of(form(q.ab, weight), form(q.aa, weight),
                                                  form(q.bb, weight)));
        }
    }
}

int hf_cpu_match_stay(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                      const hf_tensor *a, const hf_tensor *b, float tolerance, hf_error *err)
{
    int H = (int)similarity->shape[0], W = (int)similarity->shape[1], h = (int)a->shape[0];
    matches m = { index->data, similarity->data, tolerance };

    (void)err;
    assert(a->shape[0] == b->shape[0] && a->shape[1] == b->shape[1] && a->shape[2] == b->shape[2]);
#pragma omp parallel for schedule(dynamic, 2) num_threads(be->n_threads)
    for (int i = 0; i < h; i++)
        stay_band(&m, a, b, i, H, W);
    return HF_OK;
}
