/* batch_list.c - see batch_list.h. */
#include "src/cli/batch_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/image_list.h"

static const char *const video_endings[] = { "mp4", "mov",  "mkv", "webm", "avi", "m4v", "mpg", "mpeg", "mts",
                                             "m2ts", "ts",  "mxf", "wmv",  "flv", "ogv", "3gp", "y4m",  "gif" };

static int is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- names ---- */

/* Where the last part of the first `length` bytes of a path begins. */
static int last_part(const char *path, int length)
{
    while (length > 0 && path[length - 1] != '/')
        length--;
    return length;
}

void hf_batch_name(char *name, size_t size, const char *input)
{
    int length = (int)strlen(input), start;

    while (length > 1 && input[length - 1] == '/')
        length--;
    start = last_part(input, length);
    if (start > 1 && access(input, F_OK) != 0 && strpbrk(input + start, "%*?[")) { /* a pattern: its folder's name */
        length = start - 1;
        start = last_part(input, length);
    }
    if (!is_folder(input))
        for (int i = length - 1; i > start; i--)
            if (input[i] == '.') {
                length = i;
                break;
            }
    snprintf(name, size, "%.*s", length - start, input + start);
}

int hf_batch_expand(char **out, const char *pattern, const char *name, hf_error *err)
{
    static const char mark[] = "{name}";
    size_t n = strlen(name), room = strlen(pattern) * (n + 1) + 1, used = 0;

    if (!(*out = malloc(room)))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", pattern);
    while (*pattern) {
        if (strncmp(pattern, mark, strlen(mark)) == 0) {
            memcpy(*out + used, name, n);
            used += n;
            pattern += strlen(mark);
        } else {
            (*out)[used++] = *pattern++;
        }
    }
    (*out)[used] = 0;
    return HF_OK;
}

/* ---- lines ---- */

static int new_line(hf_batch_list *list, hf_batch_line **line, hf_error *err)
{
    hf_batch_line *grown = realloc(list->line, (size_t)(list->n + 1) * sizeof(*grown));

    if (!grown)
        return hf_fail(err, HF_ENOMEM, "list of runs: out of memory");
    list->line = grown;
    *line = &grown[list->n++];
    **line = (hf_batch_line){ 0 };
    return HF_OK;
}

static int read_lines(hf_batch_list *list, FILE *file, const char *path, hf_error *err)
{
    char *text = NULL;
    size_t size = 0;
    ssize_t length;
    int rc = HF_OK;

    for (int number = 1; rc == HF_OK && (length = getline(&text, &size, file)) >= 0; number++) {
        hf_batch_line *line = NULL;
        hf_error why;
        if (strlen(text) != (size_t)length) {
            rc = hf_fail(err, HF_EFORMAT, "%s: line %d has a zero byte, this is no text", path, number);
            break;
        }
        if ((rc = new_line(list, &line, err)) < 0)
            break;
        snprintf(line->where, sizeof(line->where), "line %d", number);
        if ((rc = hf_words_split(&line->words, text, &why)) < 0)
            hf_fail(err, rc, "%s: line %d: %s", path, number, why.text);
        else if (line->words.n == 0)
            list->n--;
    }
    free(text);
    if (rc == HF_OK && ferror(file))
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    if (rc == HF_OK && list->n == 0)
        rc = hf_fail(err, HF_EFORMAT, "%s: no run in this list, want lines INPUT --mask FILE [options]", path);
    return rc;
}

/* ---- folders ---- */

static int by_name(const void *a, const void *b)
{
    return hf_natural_compare(*(char *const *)a, *(char *const *)b);
}

static int list_names(hf_words *names, const char *folder, hf_error *err)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int rc = HF_OK;

    if (!dir)
        return hf_fail(err, HF_EIO, "%s: %s", folder, strerror(errno));
    while (rc == HF_OK && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            rc = hf_words_add(names, entry->d_name, err);
    closedir(dir);
    if (names->n > 1)
        qsort(names->word, (size_t)names->n, sizeof(*names->word), by_name);
    return rc;
}

