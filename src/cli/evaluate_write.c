/* evaluate_write.c - print and write the scores. */
#include "src/cli/evaluate_write.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int writer(FILE *file, const hf_eval_report *report, hf_error *err);

static const char *sequence_name(const hf_eval_report *report, const hf_eval_row *row)
{
    return report->davis->sequences[row->sequence].name;
}

/* Columns of the table: "<sequence>_<id>" can be long. */
static int name_width(const hf_eval_report *report)
{
    size_t widest = strlen("mean over objects");

    for (int i = 0; i < report->n_rows; i++) {
        size_t width = strlen(sequence_name(report, &report->rows[i])) + strlen("_255");
        if (width > widest)
            widest = width;
    }
    return (int)widest;
}

/* File names come from outside; the terminal must not obey them. */
static void print_name(FILE *file, const char *name, int id, int width)
{
    char text[300];
    int length = id > 0 ? snprintf(text, sizeof(text), "%s_%d", name, id)
                        : snprintf(text, sizeof(text), "%s", name);

    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    fprintf(file, "%s%*s", text, length < width ? width - length : 0, "");
}

static void print_scores(FILE *file, const hf_eval_stats *J, const hf_eval_stats *F)
{
    fprintf(file, "  %6.3f  %6.3f %6.3f %6.3f  %6.3f %6.3f %6.3f\n", (J->mean + F->mean) / 2, J->mean,
            J->recall, J->decay, F->mean, F->recall, F->decay);
}

void hf_eval_print(FILE *file, const hf_eval_report *report)
{
    int width = name_width(report);

    fprintf(file, "%-*s  %6s  %6s %6s %6s  %6s %6s %6s\n", width, "object", "J&F", "J", "recall", "decay",
            "F", "recall", "decay");
    for (int i = 0; i < report->n_rows; i++) {
        const hf_eval_row *row = &report->rows[i];
        print_name(file, sequence_name(report, row), row->id, width);
        print_scores(file, &row->J, &row->F);
    }
    print_name(file, "mean over objects", 0, width);
    print_scores(file, &report->J, &report->F);
}

static int write_global_csv(FILE *file, const hf_eval_report *report, hf_error *err)
{
    (void)err;
    fprintf(file, "J&F-Mean,J-Mean,J-Recall,J-Decay,F-Mean,F-Recall,F-Decay\n");
    fprintf(file, "%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f\n", report->jf_mean, report->J.mean,
            report->J.recall, report->J.decay, report->F.mean, report->F.recall, report->F.decay);
    return HF_OK;
}

/* A name with a comma, quote or line break is quoted, as pandas does. */
static void write_csv_name(FILE *file, const char *name, int id)
{
    if (!name[strcspn(name, ",\"\r\n")]) {
        fprintf(file, "%s_%d", name, id);
        return;
    }
    fputc('"', file);
    for (; *name; name++) {
        if (*name == '"')
            fputc('"', file);
        fputc(*name, file);
    }
    fprintf(file, "_%d\"", id);
}

static int write_sequence_csv(FILE *file, const hf_eval_report *report, hf_error *err)
{
    (void)err;
    fprintf(file, "Sequence,J-Mean,F-Mean\n");
    for (int i = 0; i < report->n_rows; i++) {
        const hf_eval_row *row = &report->rows[i];
        write_csv_name(file, sequence_name(report, row), row->id);
        fprintf(file, ",%.3f,%.3f\n", row->J.mean, row->F.mean);
    }
    return HF_OK;
}

static json_t *values_json(const double *values, int64_t n)
{
    json_t *array = json_array();

    for (int64_t i = 0; i < n; i++)
        json_array_append_new(array, json_real(values[i]));
    return array;
}

static json_t *stats_json(const hf_eval_stats *s)
{
    return json_pack("{s:f,s:f,s:f}", "mean", s->mean, "recall", s->recall, "decay", s->decay);
}

/* A name that is not UTF-8 cannot stand in JSON; its bytes beyond ASCII become '?'. */
static json_t *name_json(const char *name)
{
    json_t *text = json_string(name);

    if (!text) {
        char *copy = strdup(name);
        for (char *c = copy; c && *c; c++)
            if ((unsigned char)*c > 126)
                *c = '?';
        text = json_string(copy);
        free(copy);
    }
    return text;
}

