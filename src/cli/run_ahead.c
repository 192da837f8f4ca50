/* run_ahead.c - decoded frames that wait, shown to the session ahead; see run.h. */
#include "src/cli/run.h"

#include "src/cli/interrupt.h"

int hf_run_n_jobs(const hf_run *run) { return HF_RUN_N_JOBS + 2 * run->n_batch; }

static hf_job *job_at(const hf_run_ahead *a, int i) { return a->job[(a->first + i) % HF_RUN_MAX_SHOWN]; }

/* One more from the decoder: HF_EOF, HF_EINTERRUPTED, or HF_OK, without one where there is none and `waits` is 0. */
static int pop(hf_run_ahead *a, int waits)
{
    void *item;
    int rc = (waits ? hf_queue_pop : hf_queue_pop_now)(a->run->decoded, &item);
    if (rc == HF_OK && item)
        a->job[(a->first + a->n++) % HF_RUN_MAX_SHOWN] = item;
    return rc;
}

int hf_run_ahead_next(hf_run_ahead *a, hf_job **job)
{
    int rc = a->n ? HF_OK : pop(a, 1);
    *job = rc == HF_OK ? job_at(a, 0) : NULL;
    return rc;
}

void hf_run_ahead_drop(hf_run_ahead *a)
{
    a->first = (a->first + 1) % HF_RUN_MAX_SHOWN;
    a->n--;
    if (a->n_shown[0] && --a->n_shown[0] == 0) {
        a->n_shown[0] = a->n_shown[1];
        a->n_shown[1] = 0;
    }
}

/* Whether the session computes features of the frame. */
static int is_described(const hf_run *run, const hf_job *job)
{
    const hf_segment *s = &run->plan.segment[hf_plan_find(&run->plan, job->frame->index)];
    if (job->is_backward)
        return 1;
    if (s->key >= 0)
        return 0;
    return s->left >= 0 || (s->right >= 0 && !hf_session_needs_tracking(run->session));
}

/* Followed from the same key in the same direction: in between, the session forgets what it was shown. */
static int is_same_pass(const hf_run *run, const hf_job *a, const hf_job *b)
{
    return a->is_backward == b->is_backward &&
           hf_plan_find(&run->plan, a->frame->index) == hf_plan_find(&run->plan, b->frame->index);
}

/* The next batch behind those that were shown, of *n frames; of none while more may come and `waits` is 0. */
static int show_batch(hf_run_ahead *a, int *n, int waits, hf_error *err)
{
    hf_run *run = a->run;
    const uint8_t *rgb[HF_MAX_BATCH];
    int from = a->n_shown[0], to = from, rc = HF_OK;

    *n = 0;
    while (to - from < run->n_batch) {
        if (to == a->n && (hf_interrupted() || (rc = pop(a, waits)) != HF_OK))
            break;
        if (to == a->n) /* the decoder is not so far */
            return HF_OK;
        if (!is_same_pass(run, job_at(a, 0), job_at(a, to)))
            break;
        rgb[to - from] = job_at(a, to)->frame->rgb;
        to++;
    }
    if (to == from) /* an end that pop met is met again by the next pop */
        return HF_OK;
    *n = to - from;
    return hf_session_look_ahead(run->session, rgb, *n, err);
}

int hf_run_ahead_show(hf_run_ahead *a, hf_error *err)
{
    int rc;
    if (!a->run->n_batch || hf_interrupted() || !is_described(a->run, job_at(a, 0)))
        return HF_OK; /* after Ctrl-C only the frame in hand is finished */
    if (!a->n_shown[0] && (rc = show_batch(a, &a->n_shown[0], 1, err)) < 0)
        return rc;
    return a->n_shown[0] && !a->n_shown[1] ? show_batch(a, &a->n_shown[1], 0, err) : HF_OK;
}
