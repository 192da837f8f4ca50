/* clip_tokens.c - see clip_tokens.h.
 *
 * The reference, step by step (transformers 5's CLIPTokenizer and the tokenizers library below it):
 *   1. Special tokens are cut out of the raw text: the padding's.
 *   2. Each piece between them: NFC, runs of white space to one space, small letters.
 *   3. The other special tokens are cut out of that.
 *   4. Words, the first that fits:  <|startoftext|>  <|endoftext|>  's 't 're 've 'm 'll 'd
 *        letters  one number  a run of what is no letter, number or space.  Spaces fall away.
 *      The two long ones fall apart again into <|, letters, |>.
 *   5. The bytes of a word, the last one marked, are joined: of all neighbours that may join those of the
 *      lowest rank, of equal ones the leftmost, until none may.
 */
#include "src/net/clip_tokens.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "src/net/clip_unicode.h"
#include "src/net/clip_vocab.h"

struct hf_clip_tokens {
    hf_clip_vocab vocab;
};

/* A part of a word. Parts are a list by index; a part that was joined to its left is dead. */
typedef struct part {
    int32_t token;
    int32_t left, right; /* -1: none */
    bool    dead;
} part;

/* Two neighbours that may join: the one at `at` with its right. */
typedef struct candidate {
    int32_t rank, at;
    int32_t joined;
} candidate;

/* The state of one text. */
typedef struct encoder {
    const hf_clip_vocab *vocab;
    hf_clip_pad          pad;
    int32_t             *ids;
    int                  n, limit; /* limit leaves room for the end */
    size_t               n_cut;
    part                *parts;
    candidate           *heap; /* the lowest rank, then place, first */
    size_t               n_heap, room; /* bytes of a word that there is room for */
    hf_error            *err;
} encoder;

/* A token that is cut out of the text as it stands. */
typedef struct special {
    const char *text;
    int32_t     token;
} special;

int hf_clip_tokens_open(hf_clip_tokens **out, const char *path, hf_error *err)
{
    int rc;
    if (!(*out = calloc(1, sizeof(**out))))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    if ((rc = hf_clip_vocab_read(&(*out)->vocab, path, err)) < 0)
        hf_clip_tokens_close(out);
    return rc;
}

void hf_clip_tokens_close(hf_clip_tokens **tokens)
{
    if (!tokens || !*tokens)
        return;
    hf_clip_vocab_free(&(*tokens)->vocab);
    free(*tokens);
    *tokens = NULL;
}

int32_t hf_clip_tokens_count(const hf_clip_tokens *tokens)
{
    return tokens->vocab.n_tokens;
}

static void emit(encoder *e, int32_t token)
{
    if (e->n < e->limit)
        e->ids[e->n++] = token;
    else
        e->n_cut++;
}

static bool comes_before(const candidate *a, const candidate *b)
{
    return a->rank < b->rank || (a->rank == b->rank && a->at < b->at);
}

static void heap_push(encoder *e, const candidate *c)
{
    size_t at = e->n_heap++;
    for (; at > 0 && comes_before(c, &e->heap[(at - 1) / 2]); at = (at - 1) / 2)
        e->heap[at] = e->heap[(at - 1) / 2];
    e->heap[at] = *c;
}

static candidate heap_pop(encoder *e)
{
    candidate top = e->heap[0], last = e->heap[--e->n_heap];
    size_t at = 0, child;
    for (; (child = 2 * at + 1) < e->n_heap; at = child) {
        if (child + 1 < e->n_heap && comes_before(&e->heap[child + 1], &e->heap[child]))
            child++;
        if (!comes_before(&e->heap[child], &last))
            break;
        e->heap[at] = e->heap[child];
    }
    e->heap[at] = last;
    return top;
}

/* The part at `at` and its right, if they may join. */
static void push_pair(encoder *e, int32_t at)
{
    const hf_clip_merge *merge;
    if (at < 0 || e->parts[at].right < 0)
        return;
    merge = hf_clip_vocab_find(e->vocab, e->parts[at].token, e->parts[e->parts[at].right].token);
    if (merge)
        heap_push(e, &(candidate){ merge->rank, at, merge->joined });
}

