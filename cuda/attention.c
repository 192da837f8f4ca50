/* attention.c - attention on the GPU: which kernel takes which case (attention.h), and where the library does (matrix.h). */
#include <assert.h>
#include <limits.h>

#include "cuda/attention.h"
#include "cuda/matrix.h"
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

static cudaError_t launch_own(const hf_cuda *cuda, const hf_cuda_attention *a)
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

/* What cuDNN has no engine for anyway is not asked of it. */
static bool fits_library(const hf_cuda *cuda, const hf_cuda_attention *a)
{
    return fits_tensor_cores(cuda, a) && cuda->arch >= 80 && a->aligned && !a->causal;
}

static hf_attention_shape shape_of(const hf_cuda_attention *a)
{
    const void *arrays[] = { a->q, a->k, a->v, a->out };
    int32_t align = HF_CUDA_ALIGN_MOST;
    for (int i = 0; i < 4; i++)
        align = hf_cuda_alignment(arrays[i]) < align ? hf_cuda_alignment(arrays[i]) : align;
    return (hf_attention_shape){ .n = a->n, .n_heads = a->n_heads, .d = a->d, .l_q = a->l_q, .l_k = a->l_k,
                                 .channels = a->channels, .type = (int32_t)a->q_type, .align = align };
}

/* One call, by the library or by the own kernels; for hf_cuda_time. */
typedef struct call {
    hf_backend              *be;
    const hf_cuda_attention *a;
    hf_cuda_plan            *plan;
} call;

static int run_own(void *work, hf_error *err)
{
    const call *c = work;
    return HF_CUDA(launch_own(hf_cuda_of(c->be), c->a), err);
}

static int run_library(void *work, hf_error *err)
{
    const call *c = work;
    hf_attention_arrays arrays = { .out = c->a->out, .q = c->a->q, .k = c->a->k, .v = c->a->v, .scale = c->a->scale };
    int rc = hf_cuda_workspace(c->be, &arrays.workspace, hf_cuda_plan_workspace(c->plan), err);
    return rc < 0 ? rc : hf_cuda_attention_run(c->be, c->plan, &arrays, err);
}

/* out may be written many times: it is none of the others. */
static int time_ways(call *c, hf_error *err)
{
    float library = 0, own = 0;
    int rc;
    if ((rc = hf_cuda_time(c->be, &library, run_library, c, err)) < 0 ||
        (rc = hf_cuda_time(c->be, &own, run_own, c, err)) < 0)
        return rc;
    hf_cuda_choose_way(c->plan, library, own);
    return HF_OK;
}

static int run_either(call *c, hf_error *err)
{
    hf_attention_shape shape = shape_of(c->a);
    hf_cuda_matrix *m;
    int rc = hf_cuda_matrix_get(c->be, &m, err);
    if (rc < 0 || hf_cuda_way_of(c->be, HF_CUDA_ATTENTION, NULL) == HF_CUDA_OWN)
        return rc < 0 ? rc : run_own(c, err);
    if ((rc = hf_cuda_attention_plan(c->be, &c->plan, &shape, err)) < 0 || !c->plan)
        return rc < 0 ? rc : run_own(c, err);
    if (hf_cuda_way_of(c->be, HF_CUDA_ATTENTION, c->plan) == HF_CUDA_OPEN && !hf_cuda_of(c->be)->is_recording &&
        (rc = time_ways(c, err)) < 0)
        return rc;
    return hf_cuda_way_of(c->be, HF_CUDA_ATTENTION, c->plan) == HF_CUDA_OWN ? run_own(c, err) : run_library(c, err);
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
    call c = { be, &a, NULL };
    return fits_library(hf_cuda_of(be), &a) ? run_either(&c, err) : run_own(&c, err);
}

void hf_cuda_fill_attention(hf_ops *ops)
{
    ops->attention = cuda_attention;
}
