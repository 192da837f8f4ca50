/* device_math.h - arithmetic, bits, loads and atomics of device code, for tests/emulation.
 *
 * Fast approximations (__expf, rsqrtf) are computed exactly here: a tolerance that only an approximation needs is
 * not tested by the emulation.
 */
#ifndef HF_EMULATION_DEVICE_MATH_H
#define HF_EMULATION_DEVICE_MATH_H

#include <cmath>
#include <math.h>
#include <cstdint>
#include <cstring>

template <typename To, typename From> static inline To hf_emulated_bits(From from)
{
    static_assert(sizeof(To) == sizeof(From), "same size");
    To to;
    memcpy(&to, &from, sizeof(to));
    return to;
}

static inline float __int_as_float(int v) { return hf_emulated_bits<float>(v); }
static inline float __uint_as_float(unsigned v) { return hf_emulated_bits<float>(v); }
static inline int __float_as_int(float v) { return hf_emulated_bits<int>(v); }
static inline unsigned __float_as_uint(float v) { return hf_emulated_bits<unsigned>(v); }
static inline long long __double_as_longlong(double v) { return hf_emulated_bits<long long>(v); }
static inline double __longlong_as_double(long long v) { return hf_emulated_bits<double>(v); }

/* float to integer as the GPU does it: NaN is 0, beyond the range is the nearest end. */
template <typename T> static inline T hf_emulated_to_integer(double v, double low, double high)
{
    return std::isnan(v) ? (T)0 : (T)(v < low ? low : v > high ? high : v);
}
static inline int hf_emulated_to_int(double v) { return hf_emulated_to_integer<int>(v, -2147483648.0, 2147483647.0); }
static inline unsigned hf_emulated_to_uint(double v) { return hf_emulated_to_integer<unsigned>(v, 0, 4294967295.0); }
static inline int __float2int_rn(float v) { return hf_emulated_to_int(std::nearbyint((double)v)); }
static inline int __float2int_rz(float v) { return hf_emulated_to_int(std::trunc((double)v)); }
static inline int __float2int_rd(float v) { return hf_emulated_to_int(std::floor((double)v)); }
static inline int __float2int_ru(float v) { return hf_emulated_to_int(std::ceil((double)v)); }
static inline unsigned __float2uint_rn(float v) { return hf_emulated_to_uint(std::nearbyint((double)v)); }
static inline unsigned __float2uint_rz(float v) { return hf_emulated_to_uint(std::trunc((double)v)); }
static inline unsigned __float2uint_rd(float v) { return hf_emulated_to_uint(std::floor((double)v)); }
static inline long long __double2ll_rn(double v) { return std::llrint(v); }
static inline long long __double2ll_ru(double v) { return (long long)std::ceil(v); }
static inline float __int2float_rn(int v) { return (float)v; }
static inline float __uint2float_rn(unsigned v) { return (float)v; }
static inline float __double2float_rn(double v) { return (float)v; }
static inline float __ll2float_rn(long long v) { return (float)v; }

/* The compiler of this folder does not contract, so these need no barrier against it. */
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fmaf_rn(float a, float b, float c) { return std::fmaf(a, b, c); }
static inline float __fsqrt_rn(float a) { return std::sqrt(a); }
static inline float __frcp_rn(float a) { return 1 / a; }
static inline float __frsqrt_rn(float a) { return (float)(1 / std::sqrt((double)a)); }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __dsub_rn(double a, double b) { return a - b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }

/* Macros: the C library declares functions of these names. */
#define __expf(a) expf(a)
#define __exp2f(a) exp2f(a)
#define __exp10f(a) powf(10.0f, (a))
#define __logf(a) logf(a)
#define __log2f(a) log2f(a)
#define __log10f(a) log10f(a)
#define __sinf(a) sinf(a)
#define __cosf(a) cosf(a)
#define __powf(a, b) powf((a), (b))
#define __tanhf(a) tanhf(a)
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __saturatef(float a) { return a > 0 ? (a < 1 ? a : 1.0f) : 0.0f; /* NaN is 0 */ }
static inline float rsqrtf(float a) { return (float)(1 / std::sqrt((double)a)); }
static inline double rsqrt(double a) { return 1 / std::sqrt(a); }
static inline float fdividef(float a, float b) { return a / b; }

static inline int __clz(int v) { return v ? __builtin_clz((unsigned)v) : 32; }
static inline int __clzll(long long v) { return v ? __builtin_clzll((unsigned long long)v) : 64; }
static inline int __ffs(int v) { return __builtin_ffs(v); }
static inline int __ffsll(long long v) { return __builtin_ffsll(v); }
static inline int __popc(unsigned v) { return __builtin_popcount(v); }
static inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
static inline unsigned __brev(unsigned v)
{
    unsigned r = 0;
    for (int i = 0; i < 32; i++)
        r |= (v >> i & 1) << (31 - i);
    return r;
}
static inline int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
static inline unsigned __sad(int a, int b, unsigned c) { return c + (unsigned)(a < b ? b - a : a - b); }
static inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector)
{
    unsigned long long bytes = (unsigned long long)b << 32 | a;
    unsigned r = 0;
    for (int i = 0; i < 4; i++) {
        unsigned s = selector >> (4 * i) & 15;
        unsigned byte = (unsigned)(bytes >> (8 * (s & 7))) & 255;
        if (s & 8)
            byte = byte & 128 ? 255 : 0;
        r |= byte << (8 * i);
    }
    return r;
}
static inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned n)
{
    return (unsigned)((((unsigned long long)high << 32 | low) << (n & 31)) >> 32);
}
static inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned n)
{
    return (unsigned)(((unsigned long long)high << 32 | low) >> (n & 31));
}

