/* epilogue.h - what follows a matrix product or a convolution, where the library cannot fuse it.
 *
 *     out = act(x + bias + residual)                      [rows,n]
 *     out = (x + bias)[0..n) * gelu_erf((x + bias)[n..2n))   HF_ACT_GEGLU: x is [rows,2n]
 */
#ifndef HF_CUDA_EPILOGUE_H
#define HF_CUDA_EPILOGUE_H

#include <cuda_runtime_api.h>

#include "src/ops.h"

/*
 *   out       [rows,n]   f32, f16 or bf16
 *   x         [rows,n]   f32, f16 or bf16; [rows,2n] for HF_ACT_GEGLU. May be out where it has its type and shape
 *   bias      f32 [n], [2n] for HF_ACT_GEGLU, or NULL
 *   residual  [rows,n] of out's type, or NULL; may be out; not with HF_ACT_GEGLU
 */
typedef struct hf_cuda_epilogue {
    void         *out;
    const void   *x;
    const float  *bias;
    const void   *residual;
    int64_t       rows, n;
    hf_dtype      out_type, x_type;
    hf_activation activation;
} hf_cuda_epilogue;

#ifdef __cplusplus
extern "C"
#endif
cudaError_t hf_cuda_epilogue_launch(const hf_cuda_epilogue *e, cudaStream_t stream);

#endif
