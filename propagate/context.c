/* context.c - following a drawn frame, see context.h.
 *
 * One step:
 *   extract   features of the new frame, unless they are there already
 *   predict   each cell's best match in the last frame says which place of the drawn
 *             frame it should look like: the drawn frame's window is moved there
 *   match     windowed k best cells over the drawn frame and all recent ones
 *   vote      softmax weights over the k: labels, coordinate, similarity
 *   fine      the same at half the stride, by patches of colour round those matches (fine.h)
 *   anchor    what was voted is held fast to the drawn picture itself (anchor.h)
 *   remember  the frame becomes a reference itself
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/both.h"
#include "propagate/context_parts.h"

static hf_tensor target_of(const hf_context *c) { return hf_tensor_view(c->bytes, HF_U8, 3, c->h, c->w, c->P); }

static hf_tensor packed_of(const hf_context *c, int r)
{
    return hf_tensor_view(c->refs[r].packed, HF_U8, 4, c->h, c->P / 4, c->w, 4);
}

/* Features in the matcher's form. */
static int take_features(hf_context *c, const float *data, hf_error *err)
{
    hf_tensor features = hf_tensor_view((void *)data, HF_F32, 3, c->h, c->w, c->D), target = target_of(c);
    return c->be->ops.context->bytes(c->be, &target, &features, err);
}

static int extract(hf_context *c, const uint8_t *rgb, bool is_drawn, hf_error *err)
{
    hf_tensor features = hf_tensor_view(c->features, HF_F32, 3, c->h, c->w, c->D);
    hf_tensor picture = hf_tensor_view((void *)rgb, HF_U8, 3, c->H, c->W, 3);
    int rc = HF_OK;
    if (is_drawn && c->model->adapt)
        rc = c->model->adapt(c->model, &picture, err);
    if (rc == HF_OK)
        rc = c->model->extract(c->model, &features, &picture, err);
    return rc == HF_OK ? take_features(c, c->features, err) : rc;
}

/* One reference merged into the lists. */
static int match(hf_context *c, int r, int radius, bool shifted, hf_error *err)
{
    const hf_context_lists *l = &c->lists;
    hf_tensor i = hf_tensor_view(l->index, HF_I32, 3, c->h, c->w, c->p.k);
    hf_tensor s = hf_tensor_view(l->similarity, HF_F32, 3, c->h, c->w, c->p.k);
    hf_tensor target = target_of(c), reference = packed_of(c, r);
    hf_tensor shift = hf_tensor_view(l->shift, HF_I32, 3, c->h, c->tiles, 2);
    hf_match_context_params p = { .k = c->p.k, .radius_cells = radius, .reference = r };
    return c->be->ops.match_context(c->be, &i, &s, &target, &reference, shifted ? &shift : NULL, &p, err);
}

static int match_all(hf_context *c, hf_error *err)
{
    int n = c->n_steps < c->p.n_recent ? (int)c->n_steps : c->p.n_recent;
    int rc = c->be->ops.context->clear(c->be, &c->lists, err);
    if (rc == HF_OK && n > 0) {
        int last = hf_context_slot(c, c->n_steps - 1);
        rc = match(c, last, c->p.radius_cells, false, err);
        if (rc == HF_OK)
            rc = c->be->ops.context->predict(c->be, &c->lists, c->refs[last].xy, err);
    }
    if (rc == HF_OK)
        rc = match(c, 0, c->p.drawn_radius_cells, n > 0, err);
    for (int i = 2; rc == HF_OK && i <= n; i++)
        rc = match(c, hf_context_slot(c, c->n_steps - i), c->p.radius_cells, false, err);
    return rc;
}

static int vote(hf_context *c, const hf_cells *cells, const uint8_t *rgb, hf_error *err)
{
    const hf_context_ops *ops = c->be->ops.context;
    const hf_context_lists *l = &c->lists;
    hf_fine_matches m = { c->h, c->w, c->p.k, l->index, l->weight, c->coarse->labels, c->coarse->xy,
                          c->coarse->similarity };
    int rc = ops->vote(c->be, c->coarse, l, c->refs, c->p.temperature, err);
    if (rc == HF_OK)
        rc = ops->describe(c->be, c->patches, c->colours, rgb, c->W, c->H, c->fine_px, err);
    return rc == HF_OK ? ops->fine_vote(c->be, cells, c->patches, &m, c->fine_refs, err) : rc;
}

static int copy_bytes(hf_context *c, void *to, const void *from, size_t bytes, hf_error *err)
{
    hf_tensor a = hf_tensor_view(to, HF_U8, 1, (int64_t)bytes), b = hf_tensor_view((void *)from, HF_U8, 1, (int64_t)bytes);
    return c->be->ops.copy(c->be, &a, &b, err);
}

