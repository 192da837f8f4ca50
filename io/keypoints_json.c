/* keypoints_json.c - pairs of SPair-71k and of the reduced JSON of diffusion-hyperfeatures; see keypoints.h.
 *
 * One entry is one JSON object in both; only the names of its fields differ. An array is the reduced form, an object
 * is one pair of SPair-71k, whose images lie in JPEGImages/CATEGORY.
 */
#include "io/keypoints_parts.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct field_names {
    const char *image[2], *points[2], *box[2], *size[2];
} field_names;

static const field_names reduced = {
    { "source_path", "target_path" },
    { "source_points", "target_points" },
    { "source_bounding_box", "target_bounding_box" },
    { NULL, NULL },
};
static const field_names spair = {
    { "src_imname", "trg_imname" },
    { "src_kps", "trg_kps" },
    { "src_bndbox", "trg_bndbox" },
    { "src_imsize", "trg_imsize" },
};

static int read_text_field(const char **text, const json_t *entry, const char *name, const char *what, hf_error *err)
{
    *text = json_string_value(json_object_get(entry, name));
    return *text ? HF_OK : hf_fail(err, HF_EFORMAT, "%s: \"%s\" is %s, want a text", what, name,
                                   json_object_get(entry, name) ? "no text" : "missing");
}

/* Exactly n numbers. */
static int read_numbers(double *to, const json_t *list, int n, const char *what, const char *name, hf_error *err)
{
    if (!json_is_array(list) || (int)json_array_size(list) != n)
        return hf_fail(err, HF_EFORMAT, "%s: \"%s\" has something else where a list of %d numbers should be", what, name,
                       n);
    for (int i = 0; i < n; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        if (!json_is_number(value))
            return hf_fail(err, HF_EFORMAT, "%s: \"%s\" holds something that is no number", what, name);
        to[i] = json_number_value(value);
    }
    return HF_OK;
}

static int read_points(double *xy, int *n, const json_t *entry, const char *name, const char *what, hf_error *err)
{
    const json_t *list = json_object_get(entry, name);
    int rc = HF_OK;

    if (!json_is_array(list))
        return hf_fail(err, HF_EFORMAT, "%s: \"%s\" is %s, want a list of [x, y]", what, name,
                       list ? "no list" : "missing");
    if (json_array_size(list) > HF_KEYPOINTS_MAX_POINTS)
        return hf_fail(err, HF_EFORMAT, "%s: \"%s\" has %zu points, want at most %d", what, name, json_array_size(list),
                       HF_KEYPOINTS_MAX_POINTS);
    *n = (int)json_array_size(list);
    for (int i = 0; rc == HF_OK && i < *n; i++)
        rc = read_numbers(xy + 2 * i, json_array_get(list, (size_t)i), 2, what, name, err);
    return rc;
}

/* "src_imsize": width, height, channels. */
static int read_size(hf_keypoint_draft *draft, int side, const json_t *entry, const char *name, const char *what,
                     hf_error *err)
{
    double size[3];
    draft->width[side] = draft->height[side] = 0;
    if (!name || !json_object_get(entry, name))
        return HF_OK;
    int rc = read_numbers(size, json_object_get(entry, name), 3, what, name, err);
    if (rc < 0)
        return rc;
    if (!(size[0] >= 1 && size[1] >= 1 && size[0] <= 1e6 && size[1] <= 1e6))
        return hf_fail(err, HF_EFORMAT, "%s: \"%s\" is %g x %g, want a size", what, name, size[0], size[1]);
    draft->width[side] = (int)size[0];
    draft->height[side] = (int)size[1];
    return HF_OK;
}

static int read_entry(hf_keypoint_draft *draft, const json_t *entry, const field_names *names, const char *what,
                      hf_error *err)
{
    int n[2], rc;

    if (!json_is_object(entry))
        return hf_fail(err, HF_EFORMAT, "%s: not an object", what);
    for (int s = 0; s < 2; s++) {
        const json_t *box = json_object_get(entry, names->box[s]);
        if ((rc = read_text_field(&draft->image[s], entry, names->image[s], what, err)) < 0 ||
            (rc = read_points(draft->xy[s], &n[s], entry, names->points[s], what, err)) < 0 ||
            (rc = read_size(draft, s, entry, names->size[s], what, err)) < 0)
            return rc;
        draft->has_box[s] = box != NULL;
        if (box && (rc = read_numbers(draft->box[s], box, 4, what, names->box[s], err)) < 0)
            return rc;
    }
    if (n[0] != n[1])
        return hf_fail(err, HF_EFORMAT, "%s: %d points in the source and %d in the target, want as many", what, n[0],
                       n[1]);
    draft->n = n[0];
    draft->category = NULL;
    return json_object_get(entry, "category") ? read_text_field(&draft->category, entry, "category", what, err) : HF_OK;
}

static int load(json_t **root, const char *path, hf_error *err)
{
    json_error_t at;
    if (access(path, R_OK) != 0)
        return hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    if (!(*root = json_load_file(path, 0, &at)))
        return hf_fail(err, HF_EFORMAT, "%s: line %d, column %d: %s", path, at.line, at.column, at.text);
    return HF_OK;
}

