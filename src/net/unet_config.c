/* unet_config.c - the sizes of a U-Net, read from the shapes of its arrays, and what follows from them. */
#include <stdio.h>

#include "src/net/unet_parts.h"

#define PUBLISHED_GROUPS 32
#define SD1_CONTEXT 768
#define SD1_HEADS 8
#define SD2_HEAD_CHANNELS 64

static bool has(const hf_weights *w, const char *format, int a, int b)
{
    char name[128];
    snprintf(name, sizeof(name), format, a, b);
    return hf_weights_has(w, name);
}

/* Dimension i of an array of at least i + 1 dimensions. */
static int read_dimension(int *out, const hf_weights *w, const char *name, int i, hf_error *err)
{
    int64_t shape[HF_ENTRY_MAX_DIMS];
    int n_dims, rc;

    *out = 0;
    if ((rc = hf_weights_shape(w, name, &n_dims, shape, err)) < 0)
        return rc;
    if (i >= n_dims || shape[i] < 1 || shape[i] > 1 << 20)
        return hf_fail(err, HF_EMODEL, "%s: array \"%s\" has %d dimensions, want %d of 1..1048576",
                       hf_tensor_file_path(hf_weights_file(w)), name, n_dims, i + 1);
    *out = (int)shape[i];
    return HF_OK;
}

static int read_level(hf_unet_config *c, const hf_weights *w, int level, hf_error *err)
{
    char name[128];
    snprintf(name, sizeof(name), "down_blocks.%d.resnets.0.conv2.weight", level);
    c->attention[level] = has(w, "down_blocks.%d.attentions.%d.proj_in.weight", level, 0);
    return read_dimension(&c->channels[level], w, name, 0, err);
}

/* What is of other families than SD 1.x and 2.x, by the arrays that only they have. */
static int refuse_others(const hf_weights *w, hf_error *err)
{
    static const char *const foreign[] = {
        "down_blocks.1.attentions.0.transformer_blocks.1.norm1.weight", "mid_block.attentions.0.transformer_blocks.1.norm1.weight",
        "add_embedding.linear_1.weight", "class_embedding.linear_1.weight", "down_blocks.4.resnets.0.conv1.weight",
        "time_embedding.cond_proj.weight",
    };
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        if (hf_weights_has(w, foreign[i]))
            return hf_fail(err, HF_EMODEL, "%s: has an array \"%s\": not a U-Net of Stable Diffusion 1.x or 2.x",
                           hf_tensor_file_path(hf_weights_file(w)), foreign[i]);
    return HF_OK;
}

static void guess_heads(hf_unet_config *c)
{
    for (int i = 0; i < c->n_levels; i++)
        c->n_heads[i] = c->context_dim == SD1_CONTEXT ? SD1_HEADS
                      : c->channels[i] > SD2_HEAD_CHANNELS ? c->channels[i] / SD2_HEAD_CHANNELS : 1;
}

int hf_unet_config_read(hf_unet_config *c, const hf_weights *w, hf_error *err)
{
    int rc;

    *c = (hf_unet_config){ .n_groups = PUBLISHED_GROUPS };
    if ((rc = refuse_others(w, err)) < 0 || (rc = read_dimension(&c->n_latent, w, "conv_in.weight", 1, err)) < 0)
        return rc;
    while (c->n_levels < HF_UNET_MAX_LEVELS && (c->n_levels == 0 || has(w, "down_blocks.%d.resnets.%d.conv2.weight", c->n_levels, 0))) {
        if ((rc = read_level(c, w, c->n_levels, err)) < 0)
            return rc;
        c->n_levels++;
    }
    while (c->n_layers < HF_UNET_MAX_LAYERS && has(w, "down_blocks.%d.resnets.%d.conv2.weight", 0, c->n_layers))
        c->n_layers++;
    rc = read_dimension(&c->context_dim, w, "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight", 1, err);
    guess_heads(c);
    return rc;
}

