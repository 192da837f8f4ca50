/* gemm_plain.cpp - cuda/gemm.h in plain loops, in the place of cuBLASLt.
 *
 * One emulated thread does everything, so that products wait in their stream and are captured as kernels are.
 * What a library refuses now and then, this one refuses by rule: anything beside the bare product where n is odd. Code
 * above is then tested on both answers. The workspace is overwritten: nothing of the caller's may lie in it.
 */
#include "tests/emulation/plain.h"

extern "C" {
#include "cuda/gemm.h"
}

enum { WORKSPACE = 1000 };

struct hf_gemm_library {
    int n_plans; /* that are still there */
};

struct hf_gemm_plan : hf_plain_plan<hf_gemm_library, hf_gemm_shape> {
    using hf_plain_plan::hf_plain_plan;
};

/* bytes of workspace, or 0 */
static void product_kernel(const hf_gemm_shape s, const hf_gemm_arrays x, size_t workspace)
{
    if (workspace)
        memset(x.workspace, 0xff, workspace);
    for (int64_t i = 0; i < s.batch * s.m * s.n; i++) {
        int64_t column = i % s.n, row = i / s.n % s.m, batch = i / s.n / s.m;
        int64_t a_at = batch * s.m * s.k, b_at = s.one_b ? 0 : batch * s.k * s.n;
        double sum = 0;
        for (int64_t k = 0; k < s.k; k++)
            sum += (double)hf_plain_load(x.a, s.in, a_at + (s.transpose_a ? k * s.m + row : row * s.k + k)) *
                   (double)hf_plain_load(x.b, s.in, b_at + (s.transpose_b ? column * s.k + k : k * s.n + column));
        float v = (float)((double)x.alpha * sum);
        if (s.c)
            v += hf_plain_load(x.c, s.out, i);
        if (s.bias)
            v += hf_plain_load(x.bias, s.bias_type, column);
        hf_plain_store(x.out, s.out, i, hf_plain_activate(v, s.activation));
    }
}

extern "C" int hf_gemm_open(hf_gemm_library **out, hf_error *)
{
    *out = new hf_gemm_library();
    return HF_OK;
}

extern "C" void hf_gemm_close(hf_gemm_library **library)
{
    hf_plain_close(library);
}

extern "C" int hf_gemm_plan_new(hf_gemm_plan **out, hf_gemm_library *library, const hf_gemm_shape *s, size_t max_workspace,
                                int n_candidates, hf_error *err)
{
    *out = nullptr;
    assert(s->m > 0 && s->n > 0 && s->k > 0 && s->batch > 0 && max_workspace >= WORKSPACE);
    assert(s->out == s->in || s->out == HF_F32);
    assert(!s->bias || s->bias_type == s->out); /* cuBLASLt's table of types */
    assert(s->activation == HF_ACT_NONE || s->activation == HF_ACT_RELU || s->activation == HF_ACT_GELU_TANH);
    if (s->n % 2 && (s->bias || s->c || s->activation != HF_ACT_NONE))
        return hf_fail(err, HF_EUNSUPPORTED, "plain gemm: nothing is fused where n is odd");
    *out = new hf_gemm_plan(library, *s, n_candidates);
    return HF_OK;
}

extern "C" void hf_gemm_plan_free(hf_gemm_plan **plan)
{
    delete *plan;
    *plan = nullptr;
}

extern "C" int hf_gemm_plan_candidates(const hf_gemm_plan *p)
{
    return p->n_candidates;
}

extern "C" void hf_gemm_plan_choose(hf_gemm_plan *p, int candidate)
{
    p->choose(candidate);
}

/* Products of odd depth want none. */
extern "C" size_t hf_gemm_plan_workspace(const hf_gemm_plan *p)
{
    return p->shape.k % 2 ? 0 : (size_t)(WORKSPACE - p->chosen);
}

extern "C" void hf_gemm_plan_describe(const hf_gemm_plan *p, char *text, size_t size)
{
    p->describe(text, size);
}

extern "C" int hf_gemm_plan_run(hf_gemm_plan *p, const hf_gemm_arrays *x, cudaStream_t stream, hf_error *err)
{
    const hf_gemm_shape &s = p->shape;
    assert(hf_plain_is_aligned(x->out, s.align_out) && hf_plain_is_aligned(x->a, s.align_a) && hf_plain_is_aligned(x->b, s.align_b));
    assert(!s.c == !x->c && (!s.c || hf_plain_is_aligned(x->c, s.align_c)));
    assert(!s.bias == !x->bias && (!s.bias || hf_plain_is_aligned(x->bias, s.align_bias)));
    HF_LAUNCH(product_kernel, 1, 1, 0, stream, s, *x, hf_gemm_plan_workspace(p));
    return cudaGetLastError() == cudaSuccess ? HF_OK : hf_fail(err, HF_EDEVICE, "plain gemm: launch refused");
}
