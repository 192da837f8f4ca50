/* whitened.c - see whitened.h. */
#include "src/whitened.h"

#include <assert.h>
#include <stdlib.h>

/* One distorted copy of the drawn frame. */
typedef struct distortion {
    int   dx, dy; /* moved by this many pixels */
    int   blur;   /* box of 2 blur + 1 pixels, along the move */
    float gain[3];
} distortion;

static const distortion distortions[] = {
    { 3, 1, 0, { 1.06f, 1.06f, 1.06f } },
    { -2, 3, 0, { 0.94f, 0.94f, 0.94f } },
    { -3, -2, 1, { 1.00f, 1.00f, 1.04f } },
    { 2, -3, 1, { 1.03f, 1.00f, 0.98f } },
    { 4, 0, 2, { 1.00f, 1.00f, 1.00f } },
    { 0, -4, 2, { 0.98f, 1.00f, 1.00f } },
};
#define N_DISTORTIONS ((int)(sizeof(distortions) / sizeof(distortions[0])))

static inline int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

static void distort(uint8_t *out, const uint8_t *rgb, int W, int H, const distortion *d)
{
    int ux = d->dx > 0 ? 1 : d->dx < 0 ? -1 : 0, uy = d->dy > 0 ? 1 : d->dy < 0 ? -1 : 0;
#pragma omp parallel for
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++) {
                float sum = 0;
                for (int b = -d->blur; b <= d->blur; b++)
                    sum += rgb[((size_t)clamp(y + d->dy + b * uy, 0, H - 1) * W +
                                clamp(x + d->dx + b * ux, 0, W - 1)) * 3 + c];
                sum = sum * d->gain[c] / (float)(2 * d->blur + 1) + 0.5f;
                out[((size_t)y * W + x) * 3 + c] = (uint8_t)(sum > 255 ? 255 : sum);
            }
}

/* What belongs to one size of picture. */
static void release(hf_whitened *w)
{
    free(w->own);
    free(w->other);
    free(w->difference);
    free(w->distorted);
    free(w->frame);
    w->own = w->other = w->difference = NULL;
    w->distorted = w->frame = NULL;
    if (w->be) {
        w->be->ops.free(w->be, w->picture.data);
        w->be->ops.free(w->be, w->described.data);
    }
    w->picture.data = w->described.data = NULL;
}

static hf_tensor picture_of(const hf_whitened *w, const void *data)
{
    return hf_tensor_view((void *)data, HF_U8, 3, w->height, w->width, 3);
}

static hf_tensor cells_of(const hf_whitened *w, float *data)
{
    return hf_tensor_view(data, HF_F32, 2, w->n_cells, w->C);
}

/* Room on the host, and its like on a device that has memory of its own. */
static int take_memory(hf_whitened *w, hf_error *err)
{
    size_t bytes = (size_t)w->n_cells * w->C * sizeof(float), picture = (size_t)w->width * w->height * 3;
    bool has = (w->own = malloc(bytes)) && (w->other = malloc(bytes)) && (w->difference = malloc(bytes)) &&
               (w->distorted = malloc(picture));

    if (has && !w->be->host_memory) {
        w->frame = malloc(picture);
        w->picture = picture_of(w, w->be->ops.alloc(w->be, picture));
        w->described = cells_of(w, w->be->ops.alloc(w->be, bytes));
        has = w->frame && w->picture.data && w->described.data;
    }
    return has ? HF_OK : hf_fail(err, HF_ENOMEM, "features: out of memory for %d x %d pixels", w->width, w->height);
}

int hf_whitened_prepare(hf_whitened **whitened, hf_backend *be, int width, int height, int n_cells, int C, int D,
                        hf_raw_features raw, void *ctx, hf_error *err)
{
    hf_whitened *w = *whitened;
    int rc;

    if (!w && !(*whitened = w = calloc(1, sizeof(*w))))
        return hf_fail(err, HF_ENOMEM, "features: out of memory");
    if (!w->whiten && (rc = hf_whiten_new(&w->whiten, C, D, err)) < 0)
        return rc;
    release(w);
    w->be = be;
    w->width = width, w->height = height, w->n_cells = n_cells, w->C = C, w->D = D, w->raw = raw, w->ctx = ctx;
    return take_memory(w, err);
}

void hf_whitened_free(hf_whitened **whitened)
{
    hf_whitened *w;
    if (!whitened || !(w = *whitened))
        return;
    release(w);
    if (w->be) {
        w->be->ops.packed_free(w->be, &w->project);
        w->be->ops.free(w->be, w->bias.data);
    }
    hf_whiten_free(&w->whiten);
    free(w);
    *whitened = NULL;
}

