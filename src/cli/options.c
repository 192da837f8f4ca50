/* options.c - reading the command line by the table of option_table.c.
 *
 * Long options take `--name VALUE` or `--name=VALUE`, short ones `-xVALUE`,
 * `-x VALUE` and, without values, `-xyz`. Names are never abbreviated: `--mask`
 * would be a prefix of `--masks`. A misspelt name is answered with the nearest.
 */
#include "src/cli/options.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_NAME 64

static void *field_of(hf_options *options, const hf_option_row *row)
{
    return (char *)options + row->field;
}

/* ---- misspelt names ---- */

/* Edits (insert, delete, replace, swap neighbours) between two short words. */
static int word_distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b);
    int d[MAX_NAME + 1][MAX_NAME + 1];
    if (n > MAX_NAME || m > MAX_NAME)
        return MAX_NAME;
    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= m; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

/* Near enough to be a slip of the hand, or the beginning of the name. */
static int resembles(const char *typed, const char *name, int *distance)
{
    *distance = word_distance(typed, name);
    if (strlen(typed) >= 2 && strncmp(typed, name, strlen(typed)) == 0)
        return 1;
    return *distance <= (strlen(typed) > 4 ? 2 : 1);
}

static const char *nearest_option(const char *typed, int verb)
{
    const char *best = NULL;
    int best_distance = INT_MAX, distance;
    for (const hf_option_row *row = hf_option_table; row->name; row++)
        if ((row->verbs & verb) && resembles(typed, row->name, &distance) && distance < best_distance) {
            best = row->name;
            best_distance = distance;
        }
    return best;
}

static const char *nearest_verb(const char *typed)
{
    int distance;
    for (const hf_verb_row *row = hf_verb_table; row->name; row++)
        if (resembles(typed, row->name, &distance))
            return row->name;
    return NULL;
}

/* ---- values ---- */

static int fail_value(hf_error *err, const hf_option_row *row, const char *text, const char *want)
{
    return hf_fail(err, HF_EARG, "--%s: \"%s\" is not %s", row->name, text, want);
}

static int in_range(const hf_option_row *row, double value, const char *text, hf_error *err)
{
    if (value >= row->min && value <= row->max)
        return HF_OK;
    return hf_fail(err, HF_EARG, "--%s: %s is out of range, want %.15g..%.15g%s%s", row->name, text, row->min,
                   row->max, row->word ? " or " : "", row->word ? row->word : "");
}

/* Whole of text as an integer; a number that overflows is out of range, not junk. */
static int read_integer(const hf_option_row *row, long long *value, const char *text, hf_error *err)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    if (end == text || *end || strchr(" \t\n+", text[0]))
        return fail_value(err, row, text, "a whole number");
    return in_range(row, errno ? copysign(INFINITY, (double)*value) : (double)*value, text, err);
}

static int read_real(const hf_option_row *row, double *value, const char *text, hf_error *err)
{
    char *end;
    *value = strtod(text, &end);
    if (end == text || *end || !isfinite(*value) || strpbrk(text, "xX \t\n"))
        return fail_value(err, row, text, "a number");
    return in_range(row, *value, text, err);
}

/* NTSC rates are written rounded; 23.976 means 24000/1001. */
static int read_rate(const hf_option_row *row, hf_rate *rate, const char *text, hf_error *err)
{
    char *end;
    double value = strtod(text, &end), below = 1;
    if (end != text && *end == '/') {
        const char *second = end + 1;
        below = strtod(second, &end);
        if (end == second || below != floor(below) || value != floor(value) || !(below >= 1 && below <= 1e6) ||
            !(value >= 1 && value <= 1e9))
            return fail_value(err, row, text, "a frame rate such as 25, 23.976 or 30000/1001");
    }
    if (end == text || *end || !isfinite(value) || strpbrk(text, "xX -+\t"))
        return fail_value(err, row, text, "a frame rate such as 25, 23.976 or 30000/1001");
    int rc = in_range(row, value / below, text, err);
    if (rc < 0)
        return rc;
    if (below > 1) {
        *rate = (hf_rate){ (int)value, (int)below };
    } else if (value == floor(value)) {
        *rate = (hf_rate){ (int)value, 1 };
    } else {
        double ntsc = round(value) * 1000 / 1001;
        *rate = fabs(value - ntsc) < 0.005 ? (hf_rate){ (int)round(value) * 1000, 1001 }
                                           : (hf_rate){ (int)round(value * 1000), 1000 };
    }
    return HF_OK;
}

