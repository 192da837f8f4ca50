/* session_bend.c - guided filter on splatted labels.
 *
 * Matching pixel by pixel is noisy, and blind to edges between cells. Each object's label is averaged
 * over blocks and bent to the frame's edges (guide.h); the background is the rest. A pixel
 * whose colour is exactly that of the drawn pixel it came from keeps its label: there is nothing
 * to mend, and an unchanged frame gives back the mask as it was drawn.
 */
#include "propagate/session.h"

#include <string.h>

static void average_blocks(float *blocks, const float *plane, int bh, int bw, int H, int W)
{
#pragma omp parallel for schedule(static)
    for (int y = 0; y < bh; y++)
    for (int x = 0; x < bw; x++) {
        int v1 = (y + 1) * HF_GUIDE_BLOCK < H ? (y + 1) * HF_GUIDE_BLOCK : H;
        int u1 = (x + 1) * HF_GUIDE_BLOCK < W ? (x + 1) * HF_GUIDE_BLOCK : W;
        float sum = 0.0f;
        int n = 0;
        for (int v = y * HF_GUIDE_BLOCK; v < v1; v++)
            for (int u = x * HF_GUIDE_BLOCK; u < u1; u++, n++)
                sum += plane[(int64_t)v * W + u];
        blocks[(int64_t)y * bw + x] = sum / (float)n;
    }
}

/* Coordinates of splatted pixels are whole numbers; those of filled ones never count as same. */
static bool is_same(const hf_session *s, const uint8_t *rgb, const hf_session_key *key, int64_t i)
{
    float x = s->field.xy[2 * i], y = s->field.xy[2 * i + 1];
    int u = (int)x, v = (int)y;
    if (s->field.cover[i] <= 0.0f || (float)u != x || (float)v != y)
        return false;
    return memcmp(rgb + 3 * i, key->rgb + 3 * ((int64_t)v * s->params.width + u), 3) == 0;
}

static void bend_label(hf_session *s, const uint8_t *rgb, const hf_session_key *key, float *plane)
{
    int W = s->params.width, H = s->params.height, bh, bw;

    hf_guide_shape(s->guide, &bh, &bw);
    average_blocks(s->blocks, plane, bh, bw, H, W);
    hf_guide_filter(s->guide, s->bent, s->blocks, rgb);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < (int64_t)W * H; i++)
        if (!is_same(s, rgb, key, i))
            plane[i] = s->bent[i];
}

void hf_session_bend(hf_session *s, const uint8_t *rgb, const hf_session_key *key)
{
    int64_t n = (int64_t)s->params.width * s->params.height;

    hf_guide_picture(s->guide, rgb);
    for (int l = 1; l < s->n_labels; l++)
        bend_label(s, rgb, key, s->field.soft + l * n);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        float sum = 0.0f;
        for (int l = 1; l < s->n_labels; l++)
            sum += s->field.soft[l * n + i];
        /* Filtered one by one, objects may claim a little more than there is. */
        for (int l = 1; sum > 1.0f && l < s->n_labels; l++)
            s->field.soft[l * n + i] /= sum;
        s->field.soft[i] = sum < 1.0f ? 1.0f - sum : 0.0f;
    }
}
