/* match.h - the matching operations of the `cuda` backend, for match.c; contracts: propagate/match_dense.h,
 * match_stay.h. */
#ifndef HF_CUDA_MATCH_H
#define HF_CUDA_MATCH_H

#include "cuda/device.h"

size_t hf_cuda_match_dense_scratch_bytes(hf_backend *be, const hf_tensor *source, const hf_tensor *target,
                                         const hf_match_dense_params *params);
int    hf_cuda_match_dense(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity, const hf_tensor *source,
                           const hf_tensor *target, const hf_match_dense_params *params, const hf_tensor *scratch,
                           hf_error *err);
int    hf_cuda_match_stay(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity, const hf_tensor *a,
                          const hf_tensor *b, float tolerance, hf_error *err);

#endif
