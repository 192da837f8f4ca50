/* settle_cell.h - one block of settle.h, for the host and for a GPU (see both.h).
 *
 * Whoever includes this has declared the searches of propagate/register.h before, or those of cuda/block.cuh, and
 *
 *     int hf_block_equal(const hf_settle_view *, int x, int y, int size, int dx, int dy)
 *
 * which tells whether the size x size pixels at (x, y) are bit for bit those at (x + dx, y + dy) of the drawn frame.
 */
#ifndef HF_PROPAGATE_SETTLE_CELL_H
#define HF_PROPAGATE_SETTLE_CELL_H

#include <math.h>

#include "propagate/settle.h"

typedef struct hf_settled_block {
    float   move[2], residual;
    uint8_t same;
} hf_settled_block;

/* First the block's own place (an unchanged block needs no search), then the search around the cell's word, xy. */
HF_BOTH hf_settled_block hf_settle_block(const hf_settle_view *s, const float *xy, int size, int bx, int by)
{
    int x = bx * size, y = by * size;
    float centre = 0.5f * (float)size - 0.5f;
    float wish_x = xy[0] - ((float)x + centre), wish_y = xy[1] - ((float)y + centre);
    hf_settled_block r;

    r.move[0] = r.move[1] = r.residual = 0;
    r.same = 1;
    if (hf_block_equal(s, x, y, size, 0, 0))
        return r;
    hf_block b = hf_block_at(&s->frame, &s->drawn, x, y, size);
    r.residual = hf_block_search(&b, s->reach_px, (int)lrintf(wish_x), (int)lrintf(wish_y), r.move);
    /* A patch that also fits one pixel further has no texture to hold on to. */
    r.same = r.residual == 0 && hf_block_difference(&b, (int)r.move[0] + 1, (int)r.move[1]) > 0 &&
             hf_block_difference(&b, (int)r.move[0], (int)r.move[1] + 1) > 0 &&
             hf_block_equal(s, x, y, size, (int)r.move[0], (int)r.move[1]);
    return r;
}

#endif
