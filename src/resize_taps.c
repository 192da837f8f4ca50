/* resize_taps.c - see resize_taps.h.
 *
 * With s = old cells per new cell, a new cell i has its centre at c = (i + 0.5) s on the
 * old axis, where old cell j covers [j, j+1) and has its centre at j + 0.5.
 *   interpolation  weight of j is f(j + 0.5 - c); j outside is clamped to the border
 *   antialias      weight of j is f((j + 0.5 - c) / max(s, 1)) / sum; j outside is dropped
 *   area           weight of j is the length of [j,j+1) inside [i s, (i+1) s), / s
 */
#include "src/resize_taps.h"

#include <assert.h>
#include <math.h>

/* Keys' cubic with parameter a; 0 from 2 on. */
static double cubic(double x, double a)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return ((x - 5) * x + 8) * x * a - 4 * a;
    return 0;
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static int64_t clamp(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Half the width of the filter in old cells. */
static double filter_reach(hf_resize_kind kind, bool antialias, double scale)
{
    double widen = antialias && scale > 1 ? scale : 1;
    return (kind == HF_RESIZE_BICUBIC ? 2 : 1) * widen;
}

static double scale_or_default(double scale, int64_t n_in, int64_t n_out)
{
    return scale > 0 ? scale : (double)n_in / (double)n_out;
}

int hf_taps_count(hf_resize_kind kind, bool antialias, int64_t n_in, int64_t n_out, double scale)
{
    scale = scale_or_default(scale, n_in, n_out);
    switch (kind) {
    case HF_RESIZE_NEAREST: return 1;
    case HF_RESIZE_AREA: return (int)ceil(scale) + 1;
    case HF_RESIZE_BILINEAR:
    case HF_RESIZE_BICUBIC: break;
    }
    if (!antialias)
        return kind == HF_RESIZE_BICUBIC ? 4 : 2;
    return (int)ceil(2 * filter_reach(kind, true, scale)) + 1;
}

static void fill_interpolated(int32_t *index, float *weight, int n_taps, hf_resize_kind kind,
                              int64_t n_in, double centre)
{
    /* First of the n_taps cells around the centre. */
    int64_t first = (int64_t)floor(centre - 0.5) - (n_taps / 2 - 1);
    for (int t = 0; t < n_taps; t++) {
        double x = (double)(first + t) + 0.5 - centre;
        weight[t] = (float)(kind == HF_RESIZE_BICUBIC ? cubic(x, -0.75) : triangle(x));
        index[t] = (int32_t)clamp(first + t, n_in);
    }
}

static void fill_antialiased(int32_t *index, float *weight, int n_taps, hf_resize_kind kind,
                             int64_t n_in, double centre, double scale)
{
    double reach = filter_reach(kind, true, scale), widen = scale > 1 ? scale : 1, sum = 0;
    int64_t first = (int64_t)floor(centre - reach + 0.5);
    int64_t end = (int64_t)floor(centre + reach + 0.5);
    first = first < 0 ? 0 : first;
    end = end > n_in ? n_in : end;
    for (int pass = 0; pass < 2; pass++)
        for (int t = 0; t < n_taps; t++) {
            double x = ((double)(first + t) + 0.5 - centre) / widen;
            double w = kind == HF_RESIZE_BICUBIC ? cubic(x, -0.5) : triangle(x);
            if (first + t >= end)
                w = 0;
            if (pass == 0)
                sum += w;
            else
                weight[t] = (float)(w / sum);
            index[t] = (int32_t)clamp(first + t, n_in);
        }
}

static void fill_area(int32_t *index, float *weight, int n_taps, int64_t n_in, int64_t i,
                      double scale)
{
    double begin = fmin((double)i * scale, (double)n_in - 1);
    double end = fmin((double)(i + 1) * scale, (double)n_in);
    int64_t first = (int64_t)floor(begin);
    for (int t = 0; t < n_taps; t++) {
        double from = fmax(begin, (double)(first + t));
        double to = fmin(end, (double)(first + t + 1));
        weight[t] = (float)(to > from ? (to - from) / (end - begin) : 0);
        index[t] = (int32_t)clamp(first + t, n_in);
    }
}

void hf_taps_fill(int32_t *index, float *weight, int n_taps, hf_resize_kind kind, bool antialias,
                  int64_t n_in, int64_t n_out, double scale)
{
    scale = scale_or_default(scale, n_in, n_out);
    assert(n_taps == hf_taps_count(kind, antialias, n_in, n_out, scale));
    for (int64_t i = 0; i < n_out; i++, index += n_taps, weight += n_taps) {
        double centre = ((double)i + 0.5) * scale;
        switch (kind) {
        case HF_RESIZE_NEAREST:
            index[0] = (int32_t)clamp((int64_t)floor((double)i * scale), n_in);
            weight[0] = 1;
            break;
        case HF_RESIZE_AREA:
            fill_area(index, weight, n_taps, n_in, i, scale);
            break;
        case HF_RESIZE_BILINEAR:
        case HF_RESIZE_BICUBIC:
            if (antialias)
                fill_antialiased(index, weight, n_taps, kind, n_in, centre, scale);
            else
                fill_interpolated(index, weight, n_taps, kind, n_in, centre);
        }
    }
}
