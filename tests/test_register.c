/* test_register.c - blocks of one picture found in another: moves, texture, lightness, borders. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/register.h"

enum { W = 96, H = 64, SIZE = 8, REACH = 4 };

/* Waves of 5 px and more: parts of a pixel are there to be found. */
static uint8_t texture_at(double x, double y)
{
    return (uint8_t)lrint(128 + 30 * sin(0.9 * x + 0.3 * y) + 30 * cos(0.8 * y - 0.4 * x + 1) +
                          25 * sin(0.23 * x * 1.3 - 0.41 * y + 2));
}

/* A light of the texture moved by (dx, dy) pixels: what is at x was at x - dx. */
static hf_light *textured(int width, int height, double dx, double dy)
{
    hf_light *light;
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            memset(rgb + 3 * (y * width + x), texture_at(x - dx, y - dy), 3);
    cr_assert_eq(hf_light_new(&light, width, height, NULL), HF_OK);
    hf_light_fill(light, rgb);
    free(rgb);
    return light;
}

static hf_light *flat(int width, int height, uint8_t lightness)
{
    hf_light *light;
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    memset(rgb, lightness, (size_t)width * (size_t)height * 3);
    cr_assert_eq(hf_light_new(&light, width, height, NULL), HF_OK);
    hf_light_fill(light, rgb);
    free(rgb);
    return light;
}

/* Every block away from the border is found where the picture was moved to. */
static void check_found(double dx, double dy, int wish_x, int wish_y, double tolerance)
{
    hf_light *frame = textured(W, H, 0, 0), *other = textured(W, H, dx, dy);
    for (int y = 16; y < H - 24; y += SIZE)
        for (int x = 16; x < W - 24; x += SIZE) {
            hf_block b = hf_block_at(frame, other, x, y, SIZE);
            float move[2], residual = hf_block_search(&b, REACH, wish_x, wish_y, move);
            cr_assert_float_eq(move[0], dx, tolerance, "x of block %d, %d: %g, want %g", x, y, move[0], dx);
            cr_assert_float_eq(move[1], dy, tolerance, "y of block %d, %d: %g, want %g", x, y, move[1], dy);
            cr_assert_lt(residual, 12);
        }
    hf_light_free(&frame);
    hf_light_free(&other);
}

Test(register, a_picture_that_stands_still_is_found_in_place)
{
    check_found(0, 0, 0, 0, 0.0);
}

Test(register, a_shift_by_whole_pixels_is_found_to_a_tenth_of_a_pixel)
{
    check_found(3, 0, 0, 0, 0.1);
    check_found(-2, 4, 0, 0, 0.1);
    check_found(-1, -3, 0, 0, 0.1);
}

Test(register, a_shift_by_half_pixels_is_found_to_a_quarter_of_a_pixel)
{
    check_found(0.5, 0, 0, 0, 0.25);
    check_found(-1.5, 2.5, 0, 0, 0.25);
    check_found(2, -0.5, 0, 0, 0.25);
}

Test(register, the_search_is_about_the_wish)
{
    check_found(11, -9, 10, -7, 0.1);
}

Test(register, a_flat_block_stays_at_its_wish)
{
    hf_light *frame = flat(W, H, 100), *same = flat(W, H, 100), *lighter = flat(W, H, 110);
    float move[2];
    hf_block b = hf_block_at(frame, same, 40, 24, SIZE);
    cr_assert_eq(hf_block_search(&b, REACH, 2, -3, move), 0);
    cr_assert_eq(move[0], 2);
    cr_assert_eq(move[1], -3);
    b = hf_block_at(frame, lighter, 40, 24, SIZE);
    cr_assert_eq(hf_block_search(&b, REACH, -1, 4, move), 10);
    cr_assert_eq(move[0], -1);
    cr_assert_eq(move[1], 4);
    hf_light_free(&frame);
    hf_light_free(&same);
    hf_light_free(&lighter);
}

Test(register, only_what_is_textured_has_texture)
{
    hf_light *none = flat(W, H, 77), *some = textured(W, H, 0, 0);
    hf_block plain = hf_block_at(none, none, 40, 24, SIZE), rich = hf_block_at(some, some, 40, 24, SIZE);
    cr_assert_eq(hf_block_texture(&plain), 0);
    cr_assert_gt(hf_block_texture(&rich), 10);
    hf_light_free(&none);
    hf_light_free(&some);
}

Test(register, the_difference_is_the_sum_over_the_patch)
{
    hf_light *a = flat(W, H, 50), *b = flat(W, H, 53);
    hf_block block = hf_block_at(a, b, 40, 24, SIZE);
    cr_assert_eq(hf_block_difference(&block, 2, 1), 3 * block.size * block.size);
    hf_light_free(&a);
    hf_light_free(&b);
}

Test(register, white_is_white_and_green_is_lighter_than_blue)
{
    static const uint8_t rgb[9] = { 255, 255, 255, 0, 255, 0, 0, 0, 255 };
    hf_light *light;
    cr_assert_eq(hf_light_new(&light, 3, 1, NULL), HF_OK);
    hf_light_fill(light, rgb);
    const uint8_t *row = light->pixels + (size_t)light->border * (size_t)light->pitch + light->border;
    cr_assert_eq(row[0], 255);
    cr_assert_gt(row[1], row[2]);
    cr_assert_eq(row[-1], row[0]); /* continued past both edges */
    cr_assert_eq(row[3], row[2]);
    hf_light_free(&light);
}

