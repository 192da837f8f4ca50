/* html_sheet.h - pictures of one sequence in the report: the contact sheet and the worst frame. */
#ifndef HF_SRC_CLI_HTML_SHEET_H
#define HF_SRC_CLI_HTML_SHEET_H

#include "src/cli/evaluate.h"
#include "src/cli/html.h"

/* A frame of a sequence and the object that fails there. */
typedef struct hf_html_worst {
    int frame; /* index in stems */
    int row;   /* index in rows */
} hf_html_worst;

/* The lowest J of all objects and frames; of equal ones the first object's first. n >= 1. */
hf_html_worst hf_html_find_worst(const hf_eval_row *rows, int n);

/*
 * n_pictures frames, evenly spread over the scored ones, with the result's masks and the outline of the
 * truth, then the worst frame as picture, result, truth and errors. rows: the n rows of one sequence.
 * Frames are looked for in the tree's JPEGImages, beside Annotations; where there are none, masks are shown without.
 *
 * Returns what hf_davis_read returns for masks that cannot be read any more, HF_EUNSUPPORTED, HF_ENOMEM.
 */
int hf_html_put_sheet(hf_html *html, const hf_eval_report *report, const char *results, const hf_eval_row *rows, int n,
                      int n_pictures, hf_error *err);

#endif
