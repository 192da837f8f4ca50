/* packed.h - the weights of the `cuda` backend, and the entries of the table that use them. */
#ifndef HF_CUDA_PACKED_H
#define HF_CUDA_PACKED_H

#include "src/backend.h"

/*
 * [n_out,kernel_h,kernel_w,c_padded] of head.dtype in device memory: one row of a matrix for each output channel, which
 * is also the order of filters that cuDNN wants beside channels-last pictures. f16 and bf16 convolutions of one group
 * have their input channels padded with zeros to a multiple of 8, so that tensor cores may be used: c_padded.
 */
typedef struct hf_cuda_packed {
    hf_packed head;
    void     *data;
    int64_t   c_padded;
} hf_cuda_packed;

/* Contracts: src/ops.h. */
int  hf_cuda_packed_new(hf_backend *, hf_packed **, const hf_tensor *, const hf_pack_params *, hf_error *);
void hf_cuda_packed_free(hf_backend *, hf_packed **);
int  hf_cuda_linear(hf_backend *, const hf_tensor *, const hf_tensor *, hf_packed *, const hf_tensor *,
                    const hf_tensor *, const hf_linear_params *, hf_error *);
int  hf_cuda_conv2d(hf_backend *, const hf_tensor *, const hf_tensor *, hf_packed *, const hf_tensor *,
                    const hf_tensor *, const hf_conv2d_params *, hf_error *);
int  hf_cuda_matmul(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *, const hf_matmul_params *,
                    hf_error *);

#endif
