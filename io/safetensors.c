/* safetensors.c - see safetensors.h. The rules are those of the public library: no holes, no overlaps, nothing
 * behind the last array, no name twice. Keys of an array beside the three known ones are skipped. */
#include "io/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A model of a hundred thousand arrays has 10 MB. The parsed form takes some twenty times as much memory. */
#define MAX_HEADER_BYTES (32u << 20)

typedef struct reader {
    hf_tensor_file *file;
    const uint8_t  *data; /* first byte behind the header */
    uint64_t        data_size;
    hf_error       *err;
} reader;

static uint64_t read_u64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

int hf_safetensors_probe(const uint8_t *bytes, size_t n_bytes)
{
    /* No header is 4 GB long, so bytes 4..7 are zeros; the JSON begins at once. */
    return n_bytes > 8 && memcmp(bytes + 4, "\0\0\0\0", 4) == 0 && bytes[8] == '{';
}

static int bad_entry(const reader *r, const char *name, const char *what)
{
    return hf_fail(r->err, HF_EFORMAT, "%s: \"%s\": %s", r->file->path, name, what);
}

static int read_type(const reader *r, hf_tensor_entry *e, const json_t *info)
{
    static const struct {
        const char   *name;
        hf_entry_type type;
    } known[] = {
        { "F32", HF_ENTRY_F32 }, { "F16", HF_ENTRY_F16 }, { "BF16", HF_ENTRY_BF16 }, { "F64", HF_ENTRY_F64 },
        { "I64", HF_ENTRY_I64 }, { "I32", HF_ENTRY_I32 }, { "I16", HF_ENTRY_I16 },   { "I8", HF_ENTRY_I8 },
        { "U8", HF_ENTRY_U8 },   { "BOOL", HF_ENTRY_BOOL },
    };
    const char *text = json_string_value(json_object_get(info, "dtype"));
    if (!text)
        return bad_entry(r, e->name, "no \"dtype\"");
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(text, known[i].name) == 0) {
            e->type = known[i].type;
            return HF_OK;
        }
    return hf_fail(r->err, HF_EUNSUPPORTED, "%s: \"%s\": type %.32s is not read, want one of F32 F16 BF16 F64 I64 I32 I16 I8 U8 BOOL",
                   r->file->path, e->name, text);
}

static int read_shape(const reader *r, hf_tensor_entry *e, const json_t *info)
{
    const json_t *shape = json_object_get(info, "shape");
    size_t n = json_array_size(shape);

    if (!json_is_array(shape))
        return bad_entry(r, e->name, "no \"shape\"");
    if (n > HF_ENTRY_MAX_DIMS)
        return hf_fail(r->err, HF_EUNSUPPORTED, "%s: \"%s\": %zu dimensions, want at most %d", r->file->path, e->name, n,
                       HF_ENTRY_MAX_DIMS);
    e->n_dims = (int)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *size = json_array_get(shape, i);
        if (!json_is_integer(size))
            return bad_entry(r, e->name, "a dimension is no integer");
        e->shape[i] = json_integer_value(size);
    }
    return hf_tensor_table_measure(r->file, e, r->err);
}

static int read_place(const reader *r, hf_tensor_entry *e, const json_t *info)
{
    const json_t *offsets = json_object_get(info, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);

    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return bad_entry(r, e->name, "no \"data_offsets\" of two integers");
    int64_t first = json_integer_value(begin), last = json_integer_value(end);
    if (first < 0 || last < first || (uint64_t)last > r->data_size)
        return hf_fail(r->err, HF_EFORMAT, "%s: \"%s\": bytes %" PRId64 " to %" PRId64 " of its data, which has %" PRIu64
                       " (is the file cut off?)", r->file->path, e->name, first, last, r->data_size);
    if ((uint64_t)(last - first) != e->bytes)
        return hf_fail(r->err, HF_EFORMAT, "%s: \"%s\": %" PRId64 " bytes, its shape wants %zu", r->file->path, e->name,
                       last - first, e->bytes);
    e->data = r->data + first;
    return HF_OK;
}