/* What is remembered of labels is what was decided. */
static int remember(hf_context *c, const hf_cells *cells, hf_error *err)
{
    const hf_context_ops *ops = c->be->ops.context;
    int slot = hf_context_slot(c, c->n_steps), rc;
    const hf_context_reference *r = &c->refs[slot];
    const hf_fine_reference *f = &c->fine_refs[slot];
    hf_tensor packed = packed_of(c, slot), target = target_of(c);
    size_t nf = (size_t)c->fh * c->fw;
    if ((rc = ops->pack(c->be, &packed, &target, err)) < 0 ||
        (rc = ops->pool(c->be, r->labels, c->h, c->w, cells, err)) < 0 ||
        (rc = copy_bytes(c, r->xy, c->coarse->xy, sizeof(float) * (size_t)c->n_cells * 2, err)) < 0 ||
        (rc = copy_bytes(c, f->patches, c->patches, nf * HF_FINE_CHANNELS, err)) < 0 ||
        (rc = copy_bytes(c, f->labels, cells->labels, sizeof(float) * nf * c->L, err)) < 0 ||
        (rc = copy_bytes(c, f->xy, cells->xy, sizeof(float) * nf * 2, err)) < 0)
        return rc;
    c->n_steps++;
    return HF_OK;
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
        xy[2 * cell] = hf_cell_centre(cell % w, stride_px);
        xy[2 * cell + 1] = hf_cell_centre(cell / w, stride_px);
    }
}

/* The maps of the drawn frame are made on the host and sent over: once a seed. */
static int send_drawn(hf_context *c, float *labels, float *xy, int h, int w, int stride_px, const uint8_t *ids,
                      hf_error *err)
{
    hf_tensor l = hf_tensor_view(labels, HF_F32, 3, h, w, c->L), p = hf_tensor_view(xy, HF_F32, 3, h, w, 2);
    float *host = malloc(hf_tensor_bytes(&l) + hf_tensor_bytes(&p)), *host_xy = host + hf_tensor_count(&l);
    int rc;
    if (!host)
        return hf_fail(err, HF_ENOMEM, "context: out of memory for %d labels", c->L);
    draw_labels(c, host, host_xy, h, w, stride_px, ids);
    if ((rc = c->be->ops.write(c->be, &l, host, err)) >= 0 && (rc = c->be->ops.write(c->be, &p, host_xy, err)) >= 0)
        rc = c->be->ops.sync(c->be, err);
    free(host);
    return rc;
}

static int send_picture(hf_context *c, const uint8_t *rgb, hf_error *err)
{
    hf_tensor picture = hf_tensor_view(c->rgb, HF_U8, 3, c->H, c->W, 3);
    return c->be->ops.write(c->be, &picture, rgb, err);
}

int hf_context_seed(hf_context *c, const uint8_t *rgb, const uint8_t *ids, int n_labels, hf_error *err)
{
    const hf_context_ops *ops = c->be->ops.context;
    int rc;
    if (n_labels < 1 || n_labels > HF_MAX_LABELS)
        return hf_fail(err, HF_EARG, "context: %d labels, want 1..%d", n_labels, HF_MAX_LABELS);
    for (size_t i = 0; i < (size_t)c->W * c->H; i++)
        if (ids[i] >= n_labels)
            return hf_fail(err, HF_EARG, "context: id %d in the mask, want 0..%d", ids[i], n_labels - 1);
    if (n_labels != c->L && (rc = hf_context_take_labels(c, n_labels, err)) < 0)
        return rc;
    hf_tensor packed = packed_of(c, 0), target = target_of(c);
    const hf_context_reference *r = &c->refs[0];
    const hf_fine_reference *f = &c->fine_refs[0];
    c->n_steps = 0;
    if ((rc = send_picture(c, rgb, err)) < 0 || (rc = extract(c, c->rgb, true, err)) < 0 ||
        (rc = ops->pack(c->be, &packed, &target, err)) < 0 ||
        (rc = send_drawn(c, r->labels, r->xy, c->h, c->w, c->stride_px, ids, err)) < 0 ||
        (rc = send_drawn(c, f->labels, f->xy, c->fh, c->fw, c->fine_px, ids, err)) < 0 ||
        (rc = ops->describe(c->be, f->patches, c->colours, c->rgb, c->W, c->H, c->fine_px, err)) < 0)
        return rc;
    return hf_anchor_seed(c->anchor, c->rgb, ids, err);
}

int hf_context_step_on(hf_context *c, const hf_cells *cells, const uint8_t *rgb, const float *features, hf_error *err)
{
    int rc;
    if (c->L == 0)
        return hf_fail(err, HF_EARG, "context: no drawn frame yet, want a seed first");
    if (cells->h != c->fh || cells->w != c->fw || cells->stride_px != c->fine_px || cells->n_labels != c->L)
        return hf_fail(err, HF_EARG, "context: cells are %d x %d x %d labels, want %d x %d x %d",
                       cells->h, cells->w, cells->n_labels, c->fh, c->fw, c->L);
    rc = features ? take_features(c, features, err) : extract(c, rgb, false, err);
    if (rc < 0 || (rc = match_all(c, err)) < 0 || (rc = vote(c, cells, rgb, err)) < 0)
        return rc;
    if (!c->p.no_anchor &&
        (rc = hf_anchor_run(c->anchor, c->coarse, cells, rgb, c->n_steps > 0 ? c->lists.guess : NULL, err)) < 0)
        return rc;
    return remember(c, cells, err);
}

int hf_context_step(hf_context *c, hf_cells *cells, const uint8_t *rgb, hf_error *err)
{
    int rc = send_picture(c, rgb, err);
    return rc < 0 ? rc : hf_context_step_on(c, cells, c->rgb, NULL, err);
}
