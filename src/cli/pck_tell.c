/* pck_tell.c - scores of key points for people and programs; see pck_run.h.
 *
 * The conventions stand above every table and in the JSON: without them a PCK cannot be compared with another.
 */
#include "src/cli/pck_run.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/part_file.h"
#include "src/cli/chart.h"
#include "src/cli/settings.h"

static const char *base_name(hf_pck_base base) { return base == HF_PCK_IMAGE ? "image" : "box"; }

/* ---- conventions, each as one line ---- */

static void base_text(char *text, size_t size, const hf_pck_report *r, hf_pck_base base)
{
    static const char *const boxes[] = { "the annotated box of the target", "the annotated box of the source",
                                         "the box round the target's key points" };
    snprintf(text, size, "larger side of %s",
             base == HF_PCK_IMAGE ? "the target image" : boxes[r->setup->params.box]);
}

static void matched_text(char *text, size_t size, const hf_pck_report *r)
{
    int eval = r->setup->params.eval_size;
    if (eval)
        snprintf(text, size, "features upsampled to %dx%d pixels for both images; key points to the nearest of them", eval,
                 eval);
    else
        snprintf(text, size, "features upsampled to each image's own size; key points to the nearest pixel");
}

static const char *right_text(const hf_pck_report *r)
{
    return r->setup->params.is_strict ? "distance < alpha * base, in pixels of the target image"
                                      : "distance <= alpha * base, in pixels of the target image";
}

static void annotations_text(char *text, size_t size, const hf_pck_report *r)
{
    int n = snprintf(text, size, "%s, %s%s%s", r->options->input, r->set->layout_name, r->set->split[0] ? " " : "",
                     r->set->split);
    if (r->set->n_skipped && n < (int)size)
        n += snprintf(text + n, size - (size_t)n, "; %d pairs without common key points left out", r->set->n_skipped);
    if (r->setup->n_pairs < r->set->n && n < (int)size)
        snprintf(text + n, size - (size_t)n, "; the first %d of %d pairs", r->setup->n_pairs, r->set->n);
}

/* ---- the table ---- */

static void print_conventions(FILE *out, const hf_pck_report *r)
{
    const hf_pck_sums *all = &r->results[0].tally[0].all;
    char text[4500];

    annotations_text(text, sizeof(text), r);
    fprintf(out, "PCK of %d pairs, %d key points\n  annotations  %s\n", all->n_pairs, all->n_points, text);
    fprintf(out, "  features     %s, %s\n", r->results[0].model, r->features);
    matched_text(text, sizeof(text), r);
    fprintf(out, "  matched      %s\n  right        %s\n", text, right_text(r));
    for (int b = 0; b < r->setup->n_bases; b++) {
        base_text(text, sizeof(text), r, r->setup->bases[b]);
        fprintf(out, "  base %-7s %s\n", base_name(r->setup->bases[b]), text);
    }
    fputc('\n', out);
}

static void print_head(FILE *out, const hf_pck_report *r, const char *first)
{
    fprintf(out, "%-24s %6s %7s", first, "pairs", "points");
    for (int b = 0; b < r->setup->n_bases; b++)
        for (int a = 0; a < r->setup->params.n_alphas; a++) {
            char name[32];
            snprintf(name, sizeof(name), "%s@%g", base_name(r->setup->bases[b]), r->setup->params.alpha[a]);
            fprintf(out, " %11s", name);
        }
    fputc('\n', out);
}

typedef double (*figure)(const hf_pck_sums *sums, int alpha);

/* One line: category NULL is all of them. */
static void print_line(FILE *out, const hf_pck_report *r, const hf_pck_result *result, const char *name, int category,
                       figure value)
{
    const hf_pck_sums *s = category < 0 ? &result->tally[0].all : &result->tally[0].categories[category];
    fprintf(out, "%-24.24s %6d %7d", name, s->n_pairs, s->n_points);
    for (int b = 0; b < r->setup->n_bases; b++) {
        const hf_pck_tally *t = &result->tally[b];
        s = category < 0 ? &t->all : &t->categories[category];
        for (int a = 0; a < r->setup->params.n_alphas; a++)
            fprintf(out, " %11.2f", 100.0 * value(s, a));
    }
    fputc('\n', out);
}

