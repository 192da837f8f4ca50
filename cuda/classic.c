/* classic.c - hf_ops.classic_raw of the `cuda` backend. */
#include "cuda/classic.h"

#include "cuda/device.h"
#include "src/ops_check.h"

static int cuda_classic_raw(hf_backend *be, const hf_tensor *out, const hf_tensor *rgb, const hf_classic_raw *raw,
                            hf_error *err)
{
    hf_check_classic_raw(out, rgb, raw);
    return HF_CUDA(hf_cuda_classic_launch(out->data, rgb->data, raw, hf_cuda_of(be)->stream), err);
}

void hf_cuda_fill_classic(hf_ops *ops)
{
    ops->classic_raw = cuda_classic_raw;
}
