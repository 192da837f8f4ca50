/* npy.c - see npy.h. */
#include "io/npy.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/part_file.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define ALIGNMENT 64 /* of the values in a file, as NumPy writes it */
#define MAX_HEADER 512 /* of what is written: 8 dimensions of 20 digits and the words */

/* NumPy's names without the byte order. */
static const struct {
    const char   *code;
    hf_entry_type type;
    int           size;
} types[] = {
    { "f4", HF_ENTRY_F32, 4 }, { "f2", HF_ENTRY_F16, 2 }, { "f8", HF_ENTRY_F64, 8 }, { "i8", HF_ENTRY_I64, 8 },
    { "i4", HF_ENTRY_I32, 4 }, { "i2", HF_ENTRY_I16, 2 }, { "i1", HF_ENTRY_I8, 1 },  { "u1", HF_ENTRY_U8, 1 },
    { "b1", HF_ENTRY_BOOL, 1 },
};
#define N_TYPES ((int)(sizeof(types) / sizeof(types[0])))

/* What the header says. */
typedef struct header {
    const char *text, *end;
    int         type; /* row of `types` */
    bool        big_endian, fortran;
} header;

void hf_npy_free(hf_npy **npy)
{
    if (!npy || !*npy)
        return;
    free((*npy)->data);
    free(*npy);
    *npy = NULL;
}

/* ---- the header ---- */

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Behind 'key' and its colon; NULL if there is none. Keys hold no quotes, so the text is searched as it is. */
static const char *value_of(const header *h, const char *key)
{
    size_t n = strlen(key);
    for (const char *at = h->text; (size_t)(h->end - at) > n + 2; at++) {
        if ((*at != '\'' && *at != '"') || memcmp(at + 1, key, n) != 0 || at[n + 1] != *at)
            continue;
        for (at += n + 2; at < h->end && is_space(*at); at++)
            ;
        if (at >= h->end || *at != ':')
            return NULL;
        for (at++; at < h->end && is_space(*at); at++)
            ;
        return at < h->end ? at : NULL;
    }
    return NULL;
}

static int no_value(const char *name, const char *key, hf_error *err)
{
    return hf_fail(err, HF_EFORMAT, "%s: the header of this .npy has no usable '%s'", name, key);
}

static int read_type(header *h, const char *name, hf_error *err)
{
    const char *at = value_of(h, "descr"), *quote;

    if (!at)
        return no_value(name, "descr", err);
    if (*at == '[')
        return hf_fail(err, HF_EUNSUPPORTED, "%s: an array of records, want plain numbers", name);
    if ((*at != '\'' && *at != '"') || !(quote = memchr(at + 1, *at, (size_t)(h->end - at - 1))))
        return no_value(name, "descr", err);
    int length = (int)(quote - at - 1);
    const char *code = at + 1;
    h->big_endian = length == 3 && code[0] == '>';
    for (h->type = 0; h->type < N_TYPES; h->type++)
        if (length == 3 && strchr("<>|=", code[0]) && memcmp(code + 1, types[h->type].code, 2) == 0)
            return HF_OK;
    return hf_fail(err, HF_EUNSUPPORTED, "%s: values of type '%.*s', want one of f2 f4 f8 i1 i2 i4 i8 u1 b1", name,
                   length < 40 ? length : 40, code);
}

static int read_order(header *h, const char *name, hf_error *err)
{
    const char *at = value_of(h, "fortran_order");
    if (at && h->end - at >= 4 && memcmp(at, "True", 4) == 0)
        h->fortran = true;
    else if (!at || h->end - at < 5 || memcmp(at, "False", 5) != 0)
        return no_value(name, "fortran_order", err);
    return HF_OK;
}

/* (3, 4) or (3,) or (): decimal numbers, an L of Python 2 behind them allowed. */
static int read_shape(hf_npy *a, const header *h, const char *name, hf_error *err)
{
    const char *at = value_of(h, "shape");

    if (!at || *at++ != '(')
        return no_value(name, "shape", err);
    for (;;) {
        while (at < h->end && (is_space(*at) || *at == ',' || *at == 'L'))
            at++;
        if (at >= h->end)
            return no_value(name, "shape", err);
        if (*at == ')')
            return HF_OK;
        if (*at < '0' || *at > '9')
            return no_value(name, "shape", err);
        if (a->n_dims == HF_ENTRY_MAX_DIMS)
            return hf_fail(err, HF_EUNSUPPORTED, "%s: more than %d dimensions", name, HF_ENTRY_MAX_DIMS);
        int64_t n = 0;
        for (; at < h->end && *at >= '0' && *at <= '9'; at++)
            if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *at - '0', &n))
                return no_value(name, "shape", err);
        a->shape[a->n_dims++] = n;
    }
}

