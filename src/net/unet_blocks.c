/* unet_blocks.c - the two kinds of layers of the U-Net: ResNets and transformers.
 *
 * Everything is channels last, so that a transformer's tokens are the picture's cells as
 * they lie in memory, and its 1x1 convolutions (SD 1.x) are the linear layers of SD 2.x.
 */
#include "src/net/unet_parts.h"

#define RESNET_EPSILON 1e-5f
#define TRANSFORMER_EPSILON 1e-6f
#define LAYER_NORM_EPSILON 1e-5f

void hf_unet_resnet_load(hf_unet_resnet *n, hf_layers *l, const hf_unet_config *config, const char *name)
{
    hf_layers_norm(l, &n->norm1, n->c_in, "%s.norm1", name);
    hf_layers_conv(l, &n->conv1, n->c_out, n->c_in, 3, 1, true, "%s.conv1", name);
    hf_layers_linear(l, &n->time, n->c_out, 4 * config->channels[0], true, "%s.time_emb_proj", name);
    hf_layers_norm(l, &n->norm2, n->c_out, "%s.norm2", name);
    hf_layers_conv(l, &n->conv2, n->c_out, n->c_out, 3, 1, true, "%s.conv2", name);
    if (n->c_in != n->c_out)
        hf_layers_linear(l, &n->shortcut, n->c_out, n->c_in, true, "%s.conv_shortcut", name);
}

void hf_unet_transformer_load(hf_unet_transformer *t, hf_layers *l, const hf_unet_config *config, const char *name)
{
    int64_t C = t->channels, L = config->context_dim;
    const char *block = "transformer_blocks.0";

    hf_layers_norm(l, &t->norm, C, "%s.norm", name);
    hf_layers_linear(l, &t->proj_in, C, C, true, "%s.proj_in", name);
    hf_layers_norm(l, &t->norm1, C, "%s.%s.norm1", name, block);
    hf_layers_linear(l, &t->q, C, C, false, "%s.%s.attn1.to_q", name, block);
    hf_layers_linear(l, &t->k, C, C, false, "%s.%s.attn1.to_k", name, block);
    hf_layers_linear(l, &t->v, C, C, false, "%s.%s.attn1.to_v", name, block);
    hf_layers_linear(l, &t->out, C, C, true, "%s.%s.attn1.to_out.0", name, block);
    hf_layers_norm(l, &t->norm2, C, "%s.%s.norm2", name, block);
    hf_layers_linear(l, &t->cross_q, C, C, false, "%s.%s.attn2.to_q", name, block);
    hf_layers_linear(l, &t->cross_k, C, L, false, "%s.%s.attn2.to_k", name, block);
    hf_layers_linear(l, &t->cross_v, C, L, false, "%s.%s.attn2.to_v", name, block);
    hf_layers_linear(l, &t->cross_out, C, C, true, "%s.%s.attn2.to_out.0", name, block);
    hf_layers_norm(l, &t->norm3, C, "%s.%s.norm3", name, block);
    hf_layers_linear(l, &t->wide, 8 * C, C, true, "%s.%s.ff.net.0.proj", name, block);
    hf_layers_linear(l, &t->narrow, C, 4 * C, true, "%s.%s.ff.net.2", name, block);
    hf_layers_linear(l, &t->proj_out, C, C, true, "%s.proj_out", name);
}

void hf_unet_resnet_branch(const hf_unet_resnet *n, hf_pass *p, const hf_tensor *out, const hf_tensor *x,
                           const hf_tensor *bias, int n_groups)
{
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor normed = hf_pass_take_like(p, x, n->c_in);
    hf_tensor middle = hf_pass_take_like(p, x, n->c_out);
    hf_conv conv1 = n->conv1;

    conv1.bias = *bias;
    hf_pass_group_norm(p, &normed, x, &n->norm1, &(hf_group_norm_params){ n_groups, RESNET_EPSILON, HF_ACT_SILU });
    hf_pass_conv(p, &middle, &normed, &conv1, NULL, HF_ACT_NONE);
    hf_pass_group_norm(p, &middle, &middle, &n->norm2, &(hf_group_norm_params){ n_groups, RESNET_EPSILON, HF_ACT_SILU });
    hf_pass_conv(p, out, &middle, &n->conv2, NULL, HF_ACT_NONE);
    hf_arena_rewind(p->arena, mark);
}

