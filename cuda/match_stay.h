/* match_stay.h - the launch of hf_ops.match_stay on the GPU; contract: propagate/match_stay.h. */
#ifndef HF_CUDA_MATCH_STAY_H
#define HF_CUDA_MATCH_STAY_H

#include <cuda_runtime_api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hf_cuda_match_stay_args {
    int32_t     *index;      /* [H,W] */
    float       *similarity; /* [H,W] */
    const float *a, *b;      /* [h,w,D] */
    int          H, W, h, w, D;
    float        tolerance;
} hf_cuda_match_stay_args;

cudaError_t hf_cuda_match_stay_launch(const hf_cuda_match_stay_args *args, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