/* Find the header in the file: its text, and where the values begin. */
static int find_header(header *h, const unsigned char **values, const unsigned char *bytes, size_t n,
                       const char *name, hf_error *err)
{
    if (n < MAGIC_BYTES + 4 || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0)
        return hf_fail(err, HF_EFORMAT, "%s: not a .npy file", name);
    int major = bytes[6];
    size_t at = major == 1 ? 10 : 12, length = bytes[8] | (size_t)bytes[9] << 8;
    if (major < 1 || major > 3)
        return hf_fail(err, HF_EUNSUPPORTED, "%s: .npy version %d, want 1, 2 or 3", name, major);
    if (n < at)
        return hf_fail(err, HF_EFORMAT, "%s: the header of this .npy is cut off", name);
    if (major > 1)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > n - at)
        return hf_fail(err, HF_EFORMAT, "%s: header claims %zu bytes, file has %zu", name, length, n - at);
    h->text = (const char *)bytes + at;
    h->end = h->text + length;
    *values = bytes + at + length;
    return HF_OK;
}

/* ---- the values ---- */

static int count_values(hf_npy *a, size_t size, size_t n_bytes, const char *name, hf_error *err)
{
    size_t bytes = size;
    bool too_many = false;

    a->count = 1;
    for (int i = 0; i < a->n_dims; i++) {
        too_many = too_many || __builtin_mul_overflow(bytes, (size_t)a->shape[i], &bytes);
        a->count *= too_many ? 1 : a->shape[i];
    }
    if (too_many || bytes != n_bytes)
        return hf_fail(err, HF_EFORMAT, "%s: %zu bytes of values, want %s%zu for its shape", name, n_bytes,
                       too_many ? "more than " : "", too_many ? SIZE_MAX : bytes);
    if (!(a->data = malloc(bytes ? bytes : 1)))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory for %zu bytes", name, bytes);
    return HF_OK;
}

/* Value i in C order from its place in Fortran order, where the first dimension is the fastest. */
static int64_t fortran_place(const hf_npy *a, int64_t i)
{
    int64_t place = 0, step = a->count;
    for (int d = a->n_dims - 1; d >= 0; d--) {
        step /= a->shape[d];
        place += i % a->shape[d] * step;
        i /= a->shape[d];
    }
    return place;
}

static void copy_values(hf_npy *a, const unsigned char *values, const header *h, int size)
{
    unsigned char *out = a->data;
    if (!h->fortran && !h->big_endian) {
        memcpy(out, values, (size_t)a->count * (size_t)size);
        return;
    }
    for (int64_t i = 0; i < a->count; i++) {
        const unsigned char *from = values + (h->fortran ? fortran_place(a, i) : i) * size;
        for (int b = 0; b < size; b++)
            out[i * size + b] = from[h->big_endian ? size - 1 - b : b];
    }
}

int hf_npy_parse(hf_npy **out, const void *bytes, size_t n_bytes, const char *name, hf_error *err)
{
    header h = { 0 };
    const unsigned char *values = NULL;
    hf_npy *a = NULL;
    int rc;

    *out = NULL;
    if (!(a = calloc(1, sizeof(*a)))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", name);
        goto end;
    }
    if ((rc = find_header(&h, &values, bytes, n_bytes, name, err)) < 0 || (rc = read_type(&h, name, err)) < 0 ||
        (rc = read_order(&h, name, err)) < 0 || (rc = read_shape(a, &h, name, err)) < 0)
        goto end;
    a->type = types[h.type].type;
    size_t left = n_bytes - (size_t)(values - (const unsigned char *)bytes);
    if ((rc = count_values(a, (size_t)types[h.type].size, left, name, err)) < 0)
        goto end;
    copy_values(a, values, &h, types[h.type].size);
    *out = a;
    a = NULL;
end:
    hf_npy_free(&a);
    return rc;
}

/* ---- files ---- */

static int read_all(void **bytes, size_t *n, const char *path, hf_error *err)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    int rc = HF_OK;

    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET)) {
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
        goto end;
    }
    if (size == LONG_MAX) { /* a folder, on Linux */
        rc = hf_fail(err, HF_EIO, "%s: not a file", path);
        goto end;
    }
    if (!(*bytes = malloc((size_t)size + 1))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for %ld bytes", path, size);
        goto end;
    }
    *n = fread(*bytes, 1, (size_t)size, file);
    if (*n != (size_t)size)
        rc = hf_fail(err, HF_EIO, "%s: %s", path, ferror(file) ? strerror(errno) : "became shorter while it was read");
