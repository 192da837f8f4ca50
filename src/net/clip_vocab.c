/* clip_vocab.c - see clip_vocab.h.
 *
 * Files
 *   vocab.json   {"!": 0, ..., "<|endoftext|>": 49407}
 *   merges.txt   a first line with "#version" in it, then "left right" a line, the first joins first
 *   bpe_simple_vocab_16e6.txt[.gz]   the same with more lines than CLIP uses
 * Without a vocab.json numbers are given as CLIP gave them: bytes, bytes at the end of a word, merges, begin, end.
 */
#include "src/net/clip_vocab.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "src/net/clip_unicode.h"

#define MAX_FILE_BYTES (64 << 20)
#define MAX_TOKENS (1 << 24)
#define CLIP_MERGES 48894 /* 49152 - 256 - 2: OpenAI's file has more */
#define MAX_PATH_BYTES 4096
#define WORD_END "</w>"
#define BEGIN "<|startoftext|>"
#define END "<|endoftext|>"

/* What is alive while files are read. */
typedef struct reader {
    hf_clip_vocab *vocab;
    const char    *merges_path;
    json_t        *numbers; /* name -> number */
    bool           given;   /* numbers come from a vocab.json */
} reader;

/* A whole file, unpacked if it is a gzip, with a zero behind; the caller frees *out. */
static int read_file(char **out, size_t *n_bytes, const char *path, hf_error *err)
{
    size_t n = 0, room = 1 << 16;
    char *text = NULL;
    int got, rc = HF_OK;

    *out = NULL;
    errno = 0;
    gzFile file = gzopen(path, "rb");
    if (!file)
        return errno ? hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno))
                     : hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    do {
        char *larger = realloc(text, room *= 2);
        if (!larger) {
            rc = hf_fail(err, HF_ENOMEM, "%s: no memory for %zu bytes", path, room);
            goto end;
        }
        text = larger;
        if ((got = gzread(file, text + n, (unsigned)(room - n - 1))) < 0) {
            rc = hf_fail(err, HF_EIO, "%s: cannot be read or unpacked", path);
            goto end;
        }
        n += (size_t)got;
        if (n > MAX_FILE_BYTES) {
            rc = hf_fail(err, HF_EFORMAT, "%s: more than %d MB, too long for a vocabulary", path, MAX_FILE_BYTES >> 20);
            goto end;
        }
    } while (!gzeof(file) && got > 0);
    if (gzclose(file) != Z_OK) {
        file = NULL;
        rc = hf_fail(err, HF_EFORMAT, "%s: the packed file is cut off", path);
        goto end;
    }
    file = NULL;
    text[n] = 0;
    *out = text, *n_bytes = n;
    text = NULL;
end:
    if (file)
        gzclose(file);
    free(text);
    return rc;
}

/* The character that stands for a byte, as UTF-8; returns its length. */
static int spell_byte(char *out, int byte)
{
    int c = byte;
    if (byte < 33)
        c = 256 + byte;
    else if (byte >= 127 && byte <= 160)
        c = 256 + 33 + byte - 127;
    else if (byte == 173)
        c = 256 + 33 + 34;
    return hf_clip_encode_utf8((uint8_t *)out, (uint32_t)c);
}

/* -1 if there is none of that name. */
static int32_t number_of(const reader *r, const char *name)
{
    const json_t *number = json_object_get(r->numbers, name);
    return number ? (int32_t)json_integer_value(number) : -1;
}

static int add_number(reader *r, const char *name, int32_t number, hf_error *err)
{
    /* Spellings of files are checked UTF-8 by then, and those of bytes are ours. */
    if (json_object_set_new_nocheck(r->numbers, name, json_integer(number)) != 0)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", r->merges_path);
    if (number >= r->vocab->n_tokens)
        r->vocab->n_tokens = number + 1;
    return HF_OK;
}

