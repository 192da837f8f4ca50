/* progress.c - see progress.h. */
#include "src/cli/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BAR_INTERVAL_S  0.1
#define LINE_INTERVAL_S 10.0
#define MAX_COLUMNS     200

double hf_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int hf_is_terminal(FILE *out)
{
    const char *term = getenv("TERM");
    return isatty(fileno(out)) && term && *term && strcmp(term, "dumb") != 0;
}

static int terminal_columns(FILE *out)
{
    struct winsize window;
    if (ioctl(fileno(out), TIOCGWINSZ, &window) == 0 && window.ws_col > 20)
        return window.ws_col < MAX_COLUMNS ? window.ws_col : MAX_COLUMNS;
    return 80;
}

void hf_format_duration(char *text, size_t size, double seconds)
{
    long long s = seconds < 0 || !isfinite(seconds) ? 0 : (long long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, size, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%lld:%02lld", s / 60, s % 60);
}

void hf_progress_start(hf_progress *progress, FILE *out, hf_progress_mode mode, int64_t total, int64_t start_step)
{
    double now = hf_now_s();
    if (mode == HF_PROGRESS_AUTO)
        mode = hf_is_terminal(out) ? HF_PROGRESS_BAR : HF_PROGRESS_LINES;
    *progress = (hf_progress){ .out = out, .mode = mode, .total = total, .start_s = now, .shown_s = now,
                               .start_step = start_step };
}

/* [=====>    ] of the given inner width. */
static void append_bar(char *text, size_t size, int width, double share)
{
    int filled = (int)(share * width);
    size_t n = strlen(text);
    if (n + (size_t)width + 4 > size)
        return;
    text[n++] = '[';
    for (int i = 0; i < width; i++)
        text[n++] = i < filled ? '=' : i == filled ? '>' : ' ';
    strcpy(text + n, "] ");
}

void hf_progress_format(char *text, size_t size, int columns, int bar, const hf_progress *progress, int64_t done,
                        int64_t frames, double now_s)
{
    char numbers[128], left[32];
    double spent = now_s - progress->start_s;
    double rate = spent > 0 ? (double)(done - progress->start_step) / spent : 0;
    int has_total = progress->total > 0;
    double share = has_total ? fmin(1, (double)done / (double)progress->total) : 0;

    if (has_total && rate > 0) {
        hf_format_duration(left, sizeof(left), (double)(progress->total - done) / rate);
        snprintf(numbers, sizeof(numbers), "%lld frames, %.0f %%, %.1f frames/s, %s left", (long long)frames,
                 floor(100 * share), rate, left);
    } else {
        snprintf(numbers, sizeof(numbers), "%lld frames, %.1f frames/s", (long long)frames, rate);
    }
    text[0] = 0;
    int width = columns - (int)strlen(numbers) - 4;
    if (bar && has_total && width >= 8)
        append_bar(text, size, width < 40 ? width : 40, share);
    strncat(text, numbers, size - strlen(text) - 1);
    if (columns > 0 && strlen(text) > (size_t)columns)
        text[columns] = 0;
}

void hf_progress_update(hf_progress *progress, int64_t done, int64_t frames)
{
    char text[MAX_COLUMNS + 8];
    double now = hf_now_s();

    if (!progress->out || progress->mode == HF_PROGRESS_NONE)
        return;
    int bar = progress->mode == HF_PROGRESS_BAR;
    if (now - progress->shown_s < (bar ? BAR_INTERVAL_S : LINE_INTERVAL_S))
        return;
    progress->shown_s = now;
    hf_progress_format(text, sizeof(text), bar ? terminal_columns(progress->out) - 1 : MAX_COLUMNS, bar, progress,
                       done, frames, now);
    /* \033[K clears what a longer line left behind. */
    fprintf(progress->out, bar ? "\r%s\033[K" : "%s\n", text);
    fflush(progress->out);
    progress->drawn = bar;
}

void hf_progress_clear(hf_progress *progress)
{
    if (!progress->drawn)
        return;
    fputs("\r\033[K", progress->out);
    fflush(progress->out);
    progress->drawn = 0;
}
