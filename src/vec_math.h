/* vec_math.h - exp and erf as plain arithmetic, so that loops over them vectorise.
 *
 * Relative error of hf_exp: below 1.1e-7 for -87 <= x <= 88; outside, x is clamped to that
 * range, so the result is never 0 and never infinite. Absolute error of hf_erf: below 6e-7.
 */
#ifndef HF_SRC_VEC_MATH_H
#define HF_SRC_VEC_MATH_H

#include <math.h>
#include "src/half.h"

static inline float hf_exp(float x)
{
    x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    /* x = n ln 2 + f, |f| <= ln 2 / 2. Adding 1.5 * 2^23 rounds to a whole number and leaves
     * it in the low bits; ln 2 in two parts keeps f exact. */
    float shifted = x * 1.44269504f + 12582912.0f;
    int32_t n = (int32_t)hf_bits_of_float(shifted) - 0x4b400000;
    float whole = shifted - 12582912.0f;
    float f = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    /* The Taylor series: the next term is at most 5e-9. */
    float p = 1.0f / 5040;
    p = p * f + 1.0f / 720;
    p = p * f + 1.0f / 120;
    p = p * f + 1.0f / 24;
    p = p * f + 1.0f / 6;
    p = p * f + 0.5f;
    p = p * f + 1.0f;
    p = p * f + 1.0f;
    return p * hf_float_of_bits((uint32_t)(n + 127) << 23);
}

/* Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26. */
static inline float hf_erf(float x)
{
    float size = fabsf(x), t = 1 / (1 + 0.3275911f * size);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    return copysignf(1 - p * t * hf_exp(-size * size), x);
}

#endif
