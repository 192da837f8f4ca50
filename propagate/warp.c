/* warp.c - see warp.h. */
#include "propagate/warp.h"

#include "propagate/warp_cell.h"

void hf_warp_edit(float *out, const uint8_t *rgba, const float *xy, const float *cover, int width,
                  int height)
{
#pragma omp parallel for schedule(static)
    for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
        size_t at = (size_t)y * width + x;
        hf_warp_pixel(out + 4 * at, rgba, xy[2 * at], xy[2 * at + 1],
                      cover ? hf_warp_fade_of(cover[at]) : 1.0f, width, height);
    }
}

void hf_warp_straighten(uint8_t *rgba, const float *multiplied, int64_t n)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        hf_warp_straighten_pixel(rgba + 4 * i, multiplied + 4 * i);
}

void hf_warp_fade(float *multiplied, const float *cover, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < 4; c++)
            multiplied[4 * i + c] *= hf_warp_fade_of(cover[i]);
}
