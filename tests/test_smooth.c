/* test_smooth.c - moves of cells fitted to their surroundings: what stays, what is brought into line. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "propagate/smooth.h"

enum { H = 12, W = 16, STRIDE = 8 };

static float move[H * W * 2], out[H * W * 2], trust[H * W];
static uint8_t label[H * W];

/* A turn by about 6 degrees and a little growth: m = A x + b, in pixels of cells of 8 px. */
static void fill_affine(void)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int i = y * W + x;
            move[2 * i] = 3.0f + 0.4f * (float)x - 0.8f * (float)y;
            move[2 * i + 1] = -2.0f + 0.8f * (float)x + 0.4f * (float)y;
            trust[i] = 1;
            label[i] = 1;
        }
}

static float worst_error(const float *want)
{
    float worst = 0;
    for (int i = 0; i < H * W * 2; i++)
        worst = fmaxf(worst, fabsf(out[i] - want[i]));
    return worst;
}

Test(smooth, an_affine_field_stays_as_it_is)
{
    fill_affine();
    hf_smooth_moves(out, move, trust, label, H, W, STRIDE);
    /* The ridge of 1e-3 pulls slopes of 0.8 px by less than 0.01 px over a window. */
    cr_assert_lt(worst_error(move), 0.01f);
}

Test(smooth, a_cell_that_disagrees_is_brought_into_line)
{
    static float want[H * W * 2];
    fill_affine();
    memcpy(want, move, sizeof(want));
    for (int k = 0; k < 6; k++) {
        int i = (2 + k) * W + 2 + 2 * k; /* far enough apart to be outvoted */
        move[2 * i] += 20;
        move[2 * i + 1] -= 15;
    }
    hf_smooth_moves(out, move, trust, label, H, W, STRIDE);
    /* An outlier 25 px off keeps a weight of 1 / (1 + 12.5^2), so a small part of its pull remains. */
    cr_assert_lt(worst_error(want), 1.0f, "worst error %g px", worst_error(want));
}

Test(smooth, two_labels_with_two_motions_do_not_mix)
{
    for (int i = 0; i < H * W; i++) {
        int right = i % W >= W / 2;
        label[i] = (uint8_t)right;
        move[2 * i] = right ? 6.0f : 0.0f;
        move[2 * i + 1] = 0;
        trust[i] = 1;
    }
    hf_smooth_moves(out, move, trust, label, H, W, STRIDE);
    cr_assert_lt(worst_error(move), 1e-3f); /* constants on both sides: only rounding */
}

Test(smooth, cells_without_trust_take_what_their_surroundings_say)
{
    static float want[H * W * 2];
    fill_affine();
    memcpy(want, move, sizeof(want));
    int i = 5 * W + 7;
    move[2 * i] = 100;
    trust[i] = 0;
    hf_smooth_moves(out, move, trust, label, H, W, STRIDE);
    cr_assert_lt(worst_error(want), 0.01f); /* the ridge again */
}

Test(smooth, where_nothing_has_trust_the_moves_stay)
{
    fill_affine();
    memset(trust, 0, sizeof(trust));
    move[10] = 55;
    hf_smooth_moves(out, move, trust, label, H, W, STRIDE);
    cr_assert_eq(memcmp(out, move, sizeof(out)), 0);
}

Test(smooth, one_cell_is_left_alone)
{
    float m[2] = { 3, 4 }, o[2], t = 1;
    uint8_t l = 0;
    hf_smooth_moves(o, m, &t, &l, 1, 1, STRIDE);
    cr_assert_eq(o[0], 3);
    cr_assert_eq(o[1], 4);
}
