/* bend.c - hf_first_ops.bend_new, bend_run, bend_free, and hf_context_ops.blend_...: memory, then launches. */
#include <stdlib.h>

#include "cuda/context.h"
#include "cuda/device.h"
#include "cuda/first.h"
#include "cuda/refine.h"

/* One block of the device's memory, from which the parts below are cut. */
struct hf_bend {
    char         *memory;
    hf_cuda_guide guide;
    uint8_t      *keep; /* [H,W] pixels that stay as they are */
};

static size_t lay_out(hf_bend *b, char *memory)
{
    size_t used = 0;
    hf_cuda_guide_lay_out(&b->guide, memory, &used);
    b->keep = hf_cuda_guide_cut(memory, &used, (size_t)b->guide.W * (size_t)b->guide.H);
    return used;
}

int64_t hf_cuda_bend_bytes(hf_backend *be, int width, int height)
{
    hf_bend b = { 0 };
    (void)be;
    hf_cuda_guide_sizes(&b.guide, width, height, 0, 1.0f);
    return (int64_t)lay_out(&b, NULL);
}

void hf_cuda_bend_free(hf_backend *be, hf_bend **bend)
{
    if (!*bend)
        return;
    be->ops.free(be, (*bend)->memory);
    free(*bend);
    *bend = NULL;
}

int hf_cuda_bend_new(hf_backend *be, hf_bend **out, int width, int height, int radius_px, float epsilon, hf_error *err)
{
    hf_bend *b = NULL;
    int rc = HF_OK;

    *out = NULL;
    if (width < 1 || height < 1 || radius_px < 0 || !(epsilon > 0))
        return hf_fail(err, HF_EARG, "bend: %d x %d pixels, radius %d, epsilon %g; want sizes of 1 or more, a radius of 0 "
                       "or more, epsilon above 0", width, height, radius_px, (double)epsilon);
    if (!(b = calloc(1, sizeof(*b)))) {
        rc = hf_fail(err, HF_ENOMEM, "bend: out of memory");
        goto end;
    }
    hf_cuda_guide_sizes(&b->guide, width, height, radius_px, epsilon);
    if (!(b->memory = be->ops.alloc(be, lay_out(b, NULL)))) {
        rc = hf_fail(err, HF_ENOMEM, "bend: out of GPU memory for %d x %d pixels", width, height);
        goto end;
    }
    lay_out(b, b->memory);
    *out = b;
    b = NULL;
end:
    hf_cuda_bend_free(be, &b);
    return rc;
}

static int bend_labels(const hf_bend *b, float *soft, int first, int n, const uint8_t *rgb, cudaStream_t stream,
                       hf_error *err)
{
    int rc = HF_CUDA(hf_cuda_bend_blocks_launch(&b->guide, soft, first, n, stream), err);
    return rc < 0 ? rc : HF_CUDA(hf_cuda_guide_filter_launch(&b->guide, soft, rgb, b->keep, first, n, stream), err);
}

int hf_cuda_bend_run(hf_backend *be, hf_bend *b, float *soft, int n_labels, const hf_bend_frame *frame, hf_error *err)
{
    cudaStream_t stream = hf_cuda_of(be)->stream;
    int W = b->guide.W, H = b->guide.H, rc;

    if ((rc = HF_CUDA(hf_cuda_bend_keep_launch(b->keep, frame, W, H, stream), err)) < 0 ||
        (rc = HF_CUDA(hf_cuda_guide_picture_launch(&b->guide, frame->rgb, stream), err)) < 0)
        return rc;
    for (int l = 1; l < n_labels; l += HF_CUDA_GUIDE_LABELS) {
        int left = n_labels - l, n = left < HF_CUDA_GUIDE_LABELS ? left : HF_CUDA_GUIDE_LABELS;
        if ((rc = bend_labels(b, soft, l, n, frame->rgb, stream, err)) < 0)
            return rc;
    }
    return HF_CUDA(hf_cuda_bend_share_launch(soft, (int64_t)W * H, n_labels, stream), err);
}

static int clear(hf_backend *be, float *values, int64_t n, hf_error *err)
{
    return HF_CUDA(cudaMemsetAsync(values, 0, (size_t)n * sizeof(float), hf_cuda_of(be)->stream), err);
}

int hf_cuda_blend_clear(hf_backend *be, const hf_blend *b, hf_error *err)
{
    int rc;
    if ((rc = clear(be, b->soft, b->n * b->n_labels, err)) < 0 || (rc = clear(be, b->soft_weight, b->n, err)) < 0 ||
        !b->painted || (rc = clear(be, b->painted, 4 * b->n, err)) < 0)
        return rc;
    return clear(be, b->painted_weight, b->n, err);
}

int hf_cuda_blend_add(hf_backend *be, const hf_blend *sums, const float *soft, const float *painted, const float *cover,
                      float weight, hf_error *err)
{
    return HF_CUDA(hf_cuda_blend_add_launch(sums, soft, painted, cover, weight, hf_cuda_of(be)->stream), err);
}

int hf_cuda_blend_mean(hf_backend *be, const hf_blend *sums, float *soft, float *painted, hf_error *err)
{
    return HF_CUDA(hf_cuda_blend_mean_launch(sums, soft, painted, hf_cuda_of(be)->stream), err);
}