static int read_entry(const reader *r, const char *name, const json_t *info)
{
    hf_tensor_entry e = { .name = name };
    int rc;

    if (!json_is_object(info))
        return bad_entry(r, name, "is not described by an object");
    if ((rc = read_type(r, &e, info)) < 0 || (rc = read_shape(r, &e, info)) < 0 || (rc = read_place(r, &e, info)) < 0)
        return rc;
    return hf_tensor_table_add(r->file, &e, strlen(name), r->err);
}

static int read_metadata(const reader *r, const json_t *metadata)
{
    const char *key;
    json_t *value;

    if (!json_is_object(metadata))
        return bad_entry(r, "__metadata__", "is no object");
    json_object_foreach((json_t *)metadata, key, value)
        if (!json_is_string(value))
            return bad_entry(r, "__metadata__", "a value is no string");
    if (!(r->file->metadata = json_dumps(metadata, JSON_COMPACT)))
        return hf_fail(r->err, HF_ENOMEM, "%s: out of memory", r->file->path);
    return HF_OK;
}

static int by_place(const void *a, const void *b)
{
    const hf_tensor_entry *x = a, *y = b;
    uintptr_t p = (uintptr_t)x->data, q = (uintptr_t)y->data;
    /* Empty arrays first, so that the bytes still follow each other without a gap. */
    return p != q ? (p > q) - (p < q) : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int check_holes(const reader *r)
{
    hf_tensor_file *f = r->file;
    uint64_t end = 0;

    if (f->n_entries)
        qsort(f->entries, f->n_entries, sizeof(*f->entries), by_place);
    for (size_t i = 0; i < f->n_entries; i++) {
        uint64_t begin = (uint64_t)((const uint8_t *)f->entries[i].data - r->data);
        if (begin != end)
            return hf_fail(r->err, HF_EFORMAT, "%s: \"%s\" begins at byte %" PRIu64 " of the data, want %" PRIu64
                           ": arrays %s", f->path, f->entries[i].name, begin, end, begin < end ? "overlap" : "leave a hole");
        end = begin + f->entries[i].bytes;
    }
    if (end != r->data_size)
        return hf_fail(r->err, HF_EFORMAT, "%s: %" PRIu64 " bytes of data, its arrays take %" PRIu64, f->path, r->data_size, end);
    return HF_OK;
}

static int read_header(reader *r, json_t **header)
{
    hf_tensor_file *f = r->file;
    json_error_t json_err;

    /* The length is the file's own claim: compared by subtraction, adding 8 to it could wrap round and pass. */
    uint64_t n = read_u64(f->bytes);
    if (n > f->n_bytes - 8)
        return hf_fail(r->err, HF_EFORMAT, "%s: header claims %" PRIu64 " bytes, file has %zu (is it cut off?)", f->path, n,
                       f->n_bytes - 8);
    if (n > MAX_HEADER_BYTES)
        return hf_fail(r->err, HF_EFORMAT, "%s: header of %" PRIu64 " bytes, want at most %u", f->path, n, MAX_HEADER_BYTES);
    r->data = f->bytes + 8 + n;
    r->data_size = f->n_bytes - 8 - n;
    /* Begins with a brace, as hf_safetensors_probe saw, so whatever is read is an object. */
    *header = json_loadb((const char *)f->bytes + 8, (size_t)n, JSON_REJECT_DUPLICATES, &json_err);
    if (!*header)
        return hf_fail(r->err, HF_EFORMAT, "%s: header: byte %d: %s", f->path, 8 + json_err.position, json_err.text);
    return HF_OK;
}

int hf_safetensors_read_table(hf_tensor_file *file, hf_error *err)
{
    reader r = { .file = file, .err = err };
    json_t *header = NULL, *info;
    const char *name;
    int rc;

    if ((rc = read_header(&r, &header)) < 0)
        goto end;
    json_object_foreach(header, name, info) {
        rc = strcmp(name, "__metadata__") == 0 ? read_metadata(&r, info) : read_entry(&r, name, info);
        if (rc < 0)
            goto end;
    }
    rc = check_holes(&r);
end:
    json_decref(header);
    return rc;
}
