/* vit_names.c - see vit_names.h. */
#include "src/net/vit_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHUNKS 64

/* One place where an array of a block, or of the whole network, may lie. */
typedef struct alias {
    const char *canonical, *in_file; /* without ".weight" and ".bias", but for names that have neither */
    int         part, n_parts;       /* rows of a fused matrix; n_parts 0: all of it */
} alias;

static const alias of_network[] = {
    { "patch_embed.proj", "patch_embed.proj", 0, 0 },
    { "patch_embed.proj", "embeddings.patch_embeddings.projection", 0, 0 },
    { "cls_token", "cls_token", 0, 0 },
    { "cls_token", "embeddings.cls_token", 0, 0 },
    { "pos_embed", "pos_embed", 0, 0 },
    { "pos_embed", "embeddings.position_embeddings", 0, 0 },
    { "register_tokens", "register_tokens", 0, 0 },
    { "register_tokens", "embeddings.register_tokens", 0, 0 },
    { "norm", "norm", 0, 0 },
    { "norm", "layernorm", 0, 0 },
    { 0 },
};

static const alias of_block[] = {
    { "norm1", "norm1", 0, 0 },
    { "norm1", "layernorm_before", 0, 0 },
    { "norm2", "norm2", 0, 0 },
    { "norm2", "layernorm_after", 0, 0 },
    { "attn.q", "attn.qkv", 0, 3 },
    { "attn.k", "attn.qkv", 1, 3 },
    { "attn.v", "attn.qkv", 2, 3 },
    { "attn.q", "attention.attention.query", 0, 0 },
    { "attn.k", "attention.attention.key", 0, 0 },
    { "attn.v", "attention.attention.value", 0, 0 },
    { "attn.q", "attention.q_proj", 0, 0 },
    { "attn.k", "attention.k_proj", 0, 0 },
    { "attn.v", "attention.v_proj", 0, 0 },
    { "attn.proj", "attn.proj", 0, 0 },
    { "attn.proj", "attention.output.dense", 0, 0 },
    { "attn.proj", "attention.o_proj", 0, 0 },
    { "ls1.gamma", "ls1.gamma", 0, 0 },
    { "ls1.gamma", "layer_scale1.lambda1", 0, 0 },
    { "ls2.gamma", "ls2.gamma", 0, 0 },
    { "ls2.gamma", "layer_scale2.lambda1", 0, 0 },
    { "mlp.fc1", "mlp.fc1", 0, 0 },
    { "mlp.fc1", "intermediate.dense", 0, 0 },
    { "mlp.fc2", "mlp.fc2", 0, 0 },
    { "mlp.fc2", "output.dense", 0, 0 },
    { "mlp.w1", "mlp.w12", 0, 2 },
    { "mlp.w2", "mlp.w12", 1, 2 },
    { "mlp.w1", "mlp.weights_in", 0, 2 },
    { "mlp.w2", "mlp.weights_in", 1, 2 },
    { "mlp.w1", "mlp.gate_proj", 0, 0 },
    { "mlp.w2", "mlp.up_proj", 0, 0 },
    { "mlp.w3", "mlp.w3", 0, 0 },
    { "mlp.w3", "mlp.weights_out", 0, 0 },
    { "mlp.w3", "mlp.down_proj", 0, 0 },
    { 0 },
};

/* What a block's arrays begin with; %d is its number. */
static const char *const block_prefixes[] = { "blocks.%d.", "encoder.layer.%d.", "layers.%d.", "layer.%d." };
#define N_BLOCK_PREFIXES (sizeof(block_prefixes) / sizeof(block_prefixes[0]))

/* An array that every such network has, as each family of files calls it. */
static const char *const landmarks[] = { "patch_embed.proj.weight", "embeddings.patch_embeddings.projection.weight" };