/* Bytes of the name without its ending, or 0 if it is no video. Any folder may be one of images. */
static size_t video_stem(const char *folder, const char *name, int *is_images)
{
    char path[4096];
    const char *dot = strrchr(name, '.');

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    *is_images = is_folder(path);
    if (*is_images)
        return strlen(name);
    for (size_t i = 0; dot && dot > name && i < sizeof(video_endings) / sizeof(video_endings[0]); i++)
        if (strcasecmp(dot + 1, video_endings[i]) == 0)
            return (size_t)(dot - name);
    return 0;
}

/* If `name` is a drawing for the video `stem`: "mask" or "edit", and its frame, -1 for the first. */
static const char *drawing_of(const char *name, const char *stem, size_t length, long long *frame)
{
    static const char *const kinds[] = { "mask", "edit" };
    int end = -1;

    *frame = -1;
    if (strncmp(name, stem, length) != 0)
        return NULL;
    name += length;
    if (strcasecmp(name, ".png") == 0)
        return kinds[0];
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(kinds[i]);
        if (!name[0] || !strchr("._", name[0]) || strncmp(name + 1, kinds[i], n) != 0)
            continue;
        if (strcasecmp(name + 1 + n, ".png") == 0)
            return kinds[i];
        if (sscanf(name + 1 + n, ".%lld%n", frame, &end) == 1 && *frame >= 0 && strcasecmp(name + 1 + n + end, ".png") == 0)
            return kinds[i];
    }
    return NULL;
}

/* The video and its drawings; nothing if it has none. */
static int add_video(hf_batch_list *list, const char *folder, const hf_words *names, const char *video, size_t length,
                     hf_error *err)
{
    hf_batch_line *line = NULL;
    int rc = new_line(list, &line, err);

    if (rc == HF_OK)
        rc = hf_words_addf(&line->words, err, "%s/%s", folder, video);
    for (int i = 0; i < names->n && rc == HF_OK; i++) {
        long long frame;
        const char *kind = drawing_of(names->word[i], video, length, &frame);
        if (kind && frame < 0)
            rc = hf_words_addf(&line->words, err, "--%s=%s/%s", kind, folder, names->word[i]);
        else if (kind)
            rc = hf_words_addf(&line->words, err, "--%s=%lld=%s/%s", kind, frame, folder, names->word[i]);
    }
    if (rc == HF_OK && line->words.n == 1) {
        hf_words_clear(&line->words);
        list->n--;
    }
    return rc;
}

static int read_folder(hf_batch_list *list, const char *folder, hf_error *err)
{
    hf_words names = { 0 };
    int rc = list_names(&names, folder, err);

    for (int i = 0; i < names.n && rc == HF_OK; i++) {
        int is_images, before = list->n;
        size_t length = video_stem(folder, names.word[i], &is_images);
        if (length)
            rc = add_video(list, folder, &names, names.word[i], length, err);
        list->n_left_out += length && list->n == before && !is_images;
    }
    if (rc == HF_OK && list->n == 0)
        rc = hf_fail(err, HF_EFORMAT, "%s: no video in it has a mask beside it (%d without); VIDEO.mp4 wants VIDEO.png, "
                     "VIDEO.mask.png or VIDEO.mask.FRAME.png", folder, list->n_left_out);
    hf_words_clear(&names);
    return rc;
}

/* ---- both ---- */

int hf_batch_list_read(hf_batch_list **out, const char *path, hf_error *err)
{
    hf_batch_list *list = calloc(1, sizeof(*list));
    FILE *file = NULL;
    int rc, is_pipe = strcmp(path, "-") == 0;

    *out = NULL;
    if (!list)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    if (!is_pipe && is_folder(path))
        rc = read_folder(list, path, err);
    else if ((file = is_pipe ? stdin : fopen(path, "r")))
        rc = read_lines(list, file, path, err);
    else
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    if (file && !is_pipe)
        fclose(file);
    if (rc < 0)
        hf_batch_list_free(&list);
    *out = list;
    return rc;
}

void hf_batch_list_free(hf_batch_list **list)
{
    if (!*list)
        return;
    for (int i = 0; i < (*list)->n; i++)
        hf_words_clear(&(*list)->line[i].words);
    free((*list)->line);
    free(*list);
    *list = NULL;
}