static void print_mean_of_categories(FILE *out, const hf_pck_report *r, const hf_pck_result *result)
{
    fprintf(out, "%-24s %6s %7s", "mean over categories", "", "");
    for (int b = 0; b < r->setup->n_bases; b++)
        for (int a = 0; a < r->setup->params.n_alphas; a++)
            fprintf(out, " %11.2f", 100.0 * hf_pck_per_category(&result->tally[b], a));
    fputc('\n', out);
}

static void print_one(FILE *out, const hf_pck_report *r)
{
    const hf_pck_result *result = &r->results[0];
    print_head(out, r, "");
    print_line(out, r, result, "per key point", -1, hf_pck_per_point);
    print_line(out, r, result, "per image", -1, hf_pck_per_image);
    print_mean_of_categories(out, r, result);
    fputc('\n', out);
    print_head(out, r, "category, per key point");
    for (int c = 0; c < result->tally[0].n_categories; c++)
        print_line(out, r, result, result->tally[0].categories[c].category, c, hf_pck_per_point);
}

static void print_lines_of_sweep(FILE *out, const hf_pck_report *r, const char *head, figure value)
{
    print_head(out, r, head);
    for (int i = 0; i < r->n_results; i++) {
        const hf_pck_result *result = &r->results[i];
        char name[80];
        snprintf(name, sizeof(name), "%s%s%s", result->label, result->series[0] ? ", " : "", result->series);
        print_line(out, r, result, name, -1, value);
    }
}

static void print_sweep(FILE *out, const hf_pck_report *r)
{
    print_lines_of_sweep(out, r, "layer, per key point", hf_pck_per_point);
    fputc('\n', out);
    print_lines_of_sweep(out, r, "layer, per image", hf_pck_per_image);
}

int hf_pck_print(FILE *out, const hf_pck_report *report, hf_error *err)
{
    print_conventions(out, report);
    if (report->results[0].label[0])
        print_sweep(out, report);
    else
        print_one(out, report);
    return fflush(out) == 0 && !ferror(out) ? HF_OK : hf_fail(err, HF_EIO, "pck: the scores could not be printed");
}

/* ---- JSON ---- */

static json_t *sums_json(const hf_pck_sums *s, int n_alphas)
{
    json_t *points = json_array(), *images = json_array();
    for (int a = 0; a < n_alphas; a++) {
        json_array_append_new(points, json_real(hf_pck_per_point(s, a)));
        json_array_append_new(images, json_real(hf_pck_per_image(s, a)));
    }
    return json_pack("{s:i, s:i, s:o, s:o, s:f}", "pairs", s->n_pairs, "points", s->n_points, "per_point", points,
                     "per_image", images, "mean_distance_px", s->n_points ? s->distance_px / s->n_points : 0.0);
}

static json_t *tally_json(const hf_pck_tally *t, int n_alphas)
{
    json_t *root = sums_json(&t->all, n_alphas), *categories = json_object(), *means = json_array();
    for (int c = 0; c < t->n_categories; c++) {
        json_t *name = hf_json_text(t->categories[c].category);
        json_object_set_new(categories, json_string_value(name), sums_json(&t->categories[c], n_alphas));
        json_decref(name);
    }
    for (int a = 0; a < n_alphas; a++)
        json_array_append_new(means, json_real(hf_pck_per_category(t, a)));
    json_object_set_new(root, "mean_over_categories", means);
    json_object_set_new(root, "categories", categories);
    return root;
}

