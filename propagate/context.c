/* context.c - following a drawn frame, see context.h.
 *
 * One step:
 *   extract   features of the new frame
 *   predict   each cell's best match in the last frame says which place of the drawn
 *             frame it should look like: the drawn frame's window is moved there
 *   match     windowed k best cells over the drawn frame and all recent ones
 *   vote      softmax weights over the k: labels, coordinate, similarity
 *   fine      the same at half the stride, by patches of colour round those matches (fine.h)
 *   remember  the frame becomes a reference itself
 */
#include "propagate/context.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/anchor.h"
#include "propagate/fine.h"
#include "propagate/match_context.h"

#define MAX_RECENT 64
#define MAX_RADIUS 1024
#define MAX_CELLS (1 << 24) /* times the references this stays inside the 31 bits of an index */

/* A frame that others are matched against. Reference 0 is the drawn frame. */
typedef struct reference {
    uint8_t *packed; /* features, the matcher's form of a reference */
    float   *labels; /* [h,w,L] */
    float   *xy;     /* [h,w,2] pixels of the drawn frame */
} reference;

struct hf_context {
    hf_model          *model;
    hf_backend        *be;
    hf_context_params  p;
    int        W, H, h, w, D, P, L;
    int        stride_px, n_cells, tiles;
    reference *refs;       /* [1 + n_recent] the drawn frame, then a ring */
    int64_t    n_steps;    /* frames since seed */
    uint8_t   *rgb;        /* [H,W,3] */
    float     *features;   /* [h,w,D] */
    uint8_t   *bytes;      /* [h,w,P] the same, the matcher's form of a target */
    int32_t   *index;      /* [h,w,K] */
    float     *similarity; /* [h,w,K] */
    float     *weight;     /* [h,w,K] votes */
    hf_cells  *coarse;     /* the vote of the cells themselves */
    int        fh, fw, fine_px; /* fine cells */
    uint8_t   *patches;    /* [fh,fw,32] of the new frame */
    uint8_t   *colours;    /* [fh,fw,3] scratch */
    hf_fine_reference *fine_refs; /* [1 + n_recent] as hf_fine_vote wants them */
    int32_t   *shift;      /* [h,tiles,2] of the drawn frame's window */
    int32_t   *guess;      /* [h,w] the cell of the last frame that looks most alike, -1 = none */
    hf_anchor *anchor;
};

static int check_params(const hf_context_params *p, int width, int height, hf_error *err)
{
    if (width < 1 || height < 1 || (int64_t)width * height > (int64_t)1 << 30)
        return hf_fail(err, HF_EARG, "context: picture of %d x %d pixels, want 1 to 2^30 pixels",
                       width, height);
    if (p->n_recent < 1 || p->n_recent > MAX_RECENT)
        return hf_fail(err, HF_EARG, "context: %d recent frames, want 1..%d", p->n_recent, MAX_RECENT);
    if (p->k < 1 || p->k > HF_MATCH_MAX_K)
        return hf_fail(err, HF_EARG, "context: k is %d, want 1..%d", p->k, HF_MATCH_MAX_K);
    if (p->radius_cells < 0 || p->radius_cells > MAX_RADIUS)
        return hf_fail(err, HF_EARG, "context: radius is %d cells, want 0..%d", p->radius_cells,
                       MAX_RADIUS);
    if (p->drawn_radius_cells < 0 || p->drawn_radius_cells > MAX_RADIUS)
        return hf_fail(err, HF_EARG, "context: radius in the drawn frame is %d cells, want 0..%d",
                       p->drawn_radius_cells, MAX_RADIUS);
    if (!(p->temperature > 0))
        return hf_fail(err, HF_EARG, "context: temperature is %g, want more than 0", p->temperature);
    return HF_OK;
}

