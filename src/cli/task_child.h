/* task_child.h - one run of a list as a process of its own.
 *
 * The program starts itself again as `hfprop run ... --json` and reads the events of report.h from a pipe. A process a
 * run keeps a broken input from harming the others, gives its memory back whole, and tells what it took. The child is
 * killed by the system if this process dies, however that happens, and holds the lock of its task until then.
 */
#ifndef HF_SRC_CLI_TASK_CHILD_H
#define HF_SRC_CLI_TASK_CHILD_H

#include <stddef.h>
#include <sys/types.h>
#include "src/cli/report.h"
#include "src/cli/task.h"

typedef struct hf_child {
    hf_task *task; /* NULL: this place is free */
    pid_t    pid;
    int      events; /* the pipe */
    int      lock;   /* of the task; owned */
    int      is_resumed;
    char    *line;   /* read so far, without its end */
    size_t   n_line, room;
    double   start_s;
    int64_t  n_frames, n_before; /* told; done by an interrupted run before */
    char     error[600];

    /* After hf_child_finish. */
    int      code;   /* exit code; -1: killed by `signal` */
    int      signal;
    double   seconds;
    int64_t  peak_bytes;
} hf_child;

/* Start a task. n_threads 0: as many as it likes; resume: with --resume. Takes the lock, also on failure.
 * HF_EIO, HF_ENOMEM. */
int hf_child_start(hf_child *child, const hf_task_list *list, hf_task *task, int lock, int n_threads, int resume,
                   hf_error *err);

/* Read what there is. Warnings go to the report, with the task's name. 1: more may come; 0: that was the end. */
int hf_child_read(hf_child *child, hf_report *report);

/* After the end: wait for the process, give back everything but task, and fill in how it went. error is "" after a
 * run that ended well. */
void hf_child_finish(hf_child *child, const hf_task_list *list);

#endif
