/* dino_files.c - see dino_files.h. */
#include "src/dino_files.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/hub_cache.h"
#include "src/sd_find.h"

#define PATH_SIZE 1024
#define URL "https://dl.fbaipublicfiles.com/"

static const hf_dino_row rows[] = {
    { "dino-vits8", "facebook/dino-vits8", "dino_deitsmall8_pretrain.pth",
      URL "dino/dino_deitsmall8_pretrain/dino_deitsmall8_pretrain.pth", 8, 384, 0 },
    { "dino-vits16", "facebook/dino-vits16", "dino_deitsmall16_pretrain.pth",
      URL "dino/dino_deitsmall16_pretrain/dino_deitsmall16_pretrain.pth", 16, 384, 0 },
    { "dino-vitb8", "facebook/dino-vitb8", "dino_vitbase8_pretrain.pth",
      URL "dino/dino_vitbase8_pretrain/dino_vitbase8_pretrain.pth", 8, 768, 0 },
    { "dino-vitb16", "facebook/dino-vitb16", "dino_vitbase16_pretrain.pth",
      URL "dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth", 16, 768, 0 },
    { "dinov2-vits14", "facebook/dinov2-small", "dinov2_vits14_pretrain.pth",
      URL "dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth", 14, 384, 0 },
    { "dinov2-vitb14", "facebook/dinov2-base", "dinov2_vitb14_pretrain.pth",
      URL "dinov2/dinov2_vitb14/dinov2_vitb14_pretrain.pth", 14, 768, 0 },
    { "dinov2-vitl14", "facebook/dinov2-large", "dinov2_vitl14_pretrain.pth",
      URL "dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth", 14, 1024, 0 },
    { "dinov2-vitg14", "facebook/dinov2-giant", "dinov2_vitg14_pretrain.pth",
      URL "dinov2/dinov2_vitg14/dinov2_vitg14_pretrain.pth", 14, 1536, 0 },
    { "dinov2-vits14-reg", "facebook/dinov2-with-registers-small", "dinov2_vits14_reg4_pretrain.pth",
      URL "dinov2/dinov2_vits14/dinov2_vits14_reg4_pretrain.pth", 14, 384, 4 },
    { "dinov2-vitb14-reg", "facebook/dinov2-with-registers-base", "dinov2_vitb14_reg4_pretrain.pth",
      URL "dinov2/dinov2_vitb14/dinov2_vitb14_reg4_pretrain.pth", 14, 768, 4 },
    { "dinov2-vitl14-reg", "facebook/dinov2-with-registers-large", "dinov2_vitl14_reg4_pretrain.pth",
      URL "dinov2/dinov2_vitl14/dinov2_vitl14_reg4_pretrain.pth", 14, 1024, 4 },
    { "dinov2-vitg14-reg", "facebook/dinov2-with-registers-giant", "dinov2_vitg14_reg4_pretrain.pth",
      URL "dinov2/dinov2_vitg14/dinov2_vitg14_reg4_pretrain.pth", 14, 1536, 4 },
    { "vit", NULL, NULL, NULL, 0, 0, 0 },
    { 0 },
};

const hf_dino_row *hf_dino_rows(void) { return rows; }

