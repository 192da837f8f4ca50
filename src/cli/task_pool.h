/* task_pool.h - work a list of runs off: what is left to do, side by side, within memory.
 *
 * What is done stays done. A run that was interrupted with Ctrl-C goes on where it was, one that was killed begins
 * again; both give what an undisturbed run gives. Several processes may work on one list at once, each takes
 * what no other has. A run that fails does not stop the others.
 */
#ifndef HF_SRC_CLI_TASK_POOL_H
#define HF_SRC_CLI_TASK_POOL_H

#include "src/cli/report.h"
#include "src/cli/task.h"

typedef struct hf_pool_params {
    int         n_jobs;       /* runs side by side, at least 1 */
    int64_t     memory_bytes; /* of all together; 0: no bound */
    int         is_memory_given; /* 1: a run that needs more alone is refused; 0: it runs alone, with a warning */
    int         n_threads;    /* of all together; 0: one a processor */
    int         overwrite;    /* 1: replace what was made with other settings, or not by this list */
    const char *archive;      /* NULL: none */
} hf_pool_params;

typedef struct hf_pool_result {
    int n_done, n_before, n_failed; /* of our tasks; before: of n_done, without a run now */
    int code;                       /* exit code that all failed runs share; 6 if they differ or others went well */
} hf_pool_result;

/*
 * Find out what of ours is done: sets the states, and result.
 * Returns HF_EARG for results of other settings or other origin without overwrite (the text names the first);
 * what hf_archive_read returns.
 */
int hf_pool_check(hf_pool_result *result, hf_task_list *list, const hf_pool_params *params, hf_report *report,
                  hf_error *err);

/*
 * After hf_pool_check: run what is ours and not done. Tells notes, warnings, errors of runs, progress, and the
 * events "run" {name, state, frames, seconds, peak_bytes, text}.
 * Returns HF_OK also where runs failed; HF_EINTERRUPTED; HF_EIO; HF_ENOMEM.
 */
int hf_pool_run(hf_pool_result *result, hf_task_list *list, const hf_pool_params *params, hf_report *report,
                hf_error *err);

/* --dry-run: a line a task. */
void hf_pool_print(FILE *out, const hf_task_list *list);

#endif
