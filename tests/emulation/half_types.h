/* half_types.h - __half, __nv_bfloat16 and pairs of them, for tests/emulation.
 *
 * Arithmetic is done in f32 and rounded once to nearest even, which for one sum, product or quotient of two halves
 * is the correctly rounded result, as on a GPU.
 */
#ifndef HF_EMULATION_HALF_TYPES_H
#define HF_EMULATION_HALF_TYPES_H

#include <cmath>
#include <math.h>

#include "src/half.h"

#define HF_EMULATED_HALF(name, to_f32, from_f32)                                                         \
    struct name {                                                                                        \
        uint16_t bits;                                                                                   \
        name() = default;                                                                                \
        name(float v) : bits(from_f32(v)) {}                                                             \
        name(double v) : bits(from_f32((float)v)) {}                                                     \
        name(int v) : bits(from_f32((float)v)) {}                                                        \
        operator float() const { return to_f32(bits); }                                                  \
    };                                                                                                   \
    static inline name operator+(name a, name b) { return name((float)a + (float)b); }                   \
    static inline name operator-(name a, name b) { return name((float)a - (float)b); }                   \
    static inline name operator*(name a, name b) { return name((float)a * (float)b); }                   \
    static inline name operator/(name a, name b) { return name((float)a / (float)b); }                   \
    static inline name operator-(name a) { a.bits ^= 0x8000; return a; }                                 \
    static inline name &operator+=(name &a, name b) { return a = a + b; }                                \
    static inline name &operator-=(name &a, name b) { return a = a - b; }                                \
    static inline name &operator*=(name &a, name b) { return a = a * b; }                                \
    static inline bool operator==(name a, name b) { return (float)a == (float)b; }                       \
    static inline bool operator!=(name a, name b) { return (float)a != (float)b; }                       \
    static inline bool operator<(name a, name b) { return (float)a < (float)b; }                         \
    static inline bool operator>(name a, name b) { return (float)a > (float)b; }                         \
    static inline bool operator<=(name a, name b) { return (float)a <= (float)b; }                       \
    static inline bool operator>=(name a, name b) { return (float)a >= (float)b; }                       \
    struct __attribute__((aligned(4))) name##_pair {                                                     \
        name x, y;                                                                                       \
        name##_pair() = default;                                                                         \
        name##_pair(name x_, name y_) : x(x_), y(y_) {}                                                  \
    };                                                                                                   \
    static inline name __hadd(name a, name b) { return a + b; }                                          \
    static inline name __hsub(name a, name b) { return a - b; }                                          \
    static inline name __hmul(name a, name b) { return a * b; }                                          \
    static inline name __hdiv(name a, name b) { return a / b; }                                          \
    static inline name __hneg(name a) { return -a; }                                                     \
    static inline name __habs(name a) { a.bits &= 0x7fff; return a; }                                    \
    static inline name __hmax(name a, name b) { return name(std::fmax((float)a, (float)b)); }            \
    static inline name __hmin(name a, name b) { return name(std::fmin((float)a, (float)b)); }            \
    static inline name __hfma(name a, name b, name c)                                                    \
    {                                                                                                    \
        return name((float)((double)(float)a * (double)(float)b + (double)(float)c));                    \
    }                                                                                                    \
    static inline bool __hgt(name a, name b) { return a > b; }                                           \
    static inline bool __hlt(name a, name b) { return a < b; }                                           \
    static inline bool __heq(name a, name b) { return a == b; }                                          \
    static inline bool __hisnan(name a) { return std::isnan((float)a); }                                 \
    static inline name##_pair __hadd2(name##_pair a, name##_pair b) { return { a.x + b.x, a.y + b.y }; } \
    static inline name##_pair __hsub2(name##_pair a, name##_pair b) { return { a.x - b.x, a.y - b.y }; } \
    static inline name##_pair __hmul2(name##_pair a, name##_pair b) { return { a.x * b.x, a.y * b.y }; } \
    static inline name##_pair __hmax2(name##_pair a, name##_pair b)                                      \
    {                                                                                                    \
        return { __hmax(a.x, b.x), __hmax(a.y, b.y) };                                                   \
    }                                                                                                    \
    static inline name##_pair __hmin2(name##_pair a, name##_pair b)                                      \
    {                                                                                                    \
        return { __hmin(a.x, b.x), __hmin(a.y, b.y) };                                                   \
    }                                                                                                    \
    static inline name##_pair __hfma2(name##_pair a, name##_pair b, name##_pair c)                       \
    {                                                                                                    \
        return { __hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y) };                                         \
    }

HF_EMULATED_HALF(__half, hf_f16_to_f32, hf_f32_to_f16)
HF_EMULATED_HALF(__nv_bfloat16, hf_bf16_to_f32, hf_f32_to_bf16)
#undef HF_EMULATED_HALF

typedef __half half;
typedef __half_pair __half2;
typedef __half_pair half2;
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat16_pair __nv_bfloat162;
typedef __nv_bfloat16_pair nv_bfloat162;

static inline float __half2float(__half v) { return v; }
static inline __half __float2half(float v) { return __half(v); }
static inline __half __float2half_rn(float v) { return __half(v); }
static inline __half __int2half_rn(int v) { return __half((float)v); }
static inline int __half2int_rn(__half v) { return (int)std::nearbyint((float)v); }
static inline float2 __half22float2(__half2 v) { return { v.x, v.y }; }
static inline __half2 __float22half2_rn(float2 v) { return { v.x, v.y }; }
static inline __half2 __floats2half2_rn(float a, float b) { return { a, b }; }
static inline __half2 __float2half2_rn(float a) { return { a, a }; }
static inline __half2 __halves2half2(__half a, __half b) { return { a, b }; }
static inline __half2 __half2half2(__half a) { return { a, a }; }
static inline __half2 make_half2(__half a, __half b) { return { a, b }; }
static inline __half __low2half(__half2 v) { return v.x; }
static inline __half __high2half(__half2 v) { return v.y; }
static inline float __low2float(__half2 v) { return v.x; }
static inline float __high2float(__half2 v) { return v.y; }
static inline unsigned short __half_as_ushort(__half v) { return v.bits; }
static inline __half __ushort_as_half(unsigned short v)
{
    __half h;
    h.bits = v;
    return h;
}
static inline short __half_as_short(__half v) { return (short)v.bits; }

static inline float __bfloat162float(__nv_bfloat16 v) { return v; }
static inline __nv_bfloat16 __float2bfloat16(float v) { return __nv_bfloat16(v); }
static inline __nv_bfloat16 __float2bfloat16_rn(float v) { return __nv_bfloat16(v); }
static inline float2 __bfloat1622float2(__nv_bfloat162 v) { return { v.x, v.y }; }
static inline __nv_bfloat162 __float22bfloat162_rn(float2 v) { return { v.x, v.y }; }
static inline __nv_bfloat162 __floats2bfloat162_rn(float a, float b) { return { a, b }; }
static inline __nv_bfloat162 __float2bfloat162_rn(float a) { return { a, a }; }
static inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) { return { a, b }; }
static inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 a) { return { a, a }; }
static inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) { return { a, b }; }
static inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 v) { return v.x; }
static inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 v) { return v.y; }
static inline float __low2float(__nv_bfloat162 v) { return v.x; }
static inline float __high2float(__nv_bfloat162 v) { return v.y; }
static inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 v) { return v.bits; }
static inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short v)
{
    __nv_bfloat16 h;
    h.bits = v;
    return h;
}

#endif
