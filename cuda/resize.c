/* resize.c - resize, rgb_to_image and pool of the `cuda` backend.
 *
 * The weights of an axis are computed on the host at the first call with its sizes (src/resize_taps.c) and stay in
 * device memory until the device is closed: a few KB for each pair of sizes that a program uses.
 */
#include "cuda/resize.h"

#include <stdlib.h>

#include "cuda/device.h"
#include "src/ops_check.h"
#include "src/resize_taps.h"

/* What the weights of an axis depend on. */
typedef struct axis_key {
    hf_resize_kind kind;
    bool           antialias;
    int64_t        n_in, n_out;
    double         scale;
} axis_key;

struct hf_cuda_axis {
    axis_key      key;
    hf_cuda_taps  taps;
    void         *data; /* index, then weight */
    size_t        bytes;
    hf_cuda_axis *next;
};

static bool is_same(const axis_key *a, const axis_key *b)
{
    return a->kind == b->kind && a->antialias == b->antialias && a->n_in == b->n_in && a->n_out == b->n_out &&
           a->scale == b->scale;
}

/* Fills taps [2,n_out,n_taps] on the host and brings them to a->data. */
static int upload(hf_cuda *cuda, hf_cuda_axis *a, hf_error *err)
{
    const axis_key *k = &a->key;
    size_t count = (size_t)k->n_out * (size_t)a->taps.n_taps;
    int32_t *host = malloc(a->bytes);
    int rc;

    if (!host)
        return hf_fail(err, HF_ENOMEM, "resize: no memory for %lld positions", (long long)k->n_out);
    hf_taps_fill(host, (float *)(host + count), a->taps.n_taps, k->kind, k->antialias, k->n_in, k->n_out, k->scale);
    if ((rc = HF_CUDA(cudaMalloc(&a->data, a->bytes), err)) < 0 ||
        (rc = HF_CUDA(cudaMemcpyAsync(a->data, host, a->bytes, cudaMemcpyHostToDevice, cuda->stream), err)) < 0)
        goto end;
    rc = HF_CUDA(cudaStreamSynchronize(cuda->stream), err); /* the first call only: host is freed */
    a->taps.index = a->data;
    a->taps.weight = (const float *)a->data + count;
end:
    free(host);
    return rc;
}

static int axis_new(hf_cuda *cuda, hf_cuda_axis **out, const axis_key *key, hf_error *err)
{
    hf_cuda_axis *a = NULL;
    int rc = hf_cuda_not_recording(cuda, "the first resize of a size", err);

    *out = NULL;
    if (rc < 0)
        goto end;
    if (!(a = calloc(1, sizeof(*a)))) {
        rc = hf_fail(err, HF_ENOMEM, "resize: out of memory");
        goto end;
    }
    a->key = *key;
    a->taps.n_taps = hf_taps_count(key->kind, key->antialias, key->n_in, key->n_out, key->scale);
    a->bytes = (size_t)key->n_out * (size_t)a->taps.n_taps * (sizeof(int32_t) + sizeof(float));
    if ((rc = upload(cuda, a, err)) < 0)
        goto end;
    cuda->n_bytes += a->bytes;
    if (cuda->n_bytes > cuda->peak_bytes)
        cuda->peak_bytes = cuda->n_bytes;
    *out = a;
    a = NULL; /* now the caller's */
end:
    if (a)
        cudaFree(a->data);
    free(a);
    return rc;
}

/* The taps of an axis: those of an earlier call, or new ones. */
static int axis_get(hf_cuda *cuda, hf_cuda_taps *taps, const hf_resize_params *p, int64_t n_in, int64_t n_out,
                    double scale, hf_error *err)
{
    axis_key key = { p->kind, p->antialias, n_in, n_out, scale };
    hf_cuda_axis *a = cuda->axes;
    int rc;

    while (a && !is_same(&a->key, &key))
        a = a->next;
    if (!a) {
        if ((rc = axis_new(cuda, &a, &key, err)) < 0)
            return rc;
        a->next = cuda->axes;
        cuda->axes = a;
    }
    *taps = a->taps;
    return HF_OK;
}

