/* splat.c - forward splatting in the table of the `cuda` backend. */
#include "cuda/splat.h"

#include <assert.h>

#include "cuda/device.h"
#include "propagate/splat_footprint.h"

/* Bins of sources: the target pixel itself, or the upper left one of four, which may lie beside the frame. */
static int n_bins(const hf_tensor *match, int w, int h)
{
    return match->dtype == HF_I32 ? w * h : (w + 1) * (h + 1);
}

static int cuda_splat(hf_backend *be, const hf_tensor *out, const hf_tensor *cover, const hf_tensor *winner,
                      const hf_tensor *payload, const hf_tensor *match, const hf_tensor *similarity,
                      const hf_splat_params *params, const hf_tensor *scratch, hf_error *err)
{
    const hf_splat_io io = { out, cover, winner, payload, match, similarity };
    bool whole = match->dtype == HF_I32;
    hf_cuda_splat_args args = {
        .out = out->data, .cover = cover->data, .winner = winner->data, .payload = payload->data,
        .index = whole ? match->data : NULL, .xy = whole ? NULL : match->data, .similarity = similarity->data,
        .w = (int)cover->shape[1], .h = (int)cover->shape[0], .C = (int)payload->shape[2],
        .n_source = (int)hf_tensor_count(similarity), .temperature = params->temperature, .start = scratch->data,
    };

    hf_splat_check(&io, scratch);
    if (!(params->temperature > 0.0f))
        return hf_fail(err, HF_EARG, "splat: temperature is %g, want more than 0", (double)params->temperature);
    args.n_bins = n_bins(match, args.w, args.h);
    int n_partial = (args.n_bins + HF_CUDA_SPLAT_SCAN - 1) / HF_CUDA_SPLAT_SCAN;
    args.partial = args.start + args.n_bins;
    args.order = args.partial + n_partial;
    assert((size_t)(args.n_bins + n_partial + args.n_source) * sizeof(int32_t) <= hf_tensor_bytes(scratch));
    return HF_CUDA(hf_cuda_splat_launch(&args, hf_cuda_of(be)->stream), err);
}

void hf_cuda_fill_splat(hf_ops *ops)
{
    ops->splat = cuda_splat;
}
