/* test_plan.c - segments between key frames. */
#include <criterion/criterion.h>
#include <string.h>
#include "src/cli/plan.h"

static hf_plan  plan;
static hf_error err;

static void assert_segment(int i, int64_t first, int64_t last, int key, int left, int right)
{
    const hf_segment *s = &plan.segment[i];
    cr_assert(i < plan.n, "segment %d of %d", i, plan.n);
    cr_assert_eq(s->first, first, "segment %d begins at %ld", i, (long)s->first);
    cr_assert_eq(s->last, last, "segment %d ends at %ld", i, (long)s->last);
    cr_assert_eq(s->key, key);
    cr_assert_eq(s->left, left);
    cr_assert_eq(s->right, right);
}

Test(plan, one_key_on_the_first_frame_goes_forward_to_the_end)
{
    cr_assert_eq(hf_plan_make(&plan, (int64_t[]){ 0 }, 1, 0, HF_PLAN_END, HF_DIRECTION_BOTH, &err), HF_OK);
    cr_assert_eq(plan.n, 2);
    assert_segment(0, 0, 0, 0, -1, -1);
    assert_segment(1, 1, HF_PLAN_END, -1, 0, -1);
    cr_assert_eq(hf_plan_n_backward(&plan, 0), 0);
    cr_assert_eq(hf_plan_longest(&plan, 0, 64), 64); /* who knows where it ends */
}

Test(plan, two_keys_inside_give_all_three_kinds_of_segment)
{
    cr_assert_eq(hf_plan_make(&plan, (int64_t[]){ 5, 10 }, 2, 2, 20, HF_DIRECTION_BOTH, &err), HF_OK);
    cr_assert_eq(plan.n, 5);
    assert_segment(0, 2, 4, -1, -1, 0);
    assert_segment(1, 5, 5, 0, -1, -1);
    assert_segment(2, 6, 9, -1, 0, 1);
    assert_segment(3, 10, 10, 1, -1, -1);
    assert_segment(4, 11, 20, -1, 1, -1);
    cr_assert_eq(hf_plan_n_backward(&plan, 2), 3 + 4);
    cr_assert_eq(hf_plan_n_backward(&plan, 8), 2);
    cr_assert_eq(hf_plan_longest(&plan, 0, 64), 10);
    cr_assert_eq(hf_plan_longest(&plan, 0, 2), 2);
    cr_assert_eq(hf_plan_longest(&plan, 1000, 64), 1);
}

Test(plan, neighbouring_keys_have_nothing_between_them)
{
    cr_assert_eq(hf_plan_make(&plan, (int64_t[]){ 0, 1 }, 2, 0, 1, HF_DIRECTION_BOTH, &err), HF_OK);
    cr_assert_eq(plan.n, 2);
    assert_segment(0, 0, 0, 0, -1, -1);
    assert_segment(1, 1, 1, 1, -1, -1);
}

Test(plan, a_direction_leaves_out_the_other_way)
{
    hf_plan_make(&plan, (int64_t[]){ 5, 9 }, 2, 0, 20, HF_DIRECTION_FORWARD, &err);
    assert_segment(0, 0, 4, -1, -1, -1);
    assert_segment(2, 6, 8, -1, 0, -1);
    hf_plan_make(&plan, (int64_t[]){ 5, 9 }, 2, 0, 20, HF_DIRECTION_BACKWARD, &err);
    assert_segment(0, 0, 4, -1, -1, 0);
    assert_segment(2, 6, 8, -1, -1, 1);
    assert_segment(4, 10, 20, -1, -1, -1);
}

Test(plan, every_frame_is_in_exactly_one_segment)
{
    hf_plan_make(&plan, (int64_t[]){ 3, 4, 9 }, 3, 1, 12, HF_DIRECTION_BOTH, &err);
    for (int64_t f = 1; f <= 12; f++) {
        int n = 0;
        for (int i = 0; i < plan.n; i++)
            n += f >= plan.segment[i].first && f <= plan.segment[i].last;
        cr_assert_eq(n, 1, "frame %ld", (long)f);
        cr_assert_geq(hf_plan_find(&plan, f), 0);
    }
    cr_assert_eq(hf_plan_find(&plan, 0), -1);
    cr_assert_eq(hf_plan_find(&plan, 13), -1);
}

Test(plan, weights_fall_evenly_with_distance)
{
    hf_plan_make(&plan, (int64_t[]){ 10, 20 }, 2, 0, 30, HF_DIRECTION_BOTH, &err);
    const hf_segment *between = &plan.segment[hf_plan_find(&plan, 15)];
    cr_assert_float_eq(hf_plan_left_weight(between, 11), 0.9f, 1e-6f);
    cr_assert_float_eq(hf_plan_left_weight(between, 15), 0.5f, 1e-6f);
    cr_assert_float_eq(hf_plan_left_weight(between, 19), 0.1f, 1e-6f);
}

Test(plan, a_key_outside_the_range_is_refused)
{
    cr_assert_eq(hf_plan_make(&plan, (int64_t[]){ 3 }, 1, 5, 20, HF_DIRECTION_BOTH, &err), HF_EARG);
    cr_assert_str_eq(err.text, "key frame 3 is before --from 5");
    cr_assert_eq(hf_plan_make(&plan, (int64_t[]){ 30 }, 1, 5, 20, HF_DIRECTION_BOTH, &err), HF_EARG);
    cr_assert_str_eq(err.text, "key frame 30 is after --to 20");
}
