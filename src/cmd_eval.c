/* cmd_eval.c - the verb `hfprop eval`: options to parameters, then score, write and print. */
#include "src/cmd_eval.h"

#include <stddef.h>
#include <string.h>
#include "src/evaluate_write.h"

/* The number of word in a list that ends in NULL; a missing word is the first. */
static int find_word(int *found, const char *option, const char *word, const char *const *words,
                     const char *wanted, hf_error *err)
{
    *found = 0;
    if (!word)
        return HF_OK;
    for (int i = 0; words[i]; i++) {
        if (strcmp(word, words[i]) == 0) {
            *found = i;
            return HF_OK;
        }
    }
    return hf_fail(err, HF_EARG, "%s: '%s', want %s", option, word, wanted);
}

static int read_options(hf_eval_params *params, hf_davis_params *tree, const hf_eval_options *o,
                        hf_error *err)
{
    /* In the order of hf_eval_objects and hf_eval_void. */
    static const char *const objects[] = { "first", "seen", NULL };
    static const char *const voids[] = { "auto", "background", "exclude", "object", NULL };
    int which, void_means, rc;

    if (!o->results)
        return hf_fail(err, HF_EARG, "eval: no folder of results, want: hfprop eval RESULTS --davis ROOT");
    if (!o->davis)
        return hf_fail(err, HF_EARG, "eval: no --davis ROOT, the folder with Annotations and ImageSets");
    if ((rc = find_word(&which, "--objects", o->objects, objects, "first or seen", err)) < 0 ||
        (rc = find_word(&void_means, "--void", o->void_means, voids,
                        "auto, background, exclude or object", err)) < 0)
        return rc;
    *tree = (hf_davis_params){ .year = o->year, .split = o->split, .resolution = o->resolution,
                               .sequences = o->sequences };
    *params = (hf_eval_params){ .objects = (hf_eval_objects)which,
                                .void_means = (hf_eval_void)void_means,
                                .single_object = o->single_object || o->year == 2016,
                                .keep_first_last = o->keep_first_last,
                                .n_threads = o->n_threads };
    return HF_OK;
}

int hf_cmd_eval(const hf_eval_options *o, FILE *out, hf_error *err)
{
    hf_davis_params tree;
    hf_eval_params params;
    hf_davis *davis = NULL;
    hf_eval_report *report = NULL;
    int rc;

    if ((rc = read_options(&params, &tree, o, err)) < 0 ||
        (rc = hf_davis_open(&davis, o->davis, &tree, err)) < 0)
        goto end;
    /* A tree that has only the list of 2016 is scored as 2016. */
    params.single_object |= davis->year == 2016;
    if ((rc = hf_eval_run(&report, davis, o->results, &params, err)) < 0)
        goto end;
    if (o->output && (rc = hf_eval_write(o->output, report, err)) < 0)
        goto end;
    if (!o->json)
        hf_eval_print(out, report);
    else if ((rc = hf_eval_print_json(out, report, err)) < 0)
        goto end;
    if (fflush(out) != 0)
        rc = hf_fail(err, HF_EIO, "eval: the scores could not be printed");
end:
    hf_eval_report_free(&report);
    hf_davis_close(&davis);
    return rc;
}
