/* cuda_bf16.h - for tests/emulation. */
#ifndef HF_EMULATION_CUDA_BF16_H
#define HF_EMULATION_CUDA_BF16_H
#include "tests/emulation/half_types.h"
#endif
