/* run_follow.c - the calling thread: keys are followed from frame to frame; see run.h. */
#include "src/cli/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "propagate/cells.h"
#include "src/cli/checkpoint.h"
#include "src/cli/interrupt.h"
#include "src/cli/progress.h"

typedef struct follower {
    hf_run   *run;
    int       needs_tracking; /* else steps have no cells */
    FILE     *spool;        /* cells of the backward pass, the frame beside the key first */
    int64_t   record_bytes; /* of one frame in the spool */
    hf_cells *back;         /* of the frame that is followed backward; NULL if the session needs no tracking */
    int       segment;      /* that is being followed forward; -1 before the first frame */
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
    int rc = hf_cells_write(f->back, f->spool, "spool of the backward pass", err);
    f->record_bytes = ftello(f->spool) - before;
    return rc;
}

static int read_cells(follower *f, hf_cells *cells, const hf_segment *segment, int64_t frame, hf_error *err)
{
    int64_t record = segment->right_at - 1 - frame;
    if (fseeko(f->spool, record * f->record_bytes, SEEK_SET) < 0)
        return hf_fail(err, HF_EIO, "spool of the backward pass: %s", strerror(errno));
    return hf_cells_read(cells, f->spool, "spool of the backward pass", err);
}

/* ---- following ---- */

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
    if ((rc = hf_session_track(f->run->session, f->back, job->frame->rgb, err)) < 0)
        return rc;
    return write_cells(f, err);
}

/* The first frame of a segment (or of a resumed run) comes next. */
static int enter_segment(follower *f, int i, hf_error *err)
{
    hf_run *run = f->run;
    const hf_segment *segment = &run->plan.segment[i];
    int key = segment->left >= 0 ? segment->left : segment->right, rc;

    f->segment = i;
    run->is_state_good = 0;
    if (segment->key >= 0 || key < 0 || (segment->left < 0 && f->needs_tracking))
        return HF_OK;
    if ((rc = hf_session_follow(run->session, key, err)) < 0)
        return rc;
    if (run->has_state) {
        run->has_state = 0;
        return hf_checkpoint_load_state(run->outputs_plan.base, run->session, err);
    }
    return HF_OK;
}

static void add_key(hf_run_step *step, int key, const hf_cells *cells, float weight, const float *flow)
{
    step->from[step->n++] = (hf_followed){ key, cells, weight, flow };
}

/* What the frame is rendered from: one key, or the two on either side. */
static int gather(follower *f, hf_run_step *step, const hf_segment *segment, hf_error *err)
{
    hf_run *run = f->run;
    const hf_frame *frame = step->job->frame;
    int both = segment->left >= 0 && segment->right >= 0, rc;
    float left_weight = both ? hf_plan_left_weight(segment, frame->index) : 1;

    if (segment->left >= 0) {
        if (f->needs_tracking && (rc = hf_session_track(run->session, step->left, frame->rgb, err)) < 0)
            return rc;
        run->is_state_good = f->needs_tracking;
        add_key(step, segment->left, step->left, left_weight, step->flow[0]);
    }
    if (segment->right >= 0) {
        if (step->right && (rc = read_cells(f, step->right, segment, frame->index, err)) < 0)
            return rc;
        add_key(step, segment->right, step->right, both ? 1 - left_weight : 1, step->flow[1]);
    }
    if (segment->left >= 0 && step->flow[0] && (rc = hf_run_read_flow(run, step->flow[0], segment->left, frame, err)) < 0)
        return rc;
    if (segment->right >= 0 && step->flow[1] && (rc = hf_run_read_flow(run, step->flow[1], segment->right, frame, err)) < 0)
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

static int follow_step(follower *f, hf_run_step *step, hf_error *err)
{
    hf_run *run = f->run;
    const hf_segment *segment = &run->plan.segment[f->segment];

    step->key = segment->key;
    step->n = 0;
    /* With nothing to blend and nobody to do it beside this thread, there is no need to have the cells here. */
    step->is_new = segment->key < 0 && segment->left >= 0 && segment->right < 0 && f->needs_tracking &&
                   !hf_session_can_overlap(run->session);
    if (step->is_new)
        run->is_state_good = 1;
    return step->key >= 0 || step->is_new ? HF_OK : gather(f, step, segment, err);
}

static int follow_backward(follower *f, hf_job *job, hf_error *err)
{
    hf_run *run = f->run;
    int rc = track_backward(f, job, err);
    if (rc < 0)
        return rc;
    hf_report_progress(run->report, __atomic_add_fetch(&run->n_steps, 1, __ATOMIC_RELAXED),
                       __atomic_load_n(&run->n_written, __ATOMIC_RELAXED));
    return hf_queue_push(run->free_jobs, job);
}

static int follow_job(follower *f, hf_run_ahead *ahead, hf_job *job, hf_error *err)
{
    hf_run *run = f->run;
    void *item;
    int rc = job->is_backward ? HF_OK : hf_queue_pop(run->free_steps, &item);
    double start = hf_now_s();

    if (rc < 0 || (rc = enter(f, job, err)) < 0 || (rc = hf_run_ahead_show(ahead, err)) < 0)
        return rc;
    hf_run_ahead_drop(ahead);
    if (job->is_backward)
        return follow_backward(f, job, err);
    hf_run_step *step = item;
    step->job = job;
    if ((rc = follow_step(f, step, err)) < 0)
        return rc;
    job->compute_ms = (float)(1e3 * (hf_now_s() - start));
    return hf_session_can_overlap(run->session) ? hf_queue_push(run->followed, step) : hf_run_render(run, step, err);
}

int hf_run_follow(hf_run *run, hf_error *err)
{
    follower f = { .run = run, .needs_tracking = hf_session_needs_tracking(run->session), .segment = -1,
                   .back_segment = -1 };
    hf_run_ahead ahead = { .run = run };
    hf_job *job;
    int rc = f.needs_tracking ? hf_session_cells_new(run->session, &f.back, err) : HF_OK;

    while (rc >= 0 && (rc = hf_run_ahead_next(&ahead, &job)) == HF_OK) {
        if ((rc = follow_job(&f, &ahead, job, err)) < 0)
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
    hf_cells_free(&f.back);
    if (f.spool)
        fclose(f.spool);
    return rc;
}