/* Room for a word of n bytes: n parts, n - 1 first candidates and two more for each of n - 1 joins. */
static int make_room(encoder *e, size_t n)
{
    if (n <= e->room)
        return HF_OK;
    size_t room = n + n / 2 + 64;
    part *parts = realloc(e->parts, room * sizeof(*parts));
    if (parts)
        e->parts = parts;
    candidate *heap = realloc(e->heap, 3 * room * sizeof(*heap));
    if (heap)
        e->heap = heap;
    if (!parts || !heap)
        return hf_fail(e->err, HF_ENOMEM, "tokeniser: no memory for a word of %zu bytes", n);
    e->room = room;
    return HF_OK;
}

/* Join the parts 0..n-1 and emit what is left of them. */
static void join_parts(encoder *e, size_t n)
{
    part *parts = e->parts;

    e->n_heap = 0;
    for (size_t i = 0; i + 1 < n; i++)
        push_pair(e, (int32_t)i);
    while (e->n_heap > 0) {
        candidate c = heap_pop(e);
        part *p = &parts[c.at];
        const hf_clip_merge *still;
        /* What stood here when it was found may have joined something else since. */
        if (p->dead || p->right < 0 || !(still = hf_clip_vocab_find(e->vocab, p->token, parts[p->right].token)) ||
            still->joined != c.joined)
            continue;
        part *right = &parts[p->right];
        p->token = c.joined;
        right->dead = true;
        p->right = right->right;
        if (p->right >= 0)
            parts[p->right].left = c.at;
        push_pair(e, p->left);
        push_pair(e, c.at);
    }
    for (int32_t at = 0; at >= 0; at = parts[at].right)
        emit(e, parts[at].token);
}

static int encode_word(encoder *e, const uint32_t *text, size_t n_points)
{
    const hf_clip_vocab *v = e->vocab;
    uint8_t bytes[4];
    size_t n = 0;
    int rc;

    if (n_points > INT32_MAX / 16)
        return hf_fail(e->err, HF_EARG, "tokeniser: a word of %zu characters", n_points);
    if ((rc = make_room(e, 4 * n_points)) < 0)
        return rc;
    for (size_t i = 0; i < n_points; i++) {
        int used = hf_clip_encode_utf8(bytes, text[i]);
        for (int j = 0; j < used; j++, n++) {
            bool last = i + 1 == n_points && j + 1 == used;
            e->parts[n] = (part){ .token = last ? v->last_byte[bytes[j]] : v->byte[bytes[j]],
                                  .left = (int32_t)n - 1, .right = last ? -1 : (int32_t)n + 1 };
        }
    }
    join_parts(e, n);
    return HF_OK;
}

/* Whether text begins with an ASCII string; its length, or 0. */
static size_t begins(const uint32_t *text, size_t n, const char *ascii)
{
    size_t i = 0;
    for (; ascii[i]; i++)
        if (i == n || text[i] != (uint8_t)ascii[i])
            return 0;
    return i;
}

static bool is_letter(uint32_t c) { return hf_clip_is_letter(c); }

static bool is_other(uint32_t c)
{
    return !hf_clip_is_letter(c) && !hf_clip_is_number(c) && !hf_clip_is_space(c);
}

static size_t run_length(const uint32_t *text, size_t n, bool (*fits)(uint32_t))
{
    size_t i = 0;
    while (i < n && fits(text[i]))
        i++;
    return i;
}

/* Length of the word that text begins with; 0 at a space. *is_long: one of the two that fall apart again. */
static size_t word_length(const uint32_t *text, size_t n, bool *is_long)
{
    static const char *const long_words[] = { "<|startoftext|>", "<|endoftext|>" };
    static const char *const endings[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };
    size_t length;

    *is_long = true;
    for (size_t i = 0; i < sizeof(long_words) / sizeof(long_words[0]); i++)
        if ((length = begins(text, n, long_words[i])))
            return length;
    *is_long = false;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if ((length = begins(text, n, endings[i])))
            return length;
    if ((length = run_length(text, n, is_letter)))
        return length;
    return hf_clip_is_number(text[0]) ? 1 : run_length(text, n, is_other);
}

