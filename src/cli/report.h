/* report.h - everything a run tells: messages and the bar on stderr, JSON events.
 *
 * stdout carries data only (--json events, or the video of -o -); people are
 * told on stderr. All functions may be called from any thread of the run.
 *
 * Events, one JSON object a line, each with "event" and "time_s" since the start:
 *   start    version, command, input, outputs, frames (or null)
 *   plan     of --dry-run: as start, session_bytes, frames_bytes, backward_bytes, device_bytes, ms a frame or null
 *   frame    frame, pts, ms, area_px by id, cover
 *   warning  frame (or null), text
 *   done     state ("done", "interrupted", "failed"), frames_written, seconds, frames_per_s
 *   error    status, text
 */
#ifndef HF_SRC_CLI_REPORT_H
#define HF_SRC_CLI_REPORT_H

#include <jansson.h>
#include <stdint.h>
#include "src/cli/options.h"

typedef struct hf_report hf_report;

/* Opens --log-json. HF_EIO, HF_ENOMEM. With options NULL: errors on stderr only. */
int  hf_report_open(hf_report **out, const hf_options *options, hf_error *err);
void hf_report_close(hf_report **report);

/* Lines on stderr: unless -q, and only with -v. A line end is added. */
void hf_report_note(hf_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
void hf_report_detail(hf_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "warning: frame 12: text" on stderr unless -q, an event, and one more of hf_report_n_warnings.
 * frame < 0: of no frame in particular. */
void hf_report_warn(hf_report *report, int64_t frame, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "hfprop: error: text" on stderr, always, and an event. report may be NULL. */
void hf_report_error(hf_report *report, const hf_error *err);

/* Send an event; takes `object` (NULL is ignored) and adds "event" and "time_s". */
void hf_report_event(hf_report *report, const char *event, json_t *object);

/* 1 if somebody reads events: then it is worth making them. */
int hf_report_wants_events(const hf_report *report);

/* The warnings so far: [{"frame": n or null, "text": "..."}]; borrowed; at most HF_REPORT_MAX_WARNINGS kept. */
#define HF_REPORT_MAX_WARNINGS 200
json_t *hf_report_get_warnings(const hf_report *report);
int     hf_report_n_warnings(const hf_report *report);

/* See progress.h; quiet runs and --progress none draw nothing. */
void hf_report_start_progress(hf_report *report, int64_t total, int64_t start_step);
void hf_report_progress(hf_report *report, int64_t done, int64_t frames);

/* Ask on the terminal; 1 for yes. 0 without asking if stdin or stderr is no terminal. */
int hf_report_can_ask(void);
int hf_report_ask(hf_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
