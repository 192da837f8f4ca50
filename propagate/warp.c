/* warp.c - see warp.h. */
#include "propagate/warp.h"

#include <math.h>
#include <stddef.h>

static inline float fade_of(float cover)
{
    float f = cover * (1.0f / HF_WARP_FULL_COVER);
    return f < 0.0f ? 0.0f : f > 1.0f ? 1.0f : f;
}

static inline void add_tap(float out[4], const uint8_t *tap, float weight)
{
    float alpha = weight * tap[3];
    float scale = alpha * (1.0f / 255.0f);
    out[0] += scale * tap[0];
    out[1] += scale * tap[1];
    out[2] += scale * tap[2];
    out[3] += alpha;
}

static void warp_pixel(float out[4], const uint8_t *rgba, float x, float y, float fade, int width,
                       int height)
{
    out[0] = out[1] = out[2] = out[3] = 0.0f;
    if (!isfinite(x) || !isfinite(y) || fade <= 0.0f)
        return;
    x = fminf(fmaxf(x, 0.0f), (float)(width - 1));
    y = fminf(fmaxf(y, 0.0f), (float)(height - 1));
    int x0 = (int)x, y0 = (int)y;
    float fx = x - (float)x0, fy = y - (float)y0;
    size_t right = fx > 0.0f ? 4 : 0, down = fy > 0.0f ? (size_t)width * 4 : 0;
    const uint8_t *tap = rgba + ((size_t)y0 * width + x0) * 4;

    if (!(tap[3] | tap[right + 3] | tap[down + 3] | tap[down + right + 3]))
        return; /* most of an edit is empty */
    add_tap(out, tap, (1.0f - fx) * (1.0f - fy) * fade);
    add_tap(out, tap + right, fx * (1.0f - fy) * fade);
    add_tap(out, tap + down, (1.0f - fx) * fy * fade);
    add_tap(out, tap + down + right, fx * fy * fade);
}

void hf_warp_edit(float *out, const uint8_t *rgba, const float *xy, const float *cover, int width,
                  int height)
{
#pragma omp parallel for schedule(static)
    for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
        size_t at = (size_t)y * width + x;
        warp_pixel(out + 4 * at, rgba, xy[2 * at], xy[2 * at + 1],
                   cover ? fade_of(cover[at]) : 1.0f, width, height);
    }
}

void hf_warp_straighten(uint8_t *rgba, const float *multiplied, int64_t n)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        const float *m = multiplied + 4 * i;
        uint8_t alpha = (uint8_t)(fminf(m[3], 255.0f) + 0.5f);
        float scale = alpha ? 255.0f / m[3] : 0.0f;
        for (int c = 0; c < 3; c++)
            rgba[4 * i + c] = (uint8_t)(fminf(m[c] * scale, 255.0f) + 0.5f);
        rgba[4 * i + 3] = alpha;
    }
}

void hf_warp_fade(float *multiplied, const float *cover, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < 4; c++)
            multiplied[4 * i + c] *= fade_of(cover[i]);
}