static int check(const hf_unet_config *c, hf_error *err)
{
    if (c->n_levels < 1 || c->n_levels > HF_UNET_MAX_LEVELS || c->n_layers < 1 || c->n_layers > HF_UNET_MAX_LAYERS)
        return hf_fail(err, HF_EARG, "unet: %d levels of %d layers, want 1..%d of 1..%d", c->n_levels, c->n_layers,
                       HF_UNET_MAX_LEVELS, HF_UNET_MAX_LAYERS);
    if (c->n_latent < 1 || c->context_dim < 1 || c->n_groups < 1)
        return hf_fail(err, HF_EARG, "unet: %d latent channels, context %d, %d groups, want 1 or more", c->n_latent,
                       c->context_dim, c->n_groups);
    for (int i = 0; i < c->n_levels; i++) {
        if (c->channels[i] < 1 || c->channels[i] % c->n_groups)
            return hf_fail(err, HF_EARG, "unet: level %d has %d channels, want a multiple of the %d groups", i,
                           c->channels[i], c->n_groups);
        if (c->n_heads[i] < 1 || c->channels[i] % c->n_heads[i])
            return hf_fail(err, HF_EARG, "unet: level %d has %d heads, want a divisor of its %d channels", i,
                           c->n_heads[i], c->channels[i]);
    }
    return HF_OK;
}

static void add_resnet(hf_unet *net, hf_unet_block *b, int c_in, int c_out)
{
    b->resnets[b->n_resnets++] = (hf_unet_resnet){ .c_in = c_in, .c_out = c_out, .index = net->n_resnets++ };
}

static void add_transformer(hf_unet *net, hf_unet_block *b, int level)
{
    b->transformers[b->n_transformers++] = (hf_unet_transformer){
        .channels = net->config.channels[level], .n_heads = net->config.n_heads[level], .index = net->n_transformers++ };
}

static void lay_out_down(hf_unet *net, int level)
{
    const hf_unet_config *c = &net->config;
    hf_unet_block *b = &net->down[level];

    snprintf(b->name, sizeof(b->name), "down_blocks.%d", level);
    for (int i = 0; i < c->n_layers; i++) {
        add_resnet(net, b, i == 0 && level > 0 ? c->channels[level - 1] : c->channels[level], c->channels[level]);
        if (c->attention[level])
            add_transformer(net, b, level);
    }
    b->has_sampler = level < c->n_levels - 1;
}

/* ResNets of up block i read [x, skip]; the skips come in the reverse order of the way down: those of this level, and
 * at last what the level above gave to it. */
static void lay_out_up(hf_unet *net, int i)
{
    const hf_unet_config *c = &net->config;
    hf_unet_block *b = &net->up[i];
    int level = c->n_levels - 1 - i, C = c->channels[level];
    int below = c->channels[i > 0 ? level + 1 : level], above = c->channels[level > 0 ? level - 1 : 0];

    snprintf(b->name, sizeof(b->name), "up_blocks.%d", i);
    for (int j = 0; j <= c->n_layers; j++) {
        add_resnet(net, b, (j == 0 ? below : C) + (j == c->n_layers ? above : C), C);
        if (c->attention[level])
            add_transformer(net, b, level);
    }
    b->has_sampler = level > 0;
}

int hf_unet_lay_out(hf_unet *net, const hf_unet_config *config, hf_error *err)
{
    int rc, last = config->n_levels - 1;

    if ((rc = check(config, err)) < 0)
        return rc;
    net->config = *config;
    for (int i = 0; i <= last; i++)
        lay_out_down(net, i);
    snprintf(net->mid.name, sizeof(net->mid.name), "mid_block");
    add_resnet(net, &net->mid, config->channels[last], config->channels[last]);
    add_transformer(net, &net->mid, last);
    add_resnet(net, &net->mid, config->channels[last], config->channels[last]);
    for (int i = 0; i <= last; i++)
        lay_out_up(net, i);
    return HF_OK;
}

int hf_unet_n_branches(const hf_unet_config *c) { return c->n_levels * (c->n_layers + 1); }

int hf_unet_branch_channels(const hf_unet_config *c, int branch)
{
    return hf_unet_block_channels(c, branch / (c->n_layers + 1));
}

int hf_unet_block_channels(const hf_unet_config *c, int block) { return c->channels[c->n_levels - 1 - block]; }

int hf_unet_block_shift(const hf_unet_config *c, int block) { return c->n_levels - 1 - block; }
