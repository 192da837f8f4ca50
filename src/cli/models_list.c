/* models_list.c - `hfprop models list`: names, files, and which of them are here; see models.h. */
#include <string.h>

#include "src/cli/models.h"
#include "src/cli/settings.h"
#include "src/hub_cache.h"
#include "src/model.h"

#define DINO_LICENCE "Apache-2.0"

/* A file or repository that a model needs. */
static json_t *need_json(const char *what, const char *licence, const char *get, const char *path)
{
    return json_pack("{s:s, s:s, s:s, s:o}", "what", what, "licence", licence, "get", get, "path",
                     path ? hf_json_text(path) : json_null());
}

static json_t *preset_needs(const hf_preset *preset)
{
    json_t *needs = json_array();
    char path[HF_SD_PATH], network[HF_SD_PATH], get[256];
    const char *weights = hf_preset_weights(path, sizeof(path), preset, NULL, NULL) == HF_OK ? path : NULL;

    snprintf(get, sizeof(get), "huggingface-cli download %s", preset->repos[0]);
    json_array_append_new(needs, need_json(preset->repos[0], preset->licence, get, weights));
    if (!preset->aggregation)
        return needs;
    int found = hf_preset_aggregation(network, sizeof(network), preset, NULL, weights, NULL) == HF_OK;
    snprintf(get, sizeof(get), "huggingface-cli download " HF_AGGREGATION_REPO " " HF_AGGREGATION_FOLDER "/%s",
             preset->aggregation);
    json_array_append_new(needs, need_json(preset->aggregation, HF_AGGREGATION_LICENCE, get, found ? network : NULL));
    return needs;
}

static json_t *dino_needs(const hf_dino_row *row)
{
    json_t *needs = json_array();
    hf_dino_files files;
    hf_error err;
    int found = hf_dino_files_open(&files, row, NULL, &err) == HF_OK;
    char get[512];

    snprintf(get, sizeof(get), "%s, or huggingface-cli download %s", row->url ? row->url : "", row->repo ? row->repo : "");
    if (row->repo)
        json_array_append_new(needs, need_json(row->repo, DINO_LICENCE, get, found ? files.path : NULL));
    else
        json_array_append_new(needs, need_json("a checkpoint of your own", "its own licence", "--weights PATH, of any vision transformer of these families", NULL));
    hf_dino_files_close(&files);
    return needs;
}

static int all_here(const json_t *needs)
{
    size_t i;
    json_t *need;
    json_array_foreach(needs, i, need)
        if (json_is_null(json_object_get(need, "path")))
            return 0;
    return 1;
}

static void add_model(json_t *models, const char *name, const char *what)
{
    const hf_preset *preset = hf_preset_find(name);
    const hf_dino_row *dino = hf_dino_find(name);
    json_t *needs = preset ? preset_needs(preset) : dino ? dino_needs(dino) : json_array();
    json_array_append_new(models, json_pack("{s:s, s:s, s:b, s:o}", "name", name, "what", what, "ready",
                                            all_here(needs), "needs", needs));
}

json_t *hf_models_list_json(void)
{
    json_t *models = json_array();
    char root[HF_SD_PATH];
    int has_root = hf_hub_root(root, sizeof(root), NULL) == HF_OK;

    for (const hf_model_info *model = hf_model_list(); model->name; model++)
        add_model(models, model->name, model->what);
    return json_pack("{s:o, s:o}", "models", models, "cache", has_root ? hf_json_text(root) : json_null());
}

/* The files of all models, each once. */
static json_t *collect_needs(const json_t *models)
{
    json_t *all = json_array(), *model, *need, *other;
    size_t m, n, o;

    json_array_foreach(models, m, model)
        json_array_foreach(json_object_get(model, "needs"), n, need) {
            int known = 0;
            json_array_foreach(all, o, other)
                known |= json_equal(other, need);
            if (!known)
                json_array_append(all, need);
        }
    return all;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static int widest(const json_t *models)
{
    size_t i, most = 0;
    json_t *model;
    json_array_foreach(models, i, model) {
        size_t n = strlen(text_of(model, "name"));
        most = n > most ? n : most;
    }
    return (int)most;
}

void hf_models_list_print(FILE *out, const json_t *list)
{
    const json_t *models = json_object_get(list, "models");
    json_t *model, *need, *needs = collect_needs(models);
    int width = widest(models);
    size_t i;

    json_array_foreach(models, i, model)
        fprintf(out, "%-8s %-*s  %s\n", json_is_true(json_object_get(model, "ready")) ? "ready" : "no files", width,
                text_of(model, "name"), text_of(model, "what"));
    if (json_array_size(needs))
        fprintf(out, "\nFiles that models need, and their licences:\n");
    json_array_foreach(needs, i, need) {
        const char *path = text_of(need, "path");
        fprintf(out, "%-8s %s (%s)\n         ", *path ? "found" : "missing", text_of(need, "what"),
                text_of(need, "licence"));
        hf_models_put(out, *path ? path : text_of(need, "get"));
        fputc('\n', out);
    }
    fprintf(out, "\nFiles are looked for in the Hugging Face cache (");
    hf_models_put(out, text_of(list, "cache"));
    fprintf(out, ") or where --weights says.\n`hfprop models verify NAME` or PATH checks them.\n");
    json_decref(needs);
}
