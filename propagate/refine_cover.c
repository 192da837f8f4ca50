/* refine_cover.c - see refine_cover.h.
 *
 * All rows of pixels between two rows of cells see the same cells: what those say is laid out for a strip of
 * pixels once, so that the rows are plain vector loops.
 */
#include "propagate/refine_cover.h"

#include <string.h>

#include "propagate/refine_cell.h"
#include "src/simd.h"

#define STRIP 64 /* pixels */

/* The four cells around each pixel of a strip: above left, above right, below left, below right. */
typedef struct strip {
    int     x0, n;
    float   residual[4][STRIP];
    uint8_t winner[4][STRIP];
    float   share[STRIP]; /* of the right ones */
} strip;

static void lay_out(strip *s, int x0, int n, const hf_between *row, const hf_cells *cells, const hf_settled *settled,
                    const uint8_t *cell_winner)
{
    s->x0 = x0, s->n = n;
    for (int i = 0; i < n; i++) {
        hf_between b = hf_between_at(x0 + i, cells->stride_px, cells->w);
        for (int j = 0; j < 4; j++) {
            int c = (j < 2 ? row->first : row->second) * cells->w + (j % 2 ? b.second : b.first);
            s->residual[j][i] = settled->residual[c];
            s->winner[j][i] = cell_winner[c];
        }
        s->share[i] = b.share;
    }
}

/* share: of the row of cells below. Every sum in the order of hf_refine_place_pixel. */
HF_CLONES
static void cover_row(float *restrict cover, const uint8_t *restrict winner, const strip *restrict s, float below)
{
    float above = 1 - below;
    for (int i = 0; i < s->n; i++) {
        float right = s->share[i], left = 1 - right, sum = 0, residual = 0;
        float share[4] = { left * above, right * above, left * below, right * below };
        for (int j = 0; j < 4; j++) {
            float say = s->winner[j][i] == winner[i] ? share[j] : HF_REFINE_OTHER_LABEL * share[j];
            sum += say;
            residual += say * s->residual[j][i];
        }
        cover[i] = hf_refine_cover_of(residual, sum);
    }
}

static void trust_same(float *cover, int x0, int n, const uint8_t *same, int stride)
{
    for (int x = x0; x < x0 + n; x++)
        if (same[x / stride])
            cover[x] = 1;
}

/* Rows y0..y1 of pixels, all between the same rows of cells. */
static void cover_rows(float *cover, const uint8_t *winner, int W, int y0, int y1, const hf_cells *cells,
                       const hf_settled *settled, const uint8_t *cell_winner)
{
    hf_between row = hf_between_at(y0, cells->stride_px, cells->h);
    strip s;
    for (int x = 0; x < W; x += STRIP) {
        lay_out(&s, x, W - x < STRIP ? W - x : STRIP, &row, cells, settled, cell_winner);
        for (int y = y0; y < y1; y++) {
            size_t at = (size_t)y * W;
            cover_row(cover + at + x, winner + at + x, &s, hf_between_at(y, cells->stride_px, cells->h).share);
            trust_same(cover + at, x, s.n, settled->same + (size_t)(y / cells->stride_px) * cells->w, cells->stride_px);
        }
    }
}

static int same_cells(hf_between a, hf_between b) { return a.first == b.first && a.second == b.second; }

void hf_refine_cover(float *cover, const uint8_t *winner, int width, int height, const hf_cells *cells,
                     const hf_settled *settled, const uint8_t *cell_winner)
{
    int stride = cells->stride_px;
#pragma omp parallel for schedule(dynamic, 1)
    for (int band = 0; band <= cells->h; band++) { /* from the middle of a row of cells to that of the next */
        int y0 = band * stride - stride / 2, y1 = y0 + stride;
        y0 = y0 < 0 ? 0 : y0, y1 = y1 > height ? height : y1;
        while (y0 < y1) { /* once, but where half a stride is no whole pixel or the edge changes what is first */
            int end = y0 + 1;
            hf_between row = hf_between_at(y0, stride, cells->h);
            while (end < y1 && same_cells(row, hf_between_at(end, stride, cells->h)))
                end++;
            cover_rows(cover, winner, width, y0, end, cells, settled, cell_winner);
            y0 = end;
        }
    }
}
