/* half_types.h - __half, __nv_bfloat16 and pairs of them, for tests/emulation.
 *
 * Kernels compute in f32: what they use of these types is their size, and the conversions, rounded to nearest even.
 * CUDA's arithmetic on them is left out.
 */
#ifndef HF_EMULATION_HALF_TYPES_H
#define HF_EMULATION_HALF_TYPES_H

#include "src/half.h"

/* A type, the pair of it, and CUDA's names of the conversions. */
#define HF_EMULATED_HALF(type, pair, to_f32, from_f32, to_float, from_float, from_floats, low, high)     \
    struct type {                                                                                        \
        uint16_t bits;                                                                                   \
        type() = default;                                                                                \
        explicit type(float v) : bits(from_f32(v)) {}                                                    \
        explicit operator float() const { return to_f32(bits); }                                         \
    };                                                                                                   \
    struct __attribute__((aligned(4))) pair {                                                            \
        type x, y;                                                                                       \
    };                                                                                                   \
    static inline float to_float(type v) { return to_f32(v.bits); }                                      \
    static inline type from_float(float v) { return type(v); }                                           \
    static inline pair from_floats(float a, float b) { return { type(a), type(b) }; }                    \
    static inline type low(pair v) { return v.x; }                                                       \
    static inline type high(pair v) { return v.y; }

HF_EMULATED_HALF(__half, __half2, hf_f16_to_f32, hf_f32_to_f16, __half2float, __float2half_rn, __floats2half2_rn,
                 __low2half, __high2half)
HF_EMULATED_HALF(__nv_bfloat16, __nv_bfloat162, hf_bf16_to_f32, hf_f32_to_bf16, __bfloat162float, __float2bfloat16_rn,
                 __floats2bfloat162_rn, __low2bfloat16, __high2bfloat16)
#undef HF_EMULATED_HALF

#endif
