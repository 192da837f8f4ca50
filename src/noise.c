/* noise.c - see noise.h. */
#include "src/noise.h"

#include <math.h>

#define STEP UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio, made odd */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* In (0,1): never 0, whose logarithm there is none of. */
static double uniform(uint64_t key, uint64_t i)
{
    return ((double)(mix(key + i * STEP) >> 11) + 0.5) * 0x1p-53;
}

void hf_noise_normal(float *out, int64_t first, int64_t n, uint64_t seed, uint64_t stream)
{
    uint64_t key = mix(mix(seed) ^ (stream * STEP));
    for (int64_t i = 0; i < n; i++) {
        uint64_t at = (uint64_t)(first + i), even = at & ~UINT64_C(1);
        double length = sqrt(-2 * log(uniform(key, even))), turn = 6.283185307179586 * uniform(key, even + 1);
        out[i] = (float)(length * (at & 1 ? sin(turn) : cos(turn)));
    }
}
