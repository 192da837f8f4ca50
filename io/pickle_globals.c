/* pickle_globals.c - the Python names that a pickle may use, and what they mean here.
 *
 * The list is all there is: a name that is not on it is refused before anything is done with it. It holds what
 * torch writes for tensors and state dictionaries, and harmless company found in published checkpoints: the options of a
 * training script (argparse.Namespace), NumPy scalars and the class that PyTorch Lightning 1.x used as the key
 * of its statistics.
 */
#include <string.h>

#include "io/pickle_machine.h"

typedef enum meaning {
    MEANS_NAME,    /* nothing but its name; cannot be called */
    MEANS_TENSOR,  /* (storage, offset, shape, stride, ...) -> tensor */
    MEANS_FIRST,   /* (x, ...) -> x */
    MEANS_DICT,    /* () or (list of pairs) -> dictionary */
    MEANS_LIST,    /* (list) -> list */
    MEANS_OPAQUE,  /* anything -> a value without use */
    MEANS_STORAGE, /* type of a storage; cannot be called */
    MEANS_OTHER_STORAGE /* of a type that is not read */
} meaning;

typedef struct hf_pickle_global {
    const char   *name;
    meaning       means;
    hf_entry_type type; /* of a storage */
} hf_pickle_global;

/* By name, so that a look-up can halve the list. */
static const hf_pickle_global known[] = {
    { "__builtin__.set", MEANS_LIST, 0 },
    { "_codecs.encode", MEANS_OPAQUE, 0 },
    { "argparse.Namespace", MEANS_DICT, 0 },
    { "builtins.frozenset", MEANS_LIST, 0 },
    { "builtins.set", MEANS_LIST, 0 },
    { "collections.OrderedDict", MEANS_DICT, 0 },
    { "numpy._core.multiarray.scalar", MEANS_OPAQUE, 0 },
    { "numpy.core.multiarray.scalar", MEANS_OPAQUE, 0 },
    { "numpy.dtype", MEANS_OPAQUE, 0 },
    { "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint", MEANS_NAME, 0 },
    { "torch.BFloat16Storage", MEANS_STORAGE, HF_ENTRY_BF16 },
    { "torch.BoolStorage", MEANS_STORAGE, HF_ENTRY_BOOL },
    { "torch.ByteStorage", MEANS_STORAGE, HF_ENTRY_U8 },
    { "torch.CharStorage", MEANS_STORAGE, HF_ENTRY_I8 },
    { "torch.ComplexDoubleStorage", MEANS_OTHER_STORAGE, 0 },
    { "torch.ComplexFloatStorage", MEANS_OTHER_STORAGE, 0 },
    { "torch.DoubleStorage", MEANS_STORAGE, HF_ENTRY_F64 },
    { "torch.FloatStorage", MEANS_STORAGE, HF_ENTRY_F32 },
    { "torch.HalfStorage", MEANS_STORAGE, HF_ENTRY_F16 },
    { "torch.IntStorage", MEANS_STORAGE, HF_ENTRY_I32 },
    { "torch.LongStorage", MEANS_STORAGE, HF_ENTRY_I64 },
    { "torch.QInt32Storage", MEANS_OTHER_STORAGE, 0 },
    { "torch.QInt8Storage", MEANS_OTHER_STORAGE, 0 },
    { "torch.QUInt8Storage", MEANS_OTHER_STORAGE, 0 },
    { "torch.ShortStorage", MEANS_STORAGE, HF_ENTRY_I16 },
    { "torch.Size", MEANS_FIRST, 0 },
    { "torch._utils._rebuild_parameter", MEANS_FIRST, 0 },
    { "torch._utils._rebuild_tensor", MEANS_TENSOR, 0 },
    { "torch._utils._rebuild_tensor_v2", MEANS_TENSOR, 0 },
    { "torch.bfloat16", MEANS_NAME, 0 },
    { "torch.bool", MEANS_NAME, 0 },
    { "torch.device", MEANS_FIRST, 0 },
    { "torch.float16", MEANS_NAME, 0 },
    { "torch.float32", MEANS_NAME, 0 },
    { "torch.float64", MEANS_NAME, 0 },
    { "torch.int16", MEANS_NAME, 0 },
    { "torch.int32", MEANS_NAME, 0 },
    { "torch.int64", MEANS_NAME, 0 },
    { "torch.int8", MEANS_NAME, 0 },
    { "torch.storage.UntypedStorage", MEANS_OTHER_STORAGE, 0 },
    { "torch.uint8", MEANS_NAME, 0 },
};

