/* weights.c - see weights.h. */
#include "src/weights.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/half.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are copied as the files have them");

#define CHUNK 1024 /* values converted at once: they stay in the first cache */

struct hf_weights {
    const hf_tensor_file *file;
    const char           *what;
    hf_rename             rename;
    const void           *ctx;
};

int hf_weights_open(hf_weights **out, const hf_tensor_file *file, const char *what, hf_rename rename,
                    const void *ctx, hf_error *err)
{
    hf_weights *w = malloc(sizeof(*w));
    *out = w;
    if (!w)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", what);
    *w = (hf_weights){ file, what, rename, ctx };
    return HF_OK;
}

void hf_weights_close(hf_weights **weights)
{
    if (!weights)
        return;
    free(*weights);
    *weights = NULL;
}

const hf_tensor_file *hf_weights_file(const hf_weights *w) { return w->file; }

static const hf_tensor_entry *find(const hf_weights *w, hf_weight_place *place, const char *canonical)
{
    *place = (hf_weight_place){ .n_rows = 0 };
    if (!w->rename) {
        if (snprintf(place->name, sizeof(place->name), "%s", canonical) >= (int)sizeof(place->name))
            return NULL;
    } else if (!w->rename(place, w->file, canonical, w->ctx))
        return NULL;
    return hf_tensor_file_find(w->file, place->name);
}

bool hf_weights_has(const hf_weights *w, const char *canonical)
{
    hf_weight_place place;
    return find(w, &place, canonical) != NULL;
}

static void shape_text(char *text, size_t size, int n_dims, const int64_t *shape)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < n_dims && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? "," : "", (long long)shape[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
}

/* wanted: NULL if any shape would do. Says under which name it was looked for where that is another. */
static int missing(const hf_weights *w, const char *canonical, const hf_weight_place *place, const char *wanted, hf_error *err)
{
    bool renamed = *place->name && strcmp(place->name, canonical) != 0;
    return hf_fail(err, HF_EMODEL, "%s: %s has no array \"%s\"%s%s%s%s%s", hf_tensor_file_path(w->file), w->what, canonical,
                   renamed ? ", which is called \"" : "", renamed ? place->name : "", renamed ? "\" in such files" : "",
                   wanted ? ", want one of shape " : "", wanted ? wanted : "");
}

static bool has_rows(const hf_tensor_entry *e, const hf_weight_place *place)
{
    return !place->n_rows || (e->n_dims > 0 && place->row >= 0 && place->n_rows <= e->shape[0] &&
                              place->row <= e->shape[0] - place->n_rows);
}

/* The entry's shape with rows cut and transposition undone. An entry without those rows keeps its own. */
static int shape_of(int64_t *shape, const hf_tensor_entry *e, const hf_weight_place *place)
{
    memcpy(shape, e->shape, sizeof(*shape) * (size_t)e->n_dims);
    if (place->n_rows && has_rows(e, place))
        shape[0] = place->n_rows;
    if (place->transposed && e->n_dims == 2) {
        int64_t rows = shape[0];
        shape[0] = shape[1], shape[1] = rows;
    }
    return e->n_dims;
}

int hf_weights_shape(const hf_weights *w, const char *canonical, int *n_dims, int64_t *shape, hf_error *err)
{
    hf_weight_place place;
    const hf_tensor_entry *e = find(w, &place, canonical);
    if (!e)
        return missing(w, canonical, &place, NULL, err);
    *n_dims = shape_of(shape, e, &place);
    return HF_OK;
}

/* Equal but for dimensions of 1 at the end. */
static bool same_shape(int a_dims, const int64_t *a, int b_dims, const int64_t *b)
{
    int n = a_dims > b_dims ? a_dims : b_dims;
    for (int i = 0; i < n; i++)
        if ((i < a_dims ? a[i] : 1) != (i < b_dims ? b[i] : 1))
            return false;
    return true;
}

