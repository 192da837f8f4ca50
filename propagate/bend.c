/* bend.c - see bend.h; what is done at one pixel is in bend_cell.h. */
#include "propagate/bend.h"

#include <stdlib.h>

#include "propagate/bend_cell.h"

struct hf_bend {
    int       W, H;
    hf_guide *guide;
    float    *bent;   /* [H,W] one label after the guided filter */
    float    *blocks; /* [bh,bw] the same before it */
};

static int64_t n_blocks(int width, int height)
{
    return (int64_t)((width + HF_GUIDE_BLOCK - 1) / HF_GUIDE_BLOCK) * ((height + HF_GUIDE_BLOCK - 1) / HF_GUIDE_BLOCK);
}

int64_t hf_bend_bytes(int width, int height)
{
    return (int64_t)sizeof(hf_bend) + hf_guide_bytes(width, height) + 4 * ((int64_t)width * height + n_blocks(width, height));
}

void hf_bend_free(hf_bend **bend)
{
    hf_bend *b = *bend;
    if (!b)
        return;
    hf_guide_free(&b->guide);
    free(b->bent);
    free(b->blocks);
    free(b);
    *bend = NULL;
}

int hf_bend_new(hf_bend **out, int width, int height, int radius_px, float epsilon, hf_error *err)
{
    hf_bend *b = NULL;
    int rc;

    *out = NULL;
    if (!(b = calloc(1, sizeof(*b)))) {
        rc = hf_fail(err, HF_ENOMEM, "bend: out of memory");
        goto end;
    }
    b->W = width, b->H = height;
    if ((rc = hf_guide_new(&b->guide, width, height, radius_px, epsilon, err)) < 0)
        goto end;
    b->bent = malloc((size_t)width * (size_t)height * sizeof(float));
    b->blocks = malloc((size_t)n_blocks(width, height) * sizeof(float));
    if (!b->bent || !b->blocks) {
        rc = hf_fail(err, HF_ENOMEM, "bend: out of memory for %d x %d pixels", width, height);
        goto end;
    }
    *out = b;
    b = NULL;
end:
    hf_bend_free(&b);
    return rc;
}

static void bend_label(hf_bend *b, float *plane, const hf_bend_frame *f)
{
    int W = b->W, H = b->H, bh, bw;

    hf_guide_shape(b->guide, &bh, &bw);
#pragma omp parallel for schedule(static)
    for (int y = 0; y < bh; y++)
        for (int x = 0; x < bw; x++)
            b->blocks[(int64_t)y * bw + x] = hf_bend_block(plane, x, y, H, W);
    hf_guide_filter(b->guide, b->bent, b->blocks, f->rgb);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < (int64_t)W * H; i++)
        if (!hf_bend_same(f->rgb + 3 * i, f->drawn_rgb, f->xy + 2 * i, f->cover[i], W, H))
            plane[i] = b->bent[i];
}

void hf_bend_run(hf_bend *b, float *soft, int n_labels, const hf_bend_frame *frame)
{
    int64_t n = (int64_t)b->W * b->H;

    hf_guide_picture(b->guide, frame->rgb);
    for (int l = 1; l < n_labels; l++)
        bend_label(b, soft + l * n, frame);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        hf_bend_share(soft, n, i, n_labels);
}
