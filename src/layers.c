/* layers.c - see layers.h. */
#include "src/layers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_NAME 256

struct hf_layers {
    hf_backend       *be;
    const hf_weights *weights;
    hf_dtype          dtype;
    hf_error          failure; /* the first; status 0: none */
    int64_t           bytes;
    hf_packed       **packed;  /* owned */
    void            **arrays;  /* owned, in the backend's memory */
    size_t            n_packed, n_arrays, room_packed, room_arrays;
};

int hf_layers_new(hf_layers **out, hf_backend *be, const hf_weights *weights, hf_dtype dtype, hf_error *err)
{
    hf_layers *l = calloc(1, sizeof(*l));
    *out = l;
    if (!l)
        return hf_fail(err, HF_ENOMEM, "layers: out of memory");
    l->be = be, l->weights = weights, l->dtype = dtype;
    return HF_OK;
}

hf_dtype hf_layers_stream_type(const hf_backend *be, hf_dtype dtype) { return be->host_memory ? HF_F32 : dtype; }

void hf_layers_free(hf_layers **layers)
{
    hf_layers *l;
    if (!layers || !(l = *layers))
        return;
    for (size_t i = 0; i < l->n_packed; i++)
        l->be->ops.packed_free(l->be, &l->packed[i]);
    for (size_t i = 0; i < l->n_arrays; i++)
        l->be->ops.free(l->be, l->arrays[i]);
    free(l->packed);
    free(l->arrays);
    free(l);
    *layers = NULL;
}

int hf_layers_status(const hf_layers *l, hf_error *err)
{
    if (l->failure.status < 0 && err)
        *err = l->failure;
    return l->failure.status;
}

int64_t hf_layers_bytes(const hf_layers *l) { return l->bytes; }

static bool failed(const hf_layers *l) { return l->failure.status < 0; }

static void out_of_memory(hf_layers *l, const char *name)
{
    hf_fail(&l->failure, HF_ENOMEM, "%s: no memory for its parameters", name);
}

/* Room for one more pointer in a list. */
static bool grow(void ***list, size_t n, size_t *room)
{
    if (n < *room)
        return true;
    size_t wanted = *room ? 2 * *room : 64;
    void **larger = realloc(*list, wanted * sizeof(*larger));
    if (!larger)
        return false;
    *list = larger, *room = wanted;
    return true;
}

/* A copy in the backend's memory, owned here. */
static void own_array(hf_layers *l, hf_tensor *out, const hf_tensor *host, const char *name)
{
    *out = *host;
    out->data = NULL;
    if (!grow(&l->arrays, l->n_arrays, &l->room_arrays) ||
        !(out->data = l->be->ops.alloc(l->be, hf_tensor_bytes(host)))) {
        out_of_memory(l, name);
        return;
    }
    l->arrays[l->n_arrays++] = out->data;
    l->bytes += (int64_t)hf_tensor_bytes(host);
    if (l->be->ops.write(l->be, out, host->data, &l->failure) >= 0)
        l->be->ops.sync(l->be, &l->failure);
}

void hf_layers_array(hf_layers *l, hf_tensor *out, int n_dims, const int64_t *shape, const char *format, ...)
{
    char name[MAX_NAME];
    va_list args;

    *out = (hf_tensor){ .data = NULL };
    if (failed(l))
        return;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    hf_tensor host = hf_tensor_view_shape(NULL, HF_F32, n_dims, shape);
    if (!(host.data = malloc(hf_tensor_bytes(&host))))
        out_of_memory(l, name);
    else if (hf_weights_read(l->weights, &host, name, &l->failure) >= 0)
        own_array(l, out, &host, name);
    free(host.data);
}

/* Host weights into the layout the backend multiplies with; owned here. */
static void own_packed(hf_layers *l, hf_packed **out, const hf_tensor *host, const char *name)
{
    hf_tensor weight = *host;
    hf_pack_params params = { .dtype = l->dtype };

    if (!grow((void ***)&l->packed, l->n_packed, &l->room_packed)) {
        out_of_memory(l, name);
        return;
    }
    if (!l->be->host_memory) {
        if (!(weight.data = l->be->ops.alloc(l->be, hf_tensor_bytes(host)))) {
            out_of_memory(l, name);
            return;
        }
        l->be->ops.write(l->be, &weight, host->data, &l->failure);
    }
    if (!failed(l) && l->be->ops.packed_new(l->be, out, &weight, &params, &l->failure) >= 0) {
        l->packed[l->n_packed++] = *out;
        l->bytes += hf_tensor_count(host) * (int64_t)hf_dtype_size(l->dtype);
        l->be->ops.sync(l->be, &l->failure);
    }
    if (!l->be->host_memory)
        l->be->ops.free(l->be, weight.data);
}

