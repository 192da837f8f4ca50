/* keypoints_cub.c - pairs of CUB-200-2011; see keypoints.h.
 *
 *     images.txt              ID NAME
 *     image_class_labels.txt  ID CLASS
 *     train_test_split.txt    ID 1 (train) or 0 (test)
 *     bounding_boxes.txt      ID X Y WIDTH HEIGHT
 *     parts/part_locs.txt     ID PART X Y VISIBLE
 *
 * Ids count from 1. The key points of a pair are the parts visible in both images. The data set has no pairs of its
 * own, and papers differ in theirs; hence the file of pairs, and a plain rule without it.
 */
#include "io/keypoints_parts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IMAGES = 1 << 16, MAX_PARTS = 64 };

typedef struct image {
    char  *name; /* NULL: this id is not in images.txt */
    int    class_id, is_train, has_box;
    double box[4];
    double xy[MAX_PARTS][2];
    char   visible[MAX_PARTS];
} image;

typedef struct cub {
    image *images; /* by id - 1 */
    int    n;
} cub;

typedef struct line_context {
    const char *what; /* file and line */
    cub        *c;
    hf_error   *err;
} line_context;

static void release(cub *c)
{
    for (int i = 0; c->images && i < c->n; i++)
        free(c->images[i].name);
    free(c->images);
}

/* ---- one line of each file ---- */

static image *image_of(const line_context *at, int id)
{
    if (id >= 1 && id <= at->c->n && at->c->images[id - 1].name)
        return &at->c->images[id - 1];
    hf_fail(at->err, HF_EFORMAT, "%s: image %d is not in images.txt", at->what, id);
    return NULL;
}

static int fail_line(const line_context *at, const char *want)
{
    return hf_fail(at->err, HF_EFORMAT, "%s: want %s", at->what, want);
}

static int grow(const line_context *at, int id)
{
    cub *c = at->c;
    if (id <= c->n)
        return HF_OK;
    int n = id < 2 * c->n ? 2 * c->n : id;
    image *grown = realloc(c->images, (size_t)n * sizeof(*grown));
    if (!grown)
        return hf_fail(at->err, HF_ENOMEM, "%s: out of memory", at->what);
    memset(grown + c->n, 0, (size_t)(n - c->n) * sizeof(*grown));
    c->images = grown;
    c->n = n;
    return HF_OK;
}

static int read_image(const line_context *at, const char *line)
{
    int id, from = 0, rc;
    if (sscanf(line, "%d %n", &id, &from) < 1 || !from || id < 1 || id > MAX_IMAGES)
        return fail_line(at, "the id of an image, from 1, and its name");
    if ((rc = hf_keypoints_check_name(line + from, at->what, at->err)) < 0 || (rc = grow(at, id)) < 0)
        return rc;
    image *i = &at->c->images[id - 1];
    if (i->name)
        return hf_fail(at->err, HF_EFORMAT, "%s: image %d is there twice", at->what, id);
    i->name = strdup(line + from);
    return i->name ? HF_OK : hf_fail(at->err, HF_ENOMEM, "%s: out of memory", at->what);
}

static int read_class(const line_context *at, const char *line)
{
    int id, class_id;
    if (sscanf(line, "%d %d", &id, &class_id) != 2)
        return fail_line(at, "the ids of an image and its class");
    image *i = image_of(at, id);
    if (!i)
        return HF_EFORMAT;
    i->class_id = class_id;
    return HF_OK;
}

static int read_split(const line_context *at, const char *line)
{
    int id, is_train;
    if (sscanf(line, "%d %d", &id, &is_train) != 2 || (is_train != 0 && is_train != 1))
        return fail_line(at, "the id of an image, and 1 (train) or 0 (test)");
    image *i = image_of(at, id);
    if (!i)
        return HF_EFORMAT;
    i->is_train = is_train;
    return HF_OK;
}

static int read_box(const line_context *at, const char *line)
{
    int id;
    double b[4];
    if (sscanf(line, "%d %lf %lf %lf %lf", &id, &b[0], &b[1], &b[2], &b[3]) != 5)
        return fail_line(at, "the id of an image, and x, y, width and height of its box");
    image *i = image_of(at, id);
    if (!i)
        return HF_EFORMAT;
    for (int k = 0; k < 2; k++)
        i->box[k] = b[k], i->box[k + 2] = b[k] + b[k + 2];
    i->has_box = 1;
    return HF_OK;
}

static int read_part(const line_context *at, const char *line)
{
    int id, part, visible;
    double x, y;
    if (sscanf(line, "%d %d %lf %lf %d", &id, &part, &x, &y, &visible) != 5 || part < 1 || part > MAX_PARTS)
        return fail_line(at, "the ids of an image and a part (1..64), x, y, and 1 where it is visible");
    image *i = image_of(at, id);
    if (!i)
        return HF_EFORMAT;
    i->xy[part - 1][0] = x;
    i->xy[part - 1][1] = y;
    i->visible[part - 1] = visible != 0;
    return HF_OK;
}

