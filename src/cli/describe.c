/* describe.c - see describe.h. Images and masks are in image.c. */
#include "src/cli/describe.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/image_list.h"
#include "io/npy.h"

struct hf_describer {
    hf_describe_params p;
    hf_backend        *backend;
    hf_model          *model; /* NULL: features come from files */
    char               name[512];
    int                work_width, work_height; /* that the model is prepared for; 0: none yet */
    int                has_adapted;
};

int hf_describer_open(hf_describer **out, const hf_describe_params *params, hf_error *err)
{
    hf_describer *d = calloc(1, sizeof(*d));
    int rc = HF_OK;

    *out = NULL;
    if (!d)
        return hf_fail(err, HF_ENOMEM, "features: out of memory");
    d->p = *params;
    if ((rc = hf_backend_open(&d->backend, params->device, params->n_threads, err)) < 0)
        goto end;
    omp_set_num_threads(d->backend->n_threads);
    if (!params->folder && (rc = hf_model_open(&d->model, d->backend, &params->model, err)) < 0)
        goto end;
    snprintf(d->name, sizeof(d->name), "%s%s", d->model ? "" : "features of ", d->model ? d->model->name : params->folder);
    *out = d;
    d = NULL;
end:
    hf_describer_close(&d);
    return rc;
}

void hf_describer_close(hf_describer **describer)
{
    hf_describer *d = describer ? *describer : NULL;
    if (!d)
        return;
    hf_model_close(&d->model);
    hf_backend_close(&d->backend);
    free(d);
    *describer = NULL;
}

hf_backend *hf_describer_backend(const hf_describer *describer) { return describer->backend; }
const char *hf_describer_model_name(const hf_describer *describer) { return describer->name; }

int hf_describer_n_layers(const hf_describer *describer)
{
    return describer->model ? describer->model->n_layers : 0;
}

int hf_describer_adapts(const hf_describer *describer)
{
    return describer->model && describer->model->adapt;
}

/* ---- sizes ---- */

/* A model with one grid for pictures of any shape scales them itself. */
static int has_fixed_grid(const hf_model *m)
{
    int h0, w0, h1, w1;
    if (!m->grid)
        return 0;
    m->grid(m, 512, 512, &h0, &w0);
    m->grid(m, 1024, 256, &h1, &w1);
    return h0 == h1 && w0 == w1;
}

static int to_multiple(double side, int unit)
{
    long n = lrint(side / unit);
    return (int)(n < 1 ? 1 : n) * unit;
}

void hf_describer_work_size(const hf_describer *d, int width, int height, int *work_width, int *work_height)
{
    int shorter = width < height ? width : height, unit = d->model && d->model->stride_px ? d->model->stride_px : 1;
    double scale = (double)(d->p.size ? d->p.size : HF_DESCRIBE_SIZE) / shorter;

    if (d->p.is_square) {
        *work_width = *work_height = to_multiple(d->p.size ? d->p.size : HF_DESCRIBE_SQUARE_SIZE, unit);
        return;
    }
    if (!d->p.size && scale > 2.0)
        scale = 2.0;
    if (!d->p.size && d->model && has_fixed_grid(d->model))
        scale = 1.0;
    *work_width = to_multiple(width * scale, unit);
    *work_height = to_multiple(height * scale, unit);
}

void hf_describer_size_text(char *text, size_t size, const hf_describer *d)
{
    int square = d->p.size ? d->p.size : HF_DESCRIBE_SQUARE_SIZE;
    if (!d->model)
        snprintf(text, size, "as they are in the files");
    else if (d->p.is_square)
        snprintf(text, size, "images squeezed to %dx%d", square, square);
    else if (!d->p.size && has_fixed_grid(d->model))
        snprintf(text, size, "images as they are, brought to its own size by the model");
    else
        snprintf(text, size, "images at a shorter side of %d%s", d->p.size ? d->p.size : HF_DESCRIBE_SIZE,
                 d->p.size ? "" : " (at most doubled)");
}

/* ---- from an image to features ---- */

/* The image at working size, as bytes: rgb_to_image gives 0..255 in floats, cast rounds them. */
static int scale_image(hf_backend *be, const hf_tensor *out, const hf_image *image, hf_error *err)
{
    hf_rgb_to_image_params params = { .resize = { .kind = HF_RESIZE_BILINEAR, .antialias = true },
                                      .deviation = { 1.0f / 255, 1.0f / 255, 1.0f / 255 } };
    int64_t n = (int64_t)image->width * image->height;
    void *rgb = be->ops.alloc(be, (size_t)(3 * n));
    void *wide = be->ops.alloc(be, (size_t)hf_tensor_count(out) * sizeof(float));
    hf_tensor rgb_view = hf_tensor_view(rgb, HF_U8, 3, image->height, image->width, 3);
    hf_tensor wide_view = hf_tensor_view(wide, HF_F32, 3, out->shape[0], out->shape[1], 3);
    int rc;

    if (!rgb || !wide)
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for %dx%d pixels", image->path, image->width, image->height);
    else if ((rc = be->ops.write(be, &rgb_view, image->rgb, err)) >= 0 &&
             (rc = be->ops.rgb_to_image(be, &wide_view, &rgb_view, &params, err)) >= 0 &&
             (rc = be->ops.cast(be, out, &wide_view, err)) >= 0)
        rc = be->ops.sync(be, err);
    be->ops.free(be, rgb);
    be->ops.free(be, wide);
    return rc;
}

