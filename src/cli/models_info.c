/* models_info.c - `hfprop models info`: what is in files of weights; see models.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/models.h"
#include "src/cli/settings.h"

/* ---- the object ---- */

static json_t *ints_json(const int *values, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_integer(values[i]));
    return list;
}

/* Arrays under a prefix: how many, of how many numbers, bytes and types. */
static json_t *sizes_json(const hf_tensor_file *file, const char *prefix)
{
    size_t n, n_arrays = 0, bytes = 0;
    int64_t numbers = 0;
    json_t *types = json_object();
    const hf_tensor_entry *list = hf_tensor_file_list(file, &n);

    for (size_t i = 0; i < n; i++) {
        if (strncmp(list[i].name, prefix, strlen(prefix)) != 0)
            continue;
        const char *type = hf_entry_type_name(list[i].type);
        json_object_set_new(types, type, json_integer(json_integer_value(json_object_get(types, type)) + 1));
        n_arrays++;
        bytes += list[i].bytes;
        numbers += (int64_t)(list[i].bytes / hf_entry_type_size(list[i].type));
    }
    return json_pack("{s:I, s:I, s:I, s:o}", "arrays", (json_int_t)n_arrays, "numbers", (json_int_t)numbers, "bytes",
                     (json_int_t)bytes, "types", types);
}

static json_t *unet_config_json(const hf_unet_config *c)
{
    return json_pack("{s:o, s:o, s:i, s:i, s:i, s:i}", "channels", ints_json(c->channels, c->n_levels), "heads",
                     ints_json(c->n_heads, c->n_levels), "layers_per_block", c->n_layers, "text_width", c->context_dim,
                     "latent_channels", c->n_latent, "norm_groups", c->n_groups);
}

static json_t *vae_config_json(const hf_vae_config *c)
{
    return json_pack("{s:o, s:i, s:i, s:i, s:f}", "channels", ints_json(c->channels, c->n_blocks), "layers_per_block",
                     c->layers_per_block, "latent_channels", c->latent_channels, "norm_groups", c->n_groups, "scale",
                     round(c->scale * 1e6) / 1e6);
}

static json_t *text_config_json(const hf_clip_text_config *c)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:s}", "layers", c->n_layers, "width", c->width, "heads", c->n_heads,
                     "tokens", c->n_tokens, "positions", c->n_positions, "activation",
                     c->activation == HF_ACT_QUICK_GELU ? "quick_gelu" : "gelu");
}

static json_t *part_json(const hf_sd_files *f, hf_sd_part part)
{
    const hf_sd_component *c = &f->part[part];
    json_t *object = sizes_json(hf_weights_file(c->weights), c->prefix);
    json_object_set_new(object, "path", hf_json_text(c->path));
    json_object_set_new(object, "config_from", json_string(c->has_config ? "config.json" : "shapes"));
    json_object_set_new(object, "config", part == HF_SD_UNET  ? unet_config_json(&f->unet)
                                          : part == HF_SD_VAE ? vae_config_json(&f->vae)
                                                              : text_config_json(&f->text));
    return object;
}

static json_t *files_json(const hf_sd_files *f)
{
    json_t *parts = json_object();
    for (int p = 0; p < HF_SD_N_PARTS; p++)
        json_object_set_new(parts, hf_sd_part_name((hf_sd_part)p), part_json(f, (hf_sd_part)p));
    return json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:o}", "path", hf_json_text(f->path), "layout",
                     f->layout == HF_SD_FOLDER ? "diffusers folder" : "single file", "family",
                     f->family == HF_SD_1 ? "SD 1.x" : "SD 2.x", "prediction",
                     f->prediction == HF_PREDICTION_V ? "v_prediction" : "epsilon", "prediction_from",
                     f->prediction_from, "tokenizer", *f->tokenizer ? hf_json_text(f->tokenizer) : json_null(), "parts",
                     parts);
}

static json_t *dino_json(const hf_models_target *t)
{
    const hf_vit_sizes *s = &t->sizes;
    json_t *object = sizes_json(t->dino->file, t->dino->names.prefix);
    json_t *config = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:b}", "layers", s->depth, "width", s->width,
                               "heads", s->n_heads, "hidden", s->hidden, "patch", s->patch_px, "registers",
                               s->n_registers, "position_grid", s->side, "swiglu", s->swiglu, "layer_scale",
                               s->layer_scale);
    json_object_set_new(object, "path", hf_json_text(t->dino->path));
    json_object_set_new(object, "prefix", hf_json_text(t->dino->names.prefix));
    json_object_set_new(object, "config_from", json_string(t->dino->n_heads ? "config.json and shapes" : "shapes"));
    json_object_set_new(object, "config", config);
    return object;
}

