/* launch.h - how .cu files start kernels and name shared memory.
 *
 * The kernels are compiled twice: by nvcc for GPUs, and by the host's C++ compiler for tests/emulation, which runs
 * every thread of a block on the CPU, so that the arithmetic of each kernel is tested on machines without a GPU.
 * Code that both compilers take needs three things said in one way: a launch, dynamic shared memory, and the
 * instructions that only PTX can name (ptx.cuh).
 */
#ifndef HF_CUDA_LAUNCH_H
#define HF_CUDA_LAUNCH_H

#ifndef HF_CUDA_EMULATED /* there tests/emulation has come first, with its own of all below */
#include <cuda_runtime.h>

/* HF_LAUNCH(kernel, grid, block, shared_bytes, stream, arguments...): dim3 or integers. A template kernel goes in
 * parentheses. The launcher returns cudaGetLastError() afterwards. */
#define HF_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
    (kernel)<<<(grid), (block), (shared_bytes), (stream)>>>(__VA_ARGS__)

/* HF_DYNAMIC_SHARED(float, rows): `float *rows` is the block's dynamic shared memory, aligned to 128 bytes. */
#define HF_DYNAMIC_SHARED(type, name)                              \
    extern __shared__ __align__(128) unsigned char hf_dynamic_shared[]; \
    type *name = reinterpret_cast<type *>(hf_dynamic_shared)
#endif

#endif
