/* clip_text.c - see clip_text.h.
 *
 *     x = token_embedding[id] + position_embedding
 *     each layer:  x += out(attention(q, k, v of norm1(x))), token i sees 0..i only
 *                  x += fc2(act(fc1(norm2(x))))
 *     final norm
 */
#include "src/net/clip_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "src/net/pass.h"

typedef struct text_layer {
    hf_norm   norm1, norm2;
    hf_linear q, k, v, out, fc1, fc2;
} text_layer;

struct hf_clip_text {
    hf_backend         *be;
    hf_clip_text_config config;
    hf_layers          *layers;
    hf_tensor           token_table;    /* f32 [n_tokens,width] */
    hf_tensor           position_table; /* f32 [n_positions,width] */
    text_layer         *list;           /* [n_layers] */
    hf_norm             final_norm;
};

static int check_config(const hf_clip_text_config *c, hf_error *err)
{
    if (c->n_layers < 1 || c->width < 1 || c->inner_width < 1 || c->n_positions < 2 || c->n_tokens < 1)
        return hf_fail(err, HF_EMODEL, "text encoder: %d layers of %d and %d channels, %d positions, %d tokens: want "
                       "at least 1, and 2 positions", c->n_layers, c->width, c->inner_width, c->n_positions,
                       c->n_tokens);
    if (c->n_heads < 1 || c->width % c->n_heads != 0)
        return hf_fail(err, HF_EMODEL, "text encoder: %d heads for %d channels, want a divisor", c->n_heads, c->width);
    return HF_OK;
}

int hf_clip_text_config_infer(hf_clip_text_config *config, const hf_weights *weights, hf_error *err)
{
    hf_clip_text_config c = HF_CLIP_TEXT_SD1;
    int64_t table[HF_ENTRY_MAX_DIMS], positions[HF_ENTRY_MAX_DIMS], inner[HF_ENTRY_MAX_DIMS];
    int n_dims[3], rc;
    char name[96];

    if ((rc = hf_weights_shape(weights, "text_model.embeddings.token_embedding.weight", &n_dims[0], table, err)) < 0 ||
        (rc = hf_weights_shape(weights, "text_model.embeddings.position_embedding.weight", &n_dims[1], positions,
                               err)) < 0 ||
        (rc = hf_weights_shape(weights, "text_model.encoder.layers.0.mlp.fc1.weight", &n_dims[2], inner, err)) < 0)
        return rc;
    if (n_dims[0] != 2 || n_dims[1] != 2 || n_dims[2] != 2)
        return hf_fail(err, HF_EMODEL, "%s: text encoder: embeddings of %d and %d, fc1 of %d dimensions, want 2",
                       hf_tensor_file_path(hf_weights_file(weights)), n_dims[0], n_dims[1], n_dims[2]);
    c.n_tokens = (int)table[0], c.width = (int)table[1];
    c.n_positions = (int)positions[0], c.inner_width = (int)inner[0];
    c.n_layers = 0;
    do
        snprintf(name, sizeof(name), "text_model.encoder.layers.%d.mlp.fc1.weight", ++c.n_layers);
    while (hf_weights_has(weights, name));
    c.n_heads = c.width % 64 == 0 ? c.width / 64 : 1;
    c.activation = c.width <= 768 ? HF_ACT_QUICK_GELU : HF_ACT_GELU_ERF;
    *config = c;
    return HF_OK;
}

static void load_layer(hf_layers *l, text_layer *y, const hf_clip_text_config *c, int i)
{
    int C = c->width;
    char name[64];
    snprintf(name, sizeof(name), "text_model.encoder.layers.%d", i);
    hf_layers_norm(l, &y->norm1, C, "%s.layer_norm1", name);
    hf_layers_linear(l, &y->q, C, C, true, "%s.self_attn.q_proj", name);
    hf_layers_linear(l, &y->k, C, C, true, "%s.self_attn.k_proj", name);
    hf_layers_linear(l, &y->v, C, C, true, "%s.self_attn.v_proj", name);
    hf_layers_linear(l, &y->out, C, C, true, "%s.self_attn.out_proj", name);
    hf_layers_norm(l, &y->norm2, C, "%s.layer_norm2", name);
    hf_layers_linear(l, &y->fc1, c->inner_width, C, true, "%s.mlp.fc1", name);
    hf_layers_linear(l, &y->fc2, C, c->inner_width, true, "%s.mlp.fc2", name);
}

static int load(hf_clip_text *text, hf_error *err)
{
    const hf_clip_text_config *c = &text->config;
    hf_layers *l = text->layers;
    hf_layers_array(l, &text->token_table, 2, (const int64_t[]){ c->n_tokens, c->width },
                    "text_model.embeddings.token_embedding.weight");
    hf_layers_array(l, &text->position_table, 2, (const int64_t[]){ c->n_positions, c->width },
                    "text_model.embeddings.position_embedding.weight");
    for (int i = 0; i < c->n_layers; i++)
        load_layer(l, &text->list[i], c, i);
    hf_layers_norm(l, &text->final_norm, c->width, "text_model.final_layer_norm");
    return hf_layers_status(l, err);
}

