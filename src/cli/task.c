/* task.c - see task.h; measuring is in task_measure.c. */
#include "src/cli/task.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/cli/options_words.h"
#include "src/cli/settings.h"
#include "src/cli/share.h"
#include "src/cli/task_measure.h"

/* ---- the list ---- */

/* RESULTS may be named differently when the work is taken up again: compare and hand on its true name. */
static int settle_folder(hf_task_list *list, const char *folder, int dry_run, hf_error *err)
{
    char hidden[PATH_MAX];

    if (!dry_run && mkdir(folder, 0777) < 0 && errno != EEXIST)
        return hf_fail(err, HF_EIO, "%s: cannot make the folder: %s", folder, strerror(errno));
    if (strlen(folder) > sizeof(list->folder) - 400 || !realpath(folder, list->folder)) {
        if (dry_run && errno == ENOENT) {
            snprintf(list->folder, sizeof(list->folder), "%s", folder);
            return HF_OK;
        }
        return hf_fail(err, HF_EIO, "%.300s: %s", folder, strerror(errno));
    }
    snprintf(hidden, sizeof(hidden), "%.3800s/%s", list->folder, HF_TASK_FOLDER);
    if (!dry_run && mkdir(hidden, 0777) < 0 && errno != EEXIST)
        return hf_fail(err, HF_EIO, "%s: cannot make the folder: %s", hidden, strerror(errno));
    return HF_OK;
}

int hf_task_list_new(hf_task_list **out, const char *folder, int wants_bytes, int dry_run, hf_error *err)
{
    hf_task_list *list = calloc(1, sizeof(*list));
    int rc;

    *out = NULL;
    if (!list)
        return hf_fail(err, HF_ENOMEM, "list of runs: out of memory");
    list->wants_bytes = wants_bytes;
    if ((rc = settle_folder(list, folder, dry_run, err)) < 0)
        hf_task_list_free(&list);
    *out = list;
    return rc;
}

static void clear_task(hf_task *task)
{
    free(task->name);
    free(task->input);
    hf_words_clear(&task->options);
    for (int i = 0; i < HF_TASK_OUTPUTS; i++)
        free(task->output[i]);
    json_decref(task->settings);
    json_decref(task->files);
}

void hf_task_list_free(hf_task_list **list)
{
    if (!*list)
        return;
    for (int i = 0; i < (*list)->n; i++)
        clear_task(&(*list)->task[i]);
    free((*list)->task);
    free(*list);
    *list = NULL;
}

int hf_task_path(char **out, const hf_task_list *list, const hf_task *task, const char *ending, hf_error *err)
{
    if (asprintf(out, "%s/%s/%s%s", list->folder, HF_TASK_FOLDER, task->name, ending) >= 0)
        return HF_OK;
    *out = NULL;
    return hf_fail(err, HF_ENOMEM, "%s: out of memory", task->name);
}

int hf_task_list_share(hf_task_list *list, int part, int n_parts, hf_error *err)
{
    double *cost = malloc((size_t)(list->n + 1) * sizeof(*cost));
    int *part_of = malloc((size_t)(list->n + 1) * sizeof(*part_of));
    int rc = cost && part_of ? HF_OK : hf_fail(err, HF_ENOMEM, "%d runs: out of memory", list->n);

    for (int i = 0; i < list->n && rc == HF_OK; i++)
        cost[i] = list->task[i].cost;
    if (rc == HF_OK)
        rc = hf_share_out(part_of, cost, list->n, n_parts, err);
    for (int i = 0; i < list->n && rc == HF_OK; i++)
        list->task[i].is_ours = part_of[i] == part;
    free(cost);
    free(part_of);
    return rc;
}

uint64_t hf_task_digest(const hf_task *task)
{
    const json_t *parts[] = { task->settings, task->files };
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

    for (int i = 0; i < 2; i++) {
        char *text = json_dumps(parts[i], JSON_COMPACT | JSON_SORT_KEYS);
        for (const char *c = text; c && *c; c++)
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
        free(text);
    }
    return hash;
}

/* ---- adding ---- */

/* The true name of what is there; as it is, where it is a pattern. Kept in `kept`. */
static int keep_path(const char **path, hf_words *kept, hf_error *err)
{
    char full[PATH_MAX];
    int rc = hf_words_add(kept, realpath(*path, full) ? full : *path, err);

    if (rc == HF_OK)
        *path = kept->word[kept->n - 1];
    return rc;
}

static int keep_inputs(hf_options *o, hf_words *kept, hf_error *err)
{
    int rc = keep_path(&o->input, kept, err);

    o->inputs[0] = o->input;
    for (int i = 0; i < o->mask.n && rc == HF_OK; i++)
        rc = keep_path(&o->mask.item[i].path, kept, err);
    for (int i = 0; i < o->edit.n && rc == HF_OK; i++)
        rc = keep_path(&o->edit.item[i].path, kept, err);
    return rc;
}

