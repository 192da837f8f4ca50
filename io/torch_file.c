/* torch_file.c - see torch_file.h. Finds the pickle of the object and the data of its storages; torch_values.c does
 * the rest. */
#include "io/torch_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io/pickle.h"
#include "io/torch_values.h"
#include "io/zip_read.h"

/* ---- archives ---- */

typedef struct archive {
    hf_tensor_file *file;
    hf_zip          zip;
    const char     *folder; /* "NAME/" */
    size_t          folder_size;
    hf_error       *err;
} archive;

static int ends_with(const hf_zip_member *m, const char *text)
{
    size_t n = strlen(text);
    return m->name_size >= n && memcmp(m->name + m->name_size - n, text, n) == 0;
}

/* The member "NAME/" + text + key. */
static const hf_zip_member *find_member(const archive *a, const char *text, hf_pickle_text key)
{
    char name[512];
    size_t n = strlen(text);
    if (a->folder_size + n + key.n > sizeof(name))
        return NULL;
    memcpy(name, a->folder, a->folder_size);
    memcpy(name + a->folder_size, text, n);
    memcpy(name + a->folder_size + n, key.bytes, key.n);
    return hf_zip_find(&a->zip, name, a->folder_size + n + key.n);
}

static int find_object(archive *a, const hf_zip_member **object)
{
    const char *path = a->file->path;

    *object = NULL;
    for (size_t i = 0; i < a->zip.n_members; i++) {
        const hf_zip_member *m = &a->zip.members[i];
        if (!ends_with(m, "/data.pkl"))
            continue;
        if (*object)
            return hf_fail(a->err, HF_EFORMAT, "%s: zip archive with two members data.pkl", path);
        *object = m;
    }
    if (!*object)
        return hf_fail(a->err, HF_EFORMAT, "%s: zip archive without data.pkl, so torch did not write it", path);
    a->folder = (*object)->name;
    a->folder_size = (*object)->name_size - strlen("data.pkl");
    if (find_member(a, "constants.pkl", (hf_pickle_text){ "", 0 }))
        return hf_fail(a->err, HF_EUNSUPPORTED, "%s: is a TorchScript program, want a file of weights", path);
    const hf_zip_member *order = find_member(a, "byteorder", (hf_pickle_text){ "", 0 });
    if (order && (order->n_bytes < 6 || memcmp(order->data, "little", 6) != 0))
        return hf_fail(a->err, HF_EUNSUPPORTED, "%s: its numbers are not little endian", path);
    return HF_OK;
}

static int find_storages(const archive *a, const hf_pickle *pickle)
{
    for (size_t i = 0; i < pickle->n_storages; i++) {
        hf_pickle_storage *s = pickle->storages[i];
        const hf_zip_member *m = find_member(a, "data/", s->key);
        int shown = s->key.n < 64 ? (int)s->key.n : 64;
        if (!m)
            return hf_fail(a->err, HF_EFORMAT, "%s: has no member data/%.*s, which its tensors want", a->file->path, shown,
                           s->key.bytes);
        if ((uint64_t)s->n_elements > m->n_bytes / hf_entry_type_size(s->type))
            return hf_fail(a->err, HF_EFORMAT, "%s: member data/%.*s has %zu bytes, want %" PRId64 " elements of %s",
                           a->file->path, shown, s->key.bytes, m->n_bytes, s->n_elements, hf_entry_type_name(s->type));
        s->data = m->data;
    }
    return HF_OK;
}

int hf_torch_archive_read_table(hf_tensor_file *file, hf_error *err)
{
    archive a = { .file = file, .err = err };
    hf_pickle pickle = { .top = NULL };
    const hf_zip_member *object;
    int rc;

    if ((rc = hf_zip_open(&a.zip, file->bytes, file->n_bytes, file->path, err)) < 0 ||
        (rc = find_object(&a, &object)) < 0 ||
        (rc = hf_pickle_open(&pickle, object->data, object->n_bytes, file->path, err)) < 0 ||
        (rc = find_storages(&a, &pickle)) < 0)
        goto end;
    rc = hf_torch_values_read(file, &pickle, err);
end:
    hf_pickle_close(&pickle);
    hf_zip_close(&a.zip);
    return rc;
}

/* ---- files before 1.6 ---- */

static const uint8_t magic[] = { 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19 };

int hf_torch_legacy_probe(const uint8_t *bytes, size_t n_bytes)
{
    return n_bytes >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
}

/* The pickle at *at; *at moves behind it. */
static int next_pickle(hf_tensor_file *f, size_t *at, hf_pickle *pickle, hf_error *err)
{
    int rc = hf_pickle_open(pickle, f->bytes + *at, f->n_bytes - *at, f->path, err);
    *at += pickle->n_bytes;
    return rc;
}

static int check_magic(hf_tensor_file *f, size_t *at, hf_error *err)
{
    hf_pickle pickle;
    int rc = next_pickle(f, at, &pickle, err);
    if (rc < 0)
        return rc;
    const hf_pickle_value *top = pickle.top;
    if (top->kind != HF_PICKLE_LONG || top->text.n != sizeof(magic) || memcmp(top->text.bytes, magic, sizeof(magic)) != 0)
        rc = hf_fail(err, HF_EFORMAT, "%s: is a pickle, but not one of torch.save", f->path);
    hf_pickle_close(&pickle);
    return rc;
}

