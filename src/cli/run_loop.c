/* run_loop.c - computing and encoding; see run.h. */
#include "src/cli/run.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "propagate/cells.h"
#include "src/cli/checkpoint.h"
#include "src/cli/interrupt.h"
#include "src/cli/progress.h"

/* The computing thread's own state. */
typedef struct follower {
    hf_run   *run;
    FILE     *spool;        /* cells of the backward pass, the frame beside the key first */
    int64_t   record_bytes; /* of one frame in the spool */
    hf_cells *left, *right; /* NULL if the session needs no tracking */
    float    *flow[2];      /* [H,W,2] to the left and right key; NULL without --flow */
    int       segment;      /* that is being rendered; -1 before the first frame */
    int       back_segment; /* that is being followed backward */
} follower;

/* ---- spool ---- */

/* A file without a name: it is gone with the process, however that ends. */
static int open_spool(FILE **out, hf_error *err)
{
    const char *folder = getenv("TMPDIR");
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/hfprop-XXXXXX", folder && *folder ? folder : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0 || unlink(path) < 0 || !(*out = fdopen(fd, "w+b")))
        return hf_fail(err, HF_EIO, "%s: cannot make a temporary file: %s (TMPDIR chooses the folder)", path,
                       strerror(errno));
    return HF_OK;
}

static int write_cells(follower *f, hf_error *err)
{
    long long before = ftello(f->spool);
    int rc = hf_cells_write(f->right, f->spool, "spool of the backward pass", err);
    f->record_bytes = ftello(f->spool) - before;
    return rc;
}

static int read_cells(follower *f, const hf_segment *segment, int64_t frame, hf_error *err)
{
    int64_t record = segment->right_at - 1 - frame;
    if (fseeko(f->spool, record * f->record_bytes, SEEK_SET) < 0)
        return hf_fail(err, HF_EIO, "spool of the backward pass: %s", strerror(errno));
    return hf_cells_read(f->right, f->spool, "spool of the backward pass", err);
}

/* ---- computing ---- */

/* The frame beside the right key is about to be followed. */
static int enter_backward(follower *f, int i, hf_error *err)
{
    int rc;
    f->back_segment = i;
    if (!f->spool && (rc = open_spool(&f->spool, err)) < 0)
        return rc;
    rewind(f->spool);
    return hf_session_follow(f->run->session, f->run->plan.segment[i].right, err);
}

static int track_backward(follower *f, const hf_job *job, hf_error *err)
{
    int rc;
    if ((rc = hf_session_track(f->run->session, f->right, job->frame->rgb, err)) < 0)
        return rc;
    return write_cells(f, err);
}

/* The first frame of a segment (or of a resumed run) is about to be rendered. */
static int enter_segment(follower *f, int i, hf_error *err)
{
    hf_run *run = f->run;
    const hf_segment *segment = &run->plan.segment[i];
    int key = segment->left >= 0 ? segment->left : segment->right, rc;

    f->segment = i;
    run->is_state_good = 0;
    if (segment->key >= 0 || key < 0 || (segment->left < 0 && f->left))
        return HF_OK;
    if ((rc = hf_session_follow(run->session, key, err)) < 0)
        return rc;
    if (run->has_state) {
        run->has_state = 0;
        return hf_checkpoint_load_state(run->outputs_plan.base, run->session, err);
    }
    return HF_OK;
}

/* What the frame is rendered from: one key, or the two on either side; *n of them. */
static int gather(hf_followed followed[2], int *n, follower *f, const hf_segment *segment, const hf_frame *frame,
                  hf_error *err)
{
    hf_run *run = f->run;
    int both = segment->left >= 0 && segment->right >= 0, rc;
    float left_weight = both ? hf_plan_left_weight(segment, frame->index) : 1;

    *n = 0;
    if (segment->left >= 0) {
        if (f->left && (rc = hf_session_track(run->session, f->left, frame->rgb, err)) < 0)
            return rc;
        run->is_state_good = f->left != NULL;
        followed[(*n)++] = (hf_followed){ segment->left, f->left, left_weight, f->flow[0] };
    }
    if (segment->right >= 0) {
        if (f->right && (rc = read_cells(f, segment, frame->index, err)) < 0)
            return rc;
        followed[(*n)++] = (hf_followed){ segment->right, f->right, both ? 1 - left_weight : 1, f->flow[1] };
    }
    if (segment->left >= 0 && f->flow[0] && (rc = hf_run_read_flow(run, f->flow[0], segment->left, frame, err)) < 0)
        return rc;
    if (segment->right >= 0 && f->flow[1] && (rc = hf_run_read_flow(run, f->flow[1], segment->right, frame, err)) < 0)
        return rc;
    return HF_OK;
}

/* Follow the key that this frame and those behind it are followed from. */
static int enter(follower *f, const hf_job *job, hf_error *err)
{
    int i = hf_plan_find(&f->run->plan, job->frame->index);
    if (job->is_backward)
        return i != f->back_segment ? enter_backward(f, i, err) : HF_OK;
    return i != f->segment ? enter_segment(f, i, err) : HF_OK;
}

