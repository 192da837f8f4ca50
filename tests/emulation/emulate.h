/* emulate.h - the language of CUDA kernels for the host's C++ compiler (HF_CUDA_EMULATED).
 *
 * Every thread of a block is a fiber of one processor thread (fibers.cpp); blocks run one after another. What differs
 * from a GPU: barriers and warp instructions are checked (a thread that stays away, or that waits at another line,
 * ends the program with the kernel's name), dynamic shared memory is full of NaN when a block begins, and sums are not
 * contracted to fused multiply-add unless the kernel says so.
 *
 *   HF_EMULATED_ORDER   forward (default), backward or a number: order of a block's threads between two barriers;
 *                       a number is the seed of a random order. A missing barrier shows in one of them.
 *   HF_EMULATED_STRICT  1: work waits in its stream until somebody waits for it, and device memory cannot be touched
 *                       by the host in between (cudart.cpp)
 *   HF_EMULATED_ARCH    compute capability that the device reports, 90 by default
 *   HF_EMULATED_MEMORY  MiB of device memory, 8192 by default
 *
 * Warp instructions of ptx.cuh (mma, ldmatrix) are written on hf_emulated_warp_exchange, cp.async on
 * hf_emulated_copy_async.
 */
#ifndef HF_EMULATION_EMULATE_H
#define HF_EMULATION_EMULATE_H

#include <cassert>
#include <cfloat>
#include <climits>
#include <cmath>
#include <math.h>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>

#include <cuda_runtime_api.h>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __builtin_assume(condition) ((void)0)
#define __trap() abort()
/* Blocks run one after another, so one copy is enough. Not zero when the second block begins, as on a GPU. */
#define __shared__ static

/* The running thread and its block. */
typedef struct hf_emulated_place {
    uint3          thread, block;
    dim3           block_size, grid_size;
    unsigned       lane;
    unsigned char *shared; /* dynamic */
} hf_emulated_place;
extern hf_emulated_place hf_emulated_here;

#define threadIdx (hf_emulated_here.thread)
#define blockIdx (hf_emulated_here.block)
#define blockDim (hf_emulated_here.block_size)
#define gridDim (hf_emulated_here.grid_size)
constexpr int warpSize = 32;

#define HF_DYNAMIC_SHARED(type, name) type *name = reinterpret_cast<type *>(hf_emulated_here.shared)

/* Queues a grid in a stream; what is wrong with its sizes is cudaGetLastError()'s. */
void hf_emulated_submit(const char *name, const void *kernel, dim3 grid, dim3 block, size_t shared_bytes,
                        cudaStream_t stream, std::function<void()> thread);

