/* keypoints.c - the set of pairs, what all layouts share, and which layout a path has; see keypoints.h. */
#include "io/keypoints_parts.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_COORDINATE 1e6
#define MAX_TEXT_BYTES (256 << 20)

/* ---- files ---- */

int hf_keypoints_join(char *path, size_t size, const char *folder, const char *name, hf_error *err)
{
    if (snprintf(path, size, "%s/%s", folder, name) >= (int)size)
        return hf_fail(err, HF_EARG, "%s/%s: the name is too long", folder, name);
    return HF_OK;
}

int hf_keypoints_read_text(char **text, const char *path, hf_error *err)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    int rc = HF_OK;

    *text = NULL;
    if (!file || fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode)) {
        rc = hf_fail(err, HF_EIO, "%s: %s", path, file && S_ISDIR(st.st_mode) ? "is a folder" : strerror(errno));
        goto end;
    }
    if (st.st_size > MAX_TEXT_BYTES || !(*text = malloc((size_t)st.st_size + 1))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for %lld bytes", path, (long long)st.st_size);
        goto end;
    }
    size_t n = fread(*text, 1, (size_t)st.st_size, file);
    (*text)[n] = 0;
    if (ferror(file))
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    else if (memchr(*text, 0, n))
        rc = hf_fail(err, HF_EFORMAT, "%s: not a text file", path);
end:
    if (rc < 0) {
        free(*text);
        *text = NULL;
    }
    if (file)
        fclose(file);
    return rc;
}

char *hf_keypoints_next_line(char **rest)
{
    char *line = *rest;
    if (!line || !*line)
        return NULL;
    char *end = strchr(line, '\n');
    *rest = end ? end + 1 : line + strlen(line);
    if (end)
        *end = 0;
    size_t n = strlen(line);
    if (n && line[n - 1] == '\r')
        line[n - 1] = 0;
    return line;
}

int hf_keypoints_find_image(char *path, int size, const char *folder, const char *image, hf_error *err)
{
    for (const char *tail = image; tail; tail = strchr(tail, '/') ? strchr(tail, '/') + 1 : NULL) {
        if (snprintf(path, (size_t)size, "%s/%s", folder, tail) >= size)
            return hf_fail(err, HF_EARG, "%s/%s: the name is too long", folder, image);
        if (access(path, R_OK) == 0)
            return HF_OK;
    }
    return hf_fail(err, HF_EIO, "%s/%s: not there, nor is it without its folders", folder, image);
}

/* ---- the set ---- */

int hf_keypoints_check_name(const char *name, const char *what, hf_error *err)
{
    const char *part = name;
    if (!name || !*name)
        return hf_fail(err, HF_EFORMAT, "%s: the name of an image is empty", what);
    if (*name == '/')
        return hf_fail(err, HF_EFORMAT, "%s: \"%s\" is an absolute name, want one relative to the images", what, name);
    while (part) {
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
            return hf_fail(err, HF_EFORMAT, "%s: \"%s\" leads out of the folder of the images", what, name);
        part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL;
    }
    return HF_OK;
}

static int check_numbers(const double *values, int n, const char *what, const char *of, hf_error *err)
{
    for (int i = 0; i < n; i++)
        if (!(fabs(values[i]) <= MAX_COORDINATE))
            return hf_fail(err, HF_EFORMAT, "%s: %s has the coordinate %g", what, of, values[i]);
    return HF_OK;
}

static int check_draft(const hf_keypoint_draft *d, const char *what, hf_error *err)
{
    static const char *const side[] = { "source", "target" };
    int rc;

    for (int s = 0; s < 2; s++) {
        const double *b = d->box[s];
        if ((rc = hf_keypoints_check_name(d->image[s], what, err)) < 0 ||
            (rc = check_numbers(d->xy[s], 2 * d->n, what, side[s], err)) < 0)
            return rc;
        if (!d->has_box[s])
            continue;
        if ((rc = check_numbers(b, 4, what, "a box", err)) < 0)
            return rc;
        if (!(b[2] > b[0] && b[3] > b[1]))
            return hf_fail(err, HF_EFORMAT, "%s: %s box %g,%g,%g,%g has no area, want left,top,right,bottom", what,
                           side[s], b[0], b[1], b[2], b[3]);
    }
    return HF_OK;
}

static void free_pair(hf_keypoint_pair *p)
{
    free(p->source.image), free(p->source.xy);
    free(p->target.image), free(p->target.xy);
    free(p->category);
}

static int copy_side(hf_keypoint_side *side, const hf_keypoint_draft *d, int s)
{
    size_t bytes = 2 * (size_t)d->n * sizeof(double);
    side->image = strdup(d->image[s]);
    side->xy = malloc(bytes);
    if (!side->image || !side->xy)
        return -1;
    memcpy(side->xy, d->xy[s], bytes);
    memcpy(side->box, d->box[s], sizeof(side->box));
    side->has_box = d->has_box[s];
    side->width = d->width[s];
    side->height = d->height[s];
    return 0;
}

