/* refine.c - hf_context_ops.refine_new, refine_run, refine_free and decide: memory, then launches. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/context.h"
#include "cuda/device.h"
#include "cuda/refine.h"
#include "propagate/refine_cell.h"

/* One block of the device's memory, from which the parts below are cut. */
struct hf_refine {
    int              W, H, max_labels;
    hf_refine_params p;
    char            *memory;
    hf_cuda_guide    guide;
    hf_cuda_moves    moves;  /* its sizes are those of the cells of a run */
    hf_light         frame, drawn;
    uint8_t         *winner; /* [H,W] */
    hf_cuda_near     near;
};

/* Cells finer than blocks are joined to coarser ones, so that there are never more of them than blocks. */
static size_t lay_out(hf_refine *r, char *memory)
{
    hf_cuda_guide *g = &r->guide;
    hf_cuda_moves *m = &r->moves;
    size_t n = (size_t)g->bh * g->bw, plane = n * sizeof(float), used = 0;
    size_t light = (size_t)hf_light_bytes(r->W, r->H) + 4;

    hf_cuda_guide_lay_out(g, memory, &used);
    m->xy = hf_cuda_guide_cut(memory, &used, 2 * plane);
    m->winner = hf_cuda_guide_cut(memory, &used, n);
    m->move = hf_cuda_guide_cut(memory, &used, 2 * plane);
    m->residual = hf_cuda_guide_cut(memory, &used, plane);
    m->trust = hf_cuda_guide_cut(memory, &used, plane);
    m->same = hf_cuda_guide_cut(memory, &used, n);
    m->smooth = hf_cuda_guide_cut(memory, &used, 2 * plane);
    r->frame.pixels = hf_cuda_guide_cut(memory, &used, light);
    r->drawn.pixels = hf_cuda_guide_cut(memory, &used, light);
    r->winner = hf_cuda_guide_cut(memory, &used, (size_t)r->W * r->H);
    return used;
}

static int check_new(int width, int height, int max_labels, const hf_refine_params *p, hf_error *err)
{
    if (max_labels < 1 || max_labels > HF_MAX_LABELS)
        return hf_fail(err, HF_EARG, "refine: %d labels, want 1..%d", max_labels, HF_MAX_LABELS);
    if (width < 1 || height < 1 || p->radius_px < 0 || !(p->epsilon > 0))
        return hf_fail(err, HF_EARG, "refine: %d x %d pixels, radius %d, epsilon %g; want sizes of 1 or more, a radius "
                       "of 0 or more, epsilon above 0", width, height, p->radius_px, (double)p->epsilon);
    return HF_OK;
}

static void set_sizes(hf_refine *r)
{
    hf_cuda_guide_sizes(&r->guide, r->W, r->H, r->p.radius_px, r->p.epsilon);
    r->frame = r->drawn = hf_light_shape(r->W, r->H);
    for (int i = -HF_SMOOTH_RADIUS; i <= HF_SMOOTH_RADIUS; i++)
        r->near.say[i + HF_SMOOTH_RADIUS] = expf(-(float)(i * i) / (2 * HF_SMOOTH_SIGMA * HF_SMOOTH_SIGMA));
}

int hf_cuda_refine_new(hf_backend *be, hf_refine **out, int width, int height, int max_labels,
                       const hf_refine_params *params, hf_error *err)
{
    hf_refine *r = NULL;
    int rc;

    *out = NULL;
    if ((rc = check_new(width, height, max_labels, params, err)) < 0)
        goto end;
    if (!(r = calloc(1, sizeof(*r)))) {
        rc = hf_fail(err, HF_ENOMEM, "refine: out of memory");
        goto end;
    }
    r->W = width, r->H = height, r->max_labels = max_labels, r->p = *params;
    set_sizes(r);
    if (!(r->memory = be->ops.alloc(be, lay_out(r, NULL)))) {
        rc = hf_fail(err, HF_ENOMEM, "refine: out of GPU memory for %d x %d pixels", width, height);
        goto end;
    }
    lay_out(r, r->memory);
    *out = r;
    r = NULL;
end:
    hf_cuda_refine_free(be, &r);
    return rc;
}

void hf_cuda_refine_free(hf_backend *be, hf_refine **refine)
{
    if (!refine || !*refine)
        return;
    be->ops.free(be, (*refine)->memory);
    free(*refine);
    *refine = NULL;
}

