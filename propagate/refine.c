/* refine.c - from cells to pixels, see refine.h.
 *
 *   soft labels   bilinear to blocks of 4 px, then the guided filter
 *   joined cells  fine cells are joined to 8 px where they are smaller, for coordinates only
 *   coordinates   settled block by block against the drawn frame (settle.h), then for each
 *                 pixel the bilinear mean of those surrounding cells that agree with the pixel's label,
 *                 so that two motions do not mix along an object's edge
 *   same blocks   the drawn labels, as drawn
 */
#include "propagate/refine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/guide.h"
#include "propagate/settle.h"
#include "propagate/smooth.h"

#define JOINED_PX 8
#define SETTLE_REACH_PX 4
/* Lightness difference, of 255, at which cover has fallen to a half. */
#define HALF_COVER 24.0f
/* ... and at which a block's say in the moves around it has fallen to a half. */
#define HALF_SAY 8.0f

/* Where the cells on both sides of each column (or row) are, and the share of the second. */
typedef struct between {
    int   first, second;
    float share;
} between;

struct hf_refine {
    int        W, H, max_labels;
    int        bh, bw;
    hf_refine_params p;
    hf_guide  *guide;
    hf_settle *settle;
    float     *blocks; /* [bh,bw] one label on the grid of the guided filter */
    uint8_t   *winner; /* [H,W] label of each pixel */
    between   *columns; /* [W] */
    hf_cells  *joined;      /* cells of 8 px, for coordinates; its labels are not used */
    uint8_t   *cell_winner; /* [h,w] of the cells that coordinates are made from */
    float     *trust;       /* [h,w] of their moves */
    float     *smooth;      /* [h,w,2] */
};

static inline int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

int64_t hf_refine_bytes(int width, int height, int n_cells)
{
    int64_t bh = (height + HF_GUIDE_BLOCK - 1) / HF_GUIDE_BLOCK;
    int64_t bw = (width + HF_GUIDE_BLOCK - 1) / HF_GUIDE_BLOCK;
    int64_t joined = (int64_t)((height + JOINED_PX - 1) / JOINED_PX) * ((width + JOINED_PX - 1) / JOINED_PX);
    return (int64_t)sizeof(hf_refine) + 17 * bh * bw + (int64_t)width * height + 16 * joined +
           (int64_t)width * (int64_t)sizeof(between) +
           hf_guide_bytes(width, height) + hf_settle_bytes(width, height, n_cells);
}

int hf_refine_open(hf_refine **out, int width, int height, int max_labels,
                   const hf_refine_params *params, hf_error *err)
{
    hf_refine *r = NULL;
    int rc;

    *out = NULL;
    if (max_labels < 1 || max_labels > HF_MAX_LABELS)
        return hf_fail(err, HF_EARG, "refine: %d labels, want 1..%d", max_labels, HF_MAX_LABELS);
    if (!(r = calloc(1, sizeof(*r)))) {
        rc = hf_fail(err, HF_ENOMEM, "refine: out of memory");
        goto end;
    }
    r->W = width, r->H = height, r->max_labels = max_labels, r->p = *params;
    if ((rc = hf_guide_new(&r->guide, width, height, params->radius_px, params->epsilon, err)) < 0 ||
        (rc = hf_settle_new(&r->settle, width, height, SETTLE_REACH_PX, err)) < 0)
        goto end;
    hf_guide_shape(r->guide, &r->bh, &r->bw);
    r->blocks = malloc((size_t)r->bh * r->bw * sizeof(float));
    r->winner = malloc((size_t)width * height);
    r->columns = malloc((size_t)width * sizeof(*r->columns));
    r->cell_winner = malloc((size_t)r->bh * r->bw); /* finer cells than blocks are joined */
    if ((rc = hf_cells_new(&r->joined, (height + JOINED_PX - 1) / JOINED_PX,
                           (width + JOINED_PX - 1) / JOINED_PX, JOINED_PX, 1, err)) < 0)
        goto end;
    r->trust = malloc((size_t)r->bh * r->bw * sizeof(float));
    r->smooth = malloc((size_t)r->bh * r->bw * 2 * sizeof(float));
    if (!r->trust || !r->smooth || !r->blocks || !r->winner || !r->columns || !r->cell_winner) {
        rc = hf_fail(err, HF_ENOMEM, "refine: out of memory for %d x %d pixels", width, height);
        goto end;
    }
    *out = r;
    r = NULL;
end:
    hf_refine_close(&r);
    return rc;
}