int hf_clip_text_open(hf_clip_text **out, hf_backend *be, const hf_weights *weights, const hf_clip_text_config *config,
                      hf_dtype dtype, hf_error *err)
{
    hf_clip_text *text = NULL;
    int rc;

    *out = NULL;
    if ((rc = check_config(config, err)) < 0)
        return rc;
    if (!(text = calloc(1, sizeof(*text))) || !(text->list = calloc((size_t)config->n_layers, sizeof(*text->list)))) {
        rc = hf_fail(err, HF_ENOMEM, "text encoder: out of memory");
        goto end;
    }
    text->be = be, text->config = *config;
    if ((rc = hf_layers_new(&text->layers, be, weights, dtype, err)) < 0 || (rc = load(text, err)) < 0)
        goto end;
    *out = text;
    text = NULL;
end:
    hf_clip_text_close(&text);
    return rc;
}

void hf_clip_text_close(hf_clip_text **text)
{
    if (!text || !*text)
        return;
    hf_layers_free(&(*text)->layers);
    free((*text)->list);
    free(*text);
    *text = NULL;
}

static void run_layer(hf_pass *p, const hf_clip_text *text, const text_layer *y, const hf_tensor *x)
{
    const hf_clip_text_config *c = &text->config;
    int64_t N = x->shape[0], L = x->shape[1];
    hf_attention_params heads = { .n_heads = c->n_heads, .causal = true };
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor normed = hf_pass_take(p, HF_F32, 3, N, L, c->width);
    hf_tensor q = hf_pass_take(p, HF_F32, 3, N, L, c->width);
    hf_tensor k = hf_pass_take(p, HF_F32, 3, N, L, c->width);
    hf_tensor v = hf_pass_take(p, HF_F32, 3, N, L, c->width);
    hf_tensor inner = hf_pass_take(p, HF_F32, 3, N, L, c->inner_width);

    hf_pass_layer_norm(p, &normed, x, &y->norm1, c->epsilon);
    hf_pass_linear(p, &q, &normed, &y->q, NULL, HF_ACT_NONE);
    hf_pass_linear(p, &k, &normed, &y->k, NULL, HF_ACT_NONE);
    hf_pass_linear(p, &v, &normed, &y->v, NULL, HF_ACT_NONE);
    hf_pass_attention(p, &normed, &q, &k, &v, &heads);
    hf_pass_linear(p, x, &normed, &y->out, x, HF_ACT_NONE);
    hf_pass_layer_norm(p, &normed, x, &y->norm2, c->epsilon);
    hf_pass_linear(p, &inner, &normed, &y->fc1, NULL, c->activation);
    hf_pass_linear(p, x, &inner, &y->fc2, x, HF_ACT_NONE);
    hf_arena_rewind(p->arena, mark);
}

/* out is x, the stream, from the beginning. */
static void run_network(hf_pass *p, const hf_clip_text *text, const hf_tensor *out, const int32_t *ids)
{
    const hf_clip_text_config *c = &text->config;
    int64_t N = out->shape[0], n = N * c->n_positions;
    hf_ops *ops = &p->be->ops;
    hf_tensor index = hf_pass_take(p, HF_I32, 1, n);
    hf_tensor rows = hf_pass_view(out, 2, n, c->width);

    if (p->rc >= 0 && !hf_pass_plans(p) && (p->rc = ops->write(p->be, &index, ids, p->err)) >= 0)
        p->rc = ops->gather_rows(p->be, &rows, &text->token_table, &index, p->err);
    for (int64_t i = 0; i < N; i++) {
        float *at = out->data ? (float *)out->data + i * c->n_positions * c->width : NULL;
        hf_tensor one = hf_tensor_view(at, HF_F32, 2, c->n_positions, c->width);
        hf_pass_add(p, &one, &one, &text->position_table, 1, 1);
    }
    for (int i = 0; i < c->n_layers; i++)
        run_layer(p, text, &text->list[i], out);
    hf_pass_layer_norm(p, out, out, &text->final_norm, c->epsilon);
}

int hf_clip_text_run(hf_clip_text *text, const hf_tensor *out, const int32_t *ids, hf_error *err)
{
    hf_arena *arena = NULL;
    hf_pass p = { .be = text->be, .err = err };
    int rc;

    for (int64_t i = 0; i < out->shape[0] * text->config.n_positions; i++)
        if (ids[i] < 0 || ids[i] >= text->config.n_tokens)
            return hf_fail(err, HF_EARG, "text encoder: token %lld is %d, want 0..%d", (long long)i, ids[i],
                           text->config.n_tokens - 1);
    if ((rc = hf_arena_new(&arena, text->be, "text encoder scratch", err)) < 0)
        return rc;
    p.arena = arena;
    run_network(&p, text, out, ids);
    if ((rc = p.rc) < 0 || (rc = hf_arena_seal(arena, 0, err)) < 0)
        goto end;
    run_network(&p, text, out, ids);
    if ((rc = p.rc) >= 0)
        rc = text->be->ops.sync(text->be, err);
end:
    hf_arena_free(&arena);
    return rc;
}