static int check_version(hf_tensor_file *f, size_t *at, hf_error *err)
{
    hf_pickle pickle;
    int rc = next_pickle(f, at, &pickle, err);
    if (rc < 0)
        return rc;
    if (pickle.top->kind != HF_PICKLE_INT || pickle.top->integer != 1001)
        rc = hf_fail(err, HF_EUNSUPPORTED, "%s: a torch file of unknown version, want 1001", f->path);
    hf_pickle_close(&pickle);
    return rc;
}

static int check_system(hf_tensor_file *f, size_t *at, hf_error *err)
{
    hf_pickle pickle;
    int rc = next_pickle(f, at, &pickle, err);
    if (rc < 0)
        return rc;
    const hf_pickle_value *top = pickle.top;
    for (size_t i = 0; top->kind == HF_PICKLE_DICT && i < top->items.n; i += 2) {
        const hf_pickle_value *key = top->items.at[i], *value = top->items.at[i + 1];
        if (key->kind == HF_PICKLE_STRING && key->text.n == 13 && memcmp(key->text.bytes, "little_endian", 13) == 0 &&
            (value->kind != HF_PICKLE_BOOL || !value->integer))
            rc = hf_fail(err, HF_EUNSUPPORTED, "%s: its numbers are not little endian", f->path);
    }
    hf_pickle_close(&pickle);
    return rc;
}

static int compare_texts(hf_pickle_text a, hf_pickle_text b)
{
    int order = memcmp(a.bytes, b.bytes, a.n < b.n ? a.n : b.n);
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_key(const void *a, const void *b)
{
    return compare_texts((*(hf_pickle_storage *const *)a)->key, (*(hf_pickle_storage *const *)b)->key);
}

/* First storage of that key among the sorted ones; NULL if there is none. */
static hf_pickle_storage **first_of_key(const hf_pickle *object, hf_pickle_text key)
{
    size_t low = 0, high = object->n_storages;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare_texts(object->storages[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < object->n_storages && compare_texts(object->storages[low]->key, key) == 0 ? &object->storages[low] : NULL;
}

static uint64_t read_u64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

/* The elements of one key lie at *at, behind their count. */
static int place_storage(hf_tensor_file *f, size_t *at, const hf_pickle *object, const hf_pickle_value *key, hf_error *err)
{
    hf_pickle_storage **s = key->kind == HF_PICKLE_STRING ? first_of_key(object, key->text) : NULL;
    hf_pickle_storage **end = object->storages + object->n_storages;

    if (!s)
        return hf_fail(err, HF_EFORMAT, "%s: its list of storages has one that no tensor mentions", f->path);
    uint64_t count = (uint64_t)(*s)->n_elements;
    size_t size = hf_entry_type_size((*s)->type), left = f->n_bytes - *at;
    if (left < 8 || read_u64(f->bytes + *at) != count)
        return hf_fail(err, HF_EFORMAT, "%s: byte %zu: want the count %" PRIu64 " of a storage", f->path, *at, count);
    if (count > (left - 8) / size)
        return hf_fail(err, HF_EFORMAT, "%s: byte %zu: %" PRIu64 " elements of %zu bytes, the file has %zu (is it cut off?)",
                       f->path, *at, count, size, left - 8);
    hf_pickle_text text = (*s)->key;
    hf_entry_type type = (*s)->type;
    for (; s < end && compare_texts((*s)->key, text) == 0; s++) {
        if ((*s)->type != type || (uint64_t)(*s)->n_elements != count)
            return hf_fail(err, HF_EFORMAT, "%s: one storage is mentioned with two types or sizes", f->path);
        (*s)->data = f->bytes + *at + 8;
    }
    *at += 8 + (size_t)count * size;
    return HF_OK;
}

static int place_storages(hf_tensor_file *f, size_t at, const hf_pickle *object, hf_error *err)
{
    hf_pickle keys;
    int rc = next_pickle(f, &at, &keys, err);
    if (rc < 0)
        return rc;
    if (keys.top->kind != HF_PICKLE_LIST)
        rc = hf_fail(err, HF_EFORMAT, "%s: has no list of its storages", f->path);
    if (object->n_storages)
        qsort(object->storages, object->n_storages, sizeof(*object->storages), by_key);
    for (size_t i = 0; rc >= 0 && i < keys.top->items.n; i++)
        rc = place_storage(f, &at, object, keys.top->items.at[i], err);
    hf_pickle_close(&keys);
    return rc;
}

int hf_torch_legacy_read_table(hf_tensor_file *file, hf_error *err)
{
    hf_pickle object = { .top = NULL };
    size_t at = 0;
    int rc;

    if ((rc = check_magic(file, &at, err)) < 0 || (rc = check_version(file, &at, err)) < 0 ||
        (rc = check_system(file, &at, err)) < 0 || (rc = next_pickle(file, &at, &object, err)) < 0 ||
        (rc = place_storages(file, at, &object, err)) < 0)
        goto end;
    rc = hf_torch_values_read(file, &object, err);
end:
    hf_pickle_close(&object);
    return rc;
}
