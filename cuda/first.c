/* first.c - the steps of `--match first` in the table of the `cuda` backend. */
#include "cuda/first.h"

#include "cuda/device.h"

static cudaStream_t stream_of(hf_backend *be)
{
    return hf_cuda_of(be)->stream;
}

static int draw(hf_backend *be, float *out, const hf_first_field *field, const hf_drawing *drawing, int c0, int C,
                hf_error *err)
{
    return HF_CUDA(hf_cuda_first_draw_launch(out, field, drawing, c0, C, false, stream_of(be)), err);
}

static int ask(hf_backend *be, const hf_first_field *field, hf_error *err)
{
    return HF_CUDA(hf_cuda_first_ask_launch(field, stream_of(be)), err);
}

static int draw_asked(hf_backend *be, float *group, const hf_first_field *field, const hf_drawing *drawing, int c0, int C,
                      hf_error *err)
{
    return HF_CUDA(hf_cuda_first_draw_launch(group, field, drawing, c0, C, true, stream_of(be)), err);
}

static int deal(hf_backend *be, float *soft, float *edit, const float *group, const hf_first_field *field, int n_labels,
                int c0, int C, hf_error *err)
{
    return HF_CUDA(hf_cuda_first_deal_launch(soft, edit, group, field, n_labels, c0, C, stream_of(be)), err);
}

static int move(hf_backend *be, float *moved, const hf_first_field *field, hf_error *err)
{
    return HF_CUDA(hf_cuda_first_move_launch(moved, field, stream_of(be)), err);
}

static int place(hf_backend *be, float *xy, const float *moved, const hf_first_field *field, hf_error *err)
{
    return HF_CUDA(hf_cuda_first_place_launch(xy, moved, field, stream_of(be)), err);
}

static int trust(hf_backend *be, float *cover, const hf_first_field *field, hf_error *err)
{
    return HF_CUDA(hf_cuda_first_trust_launch(cover, field, stream_of(be)), err);
}

static int mean(hf_backend *be, float *out, const float *values, int64_t n, hf_error *err)
{
    return HF_CUDA(hf_cuda_mean_launch(out, values, n, stream_of(be)), err);
}

const hf_first_ops hf_cuda_first_ops = {
    .draw = draw, .ask = ask, .draw_asked = draw_asked, .deal = deal, .move = move, .place = place, .trust = trust,
    .mean = mean, .fill_new = hf_cuda_push_pull_new, .fill_run = hf_cuda_push_pull_run, .fill_free = hf_cuda_push_pull_free,
    .bend_new = hf_cuda_bend_new, .bend_run = hf_cuda_bend_run, .bend_free = hf_cuda_bend_free,
    .bend_bytes = hf_cuda_bend_bytes,
};
