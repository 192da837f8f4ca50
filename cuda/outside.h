/* outside.h - launches of the steps of `--flow`; contracts: propagate/outside_ops.h. */
#ifndef HF_CUDA_OUTSIDE_H
#define HF_CUDA_OUTSIDE_H

#include <cuda_runtime_api.h>

#include "propagate/outside_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

cudaError_t hf_cuda_outside_take_launch(const hf_outside_field *field, cudaStream_t stream);
cudaError_t hf_cuda_outside_aim_launch(const hf_outside_field *field, cudaStream_t stream);
cudaError_t hf_cuda_outside_turn_launch(const hf_outside_field *field, cudaStream_t stream);
cudaError_t hf_cuda_outside_fetch_launch(float *soft, const float *xy, const hf_drawing *drawing,
                                         const hf_outside_field *field, cudaStream_t stream);
cudaError_t hf_cuda_outside_deal_launch(float *soft, float *edit, const float *group, const hf_outside_field *field,
                                        int n_labels, int c0, int C, cudaStream_t stream);
cudaError_t hf_cuda_outside_cover_launch(float *cover, const hf_outside_field *field, cudaStream_t stream);

/* The table: cuda/outside.c. */
extern const hf_outside_ops hf_cuda_outside_ops;

#ifdef __cplusplus
}
#endif

#endif