/* Softmax of the mixing weights, [step][layer]. */
static json_t *mixing_json(const hf_aggregation_file *f)
{
    int n = f->n_layers * f->n_saved;
    float *values = malloc(sizeof(*values) * (size_t)n), top = -INFINITY;
    hf_tensor host = hf_tensor_view(values, HF_F32, 1, n);
    json_t *steps = json_array();
    char name[64];
    double sum = 0;

    snprintf(name, sizeof(name), "%smixing_weights", f->prefix);
    if (!values || hf_weights_read(f->weights, &host, name, NULL) < 0) {
        free(values);
        return steps;
    }
    for (int i = 0; i < n; i++)
        top = fmaxf(top, values[i]);
    for (int i = 0; i < n; i++)
        sum += exp((double)values[i] - top);
    for (int s = 0; s < f->n_saved; s++) {
        json_t *row = json_array();
        for (int l = 0; l < f->n_layers; l++) {
            double share = exp((double)values[s * f->n_layers + l] - top) / sum;
            json_array_append_new(row, isfinite(share) ? json_real(share) : json_null());
        }
        json_array_append_new(steps, row);
    }
    free(values);
    return steps;
}

static json_t *network_json(const hf_aggregation_file *f)
{
    json_t *object = sizes_json(hf_weights_file(f->weights), f->prefix);
    json_t *more = json_pack("{s:o, s:i, s:i, s:o, s:i, s:o, s:o, s:s, s:o, s:o, s:o, s:f}", "path",
                             hf_json_text(f->path), "layers", f->n_layers, "features", f->n_features, "channels",
                             ints_json(f->channels, f->n_layers), "num_timesteps", f->n_steps, "save_timestep",
                             ints_json(f->save_timestep, f->n_saved), "mixing", mixing_json(f), "mode", f->mode,
                             "model_id", hf_json_text(f->model_id), "prompt", hf_json_text(f->prompt),
                             "negative_prompt", hf_json_text(f->negative_prompt), "guidance_scale", f->guidance);
    json_object_set_new(more, "config_from", json_string(f->has_config ? "file" : "number of mixing weights"));
    json_object_update_missing(object, more);
    json_decref(more);
    return object;
}

json_t *hf_models_info_json(const hf_models_target *t)
{
    json_t *networks = json_array();
    for (int i = 0; i < t->n_networks; i++)
        json_array_append_new(networks, network_json(t->networks[i]));
    return json_pack("{s:o, s:o, s:o, s:o}", "name", hf_json_text(t->name), "weights",
                     t->files ? files_json(t->files) : json_null(), "transformer",
                     t->dino ? dino_json(t) : json_null(), "aggregation", networks);
}

/* ---- the text ---- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void line(FILE *out, const char *key, const char *text)
{
    fprintf(out, "  %-13s ", key);
    hf_models_put(out, text);
    fputc('\n', out);
}

/* A list or a number of a config on one line. */
static void put_value(FILE *out, const json_t *value)
{
    size_t i;
    json_t *item;
    if (json_is_string(value))
        hf_models_put(out, json_string_value(value));
    else if (json_is_integer(value))
        fprintf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "yes" : "no", out);
    else if (json_is_real(value))
        fprintf(out, "%g", json_real_value(value));
    json_array_foreach(value, i, item) {
        fputs(i ? " " : "", out);
        put_value(out, item);
    }
}

static void print_sizes(FILE *out, const json_t *object)
{
    const char *type;
    json_t *count;
    double numbers = (double)json_integer_value(json_object_get(object, "numbers"));
    fprintf(out, "%lld arrays, %.4g million numbers, %.4g MB (",
            (long long)json_integer_value(json_object_get(object, "arrays")), numbers / 1e6,
            (double)json_integer_value(json_object_get(object, "bytes")) / 1e6);
    int n = 0;
    json_object_foreach(json_object_get(object, "types"), type, count)
        fprintf(out, "%s%s", n++ ? ", " : "", type);
    fprintf(out, ")\n");
}

static void print_part(FILE *out, const char *name, const json_t *part)
{
    const char *key;
    json_t *value;
    int n = 0;

    fprintf(out, "  %-13s ", name);
    print_sizes(out, part);
    if (strcmp(name, "transformer") != 0)
        line(out, "", text_of(part, "path"));
    fprintf(out, "  %-13s ", "");
    json_object_foreach(json_object_get(part, "config"), key, value) {
        fprintf(out, "%s%s ", n++ ? ", " : "", key);
        put_value(out, value);
    }
    fprintf(out, " (from %s)\n", text_of(part, "config_from"));
}

