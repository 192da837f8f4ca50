/* task.h - a list of runs: what `hfprop davis` and `hfprop batch` make, and task_pool.h works off.
 *
 * A task is one call of `hfprop run` with everything decided but the threads. Each has a name, and under
 * that name a record in the folder of results:
 *
 *   RESULTS/...                    what the runs write
 *   RESULTS/.hfprop/NAME.json      the record, see task_record.h
 *   RESULTS/.hfprop/NAME.run.json  the run's own sidecar, its checkpoint beside it
 *   RESULTS/.hfprop/NAME.log       what a run that failed said
 */
#ifndef HF_SRC_CLI_TASK_H
#define HF_SRC_CLI_TASK_H

#include <jansson.h>
#include <stdint.h>
#include "src/cli/options.h"
#include "src/cli/words.h"

#define HF_TASK_FOLDER ".hfprop"
#define HF_TASK_OUTPUTS 3

typedef enum hf_task_state {
    HF_TASK_WAITING,
    HF_TASK_RUNNING,
    HF_TASK_DONE,
    HF_TASK_FAILED
} hf_task_state;

typedef struct hf_task {
    char     *name;     /* a file name, unique in its list */
    char     *input;
    hf_words  options;  /* of `hfprop run` */
    char     *output[HF_TASK_OUTPUTS]; /* files and folders it writes, absolute; NULL: fewer */
    json_t   *settings; /* that change the result, outputs as within RESULTS */
    json_t   *files;    /* what it reads; see hf_settings_files_json */
    int64_t   n_frames; /* -1: not known */
    int       width, height, n_ids; /* 0: the input could not be opened, the run will say why */
    double    cost;     /* of computing, for sharing out */
    int64_t   bytes;    /* memory, estimated; 0: not known */
    int       is_ours;  /* 0: of another shard */
    int       is_known; /* the archive lists it */
    hf_task_state state;
    int       is_fresh;   /* a checkpoint there may not be used */
    int       n_refused;  /* times that another process had it */
} hf_task;

/* What a session of the last kind takes. */
typedef struct hf_task_meter {
    char    kind[4608];
    int64_t bytes;
} hf_task_meter;

typedef struct hf_task_list {
    char     folder[4096]; /* RESULTS, absolute */
    int      wants_bytes;
    hf_task_meter meter;
    int      n;
    hf_task *task;
} hf_task_list;

/* wants_bytes: estimate memory too, which opens the model. The folder of results is made unless dry_run.
 * HF_EIO, HF_ENOMEM. */
int  hf_task_list_new(hf_task_list **out, const char *folder, int wants_bytes, int dry_run, hf_error *err);
void hf_task_list_free(hf_task_list **list);

/*
 * Add a run. out, masks_dir and mattes_dir of `run` are taken within RESULTS unless they begin with '/'; options
 * of how it is told are replaced. Opens the input and the first mask to measure them; what cannot be opened is
 * added all the same, with cost 0.
 * Returns HF_EARG for a name that is no file name, that the list has already, or an output that
 * another task has; HF_ENOMEM.
 */
int hf_task_list_add(hf_task_list *list, const char *name, const hf_options *run, hf_error *err);

/* Leave the tasks of part `part` of n_parts ours (see share.h). HF_ENOMEM. */
int hf_task_list_share(hf_task_list *list, int part, int n_parts, hf_error *err);

/* A file of the task under RESULTS/.hfprop, as ".json"; *out is the caller's. HF_ENOMEM. */
int hf_task_path(char **out, const hf_task_list *list, const hf_task *task, const char *ending, hf_error *err);

/* A number for name, settings and files together, the same on every machine: for archives. */
uint64_t hf_task_digest(const hf_task *task);

#endif
