/* element.cuh - numbers of f32, f16, bf16 and u8 arrays as floats: one at a time, or vectors of up to 16 bytes a load.
 *
 * Kernels compute in float whatever the arrays hold. They are templates over the C++ types of their arrays; a
 * launcher picks the types with HF_FOR_FLOAT (f32, f16, bf16), HF_FOR_ELEMENT (u8 too):
 *
 *     HF_FOR_FLOAT(out_type, TOut, HF_FOR_FLOAT(x_type, T,
 *         HF_LAUNCH((my_kernel<TOut, T>), grid, block, 0, stream, (TOut *)out, (const T *)x, n)));
 *
 * Two types make 9 kernels. A third array, which is read once for many numbers or seldom of another type, is better
 * read through hf_load_as, whose type is a value: one branch for a whole vector.
 *
 * Rounding is that of hf_ops.cast: to nearest even, f16 overflows to infinity, u8 is clamped to 0..255.
 */
#ifndef HF_CUDA_ELEMENT_CUH
#define HF_CUDA_ELEMENT_CUH

#include <stdint.h>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "cuda/launch.h"
#include "src/tensor.h"

/* Numbers that a thread takes at a time: 16 bytes of f16 and bf16, two loads of 16 bytes of f32, 8 bytes of u8. */
enum { HF_VEC = 8 };

/* Threads of a block where nothing speaks for another number, and the most blocks of a grid-stride loop: several
 * waves on the largest chips, so that the last wave costs little. */
enum { HF_POINT_THREADS = 256, HF_POINT_BLOCKS = 8192 };

static inline unsigned hf_grid_of(int64_t n_items)
{
    int64_t n_blocks = (n_items + HF_POINT_THREADS - 1) / HF_POINT_THREADS;
    const int64_t most = HF_POINT_BLOCKS;
    return (unsigned)(n_blocks < 1 ? 1 : n_blocks > most ? most : n_blocks);
}

/* N numbers as they lie in memory, moved as a whole. */
template <typename T, int N>
struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) hf_pack {
    T at[N];
};

/* Whether vectors of N may be moved at p; NULL may. */
template <int N, typename T>
static inline bool hf_is_aligned(const T *p)
{
    return (uintptr_t)p % alignof(hf_pack<T, N>) == 0;
}

/* By type, for pointers that are still void. */
static inline bool hf_is_aligned_as(const void *p, hf_dtype dtype, int n)
{
    size_t bytes = (size_t)n * (dtype == HF_F32 || dtype == HF_I32 ? 4 : dtype == HF_U8 ? 1 : 2);
    return (uintptr_t)p % (bytes < 16 ? bytes : 16) == 0;
}

static __device__ __forceinline__ float hf_to_float(float v) { return v; }
static __device__ __forceinline__ float hf_to_float(__half v) { return __half2float(v); }
static __device__ __forceinline__ float hf_to_float(__nv_bfloat16 v) { return __bfloat162float(v); }
static __device__ __forceinline__ float hf_to_float(uint8_t v) { return (float)v; }

template <typename T>
__device__ __forceinline__ T hf_from_float(float v);

template <>
__device__ __forceinline__ float hf_from_float<float>(float v) { return v; }
template <>
__device__ __forceinline__ __half hf_from_float<__half>(float v) { return __float2half_rn(v); }
template <>
__device__ __forceinline__ __nv_bfloat16 hf_from_float<__nv_bfloat16>(float v) { return __float2bfloat16_rn(v); }
template <>
__device__ __forceinline__ uint8_t hf_from_float<uint8_t>(float v)
{
    return (uint8_t)__float2int_rn(fminf(fmaxf(v, 0.0f), 255.0f)); /* not a number: 0 */
}

template <int N, typename T>
__device__ __forceinline__ void hf_unpack(float (&v)[N], const hf_pack<T, N> &pack)
{
#pragma unroll
    for (int i = 0; i < N; i++)
        v[i] = hf_to_float(pack.at[i]);
}

