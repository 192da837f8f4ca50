/* ptx.cuh - the instructions that only PTX can name, and what each does on the cards that lack it.
 *
 * Matrix instructions belong to a whole warp: all 32 lanes call, with the same template arguments. Lane l is named by
 * g = l / 4 and t = l % 4. A register of f16 or bf16 holds two values, the lower index in the lower half; one of bytes
 * holds four.
 *
 *   hf_mma<T>(d, a, b0, b1)     D[16,8] += A[16,16] B[16,8], T is __half or __nv_bfloat16, f32 sums
 *   hf_mma_k8<T>(d, a0, a1, b)  D[16,8] += A[16,8]  B[8,8]
 *   hf_mma_bytes<S>(d, a, b0, b1)  D[16,8] += A[16,32] B[32,8], S is int8_t or uint8_t, s32 sums
 *
 *   d[0..1]  row g,     columns 2t, 2t+1          d[2..3]  row g + 8, the same columns
 *   a[0]  row g,     k = 2t, 2t+1                 a[1]  row g + 8, the same k
 *   a[2]  row g,     k = 2t+8, 2t+9               a[3]  row g + 8, the same k      (hf_mma_k8: a0, a1 only)
 *   b0    column g,  k = 2t, 2t+1                 b1    column g, k = 2t+8, 2t+9   (hf_mma_k8: b only)
 *   bytes: k = 4t..4t+3 in a[0], a[1], b0, and 16 more in a[2], a[3], b1
 *
 *   hf_mma_is_native<T>()  whether these are instructions here
 *
 * Products are exact; sums are f32 in an order, and with a rounding, that the hardware chooses.
 *
 *   hf_ldmatrix_x1, _x2, _x4(r, row)  1, 2, 4 matrices of 8 rows of 16 bytes from shared memory. Lane l points to row
 *       l % 8 of matrix l / 8 (16-byte aligned); lanes past the last matrix repeat a valid address. Afterwards r[i]
 *       holds of matrix i, taken as 8 x 8 values of 16 bits, row g, columns 2t and 2t+1; with _trans row 2t and row
 *       2t+1 of column g.
 *
 *   hf_cp_async(shared, global, valid)  16 bytes, both addresses aligned to 16; zeros, and nothing is read, unless valid.
 *   hf_cp_async_commit()  ends a group.  hf_cp_async_wait<N>()  until at most the N newest groups of this thread are
 *       under way; other threads see the bytes after __syncthreads(). Below sm_80 the copy is made at once.
 *
 *   hf_exp2(x)  2^x to 2 units in the last place; hf_exp2(-infinity) is 0
 *   hf_pack_pair<T>(low, high)  two floats, rounded to nearest even
 *
 * sm_75 has neither 16-deep f16 products (two 8-deep ones instead), bf16 products (shuffles and f32 arithmetic instead:
 * right, and slow), 32-deep byte products (four of 8 x 8 x 16) nor cp.async.
 *
 * tests/emulation/emulate_ptx.h has the same functions for the CPU.
 */
#ifndef HF_CUDA_PTX_CUH
#define HF_CUDA_PTX_CUH

#include <stdint.h>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "cuda/launch.h"

#ifndef HF_CUDA_EMULATED

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define HF_PTX_SM80 1
#else
#define HF_PTX_SM80 0
#endif

__device__ __forceinline__ uint32_t hf_shared_address(const void *p)
{
    return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

/* -- matrix products of 16-bit floats -- */

__device__ __forceinline__ void hf_mma_f16_k8(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t b)
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a0), "r"(a1), "r"(b));
}

__device__ __forceinline__ void hf_mma_f16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
#if HF_PTX_SM80
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
                 "{%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
    hf_mma_f16_k8(d, a[0], a[1], b0);
    hf_mma_f16_k8(d, a[2], a[3], b1);
#endif
}

#if !HF_PTX_SM80
/* The two products of the pairs in registers a and b of bf16. */
__device__ __forceinline__ float hf_dot_bf16(uint32_t a, uint32_t b, float sum)
{
    sum = fmaf(__uint_as_float(a << 16), __uint_as_float(b << 16), sum);
    return fmaf(__uint_as_float(a & 0xffff0000u), __uint_as_float(b & 0xffff0000u), sum);
}

/* k = 2i, 2i+1 of row g are in lane 4g + i, of column 2t in lane 8t + i. Not inlined: kernels hold hundreds of it. */
static __device__ __noinline__ float4 hf_mma_bf16_by_shuffles(float4 d, uint32_t a0, uint32_t a1, uint32_t b)
{
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    for (int i = 0; i < 4; i++) {
        uint32_t top = __shfl_sync(0xffffffffu, a0, 4 * g + i), bottom = __shfl_sync(0xffffffffu, a1, 4 * g + i);
        uint32_t left = __shfl_sync(0xffffffffu, b, 8 * t + i), right = __shfl_sync(0xffffffffu, b, 8 * t + 4 + i);
        d.x = hf_dot_bf16(top, left, d.x);
        d.y = hf_dot_bf16(top, right, d.y);
        d.z = hf_dot_bf16(bottom, left, d.z);
        d.w = hf_dot_bf16(bottom, right, d.w);
    }
    return d;
}
#endif

