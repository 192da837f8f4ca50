/* near_word.h - was this word meant to be that one? For messages about words that are not known. */
#ifndef HF_SRC_NEAR_WORD_H
#define HF_SRC_NEAR_WORD_H

/* 1 if `typed` is near enough to `name` to be a slip of the hand, or its beginning. *distance: edits from one to the other
 * (insert, delete, replace, swap neighbours). */
int hf_word_resembles(const char *typed, const char *name, int *distance);

#endif
