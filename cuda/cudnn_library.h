/* cudnn_library.h - cuDNN, opened: what the makers of its plans share (conv_plan.h, attention_plan.h). Together with those
 * the only door to cuDNN; tests/emulation has plain loops in their place. */
#ifndef HF_CUDA_CUDNN_LIBRARY_H
#define HF_CUDA_CUDNN_LIBRARY_H

#include <cuda_runtime_api.h>

#include "src/error.h"

typedef struct hf_cudnn_library hf_cudnn_library;

/* Everything runs on stream. HF_EDEVICE, HF_ENOMEM. Closing takes a pointer to NULL; plans are freed before. */
int hf_cudnn_open(hf_cudnn_library **out, cudaStream_t stream, hf_error *err);

/*
 * The same for a GPU that is not there: plans can be made and described, but not run. `device` is cuDNN's JSON form of
 * a device's properties (tests/check_cudnn_plans.c has some). HF_EARG where cuDNN does not take it; it has to be 9.11 or
 * later.
 */
int  hf_cudnn_open_described(hf_cudnn_library **out, const char *device, hf_error *err);
void hf_cudnn_close(hf_cudnn_library **library);

#endif
