/* shards.c - see shards.h. */
#include "io/shards.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INDEX_BYTES ((size_t)32 << 20)

int hf_shards_probe(const uint8_t *bytes, size_t n_bytes)
{
    size_t i = 0;
    while (i < n_bytes && (bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\r' || bytes[i] == '\n'))
        i++;
    return i < n_bytes && bytes[i] == '{';
}

static int out_of_memory(const hf_tensor_file *f, hf_error *err)
{
    return hf_fail(err, HF_ENOMEM, "%s: out of memory for its shards", f->path);
}

/* Shards lie beside their index: an index from elsewhere must not open files of other folders. */
static int check_shard_name(const hf_tensor_file *f, const char *array, const char *shard, hf_error *err)
{
    if (!shard)
        return hf_fail(err, HF_EFORMAT, "%s: weight_map: \"%s\" is in no file", f->path, array);
    if (!*shard || strchr(shard, '/') || strcmp(shard, ".") == 0 || strcmp(shard, "..") == 0)
        return hf_fail(err, HF_EFORMAT, "%s: weight_map: \"%s\" is in \"%s\", want a file in the same folder", f->path, array,
                       shard);
    return HF_OK;
}

/* The shard of that name in the index's folder; opened once. */
static int open_shard(hf_tensor_file *f, const hf_tensor_file **out, const char *name, hf_error *err)
{
    const char *slash = strrchr(f->path, '/');
    int folder_size = slash ? (int)(slash - f->path) + 1 : 0, rc;

    for (size_t i = f->n_shards; i-- > 0;) /* neighbours in the index mostly share a file */
        if (strcmp(f->shards[i]->path + folder_size, name) == 0) {
            *out = f->shards[i];
            return HF_OK;
        }
    hf_tensor_file **larger = realloc(f->shards, (f->n_shards + 1) * sizeof(*larger));
    char *path = NULL;
    if (larger)
        f->shards = larger;
    if (!larger || asprintf(&path, "%.*s%s", folder_size, f->path, name) < 0)
        return out_of_memory(f, err);
    if ((rc = hf_tensor_file_open_single(&f->shards[f->n_shards], path, err)) >= 0)
        *out = f->shards[f->n_shards++];
    free(path);
    return rc;
}

static int add_array(hf_tensor_file *f, const char *name, const char *shard_name, hf_error *err)
{
    const hf_tensor_file *shard = NULL;
    int rc = open_shard(f, &shard, shard_name, err);
    if (rc < 0)
        return rc;
    const hf_tensor_entry *e = hf_tensor_file_find(shard, name);
    if (!e)
        return hf_fail(err, HF_EFORMAT, "%s: weight_map: \"%s\" is not in %s", f->path, name, shard_name);
    return hf_tensor_table_add(f, e, strlen(name), err);
}

static int read_index(hf_tensor_file *f, json_t **index, hf_error *err)
{
    json_error_t json_err;

    if (f->n_bytes > MAX_INDEX_BYTES)
        return hf_fail(err, HF_EFORMAT, "%s: an index of %zu bytes, want at most %zu", f->path, f->n_bytes, MAX_INDEX_BYTES);
    *index = json_loadb((const char *)f->bytes, f->n_bytes, JSON_REJECT_DUPLICATES, &json_err);
    if (!*index)
        return hf_fail(err, HF_EFORMAT, "%s: line %d: %s", f->path, json_err.line, json_err.text);
    if (!json_is_object(json_object_get(*index, "weight_map")))
        return hf_fail(err, HF_EFORMAT, "%s: JSON without \"weight_map\", so no index of shards", f->path);
    const json_t *metadata = json_object_get(*index, "metadata");
    if (json_is_object(metadata) && !(f->metadata = json_dumps(metadata, JSON_COMPACT)))
        return out_of_memory(f, err);
    return HF_OK;
}

int hf_shards_read_table(hf_tensor_file *f, hf_error *err)
{
    json_t *index = NULL, *shard;
    const char *name;
    int rc;

    if ((rc = read_index(f, &index, err)) < 0)
        goto end;
    json_t *map = json_object_get(index, "weight_map");
    json_object_foreach(map, name, shard)
        if ((rc = check_shard_name(f, name, json_string_value(shard), err)) < 0)
            goto end;
    if (!f->map.bytes) {
        rc = hf_fail(err, HF_EUNSUPPORTED, "%s: an index of shards in memory has no folder with shards", f->path);
        goto end;
    }
    json_object_foreach(map, name, shard)
        if ((rc = add_array(f, name, json_string_value(shard), err)) < 0)
            goto end;
end:
    json_decref(index);
    return rc;
}