int hf_keypoints_add(hf_keypoints *set, const hf_keypoint_draft *draft, const char *what, hf_error *err)
{
    hf_keypoint_pair pair = { .n = draft->n };
    int rc = check_draft(draft, what, err);

    if (rc < 0)
        return rc;
    if (draft->n == 0) {
        set->n_skipped++;
        return HF_OK;
    }
    /* The room doubles whenever the number is a power of two. */
    if ((set->n & (set->n - 1)) == 0) {
        size_t room = set->n ? 2 * (size_t)set->n : 1;
        hf_keypoint_pair *grown = realloc(set->pairs, room * sizeof(*grown));
        if (!grown)
            return hf_fail(err, HF_ENOMEM, "%s: out of memory", what);
        set->pairs = grown;
    }
    pair.category = strdup(draft->category ? draft->category : "");
    if (copy_side(&pair.source, draft, 0) < 0 || copy_side(&pair.target, draft, 1) < 0 || !pair.category) {
        free_pair(&pair);
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", what);
    }
    set->pairs[set->n++] = pair;
    return HF_OK;
}

void hf_keypoints_free(hf_keypoints **keypoints)
{
    hf_keypoints *set = keypoints ? *keypoints : NULL;
    if (!set)
        return;
    for (int i = 0; i < set->n; i++)
        free_pair(&set->pairs[i]);
    free(set->pairs);
    free(set);
    *keypoints = NULL;
}

/* ---- layouts ---- */

static int is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int has(const char *folder, const char *name)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path) && access(path, F_OK) == 0;
}

static int ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), k = strlen(end);
    return n > k && strcasecmp(path + n - k, end) == 0;
}

static int check_split(const char *split, hf_error *err)
{
    if (!*split || strlen(split) > 31 || strchr(split, '/') || *split == '.')
        return hf_fail(err, HF_EARG, "split \"%s\": want a plain name, such as test or val", split);
    return HF_OK;
}

static int read_folder(hf_keypoints *set, const char *path, const hf_keypoints_params *p, hf_keypoint_draft *draft,
                       hf_error *err)
{
    const char *split = p->split ? p->split : "test";
    int rc = check_split(split, err);

    if (rc < 0)
        return rc;
    snprintf(set->split, sizeof(set->split), "%s", split);
    if (has(path, "parts/part_locs.txt"))
        return hf_keypoints_read_cub(set, path, p, draft, err);
    if (p->pairs_path)
        return hf_fail(err, HF_EARG, "%s: a list of pairs is for CUB-200-2011, which has none of its own", path);
    if (has(path, "PairAnnotation"))
        return hf_keypoints_read_spair(set, path, split, draft, err);
    if (p->split)
        return hf_fail(err, HF_EARG, "%s: has no splits (a folder named PairAnnotation, or CUB's parts)", path);
    set->split[0] = 0;
    return hf_keypoints_read_spair_folder(set, path, draft, err);
}

static int read_any(hf_keypoints *set, const char *path, const hf_keypoints_params *p, hf_keypoint_draft *draft,
                    hf_error *err)
{
    if (access(path, F_OK) != 0)
        return hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    if (is_folder(path))
        return read_folder(set, path, p, draft, err);
    if (p->split || p->pairs_path)
        return hf_fail(err, HF_EARG, "%s: is one file and has neither splits nor a list of pairs", path);
    if (ends_in(path, ".json"))
        return hf_keypoints_read_json(set, path, draft, err);
    if (ends_in(path, ".csv"))
        return hf_keypoints_read_csv(set, path, draft, err);
    return hf_fail(err, HF_EFORMAT,
                   "%s: want key points as .json (SPair-71k, or the reduced form), .csv (PF-PASCAL, PF-WILLOW) or the "
                   "folder of SPair-71k or CUB-200-2011",
                   path);
}

int hf_keypoints_read(hf_keypoints **out, const char *path, const hf_keypoints_params *params, hf_error *err)
{
    hf_keypoints_params none = { 0 };
    hf_keypoints *set = calloc(1, sizeof(*set));
    hf_keypoint_draft *draft = malloc(sizeof(*draft));
    int rc;

    *out = NULL;
    if (!set || !draft) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    if ((rc = read_any(set, path, params ? params : &none, draft, err)) < 0)
        goto end;
    if (set->n == 0) {
        rc = hf_fail(err, HF_EFORMAT, "%s: no pair with a key point that both images have (%d without)", path,
                     set->n_skipped);
        goto end;
    }
    *out = set;
    set = NULL;
end:
    free(draft);
    hf_keypoints_free(&set);
    return rc;
}
