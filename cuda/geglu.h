/* geglu.h - a matrix product with GEGLU in its epilogue: the wide intermediate result is never written.
 *
 *     y = x W^t + bias                                [rows,2n], f32, in registers only
 *     out = y[0..n) * gelu_erf(y[n..2n))              [rows,n]
 *
 * The library's way (product.c) writes y in the type of out and a second kernel reads it again. hf_cuda_product chooses.
 */
#ifndef HF_CUDA_GEGLU_H
#define HF_CUDA_GEGLU_H

#include <stdbool.h>

#include <cuda_runtime_api.h>

#include "src/tensor.h"

/*
 *   out     [rows,n]      f16 or bf16
 *   x       [rows,n_in]   of out's type
 *   weight  [2n,n_in]     of out's type: rows 0..n-1 make the values, n..2n-1 the gates
 *   bias    f32 [2n], or NULL
 */
typedef struct hf_cuda_geglu {
    void        *out;
    const void  *x, *weight;
    const float *bias;
    int64_t      rows, n, n_in;
    hf_dtype     type;
} hf_cuda_geglu;

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the kernel takes these sizes, types and addresses: n and n_in multiples of 8, addresses of 16 bytes. */
bool hf_cuda_geglu_fits(const hf_cuda_geglu *g);

cudaError_t hf_cuda_geglu_launch(const hf_cuda_geglu *g, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