/* Length of what stands before a landmark in name; -1 if name is none. */
static int prefix_length(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof(landmarks) / sizeof(landmarks[0]); i++) {
        size_t m = strlen(landmarks[i]);
        if (n >= m && strcmp(name + n - m, landmarks[i]) == 0 && (n == m || name[n - m - 1] == '.'))
            return (int)(n - m);
    }
    return -1;
}

/* The teacher before others, then the shortest. */
static bool is_better(const char *a, int a_length, const char *b, int b_length)
{
    bool a_teaches = memmem(a, (size_t)a_length, "teacher", 7), b_teaches = memmem(b, (size_t)b_length, "teacher", 7);
    return a_teaches != b_teaches ? a_teaches : a_length < b_length;
}

int hf_vit_names_find(hf_vit_names *names, const hf_tensor_file *file, hf_error *err)
{
    size_t n;
    const hf_tensor_entry *list = hf_tensor_file_list(file, &n);
    const char *best = NULL;
    int best_length = 0;

    for (size_t i = 0; i < n; i++) {
        int length = prefix_length(list[i].name);
        if (length < 0 || length >= (int)sizeof(names->prefix))
            continue;
        if (!best || is_better(list[i].name, length, best, best_length))
            best = list[i].name, best_length = length;
    }
    if (!best)
        return hf_fail(err, HF_EMODEL, "%s: no vision transformer in it (no array \"%s\" among %zu)",
                       hf_tensor_file_path(file), landmarks[0], n);
    snprintf(names->prefix, sizeof(names->prefix), "%.*s", best_length, best);
    return HF_OK;
}

/* place->name = prefix + in_file + what follows the canonical name; whether the file has it. */
static bool try_alias(hf_weight_place *place, const hf_tensor_file *file, const char *prefix, const alias *a,
                      const char *rest)
{
    size_t n = strlen(a->canonical);
    if (strncmp(rest, a->canonical, n) != 0 || (rest[n] && rest[n] != '.'))
        return false;
    if (snprintf(place->name, sizeof(place->name), "%s%s%s", prefix, a->in_file, rest + n) >= (int)sizeof(place->name))
        return false;
    const hf_tensor_entry *e = hf_tensor_file_find(file, place->name);
    if (!e)
        return false;
    /* A matrix that does not part evenly keeps all of its rows and is refused for its shape. */
    if (a->n_parts && e->n_dims > 0 && e->shape[0] % a->n_parts == 0) {
        place->n_rows = e->shape[0] / a->n_parts;
        place->row = a->part * place->n_rows;
    }
    return true;
}

static bool try_all(hf_weight_place *place, const hf_tensor_file *file, const char *prefix, const alias *aliases,
                    const char *rest)
{
    for (const alias *a = aliases; a->canonical; a++)
        if (try_alias(place, file, prefix, a, rest))
            return true;
    return false;
}

static bool rename_of_block(hf_weight_place *place, const hf_tensor_file *file, const char *network, int block,
                            const char *rest)
{
    char prefix[256];

    for (size_t i = 0; i < N_BLOCK_PREFIXES; i++) {
        int at = snprintf(prefix, sizeof(prefix), "%s", network);
        snprintf(prefix + at, sizeof(prefix) - (size_t)at, block_prefixes[i], block);
        if (try_all(place, file, prefix, of_block, rest))
            return true;
    }
    for (int chunk = 0; chunk < MAX_CHUNKS; chunk++) {
        snprintf(prefix, sizeof(prefix), "%sblocks.%d.%d.", network, chunk, block);
        if (try_all(place, file, prefix, of_block, rest))
            return true;
    }
    return false;
}

int hf_vit_rename(hf_weight_place *place, const hf_tensor_file *file, const char *canonical, const void *ctx)
{
    const hf_vit_names *names = ctx;
    char *end;

    if (strncmp(canonical, "blocks.", 7) != 0)
        return try_all(place, file, names->prefix, of_network, canonical);
    int block = (int)strtol(canonical + 7, &end, 10);
    return *end == '.' && rename_of_block(place, file, names->prefix, block, end + 1);
}
