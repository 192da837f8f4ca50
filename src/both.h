/* both.h - functions that the host and a GPU compile from one source.
 *
 * What decides about one cell or pixel is written once, in a header of inline functions, so that both give the same
 * numbers; who loops over the cells is another matter. Such a header keeps to what C11 and C++17 share.
 */
#ifndef HF_SRC_BOTH_H
#define HF_SRC_BOTH_H

#ifdef __CUDACC__
#define HF_BOTH static __device__ __forceinline__
#else
#define HF_BOTH static inline
#endif

HF_BOTH int hf_clamp_int(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

#endif
