/* torch_values.c - see torch_values.h. Walks through the object once.
 *
 * A pickle may mention one value many times, a list in itself even, so a few bytes can stand for an endless tree.
 * Two bounds hold: the depth, and the work (values visited and bytes of text written) compared with the size of the pickle.
 */
#include "io/torch_values.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 64
#define MAX_NAME 4096 /* bytes of a joined name */
#define FREE_WORK ((size_t)64 << 10)
#define FREE_COPIES ((size_t)16 << 20)

typedef struct walk {
    hf_tensor_file *file;
    size_t          work_left, copies_left; /* bytes */
    char            name[MAX_NAME + 1];
    size_t          name_size;
    int             depth;
    hf_error       *err;
} walk;

/* ---- tensors ---- */

static int fail_tensor(const walk *w, hf_status status, const char *what)
{
    return hf_fail(w->err, status, "%s: \"%s\": %s", w->file->path, w->name, what);
}

/* The last element that the view touches lies in its storage. The shape holds no 0. */
static int check_view(const walk *w, const hf_pickle_tensor *t)
{
    int64_t last = t->offset, step;
    for (int i = 0; i < t->n_dims; i++)
        if (__builtin_mul_overflow(t->shape[i] - 1, t->stride[i], &step) || __builtin_add_overflow(last, step, &last))
            return fail_tensor(w, HF_EFORMAT, "its strides are larger than any memory");
    if (last >= t->storage->n_elements)
        return hf_fail(w->err, HF_EFORMAT, "%s: \"%s\": reaches to element %" PRId64 " of a storage of %" PRId64, w->file->path,
                       w->name, last, t->storage->n_elements);
    return t->storage->data ? HF_OK : fail_tensor(w, HF_EFORMAT, "the file has no data for it");
}

static int is_packed(const hf_pickle_tensor *t)
{
    int64_t stride = 1;
    for (int i = t->n_dims - 1; i >= 0; i--) {
        if (t->shape[i] != 1 && t->stride[i] != stride)
            return 0;
        stride *= t->shape[i];
    }
    return 1;
}

static void copy_view(uint8_t *out, const hf_pickle_tensor *t, size_t size, size_t n_bytes)
{
    const uint8_t *data = t->storage->data + (size_t)t->offset * size;
    int64_t at[HF_ENTRY_MAX_DIMS] = { 0 }, stride[HF_ENTRY_MAX_DIMS], from = 0;

    for (int i = 0; i < t->n_dims; i++) /* the stride of a dimension of 1 means nothing and may be anything */
        stride[i] = t->shape[i] == 1 ? 0 : t->stride[i];
    for (size_t done = 0; done < n_bytes; done += size) {
        memcpy(out + done, data + (size_t)from * size, size);
        for (int i = t->n_dims - 1; i >= 0; i--) { /* the last index goes on; one that is full starts again */
            from += stride[i];
            if (++at[i] < t->shape[i])
                break;
            from -= stride[i] * t->shape[i];
            at[i] = 0;
        }
    }
}

/* Views across their storage (transposed, expanded) become arrays of their own. */
static int pack_view(walk *w, hf_tensor_entry *e, const hf_pickle_tensor *t)
{
    uint8_t *copy;
    if (e->bytes > w->copies_left)
        return fail_tensor(w, HF_EUNSUPPORTED, "is spread over its storage and much larger than the file");
    if (!(copy = hf_tensor_table_alloc(w->file, e->bytes)))
        return fail_tensor(w, HF_ENOMEM, "no memory to pack it");
    w->copies_left -= e->bytes;
    copy_view(copy, t, hf_entry_type_size(e->type), e->bytes);
    e->data = copy;
    return HF_OK;
}

static int add_tensor(walk *w, const hf_pickle_tensor *t)
{
    hf_tensor_entry e = { .name = w->name, .type = t->storage->type, .n_dims = t->n_dims, .data = w->file->bytes };
    int rc;

    memcpy(e.shape, t->shape, sizeof(e.shape));
    if ((rc = hf_tensor_table_measure(w->file, &e, w->err)) < 0)
        return rc;
    if (e.bytes && (rc = check_view(w, t)) < 0)
        return rc;
    if (e.bytes && is_packed(t))
        e.data = t->storage->data + (size_t)t->offset * hf_entry_type_size(e.type);
    else if (e.bytes && (rc = pack_view(w, &e, t)) < 0)
        return rc;
    return hf_tensor_table_add(w->file, &e, w->name_size, w->err);
}

/* ---- values ---- */

static int pay(walk *w, size_t work)
{
    if (work > w->work_left)
        return hf_fail(w->err, HF_EUNSUPPORTED, "%s: its object mentions the same values too often", w->file->path);
    w->work_left -= work;
    return HF_OK;
}

/* Append ".key" to the name; the caller sets it back by its size. */
static int append_name(walk *w, const char *key, size_t n)
{
    size_t dot = w->depth > 1;
    if (memchr(key, 0, n))
        return hf_fail(w->err, HF_EFORMAT, "%s: \"%s\": a key in it has a zero byte", w->file->path, w->name);
    if (n > MAX_NAME || w->name_size + dot + n > MAX_NAME)
        return hf_fail(w->err, HF_EUNSUPPORTED, "%s: \"%.64s...\": a name of more than %d bytes", w->file->path, w->name, MAX_NAME);
    if (dot)
        w->name[w->name_size++] = '.';
    memcpy(w->name + w->name_size, key, n);
    w->name_size += n;
    w->name[w->name_size] = 0;
    return HF_OK;
}

