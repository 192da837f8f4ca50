/* task_check.c - before a list of runs is worked off: what of it is done already, and what --dry-run tells of the rest; see
 * task_pool.h. */
#include "src/cli/task_pool.h"

#include "src/cli/archive.h"
#include "src/cli/task_record.h"

static int check_task(hf_task *task, hf_task_list *list, const hf_pool_params *params, hf_report *report,
                      hf_error *err)
{
    hf_record record;
    int rc = hf_record_read(&record, list, task, err);

    if (rc < 0)
        return rc;
    if (record.state == HF_RECORD_DONE || task->is_known) {
        task->state = HF_TASK_DONE;
        return HF_OK;
    }
    task->is_fresh = record.state != HF_RECORD_BEGUN;
    if (record.state != HF_RECORD_CHANGED && record.state != HF_RECORD_FOREIGN)
        return HF_OK;
    if (!params->overwrite)
        return hf_fail(err, HF_EARG, "%s; -y makes it anew, -o chooses another folder", record.text);
    hf_report_note(report, "%s: made anew", record.text);
    return HF_OK;
}

int hf_pool_check(hf_pool_result *result, hf_task_list *list, const hf_pool_params *params, hf_report *report,
                  hf_error *err)
{
    hf_archive *archive = NULL;
    int rc = HF_OK;

    *result = (hf_pool_result){ 0 };
    if (params->archive && (rc = hf_archive_read(&archive, params->archive, err)) < 0)
        return rc;
    for (int i = 0; i < list->n && rc == HF_OK; i++) {
        hf_task *task = &list->task[i];
        if (!task->is_ours)
            continue;
        task->is_known = hf_archive_has(archive, hf_task_digest(task));
        rc = check_task(task, list, params, report, err);
        result->n_before += task->state == HF_TASK_DONE;
    }
    result->n_done = result->n_before;
    hf_archive_free(&archive);
    return rc;
}

void hf_pool_print(FILE *out, const hf_task_list *list)
{
    double all = 0, ours = 0;

    for (int i = 0; i < list->n; i++) {
        const hf_task *t = &list->task[i];
        all += t->cost;
        ours += t->is_ours ? t->cost : 0;
        fprintf(out, "%-9s %s", !t->is_ours ? "elsewhere" : t->state == HF_TASK_DONE ? "done" : "to do", t->name);
        if (t->width)
            fprintf(out, ": %lld frames of %d x %d, %d object%s", (long long)t->n_frames, t->width, t->height, t->n_ids,
                    t->n_ids == 1 ? "" : "s");
        else
            fprintf(out, ": cannot be opened");
        if (t->bytes)
            fprintf(out, ", about %.0f MB", (double)t->bytes / 1e6);
        fputc('\n', out);
    }
    fprintf(out, "%.0f %% of the estimated work is here\nnothing was written (--dry-run)\n", all > 0 ? 100 * ours / all : 0);
}
