/* words.h - a list of words: an argv that is put together, or a line of a list that is taken apart. */
#ifndef HF_SRC_CLI_WORDS_H
#define HF_SRC_CLI_WORDS_H

#include "src/error.h"

typedef struct hf_words {
    char **word; /* [n + 1], the last is NULL; NULL while nothing was added. Owned */
    int    n;
} hf_words;

/* A copy of the text becomes the last word. HF_ENOMEM. */
int hf_words_add(hf_words *words, const char *text, hf_error *err);
int hf_words_addf(hf_words *words, hf_error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Copies of all words of another list. HF_ENOMEM. */
int hf_words_append(hf_words *words, const hf_words *more, hf_error *err);

/*
 * Add the words of a line as a shell takes them apart: blanks between words, 'text', "text" with \" and \\, \ before
 * one character, and # at the beginning of a word for a comment until the line ends. Nothing is expanded: no $, * or ~.
 * Returns HF_EFORMAT for a quote that is not closed or a \ at the end; HF_ENOMEM.
 */
int hf_words_split(hf_words *words, const char *line, hf_error *err);

/* Free the words; the list is empty afterwards. */
void hf_words_clear(hf_words *words);

#endif