/* Two numbers at a time: GPUs have one instruction for two f16, or two bf16. */
template <typename T>
__device__ __forceinline__ void hf_from_two(T *low, T *high, float a, float b)
{
    *low = hf_from_float<T>(a);
    *high = hf_from_float<T>(b);
}

static __device__ __forceinline__ void hf_from_two(__half *low, __half *high, float a, float b)
{
    __half2 two = __floats2half2_rn(a, b);
    *low = __low2half(two);
    *high = __high2half(two);
}

static __device__ __forceinline__ void hf_from_two(__nv_bfloat16 *low, __nv_bfloat16 *high, float a, float b)
{
    __nv_bfloat162 two = __floats2bfloat162_rn(a, b);
    *low = __low2bfloat16(two);
    *high = __high2bfloat16(two);
}

template <int N, typename T>
__device__ __forceinline__ void hf_repack(hf_pack<T, N> &pack, const float (&v)[N])
{
#pragma unroll
    for (int i = 0; i + 1 < N; i += 2)
        hf_from_two(&pack.at[i], &pack.at[i + 1], v[i], v[i + 1]);
    if (N % 2)
        pack.at[N - 1] = hf_from_float<T>(v[N - 1]);
}

/* N numbers from p on; p is aligned (hf_is_aligned). A caller that loads several packs before it unpacks the first
 * has them in flight together. */
template <int N, typename T>
__device__ __forceinline__ hf_pack<T, N> hf_load_pack(const T *p)
{
    return *reinterpret_cast<const hf_pack<T, N> *>(p);
}

template <int N, typename T>
__device__ __forceinline__ void hf_load(float (&v)[N], const T *p)
{
    hf_unpack<N, T>(v, hf_load_pack<N, T>(p));
}

template <int N, typename T>
__device__ __forceinline__ void hf_store(T *p, const float (&v)[N])
{
    hf_pack<T, N> pack;
    hf_repack(pack, v);
    *reinterpret_cast<hf_pack<T, N> *>(p) = pack;
}

/* N numbers of an array whose type is a value (f32, f16, bf16), from element i on. */
template <int N>
__device__ __forceinline__ void hf_load_as(float (&v)[N], const void *p, hf_dtype dtype, int64_t i)
{
    if (dtype == HF_F32)
        hf_load(v, static_cast<const float *>(p) + i);
    else if (dtype == HF_F16)
        hf_load(v, static_cast<const __half *>(p) + i);
    else
        hf_load(v, static_cast<const __nv_bfloat16 *>(p) + i);
}

/* a / b and a % b of counts that are not negative: in 32 bits where they fit, which is several times faster. */
static __device__ __forceinline__ int64_t hf_divide(int64_t a, int64_t b)
{
    return ((uint64_t)a | (uint64_t)b) >> 32 ? a / b : (int64_t)((uint32_t)a / (uint32_t)b);
}

/* Statements with T as the C++ type of dtype. Other types do nothing: the contracts were asserted before. */
#define HF_ONE_TYPE(value, type, T, ...) \
    case value: {                        \
        using T = type;                  \
        __VA_ARGS__;                     \
        break;                           \
    }
#define HF_FOR_FLOAT(dtype, T, ...)                       \
    switch (dtype) {                                      \
        HF_ONE_TYPE(HF_F32, float, T, __VA_ARGS__)        \
        HF_ONE_TYPE(HF_F16, __half, T, __VA_ARGS__)       \
        HF_ONE_TYPE(HF_BF16, __nv_bfloat16, T, __VA_ARGS__) \
    default: break;                                       \
    }
#define HF_FOR_ELEMENT(dtype, T, ...)                     \
    switch (dtype) {                                      \
        HF_ONE_TYPE(HF_F32, float, T, __VA_ARGS__)        \
        HF_ONE_TYPE(HF_F16, __half, T, __VA_ARGS__)       \
        HF_ONE_TYPE(HF_BF16, __nv_bfloat16, T, __VA_ARGS__) \
        HF_ONE_TYPE(HF_U8, uint8_t, T, __VA_ARGS__)       \
    default: break;                                       \
    }

#endif
