/* attention_plan.h - attention of a fixed shape as a library runs it: softmax(scale q k^t) v for each head, as in attention.h.
 *
 * attention_plan.c is cuDNN's fused attention; tests/emulation/attention_plain.cpp stands in its place where there is no GPU.
 * Plans live as those of gemm.h do: made once, run often, also while a CUDA graph is captured.
 */
#ifndef HF_CUDA_ATTENTION_PLAN_H
#define HF_CUDA_ATTENTION_PLAN_H

#include "cuda/cudnn_library.h"
#include "cuda/gemm.h"

/* What makes two calls the same one for a library. Compared as bytes: there is no padding between the fields. q and out are
 * [n,l_q,channels], k and v [n,l_k,channels]; head j owns channels j*d..j*d+d-1. */
typedef struct hf_attention_shape {
    int64_t n, n_heads, d, l_q, l_k, channels;
    int32_t type;  /* hf_dtype of all four: f16 or bf16 */
    int32_t align; /* the least alignment of the arrays, as in gemm.h; 16 or more, as every head's first channel is */
} hf_attention_shape;

typedef struct hf_attention_arrays {
    void       *out;
    const void *q, *k, *v;
    float       scale;
    void       *workspace; /* hf_attention_plan_workspace bytes */
} hf_attention_arrays;

typedef struct hf_attention_plan hf_attention_plan;

/* As hf_conv_plan_new. Every engine is compiled for its shape: a quarter of a second for each plan. HF_EUNSUPPORTED where
 * there is none, as on GPUs before sm_80 and with cuDNN before 9.13.1. */
int  hf_attention_plan_new(hf_attention_plan **out, hf_cudnn_library *library, const hf_attention_shape *shape,
                           size_t max_workspace, int n_candidates, hf_error *err);
void hf_attention_plan_free(hf_attention_plan **plan);

int    hf_attention_plan_candidates(const hf_attention_plan *plan);
void   hf_attention_plan_choose(hf_attention_plan *plan, int candidate);
size_t hf_attention_plan_workspace(const hf_attention_plan *plan);
void   hf_attention_plan_describe(const hf_attention_plan *plan, char *text, size_t size);
int    hf_attention_plan_run(hf_attention_plan *plan, const hf_attention_arrays *arrays, hf_error *err);

#endif
