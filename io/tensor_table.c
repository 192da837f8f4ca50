/* tensor_table.c - see tensor_table.h; and looking up in a table, tensor_file.h. */
#include "io/tensor_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct hf_tensor_block {
    struct hf_tensor_block *next;
    size_t                  n_bytes; /* keeps the data aligned to 16 */
    unsigned char           data[];
} hf_tensor_block;

int hf_tensor_table_new(hf_tensor_file **out, const char *path, hf_error *err)
{
    hf_tensor_file *f = calloc(1, sizeof(*f));

    *out = NULL;
    if (!f || !(f->path = strdup(path))) {
        free(f);
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    }
    *out = f;
    return HF_OK;
}

void *hf_tensor_table_alloc(hf_tensor_file *f, size_t n_bytes)
{
    hf_tensor_block *block;

    if (n_bytes > SIZE_MAX - sizeof(*block) || !(block = calloc(1, sizeof(*block) + n_bytes)))
        return NULL;
    block->next = f->blocks;
    block->n_bytes = n_bytes;
    f->blocks = block;
    return block->data;
}

static int out_of_memory(const hf_tensor_file *f, hf_error *err)
{
    return hf_fail(err, HF_ENOMEM, "%s: out of memory for its table of arrays", f->path);
}

int hf_tensor_table_add(hf_tensor_file *f, const hf_tensor_entry *entry, size_t name_size, hf_error *err)
{
    if (f->n_entries == f->room) {
        size_t room = f->room ? 2 * f->room : 256;
        hf_tensor_entry *larger = realloc(f->entries, room * sizeof(*larger));
        if (!larger)
            return out_of_memory(f, err);
        f->entries = larger, f->room = room;
    }
    char *name = hf_tensor_table_alloc(f, name_size + 1);
    if (!name)
        return out_of_memory(f, err);
    memcpy(name, entry->name, name_size);
    f->entries[f->n_entries] = *entry;
    f->entries[f->n_entries++].name = name;
    return HF_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const hf_tensor_entry *)a)->name, ((const hf_tensor_entry *)b)->name);
}

int hf_tensor_table_finish(hf_tensor_file *f, hf_error *err)
{
    if (f->n_entries)
        qsort(f->entries, f->n_entries, sizeof(*f->entries), by_name);
    for (size_t i = 1; i < f->n_entries; i++)
        if (by_name(&f->entries[i - 1], &f->entries[i]) == 0)
            return hf_fail(err, HF_EFORMAT, "%s: two arrays are called \"%s\"", f->path, f->entries[i].name);
    return HF_OK;
}

int hf_tensor_table_measure(const hf_tensor_file *f, hf_tensor_entry *e, hf_error *err)
{
    uint64_t bytes = hf_entry_type_size(e->type);
    int has_zero = 0;

    for (int i = 0; i < e->n_dims; i++) {
        if (e->shape[i] < 0)
            return hf_fail(err, HF_EFORMAT, "%s: \"%s\": dimension %d is %" PRId64, f->path, e->name, i, e->shape[i]);
        if (e->shape[i] == 0)
            has_zero = 1;
        else if ((uint64_t)e->shape[i] > INT64_MAX / bytes)
            return hf_fail(err, HF_EFORMAT, "%s: \"%s\": its shape is larger than any memory", f->path, e->name);
        else
            bytes *= (uint64_t)e->shape[i];
    }
    e->bytes = has_zero ? 0 : (size_t)bytes;
    return HF_OK;
}

void hf_tensor_file_close(hf_tensor_file **file)
{
    hf_tensor_file *f;
    if (!file || !(f = *file))
        return;
    for (size_t i = 0; i < f->n_shards; i++)
        hf_tensor_file_close(&f->shards[i]);
    for (hf_tensor_block *next, *b = f->blocks; b; b = next) {
        next = b->next;
        free(b);
    }
    hf_mapped_file_close(&f->map);
    free(f->shards);
    free(f->entries);
    free(f->metadata);
    free(f->path);
    free(f);
    *file = NULL;
}

const hf_tensor_entry *hf_tensor_file_find(const hf_tensor_file *f, const char *name)
{
    hf_tensor_entry key = { .name = name };
    return f->n_entries ? bsearch(&key, f->entries, f->n_entries, sizeof(key), by_name) : NULL;
}

const hf_tensor_entry *hf_tensor_file_list(const hf_tensor_file *f, size_t *n)
{
    *n = f->n_entries;
    return f->entries;
}

const char *hf_tensor_file_metadata(const hf_tensor_file *f) { return f->metadata ? f->metadata : "{}"; }

const char *hf_tensor_file_path(const hf_tensor_file *f) { return f->path; }

void hf_tensor_file_drop(const hf_tensor_file *f, const hf_tensor_entry *e)
{
    hf_mapped_file_drop(&f->map, e->data, e->bytes);
    for (size_t i = 0; i < f->n_shards; i++)
        hf_tensor_file_drop(f->shards[i], e);
}

static const struct {
    size_t      size;
    const char *name;
} types[] = {
    [HF_ENTRY_F32] = { 4, "f32" }, [HF_ENTRY_F16] = { 2, "f16" }, [HF_ENTRY_BF16] = { 2, "bf16" },
    [HF_ENTRY_F64] = { 8, "f64" }, [HF_ENTRY_I64] = { 8, "i64" }, [HF_ENTRY_I32] = { 4, "i32" },
    [HF_ENTRY_I16] = { 2, "i16" }, [HF_ENTRY_I8] = { 1, "i8" },   [HF_ENTRY_U8] = { 1, "u8" },
    [HF_ENTRY_BOOL] = { 1, "bool" },
};

size_t hf_entry_type_size(hf_entry_type type) { return types[type].size; }

const char *hf_entry_type_name(hf_entry_type type) { return types[type].name; }
