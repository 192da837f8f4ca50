/* clip_tokens.h - CLIP's byte-pair tokeniser: a prompt to the 77 numbers that the text encoder reads.
 *
 * Equal to transformers' CLIPTokenizer (version 5, the fast tokenisers): special tokens are cut out, the rest is brought to
 * NFC, runs of white space become one space, letters become small, the text is cut into words, and the bytes of each
 * word are joined pair by pair in the order of the merges. Invalid UTF-8 becomes U+FFFD as in Python's
 * decode(errors="replace"). Older transformers with ftfy installed also mended mis-decoded text; this does not.
 */
#ifndef HF_SRC_NET_CLIP_TOKENS_H
#define HF_SRC_NET_CLIP_TOKENS_H

#include <stddef.h>
#include <stdint.h>
#include "src/error.h"

#define HF_CLIP_LENGTH 77   /* tokens of every text, begin and end included */
#define HF_CLIP_BEGIN 49406 /* <|startoftext|> of the published vocabulary */
#define HF_CLIP_END 49407   /* <|endoftext|> */

/* What fills the rest. It is a special token too, which is why SD 2.x reads every "!" as padding. */
typedef enum hf_clip_pad {
    HF_CLIP_PAD_END, /* SD 1.x: <|endoftext|> */
    HF_CLIP_PAD_BANG /* SD 2.x: "!", number 0 */
} hf_clip_pad;

typedef struct hf_clip_tokens hf_clip_tokens;

/*
 * Read a vocabulary. path: a folder with vocab.json and merges.txt (diffusers' tokenizer/), or OpenAI's
 * bpe_simple_vocab_16e6.txt or .txt.gz, or a merges.txt alone: numbers then follow from the order of the merges.
 * HF_EIO, HF_EFORMAT (a line that is no merge, a merge whose parts or sum have no number, no begin or end), HF_ENOMEM.
 */
int  hf_clip_tokens_open(hf_clip_tokens **out, const char *path, hf_error *err);
void hf_clip_tokens_close(hf_clip_tokens **tokens);

int32_t hf_clip_tokens_count(const hf_clip_tokens *tokens); /* of the vocabulary: numbers are below it */

/*
 * Tokens of a text: begin, at most n_ids - 2 tokens, end, padding. n_bytes may be 0.
 *
 *   ids  [n_ids]  n_ids >= 2: the text encoder's n_positions
 *
 * tokens NULL is the published vocabulary without its file: only the empty text can be had. n_cut (may be NULL): tokens
 * that found no room, for a message. HF_EARG: a text and no vocabulary; HF_ENOMEM.
 */
int hf_clip_tokens_encode(const hf_clip_tokens *tokens, int32_t *ids, int n_ids, size_t *n_cut, hf_clip_pad pad,
                          const char *text, size_t n_bytes, hf_error *err);

#endif
