/* davis.c - find the sequences of a DAVIS tree and read its masks. */
#include "io/davis.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A list of strings that owns them. */
typedef struct names {
    char **item;
    int    n;
} names;

static void names_free(names *list)
{
    for (int i = 0; i < list->n; i++)
        free(list->item[i]);
    free(list->item);
    *list = (names){ 0 };
}

static int names_add(names *list, const char *text, size_t length, hf_error *err)
{
    char **grown = realloc(list->item, (size_t)(list->n + 1) * sizeof(*grown));
    char *copy = strndup(text, length);

    if (grown)
        list->item = grown;
    if (!grown || !copy) {
        free(copy);
        return hf_fail(err, HF_ENOMEM, "davis: out of memory");
    }
    list->item[list->n++] = copy;
    return HF_OK;
}

static bool names_have(const names *list, const char *text, size_t length)
{
    for (int i = list->n - 1; i >= 0; i--)
        if (strlen(list->item[i]) == length && memcmp(list->item[i], text, length) == 0)
            return true;
    return false;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int join(char **out, const char *folder, const char *name, hf_error *err)
{
    if (asprintf(out, "%s/%s", folder, name) < 0) {
        *out = NULL;
        return hf_fail(err, HF_ENOMEM, "davis: out of memory");
    }
    return HF_OK;
}

/* Names in a folder that end in `suffix`, without it, sorted by bytes (not by the locale, which
 * would change which frame is first). suffix NULL: the folders in it. Hidden names are left out. */
static int list_folder(names *list, const char *folder, const char *suffix, hf_error *err)
{
    DIR *dir = opendir(folder);
    size_t cut = suffix ? strlen(suffix) : 0;
    struct dirent *entry;
    int rc = HF_OK;

    if (!dir)
        return hf_fail(err, HF_EIO, "%s: %s", folder, strerror(errno));
    while (rc == HF_OK && (entry = readdir(dir))) {
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        if (suffix) {
            if (length <= cut || strcmp(entry->d_name + length - cut, suffix) != 0)
                continue;
        } else {
            char *path;
            if ((rc = join(&path, folder, entry->d_name, err)) < 0)
                break;
            bool skip = !is_folder(path);
            free(path);
            if (skip)
                continue;
        }
        rc = names_add(list, entry->d_name, length - cut, err);
    }
    closedir(dir);
    if (rc == HF_OK && list->n > 1)
        qsort(list->item, (size_t)list->n, sizeof(*list->item), by_bytes);
    return rc;
}

/* The sequence of one line of a list: the line itself, or the folder of the first path in it. */
static const char *sequence_of_line(const char *line, size_t *length)
{
    const char *end, *start;

    line += strspn(line, " \t\r\n");
    end = line + strcspn(line, " \t\r\n");
    *length = (size_t)(end - line);
    if (!memchr(line, '/', *length))
        return line;
    while (end > line && end[-1] != '/')
        end--;
    while (end > line && end[-1] == '/')
        end--;
    for (start = end; start > line && start[-1] != '/';)
        start--;
    *length = (size_t)(end - start);
    return start;
}

static bool is_safe_name(const char *name, size_t length)
{
    return length > 0 && name[0] != '.' && !memchr(name, '/', length) && !memchr(name, 0, length);
}

static int read_list(names *list, FILE *file, const char *path, hf_error *err)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t got;
    int rc = HF_OK;

    for (int n = 1; rc == HF_OK && (got = getline(&line, &size, file)) >= 0; n++) {
        size_t length;
        const char *name = sequence_of_line(line, &length);
        if (line[strspn(line, " \t\r\n")] == 0 && strlen(line) == (size_t)got)
            continue;
        if (!is_safe_name(name, length) || strlen(line) != (size_t)got)
            rc = hf_fail(err, HF_EFORMAT, "%s: line %d is not the name of a sequence", path, n);
        else if (!names_have(list, name, length))
            rc = names_add(list, name, length, err);
    }
    free(line);
    if (rc == HF_OK && ferror(file))
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    if (rc == HF_OK && list->n == 0)
        rc = hf_fail(err, HF_EFORMAT, "%s: no sequence in this list", path);
    return rc;
}

