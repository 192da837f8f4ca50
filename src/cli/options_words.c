/* options_words.c - see options_words.h. */
#include "src/cli/options_words.h"

#include <stdlib.h>
#include <string.h>

static int add_keyed(hf_words *words, const hf_option_row *row, const hf_keyed_list *list, hf_error *err)
{
    int rc = HF_OK;
    for (int i = 0; i < list->n && rc == HF_OK; i++) {
        const hf_keyed_path *item = &list->item[i];
        rc = item->frame < 0 ? hf_words_addf(words, err, "--%s=%s", row->name, item->path)
                             : hf_words_addf(words, err, "--%s=%lld=%s", row->name, (long long)item->frame, item->path);
    }
    return rc;
}

static int add_row(hf_words *words, const hf_option_row *row, const hf_options *options, const hf_options *defaults,
                   hf_error *err)
{
    char now[64], before[64];
    const void *field = (const char *)options + row->field;

    if (row->kind == HF_OPT_KEYED)
        return add_keyed(words, row, field, err);
    const char *text = hf_option_text(row, options, now, sizeof(now));
    if (strcmp(text, hf_option_text(row, defaults, before, sizeof(before))) == 0)
        return HF_OK;
    if (row->kind != HF_OPT_FLAG)
        return hf_words_addf(words, err, "--%s=%s", row->name, text);
    /* Several flags may share a field: only the one whose value it has was given. */
    return *(const int *)field == row->value ? hf_words_addf(words, err, "--%s", row->name) : HF_OK;
}

int hf_options_words(hf_words *words, const hf_options *options, hf_verb verb, hf_error *err)
{
    hf_options *defaults = malloc(sizeof(*defaults));
    int rc = HF_OK;

    if (!defaults)
        return hf_fail(err, HF_ENOMEM, "options: out of memory");
    hf_options_init(defaults, verb);
    for (const hf_option_row *row = hf_option_table; row->name && rc == HF_OK; row++)
        if (row->role != HF_ROLE_SHOW && (row->verbs & (int)verb) && (row->verbs & (int)options->verb))
            rc = add_row(words, row, options, defaults, err);
    free(defaults);
    return rc;
}