static int add_spair_pair(hf_keypoints *set, const json_t *entry, const char *path, hf_keypoint_draft *draft,
                          hf_error *err)
{
    char names[2][512];
    int rc = read_entry(draft, entry, &spair, path, err);

    if (rc < 0)
        return rc;
    for (int s = 0; s < 2; s++) {
        if (snprintf(names[s], sizeof(names[s]), "JPEGImages/%s/%s", draft->category ? draft->category : "",
                     draft->image[s]) >= (int)sizeof(names[s]))
            return hf_fail(err, HF_EFORMAT, "%s: the name of an image is too long", path);
        if ((rc = hf_keypoints_check_name(draft->image[s], path, err)) < 0)
            return rc;
        draft->image[s] = names[s];
    }
    set->layout = HF_KEYPOINTS_SPAIR;
    set->layout_name = "SPair-71k";
    return hf_keypoints_add(set, draft, path, err);
}

static int add_reduced(hf_keypoints *set, const json_t *list, const char *path, hf_keypoint_draft *draft, hf_error *err)
{
    char what[PATH_MAX + 32];
    int rc = HF_OK;

    set->layout = HF_KEYPOINTS_REDUCED;
    set->layout_name = "reduced JSON";
    for (size_t i = 0; rc == HF_OK && i < json_array_size(list); i++) {
        snprintf(what, sizeof(what), "%s: entry %zu", path, i);
        if ((rc = read_entry(draft, json_array_get(list, i), &reduced, what, err)) == HF_OK)
            rc = hf_keypoints_add(set, draft, what, err);
    }
    return rc;
}

int hf_keypoints_read_json(hf_keypoints *set, const char *path, hf_keypoint_draft *draft, hf_error *err)
{
    json_t *root = NULL;
    int rc = load(&root, path, err);

    if (rc < 0)
        return rc;
    rc = json_is_array(root) ? add_reduced(set, root, path, draft, err) : add_spair_pair(set, root, path, draft, err);
    json_decref(root);
    return rc;
}

static int add_spair_file(hf_keypoints *set, const char *path, hf_keypoint_draft *draft, hf_error *err)
{
    json_t *root = NULL;
    int rc = load(&root, path, err);

    if (rc < 0)
        return rc;
    rc = add_spair_pair(set, root, path, draft, err);
    json_decref(root);
    return rc;
}

static int is_json(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int hf_keypoints_read_spair_folder(hf_keypoints *set, const char *folder, hf_keypoint_draft *draft, hf_error *err)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, is_json, by_bytes), rc = HF_OK;
    char path[PATH_MAX];

    if (n < 0)
        return hf_fail(err, HF_EIO, "%s: %s", folder, strerror(errno));
    if (n == 0)
        rc = hf_fail(err, HF_EFORMAT,
                     "%s: no key points in it, want SPair-71k (PairAnnotation, or its JSON files) or CUB-200-2011 "
                     "(parts/part_locs.txt)",
                     folder);
    for (int i = 0; i < n; i++) {
        if (rc == HF_OK && (rc = hf_keypoints_join(path, sizeof(path), folder, names[i]->d_name, err)) == HF_OK)
            rc = add_spair_file(set, path, draft, err);
        free(names[i]);
    }
    free(names);
    return rc;
}

/* Each line of the list is the name of a JSON file: "000001-2008_005199-2008_005266:aeroplane". */
static int read_list(hf_keypoints *set, char *text, const char *list, const char *folder, hf_keypoint_draft *draft,
                     hf_error *err)
{
    char path[PATH_MAX], what[PATH_MAX + 32];
    int rc = HF_OK, number = 0;

    for (char *line; rc == HF_OK && (line = hf_keypoints_next_line(&text));) {
        snprintf(what, sizeof(what), "%s: line %d", list, ++number);
        if (!*line)
            continue;
        if ((rc = hf_keypoints_check_name(line, what, err)) < 0)
            return rc;
        if (snprintf(path, sizeof(path), "%s/%s.json", folder, line) >= (int)sizeof(path))
            return hf_fail(err, HF_EFORMAT, "%s: the name is too long", what);
        rc = add_spair_file(set, path, draft, err);
    }
    return rc;
}

int hf_keypoints_read_spair(hf_keypoints *set, const char *root, const char *split, hf_keypoint_draft *draft,
                            hf_error *err)
{
    char folder[PATH_MAX], list[PATH_MAX], *text = NULL;
    int rc;

    if (snprintf(folder, sizeof(folder), "%s/PairAnnotation/%s", root, split) >= (int)sizeof(folder) ||
        snprintf(list, sizeof(list), "%s/Layout/large/%s.txt", root, split) >= (int)sizeof(list))
        return hf_fail(err, HF_EARG, "%s: the name is too long", root);
    if (access(folder, F_OK) != 0)
        return hf_fail(err, HF_EIO, "%s: %s; the split chooses the folder", folder, strerror(errno));
    if (access(list, F_OK) != 0)
        return hf_keypoints_read_spair_folder(set, folder, draft, err);
    if ((rc = hf_keypoints_read_text(&text, list, err)) < 0)
        return rc;
    rc = read_list(set, text, list, folder, draft, err);
    free(text);
    return rc;
}