template <typename... P, typename... A>
static inline void hf_emulated_launch(const char *name, dim3 grid, dim3 block, size_t shared_bytes,
                                      cudaStream_t stream, void (*kernel)(P...), A... arguments)
{
    std::tuple<std::decay_t<P>...> kept(static_cast<std::decay_t<P>>(arguments)...);
    hf_emulated_submit(name, reinterpret_cast<const void *>(kernel), grid, block, shared_bytes, stream,
                       [kernel, kept] { std::apply(kernel, kept); });
}
#define HF_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                               \
    hf_emulated_launch(#kernel, dim3(grid), dim3(block), (shared_bytes), (stream), (kernel), ##__VA_ARGS__)

/* Barriers of a block. */
enum { HF_EMULATED_PLAIN, HF_EMULATED_OR, HF_EMULATED_AND, HF_EMULATED_COUNT };
int hf_emulated_barrier(int kind, int predicate, int line);
#define __syncthreads() ((void)hf_emulated_barrier(HF_EMULATED_PLAIN, 0, __LINE__))
#define __syncthreads_or(p) hf_emulated_barrier(HF_EMULATED_OR, (p) != 0, __LINE__)
#define __syncthreads_and(p) hf_emulated_barrier(HF_EMULATED_AND, (p) != 0, __LINE__)
#define __syncthreads_count(p) hf_emulated_barrier(HF_EMULATED_COUNT, (p) != 0, __LINE__)

/*
 * Every lane of `mask` leaves `bytes` bytes (at most HF_EMULATED_EXCHANGE) and waits for the others; returns all of
 * them, lane i's at i * bytes, valid until the lane's next exchange. Lanes outside the mask are not set.
 */
enum { HF_EMULATED_EXCHANGE = 256 };
const void *hf_emulated_exchange(unsigned mask, const void *in, size_t bytes, int line);

/* The same for a whole warp: 32 * bytes to all_lanes_out, which may be NULL for a wait only. */
static inline void hf_emulated_warp_exchange(const void *in, size_t bytes, void *all_lanes_out)
{
    const void *all = hf_emulated_exchange(0xffffffffu, in, bytes, __LINE__);
    if (all_lanes_out)
        memcpy(all_lanes_out, all, 32 * bytes);
}

/*
 * cp.async: `bytes` (4, 8 or 16) from global to shared memory, of which the first `filled` are copied and the rest
 * zero. Until a wait of the same thread that covers it, the destination holds NaN. commit closes a group; wait lets
 * `n_left` of the newest groups stay under way.
 */
void hf_emulated_copy_async(void *shared, const void *global, size_t bytes, size_t filled);
void hf_emulated_copy_commit(void);
void hf_emulated_copy_wait(int n_left);

#define __syncwarp(...) hf_emulated_sync_warp(__LINE__, ##__VA_ARGS__)
static inline void hf_emulated_sync_warp(int line, unsigned mask = 0xffffffffu)
{
    hf_emulated_exchange(mask, nullptr, 0, line);
}

/* Lane `from` of the caller's segment of `width` lanes; the caller's own where that is outside the segment. */
template <typename T>
static inline T hf_emulated_shuffle(unsigned mask, T value, int from, int line)
{
    const T *all = static_cast<const T *>(hf_emulated_exchange(mask, &value, sizeof(T), line));
    return all[from];
}
static inline int hf_emulated_segment(int width)
{
    return (int)(hf_emulated_here.lane & ~(unsigned)(width - 1));
}
template <typename T>
static inline T hf_emulated_shfl(int line, unsigned mask, T value, int lane, int width = 32)
{
    return hf_emulated_shuffle(mask, value, hf_emulated_segment(width) + (lane & (width - 1)), line);
}
template <typename T>
static inline T hf_emulated_shfl_up(int line, unsigned mask, T value, unsigned delta, int width = 32)
{
    int lane = (int)hf_emulated_here.lane, from = lane - (int)delta;
    return hf_emulated_shuffle(mask, value, from < hf_emulated_segment(width) ? lane : from, line);
}
template <typename T>
static inline T hf_emulated_shfl_down(int line, unsigned mask, T value, unsigned delta, int width = 32)
{
    int lane = (int)hf_emulated_here.lane, from = lane + (int)delta;
    return hf_emulated_shuffle(mask, value, from >= hf_emulated_segment(width) + width ? lane : from, line);
}
template <typename T>
static inline T hf_emulated_shfl_xor(int line, unsigned mask, T value, int lanes, int width = 32)
{
    int lane = (int)hf_emulated_here.lane, from = lane ^ lanes;
    return hf_emulated_shuffle(mask, value, from >= hf_emulated_segment(width) + width ? lane : from, line);
}
#define __shfl_sync(...) hf_emulated_shfl(__LINE__, __VA_ARGS__)
#define __shfl_up_sync(...) hf_emulated_shfl_up(__LINE__, __VA_ARGS__)
#define __shfl_down_sync(...) hf_emulated_shfl_down(__LINE__, __VA_ARGS__)
#define __shfl_xor_sync(...) hf_emulated_shfl_xor(__LINE__, __VA_ARGS__)

unsigned hf_emulated_active_mask(void);
#define __activemask() hf_emulated_active_mask()

static inline unsigned hf_emulated_ballot(int line, unsigned mask, int predicate)
{
    int here = predicate != 0;
    const int *all = static_cast<const int *>(hf_emulated_exchange(mask, &here, sizeof(here), line));
    unsigned bits = 0;
    for (int i = 0; i < 32; i++)
        if (mask >> i & 1 && all[i])
            bits |= 1u << i;
    return bits;
}
#define __ballot_sync(mask, p) hf_emulated_ballot(__LINE__, (mask), (p) != 0)
#define __any_sync(mask, p) (hf_emulated_ballot(__LINE__, (mask), (p) != 0) != 0)
#define __all_sync(mask, p) (hf_emulated_ballot(__LINE__, (mask), (p) != 0) == (mask))

template <typename T> static inline unsigned hf_emulated_match_any(int line, unsigned mask, T value)
{
    const T *all = static_cast<const T *>(hf_emulated_exchange(mask, &value, sizeof(T), line));
    unsigned bits = 0;
    for (int i = 0; i < 32; i++)
        if (mask >> i & 1 && memcmp(&all[i], &value, sizeof(T)) == 0)
            bits |= 1u << i;
    return bits;
}
#define __match_any_sync(mask, value) hf_emulated_match_any(__LINE__, (mask), (value))

/* Reductions of 32-bit integers over the lanes of a mask (compute capability 8.0 and later). */
template <typename T, typename Op> static inline T hf_emulated_reduce(int line, unsigned mask, T value, Op op)
{
    const T *all = static_cast<const T *>(hf_emulated_exchange(mask, &value, sizeof(T), line));
    bool first = true;
    T result = value;
    for (int i = 0; i < 32; i++)
        if (mask >> i & 1) {
            result = first ? all[i] : op(result, all[i]);
            first = false;
        }
    return result;
}
struct hf_emulated_add { template <typename T> T operator()(T a, T b) const { return (T)(a + b); } };
struct hf_emulated_max { template <typename T> T operator()(T a, T b) const { return a > b ? a : b; } };
struct hf_emulated_min { template <typename T> T operator()(T a, T b) const { return a < b ? a : b; } };
struct hf_emulated_or { template <typename T> T operator()(T a, T b) const { return a | b; } };
struct hf_emulated_and { template <typename T> T operator()(T a, T b) const { return a & b; } };
#define __reduce_add_sync(mask, v) hf_emulated_reduce(__LINE__, (mask), (v), hf_emulated_add())
#define __reduce_max_sync(mask, v) hf_emulated_reduce(__LINE__, (mask), (v), hf_emulated_max())
#define __reduce_min_sync(mask, v) hf_emulated_reduce(__LINE__, (mask), (v), hf_emulated_min())
#define __reduce_or_sync(mask, v) hf_emulated_reduce(__LINE__, (mask), (v), hf_emulated_or())
#define __reduce_and_sync(mask, v) hf_emulated_reduce(__LINE__, (mask), (v), hf_emulated_and())

static inline void __threadfence(void) {}
static inline void __threadfence_block(void) {}

#include "tests/emulation/device_math.h"
#include "tests/emulation/half_types.h"

#endif
