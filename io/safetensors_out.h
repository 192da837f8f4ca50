/* safetensors_out.h - write named arrays as safetensors; the format is told in safetensors.h. */
#ifndef HF_IO_SAFETENSORS_OUT_H
#define HF_IO_SAFETENSORS_OUT_H

#include "io/tensor_file.h"

/* One line of __metadata__; both UTF-8. */
typedef struct hf_metadata_line {
    const char *key, *text;
} hf_metadata_line;

/*
 * Write n arrays (name, type, n_dims, shape and data of each are read; bytes is not) to `path`.part and rename: a file
 * called `path` is always whole. Arrays lie without holes, those of wide types
 * first, else in the order given, so that all are aligned.
 * HF_EARG: no name, "__metadata__" or two arrays of one name, a negative size, text that is not UTF-8, too long a path.
 * HF_EIO, with the system's reason. HF_ENOMEM.
 */
int hf_safetensors_write(const char *path, const hf_tensor_entry *arrays, size_t n, const hf_metadata_line *metadata,
                         size_t n_metadata, hf_error *err);

#endif
