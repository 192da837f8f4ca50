/* task_verb.h - what `hfprop davis` and `hfprop batch` have in common: from options to a worked-off list. */
#ifndef HF_SRC_CLI_TASK_VERB_H
#define HF_SRC_CLI_TASK_VERB_H

#include "src/cli/exit_code.h"
#include "src/cli/task_pool.h"

typedef struct hf_task_verb {
    const hf_options *options;
    hf_report        *report;
    hf_task_list     *list;
    hf_pool_params    pool;
    hf_pool_result    result;
    hf_stage          stage;   /* what a failure now means for the exit code */
    int               part, n_parts; /* --shard; 1 of 1 without */
} hf_task_verb;

/* Opens the report, reads --shard and --memory, makes the folder of results. Ctrl-C is caught from here on.
 * HF_EARG, HF_EIO, HF_ENOMEM. */
int  hf_task_verb_open(hf_task_verb *verb, const hf_options *options, hf_error *err);
void hf_task_verb_close(hf_task_verb *verb);

/* The list is complete: share it out and work it off, or print it for --dry-run. As hf_pool_run. */
int hf_task_verb_work(hf_task_verb *verb, hf_error *err);

/* Tell a failure (rc < 0) and how many runs went how; the exit code of the program. */
int hf_task_verb_end(hf_task_verb *verb, int rc, const hf_error *err);

#endif
