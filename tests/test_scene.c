/* The sample scene is the ground truth of others, so its own maps are checked against each other. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "samples/scene.h"

static scene *s;

static void open_scene(void)
{
    s = scene_new();
    cr_assert(s);
}

static void close_scene(void)
{
    scene_free(&s);
}

TestSuite(scene, .init = open_scene, .fini = close_scene);

Test(scene, a_point_followed_there_and_back_is_where_it_was)
{
    for (int y = 3; y < SCENE_HEIGHT; y += 11)
        for (int x = 3; x < SCENE_WIDTH; x += 11)
            for (int t = 0; t < SCENE_FRAMES; t += 17) {
                double x1, y1, x2, y2;
                if (!scene_follow(s, x, y, 0, &x1, &y1, t))
                    continue;
                if (scene_id_at(s, x1, y1, t) != scene_id_at(s, x, y, 0))
                    continue; /* on an outline, to rounding */
                cr_assert(scene_follow(s, x1, y1, t, &x2, &y2, 0));
                cr_assert_lt(hypot(x2 - x, y2 - y), 1e-9);
            }
}

Test(scene, what_is_seen_in_both_frames_has_one_id)
{
    int n = 0, n_same = 0;
    for (int y = 0; y < SCENE_HEIGHT; y += 3)
        for (int x = 0; x < SCENE_WIDTH; x += 3) {
            double x1, y1;
            if (!scene_follow(s, x, y, 0, &x1, &y1, 40))
                continue;
            n++;
            n_same += scene_id_at(s, x, y, 0) == scene_id_at(s, x1, y1, 40);
        }
    cr_assert(n > 4000 && n_same == n, "%d of %d", n_same, n);
}

Test(scene, the_star_hides_part_of_the_ball_and_lets_it_go)
{
    static uint8_t ids[SCENE_HEIGHT * SCENE_WIDTH];
    int area[3] = { 0 };
    for (int k = 0; k < 3; k++) {
        scene_ids(s, ids, (int[]){ 0, 33, SCENE_FRAMES - 1 }[k]);
        for (int i = 0; i < SCENE_HEIGHT * SCENE_WIDTH; i++)
            area[k] += ids[i] == 4;
    }
    cr_assert(area[0] > 2000 && area[1] < area[0] / 2 && area[2] > area[0] / 2, "%d %d %d", area[0], area[1], area[2]);
}

Test(scene, pictures_follow_the_truth)
{
    /* The colour of a point stays, up to light and sampling; a wrong map would give about 40. */
    static uint8_t a[SCENE_HEIGHT][SCENE_WIDTH][3], b[SCENE_HEIGHT][SCENE_WIDTH][3];
    double sum = 0;
    int n = 0;
    scene_render(s, &a[0][0][0], 0);
    scene_render(s, &b[0][0][0], 10);
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++) {
            double x1, y1;
            if (!scene_follow(s, x, y, 0, &x1, &y1, 10))
                continue;
            for (int c = 0; c < 3; c++, n++)
                sum += abs(a[y][x][c] - b[lround(y1)][lround(x1)][c]);
        }
    cr_assert_lt(sum / n, 12, "%.1f", sum / n);
}

Test(scene, the_edit_lies_on_object_1_and_is_soft)
{
    static uint8_t rgba[SCENE_HEIGHT * SCENE_WIDTH * 4], ids[SCENE_HEIGHT * SCENE_WIDTH];
    int full = 0, soft = 0;
    scene_edit(s, rgba);
    scene_ids(s, ids, 0);
    for (int i = 0; i < SCENE_HEIGHT * SCENE_WIDTH; i++) {
        full += rgba[4 * i + 3] == 255;
        soft += rgba[4 * i + 3] > 0 && rgba[4 * i + 3] < 255;
        cr_assert(rgba[4 * i + 3] == 0 || ids[i] == 1);
    }
    cr_assert(full > 700 && soft > 80, "%d %d", full, soft);
}
