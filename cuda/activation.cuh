/* activation.cuh - the activations of src/ops.h on floats in registers. */
#ifndef HF_CUDA_ACTIVATION_CUH
#define HF_CUDA_ACTIVATION_CUH

#include "cuda/launch.h"
#include "src/ops.h"

/* 1 / (1 + exp(-x)) times x. __fdividef gives 0 for divisors above 2^126, where the quotient is 0 in f32 too. */
static __device__ __forceinline__ float hf_silu(float x, float slope)
{
    return __fdividef(x, 1.0f + expf(-slope * x));
}

static __device__ __forceinline__ float hf_gelu_erf(float x)
{
    return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
}

static __device__ __forceinline__ float hf_gelu_tanh(float x)
{
    return 0.5f * x * (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
}

/* Every v, by one branch for all of them. Not HF_ACT_GEGLU. */
template <int N>
__device__ __forceinline__ void hf_activate(float (&v)[N], hf_activation kind)
{
    switch (kind) {
    case HF_ACT_RELU:
#pragma unroll
        for (int i = 0; i < N; i++)
            v[i] = v[i] > 0 ? v[i] : 0; /* not fmaxf: what is not a number becomes 0, as in ref */
        break;
    case HF_ACT_SILU:
    case HF_ACT_QUICK_GELU: {
        float slope = kind == HF_ACT_SILU ? 1.0f : 1.702f;
#pragma unroll
        for (int i = 0; i < N; i++)
            v[i] = hf_silu(v[i], slope);
        break;
    }
    case HF_ACT_GELU_ERF:
#pragma unroll
        for (int i = 0; i < N; i++)
            v[i] = hf_gelu_erf(v[i]);
        break;
    case HF_ACT_GELU_TANH:
#pragma unroll
        for (int i = 0; i < N; i++)
            v[i] = hf_gelu_tanh(v[i]);
        break;
    default: break;
    }
}

#endif
