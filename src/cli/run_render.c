/* run_render.c - frames that were followed are brought to pixels; see run.h. */
#include "src/cli/run.h"

#include <stdlib.h>

#include "propagate/cells.h"
#include "src/cli/progress.h"

static int new_step(hf_run_step **out, const hf_run *run, hf_error *err)
{
    hf_run_step *step = calloc(1, sizeof(*step));
    int rc;

    *out = step;
    if (!step)
        return hf_fail(err, HF_ENOMEM, "out of memory");
    if (hf_session_can_overlap(run->session) && (rc = hf_session_cells_new(run->session, &step->left, err)) < 0)
        return rc;
    if (hf_session_needs_tracking(run->session) && hf_plan_n_backward(&run->plan, run->start) > 0 &&
        (rc = hf_session_cells_new(run->session, &step->right, err)) < 0)
        return rc;
    for (int i = 0; run->options->flow && i < 2; i++)
        if (!(step->flow[i] = malloc(2 * sizeof(float) * (size_t)run->info->width * (size_t)run->info->height)))
            return hf_fail(err, HF_ENOMEM, "--flow: out of memory");
    return HF_OK;
}

int hf_run_new_steps(hf_run *run, hf_error *err)
{
    int n = hf_session_can_overlap(run->session) ? HF_RUN_N_STEPS : 1, rc;
    if ((rc = hf_queue_new(&run->free_steps, n, err)) < 0 || (rc = hf_queue_new(&run->followed, n, err)) < 0)
        return rc;
    for (int i = 0; i < n; i++) {
        if ((rc = new_step(&run->step[i], run, err)) < 0)
            return rc;
        hf_queue_push(run->free_steps, run->step[i]);
    }
    return HF_OK;
}

static int64_t cell_bytes(const hf_cells *c)
{
    return c ? (int64_t)sizeof(float) * c->h * c->w * (c->n_labels + 3) : 0;
}

int64_t hf_run_step_bytes(const hf_run *run)
{
    int64_t pixels = (int64_t)run->info->width * run->info->height, bytes = 0;
    for (int i = 0; i < HF_RUN_N_STEPS && run->step[i]; i++) {
        const hf_run_step *step = run->step[i];
        bytes += cell_bytes(step->left) + cell_bytes(step->right);
        for (int k = 0; k < 2; k++)
            bytes += step->flow[k] ? 2 * (int64_t)sizeof(float) * pixels : 0;
    }
    return bytes;
}

void hf_run_free_steps(hf_run *run)
{
    for (int i = 0; i < HF_RUN_N_STEPS; i++) {
        hf_run_step *step = run->step[i];
        if (!step)
            continue;
        hf_cells_free(&step->left);
        hf_cells_free(&step->right);
        free(step->flow[0]);
        free(step->flow[1]);
        free(step);
        run->step[i] = NULL;
    }
    hf_queue_free(&run->free_steps);
    hf_queue_free(&run->followed);
}

int hf_run_render(hf_run *run, hf_run_step *step, hf_error *err)
{
    double start = hf_now_s();
    hf_job *job = step->job;
    const uint8_t *rgb = job->frame->rgb;
    hf_result result;
    int rc = HF_OK;

    if (step->key >= 0)
        rc = hf_session_render_key(run->session, &result, step->key, err);
    else if (step->is_new)
        rc = hf_session_step(run->session, &result, rgb, err);
    else if (step->n)
        rc = hf_session_render(run->session, &result, rgb, step->from, step->n, err);
    if (rc < 0)
        return rc;
    hf_outputs_compose(run->outputs, job, step->key >= 0 || step->is_new || step->n ? &result : NULL);
    job->compute_ms += (float)(1e3 * (hf_now_s() - start));
    if ((rc = hf_queue_push(run->computed, job)) < 0)
        return rc;
    return hf_queue_push(run->free_steps, step);
}

void *hf_run_render_thread(void *argument)
{
    hf_renderer *r = argument;
    hf_run *run = r->run;
    void *item;

    while ((r->rc = hf_queue_pop(run->followed, &item)) == HF_OK)
        if ((r->rc = hf_run_render(run, item, &r->err)) < 0) {
            hf_queue_abort(run->free_steps); /* who follows waits for one of these, */
            hf_queue_abort(run->followed);
            hf_queue_abort(run->decoded);    /* or here */
            break;
        }
    return NULL;
}