/* Values first..first+n-1 of an array, which may begin at any address; n is at most CHUNK. */
static void floats_of(float *out, const hf_tensor_entry *e, int64_t first, int n)
{
    union {
        float    f32[CHUNK];
        double   f64[CHUNK];
        int64_t  i64[CHUNK];
        int32_t  i32[CHUNK];
        int16_t  i16[CHUNK];
        uint16_t half[CHUNK];
        int8_t   i8[CHUNK];
        uint8_t  u8[CHUNK];
    } raw;
    size_t size = hf_entry_type_size(e->type);

    memcpy(&raw, (const char *)e->data + (size_t)first * size, (size_t)n * size);
    switch (e->type) {
#define EACH(value)             \
    for (int i = 0; i < n; i++) \
        out[i] = (float)(value); \
    break
    case HF_ENTRY_F32:  EACH(raw.f32[i]);
    case HF_ENTRY_F16:  EACH(hf_f16_to_f32(raw.half[i]));
    case HF_ENTRY_BF16: EACH(hf_bf16_to_f32(raw.half[i]));
    case HF_ENTRY_F64:  EACH(raw.f64[i]);
    case HF_ENTRY_I64:  EACH(raw.i64[i]);
    case HF_ENTRY_I32:  EACH(raw.i32[i]);
    case HF_ENTRY_I16:  EACH(raw.i16[i]);
    case HF_ENTRY_I8:   EACH(raw.i8[i]);
    case HF_ENTRY_U8:
    case HF_ENTRY_BOOL: EACH(raw.u8[i]);
#undef EACH
    }
}

/* n values into out at first, first + step, ... */
static void store(const hf_tensor *out, int64_t first, int64_t step, const float *values, int n)
{
    float *f32 = (float *)out->data + first;
    uint16_t *half = (uint16_t *)out->data + first;

    if (out->dtype == HF_F32)
        for (int i = 0; i < n; i++)
            f32[i * step] = values[i];
    else if (out->dtype == HF_F16)
        for (int i = 0; i < n; i++)
            half[i * step] = hf_f32_to_f16(values[i]);
    else
        for (int i = 0; i < n; i++)
            half[i * step] = hf_f32_to_bf16(values[i]);
}

static bool same_type(hf_dtype dtype, hf_entry_type type)
{
    return (dtype == HF_F32 && type == HF_ENTRY_F32) || (dtype == HF_F16 && type == HF_ENTRY_F16) ||
           (dtype == HF_BF16 && type == HF_ENTRY_BF16);
}

/* Row c of the file is column c of out. */
static void copy_transposed(const hf_tensor *out, const hf_tensor_entry *e, int64_t first)
{
    int64_t rows = out->shape[0], columns = hf_tensor_count(out) / (rows ? rows : 1);
    float values[CHUNK];

    for (int64_t c = 0; c < columns; c++)
        for (int64_t r = 0; r < rows; r += CHUNK) {
            int n = rows - r < CHUNK ? (int)(rows - r) : CHUNK;
            floats_of(values, e, first + c * rows + r, n);
            store(out, r * columns + c, columns, values, n);
        }
}

static void copy_straight(const hf_tensor *out, const hf_tensor_entry *e, int64_t first)
{
    int64_t count = hf_tensor_count(out);

    if (same_type(out->dtype, e->type)) {
        memcpy(out->data, (const char *)e->data + (size_t)first * hf_dtype_size(out->dtype), hf_tensor_bytes(out));
        return;
    }
#pragma omp parallel for
    for (int64_t i = 0; i < count; i += CHUNK) {
        float values[CHUNK];
        int n = count - i < CHUNK ? (int)(count - i) : CHUNK;
        floats_of(values, e, first + i, n);
        store(out, i, 1, values, n);
    }
}

int hf_weights_read(const hf_weights *w, const hf_tensor *out, const char *canonical, hf_error *err)
{
    hf_weight_place place;
    char wanted[128], found[128];
    int64_t shape[HF_ENTRY_MAX_DIMS];
    const hf_tensor_entry *e = find(w, &place, canonical);

    assert(out->dtype == HF_F32 || out->dtype == HF_F16 || out->dtype == HF_BF16);
    shape_text(wanted, sizeof(wanted), out->n_dims, out->shape);
    if (!e)
        return missing(w, canonical, &place, wanted, err);
    int n_dims = shape_of(shape, e, &place);
    shape_text(found, sizeof(found), n_dims, shape);
    if (!has_rows(e, &place))
        return hf_fail(err, HF_EMODEL, "%s: %s: array \"%s\" has shape %s, want %s from its rows %lld to %lld",
                       hf_tensor_file_path(w->file), w->what, place.name, found, wanted, (long long)place.row,
                       (long long)(place.row + place.n_rows - 1));
    if (!same_shape(n_dims, shape, out->n_dims, out->shape))
        return hf_fail(err, HF_EMODEL, "%s: %s: array \"%s\" has shape %s, want %s", hf_tensor_file_path(w->file),
                       w->what, place.name, found, wanted);
    int64_t of_row = e->n_dims > 0 && e->shape[0] > 0 ? (int64_t)(e->bytes / hf_entry_type_size(e->type)) / e->shape[0] : 1;
    (place.transposed && e->n_dims == 2 ? copy_transposed : copy_straight)(out, e, place.row * of_row);
    hf_tensor_file_drop(w->file, e);
    return HF_OK;
}
