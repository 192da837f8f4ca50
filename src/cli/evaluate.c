/* evaluate.c - score results against annotations, frame by frame in several threads.
 *
 * Frames of all sequences are one list of jobs. A job reads two files and scores the ids
 * that occur in either; an id that occurs in neither has J = F = 1 there by definition. What
 * needs the order of frames (which objects there are, and since when) is done
 * afterwards from these small records, so threads share nothing but the list.
 */
#include "src/cli/evaluate_frame.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS 64

typedef struct run {
    hf_eval_job     job;
    int             n_frames;
    hf_eval_record *frames;
    pthread_mutex_t lock; /* of what follows */
    int             next;
    int             failed; /* lowest frame that failed, or n_frames */
    hf_error        error;  /* its error */
} run;

static const hf_davis_sequence *sequence_of(const run *r, int sequence)
{
    return &r->job.davis->sequences[sequence];
}

/* The next frame to score, or -1. None is handed out after a failure, but those before it
 * are out already, so the failure that is kept is that of the first bad frame. */
static int take_frame(run *r)
{
    int frame = -1;

    pthread_mutex_lock(&r->lock);
    if (r->failed == r->n_frames && r->next < r->n_frames)
        frame = r->next++;
    pthread_mutex_unlock(&r->lock);
    return frame;
}

static void keep_first_error(run *r, int frame, const hf_error *error)
{
    pthread_mutex_lock(&r->lock);
    if (frame < r->failed) {
        r->failed = frame;
        r->error = *error;
    }
    pthread_mutex_unlock(&r->lock);
}

static void *work(void *argument)
{
    run *r = argument;
    hf_eval_worker w = { .job = &r->job };
    hf_error error;

    for (int i; (i = take_frame(r)) >= 0;)
        if (hf_eval_score_frame(&w, &r->frames[i], &error) < 0)
            keep_first_error(r, i, &error);
    hf_eval_worker_close(&w);
    return NULL;
}

/* This thread works too, so it is no failure if no other can be started. */
static int score_all(run *r, hf_error *err)
{
    pthread_t threads[MAX_THREADS];
    int wanted = r->job.params.n_threads, started = 0;

    if (wanted == 0)
        wanted = (int)sysconf(_SC_NPROCESSORS_ONLN);
    while (started < wanted - 1 && started < MAX_THREADS &&
           pthread_create(&threads[started], NULL, work, r) == 0)
        started++;
    work(r);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    if (r->failed == r->n_frames)
        return HF_OK;
    if (err)
        *err = r->error;
    return r->error.status;
}

/* List the scored frames of all sequences. */
static int plan(run *r, hf_error *err)
{
    int cut = r->job.params.keep_first_last ? 0 : 1;
    size_t total = 0;

    assert(r->job.davis->n_sequences > 0); /* hf_davis_open refuses an empty tree */
    for (int i = 0; i < r->job.davis->n_sequences; i++) {
        const hf_davis_sequence *s = sequence_of(r, i);
        if (s->n_frames <= 2 * cut)
            return hf_fail(err, HF_EFORMAT,
                           "%s: %d annotations, want 3 and more: the first and last are not scored",
                           s->folder, s->n_frames);
        total += (size_t)(s->n_frames - 2 * cut);
    }
    r->job.n_objects = calloc((size_t)r->job.davis->n_sequences, sizeof(*r->job.n_objects));
    r->frames = calloc(total, sizeof(*r->frames));
    if (!r->job.n_objects || !r->frames)
        return hf_fail(err, HF_ENOMEM, "eval: out of memory for %zu frames", total);
    for (int i = 0; i < r->job.davis->n_sequences; i++) {
        for (int k = cut; k < sequence_of(r, i)->n_frames - cut; k++) {
            r->frames[r->n_frames].sequence = i;
            r->frames[r->n_frames++].frame = k;
        }
        if (r->job.params.objects != HF_EVAL_FIRST)
            continue;
        int rc = hf_eval_count_objects(&r->job, i, &r->job.n_objects[i], err);
        if (rc < 0)
            return rc;
    }
    r->failed = r->n_frames;
    return HF_OK;
}

static hf_eval_score score_of(const hf_eval_record *frame, int id)
{
    for (int i = 0; i < frame->n; i++)
        if (frame->ids[i] == id)
            return frame->scores[i];
    return (hf_eval_score){ 1.0, 1.0 };
}

/* Add the row of one object from n frames on. */
static int add_row(hf_eval_report *report, const hf_eval_record *frames, int n, int id, hf_error *err)
{
    hf_eval_row *grown = realloc(report->rows, (size_t)(report->n_rows + 1) * sizeof(*grown)), *row;

    if (!grown)
        return hf_fail(err, HF_ENOMEM, "eval: out of memory");
    report->rows = grown;
    row = &grown[report->n_rows];
    *row = (hf_eval_row){ .sequence = frames[0].sequence, .id = id, .first_frame = frames[0].frame,
                          .n_values = n };
    if (!(row->j = malloc(2 * (size_t)n * sizeof(*row->j))))
        return hf_fail(err, HF_ENOMEM, "eval: out of memory");
    row->f = row->j + n;
    report->n_rows++;
    for (int i = 0; i < n; i++) {
        hf_eval_score score = score_of(&frames[i], id);
        row->j[i] = score.j;
        row->f[i] = score.f;
    }
    row->J = hf_eval_statistics(row->j, n);
    row->F = hf_eval_statistics(row->f, n);
    return HF_OK;
}