static int read_numbers(reader *r, const char *path, hf_error *err)
{
    json_error_t json_err;
    char *text = NULL;
    const char *name;
    size_t n_bytes;
    json_t *value;
    int rc;

    if ((rc = read_file(&text, &n_bytes, path, err)) < 0)
        return rc;
    r->numbers = json_loadb(text, n_bytes, 0, &json_err);
    free(text);
    if (!r->numbers)
        return hf_fail(err, HF_EFORMAT, "%s: line %d: %s", path, json_err.line, json_err.text);
    if (!json_is_object(r->numbers))
        return hf_fail(err, HF_EFORMAT, "%s: want an object of names and numbers", path);
    json_object_foreach(r->numbers, name, value) {
        json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < 0 || number >= MAX_TOKENS)
            return hf_fail(err, HF_EFORMAT, "%s: the number of '%s' is not one of 0..%d", path, name, MAX_TOKENS - 1);
        if (number >= r->vocab->n_tokens)
            r->vocab->n_tokens = (int32_t)number + 1;
    }
    r->given = true;
    return HF_OK;
}

/* Bytes in the order of CLIP: those that stand for themselves first. */
static int number_bytes(reader *r, hf_error *err)
{
    char name[16];
    int32_t number = 0;
    int rc;

    if (!(r->numbers = json_object()))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", r->merges_path);
    for (int round = 0; round < 4; round++)
        for (int byte = 0; byte < 256; byte++) {
            bool itself = (byte >= 33 && byte < 127) || (byte > 160 && byte != 173);
            if (itself != (round % 2 == 0))
                continue;
            strcpy(name + spell_byte(name, byte), round < 2 ? "" : WORD_END);
            if ((rc = add_number(r, name, number++, err)) < 0)
                return rc;
        }
    return HF_OK;
}

static size_t place_of(const hf_clip_vocab *v, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (v->n_places - 1);
}

const hf_clip_merge *hf_clip_vocab_find(const hf_clip_vocab *v, int32_t left, int32_t right)
{
    for (size_t at = place_of(v, left, right);; at = (at + 1) & (v->n_places - 1)) {
        if (v->merges[at].left < 0)
            return NULL;
        if (v->merges[at].left == left && v->merges[at].right == right)
            return &v->merges[at];
    }
}

/* A pair that comes twice keeps its later rank, as in the reference's table. */
static void add_merge(hf_clip_vocab *v, const hf_clip_merge *merge)
{
    size_t at = place_of(v, merge->left, merge->right);
    while (v->merges[at].left >= 0 && (v->merges[at].left != merge->left || v->merges[at].right != merge->right))
        at = (at + 1) & (v->n_places - 1);
    v->merges[at] = *merge;
}

/* Room for n merges, half empty at least. */
static int make_table(hf_clip_vocab *v, size_t n, const char *path, hf_error *err)
{
    for (v->n_places = 64; v->n_places < 2 * n; v->n_places *= 2)
        ;
    if (!(v->merges = malloc(v->n_places * sizeof(*v->merges))))
        return hf_fail(err, HF_ENOMEM, "%s: no memory for %zu merges", path, n);
    for (size_t i = 0; i < v->n_places; i++)
        v->merges[i].left = -1;
    return HF_OK;
}

/* "left right", its number the next free one where no vocab.json gave it. */
static int read_merge(reader *r, char *line, size_t number, int32_t rank, hf_error *err)
{
    char *space = strchr(line, ' '), *right = space ? space + 1 : NULL;
    hf_clip_merge merge = { .rank = rank };
    int rc = HF_OK;

    if (!space || space == line || !*right || strchr(right, ' '))
        return hf_fail(err, HF_EFORMAT, "%s: line %zu is '%.40s', want two parts and a space", r->merges_path, number, line);
    *space = 0;
    merge.left = number_of(r, line), merge.right = number_of(r, right);
    if (merge.left < 0 || merge.right < 0)
        return hf_fail(err, HF_EFORMAT, "%s: line %zu: '%.40s' has no number", r->merges_path, number,
                       merge.left < 0 ? line : right);
    memmove(space, right, strlen(right) + 1); /* the two joined */
    if (!r->given && number_of(r, line) < 0)
        rc = add_number(r, line, r->vocab->n_tokens, err);
    if (rc < 0)
        return rc;
    if ((merge.joined = number_of(r, line)) < 0)
        return hf_fail(err, HF_EFORMAT, "%s: line %zu: '%.40s' has no number", r->merges_path, number, line);
    add_merge(r->vocab, &merge);
    return HF_OK;
}

