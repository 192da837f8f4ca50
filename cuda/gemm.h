/* gemm.h - one matrix product of a fixed shape, as a library runs it: the only door to cuBLASLt.
 *
 *     out = act(alpha op(a) op(b) + c + bias)        out, c [batch,m,n] row after row; bias [n]
 *
 * gemm.c is cuBLASLt. Where there is no GPU, tests/emulation/gemm_plain.cpp stands in its place with plain loops, so
 * that all code above this header is tested there; nothing of cuBLASLt shows here for that reason.
 *
 * A plan is made once for a shape (hf_cuda_gemm_plan in matrix.h keeps them) and run as often as wanted, also while a
 * CUDA graph is captured. Running allocates nothing and waits for nothing.
 */
#ifndef HF_CUDA_GEMM_H
#define HF_CUDA_GEMM_H

#include <stddef.h>
#include <stdint.h>

#include <cuda_runtime_api.h>

#include "src/error.h"
#include "src/ops.h"

/*
 * What makes two products the same one for a library. Fields are compared as bytes: there is no padding between them.
 *
 *   a     [batch,m,k], or [batch,k,m] with transpose_a
 *   b     [batch,k,n], or [batch,n,k] with transpose_b; without the batch with one_b
 *   in    type of a and b: f32, f16, bf16. out: type of out and c: f32, or that of in. Sums are f32 in any case;
 *         f32 is multiplied as f32, never as TF32
 *   bias  1: a bias of bias_type (f32 or out) is added
 *   c     1: c is added; it may be out itself
 *   activation  HF_ACT_NONE, HF_ACT_RELU or HF_ACT_GELU_TANH
 *   align_*     the addresses are multiples of this many bytes: powers of two up to HF_CUDA_ALIGN_MOST
 */
typedef struct hf_gemm_shape {
    int64_t m, n, k, batch;
    int32_t transpose_a, transpose_b, one_b;
    int32_t in, out, bias_type; /* hf_dtype */
    int32_t bias, c, activation;
    int32_t align_out, align_a, align_b, align_c, align_bias;
} hf_gemm_shape;

/* hf_ops.alloc and arenas give addresses that are multiples of 64; more than that would make plans depend on where an
 * arena happens to place an array. */
enum { HF_CUDA_ALIGN_MOST = 64 };

/* The arrays of one run; bias and c are NULL where the shape has none. workspace: hf_gemm_plan_workspace bytes. */
typedef struct hf_gemm_arrays {
    void       *out;
    const void *a, *b, *bias, *c;
    float       alpha;
    void       *workspace;
} hf_gemm_arrays;

typedef struct hf_gemm_library hf_gemm_library;
typedef struct hf_gemm_plan hf_gemm_plan;

/* HF_EDEVICE, HF_ENOMEM. Closing takes a pointer to NULL, and follows the freeing of every plan. */
int  hf_gemm_open(hf_gemm_library **out, hf_error *err);
void hf_gemm_close(hf_gemm_library **library);

/*
 * Find up to n_candidates ways (1..HF_CUDA_MOST_CANDIDATES) to run the shape in at most max_workspace bytes, the one
 * that the library thinks fastest first; that one is chosen. HF_EUNSUPPORTED: the library has none; HF_EDEVICE,
 * HF_ENOMEM. On failure *out is NULL.
 */
enum { HF_CUDA_MOST_CANDIDATES = 8 };
int  hf_gemm_plan_new(hf_gemm_plan **out, hf_gemm_library *library, const hf_gemm_shape *shape, size_t max_workspace,
                      int n_candidates, hf_error *err);
void hf_gemm_plan_free(hf_gemm_plan **plan);

/* How many ways were found, and another one than the first. */
int  hf_gemm_plan_candidates(const hf_gemm_plan *plan);
void hf_gemm_plan_choose(hf_gemm_plan *plan, int candidate);

/* Of the chosen way: bytes, and a line of text for people who look why it is slow. */
size_t hf_gemm_plan_workspace(const hf_gemm_plan *plan);
void   hf_gemm_plan_describe(const hf_gemm_plan *plan, char *text, size_t size);

int hf_gemm_plan_run(hf_gemm_plan *plan, const hf_gemm_arrays *arrays, cudaStream_t stream, hf_error *err);

#endif
