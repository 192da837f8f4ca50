/* cmd_batch.c - the verb `hfprop batch`: lines to runs; the rest is task_verb.h. */
#include "src/cli/cmd_batch.h"

#include <stdlib.h>
#include <string.h>

#include "src/cli/batch_list.h"
#include "src/cli/options_words.h"
#include "src/cli/task_verb.h"

#define MAX_NAME 200

/* Options of the list that every line starts from. */
static int common_words(hf_words *words, const hf_options *options, hf_error *err)
{
    hf_options *o = malloc(sizeof(*o));
    int rc;

    if (!o)
        return hf_fail(err, HF_ENOMEM, "list of runs: out of memory");
    *o = *options;
    o->out = o->log_path = NULL;
    o->json = o->dry_run = o->strict = o->n_threads = o->verbosity = 0;
    o->overwrite = HF_OVERWRITE_ASK;
    o->progress = HF_PROGRESS_AUTO;
    rc = hf_options_words(words, o, HF_VERB_RUN, err);
    free(o);
    return rc;
}

/* What belongs to the list as a whole. */
static int check_line(const hf_options *o, hf_error *err)
{
    const char *name = o->resume                ? "--resume"
                       : o->dry_run             ? "--dry-run"
                       : o->json                ? "--json"
                       : o->log_path            ? "--log-json"
                       : o->sidecar             ? "--sidecar"
                       : o->n_threads           ? "--threads"
                       : o->overwrite           ? "-y or -n"
                       : o->show                ? "--help and its like"
                       : strcmp(o->input, "-") == 0 ? "an input from a pipe"
                                                : NULL;
    return name ? hf_fail(err, HF_EARG, "%s cannot stand on a line of a list", name) : HF_OK;
}

static int parse_line(hf_options *o, const hf_words *common, const hf_words *line, hf_words *words, hf_error *err)
{
    int rc;

    if ((rc = hf_words_add(words, "hfprop", err)) < 0 || (rc = hf_words_add(words, "run", err)) < 0 ||
        (rc = hf_words_append(words, common, err)) < 0 || (rc = hf_words_append(words, line, err)) < 0 ||
        (rc = hf_options_parse(o, words->n, words->word, err)) < 0)
        return rc;
    return check_line(o, err);
}

/* {name} in what is written; `kept` owns the texts. */
static int expand_output(const char **path, const char *name, hf_words *kept, hf_error *err)
{
    char *text;
    int rc;

    if (!*path)
        return HF_OK;
    if ((rc = hf_batch_expand(&text, *path, name, err)) < 0)
        return rc;
    if ((rc = hf_words_add(kept, text, err)) == HF_OK)
        *path = kept->word[kept->n - 1];
    free(text);
    return rc;
}

static int add_line(hf_task_list *list, const hf_options *options, const hf_words *common, const hf_batch_line *line,
                    hf_options *o, hf_error *err)
{
    hf_words words = { 0 };
    char name[MAX_NAME];
    int rc = parse_line(o, common, &line->words, &words, err);

    if (rc < 0)
        goto end;
    if (!o->out)
        o->out = options->name_out;
    hf_batch_name(name, sizeof(name), o->input);
    if ((rc = expand_output(&o->out, name, &words, err)) < 0 ||
        (rc = expand_output(&o->masks_dir, name, &words, err)) < 0 ||
        (rc = expand_output(&o->mattes_dir, name, &words, err)) < 0)
        goto end;
    rc = hf_task_list_add(list, name, o, err);
end:
    hf_words_clear(&words);
    return rc;
}

static int fill(hf_task_verb *verb, hf_error *err)
{
    const hf_options *options = verb->options;
    hf_batch_list *batch = NULL;
    hf_options *o = malloc(sizeof(*o)); /* too large for the stack */
    hf_words common = { 0 };
    hf_error why;
    int rc;

    verb->stage = HF_STAGE_INPUT;
    if (!o) {
        rc = hf_fail(err, HF_ENOMEM, "list of runs: out of memory");
        goto end;
    }
    if ((rc = hf_batch_list_read(&batch, options->input, err)) < 0 || (rc = common_words(&common, options, err)) < 0)
        goto end;
    if (batch->n_left_out)
        hf_report_note(verb->report, "%s: %d video%s without a mask %s left out", options->input, batch->n_left_out,
                       batch->n_left_out > 1 ? "s" : "", batch->n_left_out > 1 ? "are" : "is");
    verb->stage = HF_STAGE_USAGE;
    for (int i = 0; i < batch->n; i++) {
        const hf_batch_line *line = &batch->line[i];
        if ((rc = add_line(verb->list, options, &common, line, o, &why)) < 0) {
            hf_fail(err, rc, "%s: %s%s%s", options->input, line->where, line->where[0] ? ": " : "", why.text);
            goto end;
        }
    }
end:
    hf_words_clear(&common);
    hf_batch_list_free(&batch);
    free(o);
    return rc;
}

int hf_batch_main(const hf_options *options, int argc, char **argv)
{
    hf_task_verb verb;
    hf_error err = { 0 };
    int rc, code;

    (void)argc, (void)argv;
    if ((rc = hf_task_verb_open(&verb, options, &err)) >= 0 && (rc = fill(&verb, &err)) >= 0)
        rc = hf_task_verb_work(&verb, &err);
    code = hf_task_verb_end(&verb, rc, &err);
    hf_task_verb_close(&verb);
    return code;
}
