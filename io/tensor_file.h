/* tensor_file.h - named arrays in a file of weights, whatever its format.
 *
 *     hf_tensor_file_open(&f, "model.safetensors", &err);
 *     const hf_tensor_entry *e = hf_tensor_file_find(f, "conv_in.weight");
 *     hf_tensor_file_close(&f);
 *
 * Formats, told by content, not by name: safetensors; torch archives (zip with a pickle inside, .pt .pth .bin
 * .ckpt), those of torch before 1.6 too; an index of shards (*.index.json of either). Pickles are read by a machine that
 * executes nothing: the few globals that tensors need have a meaning, any other is refused by name.
 * Arrays are little endian, packed, slowest dimension first, and lie in the mapped file where they can: at any
 * address, as old safetensors and torch files align nothing. Copy them out with hf_weights_read or memcpy.
 */
#ifndef HF_IO_TENSOR_FILE_H
#define HF_IO_TENSOR_FILE_H

#include <stddef.h>
#include <stdint.h>
#include "src/error.h"

#define HF_ENTRY_MAX_DIMS 8

typedef enum hf_entry_type {
    HF_ENTRY_F32,
    HF_ENTRY_F16,
    HF_ENTRY_BF16,
    HF_ENTRY_F64,
    HF_ENTRY_I64,
    HF_ENTRY_I32,
    HF_ENTRY_I16,
    HF_ENTRY_I8,
    HF_ENTRY_U8,
    HF_ENTRY_BOOL
} hf_entry_type;

typedef struct hf_tensor_entry {
    const char   *name;  /* keys of nested dictionaries are joined by '.': "state_dict.a.b"; lists count from 0: "ema.0" */
    hf_entry_type type;
    int           n_dims; /* 0: one number */
    int64_t       shape[HF_ENTRY_MAX_DIMS];
    const void   *data;  /* count * size of type bytes, aligned to nothing; host memory */
    size_t        bytes;
} hf_tensor_entry;

typedef struct hf_tensor_file hf_tensor_file;

/*
 * Open and check the whole table: every length, offset, shape and type. The file must stay as it is while it
 * is open. Errors name the path, the tensor where there is one, what was found and wanted:
 * HF_EIO (cannot be opened or mapped), HF_EFORMAT (broken, cut off, not one of the formats),
 * HF_EUNSUPPORTED (well formed but not read here: a compressed archive, a sparse tensor, a type not listed
 * above, a pickle that wants code to run), HF_ENOMEM.
 */
int  hf_tensor_file_open(hf_tensor_file **out, const char *path, hf_error *err);
void hf_tensor_file_close(hf_tensor_file **file);

/* The same from bytes in memory (borrowed); name stands in the errors. No shards. For files
 * compiled into the program, and for fuzzing. */
int hf_tensor_file_open_memory(hf_tensor_file **out, const void *bytes, size_t n_bytes, const char *name,
                               hf_error *err);

/* NULL if there is none of that name. Entries live as long as the file is open. */
const hf_tensor_entry *hf_tensor_file_find(const hf_tensor_file *file, const char *name);

/* All of them, sorted by name. */
const hf_tensor_entry *hf_tensor_file_list(const hf_tensor_file *file, size_t *n);

/* What the file says beside its tensors, as a JSON object: the numbers, strings, booleans and lists of a torch archive
 * (nested as there: {"config": {"num_timesteps": 50}}; what JSON cannot say is null), the __metadata__ of safetensors, or the
 * "metadata" of an index. "{}" if nothing. */
const char *hf_tensor_file_metadata(const hf_tensor_file *file);

/* An array has been copied and is not read again soon: what the system holds of it for this process goes, so that loading
 * does not need twice the memory. Reading it again is allowed and goes to the file. */
void hf_tensor_file_drop(const hf_tensor_file *file, const hf_tensor_entry *entry);

const char *hf_tensor_file_path(const hf_tensor_file *file); /* as opened */

size_t      hf_entry_type_size(hf_entry_type type);
const char *hf_entry_type_name(hf_entry_type type); /* "f32" */

#endif
