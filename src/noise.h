/* noise.h - seeded normal noise, the same on every backend and machine.
 *
 * Number i of a stream depends on (seed, stream, i) only, so that any part can be drawn alone and batches do
 * not matter. It is drawn on the host:
 *
 *     u(j) = mix(mix(mix(seed) ^ (stream g)) + j g) with g = 0x9e3779b97f4a7c15, modulo 2^64; mix is the finisher of
 *            SplitMix64 (Steele, Lea and Flood, 2014)
 *     r(j) = (top 53 bits of u(j) + 0.5) / 2^53
 *     even i: sqrt(-2 ln r(i)) cos(2 pi r(i+1)), odd i: sqrt(-2 ln r(i-1)) sin(2 pi r(i))   (Box and Muller, 1958)
 *
 * It is not PyTorch's generator: the same seed gives other noise there.
 */
#ifndef HF_SRC_NOISE_H
#define HF_SRC_NOISE_H

#include <stdint.h>

/* Numbers first..first+n-1 of a stream, mean 0 and variance 1. */
void hf_noise_normal(float *out, int64_t first, int64_t n, uint64_t seed, uint64_t stream);

#endif
