/* resize.h - launchers of resize.cu. Contracts: src/ops.h; the weights: src/resize_taps.h. */
#ifndef HF_CUDA_RESIZE_H
#define HF_CUDA_RESIZE_H

#include <cuda_runtime_api.h>

#include "src/ops.h"

/* Taps of one axis in device memory: [n_out,n_taps] each. */
typedef struct hf_cuda_taps {
    int            n_taps;
    const int32_t *index;
    const float   *weight;
} hf_cuda_taps;

/* out [N,Ho,Wo,C] from x [N,H,W,C]. */
typedef struct hf_cuda_pictures {
    void       *out;
    const void *x;
    hf_dtype    out_type, x_type;
    int64_t     N, H, W, Ho, Wo, C;
} hf_cuda_pictures;

/* out = (value / 255 - mean) / deviation. */
typedef struct hf_cuda_colours {
    float mean[3], deviation[3];
} hf_cuda_colours;

#ifdef __cplusplus
extern "C" {
#endif

cudaError_t hf_cuda_resize_launch(const hf_cuda_pictures *p, const hf_cuda_taps *y, const hf_cuda_taps *x,
                                  cudaStream_t stream);
/* p->N 1, p->C 3, p->x u8. */
cudaError_t hf_cuda_rgb_launch(const hf_cuda_pictures *p, const hf_cuda_taps *y, const hf_cuda_taps *x,
                               const hf_cuda_colours *colours, cudaStream_t stream);
/* params->stride not 0. */
cudaError_t hf_cuda_pool_launch(const hf_cuda_pictures *p, const hf_pool_params *params, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
