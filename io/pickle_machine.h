/* pickle_machine.h - inside of the pickle reader: what pickle.c and pickle_globals.c share. */
#ifndef HF_IO_PICKLE_MACHINE_H
#define HF_IO_PICKLE_MACHINE_H

#include "io/pickle.h"

typedef struct hf_pickle_machine {
    hf_pickle      *pickle;
    const char     *path;
    hf_error       *err;
    const uint8_t  *bytes;
    size_t          n_bytes, at; /* at: the next byte */
    size_t          opcode_at;   /* where the current opcode stands, for errors */
    hf_pickle_items stack, memo; /* memo: NULL where nothing was put */
    size_t         *marks;       /* heights of the stack */
    size_t          n_marks, room_marks;
    size_t          bottom;      /* height at the last mark; nothing below may be taken */
} hf_pickle_machine;

/* Fail with path and byte in front of the text. */
int hf_pickle_fail(const hf_pickle_machine *m, hf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Zeroed memory that lives as long as the pickle. HF_ENOMEM. */
int hf_pickle_alloc(hf_pickle_machine *m, void **out, size_t n_bytes);
int hf_pickle_new_value(hf_pickle_machine *m, hf_pickle_value **out, hf_pickle_kind kind);

/* Append n values. HF_ENOMEM. */
int hf_pickle_append(hf_pickle_machine *m, hf_pickle_items *items, hf_pickle_value *const *values, size_t n);

/* The listed name "module.name". HF_EUNSUPPORTED for any other. */
int hf_pickle_find_global(hf_pickle_machine *m, hf_pickle_value **out, hf_pickle_text module, hf_pickle_text name);

/* What calling a value with a tuple of arguments means. HF_EUNSUPPORTED if nothing, HF_EFORMAT for wrong arguments. */
int hf_pickle_call(hf_pickle_machine *m, hf_pickle_value **out, const hf_pickle_value *function, const hf_pickle_value *arguments);

/* Give an object the state that its class wants (opcode BUILD). */
int hf_pickle_set_state(hf_pickle_machine *m, hf_pickle_value *object, const hf_pickle_value *state);

/* A persistent id: ("storage", type, key, location, n_elements[, view]). */
int hf_pickle_load_storage(hf_pickle_machine *m, hf_pickle_value **out, const hf_pickle_value *id);

#endif