static int read_choice(const hf_option_row *row, int *value, const char *text, hf_error *err)
{
    size_t length = strlen(text);
    int index = 0;
    for (const char *c = row->choices;; c++, index++) {
        const char *end = strchrnul(c, '|');
        if ((size_t)(end - c) == length && strncmp(c, text, length) == 0) {
            *value = index;
            return HF_OK;
        }
        if (!*end)
            break;
        c = end;
    }
    return hf_fail(err, HF_EARG, "--%s: \"%s\" is not known, want one of %s", row->name, text, row->choices);
}

/* N=FILE, or FILE alone. A file whose own name holds a '=' is given as ./name or 0=name. */
static int read_keyed(const hf_option_row *row, hf_keyed_list *list, const char *text, hf_error *err)
{
    const char *equals = strchr(text, '='), *path = text;
    long long frame = -1;
    if (equals && !memchr(text, '/', (size_t)(equals - text))) {
        char number[32];
        size_t length = (size_t)(equals - text);
        char *end;
        if (length == 0 || length >= sizeof(number))
            return fail_value(err, row, text, "N=FILE with a frame number N");
        memcpy(number, text, length);
        number[length] = 0;
        errno = 0;
        frame = strtoll(number, &end, 10);
        if (*end || end == number || errno)
            return hf_fail(err, HF_EARG,
                           "--%s: \"%s\" is not a frame number, want N=FILE (for a file name with '=' write ./%s)",
                           row->name, number, text);
        if (frame < 0 || (double)frame > row->max)
            return hf_fail(err, HF_EARG, "--%s: frame %lld is out of range, want 0 or more", row->name, frame);
        path = equals + 1;
    }
    if (!*path)
        return hf_fail(err, HF_EARG, "--%s: \"%s\" names no file, want [N=]FILE", row->name, text);
    for (int i = 0; i < list->n; i++)
        if (list->item[i].frame == frame)
            return frame < 0 ? hf_fail(err, HF_EARG, "--%s: two files without a frame number (%s and %s), want N=FILE",
                                       row->name, list->item[i].path, path)
                             : hf_fail(err, HF_EARG, "--%s: frame %lld is given twice (%s and %s)", row->name, frame,
                                       list->item[i].path, path);
    if (list->n == HF_MAX_KEYS)
        return hf_fail(err, HF_EARG, "--%s: more than %d key frames", row->name, HF_MAX_KEYS);
    list->item[list->n++] = (hf_keyed_path){ frame, path };
    return HF_OK;
}

static int store(hf_options *options, const hf_option_row *row, const char *text, hf_error *err)
{
    void *field = field_of(options, row);
    long long integer;
    int rc;

    if (row->word && row->kind != HF_OPT_RATE && strcmp(text, row->word) == 0)
        text = row->initial;
    /* The table's own default may lie outside the range: it means "not given". */
    int is_default = row->initial && text == row->initial;
    switch (row->kind) {
    case HF_OPT_FLAG:
        *(int *)field = row->value;
        return HF_OK;
    case HF_OPT_INT:
    case HF_OPT_INT64:
        if (is_default)
            integer = atoll(text);
        else if ((rc = read_integer(row, &integer, text, err)) < 0)
            return rc;
        if (row->kind == HF_OPT_INT)
            *(int *)field = (int)integer;
        else
            *(int64_t *)field = integer;
        return HF_OK;
    case HF_OPT_REAL:
        if (is_default) {
            *(double *)field = atof(text);
            return HF_OK;
        }
        return read_real(row, field, text, err);
    case HF_OPT_RATE:
        if (row->word && strcmp(text, row->word) == 0) {
            *(hf_rate *)field = (hf_rate){ 0, 0 };
            return HF_OK;
        }
        return read_rate(row, field, text, err);
    case HF_OPT_CHOICE:
        return read_choice(row, field, text, err);
    case HF_OPT_TEXT:
        if (!*text)
            return hf_fail(err, HF_EARG, "--%s: empty, want %s", row->name, row->arg);
        *(const char **)field = text;
        return HF_OK;
    case HF_OPT_KEYED:
        return read_keyed(row, field, text, err);
    }
    return HF_OK;
}

