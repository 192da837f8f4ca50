/* pack.h - launchers of pack.cu: arrays into the order and type in which libraries multiply them. */
#ifndef HF_CUDA_PACK_H
#define HF_CUDA_PACK_H

#include <cuda_runtime_api.h>

#include "src/ops.h"

/* out [n_out,kernel_h,kernel_w,c_padded] of out_type = w [n_out,c,kernel_h,kernel_w] of w_type; zeros from c on. */
typedef struct hf_cuda_pack {
    void       *out;
    const void *w;
    hf_dtype    out_type, w_type;
    int64_t     n_out, c, c_padded, kernel_h, kernel_w;
} hf_cuda_pack;

/*
 * The windows of a convolution as rows of a matrix:
 *
 *     out [n_rows,kernel_h,kernel_w,c_padded] of out_type = x [n,h,w,c] of x_type
 *
 * Row r of out is the window of output cell first_row + r of [n,ho,wo]. Zeros outside the picture and from c on. A
 * kernel of 1x1 with stride 1 and no padding converts and pads the cells themselves.
 */
typedef struct hf_cuda_unfold {
    void       *out;
    const void *x;
    hf_dtype    out_type, x_type;
    int64_t     h, w, c, c_padded, ho, wo, kernel_h, kernel_w;
    int64_t     stride, dilation, pad_top, pad_left;
    int64_t     first_row, n_rows;
} hf_cuda_unfold;

#ifdef __cplusplus
extern "C" {
#endif

cudaError_t hf_cuda_pack_launch(const hf_cuda_pack *p, cudaStream_t stream);
cudaError_t hf_cuda_unfold_launch(const hf_cuda_unfold *u, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
