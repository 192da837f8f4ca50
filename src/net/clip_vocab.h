/* clip_vocab.h - the vocabulary of a byte-pair tokeniser: numbers of bytes, and which pairs join into what.
 *
 * Files spell bytes as letters: 33..126, 161..172 and 174..255 stand for themselves as Unicode characters, the
 * others, in order, are U+0100 and following. "</w>" behind a spelling marks the end of a word.
 */
#ifndef HF_SRC_NET_CLIP_VOCAB_H
#define HF_SRC_NET_CLIP_VOCAB_H

#include <stddef.h>
#include <stdint.h>
#include "src/error.h"

typedef struct hf_clip_merge {
    int32_t left, right; /* numbers; left -1: an empty place of the table */
    int32_t rank;        /* the lowest joins first */
    int32_t joined;
} hf_clip_merge;

typedef struct hf_clip_vocab {
    int32_t        byte[256], last_byte[256]; /* a byte within and at the end of a word; end where the file has none */
    int32_t        begin, end, bang;          /* <|startoftext|>, <|endoftext|>, "!"; bang is -1 where there is none */
    int32_t        n_tokens;                  /* one more than the highest number */
    hf_clip_merge *merges;                    /* table of n_places, a power of two */
    size_t         n_places;
} hf_clip_vocab;

/* As hf_clip_tokens_open. hf_clip_vocab_free may be called on a failure's zeros too. */
int  hf_clip_vocab_read(hf_clip_vocab *vocab, const char *path, hf_error *err);
void hf_clip_vocab_free(hf_clip_vocab *vocab);

/* NULL if the two do not join. */
const hf_clip_merge *hf_clip_vocab_find(const hf_clip_vocab *vocab, int32_t left, int32_t right);

#endif
