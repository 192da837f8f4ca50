/* task_record.h - what is remembered of a task from one call to the next: RESULTS/.hfprop/NAME.json.
 *
 *   { "hfprop": version, "state": "started" or "done", "settings": {...}, "files": {...},
 *     "outputs": [{"path": within RESULTS, "files": n, "bytes": n}, ...],    when done
 *     "frames": n, "seconds": s, "peak_bytes": n }
 *
 * The record is written whole or not at all. A task is done only if its record says so, its settings and the
 * files it read are those of now, and its outputs have the files and bytes that they had. So a run that was
 * killed at any moment is known to be unfinished, and one whose masks were deleted later too.
 */
#ifndef HF_SRC_CLI_TASK_RECORD_H
#define HF_SRC_CLI_TASK_RECORD_H

#include "src/cli/task.h"

typedef enum hf_record_state {
    HF_RECORD_NONE,    /* never begun here, and nothing is in its place */
    HF_RECORD_FOREIGN, /* never begun here, but its outputs exist */
    HF_RECORD_BEGUN,   /* begun with the same settings, not finished or no longer whole */
    HF_RECORD_DROPPED, /* begun with other settings or files, or by another version, and not finished */
    HF_RECORD_DONE,
    HF_RECORD_CHANGED  /* done with other settings or files, or by another version */
} hf_record_state;

typedef struct hf_record {
    hf_record_state state;
    char            text[512]; /* FOREIGN, CHANGED: what is found, for a message */
} hf_record;

/* HF_ENOMEM only: a record that cannot be read or understood is CHANGED. */
int hf_record_read(hf_record *record, const hf_task_list *list, const hf_task *task, hf_error *err);

typedef struct hf_record_result {
    int64_t n_frames, peak_bytes;
    double  seconds;
} hf_record_result;

/* result NULL: "started". HF_EIO, HF_ENOMEM. */
int hf_record_write(const hf_task_list *list, const hf_task *task, const hf_record_result *result, hf_error *err);

/*
 * Take the task for this process and those it starts with *fd open. *fd is -1 if another process has it, here or,
 * where the file system knows locks, on another machine. The lock ends when every *fd is closed.
 * Returns HF_EIO, HF_ENOMEM.
 */
int hf_record_lock(int *fd, const hf_task_list *list, const hf_task *task, hf_error *err);

#endif
