/* features_write.c - see features_write.h. */
#include "src/cli/features_write.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/image_list.h"
#include "io/npy.h"
#include "io/safetensors_out.h"
#include "src/cli/settings.h"

#define MAX_LINES 16

int hf_features_path(char *path, size_t size, const char *image, int layer, const hf_options *options, hf_error *err)
{
    char stem[256], number[16] = "";
    hf_path_stem(stem, sizeof(stem), image);
    if (layer)
        snprintf(number, sizeof(number), ".layer%02d", layer);
    int n = snprintf(path, size, "%s/%s%s%s", options->out, stem, number, options->as_safetensors ? ".safetensors" : ".npy");
    return n > 0 && (size_t)n < size ? HF_OK : hf_fail(err, HF_EARG, "%s: the name is too long", options->out);
}

/* How they were made; a new reference. */
static json_t *about(const hf_image *image, const hf_description *f, const hf_describer *describer, int layer,
                     const hf_options *options)
{
    int width, height;
    hf_describer_work_size(describer, image->width, image->height, &width, &height);
    return json_pack("{s:s, s:s, s:o, s:o, s:[i,i], s:[i,i], s:[i,i], s:i, s:o}", "hfprop", hf_version(), "model",
                     hf_describer_model_name(describer), "layer", layer ? json_integer(layer) : json_null(), "image",
                     hf_json_text(image->path), "image_size", image->width, image->height, "computed_at", width, height,
                     "grid", (int)f->features.shape[0], (int)f->features.shape[1], "channels", (int)f->features.shape[2],
                     "settings", hf_settings_json(options));
}

static int write_npy(const char *path, const hf_description *f, const json_t *object, hf_error *err)
{
    char beside[PATH_MAX];
    int rc = hf_npy_write(path, HF_ENTRY_F32, 3, f->features.shape, f->host, err);
    if (rc < 0)
        return rc;
    snprintf(beside, sizeof(beside), "%.*s.json", (int)(strlen(path) - strlen(".npy")), path);
    if (json_dump_file(object, beside, JSON_INDENT(2)) < 0)
        return hf_fail(err, HF_EIO, "%s: %s", beside, strerror(errno));
    return HF_OK;
}

/* The metadata of safetensors are texts: what is not one already is written as JSON. */
static int write_safetensors(const char *path, const hf_description *f, json_t *object, hf_error *err)
{
    hf_tensor_entry array = { .name = "features", .type = HF_ENTRY_F32, .n_dims = 3, .data = f->host };
    hf_metadata_line lines[MAX_LINES];
    char *texts[MAX_LINES] = { NULL };
    const char *key;
    json_t *value;
    size_t n = 0;

    memcpy(array.shape, f->features.shape, 3 * sizeof(*array.shape));
    json_object_foreach(object, key, value)
        if (n < MAX_LINES) {
            texts[n] = json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
            lines[n] = (hf_metadata_line){ key, texts[n] ? texts[n] : "" };
            n++;
        }
    int rc = hf_safetensors_write(path, &array, 1, lines, n, err);
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    return rc;
}

int hf_features_write(const hf_image *image, const hf_description *features, const hf_describer *describer, int layer,
                      const hf_options *options, hf_error *err)
{
    char path[PATH_MAX];
    json_t *object;
    int rc = hf_features_path(path, sizeof(path), image->path, layer, options, err);

    if (rc < 0)
        return rc;
    if (!(object = about(image, features, describer, layer, options)))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    rc = options->as_safetensors ? write_safetensors(path, features, object, err) : write_npy(path, features, object, err);
    json_decref(object);
    return rc;
}
