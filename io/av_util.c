/* av_util.c - see av_util.h. */
#include "io/av_util.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/avutil.h>
#include <libavutil/error.h>
#include <libavutil/log.h>

static _Thread_local char first_line[256], last_line[256];

static void keep_line(void *object, int level, const char *format, va_list args)
{
    (void)object;
    if (level > AV_LOG_ERROR)
        return;
    char line[256];
    vsnprintf(line, sizeof(line), format, args);
    line[strcspn(line, "\r\n")] = 0;
    if (line[0] && !first_line[0])
        memcpy(first_line, line, sizeof(line));
    if (line[0])
        memcpy(last_line, line, sizeof(line));
}

static void set_callback(void)
{
    av_log_set_callback(keep_line);
}

void hf_av_quiet(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_callback);
}

void hf_av_forget(void)
{
    first_line[0] = last_line[0] = 0;
}

const char *hf_av_said(void)
{
    return first_line;
}

int hf_av_fail(hf_error *err, hf_status status, int av_code, const char *what)
{
    char text[AV_ERROR_MAX_STRING_SIZE];

    if (av_code == AVERROR(ENOMEM))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", what);
    av_strerror(av_code, text, sizeof(text));
    return last_line[0] ? hf_fail(err, status, "%s: %s (%s)", what, text, last_line)
                        : hf_fail(err, status, "%s: %s", what, text);
}

void hf_warn(hf_warnings *warnings, const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    size_t used = strlen(warnings->text);
    if (strstr(warnings->text, line) || used + strlen(line) + 3 > sizeof(warnings->text))
        return;
    snprintf(warnings->text + used, sizeof(warnings->text) - used, "%s%s", used ? "; " : "", line);
}

const char *hf_warnings_get(const hf_warnings *warnings)
{
    return warnings->text[0] ? warnings->text : NULL;
}

void hf_av_url(char url[PATH_MAX + 8], const char *path)
{
    if (!strcmp(path, "-"))
        snprintf(url, PATH_MAX + 8, "pipe:0");
    else
        snprintf(url, PATH_MAX + 8, "%s%s", strstr(path, "://") ? "" : "file:", path);
}
