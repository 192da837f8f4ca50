/* task_pool.c - see task_pool.h. */
#include "src/cli/task_pool.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/cli/archive.h"
#include "src/cli/checkpoint.h"
#include "src/cli/interrupt.h"
#include "src/cli/share.h"
#include "src/cli/task_child.h"
#include "src/cli/task_record.h"

#define POLL_MS 200  /* also how often a task that another process holds is asked for */
/* Told late: a run that is just being started holds all locks for a moment. */
#define TOLD_REFUSAL 10
#define CODE_PARTIAL 6
#define CODE_INTERRUPTED 130

typedef struct pool {
    hf_task_list         *list;
    const hf_pool_params *params;
    hf_report            *report;
    hf_pool_result       *result;
    int                  *order;   /* [n] in which tasks are begun */
    hf_child             *child;   /* [n_jobs] */
    struct pollfd        *waits;   /* [n_jobs] */
    int                   n_running, n_threads; /* of one run */
    int64_t               n_frames;  /* of finished runs */
    double                scale;     /* memory measured over memory estimated, the worst so far */
    int                   is_ending; /* interrupted: running ones were told */
} pool;

/* ---- starting ---- */

static int64_t bytes_of(const pool *p, const hf_task *task)
{
    return (int64_t)((double)task->bytes * p->scale);
}

static int fits(const pool *p, const hf_task *task)
{
    int64_t taken = 0;

    if (p->n_running == 0 || !p->params->memory_bytes)
        return 1;
    for (int i = 0; i < p->params->n_jobs; i++)
        if (p->child[i].task)
            taken += bytes_of(p, p->child[i].task);
    return taken + bytes_of(p, task) <= p->params->memory_bytes;
}

static void send_run(pool *p, const hf_task *task, const char *state, const hf_child *child)
{
    if (!hf_report_wants_events(p->report))
        return;
    json_t *object = json_pack("{s:s, s:s}", "name", task->name, "state", state);
    if (child)
        json_object_update_new(object, json_pack("{s:I, s:f, s:I, s:s}", "frames", (json_int_t)child->n_frames, "seconds",
                                                 child->seconds, "peak_bytes", (json_int_t)child->peak_bytes, "text",
                                                 child->error));
    hf_report_event(p->report, "run", object);
}

static void fail_task(pool *p, hf_task *task, int code, const char *text)
{
    hf_error error = { 0 };

    hf_fail(&error, HF_EIO, "%s: %s", task->name, text);
    hf_report_error(p->report, &error);
    task->state = HF_TASK_FAILED;
    p->result->code = p->result->n_failed && p->result->code != code ? CODE_PARTIAL : code;
    p->result->n_failed++;
}

