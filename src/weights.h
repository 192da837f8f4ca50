/* weights.h - the weights of one network under the names it calls them by.
 *
 * A network asks for canonical names (those of the public library that defines it: diffusers, transformers, timm). Where a
 * file has other names for the same arrays, a table of renames finds them. Every array asked for is
 * checked against the shape wanted; the error names file, array, and both shapes.
 */
#ifndef HF_SRC_WEIGHTS_H
#define HF_SRC_WEIGHTS_H

#include <stdbool.h>
#include "io/tensor_file.h"
#include "src/tensor.h"

typedef struct hf_weights hf_weights;

/* Where an array lies in its file: under another name, as some rows of a larger array (the query part of a fused
 * qkv, say), or transposed. */
typedef struct hf_weight_place {
    char    name[256];
    int64_t row, n_rows; /* rows row..row+n_rows-1 of the first dimension; n_rows = 0: all of them */
    bool    transposed;  /* the file has [n_in,n_out] */
} hf_weight_place;

/* Fill *place (zeroed before) for a canonical name: 1 if the file has it that way, 0 if not. Called with the file. */
typedef int (*hf_rename)(hf_weight_place *place, const hf_tensor_file *file, const char *canonical, const void *ctx);

/* `file` is borrowed and must outlive the weights. what: "unet", in errors. rename NULL: names as they are. */
int  hf_weights_open(hf_weights **out, const hf_tensor_file *file, const char *what, hf_rename rename,
                     const void *ctx, hf_error *err);
void hf_weights_close(hf_weights **weights);

bool hf_weights_has(const hf_weights *weights, const char *canonical);

/* The shape found, for networks that learn their size from the file; shape: room for HF_ENTRY_MAX_DIMS. HF_EMODEL if it
 * is missing. */
int hf_weights_shape(const hf_weights *weights, const char *canonical, int *n_dims, int64_t *shape, hf_error *err);

/*
 * Copy an array to host memory as f32, f16 or bf16 (rounded to nearest even where it must be; f64 and integers
 * are taken too). out: shape and dtype set by the caller, data of that many bytes. Trailing dimensions of 1 may be
 * missing or too many in the file ([C,C] and [C,C,1,1] are one). HF_EMODEL: missing, or another shape.
 */
int hf_weights_read(const hf_weights *weights, const hf_tensor *out, const char *canonical, hf_error *err);

const hf_tensor_file *hf_weights_file(const hf_weights *weights);

#endif