static void print_weights(FILE *out, const json_t *w)
{
    const char *name;
    json_t *part;

    hf_models_put(out, text_of(w, "path"));
    fprintf(out, "\n  %-13s %s, %s\n", "kind", text_of(w, "family"), text_of(w, "layout"));
    fprintf(out, "  %-13s %s (from %s)\n", "prediction", text_of(w, "prediction"), text_of(w, "prediction_from"));
    line(out, "tokenizer", json_is_null(json_object_get(w, "tokenizer")) ? "none: only the empty prompt can be used"
                                                                         : text_of(w, "tokenizer"));
    json_object_foreach(json_object_get(w, "parts"), name, part)
        print_part(out, name, part);
}

static double share_of(const json_t *mixing, size_t step, size_t layer)
{
    return json_number_value(json_array_get(json_array_get(mixing, step), layer));
}

/* A bar of at most 20 eighths of blocks. */
static void put_bar(FILE *out, double share, double most)
{
    static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    int n = most > 0 ? (int)(share / most * 20 * 8 + 0.5) : 0;
    for (; n >= 8; n -= 8)
        fputs("█", out);
    fputs(eighths[n > 0 ? n : 0], out);
}

/* Per cent of every layer (rows) and saved step (columns), and what each layer has in all. */
static void print_mixing(FILE *out, const json_t *network)
{
    const json_t *mixing = json_object_get(network, "mixing"), *steps = json_object_get(network, "save_timestep");
    size_t n_steps = json_array_size(mixing), n_layers = json_array_size(json_array_get(mixing, 0));
    double most = 0;

    for (int is_print = 0; is_print < 2; is_print++) {
        if (is_print) {
            fprintf(out, "  share of each layer and step in per cent; step %lld is the clean picture\n  %9s",
                    (long long)json_integer_value(json_object_get(network, "num_timesteps")) - 1, "step");
            for (size_t s = 0; s < n_steps; s++)
                fprintf(out, " %5lld", (long long)json_integer_value(json_array_get(steps, s)));
            fprintf(out, "  %6s\n", "all");
        }
        for (size_t l = 0; l < n_layers; l++) {
            double sum = 0;
            for (size_t s = 0; s < n_steps; s++)
                sum += share_of(mixing, s, l);
            most = sum > most ? sum : most;
            if (!is_print)
                continue;
            fprintf(out, "  layer %3zu", l + 1);
            for (size_t s = 0; s < n_steps; s++)
                fprintf(out, " %5.2f", 100 * share_of(mixing, s, l));
            fprintf(out, "  %6.2f ", 100 * sum);
            put_bar(out, sum, most);
            fputc('\n', out);
        }
    }
    fprintf(out, "  %9s", "all");
    for (size_t s = 0; s < n_steps; s++) {
        double sum = 0;
        for (size_t l = 0; l < n_layers; l++)
            sum += share_of(mixing, s, l);
        fprintf(out, " %5.2f", 100 * sum);
    }
    fputc('\n', out);
}

static void print_network(FILE *out, const json_t *n)
{
    hf_models_put(out, text_of(n, "path"));
    fprintf(out, "\n  %-13s ", "aggregation");
    print_sizes(out, n);
    fprintf(out, "  %-13s %lld layers to %lld features, %zu of %lld steps saved, %s\n", "",
            (long long)json_integer_value(json_object_get(n, "layers")),
            (long long)json_integer_value(json_object_get(n, "features")),
            json_array_size(json_object_get(n, "save_timestep")),
            (long long)json_integer_value(json_object_get(n, "num_timesteps")), text_of(n, "mode"));
    fprintf(out, "  %-13s ", "");
    put_value(out, json_object_get(n, "channels"));
    fprintf(out, " channels (settings from the %s)\n", text_of(n, "config_from"));
    if (*text_of(n, "model_id"))
        line(out, "trained on", text_of(n, "model_id"));
    if (*text_of(n, "prompt"))
        line(out, "prompt", text_of(n, "prompt"));
    print_mixing(out, n);
}

void hf_models_info_print(FILE *out, const json_t *info)
{
    size_t i;
    json_t *network;
    if (json_is_object(json_object_get(info, "weights")))
        print_weights(out, json_object_get(info, "weights"));
    if (json_is_object(json_object_get(info, "transformer"))) {
        hf_models_put(out, text_of(json_object_get(info, "transformer"), "path"));
        fputc('\n', out);
        print_part(out, "transformer", json_object_get(info, "transformer"));
    }
    json_array_foreach(json_object_get(info, "aggregation"), i, network)
        print_network(out, network);
}
