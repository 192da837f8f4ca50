/* context_ops.c - the steps of context_ops.h on the host. */
#include "propagate/context_ops.h"

#include <assert.h>
#include <string.h>

#include "propagate/context_cell.h"
#include "propagate/register.h"
#include "propagate/warp.h"

static int host_scale(hf_backend *be, uint8_t *out, const uint8_t *rgb, const hf_scaling *s, hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < s->work_height; y++)
        for (int x = 0; x < s->work_width; x++)
            hf_scale_pixel(out + 3 * ((int64_t)y * s->work_width + x), rgb, s, y, x);
    return HF_OK;
}

static int host_rescale(hf_backend *be, float *xy, int64_t n, float scale, hf_error *err)
{
    (void)be, (void)err;
    for (int64_t i = 0; i < 2 * n; i++)
        xy[i] = (xy[i] + 0.5f) * scale - 0.5f;
    return HF_OK;
}

static int host_bytes(hf_backend *be, const hf_tensor *target, const hf_tensor *features, hf_error *err)
{
    (void)be, (void)err;
    assert(target->dtype == HF_U8 && features->dtype == HF_F32 && target->shape[2] == HF_MATCH_PAD(features->shape[2]));
    hf_match_context_bytes(target->data, features->data, (int)features->shape[0], (int)features->shape[1],
                           (int)features->shape[2]);
    return HF_OK;
}

static int host_pack(hf_backend *be, const hf_tensor *reference, const hf_tensor *target, hf_error *err)
{
    (void)be, (void)err;
    assert(reference->dtype == HF_U8 && target->dtype == HF_U8 && 4 * reference->shape[1] == target->shape[2]);
    hf_match_context_pack(reference->data, target->data, (int)target->shape[0], (int)target->shape[1],
                          (int)target->shape[2]);
    return HF_OK;
}

static int host_clear(hf_backend *be, const hf_context_lists *l, hf_error *err)
{
    (void)be, (void)err;
    hf_match_context_clear(l->index, l->similarity, (int64_t)l->h * l->w * l->k);
    return HF_OK;
}

static int host_predict(hf_backend *be, const hf_context_lists *l, const float *xy, hf_error *err)
{
    (void)be, (void)err;
    int tiles = (l->w + HF_MATCH_TILE - 1) / HF_MATCH_TILE;
    for (int y = 0; y < l->h; y++)
        for (int tile = 0; tile < tiles; tile++)
            hf_context_tile_shift(l, xy, y, tile);
    for (int cell = 0; cell < l->h * l->w; cell++)
        hf_context_guess(l, cell);
    return HF_OK;
}

static int host_vote(hf_backend *be, const hf_cells *out, const hf_context_lists *l, const hf_context_reference *refs,
                     float temperature, hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for
    for (int cell = 0; cell < l->h * l->w; cell++)
        if (l->index[(size_t)cell * l->k] >= 0)
            hf_context_vote(out, l, refs, temperature, cell);
        else
            hf_context_stay(out, cell);
    return HF_OK;
}

static int host_describe(hf_backend *be, uint8_t *patches, uint8_t *colours, const uint8_t *rgb, int width, int height,
                         int stride_px, hf_error *err)
{
    (void)be, (void)err;
    hf_fine_describe(patches, colours, rgb, width, height, stride_px);
    return HF_OK;
}

static int host_fine_vote(hf_backend *be, const hf_cells *out, const uint8_t *patches, const hf_fine_matches *matches,
                          const hf_fine_reference *refs, hf_error *err)
{
    (void)be, (void)err;
    hf_fine_vote(out, patches, matches, refs);
    return HF_OK;
}

static int host_light(hf_backend *be, const hf_light *light, const uint8_t *rgb, hf_error *err)
{
    (void)be, (void)err;
    hf_light_fill(light, rgb);
    return HF_OK;
}

static int host_anchor(hf_backend *be, const hf_anchor_view *anchor, const hf_cells *cells, const hf_cells *fine,
                       const int32_t *guess, hf_error *err)
{
    (void)be, (void)err;
    hf_anchor_cells(anchor, cells, fine, guess);
    return HF_OK;
}

static int host_pool(hf_backend *be, float *labels, int h, int w, const hf_cells *fine, hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            hf_context_pool(labels + ((size_t)y * w + x) * fine->n_labels, fine, y, x);
    return HF_OK;
}

