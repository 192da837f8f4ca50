/* html_report.c - see html_report.h. The order of the page is that of the functions below.
 *
 * Every number shown has three digits, as in the CSV files of the official tool; cells of the table keep all
 * digits in data-value, by which html_report.js sorts. Without that script the page is complete.
 */
#include "src/cli/html_report.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/html.h"
#include "src/cli/html_curves.h"
#include "src/cli/html_paint.h"
#include "src/cli/html_settings.h"
#include "src/cli/html_sheet.h"
#include "src/hfprop.h"

/* A sequence's pictures take about 25 kB each. Many sequences get fewer pictures, and very many only where the
 * scores are lowest. */
#define MAX_PICTURES 320     /* of all contact sheets together */
#define MAX_PER_SEQUENCE 8
#define MIN_PER_SEQUENCE 2
#define MAX_SHEETS (MAX_PICTURES / MIN_PER_SEQUENCE)

/* Made from the files of these names, a string literal a line. */
static const char style[] =
#include "src/cli/html_report.css.inc"
    ;
static const char script[] =
#include "src/cli/html_report.js.inc"
    ;

/* The rows of one sequence; they lie together in the report. */
typedef struct group {
    const hf_eval_row *rows;
    int    n;
    double j, f; /* means over its objects */
    bool   has_pictures;
} group;

static const hf_davis_sequence *sequence_of(const hf_eval_report *report, const group *g)
{
    return &report->davis->sequences[g->rows[0].sequence];
}

/* *groups [n_rows at most] is the caller's to free. */
static int make_groups(group **out, int *n_groups, const hf_eval_report *report, hf_error *err)
{
    group *groups = calloc((size_t)report->n_rows, sizeof(*groups));
    int n = 0;

    *out = NULL;
    if (!groups)
        return hf_fail(err, HF_ENOMEM, "report: out of memory");
    for (int i = 0; i < report->n_rows; i++) {
        if (i == 0 || report->rows[i].sequence != report->rows[i - 1].sequence)
            groups[n++].rows = &report->rows[i];
        group *g = &groups[n - 1];
        g->n++;
        g->j += (report->rows[i].J.mean - g->j) / g->n;
        g->f += (report->rows[i].F.mean - g->f) / g->n;
    }
    *out = groups;
    *n_groups = n;
    return HF_OK;
}

static int by_score(const void *a, const void *b)
{
    const group *x = *(group *const *)a, *y = *(group *const *)b;

    if (x->j + x->f != y->j + y->f)
        return x->j + x->f < y->j + y->f ? -1 : 1;
    return (x->rows > y->rows) - (x->rows < y->rows);
}

/* The lowest scores get the pictures if there are not enough for all. */
static int choose_pictured(group *groups, int n, hf_error *err)
{
    group **order = malloc((size_t)n * sizeof(*order));

    if (!order)
        return hf_fail(err, HF_ENOMEM, "report: out of memory");
    for (int i = 0; i < n; i++)
        order[i] = &groups[i];
    qsort(order, (size_t)n, sizeof(*order), by_score);
    for (int i = 0; i < n && i < MAX_SHEETS; i++)
        order[i]->has_pictures = true;
    free(order);
    return HF_OK;
}