int64_t hf_whitened_bytes(int width, int height, int n_cells, int C, int D)
{
    return hf_whiten_bytes(C, D) + (int64_t)3 * 4 * n_cells * C + (int64_t)3 * width * height;
}

/* Raw descriptors of a picture, both on the host. */
static int describe(hf_whitened *w, float *out, const uint8_t *rgb, hf_error *err)
{
    hf_backend *be = w->be;
    int rc;
    if (be->host_memory) {
        hf_tensor picture = picture_of(w, rgb), cells = cells_of(w, out);
        return w->raw(w->ctx, &cells, &picture, err);
    }
    if ((rc = be->ops.write(be, &w->picture, rgb, err)) < 0 || (rc = w->raw(w->ctx, &w->described, &w->picture, err)) < 0 ||
        (rc = be->ops.read(be, out, &w->described, err)) < 0)
        return rc;
    return be->ops.sync(be, err);
}

/* The learned map as the device multiplies with it: features = x project - bias. */
static int upload_map(hf_whitened *w, hf_error *err)
{
    const hf_whiten *map = w->whiten;
    hf_backend *be = w->be;
    hf_tensor matrix = hf_tensor_view(NULL, HF_F32, 2, w->D, w->C), vector = hf_tensor_view(NULL, HF_F32, 1, w->D);
    hf_pack_params pack = { .dtype = HF_F32 };
    float *host = malloc(hf_tensor_bytes(&matrix) + hf_tensor_bytes(&vector)), *bias = host + (size_t)w->D * w->C;
    int rc = HF_OK;

    be->ops.packed_free(be, &w->project);
    matrix.data = be->ops.alloc(be, hf_tensor_bytes(&matrix));
    if (!w->bias.data) {
        w->bias = vector;
        w->bias.data = be->ops.alloc(be, hf_tensor_bytes(&vector));
    }
    if (!host || !matrix.data || !w->bias.data) {
        rc = hf_fail(err, HF_ENOMEM, "features: out of memory for the map to %d channels", w->D);
        goto end;
    }
    for (int d = 0; d < w->D; d++) {
        bias[d] = -map->bias[d];
        for (int c = 0; c < w->C; c++)
            host[(size_t)d * w->C + c] = map->project[(size_t)c * w->D + d];
    }
    if ((rc = be->ops.write(be, &matrix, host, err)) >= 0 && (rc = be->ops.write(be, &w->bias, bias, err)) >= 0 &&
        (rc = be->ops.packed_new(be, &w->project, &matrix, &pack, err)) >= 0)
        rc = be->ops.sync(be, err);
end:
    be->ops.free(be, matrix.data);
    free(host);
    return rc;
}

int hf_whitened_adapt(hf_whitened *w, const hf_tensor *rgb, hf_error *err)
{
    hf_backend *be = w->be;
    const uint8_t *frame = be->host_memory ? rgb->data : w->frame;
    int rc;

    if (!be->host_memory &&
        ((rc = be->ops.read(be, w->frame, rgb, err)) < 0 || (rc = be->ops.sync(be, err)) < 0))
        return rc;
    if ((rc = describe(w, w->own, frame, err)) < 0)
        return rc;
    hf_whiten_begin(w->whiten, w->own, w->n_cells);
    for (int i = 0; i < N_DISTORTIONS; i++) {
        distort(w->distorted, frame, w->width, w->height, &distortions[i]);
        if ((rc = describe(w, w->other, w->distorted, err)) < 0)
            return rc;
        hf_whiten_add(w->whiten, w->own, w->other, w->difference, w->n_cells);
    }
    if ((rc = hf_whiten_finish(w->whiten, err)) < 0 || be->host_memory)
        return rc;
    return upload_map(w, err);
}

int hf_whitened_extract(hf_whitened *w, const hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    hf_backend *be = w->be;
    hf_tensor own = cells_of(w, w->own), rows = hf_tensor_view(features->data, HF_F32, 2, w->n_cells, w->D);
    hf_l2_normalize_params unit = { 0 };
    hf_linear_params plain = { 0 };
    int rc;

    if (be->host_memory) {
        if ((rc = w->raw(w->ctx, &own, rgb, err)) >= 0)
            hf_whiten_apply(w->whiten, features->data, w->own, w->n_cells);
        return rc;
    }
    assert(w->project); /* adapt comes first */
    if ((rc = w->raw(w->ctx, &w->described, rgb, err)) < 0 ||
        (rc = be->ops.linear(be, &rows, &w->described, w->project, &w->bias, NULL, &plain, err)) < 0)
        return rc;
    return be->ops.l2_normalize(be, &rows, &rows, &unit, err);
}