static void cut_name(walk *w, size_t size) { w->name[w->name_size = size] = 0; }

static int read_value(walk *w, const hf_pickle_value *v, json_t **out);

/* One item, under its name; *out is NULL if there is nothing to say of it but its tensors. */
static int read_item(walk *w, const hf_pickle_value *v, const char *key, size_t key_size, json_t **out)
{
    size_t before = w->name_size;
    int rc = append_name(w, key, key_size);
    if (rc >= 0)
        rc = read_value(w, v, out);
    cut_name(w, before);
    return rc;
}

static int read_list(walk *w, const hf_pickle_items *items, json_t **out)
{
    json_t *list = json_array(), *item = NULL;
    int rc = HF_OK, says = items->n == 0;

    for (size_t i = 0; i < items->n; i++) {
        char key[24];
        int n = snprintf(key, sizeof(key), "%zu", i);
        if ((rc = read_item(w, items->at[i], key, (size_t)n, &item)) < 0)
            goto end;
        says |= item != NULL;
        json_array_append_new(list, item ? item : json_null());
    }
    if (says) {
        *out = list;
        list = NULL;
    }
end:
    json_decref(list);
    return rc;
}

/* Keys are mostly strings; numbers of parameters in optimisers are integers. Others have no name, and are skipped. */
static const char *key_text(const hf_pickle_value *v, char number[24], size_t *n)
{
    switch (v->kind) {
    case HF_PICKLE_STRING:
        *n = v->text.n;
        return v->text.bytes;
    case HF_PICKLE_GLOBAL:
        *n = strlen(hf_pickle_global_name(v));
        return hf_pickle_global_name(v);
    case HF_PICKLE_INT:
        *n = (size_t)snprintf(number, 24, "%" PRId64, v->integer);
        return number;
    default:
        return NULL;
    }
}

static int read_dict(walk *w, const hf_pickle_items *items, json_t **out)
{
    json_t *dict = json_object(), *item = NULL;
    int rc = HF_OK, says = items->n == 0;

    for (size_t i = 0; i < items->n; i += 2) {
        char number[24];
        size_t n;
        const char *key = key_text(items->at[i], number, &n);
        if (!key)
            continue;
        if ((rc = pay(w, n)) < 0 || (rc = read_item(w, items->at[i + 1], key, n, &item)) < 0)
            goto end;
        if (!item)
            continue;
        /* Refuses a key that is no UTF-8: then there is nothing that JSON could say. */
        says |= json_object_setn_new(dict, key, n, item) == 0;
    }
    if (says) {
        *out = dict;
        dict = NULL;
    }
end:
    json_decref(dict);
    return rc;
}

static int read_value(walk *w, const hf_pickle_value *v, json_t **out)
{
    int rc = pay(w, 1);

    *out = NULL;
    if (rc < 0)
        return rc;
    if (w->depth > MAX_DEPTH)
        return hf_fail(w->err, HF_EFORMAT, "%s: values nested deeper than %d", w->file->path, MAX_DEPTH);
    switch (v->kind) {
    case HF_PICKLE_TENSOR:
        return (rc = pay(w, w->name_size)) < 0 ? rc : add_tensor(w, v->tensor);
    case HF_PICKLE_TUPLE:
    case HF_PICKLE_LIST:
    case HF_PICKLE_DICT:
        w->depth++;
        rc = (v->kind == HF_PICKLE_DICT ? read_dict : read_list)(w, &v->items, out);
        w->depth--;
        return rc;
    case HF_PICKLE_STRING:
        if ((rc = pay(w, v->text.n)) >= 0)
            *out = json_stringn(v->text.bytes, v->text.n); /* NULL if it is no UTF-8 */
        return rc;
    case HF_PICKLE_INT:
        *out = json_integer(v->integer);
        return HF_OK;
    case HF_PICKLE_BOOL:
        *out = json_boolean(v->integer);
        return HF_OK;
    case HF_PICKLE_FLOAT:
        *out = json_real(v->number); /* NULL for NaN and infinity, which JSON cannot say */
        break;
    case HF_PICKLE_GLOBAL:
        *out = json_string(hf_pickle_global_name(v));
        return HF_OK;
    default:
        break;
    }
    if (!*out)
        *out = json_null();
    return HF_OK;
}

int hf_torch_values_read(hf_tensor_file *file, const hf_pickle *pickle, hf_error *err)
{
    walk *w = calloc(1, sizeof(*w));
    json_t *said = NULL;
    int rc;

    if (!w) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", file->path);
        goto end;
    }
    *w = (walk){ .file = file, .err = err, .work_left = FREE_WORK + 8 * pickle->n_bytes,
                 .copies_left = FREE_COPIES + 4 * file->n_bytes };
    if ((rc = read_value(w, pickle->top, &said)) < 0)
        goto end;
    if (json_is_object(said) && !(file->metadata = json_dumps(said, JSON_COMPACT)))
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for its metadata", file->path);
end:
    json_decref(said);
    free(w);
    return rc;
}
