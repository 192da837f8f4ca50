/* model.c - the list of feature models. */
#include "src/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "src/model_classic.h"
#include "src/model_dino.h"

static const struct {
    hf_model_info info;
    int (*open)(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err);
} models[] = {
    { { "classic", "multi-scale colour and gradient statistics, no weights" }, hf_model_classic_open },
    { { "dino-vits8", "DINO, ViT-S/8" }, hf_model_dino_open },
    { { "dino-vits16", "DINO, ViT-S/16" }, hf_model_dino_open },
    { { "dino-vitb8", "DINO, ViT-B/8" }, hf_model_dino_open },
    { { "dino-vitb16", "DINO, ViT-B/16" }, hf_model_dino_open },
    { { "dinov2-vits14", "DINOv2, ViT-S/14" }, hf_model_dino_open },
    { { "dinov2-vitb14", "DINOv2, ViT-B/14" }, hf_model_dino_open },
    { { "dinov2-vitl14", "DINOv2, ViT-L/14" }, hf_model_dino_open },
    { { "dinov2-vitg14", "DINOv2, ViT-g/14" }, hf_model_dino_open },
    { { "dinov2-vits14-reg", "DINOv2 with registers, ViT-S/14" }, hf_model_dino_open },
    { { "dinov2-vitb14-reg", "DINOv2 with registers, ViT-B/14" }, hf_model_dino_open },
    { { "dinov2-vitl14-reg", "DINOv2 with registers, ViT-L/14" }, hf_model_dino_open },
    { { "dinov2-vitg14-reg", "DINOv2 with registers, ViT-g/14" }, hf_model_dino_open },
    { { "vit", "any network of these families, sizes from its weights" }, hf_model_dino_open },
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

    char known[448] = "";
    for (size_t i = 0; i < N_MODELS; i++)
        snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "", models[i].info.name);
    return hf_fail(err, HF_EMODEL, "model \"%s\" is not known, want one of: %s", name, known);
}

int hf_model_check_params(const hf_model_params *p, const char *model, unsigned has, hf_error *err)
{
    const struct { const char *name; unsigned kind; bool set; } settings[] = {
        { "weights", HF_MODEL_HAS_WEIGHTS, p->weights != NULL },
        { "precision", HF_MODEL_HAS_WEIGHTS, p->precision > HF_PRECISION_F32 },
        { "layer", HF_MODEL_HAS_LAYERS, p->layer != 0 },
        { "all-layers", HF_MODEL_HAS_LAYERS, p->all_layers != 0 },
        { "aggregation", HF_MODEL_HAS_LAYERS, p->aggregation != NULL },
        { "facet", HF_MODEL_HAS_FACETS, p->facet != HF_FACET_AUTO },
        { "stride", HF_MODEL_HAS_FACETS, p->stride != 0 },
        { "bins", HF_MODEL_HAS_FACETS, p->bins != 0 },
    };
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (settings[i].set && !(settings[i].kind & has))
            return hf_fail(err, HF_EARG, "model %s has no setting \"%s\"", model, settings[i].name);
    return HF_OK;
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
