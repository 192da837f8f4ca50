/* settle.c - block search around known displacements, see settle.h.
 *
 * First the block's own place (an unchanged block needs no search), then the search of register.h
 * around the cell's word.
 */
#include "propagate/settle.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/register.h"

struct hf_settle {
    int         W, H, reach;
    hf_light   *frame, *drawn;
    int         n_blocks;
    hf_settled  out;
};

int64_t hf_settle_bytes(int width, int height, int n_cells)
{
    return (int64_t)sizeof(hf_settle) + 2 * hf_light_bytes(width, height) + (int64_t)13 * n_cells;
}

int hf_settle_new(hf_settle **out, int width, int height, int reach_px, hf_error *err)
{
    *out = NULL;
    if (width < 1 || height < 1 || reach_px < 0 || reach_px > HF_REGISTER_MAX_REACH)
        return hf_fail(err, HF_EARG, "settle: %d x %d pixels, reach %d; want sizes of 1 or more and a "
                       "reach of 0..%d", width, height, reach_px, HF_REGISTER_MAX_REACH);
    hf_settle *s = calloc(1, sizeof(*s));
    if (!s)
        return hf_fail(err, HF_ENOMEM, "settle: out of memory");
    s->W = width, s->H = height, s->reach = reach_px;
    int rc = hf_light_new(&s->frame, width, height, err);
    if (rc == HF_OK)
        rc = hf_light_new(&s->drawn, width, height, err);
    if (rc < 0) {
        hf_settle_free(&s);
        return rc;
    }
    *out = s;
    return HF_OK;
}

void hf_settle_free(hf_settle **settle)
{
    if (!settle || !*settle)
        return;
    hf_light_free(&(*settle)->frame);
    hf_light_free(&(*settle)->drawn);
    free((*settle)->out.move);
    free((*settle)->out.residual);
    free((*settle)->out.same);
    free(*settle);
    *settle = NULL;
}

static int fit_blocks(hf_settle *s, int n, hf_error *err)
{
    if (n <= s->n_blocks)
        return HF_OK;
    free(s->out.move);
    free(s->out.residual);
    free(s->out.same);
    s->n_blocks = 0;
    s->out.move = malloc((size_t)n * 2 * sizeof(float));
    s->out.residual = malloc((size_t)n * sizeof(float));
    s->out.same = malloc((size_t)n);
    if (!s->out.move || !s->out.residual || !s->out.same)
        return hf_fail(err, HF_ENOMEM, "settle: out of memory for %d blocks", n);
    s->n_blocks = n;
    return HF_OK;
}

/* All three channels of the block itself, without its margin, equal in both pictures? */
static int hf_block_equal(const hf_settle_view *s, int x, int y, int size, int dx, int dy)
{
    int n = x + size <= s->W ? size : s->W - x;
    if (x + dx < 0 || x + dx + n > s->W)
        return 0;
    for (int v = y; v < y + size && v < s->H; v++) {
        if (v + dy < 0 || v + dy >= s->H)
            return 0;
        if (memcmp(s->rgb + ((size_t)v * s->W + x) * 3, s->drawn_rgb + ((size_t)(v + dy) * s->W + x + dx) * 3,
                   (size_t)n * 3) != 0)
            return 0;
    }
    return 1;
}

#include "propagate/settle_cell.h" /* after hf_block_equal */

static void settle_block(const hf_settle_view *v, const hf_settled *out, const hf_cells *cells, int bx, int by)
{
    int i = by * cells->w + bx;
    hf_settled_block b = hf_settle_block(v, cells->xy + 2 * i, cells->stride_px, bx, by);
    out->move[2 * i] = b.move[0], out->move[2 * i + 1] = b.move[1];
    out->residual[i] = b.residual;
    out->same[i] = b.same;
}

int hf_settle_run(hf_settle *s, hf_settled *out, const hf_cells *cells, const uint8_t *rgb,
                  const uint8_t *drawn, hf_error *err)
{
    int rc = fit_blocks(s, cells->h * cells->w, err);
    if (rc < 0)
        return rc;
    hf_settle_view v = { s->W, s->H, s->reach, *s->frame, *s->drawn, rgb, drawn };
    hf_light_fill(s->frame, rgb);
    hf_light_fill(s->drawn, drawn);
#pragma omp parallel for schedule(dynamic, 2)
    for (int y = 0; y < cells->h; y++)
        for (int x = 0; x < cells->w; x++)
            settle_block(&v, &s->out, cells, x, y);
    *out = s->out;
    return HF_OK;
}
