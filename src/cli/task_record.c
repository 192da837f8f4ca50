/* task_record.c - see task_record.h. */
#include "src/cli/task_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/cli/settings.h"
#include "src/hfprop.h"

/* ---- outputs ---- */

static void count_file(int dir, const char *name, json_int_t *n_files, json_int_t *n_bytes)
{
    size_t length = strlen(name), part = strlen(".part");
    struct stat st;

    if (name[0] == '.' || (length > part && strcmp(name + length - part, ".part") == 0))
        return;
    if (fstatat(dir, name, &st, 0) == 0 && S_ISREG(st.st_mode)) {
        *n_files += 1;
        *n_bytes += st.st_size;
    }
}

/* A file counts as a folder of one. */
static void count_output(const char *path, json_int_t *n_files, json_int_t *n_bytes)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    *n_files = *n_bytes = 0;
    if (!dir) {
        const char *slash = strrchr(path, '/');
        struct stat st;
        if (slash && slash[1] && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            *n_files = 1, *n_bytes = st.st_size;
        return;
    }
    while ((entry = readdir(dir)))
        count_file(dirfd(dir), entry->d_name, n_files, n_bytes);
    closedir(dir);
}

static const char *within(const hf_task_list *list, const char *path)
{
    size_t n = strlen(list->folder);
    return strncmp(path, list->folder, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static json_t *outputs_json(const hf_task_list *list, const hf_task *task)
{
    json_t *array = json_array();
    json_int_t n_files, n_bytes;

    for (int i = 0; i < HF_TASK_OUTPUTS && task->output[i]; i++) {
        count_output(task->output[i], &n_files, &n_bytes);
        json_array_append_new(array, json_pack("{s:o, s:I, s:I}", "path", hf_json_text(within(list, task->output[i])),
                                               "files", n_files, "bytes", n_bytes));
    }
    return array;
}

static const char *existing_output(const hf_task *task)
{
    json_int_t n_files, n_bytes;

    for (int i = 0; i < HF_TASK_OUTPUTS && task->output[i]; i++) {
        count_output(task->output[i], &n_files, &n_bytes);
        if (n_files > 0)
            return task->output[i];
    }
    return NULL;
}

/* ---- the record ---- */

/* What differs between an old record and a task of now; "" if nothing does. */
static void compare(char *text, size_t size, const char *version, const json_t *settings, const json_t *files,
                    const hf_task *task)
{
    const char *name;

    text[0] = 0;
    if (strcmp(version, hf_version()) != 0)
        snprintf(text, size, "%s was made by version %s", task->name, version);
    else if ((name = hf_settings_difference(settings, task->settings)))
        snprintf(text, size, "%s was made with another --%s", task->name, name);
    else if ((name = hf_settings_difference(files, task->files)))
        snprintf(text, size, "%s: %s has changed since", task->name, name);
}

static void judge(hf_record *record, const char *path, const json_t *object, const hf_task_list *list,
                  const hf_task *task)
{
    const char *version, *state;
    json_t *settings, *files, *outputs = NULL;

    if (!object || json_unpack((json_t *)object, "{s:s, s:s, s:o, s:o, s?o}", "hfprop", &version, "state", &state,
                               "settings", &settings, "files", &files, "outputs", &outputs) < 0) {
        record->state = HF_RECORD_CHANGED;
        snprintf(record->text, sizeof(record->text), "%s: not a record of hfprop", path);
        return;
    }
    int is_done = strcmp(state, "done") == 0;
    compare(record->text, sizeof(record->text), version, settings, files, task);
    if (record->text[0]) {
        record->state = is_done ? HF_RECORD_CHANGED : HF_RECORD_DROPPED;
        return;
    }
    json_t *now = outputs_json(list, task);
    record->state = is_done && json_equal(outputs, now) ? HF_RECORD_DONE : HF_RECORD_BEGUN;
    json_decref(now);
}

int hf_record_read(hf_record *record, const hf_task_list *list, const hf_task *task, hf_error *err)
{
    char *path;
    int rc = hf_task_path(&path, list, task, ".json", err);

    if (rc < 0)
        return rc;
    if (access(path, F_OK) == 0) {
        json_t *object = json_load_file(path, 0, NULL);
        judge(record, path, object, list, task);
        json_decref(object);
    } else {
        const char *output = existing_output(task);
        record->state = output ? HF_RECORD_FOREIGN : HF_RECORD_NONE;
        snprintf(record->text, sizeof(record->text), "%s exists, and not from this list", output ? output : "");
    }
    free(path);
    return HF_OK;
}

static json_t *record_json(const hf_task_list *list, const hf_task *task, const hf_record_result *result)
{
    json_t *object = json_pack("{s:s, s:s, s:O, s:O}", "hfprop", hf_version(), "state", result ? "done" : "started",
                               "settings", task->settings, "files", task->files);
    if (object && result)
        json_object_update_new(object, json_pack("{s:o, s:I, s:f, s:I}", "outputs", outputs_json(list, task), "frames",
                                                 (json_int_t)result->n_frames, "seconds", result->seconds, "peak_bytes",
                                                 (json_int_t)result->peak_bytes));
    return object;
}

int hf_record_write(const hf_task_list *list, const hf_task *task, const hf_record_result *result, hf_error *err)
{
    char *path = NULL, *part = NULL;
    json_t *object = record_json(list, task, result);
    int rc;

    if ((rc = hf_task_path(&path, list, task, ".json", err)) < 0 ||
        (rc = hf_task_path(&part, list, task, ".json.part", err)) < 0)
        goto end;
    if (!object) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    if (json_dump_file(object, part, JSON_INDENT(1)) < 0 || rename(part, path) < 0) {
        rc = hf_fail(err, HF_EIO, "%s: cannot write: %s", path, strerror(errno));
        unlink(part);
    }
end:
    json_decref(object);
    free(path);
    free(part);
    return rc;
}

int hf_record_lock(int *fd, const hf_task_list *list, const hf_task *task, hf_error *err)
{
    char *path;
    int rc = hf_task_path(&path, list, task, ".lock", err);

    *fd = -1;
    if (rc < 0)
        return rc;
    if ((*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) < 0) {
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    } else if (flock(*fd, LOCK_EX | LOCK_NB) < 0) {
        /* A file system without locks: better to go on than not to work there at all. */
        if (errno == EWOULDBLOCK) {
            close(*fd);
            *fd = -1;
        }
    }
    free(path);
    return rc;
}