static int has_checkpoint(const hf_task_list *list, const hf_task *task)
{
    char *path;
    if (hf_task_path(&path, list, task, ".run.resume", NULL) < 0)
        return 0;
    int there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static void drop_checkpoint(const hf_task_list *list, const hf_task *task)
{
    char *base;
    if (hf_task_path(&base, list, task, ".run", NULL) < 0)
        return;
    hf_checkpoint_remove(base);
    free(base);
}

/* Room for a task that would need more than all there is. */
static int check_memory(pool *p, hf_task *task)
{
    int64_t need = bytes_of(p, task);
    char text[160];

    if (!p->params->memory_bytes || need <= p->params->memory_bytes)
        return 1;
    snprintf(text, sizeof(text), "needs about %.0f MB, there are %.0f MB", (double)need / 1e6,
             (double)p->params->memory_bytes / 1e6);
    if (p->params->is_memory_given) {
        fail_task(p, task, 5, text);
        return 0;
    }
    hf_report_warn(p->report, -1, "%s: %s", task->name, text);
    return 1;
}

/* The task is ours by its lock. Another process may have done it since it was looked at. */
static int begin(pool *p, hf_child *child, hf_task *task, int lock, hf_error *err)
{
    hf_record record;
    int rc, resume;

    if ((rc = hf_record_read(&record, p->list, task, err)) < 0)
        goto end;
    if (record.state == HF_RECORD_DONE) {
        task->state = HF_TASK_DONE;
        p->result->n_done++;
        p->result->n_before++;
        goto end;
    }
    if (task->is_fresh)
        drop_checkpoint(p->list, task);
    resume = has_checkpoint(p->list, task);
    if ((rc = hf_record_write(p->list, task, NULL, err)) < 0)
        goto end;
    rc = hf_child_start(child, p->list, task, lock, p->n_threads, resume, err);
    lock = -1;
    if (rc == HF_OK) {
        p->n_running++;
        hf_report_detail(p->report, "%s: %s", task->name, resume ? "going on" : "begun");
        send_run(p, task, "started", NULL);
    }
end:
    if (lock >= 0)
        close(lock);
    return rc;
}

static int start_one(pool *p, hf_child *child, hf_error *err)
{
    for (int i = 0; i < p->list->n; i++) {
        hf_task *task = &p->list->task[p->order[i]];
        int lock, rc;
        if (!task->is_ours || task->state != HF_TASK_WAITING || !fits(p, task) || !check_memory(p, task))
            continue;
        if ((rc = hf_record_lock(&lock, p->list, task, err)) < 0)
            return rc;
        if (lock < 0) {
            if (++task->n_refused == TOLD_REFUSAL)
                hf_report_note(p->report, "%s: another process works on it", task->name);
            continue;
        }
        if ((rc = begin(p, child, task, lock, err)) < 0 || child->task)
            return rc;
    }
    return HF_OK;
}

static int start_tasks(pool *p, hf_error *err)
{
    int rc = HF_OK;

    for (int i = 0; i < p->params->n_jobs && rc == HF_OK; i++)
        if (!p->child[i].task)
            rc = start_one(p, &p->child[i], err);
    return rc;
}

static int n_waiting(const pool *p)
{
    int n = 0;
    for (int i = 0; i < p->list->n; i++)
        n += p->list->task[i].is_ours && p->list->task[i].state == HF_TASK_WAITING;
    return n;
}

/* ---- while they run ---- */

static void tell_progress(pool *p)
{
    int64_t n = p->n_frames;
    for (int i = 0; i < p->params->n_jobs; i++)
        if (p->child[i].task)
            n += p->child[i].n_before + p->child[i].n_frames;
    hf_report_progress(p->report, n, n);
}

static int finish_well(pool *p, hf_child *child, hf_error *err)
{
    hf_task *task = child->task;
    hf_record_result result = { child->n_before + child->n_frames, child->peak_bytes, child->seconds };
    int rc = hf_record_write(p->list, task, &result, err);

    if (rc == HF_OK && p->params->archive)
        rc = hf_archive_add(p->params->archive, hf_task_digest(task), task->name, err);
    if (rc < 0)
        return rc;
    task->state = HF_TASK_DONE;
    p->result->n_done++;
    p->n_frames += result.n_frames;
    if (task->bytes && (double)child->peak_bytes > p->scale * (double)task->bytes)
        p->scale = (double)child->peak_bytes / (double)task->bytes;
    hf_report_note(p->report, "%s: %lld frames, %.1f frames/s", task->name, (long long)child->n_frames,
                   child->seconds > 0 ? (double)child->n_frames / child->seconds : 0);
    return HF_OK;
}

/* A child has closed its pipe. */
static int end_child(pool *p, hf_child *child, hf_error *err)
{
    hf_task *task = child->task;
    int rc = HF_OK;

    p->n_running--;
    /* The lock ends with this: the record must be written before another process looks. */
    int lock = dup(child->lock);
    hf_child_finish(child, p->list);
    if (child->code == 0) {
        rc = finish_well(p, child, err);
        send_run(p, task, "done", child);
    } else if (p->is_ending || child->code == CODE_INTERRUPTED) {
        /* A signal to every process of a job may be here later than in the run, which then goes on where it was. */
        task->state = HF_TASK_WAITING;
        send_run(p, task, "interrupted", child);
    } else if (child->is_resumed) {
        /* The checkpoint is of no use, for whatever reason; the inputs may be. */
        hf_report_note(p->report, "%s: cannot go on (%s), begins again", task->name, child->error);
        task->state = HF_TASK_WAITING;
        task->is_fresh = 1;
    } else {
        fail_task(p, task, child->code > 0 ? child->code : 1, child->error);
        send_run(p, task, "failed", child);
    }
    if (lock >= 0)
        close(lock);
    child->task = NULL;
    return rc;
}

static int listen(pool *p, hf_error *err)
{
    int n_jobs = p->params->n_jobs, rc = HF_OK;

    for (int i = 0; i < n_jobs; i++)
        p->waits[i] = (struct pollfd){ .fd = p->child[i].task ? p->child[i].events : -1, .events = POLLIN };
    if (poll(p->waits, (nfds_t)n_jobs, POLL_MS) <= 0)
        return HF_OK; /* time, or a signal */
    for (int i = 0; i < n_jobs && rc == HF_OK; i++)
        if (p->waits[i].revents && !hf_child_read(&p->child[i], p->report))
            rc = end_child(p, &p->child[i], err);
    tell_progress(p);
    return rc;
}

static void tell_children(pool *p, int signal_number)
{
    for (int i = 0; i < p->params->n_jobs; i++)
        if (p->child[i].task)
            kill(p->child[i].pid, signal_number);
}

static int work_off(pool *p, hf_error *err)
{
    int rc = HF_OK;

    while (rc == HF_OK) {
        if (hf_interrupted() && !p->is_ending) {
            p->is_ending = 1;
            tell_children(p, SIGTERM);
        }
        if (!p->is_ending && (rc = start_tasks(p, err)) < 0)
            break;
        if (p->n_running == 0 && (p->is_ending || n_waiting(p) == 0))
            break;
        rc = listen(p, err);
    }
    if (rc < 0) { /* nothing more can be written down: what still runs is of no use */
        tell_children(p, SIGKILL);
        for (int i = 0; i < p->params->n_jobs; i++)
            if (p->child[i].task)
                hf_child_finish(&p->child[i], p->list);
        return rc;
    }
    return p->is_ending ? hf_fail(err, HF_EINTERRUPTED, "interrupted with %d runs left; the same command goes on",
                                  n_waiting(p))
                        : HF_OK;
}

/* ---- the whole ---- */

static int n_processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* In the list's order one by one; side by side, dear ones first, so that none is left alone at the end. */
static int choose_order(pool *p, hf_error *err)
{
    double *cost = calloc((size_t)(p->list->n + 1), sizeof(*cost));
    int rc = cost ? HF_OK : hf_fail(err, HF_ENOMEM, "%d runs: out of memory", p->list->n);

    for (int i = 0; i < p->list->n && rc == HF_OK && p->params->n_jobs > 1; i++)
        cost[i] = p->list->task[i].cost;
    if (rc == HF_OK)
        rc = hf_share_order(p->order, cost, p->list->n, err);
    free(cost);
    return rc;
}

static void start_progress(pool *p)
{
    int64_t total = 0;

    for (int i = 0; i < p->list->n && total >= 0; i++) {
        const hf_task *task = &p->list->task[i];
        if (!task->is_ours || task->state != HF_TASK_WAITING)
            continue;
        total = task->n_frames < 0 ? -1 : total + task->n_frames;
    }
    hf_report_start_progress(p->report, total, 0);
}

int hf_pool_run(hf_pool_result *result, hf_task_list *list, const hf_pool_params *params, hf_report *report,
                hf_error *err)
{
    pool p = { .list = list, .params = params, .report = report, .result = result, .scale = 1 };
    int rc, n_jobs = params->n_jobs;

    if (n_jobs > 1 || params->n_threads) {
        int all = params->n_threads ? params->n_threads : n_processors();
        p.n_threads = all / n_jobs > 1 ? all / n_jobs : 1;
    }
    p.order = malloc((size_t)(list->n + 1) * sizeof(*p.order));
    p.child = calloc((size_t)n_jobs, sizeof(*p.child));
    p.waits = calloc((size_t)n_jobs, sizeof(*p.waits));
    if (!p.order || !p.child || !p.waits) {
        rc = hf_fail(err, HF_ENOMEM, "%d runs: out of memory", list->n);
        goto end;
    }
    if ((rc = choose_order(&p, err)) < 0)
        goto end;
    start_progress(&p);
    rc = work_off(&p, err);
    if (result->n_failed && result->n_done)
        result->code = CODE_PARTIAL;
end:
    free(p.order);
    free(p.child);
    free(p.waits);
    return rc;
}
