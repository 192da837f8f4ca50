/* context.c - following a drawn frame, see context.h.
 *
 * One step:
 *   extract   features of the new frame
 *   predict   each cell's best match in the last frame says which place of the drawn
 *             frame it should look like: the drawn frame's window is moved there
 *   match     windowed k best cells over the drawn frame and all recent ones
 *   vote      softmax weights over the k: labels, coordinate, similarity
 *   fine      the same at half the stride, by patches of colour round those matches (fine.h)
 *   anchor    what was voted is held fast to the drawn picture itself (anchor.h)
 *   remember  the frame becomes a reference itself
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "propagate/context_parts.h"

static float centre_of(int cell, int stride_px) { return ((float)cell + 0.5f) * (float)stride_px - 0.5f; }

static int extract(hf_context *c, const uint8_t *rgb, bool is_drawn, hf_error *err)
{
    hf_tensor features = hf_tensor_view(c->features, HF_F32, 3, c->h, c->w, c->D);
    hf_tensor picture = hf_tensor_view(c->rgb, HF_U8, 3, c->H, c->W, 3);
    int rc = c->be->ops.write(c->be, &picture, rgb, err);
    if (rc == HF_OK && is_drawn && c->model->adapt)
        rc = c->model->adapt(c->model, &picture, err);
    if (rc == HF_OK)
        rc = c->model->extract(c->model, &features, &picture, err);
    if (rc == HF_OK)
        hf_match_context_bytes(c->bytes, c->features, c->h, c->w, c->D);
    return rc;
}

/* One reference merged into the lists. */
static int match(hf_context *c, int r, int radius, bool shifted, hf_error *err)
{
    hf_tensor i = hf_tensor_view(c->index, HF_I32, 3, c->h, c->w, c->p.k);
    hf_tensor s = hf_tensor_view(c->similarity, HF_F32, 3, c->h, c->w, c->p.k);
    hf_tensor target = hf_tensor_view(c->bytes, HF_U8, 3, c->h, c->w, c->P);
    hf_tensor reference = hf_tensor_view(c->refs[r].packed, HF_U8, 4, c->h, c->P / 4, c->w, 4);
    hf_tensor shift = hf_tensor_view(c->shift, HF_I32, 3, c->h, c->tiles, 2);
    hf_match_context_params p = { .k = c->p.k, .radius_cells = radius, .reference = r };
    return c->be->ops.match_context(c->be, &i, &s, &target, &reference, shifted ? &shift : NULL, &p, err);
}

/* The mean move, over a tile, from a cell's own place to the coordinate that its best
 * match in the last frame carries. The lists hold that frame's matches alone. */
static void tile_shift(hf_context *c, const hf_context_reference *last, int y, int tile)
{
    float sx = 0, sy = 0;
    int begin = tile * HF_MATCH_TILE, end = begin + HF_MATCH_TILE < c->w ? begin + HF_MATCH_TILE : c->w;
    for (int x = begin; x < end; x++) {
        int m = c->index[((size_t)y * c->w + x) * c->p.k] % c->n_cells;
        sx += last->xy[2 * m] - centre_of(x, c->stride_px);
        sy += last->xy[2 * m + 1] - centre_of(y, c->stride_px);
    }
    float scale = 1.0f / (float)((end - begin) * c->stride_px);
    int32_t *shift = c->shift + ((size_t)y * c->tiles + tile) * 2;
    shift[0] = (int32_t)lrintf(sx * scale);
    shift[1] = (int32_t)lrintf(sy * scale);
}

static int match_all(hf_context *c, hf_error *err)
{
    int n = c->n_steps < c->p.n_recent ? (int)c->n_steps : c->p.n_recent, rc = HF_OK;
    hf_match_context_clear(c->index, c->similarity, (int64_t)c->n_cells * c->p.k);
    if (n > 0) {
        int last = hf_context_slot(c, c->n_steps - 1);
        rc = match(c, last, c->p.radius_cells, false, err);
        for (int y = 0; rc == HF_OK && y < c->h; y++)
            for (int tile = 0; tile < c->tiles; tile++)
                tile_shift(c, &c->refs[last], y, tile);
        for (int cell = 0; rc == HF_OK && cell < c->n_cells; cell++) {
            int32_t m = c->index[(size_t)cell * c->p.k];
            c->guess[cell] = m < 0 ? -1 : m % c->n_cells;
        }
    }
    if (rc == HF_OK)
        rc = match(c, 0, c->p.drawn_radius_cells, n > 0, err);
    for (int i = 2; rc == HF_OK && i <= n; i++)
        rc = match(c, hf_context_slot(c, c->n_steps - i), c->p.radius_cells, false, err);
    return rc;
}

