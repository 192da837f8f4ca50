/* words.c - see words.h. */
#include "src/cli/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes the text, also on failure; NULL is one that could not be made. */
static int take(hf_words *words, char *text, hf_error *err)
{
    char **grown = text ? realloc(words->word, (size_t)(words->n + 2) * sizeof(*grown)) : NULL;

    if (!grown) {
        free(text);
        return hf_fail(err, HF_ENOMEM, "words: out of memory");
    }
    words->word = grown;
    grown[words->n++] = text;
    grown[words->n] = NULL;
    return HF_OK;
}

int hf_words_add(hf_words *words, const char *text, hf_error *err)
{
    return take(words, strdup(text), err);
}

int hf_words_addf(hf_words *words, hf_error *err, const char *format, ...)
{
    char *text;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return take(words, text, err);
}

int hf_words_append(hf_words *words, const hf_words *more, hf_error *err)
{
    int rc = HF_OK;

    for (int i = 0; i < more->n && rc == HF_OK; i++)
        rc = hf_words_add(words, more->word[i], err);
    return rc;
}

/* Copy one word to `out`, which has room for the rest of the line, and move *line behind it. */
static int copy_word(char *out, const char **line, hf_error *err)
{
    const char *c = *line;
    char quote = 0;

    for (; *c && (quote || !strchr(" \t\r\n", *c)); c++) {
        if (quote ? *c == quote : *c == '\'' || *c == '"') {
            quote = quote ? 0 : *c;
        } else if (*c == '\\' && quote != '\'' && (!quote || c[1] == '"' || c[1] == '\\')) {
            if (!*++c)
                return hf_fail(err, HF_EFORMAT, "a \\ stands at the end of the line");
            *out++ = *c;
        } else {
            *out++ = *c;
        }
    }
    *out = 0;
    *line = c;
    return quote ? hf_fail(err, HF_EFORMAT, "the quote %c is not closed", quote) : HF_OK;
}

int hf_words_split(hf_words *words, const char *line, hf_error *err)
{
    char *word = malloc(strlen(line) + 1);
    int rc = word ? HF_OK : hf_fail(err, HF_ENOMEM, "words: out of memory");

    while (rc == HF_OK) {
        line += strspn(line, " \t\r\n");
        if (!*line || *line == '#')
            break;
        if ((rc = copy_word(word, &line, err)) == HF_OK)
            rc = hf_words_add(words, word, err);
    }
    free(word);
    return rc;
}

void hf_words_clear(hf_words *words)
{
    for (int i = 0; i < words->n; i++)
        free(words->word[i]);
    free(words->word);
    *words = (hf_words){ 0 };
}
