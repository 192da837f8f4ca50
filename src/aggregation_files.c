/* aggregation_files.c - see aggregation_files.h. */
#include "src/aggregation_files.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/sd_config.h"

/* Steps of the published network, for files without a config: every fifth of 50. */
static const int published_steps[] = { 49, 45, 40, 35, 30, 25, 20, 15, 10, 5, 0 };
#define N_PUBLISHED ((int)(sizeof(published_steps) / sizeof(published_steps[0])))

typedef struct own_file {
    hf_tensor_file *file;
    hf_weights     *weights;
    json_t         *metadata;
} own_file;

/* The shape of a weight, with the four parts of a bottleneck by name. */
static int shape_of(int64_t *shape, int want_dims, const hf_aggregation_file *f, int layer, const char *part,
                    hf_error *err)
{
    char name[128];
    int n_dims, rc;

    snprintf(name, sizeof(name), "%sbottleneck_layers.%d.0.%s.weight", f->prefix, layer, part);
    if ((rc = hf_weights_shape(f->weights, name, &n_dims, shape, err)) < 0)
        return rc;
    if (n_dims != want_dims || shape[0] < 1 || shape[1] < 1 || shape[0] > 1 << 16 || shape[1] > 1 << 16)
        return hf_fail(err, HF_EMODEL, "%s: array \"%s\" has %d dimensions, want %d of 1..65536", f->path, name, n_dims,
                       want_dims);
    return HF_OK;
}

static int read_layers(hf_aggregation_file *f, hf_error *err)
{
    int64_t shape[HF_ENTRY_MAX_DIMS];
    int rc;

    for (f->n_layers = 0; f->n_layers < HF_AGGREGATION_MAX_LAYERS; f->n_layers++) {
        char name[128];
        snprintf(name, sizeof(name), "%sbottleneck_layers.%d.0.conv1.weight", f->prefix, f->n_layers);
        if (f->n_layers > 0 && !hf_weights_has(f->weights, name))
            break;
        if ((rc = shape_of(shape, 4, f, f->n_layers, "conv1", err)) < 0)
            return rc;
        f->n_middle = (int)shape[0];
        f->channels[f->n_layers] = (int)shape[1];
    }
    if ((rc = shape_of(shape, 4, f, 0, "conv3", err)) < 0)
        return rc;
    f->n_features = (int)shape[0];
    f->n_groups = hf_sd_config_groups(f->n_middle);
    return HF_OK;
}

static int read_n_saved(hf_aggregation_file *f, hf_error *err)
{
    int64_t shape[HF_ENTRY_MAX_DIMS] = { 0 };
    char name[64];
    int n_dims, rc;

    snprintf(name, sizeof(name), "%smixing_weights", f->prefix);
    if ((rc = hf_weights_shape(f->weights, name, &n_dims, shape, err)) < 0)
        return rc;
    if (n_dims != 1 || shape[0] < 1 || shape[0] % f->n_layers || shape[0] / f->n_layers > HF_AGGREGATION_MAX_STEPS)
        return hf_fail(err, HF_EMODEL, "%s: %s has %lld numbers, want a multiple of the %d layers", f->path, name,
                       (long long)(n_dims == 1 ? shape[0] : 0), f->n_layers);
    f->n_saved = (int)(shape[0] / f->n_layers);
    return HF_OK;
}

/* Without a config there is one reading of 1 step and one of 11. */
static int assume_steps(hf_aggregation_file *f, hf_error *err)
{
    f->guidance = -1;
    snprintf(f->mode, sizeof(f->mode), "inversion");
    f->n_steps = f->n_saved == N_PUBLISHED ? 50 : 1;
    if (f->n_saved == N_PUBLISHED)
        memcpy(f->save_timestep, published_steps, sizeof(published_steps));
    if (f->n_saved == N_PUBLISHED || f->n_saved == 1)
        return HF_OK;
    return hf_fail(err, HF_EMODEL, "%s: has no config and mixing weights for %d steps: nothing says which they are",
                   f->path, f->n_saved);
}

static void copy_text(char *out, size_t size, const json_t *config, const char *key)
{
    const char *text = json_string_value(json_object_get(config, key));
    if (text)
        snprintf(out, size, "%s", text);
}

