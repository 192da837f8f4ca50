/* model.c - the list of feature models. */
#include "src/model.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/model_classic.h"
#include "src/model_dino.h"
#include "src/model_sd.h"
#include "src/model_tiny.h"
#include "src/near_word.h"

static const struct {
    hf_model_info info;
    int (*open)(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err);
} models[] = {
    { { "tiny", "a small network, compiled in; the default" }, hf_model_tiny_open },
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

#define MAX_PRESETS 64

const hf_model_info *hf_model_list(void)
{
    static hf_model_info list[N_MODELS + MAX_PRESETS + 1];
    size_t n = 0;
    for (size_t i = 0; i < N_MODELS; i++)
        list[n++] = models[i].info;
    for (const hf_preset *p = hf_preset_list(); p->name && n < N_MODELS + MAX_PRESETS; p++)
        list[n++] = (hf_model_info){ p->name, p->what };
    return list;
}

/* A user's own model, by its path. */
static int open_path(hf_model **out, hf_backend *be, const char *path, const hf_model_params *params, hf_error *err)
{
    hf_model_params own = *params;
    if (params->weights)
        return hf_fail(err, HF_EARG, "model %s is a path, and so is %s of weights: want one of the two", path, params->weights);
    own.weights = path;
    if (hf_model_dino_is_path(path)) {
        own.name = "vit";
        return hf_model_dino_open(out, be, &own, err);
    }
    return hf_model_sd_open(out, be, NULL, &own, err);
}

/* The whole list is as long as a message may be: it is left out where one name is near. */
static int refuse_name(const char *name, hf_error *err)
{
    char known[sizeof(err->text) - 64] = "";
    const char *near = NULL;
    int best = INT_MAX, distance;

    for (const hf_model_info *m = hf_model_list(); m->name; m++) {
        snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", known[0] ? ", " : "", m->name);
        if (hf_word_resembles(name, m->name, &distance) && distance < best) {
            near = m->name;
            best = distance;
        }
    }
    if (near)
        return hf_fail(err, HF_EMODEL, "model \"%s\" is not known, want one of those of `hfprop models`; did you mean %s?",
                       name, near);
    return hf_fail(err, HF_EMODEL, "model \"%s\" is not known, want one of: %s", name, known);
}

int hf_model_open(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err)
{
    const char *name = params->name ? params->name : HF_MODEL_DEFAULT;
    const hf_preset *preset = hf_preset_find(name);
    *out = NULL;
    for (size_t i = 0; i < N_MODELS; i++)
        if (strcmp(name, models[i].info.name) == 0)
            return models[i].open(out, be, params, err);
    if (preset)
        return hf_model_sd_open(out, be, preset, params, err);
    if (hf_model_sd_is_path(name))
        return open_path(out, be, name, params, err);

    return refuse_name(name, err);
}

int hf_model_arithmetic(hf_dtype *out, const hf_backend *be, hf_precision precision, hf_error *err)
{
    static const hf_dtype dtypes[] = { [HF_PRECISION_F32] = HF_F32, [HF_PRECISION_BF16] = HF_BF16,
                                       [HF_PRECISION_F16] = HF_F16 };
    (void)err;
    *out = precision == HF_PRECISION_AUTO ? (be->host_memory ? HF_F32 : HF_F16) : dtypes[precision];
    return HF_OK;
}

void hf_model_set_batch(hf_model *m, int n) { m->batch = n; }

/* Picture i of a batch. */
static hf_tensor picture_of(const hf_tensor *batch, int64_t i)
{
    hf_tensor one = hf_tensor_view_shape(batch->data, batch->dtype, batch->n_dims - 1, batch->shape + 1);
    one.data = (char *)batch->data + (size_t)i * hf_tensor_bytes(&one);
    return one;
}

int hf_model_extract_batch(hf_model *m, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    int rc = HF_OK;
    if (m->extract_batch)
        return m->extract_batch(m, features, rgb, err);
    for (int64_t i = 0; i < rgb->shape[0] && rc >= 0; i++) {
        hf_tensor one = picture_of(features, i), picture = picture_of(rgb, i);
        rc = m->extract(m, &one, &picture, err);
    }
    return rc;
}

#define N_STRINGS 7

/* Places of all strings in the settings. */
static void list_strings(const char **list[N_STRINGS], hf_model_params *p)
{
    const char **places[] = { &p->name, &p->weights, &p->aggregation, &p->encoder, &p->save_steps, &p->prompt,
                              &p->negative_prompt };
    _Static_assert(sizeof(places) / sizeof(places[0]) == N_STRINGS, "all strings");
    memcpy(list, places, sizeof(places));
}

int hf_model_params_copy(hf_model_params **out, const hf_model_params *params, hf_error *err)
{
    const char **strings[N_STRINGS];
    hf_model_params copy = *params, *made;
    size_t bytes = sizeof(copy);

    list_strings(strings, &copy);
    for (int i = 0; i < N_STRINGS; i++)
        bytes += *strings[i] ? strlen(*strings[i]) + 1 : 0;
    if (!(*out = made = malloc(bytes)))
        return hf_fail(err, HF_ENOMEM, "model: out of memory for its settings");
    char *at = (char *)(made + 1);
    for (int i = 0; i < N_STRINGS; i++)
        if (*strings[i]) {
            size_t size = strlen(*strings[i]) + 1;
            memcpy(at, *strings[i], size);
            *strings[i] = at;
            at += size;
        }
    *made = copy;
    return HF_OK;
}

/* FNV-1a. */
static uint64_t hash(uint64_t h, const void *data, size_t bytes)
{
    for (const uint8_t *at = data; bytes; at++, bytes--)
        h = (h ^ *at) * 0x100000001b3u;
    return h;
}

uint64_t hf_model_params_hash(const hf_model_params *params)
{
    const char **strings[N_STRINGS];
    hf_model_params p = *params;
    const int numbers[] = { (int)p.precision, p.layer, p.all_layers, (int)p.facet, p.stride, p.bins, (int)p.diffusion,
                            (int)p.output, (int)p.fit, (int)p.match, p.square_px, p.n_steps, p.n_run, p.seed,
                            p.timestep, p.up_block, p.n_ensemble };
    uint64_t h = hash(0xcbf29ce484222325u, numbers, sizeof(numbers));

    list_strings(strings, &p);
    for (int i = 0; i < N_STRINGS; i++)
        h = *strings[i] ? hash(h, *strings[i], strlen(*strings[i]) + 1) : hash(h, "\xff", 1);
    return hash(h, &p.guidance, sizeof(p.guidance));
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
        { "encoder", HF_MODEL_HAS_DIFFUSION, p->encoder != NULL },
        { "diffusion", HF_MODEL_HAS_DIFFUSION, p->diffusion != HF_DIFFUSION_AUTO },
        { "output", HF_MODEL_HAS_DIFFUSION, p->output != HF_OUTPUT_AUTO },
        { "fit", HF_MODEL_HAS_DIFFUSION, p->fit != HF_FIT_AUTO },
        { "square", HF_MODEL_HAS_DIFFUSION, p->square_px != 0 },
        { "steps", HF_MODEL_HAS_DIFFUSION, p->n_steps != 0 },
        { "stop-after", HF_MODEL_HAS_DIFFUSION, p->n_run != 0 },
        { "save-steps", HF_MODEL_HAS_DIFFUSION, p->save_steps != NULL },
        { "prompt", HF_MODEL_HAS_DIFFUSION, p->prompt != NULL },
        { "negative-prompt", HF_MODEL_HAS_DIFFUSION, p->negative_prompt != NULL },
        { "guidance", HF_MODEL_HAS_DIFFUSION, p->guidance != 0 },
        { "seed", HF_MODEL_HAS_DIFFUSION, p->seed != 0 },
        { "timestep", HF_MODEL_HAS_DIFFUSION, p->timestep != 0 },
        { "up-block", HF_MODEL_HAS_DIFFUSION, p->up_block != 0 },
        { "ensemble", HF_MODEL_HAS_DIFFUSION, p->n_ensemble != 0 },
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
