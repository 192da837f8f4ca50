/* keypoints_csv.c - pairs of PF-PASCAL and PF-WILLOW; see keypoints.h.
 *
 * Both are plain CSV without quotes; the first line names the columns, and their number tells the two apart. PF-PASCAL
 * has lists of any length, "x;x;x"; PF-WILLOW has ten points in forty columns. A coordinate below zero or not a
 * number marks a point that an image does not have. The CSV of PF-PASCAL that holds no coordinates (they lie
 * in MATLAB files beside it) is refused by name.
 */
#include "io/keypoints_parts.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 64, PASCAL_COLUMNS = 7, WILLOW_COLUMNS = 42, WILLOW_POINTS = 10 };

static const char *const pascal_classes[] = {
    "aeroplane", "bicycle", "bird",  "boat",   "bottle", "bus",         "car",   "cat",  "chair", "cow",
    "diningtable", "dog",   "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
};
enum { N_CLASSES = sizeof(pascal_classes) / sizeof(pascal_classes[0]) };

/* Split in place; returns the number of columns, MAX_COLUMNS + 1 for too many. */
static int split(char **column, char *line, char by)
{
    int n = 0;
    for (char *at = line; at; n++) {
        if (n == MAX_COLUMNS)
            return MAX_COLUMNS + 1;
        column[n] = at;
        if ((at = strchr(at, by)))
            *at++ = 0;
    }
    return n;
}

static int read_number(double *value, const char *text, const char *what, hf_error *err)
{
    char *end;
    *value = strtod(text, &end);
    while (*end == ' ')
        end++;
    return end != text && !*end ? HF_OK : hf_fail(err, HF_EFORMAT, "%s: \"%s\" is no number", what, text);
}

/* Keep the points that both sides have. given: x and y of each side, [n] each; not a number: missing. */
static void keep_common(hf_keypoint_draft *d, double given[4][HF_KEYPOINTS_MAX_POINTS], int n)
{
    d->n = 0;
    for (int i = 0; i < n; i++) {
        int there = 1;
        for (int c = 0; c < 4; c++)
            there &= given[c][i] >= 0.0;
        if (!there)
            continue;
        for (int s = 0; s < 2; s++) {
            d->xy[s][2 * d->n] = given[2 * s][i];
            d->xy[s][2 * d->n + 1] = given[2 * s + 1][i];
        }
        d->n++;
    }
}

static int read_list(double *values, int *n, char *text, const char *what, hf_error *err)
{
    char *rest = text;
    int rc;
    for (*n = 0; rest; (*n)++) {
        char *item = rest;
        if (*n == HF_KEYPOINTS_MAX_POINTS)
            return hf_fail(err, HF_EFORMAT, "%s: more than %d points", what, HF_KEYPOINTS_MAX_POINTS);
        if ((rest = strchr(rest, ';')))
            *rest++ = 0;
        if ((rc = read_number(&values[*n], item, what, err)) < 0)
            return rc;
    }
    return HF_OK;
}

static int read_pascal(hf_keypoint_draft *d, char **column, double given[4][HF_KEYPOINTS_MAX_POINTS], const char *what,
                       hf_error *err)
{
    double class_number;
    int n[4], rc = read_number(&class_number, column[2], what, err);

    if (rc < 0)
        return rc;
    if (!(class_number >= 1 && class_number <= N_CLASSES))
        return hf_fail(err, HF_EFORMAT, "%s: class %s, want 1..%d", what, column[2], N_CLASSES);
    for (int c = 0; c < 4; c++)
        if ((rc = read_list(given[c], &n[c], column[3 + c], what, err)) < 0)
            return rc;
    if (n[0] != n[1] || n[0] != n[2] || n[0] != n[3])
        return hf_fail(err, HF_EFORMAT, "%s: lists of %d, %d, %d and %d coordinates, want four of one length", what,
                       n[0], n[1], n[2], n[3]);
    d->category = pascal_classes[(int)class_number - 1];
    keep_common(d, given, n[0]);
    return HF_OK;
}