/* "val, train" of the years asked for, for the message. */
static void describe_lists(char *text, size_t size, const char *root, int year)
{
    size_t used = 0;

    text[0] = 0;
    for (int y = 2017; y >= 2016; y--) {
        names list = { 0 };
        char *folder = NULL;
        if (year != 0 && year != y)
            continue;
        if (asprintf(&folder, "%s/ImageSets/%d", root, y) < 0)
            return;
        if (list_folder(&list, folder, ".txt", NULL) == HF_OK)
            for (int i = 0; i < list.n && used < size; i++)
                used += (size_t)snprintf(text + used, size - used, "%s%d/%s", used ? ", " : "", y,
                                         list.item[i]);
        names_free(&list);
        free(folder);
    }
}

/* Open the first list there is, newest year first, and leave its year in the tree. */
static int find_list(hf_davis *d, names *list, const char *root, int year, hf_error *err)
{
    char text[200];

    for (int y = 2017; y >= 2016; y--) {
        char *path = NULL;
        if (year != 0 && year != y)
            continue;
        if (asprintf(&path, "%s/ImageSets/%d/%s.txt", root, y, d->split) < 0)
            return hf_fail(err, HF_ENOMEM, "davis: out of memory");
        FILE *file = fopen(path, "r");
        if (file) {
            int rc = read_list(list, file, path, err);
            fclose(file);
            free(path);
            d->year = y;
            return rc;
        }
        free(path);
    }
    describe_lists(text, sizeof(text), root, year);
    return hf_fail(err, HF_EIO, "%s/ImageSets: no list for split '%s'; there are: %s", root, d->split,
                   text[0] ? text : "none");
}

/* "a,b" */
static int split_names(names *list, const char *text, hf_error *err)
{
    for (;;) {
        size_t length = strcspn(text, ",");
        int rc;
        if (!is_safe_name(text, length))
            return hf_fail(err, HF_EARG, "sequences: '%.*s' is not the name of a sequence",
                           (int)length, text);
        if (!names_have(list, text, length) && (rc = names_add(list, text, length, err)) < 0)
            return rc;
        if (text[length] == 0)
            return HF_OK;
        text += length + 1;
    }
}

/* The folder that holds one folder a sequence. */
static int find_annotations(char **out, const char *root, const char *resolution, hf_error *err)
{
    int rc;

    if (!is_folder(root))
        return hf_fail(err, HF_EIO, "%s: not a folder", root);
    if (asprintf(out, "%s/Annotations/%s", root, resolution) < 0) {
        *out = NULL;
        return hf_fail(err, HF_ENOMEM, "davis: out of memory");
    }
    if (is_folder(*out))
        return HF_OK;
    free(*out);
    if ((rc = join(out, root, "Annotations", err)) < 0 || is_folder(*out))
        return rc;
    free(*out);
    *out = strdup(root);
    return *out ? HF_OK : hf_fail(err, HF_ENOMEM, "davis: out of memory");
}

/* Which sequences: those named, those of the list, or every folder of a tree without lists. */
static int find_names(hf_davis *d, names *list, const char *root, const char *annotations,
                      const hf_davis_params *params, hf_error *err)
{
    char *lists;
    bool has_lists;
    int rc;

    if (params->sequences) {
        d->year = params->year;
        return split_names(list, params->sequences, err);
    }
    if ((rc = join(&lists, root, "ImageSets", err)) < 0)
        return rc;
    has_lists = is_folder(lists);
    free(lists);
    if (has_lists || params->year != 0)
        return find_list(d, list, root, params->year, err);
    if ((rc = list_folder(list, annotations, NULL, err)) < 0)
        return rc;
    return list->n > 0 ? HF_OK
                       : hf_fail(err, HF_EFORMAT, "%s: no folder of annotations in it", annotations);
}

/* Takes the name, also on failure. */
static int open_sequence(hf_davis_sequence *s, const char *annotations, char *name, hf_error *err)
{
    names stems = { 0 };
    int rc;

    s->name = name;
    if ((rc = join(&s->folder, annotations, name, err)) < 0)
        return rc;
    if (!is_folder(s->folder))
        return hf_fail(err, HF_EIO, "%s: no such folder of annotations", s->folder);
    rc = list_folder(&stems, s->folder, ".png", err);
    s->stems = stems.item;
    s->n_frames = stems.n;
    if (rc == HF_OK && stems.n == 0)
        rc = hf_fail(err, HF_EFORMAT, "%s: no PNG in it, want one annotation a frame", s->folder);
    return rc;
}

