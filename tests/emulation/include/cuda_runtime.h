/* cuda_runtime.h - for tests/emulation: the runtime's functions, and in C++ the language of kernels. */
#ifndef HF_EMULATION_CUDA_RUNTIME_H
#define HF_EMULATION_CUDA_RUNTIME_H
#include <cuda_runtime_api.h>
#ifdef __cplusplus
#include "tests/emulation/emulate.h"
#endif
#endif
