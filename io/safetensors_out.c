/* safetensors_out.c - see safetensors_out.h. */
#include "io/safetensors_out.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/part_file.h"

#define ALIGNMENT 8
#define WIDEST 8 /* bytes of the widest types: arrays are written from these to those of 1 byte */

typedef struct output {
    const char            *head;
    const hf_tensor_entry *arrays;
    size_t                 n;
} output;

static const char *type_name(hf_entry_type type)
{
    static const char *const names[] = {
        [HF_ENTRY_F32] = "F32", [HF_ENTRY_F16] = "F16", [HF_ENTRY_BF16] = "BF16", [HF_ENTRY_F64] = "F64",
        [HF_ENTRY_I64] = "I64", [HF_ENTRY_I32] = "I32", [HF_ENTRY_I16] = "I16",   [HF_ENTRY_I8] = "I8",
        [HF_ENTRY_U8] = "U8",   [HF_ENTRY_BOOL] = "BOOL",
    };
    return names[type];
}

static int measure(size_t *bytes, const hf_tensor_entry *e, const char *path, hf_error *err)
{
    bool fits = e->n_dims >= 0 && e->n_dims <= HF_ENTRY_MAX_DIMS;
    *bytes = hf_entry_type_size(e->type);
    for (int i = 0; fits && i < e->n_dims; i++)
        fits = e->shape[i] >= 0 && !__builtin_mul_overflow(*bytes, (size_t)e->shape[i], bytes);
    if (!fits || *bytes > INT64_MAX / 2)
        return hf_fail(err, HF_EARG, "%s: array \"%s\" has a shape that cannot be written", path, e->name);
    return HF_OK;
}

/* One array's line of the header. */
static int add_array(json_t *head, const hf_tensor_entry *e, size_t *at, const char *path, hf_error *err)
{
    size_t bytes;
    int rc;

    if (!e->name || !*e->name || strcmp(e->name, "__metadata__") == 0 || json_object_get(head, e->name))
        return hf_fail(err, HF_EARG, "%s: \"%s\" cannot be the name of an array", path, e->name ? e->name : "");
    if ((rc = measure(&bytes, e, path, err)) < 0)
        return rc;
    json_t *shape = json_array();
    for (int i = 0; i < e->n_dims; i++)
        json_array_append_new(shape, json_integer(e->shape[i]));
    json_t *line = json_pack("{s:s, s:o, s:[I,I]}", "dtype", type_name(e->type), "shape", shape, "data_offsets",
                             (json_int_t)*at, (json_int_t)(*at + bytes));
    *at += bytes;
    if (!line || json_object_set_new(head, e->name, line) < 0)
        return hf_fail(err, HF_EARG, "%s: array \"%s\": the name is not UTF-8", path, e->name);
    return HF_OK;
}

/* The header as text, with spaces behind it so that the arrays begin at a multiple of ALIGNMENT. */
static int make_head(char **text, const hf_tensor_entry *arrays, size_t n, const hf_metadata_line *metadata,
                     size_t n_metadata, const char *path, hf_error *err)
{
    json_t *head = json_object(), *about = json_object();
    size_t at = 0, length;
    char *json = NULL;
    int rc = HF_OK;

    for (size_t i = 0; i < n_metadata && rc >= 0; i++)
        if (json_object_set_new(about, metadata[i].key, json_string(metadata[i].text)) < 0)
            rc = hf_fail(err, HF_EARG, "%s: metadata \"%s\" is not UTF-8", path, metadata[i].key);
    for (int width = WIDEST; width; width /= 2)
        for (size_t i = 0; i < n && rc >= 0; i++)
            if (hf_entry_type_size(arrays[i].type) == (size_t)width)
                rc = add_array(head, &arrays[i], &at, path, err);
    if (rc >= 0 && n_metadata)
        json_object_set(head, "__metadata__", about);
    if (rc >= 0 && (!(json = json_dumps(head, JSON_COMPACT | JSON_PRESERVE_ORDER)) ||
                    !(*text = malloc(strlen(json) + ALIGNMENT + 1))))
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    if (rc >= 0) {
        length = strlen(json);
        memcpy(*text, json, length + 1);
        while (length % ALIGNMENT)
            (*text)[length++] = ' ';
        (*text)[length] = 0;
    }
    free(json);
    json_decref(head);
    json_decref(about);
    return rc;
}

/* The format has no holes: wide types first keeps every array aligned. The same order as in the header. */
static void write_arrays(FILE *file, const hf_tensor_entry *arrays, size_t n)
{
    for (int width = WIDEST; width; width /= 2)
        for (size_t i = 0; i < n; i++) {
            size_t bytes;
            if (hf_entry_type_size(arrays[i].type) != (size_t)width)
                continue;
            if (measure(&bytes, &arrays[i], "", NULL) < 0 || fwrite(arrays[i].data, 1, bytes, file) != bytes)
                return;
        }
}

static void write_all(FILE *file, const void *ctx)
{
    const output *out = ctx;
    size_t head_bytes = strlen(out->head);
    unsigned char size[8];

    for (int i = 0; i < 8; i++)
        size[i] = (unsigned char)(head_bytes >> 8 * i);
    if (fwrite(size, 1, sizeof(size), file) == sizeof(size) && fputs(out->head, file) >= 0)
        write_arrays(file, out->arrays, out->n);
}

int hf_safetensors_write(const char *path, const hf_tensor_entry *arrays, size_t n, const hf_metadata_line *metadata,
                         size_t n_metadata, hf_error *err)
{
    char *head = NULL;
    int rc = make_head(&head, arrays, n, metadata, n_metadata, path, err);

    if (rc >= 0)
        rc = hf_part_file_write(path, write_all, &(output){ head, arrays, n }, err);
    free(head);
    return rc;
}