static int allocate(hf_context *c, hf_error *err)
{
    hf_backend *be = c->be;
    size_t n = (size_t)c->n_cells, nf = (size_t)c->fh * c->fw;
    bool ok = (c->fine_refs = calloc(1 + (size_t)c->p.n_recent, sizeof(*c->fine_refs))) && (c->refs = calloc(1 + (size_t)c->p.n_recent, sizeof(*c->refs))) != NULL;
    for (int i = 0; ok && i <= c->p.n_recent; i++)
        ok = (c->refs[i].packed = be->ops.alloc(be, n * c->P)) &&
             (c->refs[i].xy = be->ops.alloc(be, n * 2 * sizeof(float))) &&
             (c->fine_refs[i].patches = be->ops.alloc(be, nf * HF_FINE_CHANNELS)) &&
             (c->fine_refs[i].xy = be->ops.alloc(be, nf * 2 * sizeof(float)));
    ok = ok && (c->rgb = be->ops.alloc(be, (size_t)c->W * c->H * 3)) &&
         (c->features = be->ops.alloc(be, n * c->D * sizeof(float))) &&
         (c->weight = be->ops.alloc(be, n * c->p.k * sizeof(float))) &&
         (c->patches = be->ops.alloc(be, nf * HF_FINE_CHANNELS)) &&
         (c->colours = be->ops.alloc(be, nf * 3)) &&
         (c->bytes = be->ops.alloc(be, n * c->P)) &&
         (c->index = be->ops.alloc(be, n * c->p.k * sizeof(int32_t))) &&
         (c->similarity = be->ops.alloc(be, n * c->p.k * sizeof(float))) &&
         (c->guess = be->ops.alloc(be, n * sizeof(int32_t))) &&
         (c->shift = be->ops.alloc(be, (size_t)c->h * c->tiles * 2 * sizeof(int32_t)));
    return ok ? HF_OK : hf_fail(err, HF_ENOMEM, "context: out of memory for %d x %d pixels", c->W, c->H);
}

static void free_labels(hf_context *c)
{
    for (int i = 0; c->refs && i <= c->p.n_recent; i++) {
        c->be->ops.free(c->be, c->refs[i].labels);
        c->refs[i].labels = NULL;
        c->be->ops.free(c->be, c->fine_refs[i].labels);
        c->fine_refs[i].labels = NULL;
    }
    hf_cells_free(&c->coarse);
    c->L = 0;
}

int64_t hf_context_bytes(const hf_model *model, int width, int height, const hf_context_params *p,
                         int n_labels)
{
    int fine_px = model->stride_px / HF_FINE_RATIO;
    int64_t h = (height + model->stride_px - 1) / model->stride_px;
    int64_t w = (width + model->stride_px - 1) / model->stride_px;
    int64_t fine = (int64_t)((height + fine_px - 1) / fine_px) * ((width + fine_px - 1) / fine_px);
    int64_t reference = h * w * (HF_MATCH_PAD(model->n_channels) + 4 * (n_labels + 2)) +
                        fine * (HF_FINE_CHANNELS + 4 * (n_labels + 2));
    return reference * (1 + p->n_recent) + (int64_t)width * height * 3 +
           h * w * (5 * HF_MATCH_PAD(model->n_channels) + 4 * (3 * p->k + n_labels + 3)) +
           fine * (HF_FINE_CHANNELS + 3) + 4 * h * w + hf_anchor_bytes(width, height, model->stride_px);
}

static int slot_of(const hf_context *c, int64_t step) { return 1 + (int)(step % c->p.n_recent); }

