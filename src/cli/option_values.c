/* option_values.c - the value of one option, from text to its field and back; see options.h. */
#include "src/cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail_value(hf_error *err, const hf_option_row *row, const char *text, const char *want)
{
    return hf_fail(err, HF_EARG, "--%s: \"%s\" is not %s", row->name, text, want);
}

static int in_range(const hf_option_row *row, double value, const char *text, hf_error *err)
{
    if (value >= row->min && value <= row->max)
        return HF_OK;
    return hf_fail(err, HF_EARG, "--%s: %s is out of range, want %.15g..%.15g%s%s", row->name, text, row->min,
                   row->max, row->word ? " or " : "", row->word ? row->word : "");
}

/* Whole of text as an integer; a number that overflows is out of range, not junk. */
static int read_integer(const hf_option_row *row, long long *value, const char *text, hf_error *err)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    if (end == text || *end || strchr(" \t\n+", text[0]))
        return fail_value(err, row, text, "a whole number");
    return in_range(row, errno ? copysign(INFINITY, (double)*value) : (double)*value, text, err);
}

static int read_real(const hf_option_row *row, double *value, const char *text, hf_error *err)
{
    char *end;
    *value = strtod(text, &end);
    if (end == text || *end || !isfinite(*value) || strpbrk(text, "xX \t\n"))
        return fail_value(err, row, text, "a number");
    return in_range(row, *value, text, err);
}

/* NTSC rates are written rounded; 23.976 means 24000/1001. */
static int read_rate(const hf_option_row *row, hf_rate *rate, const char *text, hf_error *err)
{
    char *end;
    double value = strtod(text, &end), below = 1;
    if (end != text && *end == '/') {
        const char *second = end + 1;
        below = strtod(second, &end);
        if (end == second || below != floor(below) || value != floor(value) || !(below >= 1 && below <= 1e6) ||
            !(value >= 1 && value <= 1e9))
            return fail_value(err, row, text, "a frame rate such as 25, 23.976 or 30000/1001");
    }
    if (end == text || *end || !isfinite(value) || strpbrk(text, "xX -+\t"))
        return fail_value(err, row, text, "a frame rate such as 25, 23.976 or 30000/1001");
    int rc = in_range(row, value / below, text, err);
    if (rc < 0)
        return rc;
    if (below > 1) {
        *rate = (hf_rate){ (int)value, (int)below };
    } else if (value == floor(value)) {
        *rate = (hf_rate){ (int)value, 1 };
    } else {
        double ntsc = round(value) * 1000 / 1001;
        *rate = fabs(value - ntsc) < 0.005 ? (hf_rate){ (int)round(value) * 1000, 1001 }
                                           : (hf_rate){ (int)round(value * 1000), 1000 };
    }
    return HF_OK;
}

static int read_choice(const hf_option_row *row, int *value, const char *text, hf_error *err)
{
    size_t length = strlen(text);
    int index = 0;
    for (const char *c = row->choices;; c++, index++) {
        const char *end = strchrnul(c, '|');
        if ((size_t)(end - c) == length && strncmp(c, text, length) == 0) {
            *value = index;
            return HF_OK;
        }
        if (!*end)
            break;
        c = end;
    }
    return hf_fail(err, HF_EARG, "--%s: \"%s\" is not known, want one of %s", row->name, text, row->choices);
}

