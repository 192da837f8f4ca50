/* net_arrays.c - see net_arrays.h. */
#include "src/net_arrays.h"

#include <stdarg.h>
#include <stdio.h>

#define NAME_SIZE 256

/* A walk: the first return of visit that is not 0 stays, and the rest is skipped. */
typedef struct walk {
    hf_array_visit visit;
    void          *ctx;
    int            rc;
} walk;

__attribute__((format(printf, 4, 0)))
static void say(walk *w, int n_dims, const int64_t *shape, const char *format, va_list args, const char *tail)
{
    char name[NAME_SIZE];
    int n = vsnprintf(name, sizeof(name), format, args);
    if (w->rc != 0 || n < 0 || n >= NAME_SIZE)
        return;
    snprintf(name + n, sizeof(name) - (size_t)n, "%s", tail);
    w->rc = w->visit(w->ctx, name, n_dims, shape);
}

/* NAME.weight [n_out,n_in] and NAME.bias. */
__attribute__((format(printf, 5, 6)))
static void matrix(walk *w, int64_t n_out, int64_t n_in, bool bias, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(w, 2, (int64_t[]){ n_out, n_in }, format, args, ".weight");
    va_end(args);
    va_start(args, format);
    if (bias)
        say(w, 1, &n_out, format, args, ".bias");
    va_end(args);
}

__attribute__((format(printf, 6, 7)))
static void conv(walk *w, int64_t n_out, int64_t n_in, int kernel, bool bias, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(w, 4, (int64_t[]){ n_out, n_in, kernel, kernel }, format, args, ".weight");
    va_end(args);
    va_start(args, format);
    if (bias)
        say(w, 1, &n_out, format, args, ".bias");
    va_end(args);
}

__attribute__((format(printf, 3, 4)))
static void norm(walk *w, int64_t n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(w, 1, &n, format, args, ".weight");
    va_end(args);
    va_start(args, format);
    say(w, 1, &n, format, args, ".bias");
    va_end(args);
}

/* An array that is no matrix, convolution or norm. */
__attribute__((format(printf, 4, 5)))
static void single(walk *w, int n_dims, const int64_t *shape, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(w, n_dims, shape, format, args, "");
    va_end(args);
}

/* n_time 0: the VAE's, which has no time. */
static void resnet(walk *w, const char *at, int n_in, int n_out, int n_time)
{
    norm(w, n_in, "%s.norm1", at);
    conv(w, n_out, n_in, 3, true, "%s.conv1", at);
    if (n_time)
        matrix(w, n_out, n_time, true, "%s.time_emb_proj", at);
    norm(w, n_out, "%s.norm2", at);
    conv(w, n_out, n_out, 3, true, "%s.conv2", at);
    if (n_in != n_out)
        conv(w, n_out, n_in, 1, true, "%s.conv_shortcut", at);
}

static void attention(walk *w, const char *at, const char *name, int n, int n_context)
{
    matrix(w, n, n, false, "%s.%s.to_q", at, name);
    matrix(w, n, n_context, false, "%s.%s.to_k", at, name);
    matrix(w, n, n_context, false, "%s.%s.to_v", at, name);
    matrix(w, n, n, true, "%s.%s.to_out.0", at, name);
}

static void transformer(walk *w, const char *at, int n, int n_context)
{
    char block[NAME_SIZE];
    snprintf(block, sizeof(block), "%.200s.transformer_blocks.0", at);
    norm(w, n, "%s.norm", at);
    matrix(w, n, n, true, "%s.proj_in", at); /* SD 1.x: [n,n,1,1], which is the same array */
    norm(w, n, "%s.norm1", block);
    attention(w, block, "attn1", n, n);
    norm(w, n, "%s.norm2", block);
    attention(w, block, "attn2", n, n_context);
    norm(w, n, "%s.norm3", block);
    matrix(w, 8 * (int64_t)n, n, true, "%s.ff.net.0.proj", block);
    matrix(w, n, 4 * (int64_t)n, true, "%s.ff.net.2", block);
    matrix(w, n, n, true, "%s.proj_out", at);
}