static int encode_words(encoder *e, const uint32_t *text, size_t n)
{
    size_t at = 0;
    int rc = HF_OK;

    while (at < n && rc >= 0) {
        bool is_long;
        size_t length = word_length(text + at, n - at, &is_long);
        if (length == 0)
            length = 1; /* a space */
        else if (!is_long)
            rc = encode_word(e, text + at, length);
        else if ((rc = encode_word(e, text + at, 2)) >= 0 &&
                 (rc = encode_word(e, text + at + 2, length - 4)) >= 0)
            rc = encode_word(e, text + at + length - 2, 2);
        at += length;
    }
    return rc;
}

/* Cut special tokens out of a text; what lies between goes to `rest`. */
static int cut_specials(encoder *e, const uint32_t *text, size_t n, const special *specials, size_t n_specials,
                        int (*rest)(encoder *, const uint32_t *, size_t))
{
    size_t first = 0, at = 0;
    int rc;

    while (at < n) {
        size_t length = 0, i = 0;
        for (; i < n_specials && !(length = begins(text + at, n - at, specials[i].text)); i++)
            ;
        if (!length) {
            at++;
            continue;
        }
        if ((rc = rest(e, text + first, at - first)) < 0)
            return rc;
        emit(e, specials[i].token);
        first = at += length;
    }
    return rest(e, text + first, n - first);
}

/* Step 2 and what follows. The begin is looked for after it, and so is the end where it is not the padding. */
static int encode_piece(encoder *e, const uint32_t *text, size_t n)
{
    const special specials[] = { { "<|startoftext|>", e->vocab->begin }, { "<|endoftext|>", e->vocab->end } };
    hf_code_points nfc = { 0 }, small = { 0 };
    int rc;

    if ((rc = hf_clip_nfc(&nfc, text, n, e->err)) < 0)
        goto end;
    for (size_t i = 0; i < nfc.n; i++) {
        bool space = hf_clip_is_space(nfc.data[i]);
        if (space && i > 0 && hf_clip_is_space(nfc.data[i - 1]))
            continue;
        if ((rc = space ? hf_code_points_append(&small, ' ', e->err) : hf_clip_lower(&small, nfc.data[i], e->err)) < 0)
            goto end;
    }
    rc = cut_specials(e, small.data, small.n, specials, e->pad == HF_CLIP_PAD_END ? 1 : 2, encode_words);
end:
    hf_code_points_free(&nfc);
    hf_code_points_free(&small);
    return rc;
}

static int encode_text(encoder *e, const char *text, size_t n_bytes)
{
    const special padding = e->pad == HF_CLIP_PAD_END ? (special){ "<|endoftext|>", e->vocab->end }
                                                      : (special){ "!", e->vocab->bang };
    hf_code_points points = { 0 };
    int rc = hf_clip_decode(&points, text, n_bytes, e->err);
    if (rc >= 0)
        rc = cut_specials(e, points.data, points.n, &padding, 1, encode_piece);
    hf_code_points_free(&points);
    return rc;
}

int hf_clip_tokens_encode(const hf_clip_tokens *tokens, int32_t *ids, int n_ids, size_t *n_cut, hf_clip_pad pad,
                          const char *text, size_t n_bytes, hf_error *err)
{
    static const hf_clip_vocab published = { .begin = HF_CLIP_BEGIN, .end = HF_CLIP_END, .bang = 0 };
    encoder e = { .vocab = tokens ? &tokens->vocab : &published, .pad = pad, .ids = ids, .limit = n_ids - 1,
                  .err = err };
    int rc = HF_OK;

    if (!tokens && n_bytes > 0)
        return hf_fail(err, HF_EARG, "a prompt needs the tokenizer folder (vocab.json and merges.txt) of the model");
    if (pad == HF_CLIP_PAD_BANG && e.vocab->bang < 0)
        return hf_fail(err, HF_EARG, "tokeniser: the vocabulary has no \"!\" to pad with");
    emit(&e, e.vocab->begin);
    if (n_bytes > 0)
        rc = encode_text(&e, text, n_bytes);
    ids[e.n++] = e.vocab->end;
    while (e.n < n_ids)
        ids[e.n++] = pad == HF_CLIP_PAD_END ? e.vocab->end : e.vocab->bang;
    if (n_cut)
        *n_cut = e.n_cut;
    free(e.parts);
    free(e.heap);
    return rc;
}