/* Widths come from the files of strangers. Nothing can be computed with a layer of none, and its rows cannot be counted. */
static bool is_empty(hf_layers *l, const hf_tensor *part, const char *name)
{
    if (hf_tensor_count(part) > 0)
        return false;
    hf_fail(&l->failure, HF_EMODEL, "%s: array \"%s.weight\" would be of %lld x %lld channels, want at least 1",
            hf_tensor_file_path(hf_weights_file(l->weights)), name, (long long)part->shape[0], (long long)part->shape[1]);
    return true;
}

/* n_parts arrays "<name><suffix>" of shape `part`, one behind the other along the first dimension. */
static bool read_stacked(hf_layers *l, hf_tensor *host, const hf_tensor *part, const char *suffix, int n_parts,
                         const char *const *names)
{
    *host = *part;
    host->shape[0] *= n_parts;
    if (!(host->data = malloc(hf_tensor_bytes(host)))) {
        out_of_memory(l, names[0]);
        return false;
    }
    for (int i = 0; i < n_parts && !failed(l); i++) {
        char name[MAX_NAME];
        hf_tensor place = *part;
        place.data = (char *)host->data + (size_t)i * hf_tensor_bytes(part);
        if (snprintf(name, sizeof(name), "%s%s", names[i], suffix) >= (int)sizeof(name))
            hf_fail(&l->failure, HF_EARG, "%s%s: a name longer than %d", names[i], suffix, MAX_NAME - 1);
        else
            hf_weights_read(l->weights, &place, name, &l->failure);
    }
    return !failed(l);
}

/* Every row of host (f32) times its number of scale; NULL: as it is. */
static void scale_rows(const hf_tensor *host, const float *scale)
{
    int64_t n = hf_tensor_count(host) / host->shape[0];
    for (int64_t r = 0; scale && r < host->shape[0]; r++)
        for (int64_t c = 0; c < n; c++)
            ((float *)host->data)[r * n + c] *= scale[r];
}

static void load(hf_layers *l, hf_packed **weight, hf_tensor *bias, const hf_tensor *part, bool has_bias, int n_parts,
                 const char *const *names, const float *scale)
{
    hf_tensor host = { .data = NULL };

    *weight = NULL;
    *bias = (hf_tensor){ .data = NULL };
    if (failed(l) || is_empty(l, part, names[0]))
        return;
    if (read_stacked(l, &host, part, ".weight", n_parts, names)) {
        scale_rows(&host, scale);
        own_packed(l, weight, &host, names[0]);
    }
    free(host.data);
    if (!has_bias || failed(l))
        return;
    hf_tensor vector = hf_tensor_view(NULL, HF_F32, 1, part->shape[0]);
    if (read_stacked(l, &host, &vector, ".bias", n_parts, names)) {
        scale_rows(&host, scale);
        own_array(l, bias, &host, names[0]);
    }
    free(host.data);
}

void hf_layers_stacked(hf_layers *l, hf_linear *out, int64_t n_out, int64_t n_in, bool bias, int n_parts,
                       const char *const *names)
{
    hf_tensor part = hf_tensor_view(NULL, HF_F32, 2, n_out, n_in);
    load(l, &out->weight, &out->bias, &part, bias, n_parts, names, NULL);
}

void hf_layers_linear(hf_layers *l, hf_linear *out, int64_t n_out, int64_t n_in, bool bias, const char *format, ...)
{
    char name[MAX_NAME];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    hf_layers_stacked(l, out, n_out, n_in, bias, 1, (const char *const[]){ name });
}

void hf_layers_scaled(hf_layers *l, hf_linear *out, int64_t n_out, int64_t n_in, bool bias, const char *scale,
                      const char *format, ...)
{
    char name[MAX_NAME];
    va_list args;
    hf_tensor factor = hf_tensor_view(NULL, HF_F32, 1, n_out), part = hf_tensor_view(NULL, HF_F32, 2, n_out, n_in);

    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    if (scale && !failed(l)) {
        if (!(factor.data = malloc(hf_tensor_bytes(&factor))))
            out_of_memory(l, scale);
        else
            hf_weights_read(l->weights, &factor, scale, &l->failure);
    }
    load(l, &out->weight, &out->bias, &part, bias, 1, (const char *const[]){ name }, factor.data);
    free(factor.data);
}

void hf_layers_conv(hf_layers *l, hf_conv *out, int64_t n_out, int64_t n_in, int kernel, int stride, bool bias,
                    const char *format, ...)
{
    char name[MAX_NAME];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    hf_tensor part = hf_tensor_view(NULL, HF_F32, 4, n_out, n_in, kernel, kernel);
    int pad = kernel / 2;
    out->params = (hf_conv2d_params){ .stride = stride, .pad_top = pad, .pad_left = pad, .pad_bottom = pad, .pad_right = pad };
    load(l, &out->weight, &out->bias, &part, bias, 1, (const char *const[]){ name }, NULL);
}

void hf_layers_norm(hf_layers *l, hf_norm *out, int64_t n, const char *format, ...)
{
    char name[MAX_NAME];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    hf_layers_array(l, &out->gamma, 1, &n, "%s.weight", name);
    hf_layers_array(l, &out->beta, 1, &n, "%s.bias", name);
}
