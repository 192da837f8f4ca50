/* ref_resize.c - `ref`: resize and rgb_to_image as weighted sums of the taps of resize_taps.h. */
#include "src/ref.h"

#include <stdlib.h>

#include "src/ops_check.h"
#include "src/resize_taps.h"

/* The taps of one axis. */
typedef struct axis {
    int      n_taps;
    int32_t *index;  /* [n_out,n_taps] */
    float   *weight; /* [n_out,n_taps] */
} axis;

static int axis_new(axis *a, const hf_resize_params *p, int64_t n_in, int64_t n_out, double scale,
                    hf_error *err)
{
    a->n_taps = hf_taps_count(p->kind, p->antialias, n_in, n_out, scale);
    size_t n = (size_t)n_out * (size_t)a->n_taps;
    a->index = calloc(n, sizeof(*a->index));
    a->weight = calloc(n, sizeof(*a->weight));
    if (!a->index || !a->weight)
        return hf_fail(err, HF_ENOMEM, "resize: no memory for %lld positions", (long long)n_out);
    hf_taps_fill(a->index, a->weight, a->n_taps, p->kind, p->antialias, n_in, n_out, scale);
    return HF_OK;
}

static void axis_free(axis *a)
{
    free(a->index);
    free(a->weight);
}

/* x is [..,H,W,C]; the picture begins at `at`. */
static double sample(const hf_tensor *x, int64_t at, const axis *ya, const axis *xa, int64_t oy,
                     int64_t ox, int64_t c)
{
    int64_t W = x->shape[x->n_dims - 2], C = x->shape[x->n_dims - 1];
    double sum = 0;
    for (int ty = 0; ty < ya->n_taps; ty++)
        for (int tx = 0; tx < xa->n_taps; tx++) {
            int64_t iy = ya->index[oy * ya->n_taps + ty], ix = xa->index[ox * xa->n_taps + tx];
            sum += (double)ya->weight[oy * ya->n_taps + ty] *
                   (double)xa->weight[ox * xa->n_taps + tx] * hf_get(x, at + (iy * W + ix) * C + c);
        }
    return sum;
}

int hf_ref_resize(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                  const hf_resize_params *params, hf_error *err)
{
    (void)be;
    hf_check_resize(out, x, params);
    int64_t H = x->shape[1], W = x->shape[2], C = x->shape[3], i = 0;
    axis ya = { 0 }, xa = { 0 };
    int rc;
    if ((rc = axis_new(&ya, params, H, out->shape[1], params->scale_y, err)) < 0 ||
        (rc = axis_new(&xa, params, W, out->shape[2], params->scale_x, err)) < 0)
        goto end;
    for (int64_t n = 0; n < out->shape[0]; n++)
        for (int64_t oy = 0; oy < out->shape[1]; oy++)
            for (int64_t ox = 0; ox < out->shape[2]; ox++)
                for (int64_t c = 0; c < C; c++, i++)
                    hf_put(out, i, sample(x, n * H * W * C, &ya, &xa, oy, ox, c));
end:
    axis_free(&ya);
    axis_free(&xa);
    return rc;
}

int hf_ref_rgb_to_image(hf_backend *be, const hf_tensor *out, const hf_tensor *rgb,
                        const hf_rgb_to_image_params *params, hf_error *err)
{
    (void)be;
    hf_check_rgb_to_image(out, rgb, params);
    const hf_resize_params *p = &params->resize;
    axis ya = { 0 }, xa = { 0 };
    int64_t i = 0;
    int rc;
    if ((rc = axis_new(&ya, p, rgb->shape[0], out->shape[0], p->scale_y, err)) < 0 ||
        (rc = axis_new(&xa, p, rgb->shape[1], out->shape[1], p->scale_x, err)) < 0)
        goto end;
    for (int64_t oy = 0; oy < out->shape[0]; oy++)
        for (int64_t ox = 0; ox < out->shape[1]; ox++)
            for (int64_t c = 0; c < 3; c++, i++)
                hf_put(out, i, (sample(rgb, 0, &ya, &xa, oy, ox, c) / 255 -
                                (double)params->mean[c]) / (double)params->deviation[c]);
end:
    axis_free(&ya);
    axis_free(&xa);
    return rc;
}
