/* models_open.c - from what a user names to open files; see models.h. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/models.h"
#include "src/model.h"
#include "src/sd_find.h"

static int add_network(hf_models_target *t, const char *path, hf_error *err)
{
    if (t->n_networks == HF_MODELS_MAX_NETWORKS)
        return HF_OK;
    int rc = hf_aggregation_file_open(&t->networks[t->n_networks], path, err);
    t->n_networks += rc == HF_OK;
    return rc;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static int is_network_name(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return strncmp(entry->d_name, "aggregation_network", 19) == 0 && n > 3 && strcmp(entry->d_name + n - 3, ".pt") == 0;
}

/* aggregation_network*.pt in a folder, by name. */
static int add_networks_of(hf_models_target *t, const char *folder, hf_error *err)
{
    struct dirent **list = NULL;
    int n = scandir(folder, &list, is_network_name, by_name), rc = HF_OK;

    for (int i = 0; i < n; i++) {
        char path[HF_SD_PATH + 256];
        snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
        if (rc == HF_OK)
            rc = add_network(t, path, err);
        free(list[i]);
    }
    free(list);
    return rc;
}

/* Is this file an aggregation network? Files that cannot be opened are said to be none: opening them as a model tells why. */
static bool is_network(const char *path)
{
    hf_tensor_file *file = NULL;
    bool found = false;

    if (hf_is_file(path) && hf_tensor_file_open(&file, path, NULL) == HF_OK)
        found = hf_tensor_file_find(file, "aggregation_network.mixing_weights") || hf_tensor_file_find(file, "mixing_weights");
    hf_tensor_file_close(&file);
    return found;
}

static int open_preset(hf_models_target *t, const char *weights, hf_error *err)
{
    char path[HF_SD_PATH];
    int rc;

    if ((rc = hf_preset_weights(path, sizeof(path), t->preset, weights, err)) < 0 ||
        (rc = hf_sd_files_open(&t->files, &(hf_sd_params){ .path = path }, err)) < 0 || !t->preset->aggregation)
        return rc;
    if ((rc = hf_preset_aggregation(path, sizeof(path), t->preset, NULL, t->files->path, err)) < 0)
        return rc;
    return add_network(t, path, err);
}

static int open_path(hf_models_target *t, const char *path, hf_error *err)
{
    int rc;
    for (const hf_model_info *model = hf_model_list(); model->name; model++)
        if (strcmp(model->name, path) == 0 && !hf_is_file(path) && !hf_is_folder(path))
            return hf_fail(err, HF_EARG, "model %s: has no files of weights to look into", path);
    if (is_network(path))
        return add_network(t, path, err);
    if ((rc = hf_sd_files_open(&t->files, &(hf_sd_params){ .path = path }, err)) < 0)
        return rc;
    return hf_is_folder(t->files->path) ? add_networks_of(t, t->files->path, err) : HF_OK;
}

int hf_models_open(hf_models_target **out, const char *name, const char *weights, hf_error *err)
{
    hf_models_target *t = calloc(1, sizeof(*t));
    int rc;

    *out = NULL;
    if (!t)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", name);
    snprintf(t->name, sizeof(t->name), "%s", name);
    t->preset = hf_preset_find(name);
    rc = t->preset ? open_preset(t, weights, err) : open_path(t, name, err);
    *out = t;
    if (rc < 0)
        hf_models_close(out);
    return rc;
}

void hf_models_close(hf_models_target **target)
{
    hf_models_target *t = target ? *target : NULL;
    if (!t)
        return;
    for (int i = 0; i < t->n_networks; i++)
        hf_aggregation_file_close(&t->networks[i]);
    hf_sd_files_close(&t->files);
    free(t);
    *target = NULL;
}

void hf_models_put(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < ' ' || *text == 127 ? '?' : *text, out);
}
