/* model.c - the list of feature models. */
#include "src/model.h"

#include <stddef.h>
#include <string.h>

#include "src/model_classic.h"

static const struct {
    hf_model_info info;
    int (*open)(hf_model **out, hf_backend *be, hf_error *err);
} models[] = {
    { { "classic", "multi-scale colour and gradient statistics, no weights" }, hf_model_classic_open },
};
#define N_MODELS (sizeof(models) / sizeof(models[0]))

const hf_model_info *hf_model_list(void)
{
    static hf_model_info list[N_MODELS + 1];
    for (size_t i = 0; i < N_MODELS; i++)
        list[i] = models[i].info;
    return list;
}

int hf_model_open(hf_model **out, hf_backend *be, const char *name, hf_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < N_MODELS; i++)
        if (strcmp(name, models[i].info.name) == 0)
            return models[i].open(out, be, err);
    return hf_fail(err, HF_EMODEL, "model \"%s\" is not known, want classic", name);
}

void hf_model_close(hf_model **m)
{
    if (!m || !*m)
        return;
    (*m)->close(*m);
    *m = NULL;
}
