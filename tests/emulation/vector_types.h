/* vector_types.h - int2 .. double2 and dim3 with the sizes and alignments that CUDA gives them. */
#ifndef HF_EMULATION_VECTOR_TYPES_H
#define HF_EMULATION_VECTOR_TYPES_H

#define HF_VECTOR_TYPES(name, type)                                                        \
    typedef struct name##1 { type x; } name##1;                                            \
    typedef struct __attribute__((aligned(2 * sizeof(type)))) name##2 { type x, y; } name##2; \
    typedef struct name##3 { type x, y, z; } name##3;                                      \
    typedef struct __attribute__((aligned(sizeof(type) < 4 ? 4 * sizeof(type) : 16))) name##4 { type x, y, z, w; } name##4;

HF_VECTOR_TYPES(char, signed char)
HF_VECTOR_TYPES(uchar, unsigned char)
HF_VECTOR_TYPES(short, short)
HF_VECTOR_TYPES(ushort, unsigned short)
HF_VECTOR_TYPES(int, int)
HF_VECTOR_TYPES(uint, unsigned)
HF_VECTOR_TYPES(float, float)
HF_VECTOR_TYPES(longlong, long long)
HF_VECTOR_TYPES(ulonglong, unsigned long long)
HF_VECTOR_TYPES(double, double)
#undef HF_VECTOR_TYPES

#ifdef __cplusplus
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
};

#define HF_MAKE_VECTOR(name, type)                                                                         \
    static inline name##1 make_##name##1(type x) { return name##1{ x }; }                                  \
    static inline name##2 make_##name##2(type x, type y) { return name##2{ x, y }; }                       \
    static inline name##3 make_##name##3(type x, type y, type z) { return name##3{ x, y, z }; }            \
    static inline name##4 make_##name##4(type x, type y, type z, type w) { return name##4{ x, y, z, w }; }

HF_MAKE_VECTOR(char, signed char)
HF_MAKE_VECTOR(uchar, unsigned char)
HF_MAKE_VECTOR(short, short)
HF_MAKE_VECTOR(ushort, unsigned short)
HF_MAKE_VECTOR(int, int)
HF_MAKE_VECTOR(uint, unsigned)
HF_MAKE_VECTOR(float, float)
HF_MAKE_VECTOR(longlong, long long)
HF_MAKE_VECTOR(ulonglong, unsigned long long)
HF_MAKE_VECTOR(double, double)
#undef HF_MAKE_VECTOR
#else
typedef struct dim3 { unsigned x, y, z; } dim3;
#endif

#endif