const hf_dino_row *hf_dino_find(const char *name)
{
    for (const hf_dino_row *row = rows; row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

/* ---- finding ---- */

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Where torch.hub keeps a file; whether it is there. */
static bool in_torch_hub(char *path, size_t size, const char *file)
{
    static const struct { const char *name, *below; } roots[] = {
        { "TORCH_HOME", "" }, { "XDG_CACHE_HOME", "/torch" }, { "HOME", "/.cache/torch" },
    };
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        const char *root = variable(roots[i].name);
        if (!root)
            continue;
        int n = snprintf(path, size, "%s%s/hub/checkpoints/%s", root, roots[i].below, file);
        return n > 0 && (size_t)n < size && hf_is_file(path); /* the first that is set is the one torch uses */
    }
    return false;
}

static int in_folder(char *path, size_t size, const char *folder, hf_error *err)
{
    int rc = hf_find_weights(path, size, folder);
    if (rc == 0)
        rc = hf_find_single_file(path, size, folder, err);
    if (rc < 0)
        return rc;
    return rc ? HF_OK : hf_fail(err, HF_EMODEL, "%s: no weights in this folder, want model.safetensors or "
                                "pytorch_model.bin, or the path of a .pth file", folder);
}

/* ORG/NAME, and nothing that could be a file that is not there. */
static bool is_repo(const char *given)
{
    static const char *const ends[] = { ".pth", ".pt", ".bin", ".safetensors", ".ckpt", ".json" };
    size_t n = strlen(given);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (n > strlen(ends[i]) && strcmp(given + n - strlen(ends[i]), ends[i]) == 0)
            return false;
    return strchr(given, '/') && hf_hub_is_name(given);
}

static int find_given(char *path, size_t size, const char *given, hf_error *err)
{
    char folder[PATH_SIZE];
    int rc;

    if (hf_is_folder(given))
        return in_folder(path, size, given, err);
    if (hf_is_file(given) || !is_repo(given)) {
        if (snprintf(path, size, "%s", given) >= (int)size)
            return hf_fail(err, HF_EARG, "%.200s...: the path is too long", given);
        return HF_OK; /* opening it says what is wrong with it */
    }
    if ((rc = hf_hub_snapshot(folder, sizeof(folder), given, err)) < 0)
        return rc;
    return in_folder(path, size, folder, err);
}

static int find_named(char *path, size_t size, const hf_dino_row *row, hf_error *err)
{
    char folder[PATH_SIZE];

    if (!row->repo)
        return hf_fail(err, HF_EMODEL, "model %s has no weights of its own, want --weights PATH", row->name);
    if (hf_hub_snapshot(folder, sizeof(folder), row->repo, NULL) == HF_OK && in_folder(path, size, folder, NULL) == HF_OK)
        return HF_OK;
    if (in_torch_hub(path, size, row->file))
        return HF_OK;
    return hf_fail(err, HF_EMODEL, "model %s: no weights; neither %s in the Hugging Face cache nor %s in torch.hub's. "
                   "Download %s and give it as --weights", row->name, row->repo, row->file, row->url);
}

/* ---- heads ---- */

/* A number, or one in words as the metadata of safetensors have it; 0 if there is none. */
static int heads_in(const json_t *object)
{
    const json_t *value = json_object_get(object, "num_attention_heads");
    const char *text = json_string_value(value);
    long n = text ? strtol(text, NULL, 10) : (long)json_integer_value(value);
    return n > 0 && n <= 1024 ? (int)n : 0;
}

static int find_heads(const hf_dino_files *f)
{
    char path[PATH_SIZE + 16];
    const char *slash = strrchr(f->path, '/');
    int n = 0;

    snprintf(path, sizeof(path), "%.*sconfig.json", slash ? (int)(slash - f->path) + 1 : 0, f->path);
    json_t *config = json_load_file(path, 0, NULL);
    if (!(n = heads_in(config))) {
        json_t *metadata = json_loads(hf_tensor_file_metadata(f->file), 0, NULL);
        n = heads_in(metadata);
        json_decref(metadata);
    }
    json_decref(config);
    return n;
}

int hf_dino_files_open(hf_dino_files *f, const hf_dino_row *row, const char *given, hf_error *err)
{
    int rc;

    *f = (hf_dino_files){ .file = NULL };
    rc = given ? find_given(f->path, sizeof(f->path), given, err) : find_named(f->path, sizeof(f->path), row, err);
    if (rc < 0 || (rc = hf_tensor_file_open(&f->file, f->path, err)) < 0 ||
        (rc = hf_vit_names_find(&f->names, f->file, err)) < 0 ||
        (rc = hf_weights_open(&f->weights, f->file, "vision transformer", hf_vit_rename, &f->names, err)) < 0)
        goto end;
    f->n_heads = find_heads(f);
end:
    if (rc < 0)
        hf_dino_files_close(f);
    return rc;
}

void hf_dino_files_close(hf_dino_files *f)
{
    hf_weights_close(&f->weights);
    hf_tensor_file_close(&f->file);
}