static float centre_of(const hf_context *c, int cell) { return ((float)cell + 0.5f) * (float)c->stride_px - 0.5f; }

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
static void tile_shift(hf_context *c, const reference *last, int y, int tile)
{
    float sx = 0, sy = 0;
    int begin = tile * HF_MATCH_TILE, end = begin + HF_MATCH_TILE < c->w ? begin + HF_MATCH_TILE : c->w;
    for (int x = begin; x < end; x++) {
        int m = c->index[((size_t)y * c->w + x) * c->p.k] % c->n_cells;
        sx += last->xy[2 * m] - centre_of(c, x);
        sy += last->xy[2 * m + 1] - centre_of(c, y);
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
        int last = slot_of(c, c->n_steps - 1);
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
        rc = match(c, slot_of(c, c->n_steps - i), c->p.radius_cells, false, err);
    return rc;
}

static int best_label(const float *labels, int L)
{
    int best = 0;
    for (int l = 1; l < L; l++)
        if (labels[l] > labels[best])
            best = l;
    return best;
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
    int best = best_label(labels, c->L);
    float x = 0, y = 0, sum = 0;
    for (int j = 0; j < n; j++) {
        const reference *r = &c->refs[index[j] / c->n_cells];
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
        out->xy[2 * cell] = centre_of(c, cell % c->w);
        out->xy[2 * cell + 1] = centre_of(c, cell / c->w);
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
    int slot = slot_of(c, c->n_steps);
    reference *r = &c->refs[slot];
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
static void draw_labels(const hf_context *c, float *labels, float *xy, int h, int w, int stride,
                        const uint8_t *ids)
{
    memset(labels, 0, sizeof(float) * (size_t)h * w * c->L);
    for (int y = 0; y < c->H; y++)
        for (int x = 0; x < c->W; x++)
            labels[((size_t)(y / stride) * w + x / stride) * c->L + ids[(size_t)y * c->W + x]]++;
    for (int cell = 0; cell < h * w; cell++) {
        float sum = 0, *l = labels + (size_t)cell * c->L;
        for (int i = 0; i < c->L; i++)
            sum += l[i];
        for (int i = 0; i < c->L; i++)
            l[i] /= sum;
        xy[2 * cell] = ((float)(cell % w) + 0.5f) * (float)stride - 0.5f;
        xy[2 * cell + 1] = ((float)(cell / w) + 0.5f) * (float)stride - 0.5f;
    }
}

int hf_context_open(hf_context **out, hf_model *model, int width, int height,
                    const hf_context_params *params, hf_error *err)
{
    hf_context *c = NULL;
    int rc;

    *out = NULL;
    if ((rc = check_params(params, width, height, err)) < 0)
        goto end;
    if (!(c = calloc(1, sizeof(*c)))) {
        rc = hf_fail(err, HF_ENOMEM, "context: out of memory");
        goto end;
    }
    c->model = model, c->be = model->backend, c->p = *params;
    c->W = width, c->H = height, c->stride_px = model->stride_px, c->D = model->n_channels;
    c->P = HF_MATCH_PAD(c->D);
    c->h = (height + c->stride_px - 1) / c->stride_px;
    c->w = (width + c->stride_px - 1) / c->stride_px;
    c->n_cells = c->h * c->w;
    c->fine_px = c->stride_px / HF_FINE_RATIO;
    c->fh = (height + c->fine_px - 1) / c->fine_px;
    c->fw = (width + c->fine_px - 1) / c->fine_px;
    c->tiles = (c->w + HF_MATCH_TILE - 1) / HF_MATCH_TILE;
    if (c->stride_px % HF_FINE_RATIO != 0) {
        rc = hf_fail(err, HF_EUNSUPPORTED, "context: model %s has a stride of %d px, want an even one",
                     model->name, c->stride_px);
        goto end;
    }
    if (c->n_cells > MAX_CELLS) {
        rc = hf_fail(err, HF_EARG, "context: %d cells, want up to %d", c->n_cells, MAX_CELLS);
        goto end;
    }
    if ((rc = allocate(c, err)) < 0 ||
        (rc = hf_anchor_open(&c->anchor, width, height, c->stride_px, c->fine_px, err)) < 0 ||
        (rc = model->prepare(model, width, height, err)) < 0)
        goto end;
    *out = c;
    c = NULL;
end:
    hf_context_close(&c);
    return rc;
}

void hf_context_close(hf_context **context)
{
    if (!context || !*context)
        return;
    hf_context *c = *context;
    hf_backend *be = c->be;
    free_labels(c);
    hf_anchor_close(&c->anchor);
    be->ops.free(be, c->guess);
    for (int i = 0; c->refs && i <= c->p.n_recent; i++) {
        be->ops.free(be, c->refs[i].packed);
        be->ops.free(be, c->refs[i].xy);
        be->ops.free(be, c->fine_refs[i].patches);
        be->ops.free(be, c->fine_refs[i].xy);
    }
    free(c->refs);
    free(c->fine_refs);
    be->ops.free(be, c->weight);
    be->ops.free(be, c->patches);
    be->ops.free(be, c->colours);
    be->ops.free(be, c->rgb);
    be->ops.free(be, c->features);
    be->ops.free(be, c->bytes);
    be->ops.free(be, c->index);
    be->ops.free(be, c->similarity);
    be->ops.free(be, c->shift);
    free(c);
    *context = NULL;
}

void hf_context_cells_shape(const hf_context *c, int *h, int *w, int *stride_px)
{
    *h = c->fh, *w = c->fw, *stride_px = c->fine_px;
}

int hf_context_seed(hf_context *c, const uint8_t *rgb, const uint8_t *ids, int n_labels, hf_error *err)
{
    int rc;
    if (n_labels < 1 || n_labels > HF_MAX_LABELS)
        return hf_fail(err, HF_EARG, "context: %d labels, want 1..%d", n_labels, HF_MAX_LABELS);
    for (size_t i = 0; i < (size_t)c->W * c->H; i++)
        if (ids[i] >= n_labels)
            return hf_fail(err, HF_EARG, "context: id %d in the mask, want 0..%d", ids[i], n_labels - 1);
    if (n_labels != c->L) {
        free_labels(c);
        if ((rc = hf_cells_new(&c->coarse, c->h, c->w, c->stride_px, n_labels, err)) < 0)
            return rc;
        for (int i = 0; i <= c->p.n_recent; i++)
            if (!(c->refs[i].labels = c->be->ops.alloc(c->be, sizeof(float) * (size_t)c->n_cells * n_labels)) ||
                !(c->fine_refs[i].labels = c->be->ops.alloc(c->be, sizeof(float) * (size_t)c->fh * c->fw * n_labels)))
                return hf_fail(err, HF_ENOMEM, "context: out of memory for %d labels", n_labels);
        c->L = n_labels;
    }
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
    hf_anchor_run(c->anchor, c->coarse, cells, rgb, c->n_steps > 0 ? c->guess : NULL);
    remember(c, cells);
    return HF_OK;
}

/* First block of a saved state: what must agree for the rest to make sense. */
typedef struct saved_header {
    char    magic[8];
    int32_t W, H, D, L, n_recent;
    int32_t unused; /* keeps n_steps aligned without padding */
    int64_t n_steps;
} saved_header;

static saved_header header_of(const hf_context *c)
{
    saved_header s = { .magic = "hfctx02", .W = c->W, .H = c->H, .D = c->D, .L = c->L,
                       .n_recent = c->p.n_recent, .n_steps = c->n_steps };
    return s;
}

int hf_context_save(const hf_context *c, FILE *file, const char *path, hf_error *err)
{
    saved_header s = header_of(c);
    size_t n = (size_t)c->n_cells, nf = (size_t)c->fh * c->fw;
    bool ok = fwrite(&s, sizeof(s), 1, file) == 1;
    for (int i = 1; ok && i <= c->p.n_recent; i++)
        ok = fwrite(c->refs[i].packed, 1, n * c->P, file) == n * c->P &&
             fwrite(c->refs[i].labels, sizeof(float), n * c->L, file) == n * c->L &&
             fwrite(c->refs[i].xy, sizeof(float), n * 2, file) == n * 2 &&
             fwrite(c->fine_refs[i].patches, HF_FINE_CHANNELS, nf, file) == nf &&
             fwrite(c->fine_refs[i].labels, sizeof(float), nf * c->L, file) == nf * c->L &&
             fwrite(c->fine_refs[i].xy, sizeof(float), nf * 2, file) == nf * 2;
    return ok ? hf_anchor_save(c->anchor, file, path, err)
              : hf_fail(err, HF_EIO, "%s: state not written: %s", path, strerror(errno));
}

int hf_context_load(hf_context *c, FILE *file, const char *path, hf_error *err)
{
    saved_header s, want = header_of(c);
    size_t n = (size_t)c->n_cells, nf = (size_t)c->fh * c->fw;
    if (fread(&s, sizeof(s), 1, file) != 1)
        return hf_fail(err, HF_EFORMAT, "%s: too short for a saved state", path);
    want.n_steps = s.n_steps;
    if (s.n_steps < 0 || memcmp(&s, &want, sizeof(s)) != 0)
        return hf_fail(err, HF_EFORMAT, "%s: saved with %d x %d pixels, %d labels, %d recent frames, "
                       "want %d x %d, %d, %d", path, s.W, s.H, s.L, s.n_recent, c->W, c->H, c->L,
                       c->p.n_recent);
    bool ok = true;
    for (int i = 1; ok && i <= c->p.n_recent; i++)
        ok = fread(c->refs[i].packed, 1, n * c->P, file) == n * c->P &&
             fread(c->refs[i].labels, sizeof(float), n * c->L, file) == n * c->L &&
             fread(c->refs[i].xy, sizeof(float), n * 2, file) == n * 2 &&
             fread(c->fine_refs[i].patches, HF_FINE_CHANNELS, nf, file) == nf &&
             fread(c->fine_refs[i].labels, sizeof(float), nf * c->L, file) == nf * c->L &&
             fread(c->fine_refs[i].xy, sizeof(float), nf * 2, file) == nf * 2;
    if (!ok)
        return hf_fail(err, HF_EFORMAT, "%s: ends inside a saved state", path);
    c->n_steps = s.n_steps;
    return hf_anchor_load(c->anchor, file, path, err);
}
