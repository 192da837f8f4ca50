/* models_list.c - `hfprop models list`: names, files, and which of them are here; see models.h. */
#include <string.h>

#include "src/cli/models.h"
#include "src/cli/settings.h"
#include "src/hub_cache.h"
#include "src/model.h"
#include "src/sd_find.h"

#define DINO_LICENCE "Apache-2.0"

/* A file or repository that a model needs. path: where it is, NULL or "": it is not here. problem: what keeps it from being
 * used; NULL or "": nothing. */
static json_t *need_json(const char *what, const char *licence, const char *get, const char *path, const char *problem)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "what", what, "licence", licence, "get", get, "path",
                     path && *path ? hf_json_text(path) : json_null(), "problem",
                     problem && *problem ? hf_json_text(problem) : json_null());
}

/* What opening weights said, by path: many presets share them, and a pickle takes its time. A borrowed text. */
static const char *weights_problem(json_t *opened, const char *path)
{
    json_t *known = json_object_get(opened, path);
    hf_sd_files *files = NULL;
    hf_error err = { 0 };

    if (!known) {
        hf_sd_files_open(&files, &(hf_sd_params){ .path = path }, &err);
        hf_sd_files_close(&files);
        json_object_set_new_nocheck(opened, path, known = hf_json_text(err.text));
    }
    return json_string_value(known);
}

static json_t *network_need(const hf_preset *preset, const char *weights)
{
    char path[HF_SD_PATH] = "", get[256];
    hf_aggregation_file *file = NULL;
    hf_error err = { 0 };

    if (hf_preset_aggregation(path, sizeof(path), preset, NULL, weights, &err) < 0)
        path[0] = 0;
    else
        hf_aggregation_file_open(&file, path, &err);
    hf_aggregation_file_close(&file);
    snprintf(get, sizeof(get), "huggingface-cli download " HF_AGGREGATION_REPO " " HF_AGGREGATION_FOLDER "/%s",
             preset->aggregation);
    return need_json(preset->aggregation, HF_AGGREGATION_LICENCE, get, path, err.text);
}

static json_t *preset_needs(const hf_preset *preset, json_t *opened)
{
    json_t *needs = json_array();
    char path[HF_SD_PATH] = "", get[256];
    hf_error err = { 0 };
    int found = hf_preset_weights(path, sizeof(path), preset, NULL, &err) == HF_OK;
    const char *weights = found ? path : NULL, *problem = found ? weights_problem(opened, path) : err.text;

    snprintf(get, sizeof(get), "huggingface-cli download %s", preset->repos[0]);
    json_array_append_new(needs, need_json(preset->repos[0], preset->licence, get, weights, problem));
    if (preset->aggregation)
        json_array_append_new(needs, network_need(preset, weights));
    return needs;
}

static json_t *dino_needs(const hf_dino_row *row)
{
    json_t *needs = json_array();
    hf_dino_files files;
    hf_error err = { 0 };
    char get[512];

    hf_dino_files_open(&files, row, NULL, &err);
    const char *path = hf_is_file(files.path) ? files.path : NULL;
    snprintf(get, sizeof(get), "%s, or huggingface-cli download %s", row->url ? row->url : "", row->repo ? row->repo : "");
    if (row->repo)
        json_array_append_new(needs, need_json(row->repo, DINO_LICENCE, get, path, err.text));
    else
        json_array_append_new(needs, need_json("a checkpoint of your own", "its own licence",
                                               "--weights PATH, of any vision transformer of these families", NULL,
                                               err.text));
    hf_dino_files_close(&files);
    return needs;
}

/* "ready", "broken" if a file is here and cannot be used, else "no files". */
static const char *state_of(const json_t *needs)
{
    const char *state = "ready";
    size_t i;
    json_t *need;
    json_array_foreach(needs, i, need) {
        if (json_is_null(json_object_get(need, "problem")))
            continue;
        if (!json_is_null(json_object_get(need, "path")))
            return "broken";
        state = "no files";
    }
    return state;
}

static void add_model(json_t *models, json_t *opened, const char *name, const char *what)
{
    const hf_preset *preset = hf_preset_find(name);
    const hf_dino_row *dino = hf_dino_find(name);
    json_t *needs = preset ? preset_needs(preset, opened) : dino ? dino_needs(dino) : json_array();
    const char *state = state_of(needs);
    json_array_append_new(models, json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", name, "what", what, "state", state,
                                            "ready", strcmp(state, "ready") == 0, "needs", needs));
}

json_t *hf_models_list_json(void)
{
    json_t *models = json_array(), *opened = json_object();
    char root[HF_SD_PATH];
    int has_root = hf_hub_root(root, sizeof(root), NULL) == HF_OK;

    for (const hf_model_info *model = hf_model_list(); model->name; model++)
        add_model(models, opened, model->name, model->what);
    json_decref(opened);
    return json_pack("{s:o, s:o}", "models", models, "cache", has_root ? hf_json_text(root) : json_null());
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static int same_need(const json_t *a, const json_t *b)
{
    return strcmp(text_of(a, "what"), text_of(b, "what")) == 0 && strcmp(text_of(a, "path"), text_of(b, "path")) == 0;
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
                known |= same_need(other, need);
            if (!known)
                json_array_append(all, need);
        }
    return all;
}

static void print_need(FILE *out, const json_t *need)
{
    const char *path = text_of(need, "path"), *problem = text_of(need, "problem");

    fprintf(out, "%-8s %s (%s)\n         ", !*path ? "missing" : *problem ? "broken" : "found", text_of(need, "what"),
            text_of(need, "licence"));
    hf_models_put(out, *path && *problem ? problem : *path ? path : text_of(need, "get"));
    if (*path && *problem)
        fprintf(out, "\n         to get it again: %s", text_of(need, "get"));
    fputc('\n', out);
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
        fprintf(out, "%-8s %-*s  %s\n", text_of(model, "state"), width,
                text_of(model, "name"), text_of(model, "what"));
    if (json_array_size(needs))
        fprintf(out, "\nFiles that models need, and their licences:\n");
    json_array_foreach(needs, i, need)
        print_need(out, need);
    fprintf(out, "\nFiles are looked for in the Hugging Face cache (");
    hf_models_put(out, text_of(list, "cache"));
    fprintf(out, ") or where --weights says.\n`hfprop models verify NAME` or PATH checks them.\n");
    json_decref(needs);
}
