/* plan.c - see plan.h. */
#include "src/cli/plan.h"

static void add(hf_plan *plan, hf_segment segment)
{
    if (segment.first <= segment.last)
        plan->segment[plan->n++] = segment;
}

int hf_plan_make(hf_plan *plan, const int64_t *frames, int n_keys, int64_t from, int64_t to,
                 hf_direction direction, hf_error *err)
{
    plan->n = 0;
    for (int i = 0; i < n_keys; i++) {
        if (frames[i] < from)
            return hf_fail(err, HF_EARG, "key frame %lld is before --from %lld", (long long)frames[i], (long long)from);
        if (frames[i] > to)
            return hf_fail(err, HF_EARG, "key frame %lld is after --to %lld", (long long)frames[i], (long long)to);
    }
    for (int i = 0; i <= n_keys; i++) {
        int has_left = i > 0 && direction != HF_DIRECTION_BACKWARD;
        int has_right = i < n_keys && direction != HF_DIRECTION_FORWARD;
        add(plan, (hf_segment){
            .first = i > 0 ? frames[i - 1] + 1 : from,
            .last = i < n_keys ? frames[i] - 1 : to,
            .key = -1,
            .left = has_left ? i - 1 : -1,
            .right = has_right ? i : -1,
            .left_at = i > 0 ? frames[i - 1] : -1,
            .right_at = i < n_keys ? frames[i] : -1,
        });
        if (i < n_keys)
            add(plan, (hf_segment){ .first = frames[i], .last = frames[i], .key = i, .left = -1, .right = -1 });
    }
    return HF_OK;
}

int hf_plan_find(const hf_plan *plan, int64_t frame)
{
    for (int i = 0; i < plan->n; i++)
        if (frame >= plan->segment[i].first && frame <= plan->segment[i].last)
            return i;
    return -1;
}

float hf_plan_left_weight(const hf_segment *segment, int64_t frame)
{
    return (float)(segment->right_at - frame) / (float)(segment->right_at - segment->left_at);
}

int64_t hf_plan_longest(const hf_plan *plan, int64_t frame, int64_t most)
{
    int64_t longest = 1;
    for (int i = 0; i < plan->n; i++) {
        const hf_segment *s = &plan->segment[i];
        int64_t first = s->first > frame ? s->first : frame;
        if (s->last < first || (s->left < 0 && s->right < 0))
            continue;
        int64_t n = s->last - first < most ? s->last - first + 1 : most; /* the end may be HF_PLAN_END */
        longest = n > longest ? n : longest;
    }
    return longest;
}

int64_t hf_plan_n_backward(const hf_plan *plan, int64_t frame)
{
    int64_t n = 0;
    for (int i = 0; i < plan->n; i++) {
        const hf_segment *s = &plan->segment[i];
        if (s->right >= 0 && s->last >= frame)
            n += s->last - (s->first > frame ? s->first : frame) + 1;
    }
    return n;
}