/* N=FILE, or FILE alone. A file whose own name holds a '=' is given as ./name or 0=name. */
static int read_keyed(const hf_option_row *row, hf_keyed_list *list, const char *text, hf_error *err)
{
    const char *equals = strchr(text, '='), *path = text;
    long long frame = -1;
    if (equals && !memchr(text, '/', (size_t)(equals - text))) {
        char number[32];
        size_t length = (size_t)(equals - text);
        char *end;
        if (length == 0 || length >= sizeof(number))
            return fail_value(err, row, text, "N=FILE with a frame number N");
        memcpy(number, text, length);
        number[length] = 0;
        errno = 0;
        frame = strtoll(number, &end, 10);
        if (*end || end == number || errno)
            return hf_fail(err, HF_EARG,
                           "--%s: \"%s\" is not a frame number, want N=FILE (for a file name with '=' write ./%s)",
                           row->name, number, text);
        if (frame < 0 || (double)frame > row->max)
            return hf_fail(err, HF_EARG, "--%s: frame %lld is out of range, want 0 or more", row->name, frame);
        path = equals + 1;
    }
    if (!*path)
        return hf_fail(err, HF_EARG, "--%s: \"%s\" names no file, want [N=]FILE", row->name, text);
    for (int i = 0; i < list->n; i++)
        if (list->item[i].frame == frame)
            return frame < 0 ? hf_fail(err, HF_EARG, "--%s: two files without a frame number (%s and %s), want N=FILE",
                                       row->name, list->item[i].path, path)
                             : hf_fail(err, HF_EARG, "--%s: frame %lld is given twice (%s and %s)", row->name, frame,
                                       list->item[i].path, path);
    if (list->n == HF_MAX_KEYS)
        return hf_fail(err, HF_EARG, "--%s: more than %d key frames", row->name, HF_MAX_KEYS);
    list->item[list->n++] = (hf_keyed_path){ frame, path };
    return HF_OK;
}

int hf_option_store(hf_options *options, const hf_option_row *row, const char *text, hf_error *err)
{
    void *field = (char *)options + row->field;
    long long integer;
    int rc;

    if (row->word && row->kind != HF_OPT_RATE && strcmp(text, row->word) == 0)
        text = row->initial;
    /* The table's own default may lie outside the range: it means "not given". */
    int is_default = row->initial && text == row->initial;
    switch (row->kind) {
    case HF_OPT_FLAG:
        *(int *)field = row->value;
        return HF_OK;
    case HF_OPT_INT:
    case HF_OPT_INT64:
        if (is_default)
            integer = atoll(text);
        else if ((rc = read_integer(row, &integer, text, err)) < 0)
            return rc;
        if (row->kind == HF_OPT_INT)
            *(int *)field = (int)integer;
        else
            *(int64_t *)field = integer;
        return HF_OK;
    case HF_OPT_REAL:
        if (is_default) {
            *(double *)field = atof(text);
            return HF_OK;
        }
        return read_real(row, field, text, err);
    case HF_OPT_RATE:
        if (row->word && strcmp(text, row->word) == 0) {
            *(hf_rate *)field = (hf_rate){ 0, 0 };
            return HF_OK;
        }
        return read_rate(row, field, text, err);
    case HF_OPT_CHOICE:
        return read_choice(row, field, text, err);
    case HF_OPT_TEXT:
        if (!*text)
            return hf_fail(err, HF_EARG, "--%s: empty, want %s", row->name, row->arg);
        *(const char **)field = text;
        return HF_OK;
    case HF_OPT_KEYED:
        return read_keyed(row, field, text, err);
    }
    return HF_OK;
}

const char *hf_option_text(const hf_option_row *row, const hf_options *options, char *buffer, size_t size)
{
    const void *field = (const char *)options + row->field;
    double number = 0;

    buffer[0] = 0;
    switch (row->kind) {
    case HF_OPT_FLAG:
        return *(const int *)field == row->value ? "yes" : "no";
    case HF_OPT_TEXT:
        return *(const char *const *)field ? *(const char *const *)field : "";
    case HF_OPT_CHOICE: {
        const char *c = row->choices;
        for (int i = *(const int *)field; i > 0; i--)
            c = strchrnul(c, '|') + 1;
        snprintf(buffer, size, "%.*s", (int)(strchrnul(c, '|') - c), c);
        return buffer;
    }
    case HF_OPT_RATE: {
        hf_rate rate = *(const hf_rate *)field;
        if (!rate.den)
            return row->word ? row->word : "";
        snprintf(buffer, size, rate.den == 1 ? "%d" : "%d/%d", rate.num, rate.den);
        return buffer;
    }
    case HF_OPT_INT:
        number = *(const int *)field;
        break;
    case HF_OPT_INT64:
        number = (double)*(const int64_t *)field;
        break;
    case HF_OPT_REAL:
        number = *(const double *)field;
        break;
    case HF_OPT_KEYED:
        return buffer;
    }
    if (row->word && row->initial && number == atof(row->initial))
        return row->word;
    snprintf(buffer, size, "%.12g", number);
    return buffer;
}
