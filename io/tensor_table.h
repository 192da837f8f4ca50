/* tensor_table.h - inside of hf_tensor_file, for the readers that fill it; everybody else includes tensor_file.h.
 *
 * A reader adds entries in any order and sets the metadata; hf_tensor_table_finish sorts them and refuses two of one
 * name. All memory of a table is freed by hf_tensor_file_close, so that a reader that fails leaves it as it is.
 */
#ifndef HF_IO_TENSOR_TABLE_H
#define HF_IO_TENSOR_TABLE_H

#include "io/mapped_file.h"
#include "io/tensor_file.h"

struct hf_tensor_file {
    char            *path;
    const uint8_t   *bytes; /* the file: mapped, or the caller's */
    size_t           n_bytes;
    hf_mapped_file   map;
    hf_tensor_entry *entries;
    size_t           n_entries, room;
    char            *metadata; /* malloc'ed; NULL: none */
    struct hf_tensor_block *blocks; /* names and copied arrays */
    hf_tensor_file **shards;
    size_t           n_shards;
};

/* An empty table for a file called `path`. */
int hf_tensor_table_new(hf_tensor_file **out, const char *path, hf_error *err);

/* Zeroed memory that lives as long as the table, aligned to 16; NULL if there is none. */
void *hf_tensor_table_alloc(hf_tensor_file *file, size_t n_bytes);

/* Add a copy of *entry; the name is copied too (name_size bytes). HF_ENOMEM. */
int hf_tensor_table_add(hf_tensor_file *file, const hf_tensor_entry *entry, size_t name_size, hf_error *err);

/* Sort by name. HF_EFORMAT if two have the same. */
int hf_tensor_table_finish(hf_tensor_file *file, hf_error *err);

/*
 * Bytes of an array of entry's type and shape, into entry->bytes. HF_EFORMAT if a dimension is negative or the
 * product does not fit in 63 bits. Dimensions that follow a 0 are checked like all others.
 */
int hf_tensor_table_measure(const hf_tensor_file *file, hf_tensor_entry *entry, hf_error *err);

/* hf_tensor_file_open, but an index of shards is refused: an index must not name another. */
int hf_tensor_file_open_single(hf_tensor_file **out, const char *path, hf_error *err);

#endif