void hf_refine_close(hf_refine **refine)
{
    if (!refine || !*refine)
        return;
    hf_guide_free(&(*refine)->guide);
    hf_settle_free(&(*refine)->settle);
    hf_cells_free(&(*refine)->joined);
    free((*refine)->blocks);
    free((*refine)->winner);
    free((*refine)->columns);
    free((*refine)->cell_winner);
    free((*refine)->trust);
    free((*refine)->smooth);
    free(*refine);
    *refine = NULL;
}

/* The four cells around a place, with bilinear shares. */
typedef struct corners {
    int   cell[4];
    float share[4];
} corners;

static corners corners_at(const hf_cells *c, float x_px, float y_px)
{
    float x = (x_px + 0.5f) / (float)c->stride_px - 0.5f, y = (y_px + 0.5f) / (float)c->stride_px - 0.5f;
    int x0 = (int)floorf(x), y0 = (int)floorf(y);
    float fx = x - (float)x0, fy = y - (float)y0;
    int left = clamp(x0, 0, c->w - 1), right = clamp(x0 + 1, 0, c->w - 1);
    int top = clamp(y0, 0, c->h - 1) * c->w, bottom = clamp(y0 + 1, 0, c->h - 1) * c->w;
    return (corners){ { top + left, top + right, bottom + left, bottom + right },
                      { (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy } };
}

static float blend(const float *values, int n, int i, const corners *k)
{
    float sum = 0;
    for (int j = 0; j < 4; j++)
        sum += k->share[j] * values[(size_t)k->cell[j] * n + i];
    return sum;
}

/* Label l, upsampled only. */
static void upsample(const hf_refine *r, float *out, const hf_cells *cells, int l)
{
#pragma omp parallel for
    for (int y = 0; y < r->H; y++)
        for (int x = 0; x < r->W; x++) {
            corners k = corners_at(cells, (float)x, (float)y);
            out[(size_t)y * r->W + x] = blend(cells->labels, cells->n_labels, l, &k);
        }
}

static void filter(hf_refine *r, float *out, const hf_cells *cells, int l, const uint8_t *rgb)
{
    float centre = 0.5f * HF_GUIDE_BLOCK - 0.5f;
#pragma omp parallel for
    for (int y = 0; y < r->bh; y++)
        for (int x = 0; x < r->bw; x++) {
            corners k = corners_at(cells, (float)(x * HF_GUIDE_BLOCK) + centre,
                                   (float)(y * HF_GUIDE_BLOCK) + centre);
            r->blocks[(size_t)y * r->bw + x] = blend(cells->labels, cells->n_labels, l, &k);
        }
    hf_guide_filter(r->guide, out, r->blocks, rgb);
}

/* Background is what the objects leave; where they claim more than all, they share it. */
static void normalise(const hf_refine *r, float *soft, int L)
{
    size_t n = (size_t)r->W * r->H;
#pragma omp parallel for
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (int l = 1; l < L; l++)
            sum += soft[l * n + i];
        soft[i] = sum < 1 ? 1 - sum : 0;
        for (int l = 1; l < L && sum > 1; l++)
            soft[l * n + i] /= sum;
    }
}

static uint8_t best_of(const float *soft, size_t step, int L)
{
    int best = 0;
    for (int l = 1; l < L; l++)
        if (soft[l * step] > soft[best * step])
            best = l;
    return (uint8_t)best;
}

/* The label that most of a joined cell's n x n parts hold, and the mean displacement of those
 * parts that have it. */
