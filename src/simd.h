/* simd.h - let the compiler build a hot loop for several processors.
 *
 * A function marked HF_CLONES is compiled once each for AVX-512, AVX2 and the
 * baseline; the loader picks. Loops inside should be plain C that vectorises
 * (`#pragma omp simd`, reductions named), so that no intrinsics are needed.
 * Off under sanitizers, whose runtime is not ready when the loader picks.
 */
#ifndef HF_SRC_SIMD_H
#define HF_SRC_SIMD_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(HF_NO_CLONES)
#define HF_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HF_CLONES
#endif

#endif
