/* cmd_pck.c - the verb `hfprop pck`: options, sweeps, outputs; see pck_run.h. */
#include "src/cli/cmd_pck.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/cli/pair.h"
#include "src/cli/pck_run.h"
#include "src/cli/progress.h"

#define MAX_LAYERS 512
#define MAX_STEPS 64

typedef struct pck {
    const hf_options *options;
    hf_report        *report;
    hf_stage          stage;
    hf_keypoints     *set;
    hf_pck_setup      setup;
    int               layers[MAX_LAYERS];
    int               n_layers; /* 0: no sweep */
    int               all_layers;
    int               steps[MAX_STEPS];
    int               n_steps; /* 0: as the options say */
    hf_pck_result    *results;
    int               n_results;
    int64_t           n_done;
    char              features[128];
} pck;

/* ---- options ---- */

static int read_alphas(hf_pck_params *p, const char *text, hf_error *err)
{
    p->n_alphas = 0;
    for (const char *at = text; *at;) {
        char *end;
        if (p->n_alphas == HF_PCK_MAX_ALPHAS)
            return hf_fail(err, HF_EARG, "--alpha %s: more than %d numbers", text, HF_PCK_MAX_ALPHAS);
        p->alpha[p->n_alphas++] = strtod(at, &end);
        if (end == at || (*end && *end != ','))
            return hf_fail(err, HF_EARG, "--alpha %s: want numbers separated by commas", text);
        at = *end ? end + 1 : end;
    }
    return hf_pck_check(p, err);
}

/* Whole numbers of `low` and more, separated by commas. want: what the option takes. */
static int read_numbers(int *numbers, int *n, int most, int low, const char *option, const char *text, const char *want,
                        hf_error *err)
{
    for (const char *at = text; *at;) {
        char *end;
        long number = strtol(at, &end, 10);
        if (end == at || (*end && *end != ',') || number < low || number > 9999)
            return hf_fail(err, HF_EARG, "%s %s: want %s", option, text, want);
        if (*n == most)
            return hf_fail(err, HF_EARG, "%s %s: more than %d", option, text, most);
        numbers[(*n)++] = (int)number;
        at = *end ? end + 1 : end;
    }
    return *n ? HF_OK : hf_fail(err, HF_EARG, "%s: want %s", option, want);
}

static int read_sweep(pck *w, hf_error *err)
{
    const hf_options *o = w->options;
    int rc = HF_OK;

    if ((o->at_steps || o->both_ways) && !o->layers)
        return hf_fail(err, HF_EARG, "%s: goes with --layers", o->at_steps ? "--at-steps" : "--both-ways");
    w->all_layers = o->layers && strcmp(o->layers, "all") == 0;
    if (o->layers && !w->all_layers)
        rc = read_numbers(w->layers, &w->n_layers, MAX_LAYERS, 1, "--layers", o->layers,
                          "numbers of layers, from 1, separated by commas, or all", err);
    if (rc >= 0 && o->at_steps)
        rc = read_numbers(w->steps, &w->n_steps, MAX_STEPS, 0, "--at-steps", o->at_steps,
                          "numbers of steps separated by commas", err);
    return rc;
}

/* Where no box is annotated, the key points are all there is. */
static hf_pck_box choose_box(const pck *w)
{
    if (w->options->box)
        return (hf_pck_box)(w->options->box - 1);
    return w->set->pairs[0].target.has_box ? HF_PCK_BOX_TARGET : HF_PCK_BOX_KEYPOINTS;
}

static int is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int check_options(pck *w, hf_error *err)
{
    const hf_options *o = w->options;
    int rc;

    w->setup.images = o->images ? o->images : o->input;
    if (!is_folder(w->setup.images))
        return o->images ? hf_fail(err, HF_EARG, "--images %s: is no folder", o->images)
                         : hf_fail(err, HF_EARG, "no images, want --images DIR");
    if (o->out && !is_folder(o->out) && strchr(o->out, '.') && strrchr(o->out, '.') > strrchr(o->out, '/') + 1 &&
        strlen(strrchr(o->out, '.')) <= 5)
        return hf_fail(err, HF_EARG, "-o %s: looks like a file, want the name of a folder", o->out);
    if (o->layers && o->layer)
        return hf_fail(err, HF_EARG, "--layer %d: --layers goes through layers itself", o->layer);
    if (o->layers && o->features_dir)
        return hf_fail(err, HF_EARG, "--layers: features from files have no layers");
    if ((rc = read_alphas(&w->setup.params, o->alphas, err)) < 0)
        return rc;
    return read_sweep(w, err);
}

static int read_annotations(pck *w, hf_error *err)
{
    const hf_options *o = w->options;
    hf_keypoints_params params = { .split = o->key_split, .pairs_path = o->pairs_path };
    int rc;

    w->stage = HF_STAGE_INPUT;
    if ((rc = hf_keypoints_read(&w->set, o->input, &params, err)) < 0) {
        w->stage = rc == HF_EARG ? HF_STAGE_USAGE : HF_STAGE_INPUT;
        return rc;
    }
    w->setup.n_pairs = o->max_pairs && o->max_pairs < w->set->n ? o->max_pairs : w->set->n;
    w->setup.params.box = choose_box(w);
    w->setup.params.is_strict = o->strictly;
    w->setup.params.eval_size = o->eval_size;
    for (int b = HF_PCK_IMAGE; b <= HF_PCK_BOX; b++)
        if (!o->base || o->base == 1 + b)
            w->setup.bases[w->setup.n_bases++] = (hf_pck_base)b;
    return HF_OK;
}

/* ---- work ---- */

