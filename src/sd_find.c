/* sd_find.c - see sd_find.h. */
#include "src/sd_find.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_SIZE 256

bool hf_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool hf_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int try_name(char *path, size_t size, const char *folder, const char *stem, const char *tail)
{
    int n = snprintf(path, size, "%s/%s%s", folder, stem, tail);
    return n > 0 && (size_t)n < size && hf_is_file(path);
}

/* Full precision before half, safetensors before pickles. Of an index with a variant both orders of words exist. */
int hf_find_weights(char *path, size_t size, const char *folder)
{
    static const char *const safe_stems[] = { "diffusion_pytorch_model", "model" };
    static const char *const torch_stems[] = { "diffusion_pytorch_model", "pytorch_model", "model" };
    static const char *const safe[] = {
        ".safetensors",
        ".safetensors.index.json",
        ".fp16.safetensors",
        ".fp16.safetensors.index.json",
        ".safetensors.index.fp16.json",
        ".non_ema.safetensors",
        ".non_ema.safetensors.index.json",
        ".safetensors.index.non_ema.json",
    };
    static const char *const torch[] = {
        ".bin", ".bin.index.json", ".fp16.bin", ".fp16.bin.index.json", ".bin.index.fp16.json", ".non_ema.bin",
    };

    for (size_t t = 0; t < sizeof(safe) / sizeof(safe[0]); t++)
        for (size_t s = 0; s < sizeof(safe_stems) / sizeof(safe_stems[0]); s++)
            if (try_name(path, size, folder, safe_stems[s], safe[t]))
                return 1;
    for (size_t t = 0; t < sizeof(torch) / sizeof(torch[0]); t++)
        for (size_t s = 0; s < sizeof(torch_stems) / sizeof(torch_stems[0]); s++)
            if (try_name(path, size, folder, torch_stems[s], torch[t]))
                return 1;
    return 0;
}

/* The length of a name without ".safetensors" or ".ckpt"; 0 if it ends in neither. */
static size_t stem_of(const char *name)
{
    static const char *const ends[] = { ".safetensors", ".ckpt" };
    size_t n = strlen(name);
    for (int i = 0; i < 2; i++) {
        size_t n_end = strlen(ends[i]);
        if (n > n_end && name[0] != '.' && strcmp(name + n - n_end, ends[i]) == 0)
            return n - n_end;
    }
    return 0;
}

int hf_find_single_file(char *path, size_t size, const char *folder, hf_error *err)
{
    char found[NAME_SIZE] = "";
    DIR *dir = opendir(folder);
    int rc = 0;

    for (struct dirent *entry; dir && rc == 0 && (entry = readdir(dir));) {
        size_t n = stem_of(entry->d_name);
        if (!n)
            continue;
        int is_twin = n == stem_of(found) && strncmp(found, entry->d_name, n) == 0;
        if (*found && !is_twin)
            rc = hf_fail(err, HF_EMODEL, "%s: holds several checkpoints, among them %.100s and %.100s: name one of them",
                         folder, found, entry->d_name);
        else if (!*found || strstr(entry->d_name, ".safetensors"))
            snprintf(found, sizeof(found), "%s", entry->d_name);
    }
    if (dir)
        closedir(dir);
    if (rc < 0 || !*found)
        return rc;
    return try_name(path, size, folder, found, "");
}
