/* clip_unicode.c - see clip_unicode.h. NFC is Unicode Standard Annex 15; Hangul syllables by the rule of its section 3.12. */
#include "src/net/clip_unicode.h"

#include <stdlib.h>

typedef struct code_range {
    uint32_t first, last;
} code_range;

typedef struct code_shift {
    uint32_t first, last, step;
    int32_t  difference;
} code_shift;

typedef struct code_class {
    uint32_t first, last, class;
} code_class;

typedef struct code_parts {
    uint32_t whole, first, second;
    uint32_t composes;
} code_parts;

#include "src/net/clip_unicode_tables.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define REPLACEMENT 0xFFFD
#define CAPITAL_I_WITH_DOT 0x130
#define FIRST_SECOND_PART 0x300 /* no second part of a composition lies below */

/* Hangul: a syllable is HANGUL + (leading * VOWELS + vowel) * TRAILS + trail, trail 0 meaning none. */
#define HANGUL 0xAC00
#define LEADING 0x1100
#define VOWEL 0x1161
#define TRAIL 0x11A7
#define LEADINGS 19
#define VOWELS 21
#define TRAILS 28

int hf_code_points_append(hf_code_points *text, uint32_t c, hf_error *err)
{
    if (text->n == text->room) {
        size_t room = text->room ? 2 * text->room : 64;
        uint32_t *data = realloc(text->data, room * sizeof(*data));
        if (!data)
            return hf_fail(err, HF_ENOMEM, "tokeniser: no memory for %zu characters", room);
        text->data = data, text->room = room;
    }
    text->data[text->n++] = c;
    return HF_OK;
}

void hf_code_points_free(hf_code_points *text)
{
    free(text->data);
    *text = (hf_code_points){ 0 };
}

/* Bytes of a sequence by its first byte, and the range of its second; 0: not a first byte. */
static int sequence_length(uint8_t first, uint8_t *low, uint8_t *high)
{
    *low = 0x80, *high = 0xBF;
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    switch (first) { /* longer than needed, surrogates, beyond U+10FFFF */
    case 0xE0: *low = 0xA0; break;
    case 0xED: *high = 0x9F; break;
    case 0xF0: *low = 0x90; break;
    case 0xF4: *high = 0x8F; break;
    }
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* The code point at the start of n >= 1 bytes; *used of them are its own. */
static uint32_t decode_one(const uint8_t *text, size_t n, size_t *used)
{
    uint8_t low, high;
    int length = sequence_length(text[0], &low, &high);
    uint32_t c = length <= 1 ? text[0] : text[0] & (0xFFu >> (length + 1));

    *used = 1;
    if (length == 0)
        return REPLACEMENT;
    for (int i = 1; i < length; i++, low = 0x80, high = 0xBF) {
        if (*used == n || text[i] < low || text[i] > high)
            return REPLACEMENT;
        c = c << 6 | (text[i] & 0x3F);
        ++*used;
    }
    return c;
}

int hf_clip_decode(hf_code_points *out, const char *text, size_t n_bytes, hf_error *err)
{
    size_t used;
    int rc;
    for (size_t at = 0; at < n_bytes; at += used)
        if ((rc = hf_code_points_append(out, decode_one((const uint8_t *)text + at, n_bytes - at, &used), err)) < 0)
            return rc;
    return HF_OK;
}

int hf_clip_encode_utf8(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    int length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = length - 1; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3F));
    out[0] = (uint8_t)(0xF00u >> length | c);
    return length;
}

static bool in_ranges(const code_range *table, size_t n, uint32_t c)
{
    size_t low = 0, high = n; /* the first range that does not end before c */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && table[low].first <= c;
}

bool hf_clip_is_letter(uint32_t c) { return in_ranges(letters, COUNT(letters), c); }
bool hf_clip_is_number(uint32_t c) { return in_ranges(numbers, COUNT(numbers), c); }
bool hf_clip_is_space(uint32_t c) { return in_ranges(spaces, COUNT(spaces), c); }

int hf_clip_lower(hf_code_points *out, uint32_t c, hf_error *err)
{
    int rc;
    if (c == CAPITAL_I_WITH_DOT)
        return (rc = hf_code_points_append(out, 'i', err)) < 0 ? rc : hf_code_points_append(out, 0x307, err);
    for (size_t i = 0; i < COUNT(capitals) && capitals[i].first <= c; i++)
        if (c <= capitals[i].last && (c - capitals[i].first) % capitals[i].step == 0)
            return hf_code_points_append(out, c + (uint32_t)capitals[i].difference, err);
    return hf_code_points_append(out, c, err);
}