static size_t count_lines(const char *text)
{
    size_t n = 1;
    while ((text = strchr(text, '\n')))
        text++, n++;
    return n;
}

/* The header is passed over, and so are empty lines. */
static int read_merges(reader *r, hf_error *err)
{
    char *text = NULL, *next;
    size_t n_bytes, number = 0;
    int32_t rank = 0;
    int rc;

    if ((rc = read_file(&text, &n_bytes, r->merges_path, err)) < 0 ||
        (rc = make_table(r->vocab, count_lines(text), r->merges_path, err)) < 0)
        goto end;
    if (strlen(text) != n_bytes) {
        rc = hf_fail(err, HF_EFORMAT, "%s: a zero at byte %zu, want text", r->merges_path, strlen(text));
        goto end;
    }
    for (char *line = text; line; line = next) {
        if ((next = strchr(line, '\n')))
            *next++ = 0;
        line[strcspn(line, "\r")] = 0;
        number++;
        if (!*line || (number == 1 && strstr(line, "#version")))
            continue;
        if (!r->given && rank == CLIP_MERGES)
            break;
        if ((rc = read_merge(r, line, number, rank++, err)) < 0)
            goto end;
    }
    if (rank == 0 && !r->given) /* with numbers of their own, single bytes are a vocabulary too */
        rc = hf_fail(err, HF_EFORMAT, "%s: no merges in it", r->merges_path);
end:
    free(text);
    return rc;
}

/* Bytes and special tokens by their names. */
static int finish(reader *r, const char *path, hf_error *err)
{
    hf_clip_vocab *v = r->vocab;
    char name[16];
    int rc;

    if (!r->given && ((rc = add_number(r, BEGIN, v->n_tokens, err)) < 0 ||
                      (rc = add_number(r, END, v->n_tokens, err)) < 0))
        return rc;
    v->begin = number_of(r, BEGIN), v->end = number_of(r, END), v->bang = number_of(r, "!");
    if (v->begin < 0 || v->end < 0)
        return hf_fail(err, HF_EFORMAT, "%s: no %s in it", path, v->begin < 0 ? BEGIN : END);
    for (int byte = 0; byte < 256; byte++) {
        int n = spell_byte(name, byte);
        name[n] = 0;
        v->byte[byte] = number_of(r, name);
        strcpy(name + n, WORD_END);
        v->last_byte[byte] = number_of(r, name);
        /* The reference's unknown token is the end. */
        if (v->byte[byte] < 0)
            v->byte[byte] = v->end;
        if (v->last_byte[byte] < 0)
            v->last_byte[byte] = v->end;
    }
    return HF_OK;
}

int hf_clip_vocab_read(hf_clip_vocab *vocab, const char *path, hf_error *err)
{
    char numbers[MAX_PATH_BYTES], merges[MAX_PATH_BYTES];
    reader r = { .vocab = vocab, .merges_path = path };
    struct stat st;
    int rc;

    *vocab = (hf_clip_vocab){ 0 };
    if (stat(path, &st) != 0)
        return hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) {
        if (snprintf(numbers, sizeof(numbers), "%s/vocab.json", path) >= (int)sizeof(numbers))
            return hf_fail(err, HF_EARG, "%s: a path longer than %d bytes", path, MAX_PATH_BYTES - 12);
        snprintf(merges, sizeof(merges), "%s/merges.txt", path);
        r.merges_path = merges;
        rc = read_numbers(&r, path = numbers, err);
    } else {
        rc = number_bytes(&r, err);
    }
    if (rc >= 0 && (rc = read_merges(&r, err)) >= 0)
        rc = finish(&r, path, err);
    json_decref(r.numbers);
    if (rc < 0)
        hf_clip_vocab_free(vocab);
    return rc;
}

void hf_clip_vocab_free(hf_clip_vocab *vocab)
{
    free(vocab->merges);
    *vocab = (hf_clip_vocab){ 0 };
}