static void unet_down(walk *w, const hf_unet_config *c, int level)
{
    int n = c->channels[level], n_in = level ? c->channels[level - 1] : c->channels[0], n_time = 4 * c->channels[0];
    char at[96];

    for (int i = 0; i < c->n_layers; i++) {
        snprintf(at, sizeof(at), "down_blocks.%d.resnets.%d", level, i);
        resnet(w, at, i ? n : n_in, n, n_time);
        snprintf(at, sizeof(at), "down_blocks.%d.attentions.%d", level, i);
        if (c->attention[level])
            transformer(w, at, n, c->context_dim);
    }
    if (level < c->n_levels - 1)
        conv(w, n, n, 3, true, "down_blocks.%d.downsamplers.0.conv", level);
}

/* Channels that come from the way down to ResNet i of the level: its own, but the last is of the level above. */
static int skip_channels(const hf_unet_config *c, int level, int i)
{
    return i < c->n_layers || level == 0 ? c->channels[level] : c->channels[level - 1];
}

static void unet_up(walk *w, const hf_unet_config *c, int block)
{
    int level = c->n_levels - 1 - block, n = c->channels[level], n_time = 4 * c->channels[0];
    int n_before = block ? c->channels[level + 1] : n;
    char at[96];

    for (int i = 0; i <= c->n_layers; i++) {
        snprintf(at, sizeof(at), "up_blocks.%d.resnets.%d", block, i);
        resnet(w, at, (i ? n : n_before) + skip_channels(c, level, i), n, n_time);
        snprintf(at, sizeof(at), "up_blocks.%d.attentions.%d", block, i);
        if (c->attention[level])
            transformer(w, at, n, c->context_dim);
    }
    if (level > 0)
        conv(w, n, n, 3, true, "up_blocks.%d.upsamplers.0.conv", block);
}

static void visit_unet(walk *w, const hf_unet_config *c)
{
    int first = c->channels[0], last = c->channels[c->n_levels - 1];

    conv(w, first, c->n_latent, 3, true, "conv_in");
    matrix(w, 4 * (int64_t)first, first, true, "time_embedding.linear_1");
    matrix(w, 4 * (int64_t)first, 4 * (int64_t)first, true, "time_embedding.linear_2");
    for (int i = 0; i < c->n_levels; i++)
        unet_down(w, c, i);
    resnet(w, "mid_block.resnets.0", last, last, 4 * first);
    transformer(w, "mid_block.attentions.0", last, c->context_dim);
    resnet(w, "mid_block.resnets.1", last, last, 4 * first);
    for (int i = 0; i < c->n_levels; i++)
        unet_up(w, c, i);
    norm(w, first, "conv_norm_out");
    conv(w, c->n_latent, first, 3, true, "conv_out");
}

static void visit_vae(walk *w, const hf_vae_config *c)
{
    static const char *const qkv[] = { "to_q", "to_k", "to_v", "to_out.0" };
    int last = c->channels[c->n_blocks - 1], n_out = 2 * c->latent_channels;
    char at[96];

    conv(w, c->channels[0], 3, 3, true, "encoder.conv_in");
    for (int b = 0; b < c->n_blocks; b++) {
        int n = c->channels[b], n_in = b ? c->channels[b - 1] : n;
        for (int i = 0; i < c->layers_per_block; i++) {
            snprintf(at, sizeof(at), "encoder.down_blocks.%d.resnets.%d", b, i);
            resnet(w, at, i ? n : n_in, n, 0);
        }
        if (b < c->n_blocks - 1)
            conv(w, n, n, 3, true, "encoder.down_blocks.%d.downsamplers.0.conv", b);
    }
    resnet(w, "encoder.mid_block.resnets.0", last, last, 0);
    norm(w, last, "encoder.mid_block.attentions.0.group_norm");
    for (int i = 0; i < 4; i++)
        matrix(w, last, last, true, "encoder.mid_block.attentions.0.%s", qkv[i]);
    resnet(w, "encoder.mid_block.resnets.1", last, last, 0);
    norm(w, last, "encoder.conv_norm_out");
    conv(w, n_out, last, 3, true, "encoder.conv_out");
    conv(w, n_out, n_out, 1, true, "quant_conv");
}