const char *hf_option_text(const hf_option_row *row, const hf_options *options, char *buffer, size_t size)
{
    const void *field = (const char *)options + row->field;
    double number = 0;

    buffer[0] = 0;
    switch (row->kind) {
    case HF_OPT_FLAG:
        return *(const int *)field == row->value ? "yes" : "no";
    case HF_OPT_TEXT:
        return *(const char *const *)field ? *(const char *const *)field : "";
    case HF_OPT_CHOICE: {
        const char *c = row->choices;
        for (int i = *(const int *)field; i > 0; i--)
            c = strchrnul(c, '|') + 1;
        snprintf(buffer, size, "%.*s", (int)(strchrnul(c, '|') - c), c);
        return buffer;
    }
    case HF_OPT_RATE: {
        hf_rate rate = *(const hf_rate *)field;
        if (!rate.den)
            return row->word ? row->word : "";
        snprintf(buffer, size, rate.den == 1 ? "%d" : "%d/%d", rate.num, rate.den);
        return buffer;
    }
    case HF_OPT_INT:
        number = *(const int *)field;
        break;
    case HF_OPT_INT64:
        number = (double)*(const int64_t *)field;
        break;
    case HF_OPT_REAL:
        number = *(const double *)field;
        break;
    case HF_OPT_KEYED:
        return buffer;
    }
    if (row->word && row->initial && number == atof(row->initial))
        return row->word;
    snprintf(buffer, size, "%.12g", number);
    return buffer;
}

/* ---- the command line ---- */

/* The verb's own row of that name, or else another verb's, so that the error can say whose it is not. */
static const hf_option_row *find_long(int verb, const char *name, size_t length)
{
    const hf_option_row *found = NULL;
    for (const hf_option_row *row = hf_option_table; row->name; row++)
        if (strlen(row->name) == length && strncmp(row->name, name, length) == 0 && (!found || (row->verbs & verb)))
            found = row;
    return found;
}

static const hf_option_row *find_short(int verb, char letter)
{
    const hf_option_row *found = NULL;
    for (const hf_option_row *row = hf_option_table; row->name; row++)
        if (row->letter && row->letter == letter && (!found || (row->verbs & verb)))
            found = row;
    return found;
}

static const hf_verb_row *row_of(hf_verb verb)
{
    const hf_verb_row *row = hf_verb_table;
    while (row->name && row->verb != verb)
        row++;
    return row;
}

static const char *verb_name(hf_verb verb) { return row_of(verb)->name; }

static int check_verb(const hf_options *options, const hf_option_row *row, hf_error *err)
{
    if (row->verbs & options->verb)
        return HF_OK;
    return hf_fail(err, HF_EARG, "--%s: not an option of hfprop %s", row->name, verb_name(options->verb));
}

/* The value of an option that wants one: after '=' or in the next word. */
static int take_value(const char **value, int verb, const hf_option_row *row, const char *inlined, int argc, char **argv,
                      int *i, hf_error *err)
{
    if (inlined) {
        *value = inlined;
        return HF_OK;
    }
    const char *next = *i + 1 < argc ? argv[*i + 1] : NULL;
    if (next && strncmp(next, "--", 2) == 0 && find_long(verb, next + 2, strcspn(next + 2, "=")))
        return hf_fail(err, HF_EARG, "--%s: needs a value (%s), found the option %s", row->name, row->arg, next);
    if (!next)
        return hf_fail(err, HF_EARG, "--%s: needs a value (%s)", row->name, row->arg);
    *value = next;
    (*i)++;
    return HF_OK;
}

static int set_option(hf_options *options, const hf_option_row *row, const char *value, hf_error *err)
{
    int rc = check_verb(options, row, err);
    if (rc >= 0)
        rc = store(options, row, value, err);
    if (rc >= 0 && row->field == offsetof(hf_options, shell))
        options->show = HF_SHOW_COMPLETION;
    return rc;
}

static int parse_long(hf_options *options, int argc, char **argv, int *i, hf_error *err)
{
    const char *name = argv[*i] + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const hf_option_row *row = find_long((int)options->verb, name, length);
    const char *value = NULL;
    int rc;

    if (!row) {
        char typed[MAX_NAME + 1];
        snprintf(typed, sizeof(typed), "%.*s", (int)(length > MAX_NAME ? MAX_NAME : length), name);
        const char *near = nearest_option(typed, options->verb);
        return hf_fail(err, HF_EARG, "--%s: no such option%s%s%s", typed, near ? ", did you mean --" : "",
                       near ? near : "", near ? "?" : "; hfprop --help lists them");
    }
    if (row->kind == HF_OPT_FLAG && equals)
        return hf_fail(err, HF_EARG, "--%s: takes no value, found \"%s\"", row->name, equals + 1);
    if (row->kind != HF_OPT_FLAG &&
        (rc = take_value(&value, (int)options->verb, row, equals ? equals + 1 : NULL, argc, argv, i, err)) < 0)
        return rc;
    return set_option(options, row, value, err);
}