/* The category is the folder of the image: "PF-dataset/car(G)/..." or "car(G)/...". */
static const char *willow_category(char *text, size_t size, const char *image)
{
    const char *end = strrchr(image, '/'), *start = end;
    while (start && start > image && start[-1] != '/')
        start--;
    snprintf(text, size, "%.*s", end ? (int)(end - start) : 0, start ? start : "");
    return text;
}

static int read_willow(hf_keypoint_draft *d, char **column, double given[4][HF_KEYPOINTS_MAX_POINTS], char *category,
                       size_t category_size, const char *what, hf_error *err)
{
    int rc;
    for (int i = 0; i < 4 * WILLOW_POINTS; i++)
        if ((rc = read_number(&given[i / WILLOW_POINTS][i % WILLOW_POINTS], column[2 + i], what, err)) < 0)
            return rc;
    d->category = willow_category(category, category_size, d->image[0]);
    keep_common(d, given, WILLOW_POINTS);
    return HF_OK;
}

static int choose_layout(hf_keypoints *set, int n_columns, const char *path, hf_error *err)
{
    if (n_columns == PASCAL_COLUMNS) {
        set->layout = HF_KEYPOINTS_PF_PASCAL;
        set->layout_name = "PF-PASCAL";
    } else if (n_columns == WILLOW_COLUMNS) {
        set->layout = HF_KEYPOINTS_PF_WILLOW;
        set->layout_name = "PF-WILLOW";
    } else if (n_columns == 3 || n_columns == 4) {
        return hf_fail(err, HF_EFORMAT,
                       "%s: this list has no coordinates (they are in .mat files, which are not read); want the one with "
                       "the columns source_image,target_image,class,XA,YA,XB,YB",
                       path);
    } else {
        return hf_fail(err, HF_EFORMAT, "%s: %d columns, want %d (PF-PASCAL with XA,YA,XB,YB) or %d (PF-WILLOW)", path,
                       n_columns, PASCAL_COLUMNS, WILLOW_COLUMNS);
    }
    return HF_OK;
}

static int read_rows(hf_keypoints *set, char *text, const char *path, hf_keypoint_draft *d,
                     double given[4][HF_KEYPOINTS_MAX_POINTS], hf_error *err)
{
    char what[PATH_MAX + 32], category[128], *column[MAX_COLUMNS], *line = hf_keypoints_next_line(&text);
    int n_columns = line ? split(column, line, ',') : 0, rc = choose_layout(set, n_columns, path, err);

    for (int number = 2; rc == HF_OK && (line = hf_keypoints_next_line(&text)); number++) {
        if (!*line)
            continue;
        snprintf(what, sizeof(what), "%s: line %d", path, number);
        int n = split(column, line, ',');
        if (n != n_columns)
            return hf_fail(err, HF_EFORMAT, "%s: %d columns, the first line has %d", what, n, n_columns);
        d->image[0] = column[0];
        d->image[1] = column[1];
        rc = set->layout == HF_KEYPOINTS_PF_PASCAL
                 ? read_pascal(d, column, given, what, err)
                 : read_willow(d, column, given, category, sizeof(category), what, err);
        if (rc == HF_OK)
            rc = hf_keypoints_add(set, d, what, err);
    }
    return rc;
}

int hf_keypoints_read_csv(hf_keypoints *set, const char *path, hf_keypoint_draft *draft, hf_error *err)
{
    double(*given)[HF_KEYPOINTS_MAX_POINTS] = NULL;
    char *text = NULL;
    int rc;

    for (int s = 0; s < 2; s++)
        draft->has_box[s] = draft->width[s] = draft->height[s] = 0;
    if (!(given = malloc(4 * sizeof(*given)))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    if ((rc = hf_keypoints_read_text(&text, path, err)) < 0)
        goto end;
    rc = read_rows(set, text, path, draft, given, err);
end:
    free(given);
    free(text);
    return rc;
}
