/* scratch.h - device memory of an operation that is kept between calls and grows at the first call of a larger shape.
 *
 * What was given out before stays valid until hf_cuda_scratch_free: a captured CUDA graph still names it. A growing
 * scratch at least doubles, so that the old parts together are no more than the newest.
 */
#ifndef HF_CUDA_SCRATCH_H
#define HF_CUDA_SCRATCH_H

#include "cuda/device.h"

/*
 * s->data is then at least `bytes` long, aligned to 256 bytes; zero where it is new. HF_ENOMEM; HF_EUNSUPPORTED where
 * it would grow in a recording: the operation has to have run once before.
 */
int  hf_cuda_scratch_reserve(hf_cuda *cuda, hf_cuda_scratch *s, size_t bytes, hf_error *err);
void hf_cuda_scratch_free(hf_cuda *cuda, hf_cuda_scratch *s);

#endif