static void join_cell(const hf_refine *r, const hf_cells *cells, int n, int y, int x)
{
    const hf_cells *j = r->joined;
    int L = cells->n_labels, winner = 0, cell = y * j->w + x;
    float total[HF_MAX_LABELS] = { 0 }, move[2] = { 0, 0 }, share = 0;
    float own = 0.5f * (float)cells->stride_px - 0.5f, centre = 0.5f * JOINED_PX - 0.5f;

    for (int pass = 0; pass < 2; pass++) {
        for (int v = n * y; v < n * (y + 1) && v < cells->h; v++)
            for (int u = n * x; u < n * (x + 1) && u < cells->w; u++) {
                size_t part = (size_t)v * cells->w + u;
                const float *labels = cells->labels + part * L;
                for (int l = 0; pass == 0 && l < L; l++)
                    total[l] += labels[l];
                if (pass == 0 || best_of(labels, 1, L) != winner)
                    continue;
                move[0] += cells->xy[2 * part] - ((float)(u * cells->stride_px) + own);
                move[1] += cells->xy[2 * part + 1] - ((float)(v * cells->stride_px) + own);
                share += 1;
            }
        winner = best_of(total, 1, L);
    }
    /* No part may have the label that they hold together: then the first one speaks. */
    size_t first = (size_t)n * y * cells->w + n * x;
    if (share == 0) {
        move[0] = cells->xy[2 * first] - ((float)(n * x * cells->stride_px) + own);
        move[1] = cells->xy[2 * first + 1] - ((float)(n * y * cells->stride_px) + own);
        share = 1;
    }
    r->cell_winner[cell] = (uint8_t)winner;
    j->xy[2 * cell] = (float)(x * JOINED_PX) + centre + move[0] / share;
    j->xy[2 * cell + 1] = (float)(y * JOINED_PX) + centre + move[1] / share;
}

/* The cells that coordinates are made from; fills their winners. */
static const hf_cells *join(const hf_refine *r, const hf_cells *cells)
{
    int n = JOINED_PX / cells->stride_px;
    if (n < 2 || n * cells->stride_px != JOINED_PX) {
        for (int c = 0; c < cells->h * cells->w; c++)
            r->cell_winner[c] = best_of(cells->labels + (size_t)c * cells->n_labels, 1, cells->n_labels);
        return cells;
    }
#pragma omp parallel for
    for (int y = 0; y < r->joined->h; y++)
        for (int x = 0; x < r->joined->w; x++)
            join_cell(r, cells, n, y, x);
    return r->joined;
}

/* Blocks that stand unchanged in the drawn frame have the drawn labels. */
static void keep_drawn(const hf_refine *r, float *soft, int L, const hf_cells *cells,
                       const hf_settled *settled, const uint8_t *ids)
{
    size_t n = (size_t)r->W * r->H;
    int s = cells->stride_px;
#pragma omp parallel for schedule(dynamic, 16)
    for (int cell = 0; cell < cells->h * cells->w; cell++) {
        if (!settled->same[cell])
            continue;
        int x0 = cell % cells->w * s, y0 = cell / cells->w * s;
        int dx = (int)settled->move[2 * cell], dy = (int)settled->move[2 * cell + 1];
        for (int y = y0; y < y0 + s && y < r->H; y++)
            for (int x = x0; x < x0 + s && x < r->W; x++) {
                int id = ids[(size_t)(y + dy) * r->W + x + dx];
                for (int l = 0; l < L; l++)
                    soft[l * n + (size_t)y * r->W + x] = l == id ? 1 : 0;
            }
    }
}

static between between_at(int px, int stride, int n)
{
    float at = ((float)px + 0.5f) / (float)stride - 0.5f;
    int first = (int)floorf(at);
    return (between){ clamp(first, 0, n - 1), clamp(first + 1, 0, n - 1), at - (float)first };
}

/* Bilinear over those of the four cells that have the pixel's label. */
static inline void place_pixel(float *xy, float *cover, const hf_settled *settled,
                               const uint8_t *winners, int label, const int *cell, const float *share)
{
    float sum = 0, mx = 0, my = 0, residual = 0;
    for (int j = 0; j < 4; j++) {
        int c = cell[j];
        /* A cell with another label counts only where no cell agrees. */
        float s = winners[c] == label ? share[j] : 1e-3f * share[j];
        sum += s;
        mx += s * settled->move[2 * c];
        my += s * settled->move[2 * c + 1];
        residual += s * settled->residual[c];
    }
    float scale = 1 / sum;
    xy[0] += mx * scale;
    xy[1] += my * scale;
    residual *= scale / HALF_COVER;
    *cover = 1 / (1 + residual * residual);
}

