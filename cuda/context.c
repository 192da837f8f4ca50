/* context.c - hf_ops.match_context and the table of propagate/context_ops.h: checks, then launches. */
#include "cuda/context.h"

#include <assert.h>

#include "cuda/device.h"
#include "propagate/match_context.h"

static cudaStream_t stream_of(hf_backend *be) { return hf_cuda_of(be)->stream; }

static int cuda_match_context(hf_backend *be, const hf_tensor *index, const hf_tensor *similarity,
                              const hf_tensor *target, const hf_tensor *reference, const hf_tensor *shift,
                              const hf_match_context_params *p, hf_error *err)
{
    int rc = hf_match_context_check(index, target, reference, p, err);
    if (rc < 0)
        return rc;
    hf_cuda_context_match m = {
        .index = index->data, .similarity = similarity->data, .target = target->data, .reference = reference->data,
        .shift = shift ? shift->data : NULL, .h = (int)target->shape[0], .w = (int)target->shape[1],
        .quads = (int)(target->shape[2] / 4), .k = p->k, .radius = p->radius_cells,
        .first = (int32_t)((int64_t)p->reference * target->shape[0] * target->shape[1]),
    };
    return HF_CUDA(hf_cuda_match_context_launch(&m, stream_of(be)), err);
}

static int cuda_scale(hf_backend *be, uint8_t *out, const uint8_t *rgb, const hf_scaling *scaling, hf_error *err)
{
    return HF_CUDA(hf_cuda_context_scale_launch(out, rgb, scaling, stream_of(be)), err);
}

static int cuda_rescale(hf_backend *be, float *xy, int64_t n, float scale, hf_error *err)
{
    return HF_CUDA(hf_cuda_context_rescale_launch(xy, n, scale, stream_of(be)), err);
}

static int cuda_bytes(hf_backend *be, const hf_tensor *target, const hf_tensor *features, hf_error *err)
{
    int D = (int)features->shape[2], P = (int)target->shape[2];
    assert(target->dtype == HF_U8 && features->dtype == HF_F32 && P == HF_MATCH_PAD(D));
    return HF_CUDA(hf_cuda_context_bytes_launch(target->data, features->data, (int)(features->shape[0] * features->shape[1]), D,
                                        P, stream_of(be)), err);
}

static int cuda_pack(hf_backend *be, const hf_tensor *reference, const hf_tensor *target, hf_error *err)
{
    assert(reference->dtype == HF_U8 && target->dtype == HF_U8 && 4 * reference->shape[1] == target->shape[2]);
    return HF_CUDA(hf_cuda_context_pack_launch(reference->data, target->data, (int)target->shape[0], (int)target->shape[1],
                                       (int)(target->shape[2] / 4), stream_of(be)), err);
}

static int cuda_clear(hf_backend *be, const hf_context_lists *lists, hf_error *err)
{
    return HF_CUDA(hf_cuda_context_clear_launch(lists, stream_of(be)), err);
}

static int cuda_predict(hf_backend *be, const hf_context_lists *lists, const float *xy, hf_error *err)
{
    return HF_CUDA(hf_cuda_context_predict_launch(lists, xy, stream_of(be)), err);
}

static int cuda_vote(hf_backend *be, const hf_cells *out, const hf_context_lists *lists,
                     const hf_context_reference *references, float temperature, hf_error *err)
{
    return HF_CUDA(hf_cuda_context_vote_launch(out, lists, references, temperature, stream_of(be)), err);
}

static int cuda_describe(hf_backend *be, uint8_t *patches, uint8_t *colours, const uint8_t *rgb, int width, int height,
                         int stride_px, hf_error *err)
{
    return HF_CUDA(hf_cuda_context_describe_launch(patches, colours, rgb, width, height, stride_px, stream_of(be)), err);
}

static int cuda_fine_vote(hf_backend *be, const hf_cells *out, const uint8_t *patches, const hf_fine_matches *matches,
                          const hf_fine_reference *references, hf_error *err)
{
    return HF_CUDA(hf_cuda_context_fine_vote_launch(out, patches, matches, references, stream_of(be)), err);
}

static int cuda_light(hf_backend *be, const hf_light *light, const uint8_t *rgb, hf_error *err)
{
    return HF_CUDA(hf_cuda_context_light_launch(light, rgb, stream_of(be)), err);
}

static int cuda_anchor(hf_backend *be, const hf_anchor_view *anchor, const hf_cells *cells, const hf_cells *fine,
                       const int32_t *guess, hf_error *err)
{
    return HF_CUDA(hf_cuda_context_anchor_launch(anchor, cells, fine, guess, stream_of(be)), err);
}

static int cuda_pool(hf_backend *be, float *labels, int h, int w, const hf_cells *fine, hf_error *err)
{
    return HF_CUDA(hf_cuda_context_pool_launch(labels, h, w, fine, stream_of(be)), err);
}

static int cuda_warp(hf_backend *be, float *out, const uint8_t *rgba, const float *xy, const float *cover, int width,
                     int height, hf_error *err)
{
    return HF_CUDA(hf_cuda_warp_launch(out, rgba, xy, cover, width, height, stream_of(be)), err);
}

static int cuda_straighten(hf_backend *be, uint8_t *rgba, const float *multiplied, int64_t n, hf_error *err)
{
    return HF_CUDA(hf_cuda_warp_straighten_launch(rgba, multiplied, n, stream_of(be)), err);
}

static int cuda_fade(hf_backend *be, float *multiplied, const float *cover, int64_t n, hf_error *err)
{
    return HF_CUDA(hf_cuda_warp_fade_launch(multiplied, cover, n, stream_of(be)), err);
}

static const hf_context_ops table = {
    .scale = cuda_scale,
    .rescale = cuda_rescale,
    .bytes = cuda_bytes,
    .pack = cuda_pack,
    .clear = cuda_clear,
    .predict = cuda_predict,
    .vote = cuda_vote,
    .describe = cuda_describe,
    .fine_vote = cuda_fine_vote,
    .light = cuda_light,
    .anchor = cuda_anchor,
    .pool = cuda_pool,
    .refine_new = hf_cuda_refine_new,
    .refine_run = hf_cuda_refine_run,
    .refine_free = hf_cuda_refine_free,
    .refine_bytes = hf_cuda_refine_bytes,
    .decide = hf_cuda_decide,
    .warp = cuda_warp,
    .straighten = cuda_straighten,
    .fade = cuda_fade,
    .blend_clear = hf_cuda_blend_clear,
    .blend_add = hf_cuda_blend_add,
    .blend_mean = hf_cuda_blend_mean,
};

void hf_cuda_fill_context(hf_ops *ops)
{
    ops->match_context = cuda_match_context;
    ops->context = &table;
}
