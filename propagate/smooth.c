/* smooth.c - see smooth.h. */
#include "propagate/smooth.h"

#include <math.h>

#include "propagate/smooth_cell.h"

static void fill_near(float *near)
{
    for (int i = -HF_SMOOTH_RADIUS; i <= HF_SMOOTH_RADIUS; i++)
        near[i + HF_SMOOTH_RADIUS] = expf(-(float)(i * i) / (2 * HF_SMOOTH_SIGMA * HF_SMOOTH_SIGMA));
}

void hf_smooth_moves(float *out, const float *move, const float *trust, const uint8_t *label,
                     int h, int w, int stride_px)
{
    float near[2 * HF_SMOOTH_RADIUS + 1];
    fill_near(near);
#pragma omp parallel for schedule(dynamic, 2)
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            hf_smooth_move(out + 2 * ((size_t)y * w + x), move, trust, label, near, h, w, stride_px, x, y);
}