/* Canonical combining class; 0: a starter. */
static uint32_t class_of(uint32_t c)
{
    for (size_t i = 0; i < COUNT(marks) && marks[i].first <= c; i++)
        if (c <= marks[i].last)
            return marks[i].class;
    return 0;
}

static const code_parts *parts_of(uint32_t c)
{
    size_t low = 0, high = COUNT(decompositions);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (decompositions[middle].whole < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < COUNT(decompositions) && decompositions[low].whole == c ? &decompositions[low] : NULL;
}

/* Full decomposition. Recursion ends: every step's first part is further decomposed at most three times. */
static int decompose(hf_code_points *out, uint32_t c, hf_error *err)
{
    const code_parts *parts = parts_of(c);
    int rc;

    if (c >= HANGUL && c < HANGUL + LEADINGS * VOWELS * TRAILS) {
        uint32_t i = c - HANGUL, trail = i % TRAILS;
        if ((rc = hf_code_points_append(out, LEADING + i / (VOWELS * TRAILS), err)) < 0 ||
            (rc = hf_code_points_append(out, VOWEL + i / TRAILS % VOWELS, err)) < 0)
            return rc;
        return trail ? hf_code_points_append(out, TRAIL + trail, err) : HF_OK;
    }
    if (!parts)
        return hf_code_points_append(out, c, err);
    if ((rc = decompose(out, parts->first, err)) < 0)
        return rc;
    return parts->second ? decompose(out, parts->second, err) : HF_OK;
}

/* Marks in the order of their classes, equal ones as they stand: insertion, as runs of marks are short. */
static void order_marks(uint32_t *text, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint32_t c = text[i], class = class_of(c);
        size_t j = i;
        for (; class && j > 0 && class_of(text[j - 1]) > class; j--)
            text[j] = text[j - 1];
        text[j] = c;
    }
}

/* What a and b become together; 0: they stay two. */
static uint32_t compose_pair(uint32_t a, uint32_t b)
{
    if (b < FIRST_SECOND_PART)
        return 0;
    if (a >= LEADING && a < LEADING + LEADINGS && b >= VOWEL && b < VOWEL + VOWELS)
        return HANGUL + ((a - LEADING) * VOWELS + (b - VOWEL)) * TRAILS;
    if (a >= HANGUL && a < HANGUL + LEADINGS * VOWELS * TRAILS && (a - HANGUL) % TRAILS == 0 && b > TRAIL &&
        b < TRAIL + TRAILS)
        return a + (b - TRAIL);
    for (size_t i = 0; i < COUNT(decompositions); i++)
        if (decompositions[i].second == b && decompositions[i].first == a && decompositions[i].composes)
            return decompositions[i].whole;
    return 0;
}

/* In place; returns how many are left. A mark joins the last starter unless one of its own or a higher class
 * that stayed, or a starter that stayed, stands between. */
static size_t compose(uint32_t *text, size_t n)
{
    size_t kept = 0, starter = SIZE_MAX;
    uint32_t last_class = 0; /* of what stands last behind the starter */

    for (size_t i = 0; i < n; i++) {
        uint32_t c = text[i], class = class_of(c), whole = 0;
        bool beside = starter != SIZE_MAX && starter + 1 == kept;
        if (starter != SIZE_MAX && (beside || (last_class != 0 && last_class < class)))
            whole = compose_pair(text[starter], c);
        if (whole) {
            text[starter] = whole;
            continue;
        }
        if (class == 0)
            starter = kept;
        last_class = class;
        text[kept++] = c;
    }
    return kept;
}

int hf_clip_nfc(hf_code_points *out, const uint32_t *text, size_t n, hf_error *err)
{
    size_t first = out->n;
    int rc;
    for (size_t i = 0; i < n; i++)
        if ((rc = decompose(out, text[i], err)) < 0)
            return rc;
    if (n > 0) {
        order_marks(out->data + first, out->n - first);
        out->n = first + compose(out->data + first, out->n - first);
    }
    return HF_OK;
}
