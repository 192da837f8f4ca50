/* outside.c - the steps of `--flow` in the table of the `cuda` backend. */
#include "cuda/outside.h"

#include "cuda/device.h"

static cudaStream_t stream_of(hf_backend *be)
{
    return hf_cuda_of(be)->stream;
}

static int take(hf_backend *be, const hf_outside_field *field, hf_error *err)
{
    return HF_CUDA(hf_cuda_outside_take_launch(field, stream_of(be)), err);
}

static int aim(hf_backend *be, const hf_outside_field *field, hf_error *err)
{
    return HF_CUDA(hf_cuda_outside_aim_launch(field, stream_of(be)), err);
}

static int turn(hf_backend *be, const hf_outside_field *field, hf_error *err)
{
    return HF_CUDA(hf_cuda_outside_turn_launch(field, stream_of(be)), err);
}

static int fetch(hf_backend *be, float *soft, const float *xy, const hf_drawing *drawing, const hf_outside_field *field,
                 hf_error *err)
{
    return HF_CUDA(hf_cuda_outside_fetch_launch(soft, xy, drawing, field, stream_of(be)), err);
}

static int deal(hf_backend *be, float *soft, float *edit, const float *group, const hf_outside_field *field, int n_labels,
                int c0, int C, hf_error *err)
{
    return HF_CUDA(hf_cuda_outside_deal_launch(soft, edit, group, field, n_labels, c0, C, stream_of(be)), err);
}

static int cover(hf_backend *be, float *out, const hf_outside_field *field, hf_error *err)
{
    return HF_CUDA(hf_cuda_outside_cover_launch(out, field, stream_of(be)), err);
}

const hf_outside_ops hf_cuda_outside_ops = { .take = take, .aim = aim, .turn = turn, .fetch = fetch, .deal = deal,
                                             .cover = cover };
