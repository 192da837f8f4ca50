/* npy.h - NumPy's .npy files: one array, its type and shape.
 *
 *     "\x93NUMPY" major minor, length of the header (u16; u32 from major 2 on), the header as a
 *     Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, then the values.
 *
 * Read are versions 1, 2 and 3, either byte order, C and Fortran order; in memory arrays are always little
 * endian and in C order (slowest dimension first). Not read: objects, records, text, complex and unsigned numbers of
 * more than 8 bits.
 */
#ifndef HF_IO_NPY_H
#define HF_IO_NPY_H

#include <stddef.h>
#include <stdint.h>
#include "io/tensor_file.h"
#include "src/error.h"

typedef struct hf_npy {
    hf_entry_type type; /* never HF_ENTRY_BF16, which NumPy has not */
    int           n_dims; /* 0: one number */
    int64_t       shape[HF_ENTRY_MAX_DIMS];
    int64_t       count;  /* of values */
    void         *data;
} hf_npy;

/*
 * Read a whole file. On success *out is the caller's, to release with hf_npy_free; on failure it is NULL.
 * HF_EIO: cannot be opened or read. HF_EFORMAT: not .npy, a broken header, or more or fewer values than the
 * shape says. HF_EUNSUPPORTED: a type or a version that is not read here, or more than HF_ENTRY_MAX_DIMS
 * dimensions. HF_ENOMEM.
 */
int  hf_npy_read(hf_npy **out, const char *path, hf_error *err);
void hf_npy_free(hf_npy **npy);

/* The same from the bytes of a file; name stands in the errors. */
int hf_npy_parse(hf_npy **out, const void *bytes, size_t n_bytes, const char *name, hf_error *err);

/* All values as f32: rounded from f64 and integers. out: npy->count floats. */
void hf_npy_to_f32(float *out, const hf_npy *npy);

/*
 * Write version 1 to `path`.part and rename: a file called `path` is always whole. data: in C order, little endian.
 * HF_EARG: bf16, a negative size, too many dimensions or too long a name. HF_EIO, with the system's reason.
 */
int hf_npy_write(const char *path, hf_entry_type type, int n_dims, const int64_t *shape, const void *data,
                 hf_error *err);

#endif
