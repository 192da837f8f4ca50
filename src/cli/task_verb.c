/* task_verb.c - see task_verb.h. */
#include "src/cli/task_verb.h"

#include <string.h>

#include "src/cli/interrupt.h"
#include "src/cli/memory.h"
#include "src/cli/outputs.h"
#include "src/cli/share.h"

#define MEMORY_SHARE 0.8 /* of what is free, for --memory auto: others want some too */

static int read_options(hf_task_verb *verb, hf_error *err)
{
    const hf_options *o = verb->options;
    hf_pool_params *p = &verb->pool;
    int rc;

    verb->part = verb->n_parts = 1;
    *p = (hf_pool_params){ .n_jobs = o->n_jobs, .n_threads = o->n_threads, .archive = o->archive,
                           .overwrite = o->overwrite == HF_OVERWRITE_YES };
    if (o->shard && (rc = hf_share_parse(&verb->part, &verb->n_parts, o->shard, "--shard", err)) < 0)
        return rc;
    if (strcmp(o->memory, "auto") == 0) {
        int64_t free_bytes = hf_memory_free();
        p->memory_bytes = free_bytes > 0 ? (int64_t)(MEMORY_SHARE * (double)free_bytes) : 0;
        return HF_OK;
    }
    p->is_memory_given = 1;
    return hf_memory_parse(&p->memory_bytes, o->memory, "--memory", err);
}

int hf_task_verb_open(hf_task_verb *verb, const hf_options *options, hf_error *err)
{
    int rc;

    *verb = (hf_task_verb){ .options = options, .stage = HF_STAGE_OUTPUT };
    hf_interrupt_install();
    /* Opening the log empties it. */
    if (options->log_path && (hf_is_same_file(options->log_path, options->input) ||
                              (options->archive && hf_is_same_file(options->log_path, options->archive))))
        return hf_fail(err, HF_EARG, "--log-json %s: is read by this run", options->log_path);
    if ((rc = hf_report_open(&verb->report, options, err)) < 0)
        return rc;
    verb->stage = HF_STAGE_USAGE;
    if ((rc = read_options(verb, err)) < 0)
        return rc;
    verb->stage = HF_STAGE_OUTPUT;
    /* Memory matters where it is shared or bounded. */
    return hf_task_list_new(&verb->list, options->out,
                            options->n_jobs > 1 || verb->pool.is_memory_given || options->dry_run,
                            options->dry_run || options->score_only, err);
}

void hf_task_verb_close(hf_task_verb *verb)
{
    hf_task_list_free(&verb->list);
    if (verb->report)
        hf_report_close(&verb->report);
}

static void send_start(hf_task_verb *verb)
{
    int n = 0;

    for (int i = 0; i < verb->list->n; i++)
        n += verb->list->task[i].is_ours;
    if (hf_report_wants_events(verb->report))
        hf_report_event(verb->report, "start", json_pack("{s:i, s:i, s:i, s:i, s:s}", "runs", verb->list->n, "here", n,
                                                         "part", verb->part, "parts", verb->n_parts, "folder",
                                                         verb->list->folder));
    if (verb->n_parts > 1)
        hf_report_note(verb->report, "part %d of %d: %d of %d runs", verb->part, verb->n_parts, n, verb->list->n);
}

int hf_task_verb_work(hf_task_verb *verb, hf_error *err)
{
    int rc;

    verb->stage = HF_STAGE_WORK;
    if ((rc = hf_task_list_share(verb->list, verb->part, verb->n_parts, err)) < 0)
        return rc;
    if (verb->options->dry_run) {
        hf_pool_params all = verb->pool;
        all.overwrite = 1; /* say what would be done, not what is refused */
        rc = hf_pool_check(&verb->result, verb->list, &all, verb->report, err);
        if (rc == HF_OK)
            hf_pool_print(stdout, verb->list);
        return rc;
    }
    verb->stage = HF_STAGE_INPUT; /* records and archive */
    if ((rc = hf_pool_check(&verb->result, verb->list, &verb->pool, verb->report, err)) < 0)
        return rc;
    verb->stage = HF_STAGE_WORK;
    send_start(verb);
    return hf_pool_run(&verb->result, verb->list, &verb->pool, verb->report, err);
}

int hf_task_verb_end(hf_task_verb *verb, int rc, const hf_error *err)
{
    const hf_pool_result *r = &verb->result;

    if (verb->report && verb->list && !verb->options->dry_run && (r->n_done || r->n_failed)) {
        hf_report_note(verb->report, "runs: %d done, %d of them before; %d failed", r->n_done, r->n_before, r->n_failed);
        hf_report_event(verb->report, "done", json_pack("{s:i, s:i, s:i, s:s}", "done", r->n_done, "before", r->n_before,
                                                        "failed", r->n_failed, "state",
                                                        rc == HF_EINTERRUPTED ? "interrupted" : rc < 0 ? "failed"
                                                                                                       : "done"));
    }
    if (rc < 0) {
        hf_report_error(verb->report, err);
        return hf_exit_code((hf_status)rc, rc == HF_EARG ? HF_STAGE_USAGE : verb->stage);
    }
    if (r->n_failed)
        return r->code;
    return verb->options->strict && hf_report_n_warnings(verb->report) > 0 ? 1 : 0;
}
