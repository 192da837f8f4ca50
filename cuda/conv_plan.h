/* conv_plan.h - one convolution of a fixed shape, as a library runs it.
 *
 *     out = act(conv(x, weight) + residual + bias)
 *
 * Everything channels last: x [n,h,w,c], weight [n_out,kernel_h,kernel_w,c], out and residual [n,ho,wo,n_out], bias
 * [n_out]. One group. conv_plan.c is cuDNN; tests/emulation/conv_plain.c stands in its place where there is no GPU, and
 * refuses what cuDNN's engines often refuse, so that code above is tested on both answers.
 *
 * Plans live as those of gemm.h do: made once, run often, also while a CUDA graph is captured.
 */
#ifndef HF_CUDA_CONV_PLAN_H
#define HF_CUDA_CONV_PLAN_H

#include "cuda/cudnn_library.h"
#include "cuda/gemm.h"

/* What makes two convolutions the same one for a library. Compared as bytes: there is no padding between the fields. */
typedef struct hf_conv_shape {
    int64_t n, h, w, c, ho, wo, n_out, kernel_h, kernel_w;
    int32_t stride, dilation, pad_top, pad_left, pad_bottom, pad_right;
    int32_t in, out;         /* hf_dtype: of x and weight; of out and residual, f32 or like in. f32 is never TF32 */
    int32_t bias;            /* 1: there is one, of out's type: cuDNN's ready-made kernels know no other */
    int32_t residual;        /* 1: there is one; it may be out itself */
    int32_t activation;      /* any but HF_ACT_GEGLU */
    int32_t align;           /* the least alignment of the arrays, as in gemm.h */
} hf_conv_shape;

typedef struct hf_conv_arrays {
    void       *out;
    const void *x, *weight, *bias, *residual; /* bias, residual: NULL where the shape has none */
    void       *workspace;                    /* hf_conv_plan_workspace bytes */
} hf_conv_arrays;

typedef struct hf_conv_plan hf_conv_plan;

/*
 * As hf_gemm_plan_new. HF_EUNSUPPORTED where the library has no way that adds, activates and sums as the shape says:
 * the caller then asks for less, and does the rest itself. Ready-made engines take milliseconds to plan; those that are
 * compiled (activations other than ReLU) a second or more for each shape.
 */
int  hf_conv_plan_new(hf_conv_plan **out, hf_cudnn_library *library, const hf_conv_shape *shape, size_t max_workspace,
                      int n_candidates, hf_error *err);
void hf_conv_plan_free(hf_conv_plan **plan);

int    hf_conv_plan_candidates(const hf_conv_plan *plan);
void   hf_conv_plan_choose(hf_conv_plan *plan, int candidate);
size_t hf_conv_plan_workspace(const hf_conv_plan *plan);
void   hf_conv_plan_describe(const hf_conv_plan *plan, char *text, size_t size);
int    hf_conv_plan_run(hf_conv_plan *plan, const hf_conv_arrays *arrays, hf_error *err);

#endif
