/* half.h - f32 to and from bf16 and f16, by bits. Written so that loops over them
 * vectorise: selects, no tables, no branches that matter. */
#ifndef HF_SRC_HALF_H
#define HF_SRC_HALF_H

#include <stdint.h>
#include <string.h>

static inline float hf_float_of_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

static inline uint32_t hf_bits_of_float(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

static inline float hf_bf16_to_f32(uint16_t v)
{
    return hf_float_of_bits((uint32_t)v << 16);
}

/* To nearest even. A NaN stays one: rounding could carry it into infinity. */
static inline uint16_t hf_f32_to_bf16(float f)
{
    uint32_t bits = hf_bits_of_float(f);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    uint32_t nan = (bits >> 16) | 0x40;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}

static inline float hf_f16_to_f32(uint16_t v)
{
    uint32_t exponent = (v >> 10) & 31, fraction = v & 1023;
    uint32_t sign = (uint32_t)(v & 0x8000) << 16;
    uint32_t normal = (exponent + 112) << 23 | fraction << 13;
    uint32_t special = 0x7f800000 | fraction << 13;
    uint32_t tiny = hf_bits_of_float((float)fraction * 0x1p-24f); /* subnormal: exact in f32 */
    return hf_float_of_bits(sign | (exponent == 0 ? tiny : exponent == 31 ? special : normal));
}

/* To nearest even; 65520 and above become infinity. */
static inline uint16_t hf_f32_to_f16(float f)
{
    uint32_t bits = hf_bits_of_float(f);
    uint32_t size = bits & 0x7fffffff;
    uint32_t normal = ((size + 0xfff + ((size >> 13) & 1)) >> 13) - (112u << 10);
    /* One half has the spacing 2^-24 of f16's subnormals: adding it rounds there. */
    uint32_t tiny = hf_bits_of_float(hf_float_of_bits(size) + 0.5f) - 0x3f000000u;
    uint32_t v = size > 0x7f800000 ? 0x7e00 : size >= 0x477ff000 ? 0x7c00
               : size < 0x38800000 ? tiny : normal;
    return (uint16_t)(v | ((bits >> 16) & 0x8000));
}

#endif
