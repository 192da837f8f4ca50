/* match.c - matching in the table of the `cuda` backend. */
#include "cuda/match.h"

#include <assert.h>

#include "cuda/first.h"
#include "cuda/match_stay.h"
#include "cuda/outside.h"
#include "propagate/match_stay.h"

int hf_cuda_match_stay(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity, const hf_tensor *a,
                       const hf_tensor *b, float tolerance, hf_error *err)
{
    hf_cuda_match_stay_args args = {
        .index = index->data, .similarity = similarity->data, .a = a->data, .b = b->data,
        .H = (int)similarity->shape[0], .W = (int)similarity->shape[1],
        .h = (int)a->shape[0], .w = (int)a->shape[1], .D = (int)a->shape[2], .tolerance = tolerance,
    };
    assert(a->shape[0] == b->shape[0] && a->shape[1] == b->shape[1] && a->shape[2] == b->shape[2]);
    return HF_CUDA(hf_cuda_match_stay_launch(&args, hf_cuda_of(be)->stream), err);
}

void hf_cuda_fill_match(hf_ops *ops)
{
    ops->match_dense_scratch_bytes = hf_cuda_match_dense_scratch_bytes;
    ops->match_dense = hf_cuda_match_dense;
    ops->match_stay = hf_cuda_match_stay;
    ops->first = &hf_cuda_first_ops;
    ops->outside = &hf_cuda_outside_ops;
}