/* Put an output under RESULTS, and list it; "none" stays. A '/' at the end (a folder of frames) stays too. */
static int place_output(const char **path, hf_task *task, const hf_task_list *list, hf_error *err)
{
    int i = 0;

    if (!*path || strcmp(*path, "none") == 0)
        return HF_OK;
    while (task->output[i])
        i++;
    if (asprintf(&task->output[i], "%s%s%s", **path == '/' ? "" : list->folder, **path == '/' ? "" : "/", *path) < 0) {
        task->output[i] = NULL;
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", task->name);
    }
    *path = task->output[i];
    return HF_OK;
}

static int place_outputs(hf_options *o, hf_task *task, const hf_task_list *list, hf_words *kept, hf_error *err)
{
    char *sidecar;
    int rc;

    if (o->out && strcmp(o->out, "-") == 0)
        return hf_fail(err, HF_EARG, "%s: -o -: runs of a list write files, not to a pipe", task->name);
    if ((rc = place_output(&o->out, task, list, err)) < 0 || (rc = place_output(&o->masks_dir, task, list, err)) < 0 ||
        (rc = place_output(&o->mattes_dir, task, list, err)) < 0 ||
        (rc = hf_task_path(&sidecar, list, task, ".run.json", err)) < 0)
        return rc;
    rc = hf_words_add(kept, sidecar, err);
    free(sidecar);
    if (rc == HF_OK)
        o->sidecar = kept->word[kept->n - 1];
    return rc;
}

static void choose_manner(hf_options *o)
{
    o->verb = HF_VERB_RUN;
    o->json = 1;
    o->verbosity = -1;
    o->progress = HF_PROGRESS_NONE;
    o->log_path = NULL;
    o->strict = o->resume = o->dry_run = 0;
    o->overwrite = HF_OVERWRITE_ASK;
    o->n_threads = 0;
}

/* 1 if two outputs are one file, or one lies in the other. */
static int overlap(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b), n;

    while (na > 1 && a[na - 1] == '/')
        na--;
    while (nb > 1 && b[nb - 1] == '/')
        nb--;
    n = na < nb ? na : nb;
    return strncmp(a, b, n) == 0 && (na == nb || (na < nb ? b[n] : a[n]) == '/');
}

static int check_name(const hf_task_list *list, const char *name, hf_error *err)
{
    if (!*name || *name == '.' || strchr(name, '/') || strlen(name) > 200)
        return hf_fail(err, HF_EARG, "\"%s\" cannot be the name of a run", name);
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->task[i].name, name) == 0)
            return hf_fail(err, HF_EARG, "%s: there are two runs of this name; their inputs' file names must differ",
                           name);
    return HF_OK;
}

static int check_outputs(const hf_task_list *list, const hf_task *task, hf_error *err)
{
    for (int i = 0; i < list->n; i++)
        for (int a = 0; a < HF_TASK_OUTPUTS && task->output[a]; a++)
            for (int b = 0; b < HF_TASK_OUTPUTS && list->task[i].output[b]; b++)
                if (overlap(task->output[a], list->task[i].output[b]))
                    return hf_fail(err, HF_EARG, "%s: would be written by %s and by %s; {name} makes them differ",
                                   task->output[a], list->task[i].name, task->name);
    return HF_OK;
}

static int grow(hf_task_list *list, hf_error *err)
{
    hf_task *grown = realloc(list->task, (size_t)(list->n + 1) * sizeof(*grown));

    if (!grown)
        return hf_fail(err, HF_ENOMEM, "%d runs: out of memory", list->n + 1);
    list->task = grown;
    return HF_OK;
}

int hf_task_list_add(hf_task_list *list, const char *name, const hf_options *run, hf_error *err)
{
    hf_options *o = malloc(sizeof(*o));
    hf_words kept = { 0 };
    hf_task task = { .is_ours = 1, .n_frames = -1 };
    int rc;

    if (!o || !(task.name = strdup(name))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", name);
        goto end;
    }
    *o = *run;
    choose_manner(o);
    if ((rc = check_name(list, name, err)) < 0 || (rc = grow(list, err)) < 0 || (rc = keep_inputs(o, &kept, err)) < 0)
        goto end;
    task.input = strdup(o->input);
    task.settings = hf_settings_json(o);
    task.files = hf_settings_files_json(o);
    if (!task.input || !task.settings || !task.files) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", name);
        goto end;
    }
    if ((rc = place_outputs(o, &task, list, &kept, err)) < 0 || (rc = check_outputs(list, &task, err)) < 0 ||
        (rc = hf_options_words(&task.options, o, HF_VERB_RUN, err)) < 0)
        goto end;
    hf_task_measure(&task, o, list->wants_bytes ? &list->meter : NULL);
    json_object_set_new(task.files, "frames", json_integer(task.n_frames));
    list->task[list->n++] = task;
    task = (hf_task){ 0 };
end:
    clear_task(&task);
    hf_words_clear(&kept);
    free(o);
    return rc;
}
