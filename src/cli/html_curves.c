/* html_curves.c - see html_curves.h.
 *
 * A chart has fixed coordinates: the plot is WIDE x HIGH units from (LEFT, TOP), score 1 at the top;
 * frame k of the scored frames first..last is at x = LEFT + WIDE * (k - first) / (last - first).
 */
#include "src/cli/html_curves.h"

#include <stdio.h>

#include "io/mask.h"

#define LEFT 38
#define TOP 10
#define WIDE 470
#define HIGH 130
#define RIGHT 14
#define BOTTOM 24
#define N_TICKS 5 /* frames that are named below the plot */

typedef struct span {
    int first, last; /* frames: index in stems */
} span;

static double luminance(const double rgb[3])
{
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
}

void hf_html_object_colour(char text[8], int id, int is_dark_page)
{
    uint8_t palette[256][3];
    double rgb[3];

    hf_mask_davis_palette(palette);
    for (int c = 0; c < 3; c++)
        rgb[c] = palette[id][c];
    /* Luminances that stand out against the page: at least 115 on a dark one, at most 110 on a light one. */
    while (is_dark_page && luminance(rgb) < 115)
        for (int c = 0; c < 3; c++)
            rgb[c] += (255 - rgb[c]) * 0.12;
    double factor = is_dark_page || luminance(rgb) <= 110 ? 1 : 110 / luminance(rgb);
    for (int c = 0; c < 3; c++)
        rgb[c] *= factor;
    snprintf(text, 8, "#%02x%02x%02x", (unsigned)rgb[0] & 255u, (unsigned)rgb[1] & 255u, (unsigned)rgb[2] & 255u);
}

void hf_html_put_colour_style(hf_html *h, int id)
{
    char light[8], dark[8];

    hf_html_object_colour(light, id, 0);
    hf_html_object_colour(dark, id, 1);
    hf_html_put(h, " style=\"--on-light:%s;--on-dark:%s\"", light, dark);
}

static double x_of(const span *s, int frame)
{
    return s->last == s->first ? LEFT + WIDE / 2.0 : LEFT + (double)WIDE * (frame - s->first) / (s->last - s->first);
}

static double y_of(double score)
{
    return TOP + HIGH * (1 - score);
}

static void put_axes(hf_html *h, const hf_davis_sequence *sequence, const span *s)
{
    int n = s->last - s->first + 1, ticks = n < N_TICKS ? n : N_TICKS;

    for (int i = 0; i <= 4; i++) {
        hf_html_put(h, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%g\" y2=\"%g\"/>", LEFT, LEFT + WIDE, y_of(i / 4.0),
                    y_of(i / 4.0));
        if (i % 2 == 0)
            hf_html_put(h, "<text class=\"y\" x=\"%d\" y=\"%g\">%g</text>", LEFT - 7, y_of(i / 4.0) + 3.5, i / 4.0);
    }
    for (int i = 0; i < ticks; i++) {
        int frame = ticks == 1 ? s->first : s->first + (int)((int64_t)i * (n - 1) / (ticks - 1));
        const char *anchor = ticks == 1 ? "" : i == 0 ? " start" : i == ticks - 1 ? " end" : "";
        hf_html_put(h, "<text class=\"x%s\" x=\"%.1f\" y=\"%d\">", anchor, x_of(s, frame), TOP + HIGH + 16);
        hf_html_text(h, sequence->stems[frame]);
        hf_html_put(h, "</text>");
    }
}

static void put_line(hf_html *h, const hf_eval_row *row, const double *values, const span *s)
{
    hf_html_put(h, "<g class=\"object\" data-object=\"%d\" data-first=\"%d\"", row->id, row->first_frame - s->first);
    hf_html_put_colour_style(h, row->id);
    hf_html_put(h, " data-values=\"");
    for (int64_t i = 0; i < row->n_values; i++)
        hf_html_put(h, "%s%.17g", i ? " " : "", values[i]);
    hf_html_put(h, "\"><polyline points=\"");
    for (int64_t i = 0; i < row->n_values; i++)
        hf_html_put(h, "%s%.1f,%.2f", i ? " " : "", x_of(s, row->first_frame + (int)i), y_of(values[i]));
    hf_html_put(h, "\"/>");
    if (row->n_values == 1) /* a line of one point is not drawn */
        hf_html_put(h, "<circle r=\"2.5\" cx=\"%.1f\" cy=\"%.2f\"/>", x_of(s, row->first_frame), y_of(values[0]));
    hf_html_put(h, "</g>\n");
}

static void put_chart(hf_html *h, const hf_davis_sequence *sequence, const hf_eval_row *rows, int n, const span *s,
                      int worst, int is_f)
{
    const char *what = is_f ? "F" : "J";

    hf_html_put(h, "<figure class=\"chart\"><figcaption>%s <span class=\"readout\"></span></figcaption>"
                   "<svg viewBox=\"0 0 %d %d\" role=\"img\" data-score=\"%s\" data-left=\"%d\" data-wide=\"%d\" "
                   "data-frames=\"", is_f ? "<b>F</b> boundary" : "<b>J</b> region", LEFT + WIDE + RIGHT,
                TOP + HIGH + BOTTOM, what, LEFT, WIDE);
    for (int k = s->first; k <= s->last; k++) { /* no file name holds a slash */
        hf_html_put(h, "%s", k > s->first ? "/" : "");
        hf_html_text(h, sequence->stems[k]);
    }
    hf_html_put(h, "\" aria-label=\"%s of each frame of ", what);
    hf_html_text(h, sequence->name);
    for (int i = 0; i < n; i++)
        hf_html_put(h, "%s object %d: mean %.3f", i ? "," : ":", rows[i].id, is_f ? rows[i].F.mean : rows[i].J.mean);
    hf_html_put(h, "\">\n");
    put_axes(h, sequence, s);
    if (worst >= 0)
        hf_html_put(h, "<line class=\"worst\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", x_of(s, worst),
                    x_of(s, worst), TOP, TOP + HIGH);
    for (int i = 0; i < n; i++)
        put_line(h, &rows[i], is_f ? rows[i].f : rows[i].j, s);
    hf_html_put(h, "<line class=\"cursor\" y1=\"%d\" y2=\"%d\"/></svg></figure>\n", TOP, TOP + HIGH);
}

void hf_html_put_curves(hf_html *h, const hf_eval_report *report, const hf_eval_row *rows, int n, int worst)
{
    const hf_davis_sequence *sequence = &report->davis->sequences[rows[0].sequence];
    int cut = report->params.keep_first_last ? 0 : 1;
    span s = { cut, sequence->n_frames - 1 - cut };

    hf_html_put(h, "<div class=\"charts\">\n");
    put_chart(h, sequence, rows, n, &s, worst, 0);
    put_chart(h, sequence, rows, n, &s, worst, 1);
    hf_html_put(h, "</div>\n");
    if (n < 2)
        return;
    hf_html_put(h, "<p class=\"key\">");
    for (int i = 0; i < n; i++) {
        hf_html_put(h, "<span class=\"object\"");
        hf_html_put_colour_style(h, rows[i].id);
        hf_html_put(h, ">object %d</span> ", rows[i].id);
    }
    hf_html_put(h, "</p>\n");
}
