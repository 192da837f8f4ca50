/* torch_values.h - the object of a torch file as a table of arrays and a JSON text. */
#ifndef HF_IO_TORCH_VALUES_H
#define HF_IO_TORCH_VALUES_H

#include "io/pickle.h"
#include "io/tensor_table.h"

/*
 * Add every tensor in the object to the table and what is beside them to its metadata. Storages have their data: n_elements of
 * them, or NULL where the file has none. Tensors that do not lie in one piece are copied. HF_EFORMAT: a tensor outside its
 * storage, values nested deeper than 64; HF_EUNSUPPORTED: more than the file can honestly hold; HF_ENOMEM.
 */
int hf_torch_values_read(hf_tensor_file *file, const hf_pickle *pickle, hf_error *err);

#endif
