/* conv_plain.cpp - cuda/conv_plan.h in plain loops, in the place of cuDNN: see gemm_plain.cpp.
 *
 * What it refuses, so that every way of cuda/conv2d.c is gone: anything fused where there are not a multiple of 8
 * channels out; everything where f16 or bf16 has an odd number of channels out, or an f32 result, and where f32 has more
 * padding above than below.
 */
#include "tests/emulation/plain.h"

extern "C" {
#include "cuda/conv_plan.h"
}

enum { WORKSPACE = 3000 };

struct hf_conv_plan : hf_plain_plan<hf_cudnn_library, hf_conv_shape> {
    using hf_plain_plan::hf_plain_plan;
};

static double window(const hf_conv_shape &s, const hf_conv_arrays &x, int64_t n, int64_t oy, int64_t ox, int64_t o)
{
    double sum = 0;
    for (int64_t ky = 0; ky < s.kernel_h; ky++)
        for (int64_t kx = 0; kx < s.kernel_w; kx++) {
            int64_t iy = oy * s.stride - s.pad_top + ky * s.dilation, ix = ox * s.stride - s.pad_left + kx * s.dilation;
            if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w)
                continue;
            int64_t x_at = ((n * s.h + iy) * s.w + ix) * s.c, w_at = ((o * s.kernel_h + ky) * s.kernel_w + kx) * s.c;
            for (int64_t c = 0; c < s.c; c++)
                sum += (double)hf_plain_load(x.x, s.in, x_at + c) * (double)hf_plain_load(x.weight, s.in, w_at + c);
        }
    return sum;
}

static void convolution_kernel(const hf_conv_shape s, const hf_conv_arrays x, size_t workspace)
{
    memset(x.workspace, 0xff, workspace);
    for (int64_t i = 0; i < s.n * s.ho * s.wo * s.n_out; i++) {
        int64_t o = i % s.n_out, cell = i / s.n_out;
        float v = (float)window(s, x, cell / s.wo / s.ho, cell / s.wo % s.ho, cell % s.wo, o);
        if (s.residual)
            v += hf_plain_load(x.residual, s.out, i);
        if (s.bias)
            v += hf_plain_load(x.bias, s.out, o);
        hf_plain_store(x.out, s.out, i, hf_plain_activate(v, s.activation));
    }
}

extern "C" int hf_cudnn_open(hf_cudnn_library **out, cudaStream_t stream, hf_error *)
{
    *out = new hf_cudnn_library{ stream, 0 };
    return HF_OK;
}

extern "C" void hf_cudnn_close(hf_cudnn_library **library)
{
    hf_plain_close(library);
}

static bool is_refused(const hf_conv_shape *s)
{
    bool fused = s->bias || s->residual || s->activation != HF_ACT_NONE;
    if (fused && s->n_out % 8 != 0)
        return true;
    return s->in == HF_F32 ? s->pad_top > s->pad_bottom : s->n_out % 2 != 0 || s->out == HF_F32;
}

extern "C" int hf_conv_plan_new(hf_conv_plan **out, hf_cudnn_library *library, const hf_conv_shape *s, size_t max_workspace,
                                int n_candidates, hf_error *err)
{
    *out = nullptr;
    assert(s->out == s->in || s->out == HF_F32);
    assert(s->stride > 0 && s->dilation > 0 && s->activation != HF_ACT_GEGLU && max_workspace >= WORKSPACE);
    if (is_refused(s))
        return hf_fail(err, HF_EUNSUPPORTED, "plain convolution: refused by rule");
    *out = new hf_conv_plan(library, *s, n_candidates);
    return HF_OK;
}

extern "C" void hf_conv_plan_free(hf_conv_plan **plan)
{
    delete *plan;
    *plan = nullptr;
}

extern "C" int hf_conv_plan_candidates(const hf_conv_plan *p)
{
    return p->n_candidates;
}

extern "C" void hf_conv_plan_choose(hf_conv_plan *p, int candidate)
{
    p->choose(candidate);
}

extern "C" size_t hf_conv_plan_workspace(const hf_conv_plan *p)
{
    return (size_t)(WORKSPACE - p->chosen);
}

extern "C" void hf_conv_plan_describe(const hf_conv_plan *p, char *text, size_t size)
{
    p->describe(text, size);
}

extern "C" int hf_conv_plan_run(hf_conv_plan *p, const hf_conv_arrays *x, hf_error *err)
{
    const hf_conv_shape &s = p->shape;
    const void *all[] = { x->out, x->x, x->weight, x->bias, x->residual };
    for (const void *address : all)
        assert(hf_plain_is_aligned(address, s.align));
    assert(!s.bias == !x->bias && !s.residual == !x->residual);
    HF_LAUNCH(convolution_kernel, 1, 1, 0, p->library->stream, s, *x, hf_conv_plan_workspace(p));
    return cudaGetLastError() == cudaSuccess ? HF_OK : hf_fail(err, HF_EDEVICE, "plain convolution: launch refused");
}
