/* report.c - see report.h. */
#include "src/cli/report.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/cli/progress.h"
#include "src/cli/settings.h"

#define MAX_LINE 1024

struct hf_report {
    pthread_mutex_t lock;
    int             verbosity, colors, json;
    FILE           *log;
    double          start_s;
    hf_progress     progress;
    hf_progress_mode progress_mode;
    json_t         *warnings;
    int             n_warnings;
};

static int wants_colors(const hf_options *options)
{
    const char *no_color = getenv("NO_COLOR");
    return hf_is_terminal(stderr) && !(no_color && *no_color) && !(options && options->no_color);
}

int hf_report_open(hf_report **out, const hf_options *options, hf_error *err)
{
    hf_report *report = calloc(1, sizeof(*report));
    int rc = HF_OK;

    *out = NULL;
    if (!report)
        return hf_fail(err, HF_ENOMEM, "report: out of memory");
    pthread_mutex_init(&report->lock, NULL);
    report->start_s = hf_now_s();
    report->colors = wants_colors(options);
    report->progress_mode = HF_PROGRESS_NONE;
    if (!(report->warnings = json_array())) {
        rc = hf_fail(err, HF_ENOMEM, "report: out of memory");
        goto end;
    }
    if (options) {
        report->verbosity = options->verbosity;
        report->json = options->json;
        report->progress_mode = options->verbosity < 0 ? HF_PROGRESS_NONE : (hf_progress_mode)options->progress;
        if (options->log_path && !options->dry_run && !(report->log = fopen(options->log_path, "w"))) {
            rc = hf_fail(err, HF_EIO, "%s: cannot write the log: %s", options->log_path, strerror(errno));
            goto end;
        }
    }
    *out = report;
    report = NULL;
end:
    hf_report_close(&report);
    return rc;
}

void hf_report_close(hf_report **report)
{
    if (!*report)
        return;
    hf_progress_clear(&(*report)->progress);
    if ((*report)->log)
        fclose((*report)->log);
    json_decref((*report)->warnings);
    pthread_mutex_destroy(&(*report)->lock);
    free(*report);
    *report = NULL;
}

/* File names come from outside: a terminal must not see their control characters. */
static void make_printable(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
}

/* One line on stderr; the caller holds the lock. */
static void print_line(hf_report *report, const char *color, const char *word, char *text)
{
    make_printable(text);
    hf_progress_clear(&report->progress);
    if (report->colors && color)
        fprintf(stderr, "\033[%sm%s\033[0m%s\n", color, word, text);
    else
        fprintf(stderr, "%s%s\n", word, text);
}

static void print_args(hf_report *report, int least_verbosity, const char *format, va_list args)
{
    char text[MAX_LINE];
    if (report->verbosity < least_verbosity)
        return;
    vsnprintf(text, sizeof(text), format, args);
    pthread_mutex_lock(&report->lock);
    print_line(report, NULL, "", text);
    pthread_mutex_unlock(&report->lock);
}

void hf_report_note(hf_report *report, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_args(report, 0, format, args);
    va_end(args);
}

void hf_report_detail(hf_report *report, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_args(report, 1, format, args);
    va_end(args);
}

static void write_event(FILE *out, const json_t *object)
{
    json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(7));
    fputc('\n', out);
    fflush(out);
}

/* The caller holds the lock. */
static void send_event(hf_report *report, const char *event, json_t *object)
{
    json_t *line = json_pack("{s:s, s:f}", "event", event, "time_s", hf_now_s() - report->start_s);
    if (line && object)
        json_object_update(line, object);
    if (line && report->json)
        write_event(stdout, line);
    if (line && report->log)
        write_event(report->log, line);
    json_decref(line);
    json_decref(object);
}

int hf_report_wants_events(const hf_report *report)
{
    return report->json || report->log;
}

void hf_report_event(hf_report *report, const char *event, json_t *object)
{
    pthread_mutex_lock(&report->lock);
    send_event(report, event, object);
    pthread_mutex_unlock(&report->lock);
}

void hf_report_warn(hf_report *report, int64_t frame, const char *format, ...)
{
    char text[MAX_LINE], place[32] = "";
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    make_printable(text);
    json_t *object = json_pack("{s:o, s:o}", "frame", frame < 0 ? json_null() : json_integer(frame), "text",
                               hf_json_text(text));
    pthread_mutex_lock(&report->lock);
    report->n_warnings++;
    if (json_array_size(report->warnings) < HF_REPORT_MAX_WARNINGS)
        json_array_append(report->warnings, object);
    send_event(report, "warning", object);
    if (report->verbosity >= 0) {
        char line[MAX_LINE + 64];
        if (frame >= 0)
            snprintf(place, sizeof(place), "frame %lld: ", (long long)frame);
        snprintf(line, sizeof(line), " %s%s", place, text);
        print_line(report, "33", "warning:", line);
    }
    pthread_mutex_unlock(&report->lock);
}

static const char *status_name(hf_status status)
{
    switch (status) {
    case HF_OK:
    case HF_EOF:
        break;
    case HF_EARG:
        return "argument";
    case HF_ENOMEM:
        return "memory";
    case HF_EIO:
        return "io";
    case HF_EFORMAT:
        return "format";
    case HF_EMODEL:
        return "model";
    case HF_EDEVICE:
        return "device";
    case HF_EUNSUPPORTED:
        return "unsupported";
    case HF_EINTERRUPTED:
        return "interrupted";
    }
    return "ok";
}

void hf_report_error(hf_report *report, const hf_error *err)
{
    char text[MAX_LINE];
    if (!report) {
        fprintf(stderr, "hfprop: error: %s\n", err->text);
        return;
    }
    snprintf(text, sizeof(text), " %s", err->text);
    pthread_mutex_lock(&report->lock);
    print_line(report, "31", "hfprop: error:", text);
    send_event(report, "error", json_pack("{s:s, s:o}", "status", status_name(err->status), "text", hf_json_text(err->text)));
    pthread_mutex_unlock(&report->lock);
}

json_t *hf_report_get_warnings(const hf_report *report)
{
    return report->warnings;
}

int hf_report_n_warnings(const hf_report *report)
{
    return report->n_warnings;
}

void hf_report_start_progress(hf_report *report, int64_t total, int64_t start_step)
{
    hf_progress_start(&report->progress, stderr, report->progress_mode, total, start_step);
}

void hf_report_progress(hf_report *report, int64_t done, int64_t frames)
{
    pthread_mutex_lock(&report->lock);
    hf_progress_update(&report->progress, done, frames);
    pthread_mutex_unlock(&report->lock);
}

int hf_report_can_ask(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

int hf_report_ask(hf_report *report, const char *format, ...)
{
    char text[MAX_LINE], answer[16];
    va_list args;

    if (!hf_report_can_ask())
        return 0;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    make_printable(text);
    pthread_mutex_lock(&report->lock);
    hf_progress_clear(&report->progress);
    fprintf(stderr, "%s [y/N] ", text);
    fflush(stderr);
    int yes = fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
    pthread_mutex_unlock(&report->lock);
    return yes;
}
