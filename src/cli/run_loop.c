/* run_loop.c - the threads of a run, and what the encoding one does; see run.h. */
#include "src/cli/run.h"

#include <pthread.h>

#include "src/cli/interrupt.h"
#include "src/cli/progress.h"

/* ---- encoding ---- */

typedef struct writer {
    hf_run  *run;
    int      rc;
    hf_error err;
} writer;

static void abort_queues(hf_run *run)
{
    hf_queue_abort(run->free_jobs);
    hf_queue_abort(run->decoded);
    hf_queue_abort(run->free_steps);
    hf_queue_abort(run->followed);
    hf_queue_abort(run->computed);
}

static void *write_thread(void *argument)
{
    writer *w = argument;
    hf_run *run = w->run;
    void *item;

    while ((w->rc = hf_queue_pop(run->computed, &item)) == HF_OK) {
        if ((w->rc = hf_outputs_write(run->outputs, item, &w->err)) < 0) {
            abort_queues(run);
            return NULL;
        }
        hf_run_tell_frame(run, item);
        hf_queue_push(run->free_jobs, item); /* refused when the run is ending */
    }
    return NULL;
}

/* ---- the pipeline ---- */

static int new_queues(hf_run *run, hf_error *err)
{
    int n = hf_run_n_jobs(run), rc;
    if ((rc = hf_queue_new(&run->free_jobs, n, err)) < 0 || (rc = hf_queue_new(&run->decoded, n, err)) < 0 ||
        (rc = hf_queue_new(&run->computed, n, err)) < 0)
        return rc;
    for (int i = 0; i < n; i++) {
        if ((rc = hf_job_new(&run->job[i], &run->outputs_plan, run->info->width, run->info->height, err)) < 0)
            return rc;
        hf_queue_push(run->free_jobs, run->job[i]);
    }
    return hf_run_new_steps(run, err);
}

typedef struct threads {
    hf_reader   reader;
    hf_renderer renderer;
    writer      writer;
    pthread_t   read_id, render_id, write_id;
    int         is_reading, is_rendering, is_writing; /* the thread is there */
} threads;

static int start(threads *t, hf_run *run, hf_error *err)
{
    t->reader.run = t->renderer.run = t->writer.run = run;
    t->is_writing = pthread_create(&t->write_id, NULL, write_thread, &t->writer) == 0;
    if (t->is_writing && hf_session_can_overlap(run->session)) {
        t->is_rendering = pthread_create(&t->render_id, NULL, hf_run_render_thread, &t->renderer) == 0;
        if (!t->is_rendering)
            return hf_fail(err, HF_ENOMEM, "no thread can be started");
    }
    t->is_reading = t->is_writing && pthread_create(&t->read_id, NULL, hf_run_read_thread, &t->reader) == 0;
    return t->is_reading ? HF_OK : hf_fail(err, HF_ENOMEM, "no thread can be started");
}

/* What was decoded is thrown away after a failure, what was followed is not: frames on their way are finished. */
static void join(threads *t, hf_run *run, int is_ending)
{
    if (is_ending) { /* the decoder must not wait for room that nobody makes any more */
        hf_queue_abort(run->decoded);
        hf_queue_abort(run->free_jobs);
    }
    hf_queue_finish(run->followed);
    if (t->is_rendering)
        pthread_join(t->render_id, NULL);
    hf_queue_finish(run->computed);
    if (t->is_reading)
        pthread_join(t->read_id, NULL);
    if (t->is_writing)
        pthread_join(t->write_id, NULL);
}

/* The failure that came first in the chain of causes: one of the others' only stops those before it, which then see
 * aborted queues. */
static int first_failure(const threads *t, hf_run *run, int rc, hf_error *err)
{
    run->stage = HF_STAGE_WORK;
    if (t->writer.rc < 0 && t->writer.err.status) {
        run->stage = HF_STAGE_OUTPUT;
        return hf_fail(err, t->writer.err.status, "%s", t->writer.err.text);
    }
    if (t->renderer.rc < 0 && t->renderer.err.status)
        return hf_fail(err, t->renderer.err.status, "%s", t->renderer.err.text);
    if (run->is_flow_broken)
        run->stage = HF_STAGE_INPUT;
    if (rc < 0)
        return rc;
    if (t->reader.rc < 0 && t->reader.rc != HF_EINTERRUPTED) {
        run->stage = HF_STAGE_INPUT;
        return hf_fail(err, t->reader.err.status, "%s", t->reader.err.text);
    }
    return HF_OK;
}

int hf_run_loop(hf_run *run, hf_error *err)
{
    threads t = { 0 };
    double begin = hf_now_s();
    int rc = new_queues(run, err);

    if (rc < 0)
        return rc;
    if ((rc = start(&t, run, err)) >= 0)
        rc = hf_run_follow(run, err);
    join(&t, run, rc < 0 || run->is_interrupted);
    rc = first_failure(&t, run, rc, err);
    run->seconds += hf_now_s() - begin;
    return rc;
}