static int prepare(hf_describer *d, int width, int height, hf_error *err)
{
    if (d->work_width == width && d->work_height == height)
        return HF_OK;
    d->work_width = 0;
    int rc = d->model->prepare(d->model, width, height, err);
    if (rc >= 0)
        d->work_width = width, d->work_height = height;
    return rc;
}

/* Room for features of h x w cells. */
static int new_features(hf_description *out, hf_backend *be, int h, int w, int D, hf_error *err)
{
    size_t bytes = (size_t)h * (size_t)w * (size_t)D * sizeof(float);
    out->features = hf_tensor_view(be->ops.alloc(be, bytes), HF_F32, 3, h, w, D);
    out->host = malloc(bytes);
    if (!out->features.data || !out->host)
        return hf_fail(err, HF_ENOMEM, "features: out of memory for %dx%d cells", w, h);
    return HF_OK;
}

static int compute(hf_description *out, hf_describer *d, const hf_image *image, int adapt, hf_error *err)
{
    hf_backend *be = d->backend;
    int work_width, work_height, h, w, rc;

    hf_describer_work_size(d, image->width, image->height, &work_width, &work_height);
    if ((rc = prepare(d, work_width, work_height, err)) < 0)
        return rc;
    hf_model_grid(d->model, work_width, work_height, &h, &w);
    if ((rc = new_features(out, be, h, w, d->model->n_channels, err)) < 0)
        return rc;
    hf_tensor picture = hf_tensor_view(be->ops.alloc(be, (size_t)work_width * work_height * 3), HF_U8, 3, work_height,
                                       work_width, 3);
    if (!picture.data)
        return hf_fail(err, HF_ENOMEM, "features: out of memory for %dx%d pixels", work_width, work_height);
    rc = scale_image(be, &picture, image, err);
    if (rc >= 0 && d->model->adapt && (adapt || !d->has_adapted))
        rc = d->model->adapt(d->model, &picture, err);
    if (rc >= 0) {
        d->has_adapted = 1;
        rc = d->model->extract(d->model, &out->features, &picture, err);
    }
    if (rc >= 0 && (rc = be->ops.read(be, out->host, &out->features, err)) >= 0)
        rc = be->ops.sync(be, err);
    be->ops.free(be, picture.data);
    return rc;
}

/* ---- features of files ---- */

static int check_array(const hf_npy *npy, const char *path, hf_error *err)
{
    if (npy->n_dims != 3 || npy->shape[0] < 1 || npy->shape[1] < 1 || npy->shape[2] < 1 ||
        npy->shape[0] > 4096 || npy->shape[1] > 4096 || npy->shape[2] > 65536)
        return hf_fail(err, HF_EFORMAT, "%s: an array of %d dimensions, want features [h,w,D]", path, npy->n_dims);
    return HF_OK;
}

static int load(hf_description *out, hf_describer *d, const hf_image *image, hf_error *err)
{
    char stem[256], path[PATH_MAX];
    hf_npy *npy = NULL;
    int rc;

    hf_path_stem(stem, sizeof(stem), image->path);
    if (snprintf(path, sizeof(path), "%s/%s.npy", d->p.folder, stem) >= (int)sizeof(path))
        return hf_fail(err, HF_EARG, "%s: the name is too long", d->p.folder);
    if ((rc = hf_npy_read(&npy, path, err)) < 0 || (rc = check_array(npy, path, err)) < 0 ||
        (rc = new_features(out, d->backend, (int)npy->shape[0], (int)npy->shape[1], (int)npy->shape[2], err)) < 0)
        goto end;
    hf_npy_to_f32(out->host, npy);
    for (int64_t i = 0; i < npy->count; i++)
        if (!isfinite(out->host[i])) {
            rc = hf_fail(err, HF_EFORMAT, "%s: number %lld is not finite", path, (long long)i);
            goto end;
        }
    if ((rc = d->backend->ops.write(d->backend, &out->features, out->host, err)) >= 0)
        rc = d->backend->ops.sync(d->backend, err);
end:
    hf_npy_free(&npy);
    return rc;
}

int hf_describe(hf_description *out, hf_describer *describer, const hf_image *image, int adapt, hf_error *err)
{
    *out = (hf_description){ .backend = describer->backend };
    int rc = describer->model ? compute(out, describer, image, adapt, err) : load(out, describer, image, err);
    if (rc < 0) {
        hf_description_free(out);
        return rc;
    }
    const int64_t *shape = out->features.shape;
    out->map = (hf_feature_map){ out->host, (int)shape[0], (int)shape[1], (int)shape[2], image->width, image->height };
    return HF_OK;
}

void hf_description_free(hf_description *description)
{
    if (description->backend)
        description->backend->ops.free(description->backend, description->features.data);
    free(description->host);
    *description = (hf_description){ .backend = NULL };
}

int hf_description_check_pair(const hf_description *a, const hf_description *b, hf_error *err)
{
    if (a->map.D == b->map.D)
        return HF_OK;
    return hf_fail(err, HF_EFORMAT, "features of %d and of %d channels cannot be compared", a->map.D, b->map.D);
}
