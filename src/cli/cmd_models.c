/* cmd_models.c - see cmd_models.h. */
#include "src/cli/cmd_models.h"

#include <string.h>

#include "src/cli/exit_code.h"
#include "src/cli/models.h"
#include "src/cli/report.h"

static int print_json(json_t *object, hf_error *err)
{
    int failed = !object || json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9)) < 0 || putchar('\n') < 0;
    json_decref(object);
    return failed ? hf_fail(err, HF_EIO, "models: the answer could not be printed") : HF_OK;
}

static int list_all(const hf_options *o, hf_error *err)
{
    json_t *object = hf_models_list_json();
    if (o->json)
        return print_json(object, err);
    hf_models_list_print(stdout, object);
    json_decref(object);
    return HF_OK;
}

static int info(const hf_options *o, const char *name, hf_error *err)
{
    hf_models_target *target;
    int rc = hf_models_open(&target, name, o->weights, o->aggregation, err);
    if (rc < 0)
        return rc;
    json_t *object = hf_models_info_json(target);
    if (o->json)
        rc = print_json(object, err);
    else {
        hf_models_info_print(stdout, object);
        json_decref(object);
    }
    hf_models_close(&target);
    return rc;
}

/* HF_EMODEL, without a text, for files that are not as they should be: the report has told it all. */
static int verify(const hf_options *o, const char *name, hf_error *err)
{
    hf_models_target *target;
    json_t *report = NULL;
    int rc = hf_models_open(&target, name, o->weights, o->aggregation, err), ok = 0;

    if (rc == HF_OK)
        rc = hf_models_verify(&report, target, o->json ? NULL : stdout, err);
    hf_models_close(&target);
    if (rc < 0)
        return rc;
    ok = json_is_true(json_object_get(report, "ok"));
    if (o->json)
        rc = print_json(report, err);
    else {
        printf("%s\n", ok ? "all files are as they should be" : "do not use these files");
        json_decref(report);
    }
    return rc < 0 || ok ? rc : HF_EMODEL;
}

static int run(const hf_options *o, hf_error *err)
{
    const char *what = o->n_inputs ? o->inputs[0] : "list";
    int n_names = o->n_inputs - 1, worst = HF_OK;
    int (*step)(const hf_options *, const char *, hf_error *) = strcmp(what, "info") == 0     ? info
                                                                : strcmp(what, "verify") == 0 ? verify
                                                                                              : NULL;

    if (strcmp(what, "list") == 0 && n_names <= 0)
        return list_all(o, err);
    if (!step)
        return hf_fail(err, HF_EARG, "models: \"%s\" is not known, want list, info NAME or verify NAME", what);
    if (n_names < 1)
        return hf_fail(err, HF_EARG, "models %s: no model named, want a path, ORG/NAME or a name of `hfprop models`", what);
    for (int i = 1; i <= n_names; i++) {
        hf_error own = { 0 };
        int rc = step(o, o->inputs[i], &own);
        if (rc < 0 && own.text[0])
            hf_report_error(NULL, &own);
        worst = rc < 0 && worst == HF_OK ? rc : worst;
    }
    return worst;
}

int hf_models_main(const hf_options *options, int argc, char **argv)
{
    hf_error err = { 0 };
    int rc = run(options, &err);

    (void)argc, (void)argv;
    if (rc < 0 && err.text[0])
        hf_report_error(NULL, &err);
    if (fflush(stdout) != 0)
        return hf_exit_code(HF_EIO, HF_STAGE_OUTPUT);
    return hf_exit_code((hf_status)rc, rc == HF_EARG ? HF_STAGE_USAGE : HF_STAGE_INPUT);
}
