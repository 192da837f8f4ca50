/* safetensors.h - one of the formats behind tensor_file.h.
 *
 *     8 bytes          n, little endian
 *     n bytes          JSON: {"name": {"dtype": "F32", "shape": [2,3], "data_offsets": [begin,end]}, ...,
 *                      "__metadata__": {"key": "text", ...}}, perhaps spaces behind it
 *     the rest         the arrays; offsets count from its first byte and leave no hole
 */
#ifndef HF_IO_SAFETENSORS_H
#define HF_IO_SAFETENSORS_H

#include "io/tensor_table.h"

/* 1 if the bytes look like this format, however broken it may be inside. */
int hf_safetensors_probe(const uint8_t *bytes, size_t n_bytes);

/* Fill the table from file->bytes, which the probe has accepted. Statuses of hf_tensor_file_open. */
int hf_safetensors_read_table(hf_tensor_file *file, hf_error *err);

#endif