static int render(follower *f, hf_job *job, hf_error *err)
{
    hf_run *run = f->run;
    int n = 0, rc;
    const hf_segment *segment = &run->plan.segment[f->segment];
    hf_followed followed[2];
    hf_result result;

    if (segment->key >= 0) {
        if ((rc = hf_session_render_key(run->session, &result, segment->key, err)) < 0)
            return rc;
        hf_outputs_compose(run->outputs, job, &result);
        return HF_OK;
    }
    if (segment->left >= 0 && segment->right < 0 && f->left) { /* nothing to blend: no need to have the cells here */
        if ((rc = hf_session_step(run->session, &result, job->frame->rgb, err)) < 0)
            return rc;
        run->is_state_good = 1;
        hf_outputs_compose(run->outputs, job, &result);
        return HF_OK;
    }
    if ((rc = gather(followed, &n, f, segment, job->frame, err)) < 0)
        return rc;
    if (n && (rc = hf_session_render(run->session, &result, job->frame->rgb, followed, n, err)) < 0)
        return rc;
    hf_outputs_compose(run->outputs, job, n ? &result : NULL);
    return HF_OK;
}

static int compute_job(follower *f, hf_run_ahead *ahead, hf_job *job, hf_error *err)
{
    hf_run *run = f->run;
    double start = hf_now_s();
    int rc;

    if ((rc = enter(f, job, err)) < 0 || (rc = hf_run_ahead_show(ahead, err)) < 0)
        return rc;
    hf_run_ahead_drop(ahead);
    if (job->is_backward) {
        if ((rc = track_backward(f, job, err)) < 0)
            return rc;
        hf_report_progress(run->report, __atomic_add_fetch(&run->n_steps, 1, __ATOMIC_RELAXED),
                           __atomic_load_n(&run->n_written, __ATOMIC_RELAXED));
        return hf_queue_push(run->free_jobs, job);
    }
    if ((rc = render(f, job, err)) < 0)
        return rc;
    job->compute_ms = (float)(1e3 * (hf_now_s() - start));
    return hf_queue_push(run->computed, job);
}

/* Until the decoder ends, somebody fails, or Ctrl-C: then the frame in hand is still handed on. */
static int compute(hf_run *run, hf_error *err)
{
    follower f = { .run = run, .segment = -1, .back_segment = -1 };
    hf_run_ahead ahead = { .run = run };
    hf_job *job;
    int rc = HF_OK;

    if (hf_session_needs_tracking(run->session) &&
        ((rc = hf_session_cells_new(run->session, &f.left, err)) < 0 ||
         (rc = hf_session_cells_new(run->session, &f.right, err)) < 0))
        goto end;
    for (int i = 0; run->options->flow && i < 2; i++)
        if (!(f.flow[i] = malloc(2 * sizeof(float) * (size_t)run->info->width * (size_t)run->info->height))) {
            rc = hf_fail(err, HF_ENOMEM, "--flow: out of memory");
            goto end;
        }
    while ((rc = hf_run_ahead_next(&ahead, &job)) == HF_OK) {
        if ((rc = compute_job(&f, &ahead, job, err)) < 0)
            break;
        if (hf_interrupted()) {
            run->is_interrupted = 1;
            break;
        }
    }
    if (rc == HF_EOF) {
        rc = HF_OK;
        /* Ctrl-C ends the program before the pipe too: what came is not the whole video. */
        run->is_interrupted = hf_interrupted() && !run->info->is_seekable;
    }
end:
    hf_cells_free(&f.left);
    hf_cells_free(&f.right);
    free(f.flow[0]);
    free(f.flow[1]);
    if (f.spool)
        fclose(f.spool);
    return rc;
}

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
    return HF_OK;
}

/* Wait for both threads and choose the failure that came first in the chain of causes: a writer's
 * failure stops the others, which then only see aborted queues. */
static int join_threads(hf_run *run, pthread_t read_id, hf_reader *reader, pthread_t write_id, writer *w, int rc,
                        hf_error *err)
{
    /* The decoder must not wait for room that nobody makes any more. */
    if (rc < 0 || run->is_interrupted) {
        hf_queue_abort(run->decoded);
        hf_queue_abort(run->free_jobs);
    }
    hf_queue_finish(run->computed);
    pthread_join(read_id, NULL);
    pthread_join(write_id, NULL);
    run->stage = HF_STAGE_WORK;
    if (w->rc < 0 && w->err.status) {
        run->stage = HF_STAGE_OUTPUT;
        return hf_fail(err, w->err.status, "%s", w->err.text);
    }
    if (run->is_flow_broken)
        run->stage = HF_STAGE_INPUT;
    if (rc < 0)
        return rc;
    if (reader->rc < 0 && reader->rc != HF_EINTERRUPTED) {
        run->stage = HF_STAGE_INPUT;
        return hf_fail(err, reader->err.status, "%s", reader->err.text);
    }
    return HF_OK;
}

int hf_run_loop(hf_run *run, hf_error *err)
{
    hf_reader reader = { .run = run };
    writer w = { .run = run };
    pthread_t read_id, write_id;
    double start = hf_now_s();
    int rc = new_queues(run, err);

    if (rc < 0)
        return rc;
    if (pthread_create(&write_id, NULL, write_thread, &w) != 0)
        return hf_fail(err, HF_ENOMEM, "no thread can be started");
    if (pthread_create(&read_id, NULL, hf_run_read_thread, &reader) != 0) {
        hf_queue_finish(run->computed);
        pthread_join(write_id, NULL);
        return hf_fail(err, HF_ENOMEM, "no thread can be started");
    }
    rc = compute(run, err);
    rc = join_threads(run, read_id, &reader, write_id, &w, rc, err);
    run->seconds += hf_now_s() - start;
    return rc;
}
