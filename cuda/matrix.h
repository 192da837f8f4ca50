/* matrix.h - what matrix products, convolutions and attention of the `cuda` backend share: libraries, plans, workspace.
 *
 * A plan is made by the first call with a shape and kept until the backend closes. Which algorithm a plan takes follows
 * from the shape and the libraries' own tables alone, so a video gives the same bits every time. With
 * HFPROP_CUDA_TUNE=n in the environment (2..8) the n best algorithms of each plan are timed when it is made, and the
 * fastest is kept; that costs three runs of each, and for convolutions the compiling of each.
 * Where GEGLU may be done by the library with a kernel after it, or by a kernel of our own (geglu.h), the same timing
 * chooses; without it sm_80 to sm_89 take the own one, where the library's products are of the same mma instructions,
 * and other GPUs the library. Attention that both can do is the own kernels' without a timing. HFPROP_CUDA_GEGLU and
 * HFPROP_CUDA_ATTENTION, =own or =library in the environment, choose before all that.
 *
 * The workspace is one block of device memory, shared by all operations: they run in order. It grows by calls that make
 * a plan. A captured CUDA graph holds its address, so a block that a capture has seen is kept until the end.
 */
#ifndef HF_CUDA_MATRIX_H
#define HF_CUDA_MATRIX_H

#include <stdbool.h>

#include "cuda/attention_plan.h"
#include "cuda/conv_plan.h"
#include "cuda/device.h"
#include "cuda/gemm.h"

/* Most workspace that a plan may ask for. cuBLASLt's kernels for Hopper are made for 32 MiB; convolutions of pictures
 * get more, since the engines that use it are few and then need it. */
#define HF_CUDA_GEMM_WORKSPACE ((size_t)32 << 20)
#define HF_CUDA_CONV_WORKSPACE ((size_t)256 << 20)

/* Made by the first call; the libraries are opened by the first plan of each. HF_ENOMEM. */
int hf_cuda_matrix_get(hf_backend *be, hf_cuda_matrix **out, hf_error *err);

typedef struct hf_cuda_plan hf_cuda_plan; /* a gemm's or a convolution's */

/*
 * The plan of a shape, made if there is none yet. *out is NULL, and the status HF_OK, where the library cannot do it.
 * HF_EDEVICE for a new shape while a CUDA graph is captured; otherwise what the making of plans returns.
 */
int hf_cuda_gemm_plan(hf_backend *be, hf_cuda_plan **out, const hf_gemm_shape *shape, hf_error *err);
int hf_cuda_conv_plan(hf_backend *be, hf_cuda_plan **out, const hf_conv_shape *shape, hf_error *err);
int hf_cuda_attention_plan(hf_backend *be, hf_cuda_plan **out, const hf_attention_shape *shape, hf_error *err);

/* Bytes of workspace that the next run of a plan needs. */
size_t hf_cuda_plan_workspace(const hf_cuda_plan *plan);

/* Run a plan of that kind. Under HFPROP_CUDA_TUNE the first run times the plan: out is then written several times, so
 * plans that also read out are not timed. */
int hf_cuda_gemm_run(hf_backend *be, hf_cuda_plan *plan, const hf_gemm_arrays *arrays, hf_error *err);
int hf_cuda_conv_run(hf_backend *be, hf_cuda_plan *plan, const hf_conv_arrays *arrays, hf_error *err);
int hf_cuda_attention_run(hf_backend *be, hf_cuda_plan *plan, const hf_attention_arrays *arrays, hf_error *err);

/* What both a library and a kernel of our own can do, and by whom it is done. HF_CUDA_OPEN: to be timed. */
typedef enum hf_cuda_choice { HF_CUDA_GEGLU, HF_CUDA_ATTENTION, HF_CUDA_N_CHOICES } hf_cuda_choice;
typedef enum hf_cuda_way { HF_CUDA_OPEN, HF_CUDA_LIBRARY, HF_CUDA_OWN } hf_cuda_way;

/* The way of a call that both can do. plan: the library's, of GEGLU that of the bare product; NULL before it is made, then
 * OPEN may come of a shape that was timed before. */
hf_cuda_way hf_cuda_way_of(hf_backend *be, hf_cuda_choice choice, const hf_cuda_plan *plan);

/* Keep the faster way; milliseconds of each. */
void hf_cuda_choose_way(hf_cuda_plan *plan, float library, float own);

/* Milliseconds of what `run` queues: the mean of three runs after one that loads its kernels. Waits. */
int hf_cuda_time(hf_backend *be, float *milliseconds, int (*run)(void *work, hf_error *err), void *work, hf_error *err);

/* A line about plan i in the order of making: shape, algorithm, workspace, milliseconds where it was timed. False
 * where there is no plan i. */
bool hf_cuda_plan_text(hf_backend *be, int i, char *text, size_t size);

/* At least `bytes` of workspace, aligned to 256; valid until the next call. HF_ENOMEM; HF_EDEVICE while a CUDA graph is
 * captured and there is not enough. */
int hf_cuda_workspace(hf_backend *be, void **out, size_t bytes, hf_error *err);

/* A place for `bytes` in a workspace of which *used are taken: its offset. */
static inline size_t hf_cuda_place(size_t *used, size_t bytes)
{
    size_t at = *used;
    *used = at + (bytes + 255) / 256 * 256;
    return at;
}

/* The alignment of an address, as shapes want it. */
static inline int32_t hf_cuda_alignment(const void *p)
{
    uintptr_t lowest = (uintptr_t)p & (0 - (uintptr_t)p);
    return lowest == 0 || lowest > HF_CUDA_ALIGN_MOST ? HF_CUDA_ALIGN_MOST : (int32_t)lowest;
}

#endif
