/* attention.h - launchers of the attention kernels: softmax(scale q k^t) v for each head (src/ops.h).
 *
 *   flash   f16 and bf16 on tensor cores, heads of up to 160 channels     attention_flash.cuh
 *   wide    the same, heads of up to 512: the VAE's single one            attention_wide.cuh
 *   plain   f32 arithmetic, any types, any head                           attention_plain.cu
 *
 * attention.c chooses. Read by C and by CUDA.
 */
#ifndef HF_CUDA_ATTENTION_H
#define HF_CUDA_ATTENTION_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a kernel gets, by value. q, out [n,l_q,channels], k, v [n,l_k,channels]; head j owns channels j*d..j*d+d-1. */
typedef struct hf_cuda_attention {
    const void *q, *k, *v;
    void       *out;
    hf_dtype    q_type, k_type, v_type, out_type; /* plain only: flash and wide take one type for all */
    int         n, n_heads, d;
    int         l_q, l_k;
    int64_t     channels;
    float       scale;   /* flash and wide: > 0 */
    bool        causal;  /* query i sees keys 0..i */
    bool        aligned; /* every head's first channel of every row stands at a multiple of 16 bytes, and d % 8 == 0 */
} hf_cuda_attention;

#define HF_CUDA_FLASH_MAX_D 160
#define HF_CUDA_WIDE_MAX_D 512

/* shared_bytes: what a block may ask for; tiles are chosen to fit, 48 KB always do. few_rows: blocks of 64 queries
 * where there would be too few of 128. */
cudaError_t hf_cuda_attention_flash_f16_launch(const hf_cuda_attention *a, size_t shared_bytes, bool few_rows,
                                               cudaStream_t stream);
cudaError_t hf_cuda_attention_flash_bf16_launch(const hf_cuda_attention *a, size_t shared_bytes, bool few_rows,
                                                cudaStream_t stream);
cudaError_t hf_cuda_attention_wide_f16_launch(const hf_cuda_attention *a, size_t shared_bytes, cudaStream_t stream);
cudaError_t hf_cuda_attention_wide_bf16_launch(const hf_cuda_attention *a, size_t shared_bytes, cudaStream_t stream);
cudaError_t hf_cuda_attention_plain_launch(const hf_cuda_attention *a, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