static int read_file(cub *c, const char *root, const char *name, int (*read_line)(const line_context *, const char *),
                     hf_error *err)
{
    char path[PATH_MAX], what[PATH_MAX + 32], *text = NULL, *rest, *line;
    int number = 0, rc;

    if ((rc = hf_keypoints_join(path, sizeof(path), root, name, err)) < 0 ||
        (rc = hf_keypoints_read_text(&text, path, err)) < 0)
        return rc;
    for (rest = text; rc == HF_OK && (line = hf_keypoints_next_line(&rest));) {
        snprintf(what, sizeof(what), "%s: line %d", path, ++number);
        line_context at = { what, c, err };
        if (*line)
            rc = read_line(&at, line);
    }
    free(text);
    return rc;
}

/* ---- pairs ---- */

/* "001.Black_footed_Albatross/name.jpg": the folder is the class. */
static int add_pair(hf_keypoints *set, hf_keypoint_draft *d, const cub *c, int source, int target, const char *what,
                    hf_error *err)
{
    const image *side[2] = { &c->images[source], &c->images[target] };
    char names[2][1024], category[256];

    d->n = 0;
    for (int part = 0; part < MAX_PARTS; part++) {
        if (!side[0]->visible[part] || !side[1]->visible[part])
            continue;
        for (int s = 0; s < 2; s++)
            memcpy(d->xy[s] + 2 * d->n, side[s]->xy[part], sizeof(side[s]->xy[part]));
        d->n++;
    }
    for (int s = 0; s < 2; s++) {
        if (snprintf(names[s], sizeof(names[s]), "images/%s", side[s]->name) >= (int)sizeof(names[s]))
            return hf_fail(err, HF_EFORMAT, "%s: the name of image %s is too long", what, side[s]->name);
        d->image[s] = names[s];
        d->has_box[s] = side[s]->has_box;
        memcpy(d->box[s], side[s]->box, sizeof(d->box[s]));
        d->width[s] = d->height[s] = 0;
    }
    snprintf(category, sizeof(category), "%.*s", (int)strcspn(side[0]->name, "/"), side[0]->name);
    d->category = category;
    return hf_keypoints_add(set, d, what, err);
}

static int add_listed(hf_keypoints *set, hf_keypoint_draft *d, cub *c, const char *path, hf_error *err)
{
    char what[PATH_MAX + 32], *text = NULL, *rest, *line;
    int number = 0, rc = hf_keypoints_read_text(&text, path, err);

    if (rc < 0)
        return rc;
    for (rest = text; rc == HF_OK && (line = hf_keypoints_next_line(&rest));) {
        int a, b;
        snprintf(what, sizeof(what), "%s: line %d", path, ++number);
        line_context at = { what, c, err };
        if (!*line)
            continue;
        if (sscanf(line, "%d%*[ ,;\t]%d", &a, &b) != 2)
            rc = fail_line(&at, "the ids of two images");
        else if (!image_of(&at, a) || !image_of(&at, b))
            rc = HF_EFORMAT;
        else
            rc = add_pair(set, d, c, a - 1, b - 1, what, err);
    }
    free(text);
    return rc;
}

static int is_in_split(const image *i, const char *split)
{
    return i->name && (strcmp(split, "all") == 0 || (strcmp(split, "train") == 0) == i->is_train);
}

static int add_neighbours(hf_keypoints *set, hf_keypoint_draft *d, const cub *c, const char *root, const char *split,
                          hf_error *err)
{
    int rc = HF_OK;
    if (strcmp(split, "test") != 0 && strcmp(split, "train") != 0 && strcmp(split, "all") != 0)
        return hf_fail(err, HF_EARG, "%s: split \"%s\", want test, train or all", root, split);
    for (int i = 0; rc == HF_OK && i < c->n; i++) {
        if (!is_in_split(&c->images[i], split))
            continue;
        int next = i + 1;
        while (next < c->n && !(is_in_split(&c->images[next], split) &&
                                c->images[next].class_id == c->images[i].class_id))
            next++;
        if (next < c->n)
            rc = add_pair(set, d, c, i, next, root, err);
    }
    return rc;
}

int hf_keypoints_read_cub(hf_keypoints *set, const char *root, const hf_keypoints_params *params,
                          hf_keypoint_draft *draft, hf_error *err)
{
    static const struct {
        const char *name;
        int (*read_line)(const line_context *, const char *);
    } files[] = {
        { "images.txt", read_image },
        { "image_class_labels.txt", read_class },
        { "train_test_split.txt", read_split },
        { "bounding_boxes.txt", read_box },
        { "parts/part_locs.txt", read_part },
    };
    cub c = { 0 };
    int rc = HF_OK;

    set->layout = HF_KEYPOINTS_CUB;
    set->layout_name = "CUB-200-2011";
    for (size_t i = 0; rc == HF_OK && i < sizeof(files) / sizeof(files[0]); i++)
        rc = read_file(&c, root, files[i].name, files[i].read_line, err);
    if (rc == HF_OK && params->pairs_path)
        rc = add_listed(set, draft, &c, params->pairs_path, err);
    else if (rc == HF_OK)
        rc = add_neighbours(set, draft, &c, root, set->split, err);
    release(&c);
    return rc;
}
