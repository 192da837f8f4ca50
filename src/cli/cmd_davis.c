/* cmd_davis.c - the verb `hfprop davis`: sequences to runs, task_verb.h, and cmd_eval.h for the scores. */
#include "src/cli/cmd_davis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/image_list.h"
#include "io/mask.h"
#include "src/cli/cmd_eval.h"
#include "src/cli/evaluate.h"
#include "src/cli/html.h"
#include "src/cli/outputs.h"
#include "src/cli/task_verb.h"

/* The number of the frame that the first annotation belongs to. */
static int find_key(int64_t *frame, const char *folder, const hf_davis_sequence *s, hf_error *err)
{
    hf_image_list *images;
    char stem[256];
    int rc = hf_image_list_open(&images, folder, err);

    if (rc < 0)
        return rc;
    *frame = -1;
    for (int i = 0; i < images->n && *frame < 0; i++) {
        hf_path_stem(stem, sizeof(stem), images->paths[i]);
        if (strcmp(stem, s->stems[0]) == 0)
            *frame = i;
    }
    hf_image_list_free(&images);
    return *frame >= 0 ? HF_OK
                       : hf_fail(err, HF_EFORMAT, "%s: no frame is called %s, as the first annotation is", folder,
                                 s->stems[0]);
}

/* Scored as one object, it is carried as one. Void must not become part of it, unless it is what marks it. */
static hf_mask_mode mask_mode(const hf_options *o, const hf_davis *davis)
{
    int void_counts = o->void_means == HF_EVAL_VOID_AUTO || o->void_means == HF_EVAL_VOID_OBJECT;
    return (o->single_object || davis->year == 2016) && void_counts ? HF_MASK_SINGLE : HF_MASK_DAVIS;
}

/* With -y, results in the tree itself would replace the annotations. */
static int check_place(const hf_task_verb *verb, const hf_davis_sequence *s, const char *frames, hf_error *err)
{
    char *place;
    int is_tree;

    if (asprintf(&place, "%s/%s", verb->list->folder, s->name) < 0)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", s->name);
    is_tree = hf_is_same_file(place, s->folder) || hf_is_same_file(place, frames);
    free(place);
    return is_tree ? hf_fail(err, HF_EARG, "-o %s: is a folder of the tree itself, want another one",
                             verb->options->out)
                   : HF_OK;
}

static int add_sequence(hf_task_verb *verb, const hf_davis *davis, const hf_davis_sequence *s, hf_options *o,
                        hf_error *err)
{
    char *frames = NULL, *mask = NULL;
    int64_t key;
    int rc;

    *o = *verb->options;
    if ((rc = hf_davis_find_frames(&frames, verb->options->input, o->resolution, s->name, err)) < 0 ||
        (rc = check_place(verb, s, frames, err)) < 0 || (rc = find_key(&key, frames, s, err)) < 0)
        goto end;
    if (asprintf(&mask, "%s/%s.png", s->folder, s->stems[0]) < 0) {
        mask = NULL;
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", s->name);
        goto end;
    }
    o->verb = HF_VERB_RUN;
    o->input = frames;
    o->mask = (hf_keyed_list){ .item = { { key, mask } }, .n = 1 };
    o->mask_colors = mask_mode(verb->options, davis);
    o->out = "none";
    o->masks_dir = s->name;
    rc = hf_task_list_add(verb->list, s->name, o, err);
end:
    free(frames);
    free(mask);
    return rc;
}

static int fill(hf_task_verb *verb, const hf_davis *davis, hf_error *err)
{
    hf_options *o = malloc(sizeof(*o)); /* too large for the stack */
    int rc = o ? HF_OK : hf_fail(err, HF_ENOMEM, "list of runs: out of memory");

    for (int i = 0; i < davis->n_sequences && rc == HF_OK; i++)
        rc = add_sequence(verb, davis, &davis->sequences[i], o, err);
    free(o);
    return rc;
}

/* 1 if the tree has the annotations that scores want; test sets have the first only. */
static int has_truth(const hf_davis *davis, const hf_options *o)
{
    for (int i = 0; i < davis->n_sequences; i++)
        if (davis->sequences[i].n_frames < (o->keep_first_last ? 2 : 3))
            return 0;
    return 1;
}

static int check_all_done(hf_task_verb *verb, hf_error *err)
{
    int rc;

    verb->stage = HF_STAGE_USAGE;
    if ((rc = hf_pool_check(&verb->result, verb->list, &verb->pool, verb->report, err)) < 0)
        return rc;
    for (int i = 0; i < verb->list->n; i++)
        if (verb->list->task[i].state != HF_TASK_DONE)
            return hf_fail(err, HF_EARG, "%s: is not done, nor may others be: %d of %d are; run without --score-only first",
                           verb->list->task[i].name, verb->result.n_done, verb->list->n);
    return HF_OK;
}

static int score(hf_task_verb *verb, const hf_davis *davis, hf_error *err)
{
    const hf_options *o = verb->options;
    hf_eval_places places = { .results = verb->list->folder, .tree = o->input, .folder = verb->list->folder,
                              .out = stdout, .events = verb->report };
    int rc, writing = 0;

    if (o->dry_run)
        return HF_OK;
    if (verb->result.n_failed) {
        hf_report_note(verb->report, "no scores while a sequence is missing");
        return HF_OK;
    }
    if (verb->n_parts > 1) {
        hf_report_note(verb->report, "when all %d parts are done, --score-only in place of --shard gives the scores",
                       verb->n_parts);
        return HF_OK;
    }
    if (!has_truth(davis, o)) {
        hf_report_note(verb->report, "no scores: the tree has no annotations beyond the first ones");
        return HF_OK;
    }
    rc = hf_cmd_eval_score(o, davis, &places, &writing, err);
    verb->stage = writing ? HF_STAGE_OUTPUT : HF_STAGE_INPUT;
    return rc;
}

static int do_davis(hf_task_verb *verb, hf_davis **davis, hf_error *err)
{
    const hf_options *o = verb->options;
    hf_davis_params tree;
    int rc;

    verb->stage = HF_STAGE_OUTPUT;
    if (o->report && (rc = hf_html_check(o->report, err)) < 0)
        return rc;
    verb->stage = HF_STAGE_INPUT;
    hf_cmd_eval_tree(&tree, o);
    if ((rc = hf_davis_open(davis, o->input, &tree, err)) < 0 || (rc = fill(verb, *davis, err)) < 0)
        return rc;
    rc = o->score_only ? check_all_done(verb, err) : hf_task_verb_work(verb, err);
    return rc < 0 ? rc : score(verb, *davis, err);
}

int hf_davis_main(const hf_options *options, int argc, char **argv)
{
    hf_task_verb verb;
    hf_davis *davis = NULL;
    hf_error err = { 0 };
    int rc, code;

    (void)argc, (void)argv;
    if ((rc = hf_task_verb_open(&verb, options, &err)) >= 0)
        rc = do_davis(&verb, &davis, &err);
    code = hf_task_verb_end(&verb, rc, &err);
    hf_davis_close(&davis);
    hf_task_verb_close(&verb);
    return code;
}
