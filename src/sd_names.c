/* sd_names.c - see sd_names.h.
 *
 * The U-Net of LDM is three lists: input_blocks (0: the first convolution; then, for every down block, its ResNets with
 * their attentions and one downsampler), middle_block (ResNet, attention, ResNet) and output_blocks (for every up
 * block, its ResNets; the upsampler is the last part of the last one). With L ResNets in a down block:
 *     down_blocks.B.resnets.J       = input_blocks.(1 + B (L+1) + J).0      attentions.J = the same .1
 *     down_blocks.B.downsamplers.0  = input_blocks.((B+1) (L+1)).0
 *     up_blocks.B.resnets.J         = output_blocks.(B (L+1) + J).0         attentions.J = the same .1
 *     up_blocks.B.upsamplers.0      = output_blocks.(B (L+1) + L).1, or .2 behind an attention
 */
#include "src/sd_names.h"

#include <stdio.h>
#include <string.h>

typedef struct rename_pair {
    const char *canonical, *other;
} rename_pair;

/* Parts of ResNets. */
static const rename_pair unet_resnet[] = {
    { "norm1", "in_layers.0" },   { "conv1", "in_layers.2" },  { "time_emb_proj", "emb_layers.1" },
    { "norm2", "out_layers.0" },  { "conv2", "out_layers.3" }, { "conv_shortcut", "skip_connection" },
    { NULL, NULL },
};

static const rename_pair unet_top[] = {
    { "conv_in", "input_blocks.0.0" },
    { "time_embedding.linear_1", "time_embed.0" },
    { "time_embedding.linear_2", "time_embed.2" },
    { "conv_norm_out", "out.0" },
    { "conv_out", "out.2" },
    { NULL, NULL },
};

static const rename_pair vae_top[] = {
    { "conv_norm_out", "norm_out" },
    { "mid_block.resnets.0", "mid.block_1" },
    { "mid_block.resnets.1", "mid.block_2" },
    { "mid_block.attentions.0.group_norm", "mid.attn_1.norm" },
    { "mid_block.attentions.0.to_q", "mid.attn_1.q" },
    { "mid_block.attentions.0.to_k", "mid.attn_1.k" },
    { "mid_block.attentions.0.to_v", "mid.attn_1.v" },
    { "mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out" },
    { NULL, NULL },
};

/* The VAE's attention in files of diffusers before 0.17. */
static const rename_pair vae_attention_old[] = {
    { "to_q", "query" }, { "to_k", "key" }, { "to_v", "value" }, { "to_out.0", "proj_attn" }, { NULL, NULL },
};

static const rename_pair open_clip_top[] = {
    { "text_model.embeddings.token_embedding.weight", "token_embedding.weight" },
    { "text_model.embeddings.position_embedding.weight", "positional_embedding" },
    { "text_model.final_layer_norm.weight", "ln_final.weight" },
    { "text_model.final_layer_norm.bias", "ln_final.bias" },
    { NULL, NULL },
};

static const rename_pair open_clip_layer[] = {
    { "layer_norm1", "ln_1" }, { "layer_norm2", "ln_2" },   { "self_attn.out_proj", "attn.out_proj" },
    { "mlp.fc1", "mlp.c_fc" }, { "mlp.fc2", "mlp.c_proj" }, { NULL, NULL },
};

