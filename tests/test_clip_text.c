/* test_clip_text.c - the text encoder against transformers, layer by layer (golden/make_clip.py). */
#include <string.h>

#include "src/net/clip_text.h"
#include "tests/golden_net.h"

#define LIMIT 1e-4

static hf_error err;

static hf_clip_text_config config_of(const golden *g, int n_heads, hf_activation activation)
{
    hf_clip_text_config c;
    cr_assert_eq(hf_clip_text_config_infer(&c, g->weights, &err), HF_OK, "%s", err.text);
    c.n_heads = n_heads, c.activation = activation;
    return c;
}

static hf_tensor run(const golden *g, const hf_clip_text_config *c, hf_dtype dtype)
{
    hf_clip_text *text = NULL;
    hf_tensor ids = hf_tensor_view(NULL, HF_F32, 2, 2, 77), out = hf_tensor_view(NULL, HF_F32, 3, 2, 77, c->width);
    int32_t tokens[2 * 77];
    ids = golden_read(g, "in.ids");
    for (int i = 0; i < 2 * 77; i++)
        tokens[i] = (int32_t)((const float *)ids.data)[i];
    out = golden_room(&out);
    cr_assert_eq(hf_clip_text_open(&text, g->be, g->weights, c, dtype, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_clip_text_run(text, &out, tokens, &err), HF_OK, "%s", err.text);
    hf_clip_text_close(&text);
    free(ids.data);
    return out;
}

/* The first n layers and the final norm, for every n. */
static void check_layers(const char *file, const char *backend, int n_heads, hf_activation activation)
{
    golden g = golden_open(file, backend);
    hf_clip_text_config all = config_of(&g, n_heads, activation), c = all;
    for (c.n_layers = 1; c.n_layers <= all.n_layers; c.n_layers++) {
        char name[16];
        snprintf(name, sizeof(name), "out.%d", c.n_layers);
        hf_tensor out = run(&g, &c, HF_F32);
        golden_expect(&g, &out, name, LIMIT);
        free(out.data);
    }
    golden_close(&g);
}

Test(clip_text, sd1_on_ref_is_what_transformers_computes)
{
    check_layers("clip_text_sd1.safetensors", "ref", 3, HF_ACT_QUICK_GELU);
}

Test(clip_text, sd1_on_cpu_is_what_transformers_computes)
{
    check_layers("clip_text_sd1.safetensors", "cpu", 3, HF_ACT_QUICK_GELU);
}

Test(clip_text, sd2_on_ref_is_what_transformers_computes)
{
    check_layers("clip_text_sd2.safetensors", "ref", 2, HF_ACT_GELU_ERF);
}

Test(clip_text, sd2_on_cpu_is_what_transformers_computes)
{
    check_layers("clip_text_sd2.safetensors", "cpu", 2, HF_ACT_GELU_ERF);
}

Test(clip_text, bf16_stays_near)
{
    golden g = golden_open("clip_text_sd2.safetensors", "ref");
    hf_clip_text_config c = config_of(&g, 2, HF_ACT_GELU_ERF);
    hf_tensor out = run(&g, &c, HF_BF16);
    golden_expect(&g, &out, "out.2", 2e-2);
    free(out.data);
    golden_close(&g);
}

Test(clip_text, sizes_are_seen_from_the_arrays)
{
    golden g = golden_open("clip_text_sd1.safetensors", "ref");
    hf_clip_text_config c;
    cr_assert_eq(hf_clip_text_config_infer(&c, g.weights, &err), HF_OK, "%s", err.text);
    cr_expect_eq(c.n_layers, 3);
    cr_expect_eq(c.width, 48);
    cr_expect_eq(c.inner_width, 96);
    cr_expect_eq(c.n_positions, 77);
    cr_expect_eq(c.n_tokens, 120);
    golden_close(&g);
}

/* Opening with a changed config fails with this text. */
static void expect_refusal(const golden *g, hf_clip_text_config c, const char *text)
{
    hf_clip_text *opened = (hf_clip_text *)&c;
    cr_expect_eq(hf_clip_text_open(&opened, g->be, g->weights, &c, HF_F32, &err), HF_EMODEL);
    cr_expect_null(opened);
    cr_expect(strstr(err.text, text), "'%s' lacks '%s'", err.text, text);
}

Test(clip_text, wrong_configs_and_arrays_are_refused)
{
    golden g = golden_open("clip_text_sd1.safetensors", "ref");
    hf_clip_text_config good = config_of(&g, 3, HF_ACT_QUICK_GELU), c = good;
    c.n_heads = 5;
    expect_refusal(&g, c, "5 heads for 48 channels");
    c = good, c.n_layers = 0;
    expect_refusal(&g, c, "0 layers");
    c = good, c.n_layers = 4;
    expect_refusal(&g, c, "text_model.encoder.layers.3.layer_norm1.weight");
    c = good, c.inner_width = 64;
    expect_refusal(&g, c, "text_model.encoder.layers.0.mlp.fc1.weight");
    golden_close(&g);
}

Test(clip_text, a_token_beyond_the_vocabulary_is_refused)
{
    golden g = golden_open("clip_text_sd1.safetensors", "ref");
    hf_clip_text_config c = config_of(&g, 3, HF_ACT_QUICK_GELU);
    hf_clip_text *text = NULL;
    int32_t ids[77] = { [76] = 120 };
    hf_tensor out = hf_tensor_view(NULL, HF_F32, 3, 1, 77, 48);
    out = golden_room(&out);
    cr_assert_eq(hf_clip_text_open(&text, g.be, g.weights, &c, HF_F32, &err), HF_OK, "%s", err.text);
    cr_expect_eq(hf_clip_text_run(text, &out, ids, &err), HF_EARG);
    cr_expect_str_eq(err.text, "text encoder: token 76 is 120, want 0..119");
    hf_clip_text_close(&text);
    free(out.data);
    golden_close(&g);
}

Test(clip_text, a_file_of_something_else_is_refused_by_name)
{
    golden g = golden_open("taesd_a.safetensors", "ref");
    hf_clip_text_config c;
    cr_expect_eq(hf_clip_text_config_infer(&c, g.weights, &err), HF_EMODEL);
    cr_expect(strstr(err.text, "text_model.embeddings.token_embedding.weight"), "%s", err.text);
    golden_close(&g);
}
