/* torch_file.h - files of torch.save, one of the formats behind tensor_file.h.
 *
 *     since 1.6   a zip archive: NAME/data.pkl, NAME/data/0, NAME/data/1, ..., NAME/byteorder
 *     before      five pickles (magic number, version, system, the object, keys of storages), then for
 *                 each key 8 bytes with a count and its elements
 *
 * What the object is becomes names: {"state_dict": {"a.b": tensor}} is "state_dict.a.b", items of lists are numbered,
 * and a file that is one tensor has it under "".
 */
#ifndef HF_IO_TORCH_FILE_H
#define HF_IO_TORCH_FILE_H

#include "io/tensor_table.h"

/* 1 if the bytes begin like a file of torch before 1.6: with a pickle. The other kind is told by hf_zip_probe. */
int hf_torch_legacy_probe(const uint8_t *bytes, size_t n_bytes);

/* Fill the table from file->bytes. Statuses of hf_tensor_file_open. */
int hf_torch_archive_read_table(hf_tensor_file *file, hf_error *err);
int hf_torch_legacy_read_table(hf_tensor_file *file, hf_error *err);

#endif