/* All corners, with wishes that lead past every edge: nothing outside the memory is read (the sanitizers
 * see to that), and what comes back is a place within reach and a mean difference. */
static void search_corners(int width, int height, int size)
{
    static const int wishes[][2] = { { 0, 0 }, { -9, -9 }, { 9, 9 }, { 5000, -5000 }, { -5000, 5000 } };
    hf_light *frame = textured(width, height, 0, 0), *other = textured(width, height, 1, 1);
    int last_x = (width - 1) / size * size, last_y = (height - 1) / size * size;
    int corners[][2] = { { 0, 0 }, { last_x, 0 }, { 0, last_y }, { last_x, last_y } };
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 5; j++) {
            hf_block b = hf_block_at(frame, other, corners[i][0], corners[i][1], size);
            float move[2];
            float residual = hf_block_search(&b, HF_REGISTER_MAX_REACH, wishes[j][0], wishes[j][1], move);
            cr_assert(residual >= 0 && residual <= 255);
            cr_assert_leq(fabsf(move[0] - (float)wishes[j][0]), HF_REGISTER_MAX_REACH + 0.5f);
            cr_assert_leq(fabsf(move[1] - (float)wishes[j][1]), HF_REGISTER_MAX_REACH + 0.5f);
            cr_assert(hf_block_texture(&b) >= 0);
        }
    hf_light_free(&frame);
    hf_light_free(&other);
}

Test(register, blocks_in_the_corners_are_searched_inside_the_picture)
{
    search_corners(W, H, 8);
    search_corners(93, 61, 8); /* the last blocks are cut off by the edge */
    search_corners(W, H, 16);
}

Test(register, a_block_larger_than_the_largest_patch_is_cut_to_it)
{
    search_corners(W, H, 64);
    search_corners(200, 150, 128);
}

Test(register, pictures_smaller_than_a_patch_are_searched)
{
    search_corners(5, 3, 8);
    search_corners(1, 40, 8);
    search_corners(1, 1, 8);
}

Test(register, a_light_that_cannot_be_had_is_an_error)
{
    hf_light *light = NULL;
    cr_assert_eq(hf_light_new(&light, 1 << 30, 1 << 30, NULL), HF_ENOMEM);
    cr_assert_null(light);
    hf_light_free(&light);
}

/* The search as its contract has it, every move looked at. */
static float plain_search(const hf_block *b, int reach, int cx, int cy, float *move)
{
    int best = hf_block_difference(b, cx, cy), at_x = 0, at_y = 0;
    float n = (float)(b->size * b->size), best_cost = (float)best;

    move[0] = (float)cx, move[1] = (float)cy;
    if (best == 0)
        return 0;
    if ((float)best * (1 / n) < 1.5f)
        reach = 1;
    for (int dy = -reach; dy <= reach; dy++)
        for (int dx = -reach; dx <= reach; dx++) {
            int sum = hf_block_difference(b, cx + dx, cy + dy);
            float cost = (float)sum + 0.05f / (1 / n) * sqrtf((float)(dx * dx + dy * dy));
            if (cost < best_cost)
                best_cost = cost, best = sum, at_x = dx, at_y = dy;
        }
    for (int axis = 0; axis < 2; axis++) {
        int u = cx + at_x, v = cy + at_y;
        move[axis] += (float)(axis ? at_y : at_x);
        int before = hf_block_difference(b, u - !axis, v - axis), after = hf_block_difference(b, u + !axis, v + axis);
        int bend = before + after - 2 * best;
        if (best > 0 && bend > 0)
            move[axis] += 0.5f * (float)(before - after) / (float)bend;
    }
    return (float)best * (1 / n);
}

static hf_light *noisy(int width, int height, unsigned seed, int amplitude)
{
    hf_light *light;
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    for (int i = 0; i < width * height; i++) {
        seed = seed * 1664525u + 1013904223u;
        memset(rgb + 3 * i, texture_at(i % width * 0.3, i / width * 0.3) / 2 + (int)(seed >> 24) * amplitude / 256, 3);
    }
    cr_assert_eq(hf_light_new(&light, width, height, NULL), HF_OK);
    hf_light_fill(light, rgb);
    free(rgb);
    return light;
}

/* To the last bit, at the border and far outside too. */
Test(register, the_search_finds_what_looking_at_each_move_finds)
{
    static const int amplitudes[] = { 1, 4, 30, 120 };
    for (int i = 0; i < 4; i++) {
        hf_light *frame = noisy(W, H, 1, amplitudes[i]), *other = noisy(W, H, 2, amplitudes[i]);
        for (int size = 4; size <= 24; size += 4)
            for (int y = 0; y < H; y += size)
                for (int x = 0; x < W; x += size) {
                    hf_block b = hf_block_at(frame, other, x, y, size);
                    int wish_x = (x * 7 + y) % 23 - 11, wish_y = (x + y * 5) % 31 - 15, reach = 1 + (x + y) / 4 % 6;
                    if (x == 0)
                        wish_x *= 20;
                    float move[2], wanted[2], at = hf_block_search(&b, reach, wish_x, wish_y, move);
                    float best = plain_search(&b, reach, wish_x, wish_y, wanted);
                    cr_assert(at == best && move[0] == wanted[0] && move[1] == wanted[1],
                              "noise %d, block of %d at %d, %d: (%g, %g) with %g, want (%g, %g) with %g", amplitudes[i],
                              size, x, y, move[0], move[1], at, wanted[0], wanted[1], best);
                }
        hf_light_free(&frame);
        hf_light_free(&other);
    }
}
