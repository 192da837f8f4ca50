/* block.h - a block of one picture laid over another: what the host (register.h) and a GPU (cuda/block.cuh) share.
 *
 * Both give hf_block_difference, hf_block_search and hf_block_texture of register.h the same meaning to the last bit.
 */
#ifndef HF_PROPAGATE_BLOCK_H
#define HF_PROPAGATE_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include "propagate/both.h"

#define HF_REGISTER_MAX_REACH 16
#define HF_PATCH_MARGIN 4 /* pixels around the block that count too */
#define HF_MAX_PATCH 64
#define HF_LIGHT_BORDER (HF_MAX_PATCH + HF_REGISTER_MAX_REACH + 2)
/* A longer way from the wish must pay: lightness steps per pixel of the patch and pixel of way. */
#define HF_WAY_COST 0.05f
/* Lightness steps a pixel, the noise of a codec: a wish that is as good is a pixel off at most. */
#define HF_AT_HOME 1.5f

/* Lightness of a picture, continued past its edges so that a search needs no clamping. */
typedef struct hf_light {
    int      width, height;
    int      pitch, border;
    uint8_t *pixels;
} hf_light;

/* A block of `frame` to be found in `other`, a light of the same size. */
typedef struct hf_block {
    const uint8_t *frame, *other; /* first pixel of the patch, and the same place of the other picture */
    int pitch, size;              /* size of the patch: the block and its margin */
    int low_x, high_x, low_y, high_y; /* moves that keep the patch inside the bordered picture */
} hf_block;

/* A light of this size, its pixels still to be given: hf_light_bytes of them. */
HF_BOTH hf_light hf_light_shape(int width, int height)
{
    hf_light l;
    l.width = width, l.height = height;
    l.border = HF_LIGHT_BORDER, l.pitch = width + 2 * HF_LIGHT_BORDER;
    l.pixels = NULL;
    return l;
}

HF_BOTH int64_t hf_light_bytes(int width, int height)
{
    return (int64_t)(width + 2 * HF_LIGHT_BORDER) * (height + 2 * HF_LIGHT_BORDER);
}

HF_BOTH int hf_lightness(int r, int g, int b) { return (77 * r + 150 * g + 29 * b + 128) >> 8; }

/* Where between its neighbours the smallest of three equally spaced costs lies, -0.5..0.5. */
HF_BOTH float hf_block_parabola(int before, int at, int after)
{
    int bend = before + after - 2 * at;
    return bend > 0 ? 0.5f * (float)(before - after) / (float)bend : 0;
}

/* The block of size x size pixels whose first pixel is (x, y). */
HF_BOTH hf_block hf_block_at(const hf_light *frame, const hf_light *other, int x, int y, int size)
{
    hf_block b;
    b.pitch = frame->pitch, b.size = size + 2 * HF_PATCH_MARGIN;
    if (b.size > HF_MAX_PATCH)
        b.size = HF_MAX_PATCH;
    int px = x + size / 2 - b.size / 2, py = y + size / 2 - b.size / 2, border = frame->border;
    size_t at = (size_t)(py + border) * frame->pitch + px + border;
    b.frame = frame->pixels + at, b.other = other->pixels + at;
    b.low_x = -px - border, b.high_x = frame->width + border - b.size - px;
    b.low_y = -py - border, b.high_y = frame->height + border - b.size - py;
    return b;
}

#endif
