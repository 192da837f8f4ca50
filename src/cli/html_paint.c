/* html_paint.c - see html_paint.h. */
#include "src/cli/html_paint.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "io/mask.h"

#define FILL_ALPHA 120 /* of an object; its edge is nearly opaque */
#define EDGE_ALPHA 230
#define HALO_ALPHA 100 /* of the dark line beside the white one, for bright frames */

const uint8_t hf_paint_verdict_rgb[5][3] = {
    [HF_PAINT_NOTHING] = { 24, 26, 30 }, [HF_PAINT_RIGHT] = { 150, 154, 160 },  [HF_PAINT_MISSED] = { 235, 125, 20 },
    [HF_PAINT_EXTRA] = { 40, 140, 250 }, [HF_PAINT_SWAPPED] = { 215, 70, 200 },
};

typedef struct box {
    int x0, x1, y0, y1; /* ends excluded; never empty */
} box;

static box box_of(int x, int y, int w, int h, int W, int H)
{
    box b = { (int)((int64_t)x * W / w), (int)((int64_t)(x + 1) * W / w), (int)((int64_t)y * H / h),
              (int)((int64_t)(y + 1) * H / h) };

    b.x1 += b.x1 == b.x0; /* the small picture may be the larger one */
    b.y1 += b.y1 == b.y0;
    return b;
}

void hf_paint_fit(int *w, int *h, int W, int H, int side)
{
    int longer = W > H ? W : H;

    if (side > longer)
        side = longer;
    *w = (int)(((int64_t)W * side + longer / 2) / longer);
    *h = (int)(((int64_t)H * side + longer / 2) / longer);
    *w += *w == 0;
    *h += *h == 0;
}

void hf_paint_shrink(uint8_t *rgb, int w, int h, const uint8_t *large, int W, int H)
{
    for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++, rgb += 3) {
        box b = box_of(x, y, w, h, W, H);
        int64_t sum[3] = { 0 }, n = (int64_t)(b.x1 - b.x0) * (b.y1 - b.y0);
        for (int sy = b.y0; sy < b.y1; sy++)
            for (int sx = b.x0; sx < b.x1; sx++)
                for (int c = 0; c < 3; c++)
                    sum[c] += large[3 * ((size_t)sy * W + sx) + c];
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)((sum[c] + n / 2) / n);
    }
}

void hf_paint_labels(uint8_t *labels, int w, int h, const uint8_t *ids, int W, int H)
{
    int count[256] = { 0 };

    for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
        box b = box_of(x, y, w, h, W, H);
        int best = ids[(size_t)b.y0 * W + b.x0];
        for (int sy = b.y0; sy < b.y1; sy++)
            for (int sx = b.x0; sx < b.x1; sx++) {
                int id = ids[(size_t)sy * W + sx];
                if (++count[id] > count[best])
                    best = id;
            }
        for (int sy = b.y0; sy < b.y1; sy++)
            for (int sx = b.x0; sx < b.x1; sx++)
                count[ids[(size_t)sy * W + sx]] = 0;
        *labels++ = (uint8_t)best;
    }
}

/* The label of a pixel, or of the nearest one inside: the picture's border is no edge. */
static int label_at(const uint8_t *labels, int x, int y, int w, int h)
{
    x = x < 0 ? 0 : x >= w ? w - 1 : x;
    y = y < 0 ? 0 : y >= h ? h - 1 : y;
    return labels[(size_t)y * w + x];
}

/* Whether a pixel touches one of another label; corners: 1 counts those too. */
static bool is_edge(const uint8_t *labels, int x, int y, int w, int h, int corners)
{
    int own = labels[(size_t)y * w + x];

    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++)
            if ((corners || !dx || !dy) && label_at(labels, x + dx, y + dy, w, h) != own)
                return true;
    return false;
}

/* DAVIS colours are dark, and their steps of 64 tell the ids apart: more light, steps kept. */
static int brighter(int value)
{
    return value * 4 / 3 < 255 ? value * 4 / 3 : 255;
}

void hf_paint_overlay(uint8_t *rgba, const uint8_t *labels, int w, int h)
{
    uint8_t palette[256][3];

    hf_mask_davis_palette(palette);
    memset(rgba, 0, 4 * (size_t)w * (size_t)h);
    for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++, rgba += 4) {
        int id = labels[(size_t)y * w + x];
        if (id == 0)
            continue;
        bool edge = is_edge(labels, x, y, w, h, 0);
        for (int c = 0; c < 3; c++) {
            int value = brighter(palette[id][c]);
            rgba[c] = (uint8_t)(edge ? value + (255 - value) * 2 / 5 : value);
        }
        rgba[3] = edge ? EDGE_ALPHA : FILL_ALPHA;
    }
}

void hf_paint_outline(uint8_t *rgba, const uint8_t *labels, int w, int h)
{
    memset(rgba, 0, 4 * (size_t)w * (size_t)h);
    for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++, rgba += 4) {
        bool inside = labels[(size_t)y * w + x] != 0;
        if (!is_edge(labels, x, y, w, h, !inside))
            continue;
        memset(rgba, inside ? 255 : 0, 3);
        rgba[3] = inside ? 255 : HALO_ALPHA;
    }
}

void hf_paint_mask(uint8_t *rgba, int w, int h, const uint8_t *ids, int W, int H)
{
    uint8_t palette[256][3];

    hf_mask_davis_palette(palette);
    for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++, rgba += 4) {
        box b = box_of(x, y, w, h, W, H);
        int sum[3] = { 0 }, n = (b.x1 - b.x0) * (b.y1 - b.y0);
        for (int sy = b.y0; sy < b.y1; sy++)
            for (int sx = b.x0; sx < b.x1; sx++)
                for (int c = 0; c < 3; c++)
                    sum[c] += palette[ids[(size_t)sy * W + sx]][c];
        for (int c = 0; c < 3; c++)
            rgba[c] = (uint8_t)((sum[c] + n / 2) / n);
        rgba[3] = 255;
    }
}

static hf_paint_verdict verdict(int truth, int result)
{
    if (truth == result)
        return truth ? HF_PAINT_RIGHT : HF_PAINT_NOTHING;
    return !result ? HF_PAINT_MISSED : !truth ? HF_PAINT_EXTRA : HF_PAINT_SWAPPED;
}

void hf_paint_errors(uint8_t *rgba, int w, int h, const uint8_t *truth, const uint8_t *result, int W, int H)
{
    for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++, rgba += 4) {
        box b = box_of(x, y, w, h, W, H);
        int sum[3] = { 0 }, n = (b.x1 - b.x0) * (b.y1 - b.y0);
        for (int sy = b.y0; sy < b.y1; sy++)
            for (int sx = b.x0; sx < b.x1; sx++) {
                size_t at = (size_t)sy * W + sx;
                const uint8_t *rgb = hf_paint_verdict_rgb[verdict(truth[at], result[at])];
                for (int c = 0; c < 3; c++)
                    sum[c] += rgb[c];
            }
        for (int c = 0; c < 3; c++)
            rgba[c] = (uint8_t)((sum[c] + n / 2) / n);
        rgba[3] = 255;
    }
}
