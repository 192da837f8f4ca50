/* clip_unicode.h - what CLIP's tokeniser needs of Unicode: UTF-8 in and out, NFC, small letters, kinds of characters.
 *
 * The tables are those of the reference's library (make_clip_unicode.py), for the sake of equal tokens.
 */
#ifndef HF_SRC_NET_CLIP_UNICODE_H
#define HF_SRC_NET_CLIP_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "src/error.h"

/* A text as code points. Starts as zeros; grows as it is appended to; hf_code_points_free ends it. */
typedef struct hf_code_points {
    uint32_t *data;
    size_t    n, room;
} hf_code_points;

int  hf_code_points_append(hf_code_points *text, uint32_t c, hf_error *err); /* HF_ENOMEM */
void hf_code_points_free(hf_code_points *text);

/* Append UTF-8. Every longest part of a sequence that cannot go on becomes one U+FFFD, as in Python's
 * decode(errors="replace"). HF_ENOMEM. */
int hf_clip_decode(hf_code_points *out, const char *text, size_t n_bytes, hf_error *err);

/* One code point as UTF-8 of 1 to 4 bytes; returns how many. */
int hf_clip_encode_utf8(uint8_t *out, uint32_t c);

/* Append n code points in normalisation form C. HF_ENOMEM. */
int hf_clip_nfc(hf_code_points *out, const uint32_t *text, size_t n, hf_error *err);

/* Append one code point in small letters: U+0130 becomes two. HF_ENOMEM. */
int hf_clip_lower(hf_code_points *out, uint32_t c, hf_error *err);

bool hf_clip_is_letter(uint32_t c);
bool hf_clip_is_number(uint32_t c);
bool hf_clip_is_space(uint32_t c);

#endif
