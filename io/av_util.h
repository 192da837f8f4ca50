/* av_util.h - what all users of FFmpeg's libraries here need: errors, warnings, names. */
#ifndef HF_IO_AV_UTIL_H
#define HF_IO_AV_UTIL_H

#include <limits.h>
#include "src/error.h"

/* Keep FFmpeg from printing; its last error line of each thread is kept for hf_av_fail instead. */
void hf_av_quiet(void);

/* Forget the line kept for this thread, so that hf_av_fail does not quote an older failure. */
void hf_av_forget(void);

/* The first error line of this thread since hf_av_forget, which tells more of the cause than the last; "" if there is none. */
const char *hf_av_said(void);

/* "what: text of the FFmpeg code (its last error line)"; an out-of-memory code turns into HF_ENOMEM. */
int hf_av_fail(hf_error *err, hf_status status, int av_code, const char *what);

/* Lines joined by "; ". A line that is there already is not added again. */
typedef struct hf_warnings {
    char text[2048];
} hf_warnings;

void hf_warn(hf_warnings *warnings, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* NULL if there are none. */
const char *hf_warnings_get(const hf_warnings *warnings);

/* How FFmpeg must be told of a path: "-" is standard input, and a ':' in a file name is no protocol. */
void hf_av_url(char url[PATH_MAX + 8], const char *path);

#endif