static int parse_short(hf_options *options, int argc, char **argv, int *i, hf_error *err)
{
    for (const char *c = argv[*i] + 1; *c; c++) {
        const hf_option_row *row = find_short((int)options->verb, *c);
        const char *value = NULL;
        int rc;
        if (!row)
            return hf_fail(err, HF_EARG, "-%c: no such option; hfprop --help lists them", *c);
        if (row->kind == HF_OPT_FLAG) {
            if ((rc = set_option(options, row, NULL, err)) < 0)
                return rc;
            continue;
        }
        if ((rc = take_value(&value, (int)options->verb, row, c[1] ? c + 1 : NULL, argc, argv, i, err)) < 0)
            return rc;
        return set_option(options, row, value, err);
    }
    return HF_OK;
}

static int take_input(hf_options *options, const char *word, hf_error *err)
{
    int most = row_of(options->verb)->max_inputs;
    if (!most)
        return hf_fail(err, HF_EARG, "%s: hfprop %s takes no file", word, verb_name(options->verb));
    if (!*word)
        return hf_fail(err, HF_EARG, "the name of the input is empty");
    if (most == 1 && options->input)
        return hf_fail(err, HF_EARG, "two inputs (%s and %s), want one", options->input, word);
    if (options->n_inputs == most)
        return hf_fail(err, HF_EARG, "%s: hfprop %s takes no more than %d files", word, verb_name(options->verb), most);
    options->inputs[options->n_inputs++] = word;
    options->input = options->inputs[0];
    return HF_OK;
}

/* A word that is no file and nearly a verb is a misspelt verb. */
static int read_verb(hf_options *options, int argc, char **argv, int *first, hf_error *err)
{
    if (argc < 2 || argv[1][0] == '-' || !argv[1][0])
        return HF_OK;
    for (const hf_verb_row *row = hf_verb_table; row->name; row++)
        if (strcmp(argv[1], row->name) == 0) {
            options->verb = row->verb;
            *first = 2;
            if (row->raw) {
                options->rest = 2;
                *first = argc;
            }
            return HF_OK;
        }
    const char *near = strpbrk(argv[1], "./") ? NULL : nearest_verb(argv[1]);
    if (near && access(argv[1], F_OK) != 0)
        return hf_fail(err, HF_EARG, "%s: neither a file nor a command, did you mean %s?", argv[1], near);
    return HF_OK;
}

static int check_together(const hf_options *options, hf_error *err)
{
    if (options->show != HF_SHOW_NOTHING)
        return HF_OK;
    if (options->n_inputs < row_of(options->verb)->n_inputs)
        return hf_fail(err, HF_EARG, "%s", row_of(options->verb)->missing);
    if (options->verb == HF_VERB_EVAL && !options->davis)
        return hf_fail(err, HF_EARG, "nothing to score %s against, want --davis DIR", options->input);
    if ((options->verb & (HF_VERB_DAVIS | HF_VERB_BATCH)) && !options->out)
        return hf_fail(err, HF_EARG, "no folder for the results of %s, want -o RESULTS", options->input);
    if (options->verb != HF_VERB_RUN)
        return HF_OK;
    if (!options->mask.n && !options->edit.n)
        return hf_fail(err, HF_EARG, "nothing to carry through %s, want --mask FILE or --edit FILE", options->input);
    if (options->flow && options->match)
        return hf_fail(err, HF_EARG, "--match: with --flow the matches come from files");
    if (options->to >= 0 && options->from > options->to)
        return hf_fail(err, HF_EARG, "--from %lld is after --to %lld", (long long)options->from,
                       (long long)options->to);
    if (options->json && options->out && strcmp(options->out, "-") == 0)
        return hf_fail(err, HF_EARG, "--json: the standard output already carries the video (-o -), want --log-json FILE");
    return HF_OK;
}

void hf_options_init(hf_options *options, hf_verb verb)
{
    memset(options, 0, sizeof(*options));
    options->verb = verb;
    for (const hf_option_row *row = hf_option_table; row->name; row++)
        if (row->initial && store(options, row, row->initial, NULL) < 0)
            assert(!"a default of the option table is out of its own range");
}

int hf_options_parse(hf_options *options, int argc, char **argv, hf_error *err)
{
    int first = 1, rc, only_files = 0;

    hf_options_init(options, HF_VERB_RUN);
    options->argc = argc, options->argv = argv;
    if ((rc = read_verb(options, argc, argv, &first, err)) < 0)
        return rc;
    for (int i = first; i < argc; i++) {
        const char *word = argv[i];
        if (!only_files && strcmp(word, "--") == 0) {
            only_files = 1;
            continue;
        }
        if (only_files || word[0] != '-' || !word[1])
            rc = take_input(options, word, err);
        else if (word[1] == '-')
            rc = parse_long(options, argc, argv, &i, err);
        else
            rc = parse_short(options, argc, argv, &i, err);
        if (rc < 0)
            return rc;
    }
    return check_together(options, err);
}
