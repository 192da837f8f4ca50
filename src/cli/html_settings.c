/* html_settings.c - see html_settings.h. */
#include "src/cli/html_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/settings.h"

/* In single quotes unless it is plain. */
static void put_word(FILE *file, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=,:+@%";

    if (*word && !word[strspn(word, plain)]) {
        fputs(word, file);
        return;
    }
    fputc('\'', file);
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){ *word, 0 }, file);
    fputc('\'', file);
}

json_t *hf_html_command(int argc, char **argv)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    json_t *command;

    if (!file)
        return NULL;
    for (int i = 0; i < argc; i++) {
        if (i)
            fputc(' ', file);
        put_word(file, argv[i]);
    }
    fclose(file);
    command = text ? hf_json_text(text) : NULL;
    free(text);
    return command;
}

json_t *hf_html_scoring(const hf_eval_report *report)
{
    static const char *const void_words[] = { "auto", "background", "exclude", "object" };
    const hf_eval_params *p = &report->params;

    return json_pack("{s:s,s:s,s:s,s:s}", "objects", p->objects == HF_EVAL_SEEN ? "seen" : "first", "void",
                     void_words[p->void_means], "single object", p->single_object ? "yes" : "no",
                     "first and last frame", p->keep_first_last ? "scored" : "not scored");
}

json_t *hf_html_sidecar(const char *results, const char *sequence)
{
    json_t *sidecar = NULL, *settings = NULL, *in_use;

    for (int of_davis = 0; of_davis < 2 && !sidecar; of_davis++) {
        char *path;
        if ((of_davis ? asprintf(&path, "%s/.hfprop/%s.run.json", results, sequence)
                      : asprintf(&path, "%s/%s/hfprop.json", results, sequence)) < 0)
            return NULL;
        sidecar = json_load_file(path, 0, NULL);
        free(path);
    }
    in_use = json_object_get(sidecar, "in_use");
    if (json_is_object(in_use) && (settings = json_object())) {
        json_object_set(settings, "hfprop", json_object_get(sidecar, "hfprop"));
        json_object_update(settings, in_use);
    }
    json_decref(sidecar);
    return settings;
}
