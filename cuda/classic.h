/* classic.h - launcher of the kernels of src/classic_raw.h. */
#ifndef HF_CUDA_CLASSIC_H
#define HF_CUDA_CLASSIC_H

#include <cuda_runtime_api.h>

#include "src/classic_raw.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out f32 [h,w,C] of rgb u8 [H,W,3]; addresses are of the device. Queues all steps; returns cudaGetLastError(). */
cudaError_t hf_cuda_classic_launch(float *out, const uint8_t *rgb, const hf_classic_raw *raw, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
