/* points.c - see points.h. */
#include "io/points.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/npy.h"

typedef struct list {
    double *xy;
    int     n;
} list;

static int add(list *to, double x, double y, const char *what, hf_error *err)
{
    if (!isfinite(x) || !isfinite(y))
        return hf_fail(err, HF_EFORMAT, "%s: a coordinate is not finite", what);
    if (to->n == HF_POINTS_MAX)
        return hf_fail(err, HF_EFORMAT, "%s: more than %d points", what, HF_POINTS_MAX);
    /* The room doubles whenever the number is a power of two. */
    if ((to->n & (to->n - 1)) == 0) {
        double *grown = realloc(to->xy, (to->n ? 4 * (size_t)to->n : 2) * sizeof(*grown));
        if (!grown)
            return hf_fail(err, HF_ENOMEM, "%s: out of memory", what);
        to->xy = grown;
    }
    to->xy[2 * to->n] = x;
    to->xy[2 * to->n + 1] = y;
    to->n++;
    return HF_OK;
}

/* "x,y" at text: returns where it ends, NULL if it is none. */
static const char *scan_pair(double *x, double *y, const char *text)
{
    char *end;
    *x = strtod(text, &end);
    if (end == text)
        return NULL;
    const char *second = end + strspn(end, " \t,;");
    if (second == end)
        return NULL;
    *y = strtod(second, &end);
    return end == second ? NULL : end;
}

static int read_typed(list *to, const char *spec, hf_error *err)
{
    double x, y;
    int rc = HF_OK;
    for (const char *at = spec; rc == HF_OK && *at;) {
        const char *comma = at + strcspn(at, ",;"), *end = scan_pair(&x, &y, at);
        if (!end || *comma != ',' || (*end && *end != ';'))
            return hf_fail(err, HF_EARG, "points: \"%s\" is neither x,y;x,y;... nor a file", spec);
        rc = add(to, x, y, "points", err);
        at = *end ? end + 1 : end;
    }
    return rc;
}

static int read_lines(list *to, const char *path, hf_error *err)
{
    FILE *file = fopen(path, "r");
    char *line = NULL, what[4200];
    size_t room = 0;
    int rc = HF_OK;

    if (!file)
        return hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    for (int number = 1; rc == HF_OK && getline(&line, &room, file) >= 0; number++) {
        double x, y;
        line[strcspn(line, "#\r\n")] = 0;
        const char *start = line + strspn(line, " \t");
        if (!*start)
            continue;
        const char *end = scan_pair(&x, &y, start);
        snprintf(what, sizeof(what), "%s: line %d", path, number);
        rc = !end || end[strspn(end, " \t,;")] ? hf_fail(err, HF_EFORMAT, "%s: want x and y", what)
                                               : add(to, x, y, what, err);
    }
    if (rc == HF_OK && ferror(file))
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    free(line);
    fclose(file);
    return rc;
}

static int read_json(list *to, const char *path, hf_error *err)
{
    json_error_t at;
    json_t *root = json_load_file(path, 0, &at), *array;
    char what[4200];
    int rc = HF_OK;

    if (!root)
        return hf_fail(err, HF_EFORMAT, "%s: line %d, column %d: %s", path, at.line, at.column, at.text);
    array = json_is_object(root) ? json_object_get(root, "points") : root;
    if (!json_is_array(array))
        rc = hf_fail(err, HF_EFORMAT, "%s: want a list of [x, y], or an object with one called \"points\"", path);
    for (size_t i = 0; rc == HF_OK && i < json_array_size(array); i++) {
        const json_t *p = json_array_get(array, i), *x = json_array_get(p, 0), *y = json_array_get(p, 1);
        snprintf(what, sizeof(what), "%s: point %zu", path, i);
        rc = json_array_size(p) != 2 || !json_is_number(x) || !json_is_number(y)
                 ? hf_fail(err, HF_EFORMAT, "%s: want [x, y]", what)
                 : add(to, json_number_value(x), json_number_value(y), what, err);
    }
    json_decref(root);
    return rc;
}

static int read_npy(list *to, const char *path, hf_error *err)
{
    hf_npy *npy = NULL;
    float *values = NULL;
    int rc = hf_npy_read(&npy, path, err);

    if (rc < 0)
        return rc;
    if (npy->n_dims != 2 || npy->shape[1] != 2) {
        rc = hf_fail(err, HF_EFORMAT, "%s: an array of %d dimensions, want [n,2]: x and y", path, npy->n_dims);
        goto end;
    }
    if (!(values = malloc((size_t)npy->count * sizeof(float) + 1))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    hf_npy_to_f32(values, npy);
    for (int64_t i = 0; rc == HF_OK && i < npy->shape[0]; i++)
        rc = add(to, (double)values[2 * i], (double)values[2 * i + 1], path, err);
end:
    free(values);
    hf_npy_free(&npy);
    return rc;
}

static int ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), k = strlen(end);
    return n > k && strcmp(path + n - k, end) == 0;
}

int hf_points_read(double **xy, int *n, const char *spec, hf_error *err)
{
    list to = { 0 };
    struct stat st;
    int rc;

    *xy = NULL;
    *n = 0;
    if (stat(spec, &st) != 0)
        rc = read_typed(&to, spec, err);
    else if (S_ISDIR(st.st_mode))
        rc = hf_fail(err, HF_EIO, "%s: is a folder", spec);
    else
        rc = ends_in(spec, ".json")  ? read_json(&to, spec, err)
             : ends_in(spec, ".npy") ? read_npy(&to, spec, err)
                                     : read_lines(&to, spec, err);
    if (rc == HF_OK && to.n == 0)
        rc = hf_fail(err, HF_EFORMAT, "%s: no points", *spec ? spec : "points");
    if (rc < 0) {
        free(to.xy);
        return rc;
    }
    *xy = to.xy;
    *n = to.n;
    return HF_OK;
}