/* strcmp of "module.name" and a listed name. */
static int compare(hf_pickle_text module, hf_pickle_text name, const char *listed)
{
    size_t n = strlen(listed);
    const char *parts[] = { module.bytes, ".", name.bytes };
    const size_t sizes[] = { module.n, 1, name.n };

    for (int i = 0; i < 3; i++) {
        int order = memcmp(parts[i], listed, sizes[i] < n ? sizes[i] : n);
        if (order || sizes[i] > n)
            return order ? order : 1;
        listed += sizes[i], n -= sizes[i];
    }
    return n ? -1 : 0;
}

int hf_pickle_find_global(hf_pickle_machine *m, hf_pickle_value **out, hf_pickle_text module, hf_pickle_text name)
{
    size_t low = 0, high = sizeof(known) / sizeof(known[0]);

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(module, name, known[middle].name);
        if (order == 0) {
            int rc = hf_pickle_new_value(m, out, HF_PICKLE_GLOBAL);
            if (rc >= 0)
                (*out)->global = &known[middle];
            return rc;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return hf_pickle_fail(m, HF_EUNSUPPORTED, "wants the Python object \"%.*s.%.*s\"; only tensors, numbers, texts, lists and "
                          "dictionaries are read, and no code is run (store the state dictionary alone, or safetensors)",
                          module.n < 100 ? (int)module.n : 100, module.bytes, name.n < 100 ? (int)name.n : 100, name.bytes);
}

const char *hf_pickle_global_name(const hf_pickle_value *global) { return global->global->name; }

/* ---- calls ---- */

/* A tuple of whole numbers of at least 0. Returns their number, or -1. */
static int read_sizes(const hf_pickle_value *v, int64_t *out)
{
    if (v->kind != HF_PICKLE_TUPLE || v->items.n > HF_ENTRY_MAX_DIMS)
        return -1;
    for (size_t i = 0; i < v->items.n; i++) {
        if (v->items.at[i]->kind != HF_PICKLE_INT || v->items.at[i]->integer < 0)
            return -1;
        out[i] = v->items.at[i]->integer;
    }
    return (int)v->items.n;
}

static int new_tensor(hf_pickle_machine *m, hf_pickle_value **out, const hf_pickle_items *arguments)
{
    hf_pickle_value *const *a = arguments->at;
    hf_pickle_tensor t;
    void *kept;
    int rc;

    if (arguments->n < 4 || a[0]->kind != HF_PICKLE_STORAGE || a[1]->kind != HF_PICKLE_INT || a[1]->integer < 0)
        return hf_pickle_fail(m, HF_EFORMAT, "a tensor without storage or offset");
    t = (hf_pickle_tensor){ .storage = a[0]->storage, .offset = a[1]->integer };
    t.n_dims = read_sizes(a[2], t.shape);
    if (t.n_dims < 0 || read_sizes(a[3], t.stride) != t.n_dims)
        return hf_pickle_fail(m, HF_EFORMAT, "a tensor whose shape and strides are not two rows of at most %d whole numbers",
                              HF_ENTRY_MAX_DIMS);
    if ((rc = hf_pickle_alloc(m, &kept, sizeof(t))) < 0 || (rc = hf_pickle_new_value(m, out, HF_PICKLE_TENSOR)) < 0)
        return rc;
    (*out)->tensor = memcpy(kept, &t, sizeof(t));
    return HF_OK;
}

/* dict([[key, value], ...]), as Python 2 wrote ordered dictionaries. */
static int new_dict(hf_pickle_machine *m, hf_pickle_value **out, const hf_pickle_items *arguments)
{
    const hf_pickle_value *pairs = arguments->n ? arguments->at[0] : NULL;
    int rc = hf_pickle_new_value(m, out, HF_PICKLE_DICT);

    if (rc < 0 || !pairs)
        return rc;
    if (arguments->n > 1 || pairs->kind != HF_PICKLE_LIST)
        return hf_pickle_fail(m, HF_EFORMAT, "a dictionary of what is no list of pairs");
    for (size_t i = 0; i < pairs->items.n; i++) {
        const hf_pickle_value *pair = pairs->items.at[i];
        if ((pair->kind != HF_PICKLE_LIST && pair->kind != HF_PICKLE_TUPLE) || pair->items.n != 2)
            return hf_pickle_fail(m, HF_EFORMAT, "a dictionary of what is no list of pairs");
        if ((rc = hf_pickle_append(m, &(*out)->items, pair->items.at, 2)) < 0)
            return rc;
    }
    return HF_OK;
}

static int new_list(hf_pickle_machine *m, hf_pickle_value **out, const hf_pickle_items *arguments)
{
    int rc = hf_pickle_new_value(m, out, HF_PICKLE_LIST);
    if (rc < 0 || !arguments->n)
        return rc;
    if (arguments->n > 1 || arguments->at[0]->kind != HF_PICKLE_LIST)
        return hf_pickle_fail(m, HF_EFORMAT, "a set of what is no list");
    return hf_pickle_append(m, &(*out)->items, arguments->at[0]->items.at, arguments->at[0]->items.n);
}

int hf_pickle_call(hf_pickle_machine *m, hf_pickle_value **out, const hf_pickle_value *function, const hf_pickle_value *arguments)
{
    if (arguments->kind != HF_PICKLE_TUPLE)
        return hf_pickle_fail(m, HF_EFORMAT, "calls something with arguments that are no tuple");
    if (function->kind != HF_PICKLE_GLOBAL)
        return hf_pickle_fail(m, HF_EUNSUPPORTED, "calls something that is no function");
    switch (function->global->means) {
    case MEANS_TENSOR:
        return new_tensor(m, out, &arguments->items);
    case MEANS_DICT:
        return new_dict(m, out, &arguments->items);
    case MEANS_LIST:
        return new_list(m, out, &arguments->items);
    case MEANS_OPAQUE:
        return hf_pickle_new_value(m, out, HF_PICKLE_OPAQUE);
    case MEANS_FIRST:
        if (!arguments->items.n)
            return hf_pickle_fail(m, HF_EFORMAT, "%s without an argument", function->global->name);
        *out = arguments->items.at[0];
        return HF_OK;
    default:
        return hf_pickle_fail(m, HF_EUNSUPPORTED, "calls \"%s\", and no code is run", function->global->name);
    }
}

int hf_pickle_set_state(hf_pickle_machine *m, hf_pickle_value *object, const hf_pickle_value *state)
{
    if (object->kind == HF_PICKLE_OPAQUE)
        return HF_OK;
    if (object->kind != HF_PICKLE_DICT || state->kind != HF_PICKLE_DICT)
        return hf_pickle_fail(m, HF_EUNSUPPORTED, "sets the state of what is no dictionary");
    /* The attributes of a state dictionary say which version of its modules wrote it. Those of a Namespace, which has no items,
     * are what it is for. */
    if (object->items.n || (state->items.n && state->items.at[0]->kind == HF_PICKLE_STRING &&
                            state->items.at[0]->text.n == 9 && memcmp(state->items.at[0]->text.bytes, "_metadata", 9) == 0))
        return HF_OK;
    return hf_pickle_append(m, &object->items, state->items.at, state->items.n);
}

/* ---- storages ---- */

int hf_pickle_load_storage(hf_pickle_machine *m, hf_pickle_value **out, const hf_pickle_value *id)
{
    hf_pickle_value *const *part = id->items.at;
    hf_pickle *p = m->pickle;
    void *memory;
    int rc;

    if (id->kind != HF_PICKLE_TUPLE || id->items.n < 5 || part[0]->kind != HF_PICKLE_STRING || part[0]->text.n != 7 ||
        memcmp(part[0]->text.bytes, "storage", 7) != 0 || part[1]->kind != HF_PICKLE_GLOBAL ||
        part[2]->kind != HF_PICKLE_STRING || part[4]->kind != HF_PICKLE_INT || part[4]->integer < 0)
        return hf_pickle_fail(m, HF_EFORMAT, "mentions data that is not (\"storage\", type, key, location, count)");
    if (part[1]->global->means != MEANS_STORAGE)
        return hf_pickle_fail(m, HF_EUNSUPPORTED, "data of type %s is not read", part[1]->global->name);
    if (id->items.n > 5 && part[5]->kind != HF_PICKLE_NONE)
        return hf_pickle_fail(m, HF_EUNSUPPORTED, "a view of a storage, as old versions of torch wrote it");
    if (p->n_storages == p->room_storages) {
        size_t room = p->room_storages ? 2 * p->room_storages : 64;
        if ((rc = hf_pickle_alloc(m, &memory, room * sizeof(*p->storages))) < 0)
            return rc;
        if (p->n_storages)
            memcpy(memory, p->storages, p->n_storages * sizeof(*p->storages));
        p->storages = memory, p->room_storages = room;
    }
    if ((rc = hf_pickle_alloc(m, &memory, sizeof(hf_pickle_storage))) < 0 ||
        (rc = hf_pickle_new_value(m, out, HF_PICKLE_STORAGE)) < 0)
        return rc;
    (*out)->storage = memory;
    *(*out)->storage = (hf_pickle_storage){ .type = part[1]->global->type, .key = part[2]->text, .n_elements = part[4]->integer };
    p->storages[p->n_storages++] = (*out)->storage;
    return HF_OK;
}