static void put_head(hf_html *h, const hf_eval_report *report)
{
    hf_html_put(h, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
                   "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
                   "<meta name=\"color-scheme\" content=\"light dark\">\n<title>hfprop: J&amp;F %.3f on ",
                report->jf_mean);
    hf_html_text(h, report->davis->split);
    hf_html_put(h, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", style);
}

static void put_plural(hf_html *h, long long n, const char *thing)
{
    hf_html_put(h, "%lld %s%s", n, thing, n == 1 ? "" : "s");
}

static void put_title(hf_html *h, const hf_eval_report *report, int n_groups)
{
    hf_html_put(h, "<header>\n<p class=\"brand\">hfprop report</p>\n<h1>");
    if (report->davis->year)
        hf_html_put(h, "DAVIS %d, ", report->davis->year);
    hf_html_text(h, report->davis->split);
    hf_html_put(h, "</h1>\n<p class=\"lead\">");
    put_plural(h, n_groups, "sequence");
    hf_html_put(h, ", ");
    put_plural(h, report->n_rows, "object");
    hf_html_put(h, ", ");
    put_plural(h, report->n_frames, "scored frame");
    hf_html_put(h, "</p>\n</header>\n<main>\n");
}

static void put_tile(hf_html *h, const char *name, const char *key, double value, const char *note)
{
    hf_html_put(h, "<div class=\"tile\"><dt>%s</dt><dd data-key=\"%s\" data-value=\"%.17g\">%.3f</dd><dd class=\"note\">%s</dd>"
                   "</div>\n", name, key, value, value, note);
}

static void put_tiles(hf_html *h, const hf_eval_report *report)
{
    hf_html_put(h, "<dl class=\"tiles\">\n");
    put_tile(h, "J&amp;F mean", "jf_mean", report->jf_mean, "mean over objects");
    put_tile(h, "J mean", "J.mean", report->J.mean, "region overlap");
    put_tile(h, "J recall", "J.recall", report->J.recall, "frames above 0.5");
    put_tile(h, "J decay", "J.decay", report->J.decay, "loss over time");
    put_tile(h, "F mean", "F.mean", report->F.mean, "boundary");
    put_tile(h, "F recall", "F.recall", report->F.recall, "frames above 0.5");
    put_tile(h, "F decay", "F.decay", report->F.decay, "loss over time");
    hf_html_put(h, "</dl>\n");
}

static void put_score(hf_html *h, const char *key, double value, const char *class)
{
    hf_html_put(h, "<td class=\"%s\" data-key=\"%s\" data-value=\"%.17g\">", class, key, value);
    if (strstr(class, "bar"))
        hf_html_put(h, "<span class=\"bar\" style=\"--v:%.4f\"></span>", value);
    hf_html_put(h, "<span>%.3f</span></td>", value);
}

static void put_scores(hf_html *h, const hf_eval_stats *J, const hf_eval_stats *F, double jf_mean)
{
    put_score(h, "jf_mean", jf_mean, "n main bar");
    put_score(h, "J.mean", J->mean, "n main");
    put_score(h, "J.recall", J->recall, "n");
    put_score(h, "J.decay", J->decay, "n");
    put_score(h, "F.mean", F->mean, "n main");
    put_score(h, "F.recall", F->recall, "n");
    put_score(h, "F.decay", F->decay, "n");
}

static void put_row(hf_html *h, const hf_eval_report *report, const group *g, int number, const hf_eval_row *row)
{
    const char *name = sequence_of(report, g)->name;

    hf_html_put(h, "<tr><th scope=\"row\" data-value=\"");
    hf_html_text(h, name);
    hf_html_put(h, "\"><a href=\"#s%d\">", number);
    hf_html_text(h, name);
    hf_html_put(h, "</a></th><td class=\"n\" data-value=\"%d\"><span class=\"object swatch\"", row->id);
    hf_html_put_colour_style(h, row->id);
    hf_html_put(h, ">%d</span></td>", row->id);
    put_scores(h, &row->J, &row->F, (row->J.mean + row->F.mean) / 2);
    hf_html_put(h, "<td class=\"n\" data-key=\"frames\" data-value=\"%lld\">%lld</td></tr>\n", (long long)row->n_values,
                (long long)row->n_values);
}

static void put_table(hf_html *h, const hf_eval_report *report, const group *groups, int n_groups)
{
    hf_html_put(h, "<section>\n<h2>Scores</h2>\n<div class=\"scroll\">\n<table id=\"scores\">\n"
                   "<caption>One row an object; click a heading to sort</caption>\n<thead>\n"
                   "<tr class=\"over\"><td colspan=\"3\"></td><th scope=\"colgroup\" colspan=\"3\">J region</th>"
                   "<th scope=\"colgroup\" colspan=\"3\">F boundary</th><td></td></tr>\n<tr>"
                   "<th scope=\"col\" class=\"text\">Sequence</th><th scope=\"col\">Object</th><th scope=\"col\">J&amp;F</th>"
                   "<th scope=\"col\">Mean</th><th scope=\"col\">Recall</th><th scope=\"col\">Decay</th>"
                   "<th scope=\"col\">Mean</th><th scope=\"col\">Recall</th><th scope=\"col\">Decay</th>"
                   "<th scope=\"col\">Frames</th></tr>\n</thead>\n<tbody>\n");
    for (int i = 0; i < n_groups; i++)
        for (int k = 0; k < groups[i].n; k++)
            put_row(h, report, &groups[i], i, &groups[i].rows[k]);
    hf_html_put(h, "</tbody>\n<tfoot>\n<tr><th scope=\"row\" colspan=\"2\">Mean over objects</th>");
    put_scores(h, &report->J, &report->F, report->jf_mean);
    hf_html_put(h, "<td class=\"n\" data-key=\"frames\" data-value=\"%lld\">%lld</td></tr>\n</tfoot>\n</table>\n</div>\n"
                   "</section>\n", (long long)report->n_frames, (long long)report->n_frames);
}

static void put_setting(hf_html *h, const char *name, const json_t *value)
{
    char *dumped = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    const char *text = json_is_string(value) ? json_string_value(value) : dumped ? dumped : "";

    hf_html_put(h, "<dt>");
    hf_html_text(h, name);
    hf_html_put(h, "</dt><dd>");
    hf_html_text(h, *text ? text : "-");
    hf_html_put(h, "</dd>\n");
    free(dumped);
}

static void put_settings_block(hf_html *h, const char *heading, const json_t *block)
{
    const char *name;
    json_t *value;

    hf_html_put(h, "<div class=\"block\"><h3>");
    hf_html_text(h, heading);
    hf_html_put(h, "</h3>\n<dl class=\"settings\">\n");
    json_object_foreach((json_t *)block, name, value)
        put_setting(h, name, value);
    hf_html_put(h, "</dl></div>\n");
}

static void put_settings(hf_html *h, const hf_html_report_params *p)
{
    json_t *scoring = hf_html_scoring(p->report), *block;
    const char *heading;

    hf_html_put(h, "<section>\n<h2>Settings</h2>\n<div class=\"card\">\n");
    json_object_foreach(p->settings, heading, block)
        put_settings_block(h, heading, block);
    put_settings_block(h, "Scoring", scoring);
    hf_html_put(h, "</div>\n</section>\n");
    json_decref(scoring);
}

static void put_legend_colour(hf_html *h, hf_paint_verdict verdict, const char *what)
{
    const uint8_t *rgb = hf_paint_verdict_rgb[verdict];

    hf_html_put(h, "<span class=\"legend\"><i style=\"background:rgb(%d,%d,%d)\"></i>%s</span> ", rgb[0], rgb[1], rgb[2], what);
}

static void put_legend(hf_html *h)
{
    hf_html_put(h, "<p class=\"switches\"><label><input type=\"checkbox\" id=\"show-mask\" checked> masks of the result</label> "
                   "<label><input type=\"checkbox\" id=\"show-truth\" checked> outline of the ground truth (white)</label></p>\n"
                   "<p class=\"legends\">Errors: ");
    put_legend_colour(h, HF_PAINT_RIGHT, "right");
    put_legend_colour(h, HF_PAINT_MISSED, "missed");
    put_legend_colour(h, HF_PAINT_EXTRA, "too much");
    put_legend_colour(h, HF_PAINT_SWAPPED, "another object");
    hf_html_put(h, "</p>\n");
}

static int put_sequence(hf_html *h, const hf_html_report_params *p, const group *g, int number, int n_pictures,
                        hf_error *err)
{
    hf_html_put(h, "<article id=\"s%d\" data-rows=\"%d\" data-from=\"%d\">\n<h3>", number, g->n,
                (int)(g->rows - p->report->rows));
    hf_html_text(h, sequence_of(p->report, g)->name);
    hf_html_put(h, "</h3>\n<p class=\"stats\">J&amp;F <b data-key=\"jf_mean\">%.3f</b> J <b data-key=\"J.mean\">%.3f</b> F "
                   "<b data-key=\"F.mean\">%.3f</b> <span>", (g->j + g->f) / 2, g->j, g->f);
    put_plural(h, g->n, "object");
    hf_html_put(h, "</span> <a href=\"#scores\">to the table</a></p>\n");
    hf_html_put_curves(h, p->report, g->rows, g->n, hf_html_find_worst(g->rows, g->n).frame);
    int rc = g->has_pictures ? hf_html_put_sheet(h, p->report, p->results, g->rows, g->n, n_pictures, err) : HF_OK;
    hf_html_put(h, "</article>\n");
    return rc;
}

static int put_sequences(hf_html *h, const hf_html_report_params *p, const group *groups, int n_groups, hf_error *err)
{
    int n_pictures = MAX_PICTURES / n_groups, rc = HF_OK;

    n_pictures = n_pictures > MAX_PER_SEQUENCE   ? MAX_PER_SEQUENCE
                 : n_pictures < MIN_PER_SEQUENCE ? MIN_PER_SEQUENCE
                                                 : n_pictures;
    hf_html_put(h, "<section>\n<h2>Sequences</h2>\n");
    put_legend(h);
    if (n_groups > MAX_SHEETS)
        hf_html_put(h, "<p>Pictures of the %d sequences with the lowest scores only.</p>\n", MAX_SHEETS);
    for (int i = 0; i < n_groups && rc == HF_OK; i++)
        rc = put_sequence(h, p, &groups[i], i, n_pictures, err);
    hf_html_put(h, "</section>\n");
    return rc;
}

int hf_html_report_write(const char *path, const hf_html_report_params *p, hf_error *err)
{
    hf_html *h = NULL;
    group *groups = NULL;
    int n_groups = 0, rc;

    if ((rc = make_groups(&groups, &n_groups, p->report, err)) < 0 ||
        (rc = choose_pictured(groups, n_groups, err)) < 0 || (rc = hf_html_open(&h, path, err)) < 0)
        goto end;
    put_head(h, p->report);
    put_title(h, p->report, n_groups);
    put_tiles(h, p->report);
    put_table(h, p->report, groups, n_groups);
    put_settings(h, p);
    if ((rc = put_sequences(h, p, groups, n_groups, err)) < 0)
        goto end;
    hf_html_put(h, "</main>\n<footer>hfprop %s</footer>\n<script>\n%s</script>\n</body>\n</html>\n", hf_version(), script);
    rc = hf_html_finish(h, err);
end:
    hf_html_close(&h);
    free(groups);
    return rc;
}
