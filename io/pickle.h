/* pickle.h - the values in a Python pickle, read by a machine that executes nothing.
 *
 * The opcodes of protocols 2 to 5 that torch and its users write. A pickle names Python functions and classes and
 * calls them; here a name is looked up in a short list (pickle_globals.c), each of which has a fixed meaning as a
 * value. A name that is not on the list ends the reading, and so does every call of something that is not a listed function.
 */
#ifndef HF_IO_PICKLE_H
#define HF_IO_PICKLE_H

#include "io/tensor_file.h"

typedef enum hf_pickle_kind {
    HF_PICKLE_NONE,
    HF_PICKLE_BOOL,
    HF_PICKLE_INT,
    HF_PICKLE_LONG,   /* an integer of more than 64 bits, as bytes */
    HF_PICKLE_FLOAT,
    HF_PICKLE_STRING, /* UTF-8, or what claims to be */
    HF_PICKLE_BYTES,
    HF_PICKLE_TUPLE,
    HF_PICKLE_LIST,   /* sets too */
    HF_PICKLE_DICT,   /* items: key, value, key, value ... in the order of the pickle */
    HF_PICKLE_GLOBAL, /* one of the listed names, not called */
    HF_PICKLE_STORAGE,
    HF_PICKLE_TENSOR,
    HF_PICKLE_OPAQUE  /* harmless and of no use here: a NumPy scalar */
} hf_pickle_kind;

typedef struct hf_pickle_value hf_pickle_value;

typedef struct hf_pickle_text {
    const char *bytes; /* in the pickle; not terminated */
    size_t      n;
} hf_pickle_text;

typedef struct hf_pickle_items {
    hf_pickle_value **at;
    size_t            n, room;
} hf_pickle_items;

/* Bytes kept beside the pickle, under a key. */
typedef struct hf_pickle_storage {
    hf_entry_type  type;
    hf_pickle_text key;
    int64_t        n_elements;
    const uint8_t *data; /* for whoever finds the storages; NULL after hf_pickle_open */
} hf_pickle_storage;

/* A view of a storage. All numbers are in elements, none is negative; whether they lie inside the storage is not checked. */
typedef struct hf_pickle_tensor {
    hf_pickle_storage *storage;
    int64_t            offset;
    int                n_dims;
    int64_t            shape[HF_ENTRY_MAX_DIMS], stride[HF_ENTRY_MAX_DIMS];
} hf_pickle_tensor;

struct hf_pickle_value {
    hf_pickle_kind kind;
    union {
        int64_t                        integer; /* BOOL, INT */
        double                         number;  /* FLOAT */
        hf_pickle_text                 text;    /* STRING, BYTES, LONG (little endian, two's complement) */
        hf_pickle_items                items;   /* TUPLE, LIST, DICT */
        const struct hf_pickle_global *global;  /* GLOBAL */
        hf_pickle_storage             *storage;
        hf_pickle_tensor              *tensor;
    };
};

typedef struct hf_pickle {
    const hf_pickle_value *top;      /* what the pickle is */
    hf_pickle_storage    **storages; /* one for each mention; several may have one key */
    size_t                 n_storages;
    size_t                 n_bytes;  /* of the pickle, its closing opcode included */
    struct hf_pickle_block *blocks;  /* all memory of the values */
    size_t                 room_storages, block_bytes;
} hf_pickle;

/*
 * Read the pickle that begins at bytes; it may end before them. Bytes are borrowed by the values. path stands in errors,
 * with the byte of the pickle:
 * HF_EFORMAT (broken, cut off), HF_EUNSUPPORTED (a name that is not listed, a call that makes no value,
 * an opcode of protocol 0 or 1, a storage type that tensor_file.h does not know), HF_ENOMEM (no memory, or it wants
 * more than any file of weights would). On failure *out is empty.
 */
int  hf_pickle_open(hf_pickle *out, const uint8_t *bytes, size_t n_bytes, const char *path, hf_error *err);
void hf_pickle_close(hf_pickle *pickle);

/* "torch.float32" */
const char *hf_pickle_global_name(const hf_pickle_value *global);

#endif
