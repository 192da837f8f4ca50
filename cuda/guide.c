/* guide.c - sizes and memory of the guided filter: cuda/guide.cu. */
#include "cuda/refine.h"

void *hf_cuda_guide_cut(char *memory, size_t *used, size_t bytes)
{
    void *part = memory ? memory + *used : NULL;
    *used += (bytes + 255) / 256 * 256;
    return part;
}

void hf_cuda_guide_sizes(hf_cuda_guide *g, int width, int height, int radius_px, float epsilon)
{
    int blocks = (radius_px + HF_GUIDE_BLOCK / 2) / HF_GUIDE_BLOCK;
    g->W = width, g->H = height, g->epsilon = epsilon;
    g->bh = (height + HF_GUIDE_BLOCK - 1) / HF_GUIDE_BLOCK, g->bw = (width + HF_GUIDE_BLOCK - 1) / HF_GUIDE_BLOCK;
    g->radius = blocks < 1 ? 1 : blocks;
}

void hf_cuda_guide_lay_out(hf_cuda_guide *g, char *memory, size_t *used)
{
    size_t plane = (size_t)g->bh * (size_t)g->bw * sizeof(float);
    g->colour = hf_cuda_guide_cut(memory, used, 3 * plane);
    g->mean = hf_cuda_guide_cut(memory, used, 3 * plane);
    g->inverse = hf_cuda_guide_cut(memory, used, 6 * plane);
    g->label = hf_cuda_guide_cut(memory, used, HF_CUDA_GUIDE_LABELS * plane);
    g->fit = hf_cuda_guide_cut(memory, used, 4 * HF_CUDA_GUIDE_LABELS * plane);
    g->fit_mean = hf_cuda_guide_cut(memory, used, 4 * HF_CUDA_GUIDE_LABELS * plane);
}
