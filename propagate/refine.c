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
#include "propagate/refine_cell.h"
#include "propagate/refine_cover.h"
#include "propagate/settle.h"
#include "propagate/smooth.h"

struct hf_refine {
    int        W, H, max_labels;
    int        bh, bw;
    hf_refine_params p;
    hf_guide  *guide;
    hf_settle *settle;
    float     *blocks; /* [bh,bw] one label on the grid of the guided filter */
    uint8_t   *winner; /* [H,W] label of each pixel */
    hf_between *columns; /* [W] */
    hf_cells  *joined;      /* cells of 8 px, for coordinates; its labels are not used */
    uint8_t   *cell_winner; /* [h,w] of the cells that coordinates are made from */
    float     *trust;       /* [h,w] of their moves */
    float     *smooth;      /* [h,w,2] */
};

int64_t hf_refine_bytes(int width, int height, int n_cells)
{
    int64_t bh = (height + HF_GUIDE_BLOCK - 1) / HF_GUIDE_BLOCK;
    int64_t bw = (width + HF_GUIDE_BLOCK - 1) / HF_GUIDE_BLOCK;
    int64_t joined = (int64_t)((height + HF_REFINE_JOINED_PX - 1) / HF_REFINE_JOINED_PX) * ((width + HF_REFINE_JOINED_PX - 1) / HF_REFINE_JOINED_PX);
    return (int64_t)sizeof(hf_refine) + 17 * bh * bw + (int64_t)width * height + 16 * joined +
           (int64_t)width * (int64_t)sizeof(hf_between) +
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
        (rc = hf_settle_new(&r->settle, width, height, HF_REFINE_REACH_PX, err)) < 0)
        goto end;
    hf_guide_shape(r->guide, &r->bh, &r->bw);
    r->blocks = malloc((size_t)r->bh * r->bw * sizeof(float));
    r->winner = malloc((size_t)width * height);
    r->columns = malloc((size_t)width * sizeof(*r->columns));
    r->cell_winner = malloc((size_t)r->bh * r->bw); /* finer cells than blocks are joined */
    if ((rc = hf_cells_new(&r->joined, (height + HF_REFINE_JOINED_PX - 1) / HF_REFINE_JOINED_PX,
                           (width + HF_REFINE_JOINED_PX - 1) / HF_REFINE_JOINED_PX, HF_REFINE_JOINED_PX, 1, err)) < 0)
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

/* Label l, upsampled only. */
static void upsample(const hf_refine *r, float *out, const hf_cells *cells, int l)
{
#pragma omp parallel for
    for (int y = 0; y < r->H; y++)
        for (int x = 0; x < r->W; x++) {
            hf_corners k = hf_corners_at(cells, (float)x, (float)y);
            out[(size_t)y * r->W + x] = hf_corners_blend(cells->labels, cells->n_labels, l, &k);
        }
}

static void filter(hf_refine *r, float *out, const hf_cells *cells, int l, const uint8_t *rgb)
{
    float centre = 0.5f * HF_GUIDE_BLOCK - 0.5f;
#pragma omp parallel for
    for (int y = 0; y < r->bh; y++)
        for (int x = 0; x < r->bw; x++) {
            hf_corners k = hf_corners_at(cells, (float)(x * HF_GUIDE_BLOCK) + centre,
                                   (float)(y * HF_GUIDE_BLOCK) + centre);
            r->blocks[(size_t)y * r->bw + x] = hf_corners_blend(cells->labels, cells->n_labels, l, &k);
        }
    hf_guide_filter(r->guide, out, r->blocks, rgb);
}

static void normalise(const hf_refine *r, float *soft, int L)
{
    size_t n = (size_t)r->W * r->H;
#pragma omp parallel for
    for (size_t i = 0; i < n; i++)
        hf_refine_normalise(soft + i, n, L);
}

/* The cells that coordinates are made from; fills their winners. */
static const hf_cells *join(const hf_refine *r, const hf_cells *cells)
{
    int n = hf_refine_parts(cells->stride_px);
    if (n == 0) {
        for (int c = 0; c < cells->h * cells->w; c++)
            r->cell_winner[c] = (uint8_t)hf_best_label(cells->labels + (size_t)c * cells->n_labels, 1, cells->n_labels);
        return cells;
    }
#pragma omp parallel for
    for (int y = 0; y < r->joined->h; y++)
        for (int x = 0; x < r->joined->w; x++)
            hf_refine_join_cell(r->cell_winner + y * r->joined->w + x, r->joined->xy + 2 * (y * r->joined->w + x),
                                cells, n, y, x);
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

static void place_row(const hf_refine *r, float *xy, float *cover, const hf_cells *cells,
                      const hf_settled *settled, const hf_between *columns, int y)
{
    hf_between row = hf_between_at(y, cells->stride_px, cells->h);
    const uint8_t *same = settled->same + (size_t)(y / cells->stride_px) * cells->w;
    const uint8_t *winner = r->winner + (size_t)y * r->W;
    int top = row.first * cells->w, bottom = row.second * cells->w;
    for (int x = 0; x < r->W; x++) {
        const hf_between *b = &columns[x];
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
            hf_refine_place_pixel(place, cover + x, settled, r->cell_winner, winner[x], cell, share);
        }
        xy[2 * x] = place[0], xy[2 * x + 1] = place[1];
    }
}

/* Moves that disagree with their surroundings tear what is carried: those of blocks that are not the
 * same to the bit are replaced by what the cells of their label around them agree on. */
static void smooth(hf_refine *r, const hf_cells *cells, hf_settled *settled)
{
    int n = cells->h * cells->w;
    for (int i = 0; i < n; i++)
        r->trust[i] = hf_refine_trust(settled->residual[i]);
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
        r->columns[x] = hf_between_at(x, cells->stride_px, cells->w);
#pragma omp parallel for schedule(dynamic, 8)
    for (int y = 0; y < r->H; y++)
        place_row(r, xy + 2 * (size_t)y * r->W, cover + (size_t)y * r->W, cells, settled, r->columns, y);
}

int hf_refine_run(hf_refine *r, float *soft, float *xy, float *cover, const hf_cells *cells,
                  const uint8_t *rgb, const hf_drawn *drawn, hf_error *err)
{
    size_t n = (size_t)r->W * r->H;
    int L = cells->n_labels, rc;
    hf_settled settled;

    if ((rc = hf_refine_check(r->W, r->H, r->max_labels, cells, err)) < 0)
        return rc;
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
        r->winner[i] = (uint8_t)hf_best_label(soft + i, n, L);
    if (xy) {
        smooth(r, moves, &settled);
        place(r, xy, cover, moves, &settled);
    } else {
        hf_refine_cover(cover, r->winner, r->W, r->H, moves, &settled, r->cell_winner);
    }
    return HF_OK;
}
