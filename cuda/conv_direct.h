/* conv_direct.h - launcher of conv_direct.cu: a convolution of several groups, without a library.
 *
 *     out = act(conv(x) + bias + residual)
 */
#ifndef HF_CUDA_CONV_DIRECT_H
#define HF_CUDA_CONV_DIRECT_H

#include <cuda_runtime_api.h>

#include "src/ops.h"

/*
 *   out, residual  [n,ho,wo,n_out] of out_type; residual NULL: none; may be out
 *   x              [n,h,w,n_groups*n_in] of x_type, rounded to type as it is read
 *   weight         [n_out,kernel_h,kernel_w,n_in] of `type`
 *   bias           f32 [n_out] or NULL
 */
typedef struct hf_cuda_conv_direct {
    void         *out;
    const void   *x, *weight, *residual;
    const float  *bias;
    hf_dtype      out_type, x_type, type;
    int64_t       n, h, w, ho, wo, n_out, n_in, n_groups, kernel_h, kernel_w;
    int64_t       stride, dilation, pad_top, pad_left;
    hf_activation activation;
} hf_cuda_conv_direct;

#ifdef __cplusplus
extern "C"
#endif
cudaError_t hf_cuda_conv_direct_launch(const hf_cuda_conv_direct *c, cudaStream_t stream);

#endif
