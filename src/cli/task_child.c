/* task_child.c - see task_child.h. */
#include "src/cli/task_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/cli/progress.h"

#define MAX_LINE (1 << 20) /* of an event; a frame's is some hundred bytes */

/* ---- starting ---- */

static int make_command(hf_words *command, const hf_task *task, int n_threads, int resume, hf_error *err)
{
    int rc;

    if ((rc = hf_words_add(command, "hfprop", err)) < 0 || (rc = hf_words_add(command, "run", err)) < 0 ||
        (rc = hf_words_append(command, &task->options, err)) < 0 ||
        (n_threads && (rc = hf_words_addf(command, err, "--threads=%d", n_threads)) < 0) ||
        (rc = hf_words_add(command, resume ? "--resume" : "--yes", err)) < 0 ||
        (rc = hf_words_add(command, "--", err)) < 0)
        return rc;
    return hf_words_add(command, task->input, err);
}

/* In the new process: only calls that are safe after a fork. */
static void become_run(const char *program, char **command, int events, int log, int lock, pid_t parent)
{
    int null = open("/dev/null", O_RDONLY);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent && null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(events, STDOUT_FILENO) >= 0 &&
        dup2(log, STDERR_FILENO) >= 0 && fcntl(lock, F_SETFD, 0) >= 0)
        execv(program, command);
    _exit(127);
}

int hf_child_start(hf_child *child, const hf_task_list *list, hf_task *task, int lock, int n_threads, int resume,
                   hf_error *err)
{
    char program[PATH_MAX], *log_path = NULL;
    hf_words command = { 0 };
    int events[2] = { -1, -1 }, log = -1, rc;
    pid_t parent = getpid();
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

    *child = (hf_child){ .lock = lock, .events = -1, .is_resumed = resume, .start_s = hf_now_s() };
    if (n <= 0) {
        rc = hf_fail(err, HF_EIO, "/proc/self/exe: cannot be read: %s", strerror(errno));
        goto end;
    }
    program[n] = 0;
    if ((rc = make_command(&command, task, n_threads, resume, err)) < 0 ||
        (rc = hf_task_path(&log_path, list, task, ".log", err)) < 0)
        goto end;
    if ((log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0 || pipe2(events, O_CLOEXEC) < 0 ||
        (child->pid = fork()) < 0) {
        rc = hf_fail(err, HF_EIO, "%s: cannot be started: %s", task->name, strerror(errno));
        goto end;
    }
    if (child->pid == 0)
        become_run(program, command.word, events[1], log, lock, parent);
    fcntl(events[0], F_SETFL, O_NONBLOCK);
    child->events = events[0];
    events[0] = -1;
    child->lock = lock;
    lock = -1;
    child->task = task;
    task->state = HF_TASK_RUNNING;
end:
    for (int i = 0; i < 2; i++)
        if (events[i] >= 0)
            close(events[i]);
    if (log >= 0)
        close(log);
    if (lock >= 0)
        close(lock);
    hf_words_clear(&command);
    free(log_path);
    return rc;
}

/* ---- events ---- */

static void take_event(hf_child *child, const json_t *event, hf_report *report)
{
    const char *kind = json_string_value(json_object_get(event, "event"));
    const char *text = json_string_value(json_object_get(event, "text"));
    const json_t *frame = json_object_get(event, "frame"), *frames = json_object_get(event, "frames");

    if (!kind)
        return;
    if (strcmp(kind, "frame") == 0)
        child->n_frames++;
    else if (strcmp(kind, "start") == 0 && json_is_integer(frames) && child->task->n_frames >= 0)
        child->n_before = child->task->n_frames - json_integer_value(frames);
    else if (strcmp(kind, "error") == 0 && text)
        snprintf(child->error, sizeof(child->error), "%s", text);
    else if (strcmp(kind, "warning") == 0 && text && json_is_integer(frame))
        hf_report_warn(report, -1, "%s: frame %lld: %s", child->task->name, (long long)json_integer_value(frame), text);
    else if (strcmp(kind, "warning") == 0 && text)
        hf_report_warn(report, -1, "%s: %s", child->task->name, text);
}

static void take_bytes(hf_child *child, const char *bytes, size_t n, hf_report *report)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            json_t *event = json_loadb(child->line ? child->line : "", child->n_line, 0, NULL);
            take_event(child, event, report);
            json_decref(event);
            child->n_line = 0;
            continue;
        }
        if (child->n_line == child->room) {
            size_t room = child->room ? 2 * child->room : 1024;
            char *grown = room <= MAX_LINE ? realloc(child->line, room) : NULL;
            if (!grown)
                continue; /* an event lost is a frame not counted, no more */
            child->line = grown;
            child->room = room;
        }
        child->line[child->n_line++] = bytes[i];
    }
}

int hf_child_read(hf_child *child, hf_report *report)
{
    char bytes[4096];
    ssize_t n;

    while ((n = read(child->events, bytes, sizeof(bytes))) > 0)
        take_bytes(child, bytes, (size_t)n, report);
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* ---- the end ---- */

/* The last line of the log, for a run that could not even send an event; an empty log is removed. */
static void read_log(hf_child *child, const hf_task_list *list)
{
    char *path, line[sizeof(child->error)], last[sizeof(child->error)] = "";

    if (hf_task_path(&path, list, child->task, ".log", NULL) < 0)
        return;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (line[strspn(line, " \n")])
            strcpy(last, line);
    if (file)
        fclose(file);
    last[strcspn(last, "\n")] = 0;
    if (!last[0])
        unlink(path);
    if (!child->error[0] && child->code != 0 && last[0])
        snprintf(child->error, sizeof(child->error), "%s", last);
    free(path);
}

void hf_child_finish(hf_child *child, const hf_task_list *list)
{
    struct rusage usage = { 0 };
    int status = 0;

    while (wait4(child->pid, &status, 0, &usage) < 0 && errno == EINTR)
        ;
    child->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    child->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    child->seconds = hf_now_s() - child->start_s;
    child->peak_bytes = (int64_t)usage.ru_maxrss * 1024;
    if (child->code == 0)
        child->error[0] = 0;
    read_log(child, list);
    if (child->signal)
        snprintf(child->error, sizeof(child->error), "its process was killed by signal %d (%s)%s", child->signal,
                 strsignal(child->signal), child->signal == SIGKILL ? "; was there too little memory?" : "");
    else if (child->code != 0 && !child->error[0])
        snprintf(child->error, sizeof(child->error), "its process ended with code %d", child->code);
    close(child->events);
    close(child->lock);
    free(child->line);
    child->line = NULL;
    child->n_line = child->room = 0;
}
