/* sd_config.c - see sd_config.h. */
#include "src/sd_config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_CONFIG_BYTES (1 << 20)
#define MAX_CHANNELS 65536

/* A config being read: the first failure stays. */
typedef struct config_file {
    const char *path;
    json_t     *root;
    hf_error   *err;
    int         rc;
} config_file;

/* 1: read; 0: no such file. */
static int open_config(config_file *c, const char *path, hf_error *err)
{
    struct stat st;
    json_error_t found;

    *c = (config_file){ .path = path, .err = err };
    if (stat(path, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > MAX_CONFIG_BYTES)
        return hf_fail(err, HF_EFORMAT, "%s: %lld bytes, want a JSON file of at most %d", path, (long long)st.st_size,
                       MAX_CONFIG_BYTES);
    if (!(c->root = json_load_file(path, JSON_REJECT_DUPLICATES, &found)))
        return hf_fail(err, HF_EFORMAT, "%s: line %d: %s, want JSON", path, found.line, found.text);
    if (json_is_object(c->root))
        return 1;
    json_decref(c->root);
    return hf_fail(err, HF_EFORMAT, "%s: not a JSON object", path);
}

static int close_config(config_file *c)
{
    json_decref(c->root);
    return c->rc < 0 ? c->rc : 1;
}

/* null counts as missing: diffusers writes both. */
static const json_t *get(const config_file *c, const char *key)
{
    const json_t *value = json_object_get(c->root, key);
    return json_is_null(value) ? NULL : value;
}

static void wrong(config_file *c, const char *key, const char *want)
{
    char *text = json_dumps(json_object_get(c->root, key), JSON_ENCODE_ANY | JSON_COMPACT);
    if (c->rc == HF_OK)
        c->rc = hf_fail(c->err, HF_EMODEL, "%s: %s is %.80s, want %s", c->path, key, text ? text : "missing", want);
    free(text);
}

static void bad_value(config_file *c, const char *key, const char *want)
{
    wrong(c, key, want);
    if (c->rc == HF_EMODEL)
        c->rc = HF_EFORMAT;
    if (c->err)
        c->err->status = (hf_status)c->rc;
}

/* A whole number of 1..max; `value` stays if the key is missing. */
static void read_int(config_file *c, int *value, const char *key, int max)
{
    const json_t *v = get(c, key);
    char want[48];
    if (!v || c->rc < 0)
        return;
    if (json_is_integer(v) && json_integer_value(v) >= 1 && json_integer_value(v) <= max) {
        *value = (int)json_integer_value(v);
        return;
    }
    snprintf(want, sizeof(want), "a whole number of 1..%d", max);
    bad_value(c, key, want);
}

static void read_real(config_file *c, double *value, const char *key)
{
    const json_t *v = get(c, key);
    if (!v || c->rc < 0)
        return;
    if (json_is_number(v) && json_number_value(v) > 0 && json_number_value(v) < 1e6)
        *value = json_number_value(v);
    else
        bad_value(c, key, "a number above 0");
}

/* A number for all levels, or a list of one a level. */
static void read_ints(config_file *c, int *values, int n, const char *key)
{
    const json_t *v = get(c, key);
    char want[64];
    int bad = 0;

    if (!v || c->rc < 0)
        return;
    if (json_is_integer(v)) {
        read_int(c, &values[0], key, MAX_CHANNELS);
        for (int i = 1; i < n; i++)
            values[i] = values[0];
        return;
    }
    bad = !json_is_array(v) || json_array_size(v) != (size_t)n;
    for (int i = 0; i < n && !bad; i++) {
        const json_t *item = json_array_get(v, (size_t)i);
        bad = !json_is_integer(item) || json_integer_value(item) < 1 || json_integer_value(item) > MAX_CHANNELS;
        values[i] = bad ? values[i] : (int)json_integer_value(item);
    }
    snprintf(want, sizeof(want), "a list of %d numbers, one a level", n);
    if (bad)
        bad_value(c, key, want);
}

/* The config and the arrays must agree on a size. */
static void same_ints(config_file *c, const int *known, int n, const char *key)
{
    int values[HF_VAE_MAX_BLOCKS] = { 0 };
    char want[128] = "";
    if (!get(c, key))
        return;
    memcpy(values, known, sizeof(*known) * (size_t)n);
    read_ints(c, values, n, key);
    for (int i = 0; i < n; i++)
        snprintf(want + strlen(want), sizeof(want) - strlen(want), "%s%d", i ? "," : "the shapes' ", known[i]);
    if (c->rc == HF_OK && memcmp(values, known, sizeof(*known) * (size_t)n) != 0)
        wrong(c, key, want);
}

static void want_text(config_file *c, const char *key, const char *wanted)
{
    const json_t *v = get(c, key);
    if (v && !(json_is_string(v) && strcmp(json_string_value(v), wanted) == 0))
        wrong(c, key, wanted);
}

static void want_missing(config_file *c, const char *key)
{
    const json_t *v = get(c, key);
    if (v && !json_is_false(v))
        wrong(c, key, "none of it: not a Stable Diffusion 1.x or 2.x U-Net");
}

static void want_number(config_file *c, const char *key, double wanted, const char *text)
{
    const json_t *v = get(c, key);
    double off = json_is_number(v) ? json_number_value(v) - wanted : 1;
    if (v && !(off <= 1e-9 && off >= -1e-9))
        wrong(c, key, text);
}

int hf_sd_config_groups(int64_t n_channels)
{
    int n = 32;
    while (n > 1 && n_channels % n != 0)
        n /= 2;
    return n;
}

int hf_sd_config_unet(hf_unet_config *u, const char *path, hf_error *err)
{
    static const char *const others[] = { "class_embed_type", "addition_embed_type", "encoder_hid_dim_type",
                                          "num_class_embeds", "dual_cross_attention", "only_cross_attention",
                                          "center_input_sample", "time_cond_proj_dim" };
    config_file c;
    int rc = open_config(&c, path, err);

    if (rc <= 0)
        return rc;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        want_missing(&c, others[i]);
    same_ints(&c, u->channels, u->n_levels, "block_out_channels");
    same_ints(&c, &u->context_dim, 1, "cross_attention_dim");
    same_ints(&c, &u->n_layers, 1, "layers_per_block");
    want_text(&c, "act_fn", "silu");
    want_text(&c, "resnet_time_scale_shift", "default");
    want_number(&c, "freq_shift", 0, "0");
    want_number(&c, "norm_eps", 1e-5, "1e-5");
    want_number(&c, "mid_block_scale_factor", 1, "1");
    want_number(&c, "transformer_layers_per_block", 1, "1");
    if (json_is_false(get(&c, "flip_sin_to_cos")))
        wrong(&c, "flip_sin_to_cos", "true");
    /* A slip of diffusers that its files keep: attention_head_dim is the number of heads, unless num_attention_heads says it. */
    read_ints(&c, u->n_heads, u->n_levels, get(&c, "num_attention_heads") ? "num_attention_heads" : "attention_head_dim");
    for (int i = 0; i < u->n_levels && c.rc == HF_OK; i++)
        if (u->channels[i] % u->n_heads[i] != 0)
            wrong(&c, get(&c, "num_attention_heads") ? "num_attention_heads" : "attention_head_dim",
                  "numbers of heads that divide block_out_channels");
    read_int(&c, &u->n_groups, "norm_num_groups", MAX_CHANNELS);
    return close_config(&c);
}

int hf_sd_config_vae(hf_vae_config *v, const char *path, hf_error *err)
{
    double scale = v->scale;
    config_file c;
    int rc = open_config(&c, path, err);

    if (rc <= 0)
        return rc;
    same_ints(&c, v->channels, v->n_blocks, "block_out_channels");
    same_ints(&c, &v->latent_channels, 1, "latent_channels");
    same_ints(&c, &v->layers_per_block, 1, "layers_per_block");
    want_text(&c, "act_fn", "silu");
    want_missing(&c, "shift_factor");
    want_missing(&c, "latents_mean");
    read_int(&c, &v->n_groups, "norm_num_groups", MAX_CHANNELS);
    read_real(&c, &scale, "scaling_factor");
    v->scale = (float)scale;
    return close_config(&c);
}

int hf_sd_config_text(hf_clip_text_config *t, const char *path, hf_error *err)
{
    double epsilon = t->epsilon;
    config_file c;
    int rc = open_config(&c, path, err);

    if (rc <= 0)
        return rc;
    same_ints(&c, &t->width, 1, "hidden_size");
    same_ints(&c, &t->n_layers, 1, "num_hidden_layers");
    same_ints(&c, &t->inner_width, 1, "intermediate_size");
    same_ints(&c, &t->n_tokens, 1, "vocab_size");
    same_ints(&c, &t->n_positions, 1, "max_position_embeddings");
    read_int(&c, &t->n_heads, "num_attention_heads", MAX_CHANNELS);
    if (t->n_heads < 1 || t->width % t->n_heads != 0)
        wrong(&c, "num_attention_heads", "a divisor of hidden_size");
    read_real(&c, &epsilon, "layer_norm_eps");
    t->epsilon = (float)epsilon;
    const json_t *act = get(&c, "hidden_act");
    if (json_is_string(act) && strcmp(json_string_value(act), "quick_gelu") == 0)
        t->activation = HF_ACT_QUICK_GELU;
    else if (json_is_string(act) && strcmp(json_string_value(act), "gelu") == 0)
        t->activation = HF_ACT_GELU_ERF;
    else if (act)
        wrong(&c, "hidden_act", "quick_gelu or gelu");
    return close_config(&c);
}

int hf_sd_config_scheduler(hf_prediction *prediction, const char *path, hf_error *err)
{
    config_file c;
    int rc = open_config(&c, path, err);

    if (rc <= 0)
        return rc;
    want_text(&c, "beta_schedule", "scaled_linear");
    want_number(&c, "beta_start", 0.00085, "0.00085");
    want_number(&c, "beta_end", 0.012, "0.012");
    want_number(&c, "num_train_timesteps", HF_DDIM_TRAIN_STEPS, "1000");
    want_missing(&c, "trained_betas");
    want_missing(&c, "rescale_betas_zero_snr");
    const json_t *type = get(&c, "prediction_type"); /* missing in files of 2022: epsilon was the only one */
    if (json_is_string(type) && strcmp(json_string_value(type), "v_prediction") == 0)
        *prediction = HF_PREDICTION_V;
    else if (!type || (json_is_string(type) && strcmp(json_string_value(type), "epsilon") == 0))
        *prediction = HF_PREDICTION_EPSILON;
    else
        wrong(&c, "prediction_type", "epsilon or v_prediction");
    return close_config(&c);
}

/* The text behind "key:" on a line, or NULL. */
static const char *yaml_value(const char *line, const char *key)
{
    size_t n = strlen(key);
    line += strspn(line, " \t-");
    if (strncmp(line, key, n) != 0 || line[n] != ':')
        return NULL;
    return line + n + 1 + strspn(line + n + 1, " \t\"'");
}

/* Heads of every level from "num_heads" (SD 1.x: 8) or "num_head_channels" (2.x: 64); false if they do not divide. */
static bool set_heads(hf_unet_config *u, int n_heads, int head_channels)
{
    for (int i = 0; i < u->n_levels; i++) {
        int n = n_heads > 0 ? n_heads : u->channels[i] / (head_channels > 0 ? head_channels : 1);
        if (n < 1 || u->channels[i] % n != 0)
            return false;
        u->n_heads[i] = n;
    }
    return true;
}

int hf_sd_config_yaml(hf_unet_config *u, hf_prediction *prediction, bool *has_prediction, const char *path,
                      hf_error *err)
{
    char line[512];
    int n_heads = 0, head_channels = 0;
    FILE *file = fopen(path, "r");

    *has_prediction = false;
    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file)) {
        const char *value;
        if ((value = yaml_value(line, "parameterization"))) {
            *prediction = value[0] == 'v' ? HF_PREDICTION_V : HF_PREDICTION_EPSILON;
            *has_prediction = true;
        } else if ((value = yaml_value(line, "num_heads")))
            n_heads = atoi(value);
        else if ((value = yaml_value(line, "num_head_channels")))
            head_channels = atoi(value);
    }
    fclose(file);
    if ((n_heads > 0 || head_channels > 0) && !set_heads(u, n_heads, head_channels))
        return hf_fail(err, HF_EMODEL, "%s: %s is %d, which does not divide the U-Net's %d channels", path,
                       n_heads > 0 ? "num_heads" : "num_head_channels", n_heads > 0 ? n_heads : head_channels,
                       u->channels[0]);
    return 1;
}