static void tick(void *ctx)
{
    pck *w = ctx;
    w->n_done++;
    hf_report_progress(w->report, w->n_done, w->n_done);
}

static hf_pck_result *next_result(pck *w)
{
    hf_pck_result *grown = realloc(w->results, ((size_t)w->n_results + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    w->results = grown;
    memset(&grown[w->n_results], 0, sizeof(*grown));
    return &grown[w->n_results++];
}

/* One line of the chart: a way and a step, or neither. */
typedef struct line {
    hf_diffusion_way way;  /* AUTO: as the options say */
    int              step; /* -1: the same */
} line;

static void name_line(char *text, size_t size, const line *l)
{
    const char *way = l->way == HF_DIFFUSION_INVERSION ? "inversion" : l->way == HF_DIFFUSION_GENERATION ? "generation" : "";
    if (l->step >= 0)
        snprintf(text, size, "%s%sstep %d", way, *way ? ", " : "", l->step);
    else
        snprintf(text, size, "%s", way);
}

/* One model, or one layer of it (0: as the options say). */
static int run_one(pck *w, const line *l, int layer, hf_error *err)
{
    hf_describe_params params;
    hf_describer *describer = NULL;
    char step[16];
    int rc;

    hf_options_describe(&params, w->options);
    if (layer)
        params.model.layer = layer;
    if (l->way != HF_DIFFUSION_AUTO)
        params.model.diffusion = l->way;
    if (l->step >= 0) {
        snprintf(step, sizeof(step), "%d", l->step);
        params.model.save_steps = step;
    }
    rc = hf_describer_open(&describer, &params, err);
    w->stage = hf_stage_of_opening((hf_status)rc);
    if (rc < 0)
        return rc;
    hf_describer_size_text(w->features, sizeof(w->features), describer);
    hf_pck_result *result = next_result(w);
    if (!result) {
        rc = hf_fail(err, HF_ENOMEM, "pck: out of memory");
        goto end;
    }
    if (layer)
        snprintf(result->label, sizeof(result->label), "%d", layer);
    name_line(result->series, sizeof(result->series), l);
    rc = hf_pck_run(result, describer, w->set, &w->setup, tick, w, &w->stage, err);
end:
    hf_describer_close(&describer);
    return rc;
}

/* Layers 1, 2, ... until the model says that there is none of that number. */
static int run_all_layers(pck *w, const line *l, hf_error *err)
{
    for (int layer = 1; layer <= MAX_LAYERS; layer++) {
        int rc = run_one(w, l, layer, err);
        if (rc == HF_EARG && layer > 1 && w->stage == HF_STAGE_USAGE)
            return HF_OK;
        if (rc < 0)
            return rc;
    }
    return HF_OK;
}

static int run_line(pck *w, const line *l, hf_error *err)
{
    int rc = HF_OK;
    if (w->all_layers)
        return run_all_layers(w, l, err);
    if (!w->n_layers)
        return run_one(w, l, 0, err);
    for (int i = 0; rc >= 0 && i < w->n_layers; i++)
        rc = run_one(w, l, w->layers[i], err);
    return rc;
}

static int run_models(pck *w, hf_error *err)
{
    int n_ways = w->options->both_ways ? 2 : 1, n_steps = w->n_steps ? w->n_steps : 1, rc = HF_OK;
    int64_t n_models = (int64_t)n_ways * n_steps * (w->n_layers ? w->n_layers : 1);

    hf_report_start_progress(w->report, w->all_layers ? -1 : w->setup.n_pairs * n_models, 0);
    for (int way = 0; way < n_ways; way++)
        for (int s = 0; rc >= 0 && s < n_steps; s++) {
            line l = { .way = n_ways == 1 ? HF_DIFFUSION_AUTO : way ? HF_DIFFUSION_GENERATION : HF_DIFFUSION_INVERSION,
                       .step = w->n_steps ? w->steps[s] : -1 };
            rc = run_line(w, &l, err);
        }
    return rc;
}

static int tell(pck *w, hf_error *err)
{
    const hf_options *o = w->options;
    hf_pck_report report = { o, w->set, &w->setup, w->results, w->n_results, w->features };
    int rc;

    w->stage = HF_STAGE_OUTPUT;
    if (o->out && (rc = hf_pck_write(o->out, &report, err)) < 0)
        return rc;
    return o->json ? hf_pck_print_json(stdout, &report, err) : hf_pck_print(stdout, &report, err);
}

static int run(pck *w, hf_error *err)
{
    char path[4300];
    int rc;

    if ((rc = check_options(w, err)) < 0)
        return rc;
    if (w->options->out) {
        snprintf(path, sizeof(path), "%s/pck.json", w->options->out);
        if ((rc = hf_pair_check_output(path, w->options, w->report, err)) < 0)
            return rc;
    }
    if ((rc = read_annotations(w, err)) < 0 || (rc = run_models(w, err)) < 0)
        return rc;
    return tell(w, err);
}

int hf_pck_main(const hf_options *options, int argc, char **argv)
{
    pck w = { .options = options, .stage = HF_STAGE_USAGE };
    hf_error err = { 0 };
    int rc;

    (void)argc, (void)argv;
    if ((rc = hf_pair_open_report(&w.report, options, &err)) >= 0)
        rc = run(&w, &err);
    if (rc < 0)
        hf_report_error(w.report, &err);
    for (int i = 0; i < w.n_results; i++)
        hf_pck_result_free(&w.results[i]);
    free(w.results);
    hf_keypoints_free(&w.set);
    hf_report_close(&w.report);
    return rc < 0 ? hf_exit_code(err.status, w.stage) : 0;
}
