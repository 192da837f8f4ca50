/* cmd_eval.c - the verb `hfprop eval`: score, write the files, print. */
#include "src/cli/cmd_eval.h"

#include "hf_config.h"
#include "src/cli/evaluate_write.h"
#include "src/cli/exit_code.h"
#include "src/cli/html.h"
#include "src/cli/html_report.h"
#include "src/cli/html_settings.h"
#include "src/cli/settings.h"
#include "src/hfprop.h"

/* The page, where this build has what pictures need. */
static int write_report(const hf_options *o, const hf_eval_places *places, const hf_eval_report *report, hf_error *err)
{
#ifdef HF_HAVE_FFMPEG
    hf_html_report_params page = { .report = report, .results = places->results };
    const char *first = report->davis->sequences[report->rows[0].sequence].name;
    int rc;

    page.settings = json_pack("{s:o*,s:{s:s,s:o*,s:o,s:o}}", "Propagation (first sequence)",
                              hf_html_sidecar(places->results, first), "Scoring run", "hfprop", hf_version(), "command",
                              hf_html_command(o->argc, o->argv), "results", hf_json_text(places->results), "tree",
                              hf_json_text(places->tree));
    if (!page.settings)
        return hf_fail(err, HF_ENOMEM, "eval: out of memory for the report");
    rc = hf_html_report_write(o->report, &page, err);
    json_decref(page.settings);
    return rc;
#else
    (void)places, (void)report;
    return hf_fail(err, HF_EUNSUPPORTED, "%s: this build has no FFmpeg, which the report's pictures need", o->report);
#endif
}

static int tell_scores(const hf_options *o, const hf_eval_report *scores, FILE *out, hf_report *events, hf_error *err)
{
    int rc;

    if (events && hf_report_wants_events(events))
        hf_report_event(events, "scores", hf_eval_json(scores));
    if (!o->json)
        hf_eval_print(out, scores);
    else if (!events && (rc = hf_eval_print_json(out, scores, err)) < 0)
        return rc;
    return fflush(out) == 0 ? HF_OK : hf_fail(err, HF_EIO, "eval: the scores could not be printed");
}

void hf_cmd_eval_tree(hf_davis_params *tree, const hf_options *o)
{
    static const int years[] = { 0, 2016, 2017 }; /* in the order of --year */
    *tree = (hf_davis_params){ .year = years[o->year], .split = o->split, .resolution = o->resolution,
                               .sequences = o->sequences };
}

int hf_cmd_eval_score(const hf_options *o, const hf_davis *davis, const hf_eval_places *places, int *writing, hf_error *err)
{
    hf_eval_params params = { .objects = (hf_eval_objects)o->objects,
                              .void_means = (hf_eval_void)o->void_means,
                              .keep_first_last = o->keep_first_last,
                              /* 2016 may be asked for, or be the only year that the tree has a list of. */
                              .single_object = o->single_object || davis->year == 2016,
                              .n_threads = o->n_threads };
    hf_eval_report *scores = NULL;
    int rc;

    *writing = 0;
    if ((rc = hf_eval_run(&scores, davis, places->results, &params, err)) < 0)
        return rc;
    *writing = 1;
    if (places->folder)
        rc = hf_eval_write(places->folder, scores, err);
    if (rc == HF_OK && o->report)
        rc = write_report(o, places, scores, err);
    if (rc == HF_OK)
        rc = tell_scores(o, scores, places->out, places->events, err);
    hf_eval_report_free(&scores);
    return rc;
}

int hf_cmd_eval(const hf_options *o, FILE *out, int *writing, hf_error *err)
{
    hf_eval_places places = { .results = o->input, .tree = o->davis, .folder = o->out, .out = out };
    hf_davis_params tree;
    hf_davis *davis = NULL;
    int rc;

    *writing = 1;
    if (o->report && (rc = hf_html_check(o->report, err)) < 0)
        return rc;
    *writing = 0;
    hf_cmd_eval_tree(&tree, o);
    if ((rc = hf_davis_open(&davis, o->davis, &tree, err)) >= 0)
        rc = hf_cmd_eval_score(o, davis, &places, writing, err);
    hf_davis_close(&davis);
    return rc;
}

int hf_eval_main(const hf_options *options, int argc, char **argv)
{
    hf_error err = { 0 };
    int writing, rc = hf_cmd_eval(options, stdout, &writing, &err);

    (void)argc, (void)argv;
    if (rc == HF_OK)
        return 0;
    hf_report_error(NULL, &err);
    return hf_exit_code(err.status, err.status == HF_EARG ? HF_STAGE_USAGE
                                    : writing             ? HF_STAGE_OUTPUT
                                                          : HF_STAGE_INPUT);
}
