/* attention_plain.cpp - cuda/attention_plan.h in plain loops, in the place of cuDNN: see gemm_plain.cpp. It refuses heads of
 * more than 128 channels, so that the own kernels are called beside it.
 */
#include "tests/emulation/plain.h"

extern "C" {
#include "cuda/attention_plan.h"
}

enum { WORKSPACE = 700, MOST_CHANNELS = 128 };

struct hf_attention_plan : hf_plain_plan<hf_cudnn_library, hf_attention_shape> {
    using hf_plain_plan::hf_plain_plan;
};

/* One query of one head: q_at is its first channel, k_at that of key 0. */
static void attend(const hf_attention_shape &s, const hf_attention_arrays &x, int64_t q_at, int64_t k_at, double *weights)
{
    double top = -HUGE_VAL, sum = 0;
    for (int64_t j = 0; j < s.l_k; j++) {
        double score = 0;
        for (int64_t c = 0; c < s.d; c++)
            score += (double)hf_plain_load(x.q, s.type, q_at + c) * hf_plain_load(x.k, s.type, k_at + j * s.channels + c);
        weights[j] = score * x.scale;
        top = fmax(top, weights[j]);
    }
    for (int64_t j = 0; j < s.l_k; j++)
        sum += weights[j] = exp(weights[j] - top);
    for (int64_t c = 0; c < s.d; c++) {
        double v = 0;
        for (int64_t j = 0; j < s.l_k; j++)
            v += weights[j] * hf_plain_load(x.v, s.type, k_at + j * s.channels + c);
        hf_plain_store(x.out, s.type, q_at + c, (float)(v / sum));
    }
}

static void attention_kernel(const hf_attention_shape s, const hf_attention_arrays x, size_t workspace)
{
    std::vector<double> weights((size_t)s.l_k);
    memset(x.workspace, 0xff, workspace);
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t head = 0; head < s.n_heads; head++)
            for (int64_t i = 0; i < s.l_q; i++)
                attend(s, x, (n * s.l_q + i) * s.channels + head * s.d, n * s.l_k * s.channels + head * s.d, weights.data());
}

extern "C" int hf_attention_plan_new(hf_attention_plan **out, hf_cudnn_library *library, const hf_attention_shape *s,
                                     size_t max_workspace, int n_candidates, hf_error *err)
{
    *out = nullptr;
    assert((s->type == HF_F16 || s->type == HF_BF16) && s->align >= 16 && s->d % 8 == 0);
    assert(s->channels == s->n_heads * s->d && max_workspace >= WORKSPACE);
    if (s->d > MOST_CHANNELS)
        return hf_fail(err, HF_EUNSUPPORTED, "plain attention: refused by rule");
    *out = new hf_attention_plan(library, *s, n_candidates);
    return HF_OK;
}

extern "C" void hf_attention_plan_free(hf_attention_plan **plan)
{
    delete *plan;
    *plan = nullptr;
}

extern "C" int hf_attention_plan_candidates(const hf_attention_plan *p)
{
    return p->n_candidates;
}

extern "C" void hf_attention_plan_choose(hf_attention_plan *p, int candidate)
{
    p->choose(candidate);
}

extern "C" size_t hf_attention_plan_workspace(const hf_attention_plan *p)
{
    return (size_t)(WORKSPACE - p->chosen);
}

extern "C" void hf_attention_plan_describe(const hf_attention_plan *p, char *text, size_t size)
{
    p->describe(text, size);
}

extern "C" int hf_attention_plan_run(hf_attention_plan *p, const hf_attention_arrays *x, hf_error *err)
{
    const void *all[] = { x->out, x->q, x->k, x->v };
    for (const void *address : all)
        assert(hf_plain_is_aligned(address, p->shape.align));
    HF_LAUNCH(attention_kernel, 1, 1, 0, p->library->stream, p->shape, *x, hf_attention_plan_workspace(p));
    return cudaGetLastError() == cudaSuccess ? HF_OK : hf_fail(err, HF_EDEVICE, "plain attention: launch refused");
}
