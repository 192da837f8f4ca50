/* splat.h - the launch of hf_ops.splat on the GPU; contract: propagate/splat.h. */
#ifndef HF_CUDA_SPLAT_H
#define HF_CUDA_SPLAT_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HF_CUDA_SPLAT_SCAN = 1024 }; /* bins whose counts one block sums */

typedef struct hf_cuda_splat_args {
    float         *out;        /* [h,w,C] */
    float         *cover;      /* [h,w] */
    int32_t       *winner;     /* [h,w] or NULL */
    const float   *payload;    /* [n_source,C] */
    const int32_t *index;      /* [n_source], or NULL: */
    const float   *xy;         /* [n_source,2] */
    const float   *similarity; /* [n_source] */
    int            w, h, C;    /* of the target */
    int            n_source, n_bins;
    float          temperature;
    int32_t       *start;      /* [n_bins] scratch */
    int32_t       *partial;    /* [n_bins / HF_CUDA_SPLAT_SCAN, rounded up] scratch */
    int32_t       *order;      /* [n_source] scratch: sources by bin */
} hf_cuda_splat_args;

cudaError_t hf_cuda_splat_launch(const hf_cuda_splat_args *args, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
