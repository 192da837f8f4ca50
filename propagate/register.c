/* register.c - block search in lightness, see register.h. */
#include "propagate/register.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "src/simd.h"

#define PATCH_MARGIN 4 /* pixels around the block that count too */
#define MAX_PATCH 64
/* A longer way from the wish must pay: lightness steps per pixel of the patch and pixel of way. */
#define WAY_COST 0.05f

static inline int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

static int border_of(void) { return MAX_PATCH + HF_REGISTER_MAX_REACH + 2; }

int64_t hf_light_bytes(int width, int height)
{
    return (int64_t)(width + 2 * border_of()) * (height + 2 * border_of());
}

int hf_light_new(hf_light **out, int width, int height, hf_error *err)
{
    *out = NULL;
    hf_light *l = calloc(1, sizeof(*l));
    if (l) {
        l->width = width, l->height = height;
        l->border = border_of();
        l->pitch = width + 2 * l->border;
        l->pixels = calloc(1, (size_t)hf_light_bytes(width, height));
    }
    if (!l || !l->pixels) {
        hf_light_free(&l);
        return hf_fail(err, HF_ENOMEM, "register: out of memory for %d x %d pixels", width, height);
    }
    *out = l;
    return HF_OK;
}

void hf_light_free(hf_light **light)
{
    if (!light || !*light)
        return;
    free((*light)->pixels);
    free(*light);
    *light = NULL;
}

HF_CLONES
static void light_row(uint8_t *out, const uint8_t *rgb, int n)
{
    for (int x = 0; x < n; x++)
        out[x] = (uint8_t)((77 * rgb[3 * x] + 150 * rgb[3 * x + 1] + 29 * rgb[3 * x + 2] + 128) >> 8);
}

void hf_light_fill(hf_light *l, const uint8_t *rgb)
{
#pragma omp parallel for
    for (int y = -l->border; y < l->height + l->border; y++) {
        uint8_t *row = l->pixels + (size_t)(y + l->border) * l->pitch;
        light_row(row + l->border, rgb + (size_t)clamp(y, 0, l->height - 1) * l->width * 3, l->width);
        memset(row, row[l->border], (size_t)l->border);
        memset(row + l->border + l->width, row[l->border + l->width - 1], (size_t)l->border);
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

/* Where between its neighbours the smallest of three equally spaced costs lies, -0.5..0.5. */
static float parabola(int before, int at, int after)
{
    int bend = before + after - 2 * at;
    return bend > 0 ? 0.5f * (float)(before - after) / (float)bend : 0;
}

hf_block hf_block_at(const hf_light *frame, const hf_light *other, int x, int y, int size)
{
    hf_block b = { .pitch = frame->pitch, .size = size + 2 * PATCH_MARGIN };
    if (b.size > MAX_PATCH)
        b.size = MAX_PATCH;
    int px = x + size / 2 - b.size / 2, py = y + size / 2 - b.size / 2, border = frame->border;
    size_t at = (size_t)(py + border) * frame->pitch + px + border;
    b.frame = frame->pixels + at, b.other = other->pixels + at;
    b.low_x = -px - border, b.high_x = frame->width + border - b.size - px;
    b.low_y = -py - border, b.high_y = frame->height + border - b.size - py;
    return b;
}

int hf_block_difference(const hf_block *b, int dx, int dy)
{
    dx = clamp(dx, b->low_x, b->high_x);
    dy = clamp(dy, b->low_y, b->high_y);
    return patch_difference(b->frame, b->other + (ptrdiff_t)dy * b->pitch + dx, b->pitch, b->size);
}

float hf_block_search(const hf_block *b, int reach, int cx, int cy, float *move)
{
    int best_x = cx, best_y = cy, best = hf_block_difference(b, cx, cy);
    float best_cost = (float)best, way = WAY_COST * (float)(b->size * b->size);
    for (int dy = -reach; dy <= reach && best > 0; dy++)
        for (int dx = -reach; dx <= reach; dx++) {
            int sum = hf_block_difference(b, cx + dx, cy + dy);
            float cost = (float)sum + way * sqrtf((float)(dx * dx + dy * dy));
            if (cost < best_cost)
                best_cost = cost, best = sum, best_x = cx + dx, best_y = cy + dy;
        }
    move[0] = (float)best_x;
    move[1] = (float)best_y;
    if (best > 0) {
        move[0] += parabola(hf_block_difference(b, best_x - 1, best_y), best,
                            hf_block_difference(b, best_x + 1, best_y));
        move[1] += parabola(hf_block_difference(b, best_x, best_y - 1), best,
                            hf_block_difference(b, best_x, best_y + 1));
    }
    return (float)best / (float)(b->size * b->size);
}

float hf_block_texture(const hf_block *b)
{
    int sum = 0, n = b->size * b->size, deviation = 0;
    for (int y = 0; y < b->size; y++)
        for (int x = 0; x < b->size; x++)
            sum += b->frame[(size_t)y * b->pitch + x];
    int mean = (sum + n / 2) / n;
    for (int y = 0; y < b->size; y++)
        for (int x = 0; x < b->size; x++)
            deviation += abs(b->frame[(size_t)y * b->pitch + x] - mean);
    return (float)deviation / (float)n;
}