static int host_refine_new(hf_backend *be, hf_refine **out, int width, int height, int max_labels,
                           const hf_refine_params *params, hf_error *err)
{
    (void)be;
    return hf_refine_open(out, width, height, max_labels, params, err);
}

static int host_refine_run(hf_backend *be, hf_refine *refine, float *soft, float *xy, float *cover,
                           const hf_cells *cells, const uint8_t *rgb, const hf_drawn *drawn, hf_error *err)
{
    (void)be;
    return hf_refine_run(refine, soft, xy, cover, cells, rgb, drawn, err);
}

static void host_refine_free(hf_backend *be, hf_refine **refine)
{
    (void)be;
    hf_refine_close(refine);
}

static int64_t host_refine_bytes(hf_backend *be, int width, int height, int n_cells)
{
    (void)be;
    return hf_refine_bytes(width, height, n_cells);
}

static void decide_part(const hf_decision *out, const float *soft, int64_t n, int L, int n_ids, const uint8_t *id_of,
                        int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        out->ids[i] = id_of[hf_best_label(soft + i, (size_t)n, L)];
        out->alpha[i] = n_ids ? hf_share_byte(1.0f - soft[i]) : 0;
    }
    for (int o = 0; o < n_ids; o++)
        for (int64_t i = from; i < to; i++)
            out->soft[o * n + i] = hf_share_byte(soft[(o + 1) * n + i]);
}

static int host_decide(hf_backend *be, const hf_decision *out, const float *soft, int64_t n, int n_labels, int n_ids,
                       const uint8_t *id_of, hf_error *err)
{
    enum { PART = 1024 }; /* pixels, so that the planes of one part stay in the cache */
    (void)be, (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t from = 0; from < n; from += PART)
        decide_part(out, soft, n, n_labels, n_ids, id_of, from, from + PART < n ? from + PART : n);
    return HF_OK;
}

static int host_warp(hf_backend *be, float *out, const uint8_t *rgba, const float *xy, const float *cover, int width,
                     int height, hf_error *err)
{
    (void)be, (void)err;
    hf_warp_edit(out, rgba, xy, cover, width, height);
    return HF_OK;
}

static int host_straighten(hf_backend *be, uint8_t *rgba, const float *multiplied, int64_t n, hf_error *err)
{
    (void)be, (void)err;
    hf_warp_straighten(rgba, multiplied, n);
    return HF_OK;
}

static int host_fade(hf_backend *be, float *multiplied, const float *cover, int64_t n, hf_error *err)
{
    (void)be, (void)err;
    hf_warp_fade(multiplied, cover, n);
    return HF_OK;
}

static int host_blend_clear(hf_backend *be, const hf_blend *b, hf_error *err)
{
    (void)be, (void)err;
    memset(b->soft, 0, (size_t)(b->n * b->n_labels) * sizeof(float));
    memset(b->soft_weight, 0, (size_t)b->n * sizeof(float));
    if (b->painted) {
        memset(b->painted, 0, (size_t)b->n * 4 * sizeof(float));
        memset(b->painted_weight, 0, (size_t)b->n * sizeof(float));
    }
    return HF_OK;
}

static int host_blend_add(hf_backend *be, const hf_blend *sums, const float *soft, const float *painted, const float *cover,
                          float weight, hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < sums->n; i++)
        hf_blend_add(sums, i, soft, painted, cover[i], weight);
    return HF_OK;
}

static int host_blend_mean(hf_backend *be, const hf_blend *sums, float *soft, float *painted, hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < sums->n; i++)
        hf_blend_mean(sums, i, soft, painted);
    return HF_OK;
}

const hf_context_ops hf_host_context_ops = {
    .scale = host_scale,
    .rescale = host_rescale,
    .bytes = host_bytes,
    .pack = host_pack,
    .clear = host_clear,
    .predict = host_predict,
    .vote = host_vote,
    .describe = host_describe,
    .fine_vote = host_fine_vote,
    .light = host_light,
    .anchor = host_anchor,
    .pool = host_pool,
    .refine_new = host_refine_new,
    .refine_run = host_refine_run,
    .refine_free = host_refine_free,
    .refine_bytes = host_refine_bytes,
    .decide = host_decide,
    .warp = host_warp,
    .straighten = host_straighten,
    .fade = host_fade,
    .blend_clear = host_blend_clear,
    .blend_add = host_blend_add,
    .blend_mean = host_blend_mean,
};
