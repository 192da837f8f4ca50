/* model.c - the list of feature models. */
#include "src/model.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "src/model_classic.h"
#include "src/model_tiny.h"

static const struct {
    hf_model_info info;
    int (*open)(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err);
} models[] = {
    { { "classic", "multi-scale colour and gradient statistics, no weights" }, hf_model_classic_open },
    { { "tiny", "a small learned network beside classic's statistics, compiled in" }, hf_model_tiny_open },
};
#define N_MODELS (sizeof(models) / sizeof(models[0]))

const hf_model_info *hf_model_list(void)
{
    static hf_model_info list[N_MODELS + 1];
    for (size_t i = 0; i < N_MODELS; i++)
        list[i] = models[i].info;
    return list;
}

int hf_model_open(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err)
{
    const char *name = params->name ? params->name : models[0].info.name;
    *out = NULL;
    for (size_t i = 0; i < N_MODELS; i++)
        if (strcmp(name, models[i].info.name) == 0)
            return models[i].open(out, be, params, err);

    char known[256] = "";
    for (size_t i = 0; i < N_MODELS; i++)
        snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "", models[i].info.name);
    return hf_fail(err, HF_EMODEL, "model \"%s\" is not known, want one of: %s", name, known);
}

void hf_model_grid(const hf_model *m, int width, int height, int *h, int *w)
{
    if (m->grid) {
        m->grid(m, width, height, h, w);
        return;
    }
    *h = (height + m->stride_px - 1) / m->stride_px;
    *w = (width + m->stride_px - 1) / m->stride_px;
}

void hf_model_close(hf_model **m)
{
    if (!m || !*m)
        return;
    (*m)->close(*m);
    *m = NULL;
}
