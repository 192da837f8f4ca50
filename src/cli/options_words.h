/* options_words.h - options back into a command line. */
#ifndef HF_SRC_CLI_OPTIONS_WORDS_H
#define HF_SRC_CLI_OPTIONS_WORDS_H

#include "src/cli/options.h"
#include "src/cli/words.h"

/*
 * Add every option of `options` that serves the verb `verb`, too, and is not at its default, as --name or
 * --name=value. Parsed again they give the same values; inputs are not written.
 * Returns HF_ENOMEM.
 */
int hf_options_words(hf_words *words, const hf_options *options, hf_verb verb, hf_error *err);

#endif
