/* hub_cache.c - see hub_cache.h. */
#include "src/hub_cache.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 256
#define N_SHA256 64 /* hex digits */

/* Join into path; HF_EARG if it does not fit: a shortened path would be another one. */
__attribute__((format(printf, 4, 5)))
static int join(char *path, size_t size, hf_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(path, size, format, args);
    va_end(args);
    return n >= 0 && (size_t)n < size ? HF_OK : hf_fail(err, HF_EARG, "%.200s...: the path is too long", path);
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

int hf_hub_root(char *path, size_t size, hf_error *err)
{
    const char *value;

    if ((value = variable("HF_HUB_CACHE")))
        return join(path, size, err, "%s", value);
    if ((value = variable("HF_HOME")))
        return join(path, size, err, "%s/hub", value);
    if ((value = variable("XDG_CACHE_HOME")))
        return join(path, size, err, "%s/huggingface/hub", value);
    if ((value = variable("HOME")))
        return join(path, size, err, "%s/.cache/huggingface/hub", value);
    return hf_fail(err, HF_EMODEL, "Hugging Face cache: none of HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME and HOME is set");
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
}

/* A name that stands for itself in a path: "..", "." and hidden ones would not. */
static bool is_safe_word(const char *text, size_t n)
{
    if (n == 0 || n > 96 || text[0] == '.' || text[0] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_word(text[i]))
            return false;
    return true;
}

bool hf_hub_is_name(const char *text)
{
    size_t n = strcspn(text, "@"), n_org = strcspn(text, "/@");
    if (text[n] == '@' && !is_safe_word(text + n + 1, strlen(text + n + 1)))
        return false;
    if (n_org < n)
        return is_safe_word(text, n_org) && is_safe_word(text + n_org + 1, n - n_org - 1);
    return is_safe_word(text, n);
}

static bool is_hex(const char *text, size_t n)
{
    return strlen(text) == n && strspn(text, "0123456789abcdef") == n;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The commit of a branch or tag, from refs/NAME; a commit stands for itself. False if it is not known here. */
static bool read_commit(char commit[41], const char *repo_folder, const char *revision)
{
    char path[PATH_MAX], text[64] = "";

    if (is_hex(revision, 40)) {
        memcpy(commit, revision, 41);
        return true;
    }
    if (join(path, sizeof(path), NULL, "%s/refs/%s", repo_folder, revision) < 0)
        return false;
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = 0;
    text[strcspn(text, "\r\n")] = 0;
    if (!is_hex(text, 40))
        return false;
    memcpy(commit, text, 41);
    return true;
}

/* The snapshot if there is exactly one: a download of one revision leaves no refs/main. */
static bool only_commit(char commit[41], const char *repo_folder)
{
    char path[PATH_MAX];
    int n = 0;
    DIR *folder;

    if (join(path, sizeof(path), NULL, "%s/snapshots", repo_folder) < 0 || !(folder = opendir(path)))
        return false;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (is_hex(entry->d_name, 40)) {
            memcpy(commit, entry->d_name, 41);
            n++;
        }
    closedir(folder);
    return n == 1;
}

/* ORG/NAME@REVISION to "models--ORG--NAME" and the revision. */
static void split_name(char folder[NAME_SIZE], char revision[NAME_SIZE], const char *repo)
{
    int n = (int)strcspn(repo, "@"), n_org = (int)strcspn(repo, "/@");
    if (n_org < n)
        snprintf(folder, NAME_SIZE, "models--%.*s--%.*s", n_org, repo, n - n_org - 1, repo + n_org + 1);
    else
        snprintf(folder, NAME_SIZE, "models--%.*s", n, repo);
    snprintf(revision, NAME_SIZE, "%s", repo[n] ? repo + n + 1 : "main");
}

int hf_hub_snapshot(char *path, size_t size, const char *repo, hf_error *err)
{
    char root[PATH_MAX], name[NAME_SIZE], revision[NAME_SIZE], folder[PATH_MAX], commit[41] = "";
    int rc, n = (int)strcspn(repo, "@");

    if (!hf_hub_is_name(repo))
        return hf_fail(err, HF_EARG, "%s: not the name of a repository, want ORG/NAME", repo);
    if ((rc = hf_hub_root(root, sizeof(root), err)) < 0)
        return rc;
    split_name(name, revision, repo);
    if ((rc = join(folder, sizeof(folder), err, "%s/%s", root, name)) < 0)
        return rc;
    if (!is_folder(folder))
        return hf_fail(err, HF_EMODEL,
                       "%s: not in the Hugging Face cache: there is no folder %s; download it with "
                       "`huggingface-cli download %.*s` or give the path of a copy",
                       repo, folder, n, repo);
    if (!read_commit(commit, folder, revision) && (repo[n] || !only_commit(commit, folder)))
        return hf_fail(err, HF_EMODEL, "%s: the Hugging Face cache has no revision \"%s\" of it: no %s/refs/%s", repo,
                       revision, folder, revision);
    if ((rc = join(path, size, err, "%s/snapshots/%s", folder, commit)) < 0)
        return rc;
    if (!is_folder(path))
        return hf_fail(err, HF_EMODEL,
                       "%s: the Hugging Face cache names commit %s but has no files of it; repeat "
                       "`huggingface-cli download %.*s`",
                       repo, commit, n, repo);
    return HF_OK;
}

bool hf_hub_sha256(char sum[65], const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    if (n < 0)
        return false;
    target[n] = 0;
    const char *name = strrchr(target, '/');
    name = name ? name + 1 : target;
    if (!is_hex(name, N_SHA256))
        return false;
    memcpy(sum, name, N_SHA256 + 1);
    return true;
}