int64_t hf_cuda_refine_bytes(hf_backend *be, int width, int height, int n_cells)
{
    hf_refine r = { .W = width, .H = height };
    (void)be, (void)n_cells; /* there is room for the largest number of them */
    set_sizes(&r);
    return (int64_t)lay_out(&r, NULL);
}

/* Soft labels of all objects, bent to edges or only upsampled. */
static int fill_labels(const hf_refine *r, float *soft, const hf_cells *cells, const uint8_t *rgb, cudaStream_t stream,
                       hf_error *err)
{
    int rc;
    if (!r->p.edges)
        return HF_CUDA(hf_cuda_refine_upsample_launch(soft, cells, r->W, r->H, stream), err);
    if ((rc = HF_CUDA(hf_cuda_guide_picture_launch(&r->guide, rgb, stream), err)) < 0)
        return rc;
    for (int l = 1; rc == HF_OK && l < cells->n_labels; l += HF_CUDA_GUIDE_LABELS) {
        int left = cells->n_labels - l, n = left < HF_CUDA_GUIDE_LABELS ? left : HF_CUDA_GUIDE_LABELS;
        rc = HF_CUDA(hf_cuda_guide_cells_launch(&r->guide, cells, l, n, stream), err);
        if (rc >= 0)
            rc = HF_CUDA(hf_cuda_guide_filter_launch(&r->guide, soft, rgb, NULL, l, n, stream), err);
    }
    return rc;
}

static int settle(hf_refine *r, const hf_cells *cells, const uint8_t *rgb, const hf_drawn *drawn, cudaStream_t stream,
                  hf_error *err)
{
    int parts = hf_refine_parts(cells->stride_px), side = HF_REFINE_JOINED_PX, rc;
    hf_settle_view pictures = { r->W, r->H, HF_REFINE_REACH_PX, r->frame, r->drawn, rgb, drawn->rgb };
    hf_cuda_moves *m = &r->moves;
    m->h = parts ? (r->H + side - 1) / side : cells->h;
    m->w = parts ? (r->W + side - 1) / side : cells->w;
    m->stride_px = parts ? side : cells->stride_px;
    if ((rc = HF_CUDA(hf_cuda_refine_join_launch(m, cells, parts, stream), err)) < 0 ||
        (rc = HF_CUDA(hf_cuda_context_light_launch(&r->frame, rgb, stream), err)) < 0 ||
        (rc = HF_CUDA(hf_cuda_context_light_launch(&r->drawn, drawn->rgb, stream), err)) < 0)
        return rc;
    return HF_CUDA(hf_cuda_refine_settle_launch(m, &pictures, stream), err);
}

int hf_cuda_refine_run(hf_backend *be, hf_refine *r, float *soft, float *xy, float *cover, const hf_cells *cells,
                       const uint8_t *rgb, const hf_drawn *drawn, hf_error *err)
{
    cudaStream_t stream = hf_cuda_of(be)->stream;
    const hf_cuda_moves *m = &r->moves;
    int L = cells->n_labels, rc;

    if ((rc = hf_refine_check(r->W, r->H, r->max_labels, cells, err)) < 0 ||
        (rc = fill_labels(r, soft, cells, rgb, stream, err)) < 0 ||
        (rc = settle(r, cells, rgb, drawn, stream, err)) < 0 ||
        (rc = HF_CUDA(hf_cuda_refine_finish_launch(soft, r->winner, r->W, r->H, L, m, drawn->ids, stream), err)) < 0 ||
        (xy && (rc = HF_CUDA(hf_cuda_refine_smooth_launch(m, &r->near, stream), err)) < 0))
        return rc;
    return HF_CUDA(hf_cuda_refine_place_launch(xy, cover, r->winner, r->W, r->H, m, xy ? m->smooth : m->move, stream), err);
}

int hf_cuda_decide(hf_backend *be, const hf_decision *out, const float *soft, int64_t n, int n_labels, int n_ids,
                   const uint8_t *id_of, hf_error *err)
{
    hf_cuda_ids ids;
    memcpy(ids.id, id_of, sizeof(ids.id));
    return HF_CUDA(hf_cuda_refine_decide_launch(out, soft, n, n_labels, n_ids, &ids, hf_cuda_of(be)->stream), err);
}
