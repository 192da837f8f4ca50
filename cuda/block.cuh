/* block.cuh - hf_block_difference, hf_block_search and hf_block_texture of propagate/register.h, by the lanes of a warp.
 *
 * All 32 lanes call with the same arguments and get the same result, which is that of the host to the last bit: sums
 * are integers, and of moves that cost the same the first in the host's order wins.
 */
#ifndef HF_CUDA_BLOCK_CUH
#define HF_CUDA_BLOCK_CUH

#include <math.h>
#include <stdint.h>

#include "cuda/launch.h"
#include "propagate/block.h"

static __device__ __forceinline__ int hf_warp_sum(int v)
{
    for (int step = 16; step > 0; step /= 2)
        v += __shfl_xor_sync(0xffffffffu, v, step);
    return v;
}

/* Four bytes at any address, by the aligned words that hold them; a word without one of them is not read. */
static __device__ __forceinline__ uint32_t hf_load_bytes(const uint8_t *p)
{
    unsigned shift = 8 * (unsigned)(reinterpret_cast<uintptr_t>(p) & 3);
    const uint32_t *word = reinterpret_cast<const uint32_t *>(p - shift / 8);
    uint32_t low = __ldg(word);
    return shift ? low >> shift | __ldg(word + 1) << (32 - shift) : low;
}

/* Sum of absolute differences of two rows; bytes past a multiple of 4 one by one. */
static __device__ __forceinline__ int hf_row_difference(const uint8_t *a, const uint8_t *b, int size)
{
    unsigned sum = 0;
    int x = 0;
    for (; x + 4 <= size; x += 4)
        sum += __vsadu4(hf_load_bytes(a + x), hf_load_bytes(b + x));
    for (; x < size; x++)
        sum += (unsigned)abs((int)a[x] - (int)b[x]);
    return (int)sum;
}

static __device__ __forceinline__ const uint8_t *hf_block_other(const hf_block *b, int dx, int dy)
{
    dx = hf_clamp_int(dx, b->low_x, b->high_x);
    dy = hf_clamp_int(dy, b->low_y, b->high_y);
    return b->other + (ptrdiff_t)dy * b->pitch + dx;
}

/* Lanes share out the rows. */
static __device__ __forceinline__ int hf_block_difference(const hf_block *b, int dx, int dy)
{
    const uint8_t *other = hf_block_other(b, dx, dy);
    int sum = 0;
    for (int y = threadIdx.x & 31; y < b->size; y += 32)
        sum += hf_row_difference(b->frame + (size_t)y * b->pitch, other + (size_t)y * b->pitch, b->size);
    return hf_warp_sum(sum);
}

/* One lane, all rows. */
static __device__ __forceinline__ int hf_lane_difference(const hf_block *b, int dx, int dy)
{
    const uint8_t *other = hf_block_other(b, dx, dy);
    int sum = 0;
    for (int y = 0; y < b->size; y++)
        sum += hf_row_difference(b->frame + (size_t)y * b->pitch, other + (size_t)y * b->pitch, b->size);
    return sum;
}

/* Each lane takes every 32nd move; the best of all lanes is found by exchange. */
static __device__ __forceinline__ float hf_block_search(const hf_block *b, int reach, int cx, int cy, float *move)
{
    int best = hf_block_difference(b, cx, cy), at = -1;
    float scale = 1.0f / (float)(b->size * b->size), way = HF_WAY_COST / scale, cost = (float)best;

    move[0] = (float)cx;
    move[1] = (float)cy;
    if (best == 0)
        return 0;
    if ((float)best * scale < HF_AT_HOME && reach > 1)
        reach = 1;
    int side = 2 * reach + 1;
    for (int i = threadIdx.x & 31; i < side * side; i += 32) {
        int dx = i % side - reach, dy = i / side - reach, sum = hf_lane_difference(b, cx + dx, cy + dy);
        float whole = (float)sum + way * sqrtf((float)(dx * dx + dy * dy));
        if (whole < cost)
            cost = whole, best = sum, at = i;
    }
    for (int step = 16; step > 0; step /= 2) {
        float whole = __shfl_xor_sync(0xffffffffu, cost, step);
        int sum = __shfl_xor_sync(0xffffffffu, best, step), i = __shfl_xor_sync(0xffffffffu, at, step);
        if (whole < cost || (whole == cost && i < at))
            cost = whole, best = sum, at = i;
    }
    int x = cx + (at < 0 ? 0 : at % side - reach), y = cy + (at < 0 ? 0 : at / side - reach);
    move[0] = (float)x;
    move[1] = (float)y;
    if (best > 0) {
        move[0] += hf_block_parabola(hf_block_difference(b, x - 1, y), best, hf_block_difference(b, x + 1, y));
        move[1] += hf_block_parabola(hf_block_difference(b, x, y - 1), best, hf_block_difference(b, x, y + 1));
    }
    return (float)best * scale;
}

static __device__ __forceinline__ float hf_block_texture(const hf_block *b)
{
    int sum = 0, n = b->size * b->size, deviation = 0, lane = threadIdx.x & 31;
    for (int i = lane; i < n; i += 32)
        sum += b->frame[(size_t)(i / b->size) * b->pitch + i % b->size];
    int mean = (hf_warp_sum(sum) + n / 2) / n;
    for (int i = lane; i < n; i += 32)
        deviation += abs((int)b->frame[(size_t)(i / b->size) * b->pitch + i % b->size] - mean);
    return (float)hf_warp_sum(deviation) / (float)n;
}

#endif
