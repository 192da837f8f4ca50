/* settings.c - see settings.h. */
#include "src/cli/settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

json_t *hf_json_text(const char *text)
{
    json_t *string = json_string(text);
    char *copy;
    if (string || !(copy = strdup(text)))
        return string;
    for (unsigned char *c = (unsigned char *)copy; *c; c++)
        if (*c > 0x7f)
            *c = '?';
    string = json_string(copy);
    free(copy);
    return string;
}

static json_t *keyed_json(const hf_keyed_list *list)
{
    json_t *array = json_array();
    for (int i = 0; i < list->n; i++)
        json_array_append_new(array, json_pack("[I, o]", (json_int_t)list->item[i].frame,
                                               hf_json_text(list->item[i].path)));
    return array;
}

json_t *hf_settings_json(const hf_options *options)
{
    json_t *object = json_object();
    char buffer[64];
    for (const hf_option_row *row = hf_option_table; row->name; row++) {
        if (row->role != HF_ROLE_RESULT || !(row->verbs & (int)options->verb))
            continue;
        if (row->kind == HF_OPT_KEYED)
            json_object_set_new(object, row->name,
                                keyed_json((const hf_keyed_list *)((const char *)options + row->field)));
        else
            json_object_set_new(object, row->name,
                                hf_json_text(hf_option_text(row, options, buffer, sizeof(buffer))));
    }
    return object;
}

static json_t *file_json(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return json_pack("{s:o}", "path", hf_json_text(path));
    return json_pack("{s:o, s:I, s:I}", "path", hf_json_text(path), "bytes", (json_int_t)st.st_size, "modified",
                     (json_int_t)st.st_mtime);
}

static void add_file(json_t *object, const char *path)
{
    json_t *name = hf_json_text(path);
    if (name)
        json_object_set_new(object, json_string_value(name), file_json(path));
    json_decref(name);
}

json_t *hf_settings_files_json(const hf_options *options)
{
    json_t *object = json_object();
    add_file(object, options->input);
    for (int i = 0; i < options->mask.n; i++)
        add_file(object, options->mask.item[i].path);
    for (int i = 0; i < options->edit.n; i++)
        add_file(object, options->edit.item[i].path);
    return object;
}

static const char *missing_or_different(const json_t *a, const json_t *b)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)a, name, value) {
        const json_t *other = json_object_get(b, name);
        if (!other || !json_equal(value, other))
            return name;
    }
    return NULL;
}

const char *hf_settings_difference(const json_t *a, const json_t *b)
{
    const char *name = missing_or_different(a, b);
    return name ? name : missing_or_different(b, a);
}
