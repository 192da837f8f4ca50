/* pointwise.h - launchers of pointwise.cu and move.cu: element by element, and moving things about.
 *
 * Contracts: src/ops.h. Types are those of the tensors, f32, f16 or bf16 where nothing else is said.
 */
#ifndef HF_CUDA_POINTWISE_H
#define HF_CUDA_POINTWISE_H

#include <stdbool.h>

#include <cuda_runtime_api.h>

#include "src/ops.h"

/* out = alpha a + beta b, or a * b. out and a hold `count` numbers. b has one row of n_channels for every `repeat` rows
 * of a; repeat 0: b is like a. out may be a. */
typedef struct hf_cuda_binary {
    void       *out;
    const void *a, *b;
    hf_dtype    out_type, a_type, b_type;
    int64_t     count, n_channels, repeat;
    bool        multiplies;
    float       alpha, beta;
} hf_cuda_binary;

/* A run of run_bytes of each of n_rows rows, from one place to another. index: row i is taken from row index[i];
 * NULL: from row i. Steps are from row to row, in bytes. */
typedef struct hf_cuda_rows {
    void          *out;
    const void    *x;
    const int32_t *index;
    int64_t        n_rows, run_bytes, out_step, x_step;
} hf_cuda_rows;

/* Dimension i of out, of out_shape[i] elements, steps by x_step[i] elements in x. */
typedef struct hf_cuda_permute {
    void       *out;
    const void *x;
    int         element_bytes, n_dims;
    int64_t     out_shape[HF_MAX_DIMS], x_step[HF_MAX_DIMS];
} hf_cuda_permute;

#ifdef __cplusplus
extern "C" {
#endif

/* u8 too. With an activation: floats only; out may be x of the same type. */
cudaError_t hf_cuda_cast_launch(void *out, hf_dtype out_type, const void *x, hf_dtype x_type, int64_t count,
                                hf_activation activation, cudaStream_t stream);
cudaError_t hf_cuda_binary_launch(const hf_cuda_binary *b, cudaStream_t stream);
cudaError_t hf_cuda_rows_launch(const hf_cuda_rows *r, cudaStream_t stream);
cudaError_t hf_cuda_permute_launch(const hf_cuda_permute *p, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
