/* html_report.h - the scores as one HTML page: table, curves, pictures, settings; nothing is loaded from elsewhere. */
#ifndef HF_SRC_CLI_HTML_REPORT_H
#define HF_SRC_CLI_HTML_REPORT_H

#include <jansson.h>
#include "src/cli/evaluate.h"

typedef struct hf_html_report_params {
    const hf_eval_report *report;
    const char *results;   /* the folder that was scored; its masks are read again for the pictures */
    json_t     *settings;  /* {heading: {name: value}}, in this order, before how it was scored; may be NULL */
} hf_html_report_params;

/*
 * Write the page to `path`, by way of PATH.part; an old page is replaced. Everything is borrowed.
 * Pictures take at most about 10 MB, however many sequences there are; the curves add 65 bytes an object and frame.
 *
 * Returns HF_EIO, HF_ENOMEM, and what reading the masks once more returns.
 */
int hf_html_report_write(const char *path, const hf_html_report_params *params, hf_error *err);

#endif
