/* cmd_eval.c - the verb `hfprop eval`: score, write the files, print. */
#include "src/cli/cmd_eval.h"

#include "hf_config.h"
#include "src/cli/evaluate_write.h"
#include "src/cli/exit_code.h"
#include "src/cli/html.h"
#include "src/cli/html_report.h"
#include "src/cli/html_settings.h"
#include "src/cli/report.h"
#include "src/cli/settings.h"
#include "src/hfprop.h"

/* The page, where this build has what pictures need. */
static int write_report(const hf_options *o, const hf_eval_report *report, hf_error *err)
{
#ifdef HF_HAVE_FFMPEG
    hf_html_report_params page = { .report = report, .results = o->input };
    const char *first = report->davis->sequences[report->rows[0].sequence].name;
    int rc;

    page.settings = json_pack("{s:o*,s:{s:s,s:o*,s:o,s:o}}", "Propagation (first sequence)",
                              hf_html_sidecar(o->input, first), "Scoring run", "hfprop", hf_version(), "command",
                              hf_html_command(o->argc, o->argv), "results", hf_json_text(o->input), "tree",
                              hf_json_text(o->davis));
    if (!page.settings)
        return hf_fail(err, HF_ENOMEM, "eval: out of memory for the report");
    rc = hf_html_report_write(o->report, &page, err);
    json_decref(page.settings);
    return rc;
#else
    (void)report;
    return hf_fail(err, HF_EUNSUPPORTED, "%s: this build has no FFmpeg, which the report's pictures need", o->report);
#endif
}

static int write_scores(const hf_options *o, const hf_eval_report *report, FILE *out, hf_error *err)
{
    int rc;

    if (o->out && (rc = hf_eval_write(o->out, report, err)) < 0)
        return rc;
    if (o->report && (rc = write_report(o, report, err)) < 0)
        return rc;
    if (!o->json)
        hf_eval_print(out, report);
    else if ((rc = hf_eval_print_json(out, report, err)) < 0)
        return rc;
    return fflush(out) == 0 ? HF_OK : hf_fail(err, HF_EIO, "eval: the scores could not be printed");
}

int hf_cmd_eval(const hf_options *o, FILE *out, int *writing, hf_error *err)
{
    static const int years[] = { 0, 2016, 2017 }; /* in the order of --year */
    hf_davis_params tree = { .year = years[o->year], .split = o->split, .resolution = o->resolution,
                             .sequences = o->sequences };
    hf_eval_params params = { .objects = (hf_eval_objects)o->objects,
                              .void_means = (hf_eval_void)o->void_means,
                              .keep_first_last = o->keep_first_last,
                              .n_threads = o->n_threads };
    hf_davis *davis = NULL;
    hf_eval_report *report = NULL;
    int rc;

    *writing = 1;
    if (o->report && (rc = hf_html_check(o->report, err)) < 0)
        goto end;
    *writing = 0;
    if ((rc = hf_davis_open(&davis, o->davis, &tree, err)) < 0)
        goto end;
    /* 2016 may be asked for, or be the only year that the tree has a list of. */
    params.single_object = o->single_object || davis->year == 2016;
    if ((rc = hf_eval_run(&report, davis, o->input, &params, err)) < 0)
        goto end;
    *writing = 1;
    rc = write_scores(o, report, out, err);
end:
    hf_eval_report_free(&report);
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