/* The k matches of one cell vote. The coordinate is taken from votes for the winning label,
 * so that label and coordinate agree along an object's edge. */
static void vote(const hf_context *c, hf_cells *out, int cell)
{
    const int32_t *index = c->index + (size_t)cell * c->p.k;
    const float *similarity = c->similarity + (size_t)cell * c->p.k;
    float *labels = out->labels + (size_t)cell * c->L, *weight = c->weight + (size_t)cell * c->p.k, total = 0;
    int n = 0;

    for (; n < c->p.k && index[n] >= 0; n++)
        total += weight[n] = expf((similarity[n] - similarity[0]) / c->p.temperature);
    memset(labels, 0, sizeof(float) * (size_t)c->L);
    for (int j = 0; j < n; j++)
        weight[j] /= total;
    for (int j = 0; j < n; j++) {
        const float *l = c->refs[index[j] / c->n_cells].labels + (size_t)(index[j] % c->n_cells) * c->L;
        for (int i = 0; i < c->L; i++)
            labels[i] += weight[j] * l[i];
    }
    int best = hf_cells_best_label(labels, c->L);
    float x = 0, y = 0, sum = 0;
    for (int j = 0; j < n; j++) {
        const hf_context_reference *r = &c->refs[index[j] / c->n_cells];
        size_t m = (size_t)(index[j] % c->n_cells);
        float share = weight[j] * (r->labels[m * c->L + best] + 1e-3f);
        x += share * r->xy[2 * m];
        y += share * r->xy[2 * m + 1];
        sum += share;
    }
    out->xy[2 * cell] = x / sum;
    out->xy[2 * cell + 1] = y / sum;
    out->similarity[cell] = similarity[0];
}

/* Where the drawn frame's window was moved right off the map, a cell of the first step may have
 * no candidate at all: it keeps its own place and is background. */
static void vote_all(const hf_context *c, hf_cells *out)
{
#pragma omp parallel for
    for (int cell = 0; cell < c->n_cells; cell++) {
        if (c->index[(size_t)cell * c->p.k] >= 0) {
            vote(c, out, cell);
            continue;
        }
        memset(out->labels + (size_t)cell * c->L, 0, sizeof(float) * (size_t)c->L);
        out->labels[(size_t)cell * c->L] = 1;
        out->xy[2 * cell] = centre_of(cell % c->w, c->stride_px);
        out->xy[2 * cell + 1] = centre_of(cell / c->w, c->stride_px);
        out->similarity[cell] = 0;
    }
}

static void refine_votes(hf_context *c, hf_cells *cells, const uint8_t *rgb)
{
    hf_fine_matches m = { c->h, c->w, c->p.k, c->index, c->weight, c->coarse->labels, c->coarse->xy,
                          c->coarse->similarity };
    hf_fine_describe(c->patches, c->colours, rgb, c->W, c->H, c->fine_px);
    hf_fine_vote(cells, c->patches, &m, c->fine_refs);
}

/* The fine labels of a cell's parts, averaged: what is remembered is what was decided. */
static void pool_labels(const hf_context *c, float *labels, const hf_cells *cells)
{
#pragma omp parallel for
    for (int y = 0; y < c->h; y++)
        for (int x = 0; x < c->w; x++) {
            float *l = labels + ((size_t)y * c->w + x) * c->L;
            int n = 0;
            memset(l, 0, sizeof(float) * (size_t)c->L);
            for (int v = HF_FINE_RATIO * y; v < HF_FINE_RATIO * (y + 1) && v < c->fh; v++)
                for (int u = HF_FINE_RATIO * x; u < HF_FINE_RATIO * (x + 1) && u < c->fw; u++, n++)
                    for (int i = 0; i < c->L; i++)
                        l[i] += cells->labels[((size_t)v * c->fw + u) * c->L + i];
            for (int i = 0; i < c->L; i++)
                l[i] /= (float)n;
        }
}

