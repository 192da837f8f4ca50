/* small_scene.h - a few small frames for tests of sessions: a textured ground that moves by a pixel a frame, and what is
 * drawn on the first of them. */
#ifndef HF_TESTS_SMALL_SCENE_H
#define HF_TESTS_SMALL_SCENE_H

#include <stdint.h>
#include <string.h>

enum { SCENE_W = 40, SCENE_H = 32, SCENE_N = SCENE_W * SCENE_H };

static inline void small_scene_frame(uint8_t *rgb, int t)
{
    for (int i = 0; i < SCENE_N; i++) {
        unsigned u = (unsigned)((i % SCENE_W - t + 64) / 3 * 91 + i / SCENE_W / 3 * 47);
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(40 + (int)((u * 2654435761u >> (10 + 5 * c)) % 170));
    }
}

/* Two objects, 4 and 9, side by side from column `left` on. */
static inline void small_scene_ids(uint8_t *ids, int left)
{
    for (int i = 0; i < SCENE_N; i++)
        ids[i] = i % SCENE_W < left ? 0 : i % SCENE_W < left + 12 ? 4 : 9;
}

/* An edit over object 4. */
static inline void small_scene_edit(uint8_t *rgba, const uint8_t *ids)
{
    for (int i = 0; i < SCENE_N; i++)
        memset(rgba + 4 * i, ids[i] == 4 ? 200 : 0, 4);
}

#endif