static json_t *conventions_json(const hf_pck_report *r)
{
    json_t *alphas = json_array();
    char text[4500];
    for (int a = 0; a < r->setup->params.n_alphas; a++)
        json_array_append_new(alphas, json_real(r->setup->params.alpha[a]));
    annotations_text(text, sizeof(text), r);
    json_t *c = json_pack("{s:o, s:s, s:s, s:o}", "annotations", hf_json_text(text), "features", r->features, "right",
                          right_text(r), "alpha", alphas);
    matched_text(text, sizeof(text), r);
    json_object_set_new(c, "matched", json_string(text));
    for (int b = 0; b < r->setup->n_bases; b++) {
        char name[16];
        base_text(text, sizeof(text), r, r->setup->bases[b]);
        snprintf(name, sizeof(name), "base_%s", base_name(r->setup->bases[b]));
        json_object_set_new(c, name, json_string(text));
    }
    return c;
}

static json_t *report_json(const hf_pck_report *r)
{
    json_t *results = json_array();
    for (int i = 0; i < r->n_results; i++) {
        json_t *one = json_pack("{s:o, s:s, s:s}", "model", hf_json_text(r->results[i].model), "layer",
                                r->results[i].label, "series", r->results[i].series);
        for (int b = 0; b < r->setup->n_bases; b++)
            json_object_set_new(one, base_name(r->setup->bases[b]),
                                tally_json(&r->results[i].tally[b], r->setup->params.n_alphas));
        json_array_append_new(results, one);
    }
    return json_pack("{s:s, s:o, s:o}", "hfprop", hf_version(), "conventions", conventions_json(r), "results", results);
}

int hf_pck_print_json(FILE *out, const hf_pck_report *report, hf_error *err)
{
    json_t *root = report_json(report);
    int failed = !root || json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) < 0 ||
                 fputc('\n', out) < 0 || fflush(out) != 0;
    int rc = !root ? hf_fail(err, HF_ENOMEM, "pck: out of memory")
             : failed ? hf_fail(err, HF_EIO, "pck: the scores could not be printed")
                      : HF_OK;
    json_decref(root);
    return rc;
}

/* ---- files ---- */

/* Run `write` on FOLDER/NAME.part and rename it. */
static int write_file(const char *folder, const char *name, const hf_pck_report *r, void (*write)(FILE *, const void *),
                      hf_error *err)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return hf_fail(err, HF_EARG, "%s: the name is too long", folder);
    return hf_part_file_write(path, write, r, err);
}

static void write_json(FILE *out, const void *report)
{
    hf_pck_print_json(out, report, NULL); /* the file's own error flag tells */
}

static void write_cell(FILE *out, const char *text)
{
    int quote = strpbrk(text, ",\"\r\n") != NULL;
    if (quote)
        fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    if (quote)
        fputc('"', out);
}

static void write_pairs(FILE *out, const void *report)
{
    const hf_pck_report *r = report;
    const hf_pck_setup *s = r->setup;
    fputs("layer,series,pair,source,target,category,points,mean_distance_px", out);
    for (int b = 0; b < s->n_bases; b++)
        for (int a = 0; a < s->params.n_alphas; a++)
            fprintf(out, ",right_%s@%g", base_name(s->bases[b]), s->params.alpha[a]);
    fputc('\n', out);
    for (int k = 0; k < r->n_results; k++)
        for (int i = 0; i < s->n_pairs; i++) {
            const hf_keypoint_pair *p = &r->set->pairs[i];
            const hf_pck_row *row = &r->results[k].rows[i];
            fprintf(out, "%s,", r->results[k].label);
            write_cell(out, r->results[k].series);
            fprintf(out, ",%d,", i);
            write_cell(out, p->source.image);
            fputc(',', out);
            write_cell(out, p->target.image);
            fputc(',', out);
            write_cell(out, p->category);
            fprintf(out, ",%d,%.4f", row->n, row->mean_px);
            for (int b = 0; b < s->n_bases; b++)
                for (int a = 0; a < s->params.n_alphas; a++)
                    fprintf(out, ",%d", row->hits[b][a]);
            fputc('\n', out);
        }
}

