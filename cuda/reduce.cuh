/* reduce.cuh - sums and maxima over a warp or a block, in an order that does not change from run to run. */
#ifndef HF_CUDA_REDUCE_CUH
#define HF_CUDA_REDUCE_CUH

#include <math.h>

#include "cuda/launch.h"

enum { HF_WARP = 32 };

/* Every lane of a whole warp gets the result. */
static __device__ __forceinline__ float hf_warp_sum(float v)
{
#pragma unroll
    for (int lanes = HF_WARP / 2; lanes > 0; lanes /= 2)
        v += __shfl_xor_sync(0xffffffffu, v, lanes);
    return v;
}

static __device__ __forceinline__ float hf_warp_max(float v)
{
#pragma unroll
    for (int lanes = HF_WARP / 2; lanes > 0; lanes /= 2)
        v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, lanes));
    return v;
}

/* Both of a block: `join` first in each warp, then over their results; none: what changes no result. */
template <float (*join)(float)>
static __device__ __forceinline__ float hf_block_join(float v, float none, float *room)
{
    int n_warps = (int)blockDim.x / HF_WARP, lane = (int)threadIdx.x % HF_WARP;
    v = join(v);
    if (lane == 0)
        room[threadIdx.x / HF_WARP] = v;
    __syncthreads();
    v = join(lane < n_warps ? room[lane] : none);
    __syncthreads();
    return v;
}

/*
 * Every thread of a block of whole warps gets the sum, or the maximum, of all v.
 *   room  shared, 32 floats; may be used again at once
 */
static __device__ __forceinline__ float hf_block_sum(float v, float *room) { return hf_block_join<hf_warp_sum>(v, 0.0f, room); }
static __device__ __forceinline__ float hf_block_max(float v, float *room) { return hf_block_join<hf_warp_max>(v, -INFINITY, room); }

#endif
