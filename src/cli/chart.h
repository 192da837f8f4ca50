/* chart.h - a line chart as SVG: what a sweep over layers is drawn as.
 *
 * One line a series over named positions (layers, say), with a legend where there is more than one. Plain SVG 1.1 without
 * scripts or outside files; all text is escaped. Readable on light and dark paper.
 */
#ifndef HF_SRC_CLI_CHART_H
#define HF_SRC_CLI_CHART_H

#include "src/error.h"

typedef struct hf_chart_series {
    const char   *name;
    const double *values; /* [n_positions]; NaN: a gap */
} hf_chart_series;

typedef struct hf_chart {
    const char            *title, *x_name, *y_name;
    const char *const     *positions; /* [n_positions] names below the axis */
    int                    n_positions;
    const hf_chart_series *series;
    int                    n_series;
    double                 y_max; /* the axis goes from 0 to here; 0: to the next round number above all values */
} hf_chart;

/* Write `path`.part and rename. HF_EARG: nothing to draw. HF_EIO with the system's reason. */
int hf_chart_write(const char *path, const hf_chart *chart, hf_error *err);

#endif