/* Frames are named by the first stem and their number; stems of one sequence are consecutive
 * in the values. */
static json_t *row_json(const hf_eval_report *report, const hf_eval_row *row)
{
    const hf_davis_sequence *s = &report->davis->sequences[row->sequence];

    return json_pack("{s:o,s:i,s:f,s:o,s:o,s:o,s:o,s:o}", "sequence", name_json(s->name), "object",
                     row->id, "jf_mean", (row->J.mean + row->F.mean) / 2, "J", stats_json(&row->J), "F",
                     stats_json(&row->F), "first_frame", name_json(s->stems[row->first_frame]),
                     "j_frames", values_json(row->j, row->n_values), "f_frames",
                     values_json(row->f, row->n_values));
}

static const char *void_word(hf_eval_void void_means)
{
    static const char *const words[] = { "auto", "background", "exclude", "object" };
    return words[void_means];
}

json_t *hf_eval_json(const hf_eval_report *report)
{
    const hf_eval_params *p = &report->params;
    json_t *rows = json_array();

    for (int i = 0; i < report->n_rows; i++)
        json_array_append_new(rows, row_json(report, &report->rows[i]));
    return json_pack("{s:o,s:i,s:s,s:s,s:b,s:b,s:I,s:{s:f,s:o,s:o},s:o}", "split",
                     name_json(report->davis->split), "year", report->davis->year, "objects",
                     p->objects == HF_EVAL_SEEN ? "seen" : "first", "void", void_word(p->void_means),
                     "single_object", p->single_object, "keep_first_last", p->keep_first_last, "frames",
                     (json_int_t)report->n_frames, "global", "jf_mean", report->jf_mean, "J",
                     stats_json(&report->J), "F", stats_json(&report->F), "rows", rows);
}

int hf_eval_print_json(FILE *file, const hf_eval_report *report, hf_error *err)
{
    json_t *json = hf_eval_json(report);
    int failed;

    if (!json)
        return hf_fail(err, HF_ENOMEM, "eval: out of memory for the JSON report");
    /* 17 digits give every double back exactly. */
    failed = json_dumpf(json, file, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17)) < 0 ||
             fputc('\n', file) == EOF;
    json_decref(json);
    return failed ? hf_fail(err, HF_EIO, "eval: the JSON report could not be written") : HF_OK;
}

/* Write FOLDER/PREFIX-SPLIT.SUFFIX by way of a ".part" file, so that a broken file never has the name. */
static int write_file(const char *folder, const char *prefix, const char *suffix,
                      const hf_eval_report *report, writer *body, hf_error *err)
{
    char *path = NULL, *part = NULL;
    FILE *file = NULL;
    int rc = HF_OK;

    if (asprintf(&path, "%s/%s-%s.%s", folder, prefix, report->davis->split, suffix) < 0 ||
        asprintf(&part, "%s.part", path) < 0) {
        rc = hf_fail(err, HF_ENOMEM, "eval: out of memory");
        goto end;
    }
    if (!(file = fopen(part, "w"))) {
        rc = hf_fail(err, HF_EIO, "%s: %s", part, strerror(errno));
        goto end;
    }
    rc = body(file, report, err);
    bool broken = ferror(file) != 0;
    broken |= fclose(file) != 0;
    if (rc == HF_OK && (broken || rename(part, path) != 0))
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    if (rc < 0)
        unlink(part);
end:
    free(part);
    free(path);
    return rc;
}

int hf_eval_write(const char *folder, const hf_eval_report *report, hf_error *err)
{
    int rc;

    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return hf_fail(err, HF_EIO, "%s: %s", folder, strerror(errno));
    if ((rc = write_file(folder, "global_results", "csv", report, write_global_csv, err)) < 0 ||
        (rc = write_file(folder, "per-sequence_results", "csv", report, write_sequence_csv, err)) < 0)
        return rc;
    return write_file(folder, "scores", "json", report, hf_eval_print_json, err);
}
