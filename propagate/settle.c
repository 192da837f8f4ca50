/* settle.c - block search around known displacements, see settle.h.
 *
 * Sum of absolute differences of lightness over the block and a margin, first at the
 * block's own place (an unchanged block needs no search), then over whole pixels within reach
 * of the cell's word, then a parabola through the best and its neighbours.
 */
#include "propagate/settle.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "src/simd.h"

#define PATCH_MARGIN 4 /* pixels around the block that count too */
#define MAX_PATCH 64
#define MAX_REACH 16
/* A longer way from the cell's word must pay: lightness steps per pixel of the patch and pixel of way. */
#define WAY_COST 0.05f

struct hf_settle {
    int      W, H, reach;
    int      pitch, border; /* of the lightness pictures, which are continued past their edges */
    uint8_t *frame, *drawn;
    int      n_blocks;
    hf_settled out;
};

static inline int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

int64_t hf_settle_bytes(int width, int height, int n_cells)
{
    int64_t border = 2 * (MAX_PATCH + MAX_REACH + 2);
    return (int64_t)sizeof(hf_settle) + 2 * (width + border) * (height + border) +
           (int64_t)13 * n_cells;
}

int hf_settle_new(hf_settle **out, int width, int height, int reach_px, hf_error *err)
{
    *out = NULL;
    if (width < 1 || height < 1 || reach_px < 0 || reach_px > MAX_REACH)
        return hf_fail(err, HF_EARG, "settle: %d x %d pixels, reach %d; want sizes of 1 or more and a "
                       "reach of 0..%d", width, height, reach_px, MAX_REACH);
    hf_settle *s = calloc(1, sizeof(*s));
    if (!s)
        return hf_fail(err, HF_ENOMEM, "settle: out of memory");
    s->W = width, s->H = height, s->reach = reach_px;
    s->border = MAX_PATCH + MAX_REACH + 2;
    s->pitch = width + 2 * s->border;
    size_t n = (size_t)s->pitch * (height + 2 * s->border);
    s->frame = malloc(n);
    s->drawn = malloc(n);
    if (!s->frame || !s->drawn) {
        hf_settle_free(&s);
        return hf_fail(err, HF_ENOMEM, "settle: out of memory for %d x %d pixels", width, height);
    }
    *out = s;
    return HF_OK;
}