void hf_cuda_axes_free(hf_cuda *cuda)
{
    while (cuda->axes) {
        hf_cuda_axis *a = cuda->axes;
        cuda->axes = a->next;
        cuda->n_bytes -= a->bytes;
        cudaFree(a->data);
        free(a);
    }
}

/* [N,H,W,C] to [N,Ho,Wo,C]. */
static hf_cuda_pictures pictures_of(const hf_tensor *out, const hf_tensor *x)
{
    return (hf_cuda_pictures){
        .out = out->data, .x = x->data, .out_type = out->dtype, .x_type = x->dtype,
        .N = x->shape[0], .H = x->shape[1], .W = x->shape[2], .C = x->shape[3],
        .Ho = out->shape[1], .Wo = out->shape[2],
    };
}

static int cuda_resize(hf_backend *be, const hf_tensor *out, const hf_tensor *x, const hf_resize_params *params,
                       hf_error *err)
{
    hf_cuda *cuda = hf_cuda_of(be);
    hf_cuda_taps y_taps, x_taps;
    int rc;

    hf_check_resize(out, x, params);
    if (hf_tensor_count(out) == 0)
        return HF_OK;
    hf_cuda_pictures p = pictures_of(out, x);
    if ((rc = axis_get(cuda, &y_taps, params, p.H, p.Ho, params->scale_y, err)) < 0 ||
        (rc = axis_get(cuda, &x_taps, params, p.W, p.Wo, params->scale_x, err)) < 0)
        return rc;
    return HF_CUDA(hf_cuda_resize_launch(&p, &y_taps, &x_taps, cuda->stream), err);
}

static int cuda_rgb_to_image(hf_backend *be, const hf_tensor *out, const hf_tensor *rgb,
                             const hf_rgb_to_image_params *params, hf_error *err)
{
    hf_cuda *cuda = hf_cuda_of(be);
    const hf_resize_params *resize = &params->resize;
    hf_cuda_colours colours;
    hf_cuda_taps y_taps, x_taps;
    int rc;

    hf_check_rgb_to_image(out, rgb, params);
    if (hf_tensor_count(out) == 0)
        return HF_OK;
    hf_cuda_pictures p = {
        .out = out->data, .x = rgb->data, .out_type = out->dtype, .x_type = rgb->dtype, .N = 1,
        .H = rgb->shape[0], .W = rgb->shape[1], .C = 3, .Ho = out->shape[0], .Wo = out->shape[1],
    };
    for (int c = 0; c < 3; c++) {
        colours.mean[c] = params->mean[c];
        colours.deviation[c] = params->deviation[c];
    }
    if ((rc = axis_get(cuda, &y_taps, resize, p.H, p.Ho, resize->scale_y, err)) < 0 ||
        (rc = axis_get(cuda, &x_taps, resize, p.W, p.Wo, resize->scale_x, err)) < 0)
        return rc;
    return HF_CUDA(hf_cuda_rgb_launch(&p, &y_taps, &x_taps, &colours, cuda->stream), err);
}

static int cuda_pool(hf_backend *be, const hf_tensor *out, const hf_tensor *x, const hf_pool_params *params,
                     hf_error *err)
{
    hf_check_pool(out, x, params);
    if (hf_tensor_count(out) == 0)
        return HF_OK;
    hf_cuda_pictures p = pictures_of(out, x);
    hf_pool_params with_stride = *params;
    with_stride.stride = params->stride ? params->stride : 1;
    return HF_CUDA(hf_cuda_pool_launch(&p, &with_stride, hf_cuda_of(be)->stream), err);
}

void hf_cuda_fill_resize(hf_ops *ops)
{
    ops->resize = cuda_resize;
    ops->rgb_to_image = cuda_rgb_to_image;
    ops->pool = cuda_pool;
}