/* SEEN: the frame where an id turns up on either side, or n if no annotation ever has it. */
static int first_sight(const hf_eval_record *frames, int n, int id)
{
    int first = n;
    bool in_truth = false;

    for (int i = n - 1; i >= 0; i--) {
        in_truth |= frames[i].in_truth[id];
        if (frames[i].in_truth[id] || frames[i].in_result[id])
            first = i;
    }
    return in_truth ? first : n;
}

static int collect_rows(const run *r, hf_eval_report *report, hf_error *err)
{
    int rc;

    for (int start = 0, n; start < r->n_frames; start += n) {
        const hf_eval_record *frames = &r->frames[start];
        bool by_sight = r->job.params.objects == HF_EVAL_SEEN;
        int last = by_sight ? 255 : r->job.n_objects[frames[0].sequence];

        for (n = 1; start + n < r->n_frames && frames[n].sequence == frames[0].sequence;)
            n++;
        for (int id = 1; id <= last; id++) {
            int from = by_sight ? first_sight(frames, n, id) : 0;
            if (from < n && (rc = add_row(report, frames + from, n - from, id, err)) < 0)
                return rc;
        }
    }
    return HF_OK;
}

static double mean_over_rows(const hf_eval_report *report, double *scratch, size_t offset)
{
    for (int i = 0; i < report->n_rows; i++)
        scratch[i] = *(const double *)((const char *)&report->rows[i] + offset);
    return hf_eval_mean(scratch, report->n_rows);
}

static int summarise(hf_eval_report *report, hf_error *err)
{
    double *scratch;

    if (report->n_rows == 0)
        return hf_fail(err, HF_EFORMAT, "eval: no object in any scored annotation");
    if (!(scratch = malloc((size_t)report->n_rows * sizeof(*scratch))))
        return hf_fail(err, HF_ENOMEM, "eval: out of memory");
    report->J.mean = mean_over_rows(report, scratch, offsetof(hf_eval_row, J.mean));
    report->J.recall = mean_over_rows(report, scratch, offsetof(hf_eval_row, J.recall));
    report->J.decay = mean_over_rows(report, scratch, offsetof(hf_eval_row, J.decay));
    report->F.mean = mean_over_rows(report, scratch, offsetof(hf_eval_row, F.mean));
    report->F.recall = mean_over_rows(report, scratch, offsetof(hf_eval_row, F.recall));
    report->F.decay = mean_over_rows(report, scratch, offsetof(hf_eval_row, F.decay));
    report->jf_mean = (report->J.mean + report->F.mean) / 2;
    free(scratch);
    return HF_OK;
}

static int check_params(hf_eval_params *p, hf_error *err)
{
    bool first = p->objects == HF_EVAL_FIRST && !p->single_object;

    if (p->void_means == HF_EVAL_VOID_AUTO)
        p->void_means = first ? HF_EVAL_VOID_BACKGROUND : HF_EVAL_VOID_OBJECT;
    if (first && p->void_means == HF_EVAL_VOID_OBJECT)
        return hf_fail(err, HF_EARG, "eval: id 255 cannot be an object where objects are 1..n; "
                                     "want --single-object or --objects seen");
    if (p->n_threads < 0)
        return hf_fail(err, HF_EARG, "eval: %d threads, want 0 (all) or more", p->n_threads);
    return HF_OK;
}

int hf_eval_run(hf_eval_report **out, const hf_davis *davis, const char *results,
                const hf_eval_params *params, hf_error *err)
{
    run r = { .job = { .davis = davis, .results = results, .params = *params } };
    hf_eval_report *report = NULL;
    int rc;

    *out = NULL;
    pthread_mutex_init(&r.lock, NULL);
    if ((rc = check_params(&r.job.params, err)) < 0 || (rc = plan(&r, err)) < 0 ||
        (rc = score_all(&r, err)) < 0)
        goto end;
    if (!(report = calloc(1, sizeof(*report)))) {
        rc = hf_fail(err, HF_ENOMEM, "eval: out of memory");
        goto end;
    }
    report->davis = davis;
    report->params = r.job.params;
    report->n_frames = r.n_frames;
    if ((rc = collect_rows(&r, report, err)) < 0 || (rc = summarise(report, err)) < 0)
        goto end;
    *out = report;
    report = NULL;
end:
    for (int i = 0; i < r.n_frames; i++)
        free(r.frames[i].scores);
    free(r.frames);
    free(r.job.n_objects);
    pthread_mutex_destroy(&r.lock);
    hf_eval_report_free(&report);
    return rc;
}

void hf_eval_report_free(hf_eval_report **report)
{
    if (!*report)
        return;
    for (int i = 0; i < (*report)->n_rows; i++)
        free((*report)->rows[i].j);
    free((*report)->rows);
    free(*report);
    *report = NULL;
}