static void place_row(const hf_refine *r, float *xy, float *cover, const hf_cells *cells,
                      const hf_settled *settled, const between *columns, int y)
{
    between row = between_at(y, cells->stride_px, cells->h);
    const uint8_t *same = settled->same + (size_t)(y / cells->stride_px) * cells->w;
    const uint8_t *winner = r->winner + (size_t)y * r->W;
    int top = row.first * cells->w, bottom = row.second * cells->w;
    for (int x = 0; x < r->W; x++) {
        const between *b = &columns[x];
        float place[2] = { (float)x, (float)y };
        if (same[x / cells->stride_px]) {
            /* Its pixels came from exactly that far away, whatever the blocks around it did. */
            size_t cell = (size_t)(y / cells->stride_px) * cells->w + x / cells->stride_px;
            place[0] += settled->move[2 * cell];
            place[1] += settled->move[2 * cell + 1];
            cover[x] = 1;
        } else {
            int cell[4] = { top + b->first, top + b->second, bottom + b->first, bottom + b->second };
            float share[4] = { (1 - b->share) * (1 - row.share), b->share * (1 - row.share),
                               (1 - b->share) * row.share, b->share * row.share };
            place_pixel(place, cover + x, settled, r->cell_winner, winner[x], cell, share);
        }
        if (xy)
            xy[2 * x] = place[0], xy[2 * x + 1] = place[1];
    }
}

/* Moves that disagree with their surroundings tear what is carried: those of blocks that are not the
 * same to the bit are replaced by what the cells of their label around them agree on. */
static void smooth(hf_refine *r, const hf_cells *cells, hf_settled *settled)
{
    int n = cells->h * cells->w;
    for (int i = 0; i < n; i++) {
        float x = settled->residual[i] / HALF_SAY;
        r->trust[i] = 1 / (1 + x * x);
    }
    hf_smooth_moves(r->smooth, settled->move, r->trust, r->cell_winner, cells->h, cells->w, cells->stride_px);
    for (int i = 0; i < n; i++)
        if (!settled->same[i]) {
            settled->move[2 * i] = r->smooth[2 * i];
            settled->move[2 * i + 1] = r->smooth[2 * i + 1];
        }
}

static void place(const hf_refine *r, float *xy, float *cover, const hf_cells *cells,
                  const hf_settled *settled)
{
    for (int x = 0; x < r->W; x++)
        r->columns[x] = between_at(x, cells->stride_px, cells->w);
#pragma omp parallel for schedule(dynamic, 8)
    for (int y = 0; y < r->H; y++)
        place_row(r, xy ? xy + 2 * (size_t)y * r->W : NULL, cover + (size_t)y * r->W, cells, settled, r->columns, y);
}

int hf_refine_run(hf_refine *r, float *soft, float *xy, float *cover, const hf_cells *cells,
                  const uint8_t *rgb, const hf_drawn *drawn, hf_error *err)
{
    size_t n = (size_t)r->W * r->H;
    int L = cells->n_labels, s = cells->stride_px, rc;
    hf_settled settled;

    /* Cells finer than a block (of a small frame that was enlarged) are joined, or nothing holds them. */
    if (L > r->max_labels || s < 1 || (s < HF_GUIDE_BLOCK && JOINED_PX % s != 0) ||
        cells->h != (r->H + s - 1) / s ||
        cells->w != (r->W + s - 1) / s)
        return hf_fail(err, HF_EARG, "refine: %d x %d cells of %d px with %d labels do not fit "
                       "%d x %d pixels with up to %d labels", cells->h, cells->w, s, L, r->W, r->H,
                       r->max_labels);
    if (r->p.edges)
        hf_guide_picture(r->guide, rgb);
    for (int l = 1; l < L; l++) {
        if (r->p.edges)
            filter(r, soft + l * n, cells, l, rgb);
        else
            upsample(r, soft + l * n, cells, l);
    }
    normalise(r, soft, L);
    const hf_cells *moves = join(r, cells);
    if ((rc = hf_settle_run(r->settle, &settled, moves, rgb, drawn->rgb, err)) < 0)
        return rc;
    keep_drawn(r, soft, L, moves, &settled, drawn->ids);
#pragma omp parallel for
    for (size_t i = 0; i < n; i++)
        r->winner[i] = best_of(soft + i, n, L);
    if (xy)
        smooth(r, moves, &settled);
    place(r, xy, cover, moves, &settled);
    return HF_OK;
}