static void visit_text(walk *w, const hf_clip_text_config *c)
{
    static const char *const parts[] = { "q_proj", "k_proj", "v_proj", "out_proj" };
    char at[96];

    matrix(w, c->n_tokens, c->width, false, "text_model.embeddings.token_embedding");
    matrix(w, c->n_positions, c->width, false, "text_model.embeddings.position_embedding");
    for (int i = 0; i < c->n_layers; i++) {
        snprintf(at, sizeof(at), "text_model.encoder.layers.%d", i);
        norm(w, c->width, "%s.layer_norm1", at);
        for (int p = 0; p < 4; p++)
            matrix(w, c->width, c->width, true, "%s.self_attn.%s", at, parts[p]);
        norm(w, c->width, "%s.layer_norm2", at);
        matrix(w, c->inner_width, c->width, true, "%s.mlp.fc1", at);
        matrix(w, c->width, c->inner_width, true, "%s.mlp.fc2", at);
    }
    norm(w, c->width, "text_model.final_layer_norm");
}

int hf_sd_visit_arrays(const hf_sd_files *files, hf_sd_part part, hf_array_visit visit, void *ctx)
{
    walk w = { visit, ctx, 0 };
    if (part == HF_SD_UNET)
        visit_unet(&w, &files->unet);
    else if (part == HF_SD_VAE)
        visit_vae(&w, &files->vae);
    else
        visit_text(&w, &files->text);
    return w.rc;
}

/* A convolution without bias and its norm. */
static void normed(walk *w, const char *at, const char *name, int n_out, int n_in, int kernel)
{
    conv(w, n_out, n_in, kernel, false, "%s.%s", at, name);
    norm(w, n_out, "%s.%s.norm", at, name);
}

int hf_aggregation_visit_arrays(const hf_aggregation_file *f, hf_array_visit visit, void *ctx)
{
    walk w = { visit, ctx, 0 };
    char at[128];
    int64_t n_mixing = (int64_t)f->n_layers * f->n_saved;
    int D = f->n_features;

    snprintf(at, sizeof(at), "%smixing_weights", f->prefix);
    w.rc = visit(ctx, at, 1, &n_mixing);
    for (int i = 0; i < f->n_layers; i++) {
        snprintf(at, sizeof(at), "%sbottleneck_layers.%d.0", f->prefix, i);
        if (f->channels[i] != D)
            normed(&w, at, "shortcut", D, f->channels[i], 1);
        normed(&w, at, "conv1", f->n_middle, f->channels[i], 1);
        normed(&w, at, "conv2", f->n_middle, f->n_middle, 3);
        normed(&w, at, "conv3", D, f->n_middle, 1);
    }
    return w.rc;
}

static void vit_block(walk *w, const hf_vit_sizes *s, int i)
{
    static const char *const parts[] = { "q", "k", "v", "proj" };
    int64_t width = s->width;

    norm(w, width, "blocks.%d.norm1", i);
    for (int p = 0; p < 4; p++)
        matrix(w, width, width, true, "blocks.%d.attn.%s", i, parts[p]);
    if (s->layer_scale)
        single(w, 1, &width, "blocks.%d.ls1.gamma", i);
    norm(w, width, "blocks.%d.norm2", i);
    matrix(w, s->hidden, width, true, "blocks.%d.mlp.%s", i, s->swiglu ? "w1" : "fc1");
    if (s->swiglu)
        matrix(w, s->hidden, width, true, "blocks.%d.mlp.w2", i);
    matrix(w, width, s->hidden, true, "blocks.%d.mlp.%s", i, s->swiglu ? "w3" : "fc2");
    if (s->layer_scale)
        single(w, 1, &width, "blocks.%d.ls2.gamma", i);
}

int hf_vit_visit_arrays(const hf_vit_sizes *s, hf_array_visit visit, void *ctx)
{
    walk w = { visit, ctx, 0 };

    single(&w, 3, (int64_t[]){ 1, 1, s->width }, "cls_token");
    single(&w, 3, (int64_t[]){ 1, 1 + (int64_t)s->side * s->side, s->width }, "pos_embed");
    if (s->n_registers)
        single(&w, 3, (int64_t[]){ 1, s->n_registers, s->width }, "register_tokens");
    conv(&w, s->width, 3, s->patch_px, true, "patch_embed.proj");
    for (int i = 0; i < s->depth; i++)
        vit_block(&w, s, i);
    norm(&w, s->width, "norm");
    return w.rc;
}