static int read_save_timestep(hf_aggregation_file *f, const json_t *list, bool flipped, hf_error *err)
{
    int n = (int)json_array_size(list);

    if (n != f->n_saved)
        return hf_fail(err, HF_EMODEL, "%s: save_timestep of its config lists %d steps, its mixing weights are for %d",
                       f->path, n, f->n_saved);
    for (int i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, (size_t)(flipped ? n - 1 - i : i));
        json_int_t step = json_is_integer(item) ? json_integer_value(item) : -1;
        if (step < 0 || step >= f->n_steps)
            return hf_fail(err, HF_EMODEL, "%s: save_timestep of its config has %lld, want 0..%d", f->path,
                           (long long)step, f->n_steps - 1);
        f->save_timestep[i] = (int)step;
    }
    return HF_OK;
}

static int read_config(hf_aggregation_file *f, const json_t *config, hf_error *err)
{
    const json_t *steps = json_object_get(config, "num_timesteps"), *list = json_object_get(config, "save_timestep");
    const json_t *width = json_object_get(config, "projection_dim"), *value;

    if (!json_is_integer(steps) || json_integer_value(steps) < 1 || json_integer_value(steps) > HF_DDIM_TRAIN_STEPS)
        return hf_fail(err, HF_EMODEL, "%s: num_timesteps of its config is %s, want 1..%d", f->path,
                       json_is_integer(steps) ? "out of range" : "missing", HF_DDIM_TRAIN_STEPS);
    f->n_steps = (int)json_integer_value(steps);
    if (json_is_integer(width) && json_integer_value(width) != f->n_features)
        return hf_fail(err, HF_EMODEL, "%s: projection_dim of its config is %lld, its arrays are for %d", f->path,
                       (long long)json_integer_value(width), f->n_features);
    f->guidance = json_is_number(value = json_object_get(config, "guidance_scale")) ? json_number_value(value) : -1;
    snprintf(f->mode, sizeof(f->mode), "inversion");
    copy_text(f->mode, sizeof(f->mode), config, "diffusion_mode");
    copy_text(f->model_id, sizeof(f->model_id), config, "model_id");
    copy_text(f->prompt, sizeof(f->prompt), config, "prompt");
    copy_text(f->negative_prompt, sizeof(f->negative_prompt), config, "negative_prompt");
    f->has_config = true;
    return read_save_timestep(f, list, json_is_true(json_object_get(config, "flip_timesteps")), err);
}

static int read_all(hf_aggregation_file *f, hf_error *err)
{
    own_file *own = f->own;
    int rc;

    if ((rc = hf_tensor_file_open(&own->file, f->path, err)) < 0)
        return rc;
    f->prefix = hf_tensor_file_find(own->file, "aggregation_network.mixing_weights") ? "aggregation_network." : "";
    if (!*f->prefix && !hf_tensor_file_find(own->file, "mixing_weights"))
        return hf_fail(err, HF_EMODEL, "%s: not an aggregation network: no array \"mixing_weights\", in "
                       "\"aggregation_network\" or by itself", f->path);
    if ((rc = hf_weights_open(&own->weights, own->file, "aggregation", NULL, NULL, err)) < 0)
        return rc;
    f->weights = own->weights;
    if ((rc = read_layers(f, err)) < 0 || (rc = read_n_saved(f, err)) < 0)
        return rc;
    own->metadata = json_loads(hf_tensor_file_metadata(own->file), 0, NULL);
    const json_t *config = json_object_get(own->metadata, "config");
    return json_is_object(config) ? read_config(f, config, err) : assume_steps(f, err);
}

int hf_aggregation_file_open(hf_aggregation_file **out, const char *path, hf_error *err)
{
    hf_aggregation_file *f = calloc(1, sizeof(*f));
    int rc;

    *out = NULL;
    if (!f || !(f->own = calloc(1, sizeof(own_file)))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    if (snprintf(f->path, sizeof(f->path), "%s", path) >= (int)sizeof(f->path)) {
        rc = hf_fail(err, HF_EARG, "%.200s...: the path is too long", path);
        goto end;
    }
    if ((rc = read_all(f, err)) < 0)
        goto end;
    *out = f;
    f = NULL;
end:
    hf_aggregation_file_close(&f);
    return rc;
}

void hf_aggregation_file_close(hf_aggregation_file **file)
{
    hf_aggregation_file *f = file ? *file : NULL;
    own_file *own = f ? f->own : NULL;

    if (own) {
        hf_weights_close(&own->weights);
        hf_tensor_file_close(&own->file);
        json_decref(own->metadata);
    }
    free(own);
    free(f);
    if (file)
        *file = NULL;
}