static void remember(hf_context *c, const hf_cells *cells)
{
    int slot = hf_context_slot(c, c->n_steps);
    hf_context_reference *r = &c->refs[slot];
    hf_fine_reference *f = &c->fine_refs[slot];
    size_t nf = (size_t)c->fh * c->fw;
    hf_match_context_pack(r->packed, c->bytes, c->h, c->w, c->D);
    pool_labels(c, r->labels, cells);
    memcpy(r->xy, c->coarse->xy, sizeof(float) * (size_t)c->n_cells * 2);
    memcpy(f->patches, c->patches, nf * HF_FINE_CHANNELS);
    memcpy(f->labels, cells->labels, sizeof(float) * nf * c->L);
    memcpy(f->xy, cells->xy, sizeof(float) * nf * 2);
    c->n_steps++;
}

/* Soft labels of the drawn frame: the part of each cell's pixels that has the label. */
static void draw_labels(const hf_context *c, float *labels, float *xy, int h, int w, int stride_px,
                        const uint8_t *ids)
{
    memset(labels, 0, sizeof(float) * (size_t)h * w * c->L);
    for (int y = 0; y < c->H; y++)
        for (int x = 0; x < c->W; x++)
            labels[((size_t)(y / stride_px) * w + x / stride_px) * c->L + ids[(size_t)y * c->W + x]]++;
    for (int cell = 0; cell < h * w; cell++) {
        float sum = 0, *l = labels + (size_t)cell * c->L;
        for (int i = 0; i < c->L; i++)
            sum += l[i];
        for (int i = 0; i < c->L; i++)
            l[i] /= sum;
        xy[2 * cell] = centre_of(cell % w, stride_px);
        xy[2 * cell + 1] = centre_of(cell / w, stride_px);
    }
}

int hf_context_seed(hf_context *c, const uint8_t *rgb, const uint8_t *ids, int n_labels, hf_error *err)
{
    int rc;
    if (n_labels < 1 || n_labels > HF_MAX_LABELS)
        return hf_fail(err, HF_EARG, "context: %d labels, want 1..%d", n_labels, HF_MAX_LABELS);
    for (size_t i = 0; i < (size_t)c->W * c->H; i++)
        if (ids[i] >= n_labels)
            return hf_fail(err, HF_EARG, "context: id %d in the mask, want 0..%d", ids[i], n_labels - 1);
    if (n_labels != c->L && (rc = hf_context_take_labels(c, n_labels, err)) < 0)
        return rc;
    c->n_steps = 0;
    if ((rc = extract(c, rgb, true, err)) < 0)
        return rc;
    hf_match_context_pack(c->refs[0].packed, c->bytes, c->h, c->w, c->D);
    draw_labels(c, c->refs[0].labels, c->refs[0].xy, c->h, c->w, c->stride_px, ids);
    draw_labels(c, c->fine_refs[0].labels, c->fine_refs[0].xy, c->fh, c->fw, c->fine_px, ids);
    hf_fine_describe(c->fine_refs[0].patches, c->colours, rgb, c->W, c->H, c->fine_px);
    hf_anchor_seed(c->anchor, rgb, ids);
    return HF_OK;
}

int hf_context_step(hf_context *c, hf_cells *cells, const uint8_t *rgb, hf_error *err)
{
    int rc;
    if (c->L == 0)
        return hf_fail(err, HF_EARG, "context: no drawn frame yet, want a seed first");
    if (cells->h != c->fh || cells->w != c->fw || cells->stride_px != c->fine_px || cells->n_labels != c->L)
        return hf_fail(err, HF_EARG, "context: cells are %d x %d x %d labels, want %d x %d x %d",
                       cells->h, cells->w, cells->n_labels, c->fh, c->fw, c->L);
    if ((rc = extract(c, rgb, false, err)) < 0 || (rc = match_all(c, err)) < 0)
        return rc;
    vote_all(c, c->coarse);
    refine_votes(c, cells, rgb);
    if (!c->p.no_anchor)
        hf_anchor_run(c->anchor, c->coarse, cells, rgb, c->n_steps > 0 ? c->guess : NULL);
    remember(c, cells);
    return HF_OK;
}
