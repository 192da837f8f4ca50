/* html_curves.h - J and F of the objects of one sequence over its frames, as inline SVG. */
#ifndef HF_SRC_CLI_HTML_CURVES_H
#define HF_SRC_CLI_HTML_CURVES_H

#include "src/cli/evaluate.h"
#include "src/cli/html.h"

/* A CSS colour for an object's line: the DAVIS colour, darkened for a light page and lightened for a
 * dark one until it can be seen. text: [8] out, "#rrggbb". */
void hf_html_object_colour(char text[8], int id, int is_dark_page);

/* " style=..." that sets --on-light and --on-dark to the object's colours. */
void hf_html_put_colour_style(hf_html *html, int id);

/*
 * Two charts, J and F, one line an object; n rows of one sequence of `report`. The lines' values stand in
 * data-values as well (every digit), their frames in data-frames of the chart.
 * worst: index in stems of a frame to mark, or -1.
 */
void hf_html_put_curves(hf_html *html, const hf_eval_report *report, const hf_eval_row *rows, int n, int worst);

#endif
