/* attention.c - attention on the GPU: which kernel takes which case (attention.h). */
#include <assert.h>
#include <limits.h>

#include "cuda/attention.h"
#include "cuda/device.h"
#include "src/ops_check.h"

static bool starts_at_16(const hf_tensor *t)
{
    return (uintptr_t)t->data % 16 == 0;
}

/* 128 queries a block need this many blocks, in quarters of the multiprocessors' number: with two on each, a second
 * round of nearly empty multiprocessors costs more than blocks of 64 queries do. To be measured on a GPU. */
enum { BLOCKS_PER_FOUR_MULTIPROCESSORS = 7 };

static bool too_few_blocks(const hf_cuda *cuda, const hf_cuda_attention *a)
{
    int64_t blocks = ((int64_t)a->l_q + 127) / 128 * a->n_heads * a->n;
    return 4 * blocks < (int64_t)BLOCKS_PER_FOUR_MULTIPROCESSORS * cuda->n_multiprocessors;
}

/* The tensor cores take one 16-bit type for all four arrays and a scale under which the greatest product is the
 * greatest score. sm_75 has none for bf16. */
static bool fits_tensor_cores(const hf_cuda *cuda, const hf_cuda_attention *a)
{
    bool one_type = a->q_type == a->k_type && a->q_type == a->v_type && a->q_type == a->out_type;
    bool has_type = a->q_type == HF_F16 || (a->q_type == HF_BF16 && cuda->arch >= 80);
    return one_type && has_type && a->scale > 0 && a->d <= HF_CUDA_WIDE_MAX_D;
}

static cudaError_t launch(const hf_cuda *cuda, const hf_cuda_attention *a)
{
    bool f16 = a->q_type == HF_F16;
    if (!fits_tensor_cores(cuda, a))
        return hf_cuda_attention_plain_launch(a, cuda->stream);
    if (a->d > HF_CUDA_FLASH_MAX_D)
        return (f16 ? hf_cuda_attention_wide_f16_launch : hf_cuda_attention_wide_bf16_launch)(a, cuda->shared_bytes,
                                                                                            cuda->stream);
    return (f16 ? hf_cuda_attention_flash_f16_launch : hf_cuda_attention_flash_bf16_launch)(
        a, cuda->shared_bytes, too_few_blocks(cuda, a), cuda->stream);
}

static int cuda_attention(hf_backend *be, const hf_tensor *out, const hf_tensor *q, const hf_tensor *k, const hf_tensor *v,
                          const hf_attention_params *params, hf_error *err)
{
    const hf_attention_sizes s = hf_check_attention(out, q, k, v, params);
    if (s.n == 0 || s.l_q == 0)
        return HF_OK;
    assert(s.l_q <= INT_MAX / 2 && s.l_k <= INT_MAX / 2 && s.d <= INT_MAX); /* kernels add a tile's length to these */
    assert((s.l_q + 15) / 16 * params->n_heads * s.n <= INT_MAX); /* blocks of a grid */
    const hf_cuda_attention a = {
        .q = q->data, .k = k->data, .v = v->data, .out = out->data,
        .q_type = q->dtype, .k_type = k->dtype, .v_type = v->dtype, .out_type = out->dtype,
        .n = (int)s.n, .n_heads = params->n_heads, .d = (int)s.d, .l_q = (int)s.l_q, .l_k = (int)s.l_k,
        .channels = s.channels, .scale = s.scale, .causal = params->causal,
        .aligned = s.d % 8 == 0 && starts_at_16(q) && starts_at_16(k) && starts_at_16(v) && starts_at_16(out),
    };
    return HF_CUDA(launch(hf_cuda_of(be), &a), err);
}

void hf_cuda_fill_attention(hf_ops *ops)
{
    ops->attention = cuda_attention;
}
