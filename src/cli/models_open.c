/* models_open.c - from what a user names to open files; see models.h. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/models.h"
#include "src/hub_cache.h"
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

/* What lies in a file. Files that cannot be opened count as Stable Diffusion: opening them as that tells why. */
typedef enum kind { KIND_SD, KIND_NETWORK, KIND_DINO } kind;

static kind kind_of_file(const char *path)
{
    hf_tensor_file *file = NULL;
    hf_vit_names names;
    kind found = KIND_SD;

    if (hf_tensor_file_open(&file, path, NULL) < 0)
        return KIND_SD;
    if (hf_tensor_file_find(file, "aggregation_network.mixing_weights") || hf_tensor_file_find(file, "mixing_weights"))
        found = KIND_NETWORK;
    else if (hf_vit_names_find(&names, file, NULL) == HF_OK)
        found = KIND_DINO;
    hf_tensor_file_close(&file);
    return found;
}

/* Of a file, a folder, or a repository in the cache. */
static kind kind_of(const char *given)
{
    char folder[HF_SD_PATH], path[HF_SD_PATH + 8];

    if (hf_is_file(given))
        return kind_of_file(given);
    if (hf_is_folder(given))
        snprintf(folder, sizeof(folder), "%s", given);
    else if (!hf_hub_is_name(given) || hf_hub_snapshot(folder, sizeof(folder), given, NULL) < 0)
        return KIND_SD;
    snprintf(path, sizeof(path), "%s/unet", folder);
    return !hf_is_folder(path) && hf_find_weights(path, sizeof(path), folder) ? kind_of_file(path) : KIND_SD;
}

static int open_dino(hf_models_target *t, const hf_dino_row *row, const char *weights, hf_error *err)
{
    int rc;
    if (!(t->dino = calloc(1, sizeof(*t->dino))))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", row->name);
    if ((rc = hf_dino_files_open(t->dino, row, weights, err)) < 0)
        return rc;
    return hf_vit_sizes_read(&t->sizes, t->dino->weights, &(hf_vit_params){ .n_heads = t->dino->n_heads }, err);
}

static int open_preset(hf_models_target *t, const char *weights, const char *aggregation, hf_error *err)
{
    char path[HF_SD_PATH];
    int rc;

    if ((rc = hf_preset_weights(path, sizeof(path), t->preset, weights, err)) < 0 ||
        (rc = hf_sd_files_open(&t->files, &(hf_sd_params){ .path = path }, err)) < 0 || !t->preset->aggregation)
        return rc;
    if ((rc = hf_preset_aggregation(path, sizeof(path), t->preset, aggregation, t->files->path, err)) < 0)
        return rc;
    return add_network(t, path, err);
}

static int open_path(hf_models_target *t, const char *path, hf_error *err)
{
    int rc;
    for (const hf_model_info *model = hf_model_list(); model->name; model++)
        if (strcmp(model->name, path) == 0 && !hf_is_file(path) && !hf_is_folder(path))
            return hf_fail(err, HF_EARG, "model %s: has no files of weights to look into", path);
    switch (kind_of(path)) {
    case KIND_NETWORK:
        return add_network(t, path, err);
    case KIND_DINO:
        return open_dino(t, hf_dino_find("vit"), path, err);
    case KIND_SD:
        break;
    }
    if ((rc = hf_sd_files_open(&t->files, &(hf_sd_params){ .path = path }, err)) < 0)
        return rc;
    return hf_is_folder(t->files->path) ? add_networks_of(t, t->files->path, err) : HF_OK;
}

int hf_models_open(hf_models_target **out, const char *name, const char *weights, const char *aggregation, hf_error *err)
{
    hf_models_target *t = calloc(1, sizeof(*t));
    int rc;

    *out = NULL;
    if (!t)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", name);
    snprintf(t->name, sizeof(t->name), "%s", name);
    t->preset = hf_preset_find(name);
    rc = t->preset            ? open_preset(t, weights, aggregation, err)
         : hf_dino_find(name) ? open_dino(t, hf_dino_find(name), weights, err)
                              : open_path(t, name, err);
    if (rc == HF_OK && aggregation && !t->preset)
        rc = add_network(t, aggregation, err);
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
    if (t->dino)
        hf_dino_files_close(t->dino);
    free(t->dino);
    free(t);
    *target = NULL;
}

void hf_models_put(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < ' ' || *text == 127 ? '?' : *text, out);
}