__device__ __forceinline__ void hf_mma_bf16_k8(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t b)
{
#if HF_PTX_SM80
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a0), "r"(a1), "r"(b));
#else
    const float4 sum = hf_mma_bf16_by_shuffles(make_float4(d[0], d[1], d[2], d[3]), a0, a1, b);
    d[0] = sum.x, d[1] = sum.y, d[2] = sum.z, d[3] = sum.w;
#endif
}

__device__ __forceinline__ void hf_mma_bf16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
#if HF_PTX_SM80
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
                 "{%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
    hf_mma_bf16_k8(d, a[0], a[1], b0);
    hf_mma_bf16_k8(d, a[2], a[3], b1);
#endif
}

template <typename T> __device__ constexpr bool hf_mma_is_native() { return true; }
template <> __device__ constexpr bool hf_mma_is_native<__nv_bfloat16>() { return HF_PTX_SM80; }

template <typename T> __device__ void hf_mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);
template <> __device__ __forceinline__ void hf_mma<__half>(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    hf_mma_f16(d, a, b0, b1);
}
template <>
__device__ __forceinline__ void hf_mma<__nv_bfloat16>(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    hf_mma_bf16(d, a, b0, b1);
}

template <typename T> __device__ void hf_mma_k8(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t b);
template <> __device__ __forceinline__ void hf_mma_k8<__half>(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t b)
{
    hf_mma_f16_k8(d, a0, a1, b);
}
template <> __device__ __forceinline__ void hf_mma_k8<__nv_bfloat16>(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t b)
{
    hf_mma_bf16_k8(d, a0, a1, b);
}

/* -- matrix products of bytes -- */

#define HF_MMA_BYTES_K32(type)                                                                                    \
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32." type "." type ".s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "     \
                 "{%8,%9}, {%0,%1,%2,%3};"                                                                        \
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])                                                 \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1))
#define HF_MMA_BYTES_8_8_16(type, row, a_, b_)                                                                    \
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32." type "." type ".s32 {%0,%1}, {%2}, {%3}, {%0,%1};"       \
                 : "+r"(d[row]), "+r"(d[row + 1])                                                                 \
                 : "r"(a_), "r"(b_))
#if HF_PTX_SM80
#define HF_MMA_BYTES(type) HF_MMA_BYTES_K32(type)
#else
#define HF_MMA_BYTES(type)                  \
    HF_MMA_BYTES_8_8_16(type, 0, a[0], b0); \
    HF_MMA_BYTES_8_8_16(type, 0, a[2], b1); \
    HF_MMA_BYTES_8_8_16(type, 2, a[1], b0); \
    HF_MMA_BYTES_8_8_16(type, 2, a[3], b1)
#endif

template <typename S> __device__ void hf_mma_bytes(int (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);
template <>
__device__ __forceinline__ void hf_mma_bytes<int8_t>(int (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    HF_MMA_BYTES("s8");
}
template <>
__device__ __forceinline__ void hf_mma_bytes<uint8_t>(int (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    HF_MMA_BYTES("u8");
}

/* -- shared memory to registers -- */

/* volatile, and told to touch memory: the compiler must not move a load over the barrier that made the bytes visible. */
__device__ __forceinline__ void hf_ldmatrix_x1(uint32_t (&r)[1], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                 : "=r"(r[0]) : "r"(hf_shared_address(row)) : "memory");
}
__device__ __forceinline__ void hf_ldmatrix_x2(uint32_t (&r)[2], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1]) : "r"(hf_shared_address(row)) : "memory");
}
__device__ __forceinline__ void hf_ldmatrix_x4(uint32_t (&r)[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(hf_shared_address(row)) : "memory");
}
__device__ __forceinline__ void hf_ldmatrix_x2_trans(uint32_t (&r)[2], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1]) : "r"(hf_shared_address(row)) : "memory");
}
__device__ __forceinline__ void hf_ldmatrix_x4_trans(uint32_t (&r)[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(hf_shared_address(row)) : "memory");
}

/* -- global to shared memory -- */

__device__ __forceinline__ void hf_cp_async(void *shared, const void *global, bool valid)
{
#if HF_PTX_SM80
    const int bytes = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :: "r"(hf_shared_address(shared)), "l"(__cvta_generic_to_global(global)), "r"(bytes) : "memory");
#else
    *static_cast<uint4 *>(shared) = valid ? *static_cast<const uint4 *>(global) : make_uint4(0, 0, 0, 0);
#endif
}

__device__ __forceinline__ void hf_cp_async_commit()
{
#if HF_PTX_SM80
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

template <int N> __device__ __forceinline__ void hf_cp_async_wait()
{
#if HF_PTX_SM80
    asm volatile("cp.async.wait_group %0;" :: "n"(N) : "memory");
#endif
}

/* -- single values -- */

__device__ __forceinline__ float hf_exp2(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

template <typename T> __device__ uint32_t hf_pack_pair(float low, float high);
template <> __device__ __forceinline__ uint32_t hf_pack_pair<__half>(float low, float high)
{
    __half2 pair = __floats2half2_rn(low, high);
    return *reinterpret_cast<uint32_t *>(&pair);
}
template <> __device__ __forceinline__ uint32_t hf_pack_pair<__nv_bfloat16>(float low, float high)
{
    __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<uint32_t *>(&pair);
}

#endif
#endif