/* Sum of four products of bytes, and c. */
/* Sum of the absolute differences of four bytes. */
static inline unsigned __vsadu4(unsigned a, unsigned b)
{
    unsigned sum = 0;
    for (int i = 0; i < 32; i += 8) {
        int d = (int)(a >> i & 255) - (int)(b >> i & 255);
        sum += (unsigned)(d < 0 ? -d : d);
    }
    return sum;
}
static inline int __dp4a(int a, int b, int c)
{
    for (int i = 0; i < 4; i++)
        c += (int8_t)(a >> (8 * i)) * (int8_t)(b >> (8 * i));
    return c;
}
static inline unsigned __dp4a(unsigned a, unsigned b, unsigned c)
{
    for (int i = 0; i < 4; i++)
        c += (a >> (8 * i) & 255) * (b >> (8 * i) & 255);
    return c;
}
static inline int __dp4a(unsigned a, int b, int c)
{
    for (int i = 0; i < 4; i++)
        c += (int)(a >> (8 * i) & 255) * (int8_t)(b >> (8 * i));
    return c;
}

#define HF_EMULATED_MIN_MAX(type, a_type, b_type)                                                          \
    static inline type min(a_type a, b_type b) { return (type)a < (type)b ? (type)a : (type)b; }           \
    static inline type max(a_type a, b_type b) { return (type)a > (type)b ? (type)a : (type)b; }
HF_EMULATED_MIN_MAX(int, int, int)
HF_EMULATED_MIN_MAX(unsigned, unsigned, unsigned)
HF_EMULATED_MIN_MAX(unsigned, int, unsigned)
HF_EMULATED_MIN_MAX(unsigned, unsigned, int)
HF_EMULATED_MIN_MAX(long, long, long)
HF_EMULATED_MIN_MAX(unsigned long, unsigned long, unsigned long)
HF_EMULATED_MIN_MAX(long long, long long, long long)
HF_EMULATED_MIN_MAX(unsigned long long, unsigned long long, unsigned long long)
#undef HF_EMULATED_MIN_MAX
/* A NaN loses, as in fminf. */
static inline float min(float a, float b) { return std::fmin(a, b); }
static inline float max(float a, float b) { return std::fmax(a, b); }
static inline double min(double a, double b) { return std::fmin(a, b); }
static inline double max(double a, double b) { return std::fmax(a, b); }

/* Loads and stores with a hint for the caches. */
template <typename T> static inline T __ldg(const T *p) { return *p; }
template <typename T> static inline T __ldcs(const T *p) { return *p; }
template <typename T> static inline T __ldcg(const T *p) { return *p; }
template <typename T> static inline T __ldca(const T *p) { return *p; }
template <typename T> static inline T __ldlu(const T *p) { return *p; }
template <typename T> static inline T __ldcv(const T *p) { return *p; }
template <typename T> static inline void __stcs(T *p, T v) { *p = v; }
template <typename T> static inline void __stcg(T *p, T v) { *p = v; }
template <typename T> static inline void __stwb(T *p, T v) { *p = v; }
template <typename T> static inline void __stwt(T *p, T v) { *p = v; }

/* One thread runs at a time: a read and a write are one step. Each returns what was there before. */
template <typename T> struct hf_emulated_same { typedef T type; };
#define HF_EMULATED_ATOMIC(name, expression)                                                     \
    template <typename T> static inline T name(T *p, typename hf_emulated_same<T>::type v)       \
    {                                                                                            \
        T old = *p;                                                                              \
        *p = (T)(expression);                                                                    \
        return old;                                                                              \
    }
HF_EMULATED_ATOMIC(atomicAdd, old + v)
HF_EMULATED_ATOMIC(atomicSub, old - v)
HF_EMULATED_ATOMIC(atomicMax, old > v ? old : v)
HF_EMULATED_ATOMIC(atomicMin, old < v ? old : v)
HF_EMULATED_ATOMIC(atomicExch, v)
HF_EMULATED_ATOMIC(atomicOr, old | v)
HF_EMULATED_ATOMIC(atomicAnd, old & v)
HF_EMULATED_ATOMIC(atomicXor, old ^ v)
HF_EMULATED_ATOMIC(atomicInc, old >= v ? 0 : old + 1)
HF_EMULATED_ATOMIC(atomicDec, old == 0 || old > v ? v : old - 1)
#undef HF_EMULATED_ATOMIC
template <typename T>
static inline T atomicCAS(T *p, typename hf_emulated_same<T>::type expected, typename hf_emulated_same<T>::type v)
{
    T old = *p;
    if (old == expected)
        *p = v;
    return old;
}

static inline long long clock64(void) { return 0; }

#endif
