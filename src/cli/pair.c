/* pair.c - see pair.h. */
#include "src/cli/pair.h"

#include <string.h>
#include <sys/stat.h>

#include "src/cli/options_params.h"
#include "src/cli/outputs.h"

void hf_options_describe(hf_describe_params *params, const hf_options *o)
{
    *params = (hf_describe_params){
        .device = o->device,
        .n_threads = o->n_threads,
        .size = o->size,
        .is_square = o->squeeze,
        .folder = o->features_dir,
    };
    hf_options_model(&params->model, o);
    params->model.match = HF_MATCH_FIRST; /* one image with another, over any distance */
}

int hf_pair_open_report(hf_report **out, const hf_options *options, hf_error *err)
{
    hf_options quiet = *options;
    quiet.json = 0;
    return hf_report_open(out, &quiet, err);
}

int hf_pair_open(hf_pair *pair, const hf_options *options, hf_stage *stage, hf_error *err)
{
    const char *const masks[2] = { options->mask_a, options->mask_b };
    hf_describe_params params;
    int rc;

    *pair = (hf_pair){ .describer = NULL };
    *stage = HF_STAGE_INPUT;
    for (int i = 0; i < 2; i++)
        if ((rc = hf_image_open(&pair->image[i], options->inputs[i], err)) < 0 ||
            (masks[i] && (rc = hf_object_mask_open(&pair->mask[i], masks[i], pair->image[i]->width,
                                                   pair->image[i]->height, (hf_mask_mode)options->mask_colors, err)) < 0))
            return rc;
    hf_options_describe(&params, options);
    rc = hf_describer_open(&pair->describer, &params, err);
    *stage = hf_stage_of_opening((hf_status)rc);
    if (rc < 0)
        return rc;
    *stage = options->features_dir ? HF_STAGE_INPUT : HF_STAGE_WORK;
    for (int i = 0; i < 2; i++)
        if ((rc = hf_describe(&pair->of[i], pair->describer, pair->image[i], i == 0, err)) < 0)
            return rc;
    if ((rc = hf_description_check_pair(&pair->of[0], &pair->of[1], err)) < 0)
        return rc;
    *stage = HF_STAGE_WORK;
    return HF_OK;
}

void hf_pair_close(hf_pair *pair)
{
    for (int i = 0; i < 2; i++) {
        hf_description_free(&pair->of[i]);
        hf_object_mask_free(&pair->mask[i]);
        hf_image_free(&pair->image[i]);
    }
    hf_describer_close(&pair->describer);
}

int hf_pair_check_output(const char *path, const hf_options *options, hf_report *report, hf_error *err)
{
    struct stat st;

    if (!path)
        return HF_OK;
    for (int i = 0; i < options->n_inputs; i++)
        if (hf_is_same_file(path, options->inputs[i]))
            return hf_fail(err, HF_EARG, "%s: is an input of this run", path);
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || options->overwrite == HF_OVERWRITE_YES)
        return HF_OK;
    if (hf_report_can_ask())
        return hf_report_ask(report, "%s: exists already, overwrite?", path)
                   ? HF_OK
                   : hf_fail(err, HF_EARG, "%s: exists already, kept", path);
    return hf_fail(err, HF_EARG, "%s: exists already; -y overwrites", path);
}
