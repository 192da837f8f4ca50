/* cuda_fp16.h - for tests/emulation. */
#ifndef HF_EMULATION_CUDA_FP16_H
#define HF_EMULATION_CUDA_FP16_H
#include "tests/emulation/half_types.h"
#endif
