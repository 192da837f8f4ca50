/* compose.c - see compose.h. Plain loops over rows; every pixel is independent. */
#include "propagate/compose.h"

#include <stddef.h>
#include <string.h>

#include "src/simd.h"

#define CHECKER_SQUARES 16

/* Corner colours of the colour map: top left, top right, bottom left, bottom right. Far
 * apart in hue, alike in lightness, so that a wrong match is seen at once. */
static const float corner_color[4][3] = {
    { 235, 70, 60 }, { 250, 210, 50 }, { 60, 90, 240 }, { 50, 210, 130 },
};

static int is_border(const uint8_t *ids, int x, int y, int width, int height)
{
    const uint8_t *at = ids + (size_t)y * width + x;
    return (x > 0 && at[-1] != *at) || (x + 1 < width && at[1] != *at) ||
           (y > 0 && at[-width] != *at) || (y + 1 < height && at[width] != *at);
}

static inline float clamp_unit(float v)
{
    return v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;
}

void hf_compose_overlay(uint8_t *rgba, const uint8_t *ids, const uint8_t palette[256][3],
                        float opacity, int width, int height)
{
    uint8_t inside = (uint8_t)(clamp_unit(opacity) * 255.0f + 0.5f);

    memset(rgba, 0, (size_t)width * height * 4);
#pragma omp parallel for schedule(static)
    for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
        size_t at = (size_t)y * width + x;
        if (!ids[at])
            continue;
        memcpy(rgba + 4 * at, palette[ids[at]], 3);
        rgba[4 * at + 3] = is_border(ids, x, y, width, height) ? 255 : inside;
    }
}

void hf_compose_mask(uint8_t *rgb, const uint8_t *ids, const uint8_t palette[256][3], int width,
                     int height)
{
    size_t n = (size_t)width * height;
    for (size_t i = 0; i < n; i++)
        memcpy(rgb + 3 * i, palette[ids[i]], 3);
}

HF_CLONES
void hf_compose_cutout(uint8_t *rgba, const uint8_t *rgb, const uint8_t *alpha, int width,
                       int height)
{
    size_t n = (size_t)width * height;
    for (size_t i = 0; i < n; i++) {
        rgba[4 * i + 0] = rgb[3 * i + 0];
        rgba[4 * i + 1] = rgb[3 * i + 1];
        rgba[4 * i + 2] = rgb[3 * i + 2];
        rgba[4 * i + 3] = alpha[i];
    }
}

HF_CLONES
void hf_compose_matte(uint8_t *rgb, const uint8_t *alpha, int width, int height)
{
    size_t n = (size_t)width * height;
    for (size_t i = 0; i < n; i++)
        rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = alpha[i];
}

HF_CLONES
static void colormap_row(uint8_t *rgb, const float *xy, const float *cover, int width, int height)
{
    float inv_w = 1.0f / (float)(width > 1 ? width - 1 : 1);
    float inv_h = 1.0f / (float)(height > 1 ? height - 1 : 1);
    float squares = (float)CHECKER_SQUARES / (float)width;

#pragma omp simd
    for (int x = 0; x < width; x++) {
        float u = clamp_unit(xy[2 * x] * inv_w), v = clamp_unit(xy[2 * x + 1] * inv_h);
        int square = (int)(u / inv_w * squares) + (int)(v / inv_h * squares);
        float light = (square & 1 ? 0.8f : 1.0f) * (0.1f + 0.9f * clamp_unit(cover[x]));
        for (int c = 0; c < 3; c++) {
            float top = corner_color[0][c] + u * (corner_color[1][c] - corner_color[0][c]);
            float low = corner_color[2][c] + u * (corner_color[3][c] - corner_color[2][c]);
            rgb[3 * x + c] = (uint8_t)((top + v * (low - top)) * light + 0.5f);
        }
    }
}

void hf_compose_colormap(uint8_t *rgb, const float *xy, const float *cover, int width, int height)
{
#pragma omp parallel for schedule(static)
    for (int y = 0; y < height; y++) {
        size_t row = (size_t)y * width;
        colormap_row(rgb + 3 * row, xy + 2 * row, cover + row, width, height);
    }
}

/* x / 255 rounded to nearest, exact for 0 <= x <= 65534. */
static inline unsigned div255(unsigned x)
{
    return (x + 128 + ((x + 128) >> 8)) >> 8;
}

HF_CLONES
void hf_compose_blend(uint8_t *rgb, const uint8_t *frame, const uint8_t *rgba, int width,
                      int height)
{
    size_t n = (size_t)width * height;
    for (size_t i = 0; i < n; i++) {
        unsigned a = rgba[4 * i + 3];
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] =
                (uint8_t)div255(rgba[4 * i + c] * a + frame[3 * i + c] * (255 - a));
    }
}

void hf_compose_side_by_side(uint8_t *rgb, const uint8_t *left, const uint8_t *right, int width,
                             int height)
{
    size_t row = (size_t)width * 3;
    for (int y = 0; y < height; y++) {
        memcpy(rgb + 2 * row * y, left + row * y, row);
        memcpy(rgb + 2 * row * y + row, right + row * y, row);
    }
}
