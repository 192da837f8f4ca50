/* progress.h - how far the run is: a bar on a terminal, or a line now and then. */
#ifndef HF_SRC_CLI_PROGRESS_H
#define HF_SRC_CLI_PROGRESS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "src/cli/options.h"

typedef struct hf_progress {
    FILE            *out;
    hf_progress_mode mode;  /* never AUTO once started */
    int64_t          total; /* steps; < 0: unknown */
    double           start_s, shown_s; /* hf_now_s */
    int64_t          start_step; /* steps that were done before the start (--resume) */
    int              drawn; /* a bar stands on the line */
} hf_progress;

/* Seconds on a clock that only moves forward. */
double hf_now_s(void);

/* 1 if `out` is a terminal that can move its cursor (TERM is set and not "dumb"). */
int hf_is_terminal(FILE *out);

/* HF_PROGRESS_AUTO becomes a bar on a terminal, lines elsewhere. */
void hf_progress_start(hf_progress *progress, FILE *out, hf_progress_mode mode, int64_t total, int64_t start_step);

/* `done` steps, of which `frames` are written. Draws at most 10 times a second, or a line every 10 s. */
void hf_progress_update(hf_progress *progress, int64_t done, int64_t frames);

/* Take the bar off the line, so that a message can be printed. */
void hf_progress_clear(hf_progress *progress);

/*
 * One line without line end, at most `columns` wide: frames, share, frames/s, time left.
 * bar: 1 with a bar as wide as room is left. The speed counts steps since the start.
 */
void hf_progress_format(char *text, size_t size, int columns, int bar, const hf_progress *progress, int64_t done,
                        int64_t frames, double now_s);

/* "0:07", "12:34", "1:02:03". */
void hf_format_duration(char *text, size_t size, double seconds);

#endif
