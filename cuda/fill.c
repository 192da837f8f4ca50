/* fill.c - push-pull of the `cuda` backend: the memory of its levels. */
#include <stdlib.h>

#include "cuda/device.h"
#include "cuda/first.h"

struct hf_fill {
    int                 max_channels;
    float              *memory; /* of all levels but the first */
    hf_cuda_fill_levels levels;
};

int hf_cuda_push_pull_new(hf_backend *be, hf_fill **out, int width, int height, int max_channels, hf_error *err)
{
    size_t n_floats = 0, at[HF_CUDA_FILL_MAX_LEVELS] = { 0 };
    hf_fill *f;

    *out = NULL;
    if (width < 1 || height < 1 || max_channels < 1)
        return hf_fail(err, HF_EARG, "fill: size is %dx%d with %d channels, want at least 1 each", width, height,
                       max_channels);
    if (!(f = calloc(1, sizeof(*f))))
        return hf_fail(err, HF_ENOMEM, "fill: out of memory for %dx%d", width, height);
    f->max_channels = max_channels;
    f->levels.of[0] = (hf_cuda_fill_level){ .w = width, .h = height };
    int n = 1;
    for (int w = width, h = height; w > 1 || h > 1; n++) {
        w = (w + 1) / 2, h = (h + 1) / 2;
        f->levels.of[n] = (hf_cuda_fill_level){ .w = w, .h = h };
        at[n] = n_floats;
        n_floats += (size_t)w * (size_t)h * ((size_t)max_channels + 1);
    }
    f->levels.n = n;
    if (!(f->memory = be->ops.alloc(be, n_floats * sizeof(float)))) {
        free(f);
        return hf_fail(err, HF_ENOMEM, "fill: out of GPU memory for %dx%d", width, height);
    }
    for (int i = 1; i < n; i++) {
        hf_cuda_fill_level *l = &f->levels.of[i];
        l->data = f->memory + at[i];
        l->weight = l->data + (size_t)l->w * (size_t)l->h * (size_t)max_channels;
    }
    *out = f;
    return HF_OK;
}

void hf_cuda_push_pull_free(hf_backend *be, hf_fill **fill)
{
    if (!*fill)
        return;
    be->ops.free(be, (*fill)->memory);
    free(*fill);
    *fill = NULL;
}

int hf_cuda_push_pull_run(hf_backend *be, hf_fill *fill, float *data, const float *weight, int C, hf_error *err)
{
    hf_cuda_fill_levels levels = fill->levels;
    levels.of[0].data = data;
    levels.of[0].weight = (float *)weight; /* level 0 is only read */
    return HF_CUDA(hf_cuda_fill_launch(&levels, C, hf_cuda_of(be)->stream), err);
}