end:
    if (file)
        fclose(file);
    return rc;
}

int hf_npy_read(hf_npy **out, const char *path, hf_error *err)
{
    void *bytes = NULL;
    size_t n = 0;
    int rc;

    *out = NULL;
    if ((rc = read_all(&bytes, &n, path, err)) == HF_OK)
        rc = hf_npy_parse(out, bytes, n, path, err);
    free(bytes);
    return rc;
}

static float half_to_f32(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    float sign = half >> 15 ? -1.0f : 1.0f;
    if (exponent == 31)
        return fraction ? NAN : sign * INFINITY;
    return exponent ? sign * ldexpf((float)(fraction + 1024), exponent - 25) : sign * ldexpf((float)fraction, -24);
}

void hf_npy_to_f32(float *out, const hf_npy *a)
{
    for (int64_t i = 0; i < a->count; i++)
        switch (a->type) {
        case HF_ENTRY_F32: out[i] = ((const float *)a->data)[i]; break;
        case HF_ENTRY_F64: out[i] = (float)((const double *)a->data)[i]; break;
        case HF_ENTRY_F16: out[i] = half_to_f32(((const uint16_t *)a->data)[i]); break;
        case HF_ENTRY_I64: out[i] = (float)((const int64_t *)a->data)[i]; break;
        case HF_ENTRY_I32: out[i] = (float)((const int32_t *)a->data)[i]; break;
        case HF_ENTRY_I16: out[i] = ((const int16_t *)a->data)[i]; break;
        case HF_ENTRY_I8: out[i] = ((const int8_t *)a->data)[i]; break;
        case HF_ENTRY_U8:
        case HF_ENTRY_BOOL: out[i] = ((const uint8_t *)a->data)[i]; break;
        case HF_ENTRY_BF16: out[i] = 0; break; /* never there: npy.h */
        }
}

/* Magic, version, length and text, filled with spaces so that the values are aligned. Returns its bytes. */
static size_t make_header(char *out, int type, int n_dims, const int64_t *shape)
{
    char *text = out + 10;
    size_t room = MAX_HEADER - 10;
    int at = snprintf(text, room, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", types[type].size > 1 ? '<' : '|',
                      types[type].code);
    for (int i = 0; i < n_dims; i++)
        at += snprintf(text + at, room - (size_t)at, "%lld%s", (long long)shape[i], i + 1 < n_dims ? ", " : n_dims == 1 ? "," : "");
    at += snprintf(text + at, room - (size_t)at, "), }");
    while ((10 + at + 1) % ALIGNMENT)
        text[at++] = ' ';
    text[at++] = '\n';
    memcpy(out, MAGIC "\x01\x00", MAGIC_BYTES + 2);
    out[8] = (char)(at & 255), out[9] = (char)(at >> 8);
    return 10 + (size_t)at;
}

typedef struct output {
    const char *head;
    const void *data;
    size_t      head_bytes, data_bytes;
} output;

static void write_all(FILE *file, const void *ctx)
{
    const output *out = ctx;
    if (fwrite(out->head, 1, out->head_bytes, file) == out->head_bytes)
        fwrite(out->data, 1, out->data_bytes, file);
}

int hf_npy_write(const char *path, hf_entry_type type, int n_dims, const int64_t *shape, const void *data,
                 hf_error *err)
{
    char head[MAX_HEADER];
    int row = 0;

    while (row < N_TYPES && types[row].type != type)
        row++;
    if (row == N_TYPES || n_dims < 0 || n_dims > HF_ENTRY_MAX_DIMS)
        return hf_fail(err, HF_EARG, "%s: .npy has no array of this type or of %d dimensions", path, n_dims);
    size_t bytes = (size_t)types[row].size;
    for (int i = 0; i < n_dims; i++)
        if (shape[i] < 0 || __builtin_mul_overflow(bytes, (size_t)shape[i], &bytes))
            return hf_fail(err, HF_EARG, "%s: dimension %d of a .npy is %lld", path, i, (long long)shape[i]);
    size_t head_bytes = make_header(head, row, n_dims, shape);
    return hf_part_file_write(path, write_all, &(output){ head, data, head_bytes, bytes }, err);
}
