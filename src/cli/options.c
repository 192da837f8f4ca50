/* options.c - reading the command line by the table of option_table.c.
 *
 * Long options take `--name VALUE` or `--name=VALUE`, short ones `-xVALUE`,
 * `-x VALUE` and, without values, `-xyz`. Names are never abbreviated: `--mask`
 * would be a prefix of `--masks`. A misspelt name is answered with the nearest.
 */
#include "src/cli/options.h"

#include <assert.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "src/near_word.h"

#define MAX_NAME 64

/* ---- misspelt names ---- */

static const char *nearest_option(const char *typed, int verb)
{
    const char *best = NULL;
    int best_distance = INT_MAX, distance;
    for (const hf_option_row *row = hf_option_table; row->name; row++)
        if ((row->verbs & verb) && hf_word_resembles(typed, row->name, &distance) && distance < best_distance) {
            best = row->name;
            best_distance = distance;
        }
    return best;
}

static const char *nearest_verb(const char *typed)
{
    int distance;
    for (const hf_verb_row *row = hf_verb_table; row->name; row++)
        if (hf_word_resembles(typed, row->name, &distance))
            return row->name;
    return NULL;
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
        rc = hf_option_store(options, row, value, err);
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
        if (row->initial && hf_option_store(options, row, row->initial, NULL) < 0)
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