void hf_settle_free(hf_settle **settle)
{
    if (!settle || !*settle)
        return;
    free((*settle)->frame);
    free((*settle)->drawn);
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

HF_CLONES
static void light_row(uint8_t *out, const uint8_t *rgb, int n)
{
    for (int x = 0; x < n; x++)
        out[x] = (uint8_t)((77 * rgb[3 * x] + 150 * rgb[3 * x + 1] + 29 * rgb[3 * x + 2] + 128) >> 8);
}

/* Lightness with a border of repeated edge pixels, so that the search needs no clamping. */
static void lighten(const hf_settle *s, uint8_t *out, const uint8_t *rgb)
{
#pragma omp parallel for
    for (int y = -s->border; y < s->H + s->border; y++) {
        uint8_t *row = out + (size_t)(y + s->border) * s->pitch;
        light_row(row + s->border, rgb + (size_t)clamp(y, 0, s->H - 1) * s->W * 3, s->W);
        memset(row, row[s->border], (size_t)s->border);
        memset(row + s->border + s->W, row[s->border + s->W - 1], (size_t)s->border);
    }
}

static inline __attribute__((always_inline)) int difference(const uint8_t *a, const uint8_t *b,
                                                            int pitch, int size)
{
    int sum = 0;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            sum += abs(a[(size_t)y * pitch + x] - b[(size_t)y * pitch + x]);
    return sum;
}

HF_CLONES
static int difference_16(const uint8_t *a, const uint8_t *b, int pitch)
{
    return difference(a, b, pitch, 16);
}

static int patch_difference(const uint8_t *a, const uint8_t *b, int pitch, int size)
{
    return size == 16 ? difference_16(a, b, pitch) : difference(a, b, pitch, size);
}

/* All three channels of the block itself, without its margin, equal in both pictures? */
static bool block_equal(const hf_settle *s, const uint8_t *rgb, const uint8_t *drawn, int x, int y,
                        int size, int dx, int dy)
{
    int n = x + size <= s->W ? size : s->W - x;
    if (x + dx < 0 || x + dx + n > s->W)
        return false;
    for (int v = y; v < y + size && v < s->H; v++) {
        if (v + dy < 0 || v + dy >= s->H)
            return false;
        if (memcmp(rgb + ((size_t)v * s->W + x) * 3, drawn + ((size_t)(v + dy) * s->W + x + dx) * 3,
                   (size_t)n * 3) != 0)
            return false;
    }
    return true;
}

/* Where between its neighbours the smallest of three equally spaced costs lies, -0.5..0.5. */
static float parabola(int before, int at, int after)
{
    int bend = before + after - 2 * at;
    return bend > 0 ? 0.5f * (float)(before - after) / (float)bend : 0;
}

typedef struct patch {
    const uint8_t *frame, *drawn; /* first pixel of the patch, and the same place of the drawn frame */
    int pitch, size;
    int low_x, high_x, low_y, high_y; /* moves that keep the patch inside the bordered picture */
} patch;

static int cost_at(const patch *p, int dx, int dy)
{
    dx = clamp(dx, p->low_x, p->high_x);
    dy = clamp(dy, p->low_y, p->high_y);
    return patch_difference(p->frame, p->drawn + (ptrdiff_t)dy * p->pitch + dx, p->pitch, p->size);
}

/* Best whole-pixel move within reach of (cx, cy), then parts of a pixel. */
static int search(const patch *p, int reach, int cx, int cy, float *move)
{
    int best_x = cx, best_y = cy, best = cost_at(p, cx, cy);
    float best_cost = (float)best, way = WAY_COST * (float)(p->size * p->size);
    for (int dy = -reach; dy <= reach && best > 0; dy++)
        for (int dx = -reach; dx <= reach; dx++) {
            int sum = cost_at(p, cx + dx, cy + dy);
            float cost = (float)sum + way * sqrtf((float)(dx * dx + dy * dy));
            if (cost < best_cost)
                best_cost = cost, best = sum, best_x = cx + dx, best_y = cy + dy;
        }
    move[0] = (float)best_x;
    move[1] = (float)best_y;
    if (best > 0) {
        move[0] += parabola(cost_at(p, best_x - 1, best_y), best, cost_at(p, best_x + 1, best_y));
        move[1] += parabola(cost_at(p, best_x, best_y - 1), best, cost_at(p, best_x, best_y + 1));
    }
    return best;
}

static void settle_block(const hf_settle *s, const hf_cells *cells, const uint8_t *rgb,
                         const uint8_t *drawn, int bx, int by)
{
    int size = cells->stride_px, x = bx * size, y = by * size, i = by * cells->w + bx;
    float centre = 0.5f * (float)size - 0.5f, *move = s->out.move + 2 * i;
    float wish_x = cells->xy[2 * i] - ((float)x + centre), wish_y = cells->xy[2 * i + 1] - ((float)y + centre);

    s->out.same[i] = 0;
    if (block_equal(s, rgb, drawn, x, y, size, 0, 0)) {
        move[0] = move[1] = s->out.residual[i] = 0;
        s->out.same[i] = 1;
        return;
    }
    patch p = { .pitch = s->pitch, .size = size + 2 * PATCH_MARGIN };
    if (p.size > MAX_PATCH)
        p.size = MAX_PATCH;
    int px = x + size / 2 - p.size / 2, py = y + size / 2 - p.size / 2;
    size_t at = (size_t)(py + s->border) * s->pitch + px + s->border;
    p.frame = s->frame + at, p.drawn = s->drawn + at;
    p.low_x = -px - s->border, p.high_x = s->W + s->border - p.size - px;
    p.low_y = -py - s->border, p.high_y = s->H + s->border - p.size - py;
    int best = search(&p, s->reach, (int)lrintf(wish_x), (int)lrintf(wish_y), move);
    s->out.residual[i] = (float)best / (float)(p.size * p.size);
    /* A patch that also fits one pixel further has no texture to hold on to. */
    if (best == 0 && cost_at(&p, (int)move[0] + 1, (int)move[1]) > 0 &&
        cost_at(&p, (int)move[0], (int)move[1] + 1) > 0)
        s->out.same[i] = block_equal(s, rgb, drawn, x, y, size, (int)move[0], (int)move[1]);
}

int hf_settle_run(hf_settle *s, hf_settled *out, const hf_cells *cells, const uint8_t *rgb,
                  const uint8_t *drawn, hf_error *err)
{
    int rc = fit_blocks(s, cells->h * cells->w, err);
    if (rc < 0)
        return rc;
    lighten(s, s->frame, rgb);
    lighten(s, s->drawn, drawn);
#pragma omp parallel for schedule(dynamic, 2)
    for (int y = 0; y < cells->h; y++)
        for (int x = 0; x < cells->w; x++)
            settle_block(s, cells, rgb, drawn, x, y);
    *out = s->out;
    return HF_OK;
}
