/* image_list.c - see image_list.h. */
#include "io/image_list.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char *const extensions[] = {
    "jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "exr", "dpx", "cin", "ppm", "pgm", "pnm", "pam", "pbm",
    "tga", "jp2", "j2k", "jxl", "avif", "sgi", "hdr", "pfm", "qoi",
};

int hf_natural_compare(const char *a, const char *b)
{
    const char *whole_a = a, *whole_b = b;

    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            while (*a == '0') a++;
            while (*b == '0') b++;
            size_t n = strspn(a, "0123456789"), m = strspn(b, "0123456789");
            int order = n != m ? (n < m ? -1 : 1) : strncmp(a, b, n);
            if (order)
                return order;
            a += n, b += m;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++, b++;
        }
    }
    if (*a || *b)
        return *a ? 1 : -1;
    return strcmp(whole_a, whole_b); /* 01 and 1: any order, but always the same */
}

void hf_path_stem(char *stem, int size, const char *path)
{
    const char *name = strrchr(path, '/');
    snprintf(stem, (size_t)size, "%s", name ? name + 1 : path);
    char *dot = strrchr(stem, '.');
    if (dot && dot != stem)
        *dot = 0;
}

static int is_image_name(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    const char *dot = strrchr(name, '.');
    if (name[0] == '.' || !dot)
        return 0;
    for (size_t i = 0; i < sizeof(extensions) / sizeof(*extensions); i++)
        if (!strcasecmp(dot + 1, extensions[i]))
            return 1;
    return 0;
}

/* The one %d of a pattern's file name: its start and end, or NULL. */
static const char *find_number(const char *path, const char **end)
{
    const char *name = strrchr(path, '/');
    const char *found = NULL;
    for (const char *p = name ? name + 1 : path; *p; p++) {
        if (*p != '%')
            continue;
        const char *q = p + 1 + strspn(p + 1, "0123456789");
        if (*q != 'd' || found)
            return NULL;
        found = p;
        *end = q + 1;
    }
    return found;
}

hf_image_list_kind hf_image_list_kind_of(const char *path)
{
    struct stat st;
    const char *end;

    if (!stat(path, &st))
        return S_ISDIR(st.st_mode) ? HF_LIST_FOLDER : HF_LIST_NONE;
    if (find_number(path, &end))
        return HF_LIST_PATTERN;
    return strpbrk(path, "*?[") ? HF_LIST_GLOB : HF_LIST_NONE;
}

static int append(hf_image_list *list, const char *folder, const char *name, hf_error *err)
{
    char **grown = realloc(list->paths, (size_t)(list->n + 1) * sizeof(*grown));
    char *path = NULL;

    if (grown)
        list->paths = grown;
    if (!grown || asprintf(&path, "%s%s%s", folder, *folder ? "/" : "", name) < 0)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", name);
    list->paths[list->n++] = path;
    return HF_OK;
}

/* The number in `name` where the pattern has its %d; -1 if the name does not fit. */
static long fit(const char *name, const char *pattern)
{
    const char *end = NULL, *number = find_number(pattern, &end);
    size_t head = (size_t)(number - pattern), tail = strlen(end), n = strlen(name);

    if (n <= head + tail || strncmp(name, pattern, head) || strcmp(name + n - tail, end))
        return -1;
    int digits = (int)(n - head - tail), width = atoi(number + 1);
    if ((int)strspn(name + head, "0123456789") < digits || digits > 9)
        return -1;
    if (digits < width || (digits > width && width > 0 && name[head] == '0'))
        return -1;
    return atol(name + head);
}

/* Names of `folder` that are images (pattern NULL) or fit the pattern. */
static int list_folder(hf_image_list *list, const char *folder, const char *pattern, hf_error *err)
{
    DIR *dir = opendir(*folder ? folder : ".");
    struct dirent *entry;
    int rc = HF_OK;

    if (!dir)
        return hf_fail(err, HF_EIO, "%s: %s", *folder ? folder : ".", strerror(errno));
    while (rc >= 0 && (entry = readdir(dir)))
        if (pattern ? fit(entry->d_name, pattern) >= 0 : is_image_name(entry->d_name))
            rc = append(list, folder, entry->d_name, err);
    closedir(dir);
    return rc;
}

