/* shards.h - an index of a model in several files, one of the formats behind tensor_file.h.
 *
 *     {"metadata": {...}, "weight_map": {"name of array": "file beside the index", ...}}
 */
#ifndef HF_IO_SHARDS_H
#define HF_IO_SHARDS_H

#include "io/tensor_table.h"

/* 1 if the bytes are JSON, as far as the first character tells. */
int hf_shards_probe(const uint8_t *bytes, size_t n_bytes);

/* Open the shards, which lie in the folder of file->path, and fill the table with the arrays of the index. Statuses of
 * hf_tensor_file_open; HF_EUNSUPPORTED where the index itself is not a mapped file. */
int hf_shards_read_table(hf_tensor_file *file, hf_error *err);

#endif