void hf_unet_resnet_finish(const hf_unet_resnet *n, hf_pass *p, const hf_tensor *out, const hf_tensor *x)
{
    if (n->c_in != n->c_out)
        hf_pass_linear(p, out, x, &n->shortcut, out, HF_ACT_NONE);
    else
        hf_pass_add(p, out, out, x, 1, 1);
}

/* h += out(attention(q(n), k(n), v(n))) with n = norm1(h). normed [N,L,C] is scratch of the caller. */
static void attend_self(const hf_unet_transformer *t, hf_pass *p, const hf_tensor *h, const hf_tensor *normed)
{
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor q = hf_pass_take_like(p, h, t->channels);
    hf_tensor k = hf_pass_take_like(p, h, t->channels);
    hf_tensor v = hf_pass_take_like(p, h, t->channels);

    hf_pass_layer_norm(p, normed, h, &t->norm1, LAYER_NORM_EPSILON);
    hf_pass_linear(p, &q, normed, &t->q, NULL, HF_ACT_NONE);
    hf_pass_linear(p, &k, normed, &t->k, NULL, HF_ACT_NONE);
    hf_pass_linear(p, &v, normed, &t->v, NULL, HF_ACT_NONE);
    hf_pass_attention(p, normed, &q, &k, &v, &(hf_attention_params){ .n_heads = t->n_heads });
    hf_pass_linear(p, h, normed, &t->out, h, HF_ACT_NONE);
    hf_arena_rewind(p->arena, mark);
}

/* All pictures have one prompt, and a query sees nothing but the prompt: the batch is one long sequence. */
static hf_tensor as_one_sequence(const hf_tensor *x)
{
    return hf_tensor_view(x->data, x->dtype, 3, 1, x->shape[0] * x->shape[1], x->shape[2]);
}

static void attend_prompt(const hf_unet_transformer *t, hf_pass *p, const hf_tensor *h, const hf_tensor *normed,
                          const hf_tensor *k, const hf_tensor *v)
{
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor q = hf_pass_take_like(p, h, t->channels);

    hf_pass_layer_norm(p, normed, h, &t->norm2, LAYER_NORM_EPSILON);
    hf_pass_linear(p, &q, normed, &t->cross_q, NULL, HF_ACT_NONE);
    hf_tensor all_q = as_one_sequence(&q), all_out = as_one_sequence(normed);
    hf_pass_attention(p, &all_out, &all_q, k, v, &(hf_attention_params){ .n_heads = t->n_heads });
    hf_pass_linear(p, h, normed, &t->cross_out, h, HF_ACT_NONE);
    hf_arena_rewind(p->arena, mark);
}

static void feed_forward(const hf_unet_transformer *t, hf_pass *p, const hf_tensor *h, const hf_tensor *normed)
{
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor wide = hf_pass_take_like(p, h, 4 * t->channels);

    hf_pass_layer_norm(p, normed, h, &t->norm3, LAYER_NORM_EPSILON);
    hf_pass_linear(p, &wide, normed, &t->wide, NULL, HF_ACT_GEGLU);
    hf_pass_linear(p, h, &wide, &t->narrow, h, HF_ACT_NONE);
    hf_arena_rewind(p->arena, mark);
}

void hf_unet_transformer_run(const hf_unet_transformer *t, hf_pass *p, const hf_tensor *x, const hf_tensor *k,
                             const hf_tensor *v, int n_groups)
{
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor h = hf_pass_take_like(p, x, t->channels), normed = hf_pass_take_like(p, x, t->channels);
    int64_t N = x->shape[0], L = x->shape[1] * x->shape[2];

    hf_pass_group_norm(p, &normed, x, &t->norm, &(hf_group_norm_params){ n_groups, TRANSFORMER_EPSILON, HF_ACT_NONE });
    hf_pass_linear(p, &h, &normed, &t->proj_in, NULL, HF_ACT_NONE);
    hf_tensor h_tokens = hf_tensor_view(h.data, h.dtype, 3, N, L, t->channels);
    hf_tensor n_tokens = hf_tensor_view(normed.data, normed.dtype, 3, N, L, t->channels);
    attend_self(t, p, &h_tokens, &n_tokens);
    attend_prompt(t, p, &h_tokens, &n_tokens, k, v);
    feed_forward(t, p, &h_tokens, &n_tokens);
    hf_pass_linear(p, x, &h, &t->proj_out, x, HF_ACT_NONE);
    hf_arena_rewind(p->arena, mark);
}