int hf_davis_open(hf_davis **out, const char *root, const hf_davis_params *params, hf_error *err)
{
    hf_davis *d = NULL;
    names list = { 0 };
    char *annotations = NULL;
    int rc;

    *out = NULL;
    if (params->year != 0 && params->year != 2016 && params->year != 2017)
        return hf_fail(err, HF_EARG, "year: %d, want 2016 or 2017", params->year);
    if (params->split && !is_safe_name(params->split, strlen(params->split)))
        return hf_fail(err, HF_EARG, "split: '%s' is not the name of a list", params->split);
    if (!(d = calloc(1, sizeof(*d))) || !(d->split = strdup(params->split ? params->split : "val"))) {
        rc = hf_fail(err, HF_ENOMEM, "davis: out of memory");
        goto end;
    }
    if ((rc = find_annotations(&annotations, root, params->resolution ? params->resolution : "480p",
                               err)) < 0 ||
        (rc = find_names(d, &list, root, annotations, params, err)) < 0)
        goto end;
    if (!(d->sequences = calloc((size_t)list.n, sizeof(*d->sequences)))) {
        rc = hf_fail(err, HF_ENOMEM, "davis: out of memory");
        goto end;
    }
    while (d->n_sequences < list.n) {
        char *name = list.item[d->n_sequences];
        list.item[d->n_sequences] = NULL;
        if ((rc = open_sequence(&d->sequences[d->n_sequences++], annotations, name, err)) < 0)
            goto end;
    }
    *out = d;
    d = NULL;
end:
    names_free(&list);
    free(annotations);
    hf_davis_close(&d);
    return rc;
}

void hf_davis_close(hf_davis **davis)
{
    hf_davis *d = *davis;

    if (!d)
        return;
    for (int i = 0; i < d->n_sequences; i++) {
        hf_davis_sequence *s = &d->sequences[i];
        for (int k = 0; k < s->n_frames; k++)
            free(s->stems[k]);
        free(s->stems);
        free(s->folder);
        free(s->name);
    }
    free(d->sequences);
    free(d->split);
    free(d);
    *davis = NULL;
}

int hf_davis_find_frames(char **out, const char *root, const char *resolution, const char *name, hf_error *err)
{
    const char *folder = resolution ? resolution : "480p";

    for (int deep = 1; deep >= 0; deep--) {
        if (asprintf(out, "%s/JPEGImages/%s%s%s", root, deep ? folder : "", deep ? "/" : "", name) < 0) {
            *out = NULL;
            return hf_fail(err, HF_ENOMEM, "davis: out of memory");
        }
        if (is_folder(*out))
            return HF_OK;
        free(*out);
    }
    *out = NULL;
    return hf_fail(err, HF_EIO, "%s: no frames, there is neither JPEGImages/%s/%s nor JPEGImages/%s in %s", name,
                   folder, name, name, root);
}

/* In place: id 1 for every pixel with a colour sample above 0; alpha does not count. */
static void flatten_colors(hf_png *png)
{
    size_t n = (size_t)png->width * (size_t)png->height;
    int channels = hf_png_channels(png->kind), n_colors = channels - (channels % 2 == 0);
    uint8_t *pixels = png->pixels;

    for (size_t i = 0; i < n; i++) {
        int any = 0;
        for (int c = 0; c < n_colors; c++)
            any |= pixels[i * (size_t)channels + (size_t)c];
        pixels[i] = any != 0;
    }
    png->kind = HF_PNG_GRAY;
}

int hf_davis_read(hf_png **out, const char *folder, const char *stem, int any_color, hf_error *err)
{
    hf_png *png = NULL;
    char *path = NULL;
    int rc;

    *out = NULL;
    if (asprintf(&path, "%s/%s.png", folder, stem) < 0)
        return hf_fail(err, HF_ENOMEM, "davis: out of memory");
    if ((rc = hf_png_read(&png, path, err)) < 0)
        goto end;
    if (png->bits == 16)
        rc = hf_fail(err, HF_EFORMAT, "%s: 16-bit samples, want 8-bit object ids", path);
    else if (png->kind == HF_PNG_PALETTE || png->kind == HF_PNG_GRAY)
        rc = HF_OK;
    else if (any_color)
        flatten_colors(png);
    else
        rc = hf_fail(err, HF_EFORMAT, "%s: a PNG of colours or alpha, want palette or gray object ids",
                     path);
    if (rc == HF_OK) {
        *out = png;
        png = NULL;
    }
end:
    free(path);
    hf_png_free(&png);
    return rc;
}