static int list_pattern(hf_image_list *list, const char *path, hf_error *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int n = slash == path ? 1 : slash ? (int)(slash - path) : 0;

    if (n >= PATH_MAX)
        return hf_fail(err, HF_EARG, "%s: path of more than %d bytes", path, PATH_MAX);
    memcpy(folder, path, (size_t)n);
    folder[n] = 0;
    return list_folder(list, folder, slash ? slash + 1 : path, err);
}

static int list_glob(hf_image_list *list, const char *path, hf_error *err)
{
    glob_t found = { 0 };
    int rc = HF_OK, g = glob(path, GLOB_ERR, NULL, &found);

    if (g == GLOB_NOSPACE)
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    else if (g == GLOB_ABORTED)
        rc = hf_fail(err, HF_EIO, "%s: cannot read the folder", path);
    for (size_t i = 0; rc >= 0 && i < found.gl_pathc; i++)
        if (is_image_name(found.gl_pathv[i]))
            rc = append(list, "", found.gl_pathv[i], err);
    globfree(&found);
    return rc;
}

static int compare_paths(const void *a, const void *b)
{
    return hf_natural_compare(*(char *const *)a, *(char *const *)b);
}

static int count_missing(const hf_image_list *list, const char *path)
{
    const char *slash = strrchr(path, '/'), *pattern = slash ? slash + 1 : path;
    const char *first = strrchr(list->paths[0], '/'), *last = strrchr(list->paths[list->n - 1], '/');
    long span = fit(last ? last + 1 : list->paths[list->n - 1], pattern) -
                fit(first ? first + 1 : list->paths[0], pattern) + 1;
    return (int)(span - list->n);
}

/* Where two names begin to differ, back to the first digit of the number there. */
static size_t number_at(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n])
        n++;
    while (n && isdigit((unsigned char)a[n - 1]))
        n--;
    return n;
}

/* The number of a name at `at`; -1 if what stands around it is not as in `like`. */
static long number_of(const char *name, const char *like, size_t at)
{
    size_t n = strspn(name + at, "0123456789"), m = strspn(like + at, "0123456789");
    return n && n < 10 && strncmp(name, like, at) == 0 && strcmp(name + at + n, like + at + m) == 0 ? atol(name + at) : -1;
}

/* Of names without a pattern. Every fifth frame is a choice, one frame that is missing is not: the smallest step counts. */
static int count_gaps(const hf_image_list *list)
{
    char *const *paths = list->paths;
    long step = LONG_MAX, span;

    if (list->n < 3)
        return 0;
    size_t at = number_at(paths[0], paths[1]);
    for (int i = 1; i < list->n; i++) {
        long before = number_of(paths[i - 1], paths[0], at), number = number_of(paths[i], paths[0], at);
        if (before < 0 || number <= before)
            return 0;
        step = number - before < step ? number - before : step;
    }
    span = number_of(paths[list->n - 1], paths[0], at) - number_of(paths[0], paths[0], at);
    long n_missing = span / step + 1 - list->n;
    return span % step == 0 && n_missing < list->n ? (int)n_missing : 0; /* more holes than files: no sequence */
}

int hf_image_list_open(hf_image_list **out, const char *path, hf_error *err)
{
    hf_image_list_kind kind = hf_image_list_kind_of(path);
    hf_image_list *list = calloc(1, sizeof(*list));
    int rc;

    *out = NULL;
    if (!list)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    switch (kind) {
    case HF_LIST_FOLDER:  rc = list_folder(list, path, NULL, err); break;
    case HF_LIST_PATTERN: rc = list_pattern(list, path, err); break;
    case HF_LIST_GLOB:    rc = list_glob(list, path, err); break;
    default:              rc = append(list, "", path, err); break;
    }
    if (rc >= 0 && !list->n)
        rc = hf_fail(err, HF_EFORMAT, "%s: no images found, want files such as %s", path,
                     kind == HF_LIST_FOLDER ? "00000.jpg or a.png in it" : "this pattern names");
    if (rc >= 0) {
        qsort(list->paths, (size_t)list->n, sizeof(*list->paths), compare_paths);
        list->n_missing = kind == HF_LIST_PATTERN ? count_missing(list, path) : count_gaps(list);
        *out = list;
        list = NULL;
    }
    hf_image_list_free(&list);
    return rc;
}

void hf_image_list_free(hf_image_list **list)
{
    if (!*list)
        return;
    for (int i = 0; i < (*list)->n; i++)
        free((*list)->paths[i]);
    free((*list)->paths);
    free(*list);
    *list = NULL;
}