/* The text behind prefix, or NULL if it does not begin so. */
static const char *behind(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

/* The pair whose canonical name is that of text up to a '.' or its end; *rest: what follows, with the '.'. */
static const rename_pair *find_pair(const rename_pair *pairs, const char *text, const char **rest)
{
    for (; pairs->canonical; pairs++) {
        *rest = behind(text, pairs->canonical);
        if (*rest && (**rest == 0 || **rest == '.'))
            return pairs;
    }
    return NULL;
}

static int place_name(hf_weight_place *place, const char *prefix, const char *name)
{
    int n = snprintf(place->name, sizeof(place->name), "%s%s", prefix, name);
    return n > 0 && (size_t)n < sizeof(place->name);
}

static bool file_has(const hf_tensor_file *file, const char *prefix, const char *name)
{
    hf_weight_place place;
    return place_name(&place, prefix, name) && hf_tensor_file_find(file, place.name);
}

/* "down_blocks.2.attentions.1.norm.weight": the numbers, the word between them and what follows. */
typedef struct block_name {
    const char *side; /* "down_blocks" or "up_blocks" */
    char        what[16]; /* "resnets", "attentions", "downsamplers", "upsamplers" */
    int         block, index;
    const char *rest; /* "norm.weight" */
} block_name;

static bool parse_block(block_name *b, const char *name)
{
    int n = 0;
    b->side = behind(name, "down_blocks.") ? "down_blocks" : behind(name, "up_blocks.") ? "up_blocks" : NULL;
    if (!b->side || sscanf(name + strlen(b->side), ".%d.%15[a-z].%d.%n", &b->block, b->what, &b->index, &n) != 3 || !n)
        return false;
    b->rest = name + strlen(b->side) + n;
    return b->block >= 0 && b->block < 64 && b->index >= 0 && b->index < 64;
}

/* Write a ResNet's part ("conv1.weight") behind `where`. */
static int resnet_part(char *out, size_t size, const char *where, const char *part)
{
    const char *rest;
    const rename_pair *pair = find_pair(unet_resnet, part, &rest);
    if (!pair)
        return 0;
    snprintf(out, size, "%s.%s%s", where, pair->other, rest);
    return 1;
}

static int unet_block(char *out, size_t size, const hf_tensor_file *file, const hf_sd_names *names, const block_name *b)
{
    int is_down = b->side[0] == 'd', per_block = names->layers_per_block + 1;
    char where[64], sampler[96];

    if (strcmp(b->what, "downsamplers") == 0 && is_down) {
        const char *rest = behind(b->rest, "conv");
        return rest && snprintf(out, size, "input_blocks.%d.0.op%s", (b->block + 1) * per_block, rest) > 0;
    }
    if (strcmp(b->what, "upsamplers") == 0 && !is_down) {
        int last = (b->block + 1) * per_block - 1;
        snprintf(sampler, sizeof(sampler), "output_blocks.%d.2.conv.weight", last);
        int at = file_has(file, names->prefix, sampler) ? 2 : 1;
        return snprintf(out, size, "output_blocks.%d.%d.%s", last, at, b->rest) > 0;
    }
    int at = b->block * per_block + b->index + is_down;
    snprintf(where, sizeof(where), "%s.%d", is_down ? "input_blocks" : "output_blocks", at);
    if (strcmp(b->what, "attentions") == 0)
        return snprintf(out, size, "%s.1.%s", where, b->rest) > 0;
    strncat(where, ".0", sizeof(where) - strlen(where) - 1);
    return strcmp(b->what, "resnets") == 0 && resnet_part(out, size, where, b->rest);
}

static int unet_ldm(char *out, size_t size, const hf_tensor_file *file, const hf_sd_names *names, const char *canonical)
{
    const char *rest;
    block_name b;
    const rename_pair *pair = find_pair(unet_top, canonical, &rest);

    if (pair)
        return snprintf(out, size, "%s%s", pair->other, rest) > 0;
    if ((rest = behind(canonical, "mid_block.resnets.0.")))
        return resnet_part(out, size, "middle_block.0", rest);
    if ((rest = behind(canonical, "mid_block.resnets.1.")))
        return resnet_part(out, size, "middle_block.2", rest);
    if ((rest = behind(canonical, "mid_block.attentions.0.")))
        return snprintf(out, size, "middle_block.1.%s", rest) > 0;
    return parse_block(&b, canonical) && unet_block(out, size, file, names, &b);
}

/* ResNets of the VAE keep their names in LDM, but for the shortcut. */
static void vae_resnet(char *out, size_t size, const char *where, const char *part)
{
    const char *rest = behind(part, "conv_shortcut");
    snprintf(out, size, "%s.%s%s", where, rest ? "nin_shortcut" : "", rest ? rest : part);
}

static int vae_block(char *out, size_t size, const char *coder, const hf_sd_names *names, const block_name *b)
{
    int is_down = b->side[0] == 'd', level = is_down ? b->block : names->n_blocks - 1 - b->block;
    char where[96];

    if (level < 0)
        return 0;
    if (strcmp(b->what, "resnets") == 0) {
        snprintf(where, sizeof(where), "%s%s.%d.block.%d", coder, is_down ? "down" : "up", level, b->index);
        vae_resnet(out, size, where, b->rest);
        return 1;
    }
    if (strcmp(b->what, is_down ? "downsamplers" : "upsamplers") != 0)
        return 0;
    return snprintf(out, size, "%s%s.%d.%s.%s", coder, is_down ? "down" : "up", level,
                    is_down ? "downsample" : "upsample", b->rest) > 0;
}

static int vae_ldm(char *out, size_t size, const hf_sd_names *names, const char *canonical)
{
    const char *coder = behind(canonical, "encoder.")   ? "encoder."
                        : behind(canonical, "decoder.") ? "decoder."
                                                        : NULL;
    const char *name = coder ? canonical + strlen(coder) : canonical, *rest;
    block_name b;

    if (!coder) /* quant_conv, post_quant_conv */
        return snprintf(out, size, "%s", canonical) > 0;
    const rename_pair *pair = find_pair(vae_top, name, &rest);
    if (pair && behind(pair->canonical, "mid_block.resnets")) {
        char where[64];
        snprintf(where, sizeof(where), "%s%s", coder, pair->other);
        vae_resnet(out, size, where, *rest ? rest + 1 : rest);
        return 1;
    }
    if (pair)
        return snprintf(out, size, "%s%s%s", coder, pair->other, rest) > 0;
    if (parse_block(&b, name))
        return vae_block(out, size, coder, names, &b);
    return snprintf(out, size, "%s", canonical) > 0;
}

/* The VAE's attention under its old names. */
static int vae_old(char *out, size_t size, const char *canonical)
{
    static const char where[] = "mid_block.attentions.0.";
    const char *part = strstr(canonical, where), *rest;
    if (!part)
        return 0;
    part += sizeof(where) - 1;
    const rename_pair *pair = find_pair(vae_attention_old, part, &rest);
    return pair && snprintf(out, size, "%.*s%s%s", (int)(part - canonical), canonical, pair->other, rest) > 0;
}

/* q, k and v of a layer are the first, second and third part of the rows of attn.in_proj. */
static int open_clip_fused(hf_weight_place *place, const hf_tensor_file *file, const char *prefix, int layer,
                           const char *part)
{
    static const char letters[] = "qkv";
    const char *letter = strchr(letters, part[0]), *kind = behind(part + 1, "_proj.");
    char name[96];

    if (!letter || !*letter || !kind)
        return 0;
    snprintf(name, sizeof(name), "transformer.resblocks.%d.attn.in_proj_%s", layer, kind);
    if (!place_name(place, prefix, name))
        return 0;
    const hf_tensor_entry *e = hf_tensor_file_find(file, place->name);
    if (!e || e->n_dims < 1 || e->shape[0] % 3 != 0)
        return 0;
    place->n_rows = e->shape[0] / 3;
    place->row = place->n_rows * (letter - letters);
    return 1;
}

static int open_clip(hf_weight_place *place, const hf_tensor_file *file, const hf_sd_names *names, const char *canonical)
{
    char name[192];
    const char *rest, *part;
    const rename_pair *pair = find_pair(open_clip_top, canonical, &rest);
    int layer, n = 0;

    if (pair)
        return place_name(place, names->prefix, pair->other);
    if (sscanf(canonical, "text_model.encoder.layers.%d.%n", &layer, &n) != 1 || !n)
        return 0;
    part = canonical + n;
    if ((rest = behind(part, "self_attn.")) && !behind(rest, "out_proj"))
        return open_clip_fused(place, file, names->prefix, layer, rest);
    if (!(pair = find_pair(open_clip_layer, part, &rest)))
        return 0;
    snprintf(name, sizeof(name), "transformer.resblocks.%d.%s%s", layer, pair->other, rest);
    return place_name(place, names->prefix, name);
}

int hf_sd_rename(hf_weight_place *place, const hf_tensor_file *file, const char *canonical, const void *ctx)
{
    const hf_sd_names *names = ctx;
    char name[192] = "";
    const char *rest;

    switch (names->naming) {
    case HF_SD_NAMES_DIFFUSERS:
        if (file_has(file, names->prefix, canonical) || !vae_old(name, sizeof(name), canonical))
            snprintf(name, sizeof(name), "%s", canonical);
        break;
    case HF_SD_NAMES_UNET_LDM:
        if (!unet_ldm(name, sizeof(name), file, names, canonical))
            return 0;
        break;
    case HF_SD_NAMES_VAE_LDM:
        if (!vae_ldm(name, sizeof(name), names, canonical))
            return 0;
        break;
    case HF_SD_NAMES_CLIP:
        rest = behind(canonical, "text_model.");
        snprintf(name, sizeof(name), "%s", rest && !file_has(file, names->prefix, canonical) ? rest : canonical);
        break;
    case HF_SD_NAMES_OPEN_CLIP:
        return open_clip(place, file, names, canonical);
    }
    return file_has(file, names->prefix, name) && place_name(place, names->prefix, name);
}
