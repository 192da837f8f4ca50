/* net_arrays.h - every array that the networks ask for, by name and shape, from a config alone.
 *
 * For checks before anything is loaded: a network stops at the first array that is wrong, here all are named.
 */
#ifndef HF_SRC_NET_ARRAYS_H
#define HF_SRC_NET_ARRAYS_H

#include "src/aggregation_files.h"
#include "src/net/vit.h"
#include "src/sd_files.h"

/* One array: canonical name, shape as diffusers has it. A return other than 0 ends the walk with it. */
typedef int (*hf_array_visit)(void *ctx, const char *name, int n_dims, const int64_t *shape);

/* 0, or what visit returned. The VAE's decoder is not among them. */
int hf_sd_visit_arrays(const hf_sd_files *files, hf_sd_part part, hf_array_visit visit, void *ctx);

/* Names with the file's prefix. */
int hf_aggregation_visit_arrays(const hf_aggregation_file *file, hf_array_visit visit, void *ctx);

int hf_vit_visit_arrays(const hf_vit_sizes *sizes, hf_array_visit visit, void *ctx);

#endif