static void write_layers(FILE *out, const void *report)
{
    const hf_pck_report *r = report;
    fputs("layer,series,base,alpha,per_point,per_image,mean_over_categories\n", out);
    for (int k = 0; k < r->n_results; k++)
        for (int b = 0; b < r->setup->n_bases; b++)
            for (int a = 0; a < r->setup->params.n_alphas; a++) {
                const hf_pck_tally *t = &r->results[k].tally[b];
                fprintf(out, "%s,", r->results[k].label);
                write_cell(out, r->results[k].series);
                fprintf(out, ",%s,%g,%.6f,%.6f,%.6f\n", base_name(r->setup->bases[b]), r->setup->params.alpha[a],
                        hf_pck_per_point(&t->all, a), hf_pck_per_image(&t->all, a), hf_pck_per_category(t, a));
            }
}

/* Lines of the chart: every series that was swept; where there is none, one a base. */
static int find_lines(hf_chart_series *lines, int *n_positions, double *values, const hf_pck_report *r)
{
    int n_lines = 0;
    *n_positions = 0;
    for (int k = 0; k < r->n_results; k++) {
        const char *name = r->results[k].series;
        int at = 0;
        while (at < n_lines && strcmp(lines[at].name, name) != 0)
            at++;
        if (at == n_lines)
            lines[n_lines++] = (hf_chart_series){ name, values + k }; /* results of one series stand together */
        int position = (int)(values + k - lines[at].values);
        *n_positions = position >= *n_positions ? position + 1 : *n_positions;
        values[k] = 100.0 * hf_pck_per_point(&r->results[k].tally[0].all, 0);
    }
    if (n_lines == 1 && !lines[0].name[0]) {
        lines[0].name = base_name(r->setup->bases[0]);
        for (int k = 0; r->setup->n_bases == 2 && k < r->n_results; k++)
            values[r->n_results + k] = 100.0 * hf_pck_per_point(&r->results[k].tally[1].all, 0);
        if (r->setup->n_bases == 2)
            lines[n_lines++] = (hf_chart_series){ base_name(r->setup->bases[1]), values + r->n_results };
    }
    return n_lines;
}

/* PCK per key point by layer, at the first alpha and the first base. */
static int write_chart(const char *folder, const hf_pck_report *r, hf_error *err)
{
    char path[PATH_MAX], title[700], y_name[64];
    size_t n = (size_t)r->n_results;
    const char **positions = malloc(n * sizeof(*positions));
    double *values = malloc(2 * n * sizeof(*values));
    hf_chart_series *lines = malloc((n + 1) * sizeof(*lines));
    int n_positions, n_lines, rc;

    if (!positions || !values || !lines) {
        rc = hf_fail(err, HF_ENOMEM, "pck: out of memory");
        goto end;
    }
    n_lines = find_lines(lines, &n_positions, values, r);
    for (int k = 0; k < n_positions; k++)
        positions[k] = r->results[k].label;
    snprintf(title, sizeof(title), "%s on %s, %d pair%s", r->results[0].model, r->set->layout_name, r->setup->n_pairs,
             r->setup->n_pairs == 1 ? "" : "s");
    snprintf(y_name, sizeof(y_name), "PCK@%g per key point, %%", r->setup->params.alpha[0]);
    if (snprintf(path, sizeof(path), "%s/layers.svg", folder) >= (int)sizeof(path))
        rc = hf_fail(err, HF_EARG, "%s: the name is too long", folder);
    else
        rc = hf_chart_write(path, &(hf_chart){ .title = title, .x_name = "layer", .y_name = y_name,
                                               .positions = positions, .n_positions = n_positions, .series = lines,
                                               .n_series = n_lines }, err);
end:
    free(positions);
    free(values);
    free(lines);
    return rc;
}

int hf_pck_write(const char *folder, const hf_pck_report *report, hf_error *err)
{
    int rc;

    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return hf_fail(err, HF_EIO, "%s: %s", folder, strerror(errno));
    if ((rc = write_file(folder, "pck.json", report, write_json, err)) < 0 ||
        (rc = write_file(folder, "pairs.csv", report, write_pairs, err)) < 0 || !report->results[0].label[0])
        return rc;
    if ((rc = write_file(folder, "layers.csv", report, write_layers, err)) < 0)
        return rc;
    return write_chart(folder, report, err);
}
