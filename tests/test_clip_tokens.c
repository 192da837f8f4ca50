/* test_clip_tokens.c - the tokeniser against transformers (golden/make_clip_tokens.py), and with vocabularies of a few
 * lines that are made here. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "src/net/clip_tokens.h"
#include "src/net/clip_unicode.h"

static hf_error err;

/* A file or folder of the shared vocabulary; NULL where it is not there. */
static const char *shared_vocabulary(const char *name)
{
    static char path[4096];
    const char *data = getenv("HF_SHARED_DATA");
    snprintf(path, sizeof(path), "%s/clip-tokenizer%s", data ? data : HF_SOURCE_ROOT "/../shared/data", name);
    return access(path, R_OK) == 0 ? path : NULL;
}

/* A golden's list of tokens as the text encoder gets it. */
static void expand(int32_t *ids, const char *list, int32_t pad)
{
    char *end;
    int n = 0;
    ids[n++] = HF_CLIP_BEGIN;
    for (long v = strtol(list, &end, 10); end != list; v = strtol(list, &end, 10)) {
        ids[n++] = (int32_t)v;
        list = end;
    }
    ids[n++] = HF_CLIP_END;
    while (n < HF_CLIP_LENGTH)
        ids[n++] = pad;
}

static size_t unhex(char *out, const char *hex, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        unsigned byte;
        cr_assert_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (char)byte;
    }
    return n / 2;
}

/* 1 if the tokens of a line are right in both families. */
static int line_is_right(const hf_clip_tokens *tokens, char *line)
{
    static char text[1 << 16];
    char *sd1 = strchr(line, '\t'), *sd2 = sd1 ? strchr(sd1 + 1, '\t') : NULL;
    int32_t want[HF_CLIP_LENGTH], ids[HF_CLIP_LENGTH];
    int right = 1;

    cr_assert(sd2, "a line without two tabs");
    *sd1++ = *sd2++ = 0;
    size_t n = unhex(text, line, strlen(line));
    for (int family = 0; family < 2; family++) {
        hf_clip_pad pad = family ? HF_CLIP_PAD_BANG : HF_CLIP_PAD_END;
        expand(want, family && *sd2 != '=' ? sd2 : sd1, family ? 0 : HF_CLIP_END);
        cr_assert_eq(hf_clip_tokens_encode(tokens, ids, HF_CLIP_LENGTH, NULL, pad, text, n, &err), HF_OK, "%s", err.text);
        right &= memcmp(ids, want, sizeof(ids)) == 0;
    }
    return right;
}

static void check_golden(const hf_clip_tokens *tokens, const char *path)
{
    static char line[1 << 18];
    FILE *f = fopen(path, "r");
    int n = 0, n_wrong = 0;

    cr_assert(f, "%s", path);
    while (fgets(line, sizeof(line), f)) {
        n++;
        if (!line_is_right(tokens, line) && n_wrong++ < 20)
            cr_log_error("line %d: %s", n, line);
    }
    fclose(f);
    cr_expect_eq(n_wrong, 0, "%d of %d texts", n_wrong, n);
    cr_expect_geq(n, 2000);
}

static void check_vocabulary(const char *name)
{
    hf_clip_tokens *tokens = NULL;
    const char *path = shared_vocabulary(name), *other = getenv("HF_CLIP_TOKENS");
    if (!path)
        cr_skip_test("clip_tokens: 1 test skipped, no shared data");
    cr_assert_eq(hf_clip_tokens_open(&tokens, path, &err), HF_OK, "%s", err.text);
    cr_expect_eq(hf_clip_tokens_count(tokens), 49408);
    check_golden(tokens, HF_SOURCE_ROOT "/tests/golden/clip_tokens.txt");
    if (other)
        check_golden(tokens, other);
    hf_clip_tokens_close(&tokens);
}

Test(clip_tokens, texts_become_what_transformers_makes_of_them) { check_vocabulary(""); }
Test(clip_tokens, openais_own_file_gives_the_same) { check_vocabulary("/bpe_simple_vocab_16e6.txt.gz"); }
Test(clip_tokens, merges_alone_give_the_same) { check_vocabulary("/merges.txt"); }

Test(clip_tokens, the_empty_text_needs_no_vocabulary)
{
    int32_t ids[HF_CLIP_LENGTH];
    size_t n_cut = 9;
    cr_assert_eq(hf_clip_tokens_encode(NULL, ids, HF_CLIP_LENGTH, &n_cut, HF_CLIP_PAD_END, "", 0, &err), HF_OK);
    cr_expect_eq(ids[0], 49406);
    cr_expect_eq(n_cut, 0);
    for (int i = 1; i < HF_CLIP_LENGTH; i++)
        cr_expect_eq(ids[i], 49407);
    cr_assert_eq(hf_clip_tokens_encode(NULL, ids, HF_CLIP_LENGTH, NULL, HF_CLIP_PAD_BANG, NULL, 0, &err), HF_OK);
    cr_expect_eq(ids[1], 49407);
    cr_expect_eq(ids[2], 0);
    cr_expect_eq(ids[76], 0);
}

Test(clip_tokens, a_text_without_a_vocabulary_is_refused)
{
    int32_t ids[HF_CLIP_LENGTH];
    cr_expect_eq(hf_clip_tokens_encode(NULL, ids, HF_CLIP_LENGTH, NULL, HF_CLIP_PAD_END, "cat", 3, &err), HF_EARG);
    cr_expect(strstr(err.text, "vocab.json"), "%s", err.text);
}

/* A folder of the test's own, its files, and an opened vocabulary. */
static char folder[] = "/tmp/hf_clip_tokens_XXXXXX";

static void make_folder(void)
{
    cr_assert(mkdtemp(folder));
}

static void remove_folder(void)
{
    char path[64];
    const char *const names[] = { "vocab.json", "merges.txt", "packed.gz" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

TestSuite(clip_vocab, .init = make_folder, .fini = remove_folder);

static const char *write_file(const char *name, const char *text, size_t n)
{
    static char path[64];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(text, 1, n, f) == n);
    fclose(f);
    return path;
}

static const char *write_text(const char *name, const char *text) { return write_file(name, text, strlen(text)); }

/* The first tokens behind the begin, and the end's place. */
static void expect_tokens(const char *path, hf_clip_pad pad, const char *text, int n, const int32_t *want)
{
    hf_clip_tokens *tokens = NULL;
    int32_t ids[16];
    cr_assert_eq(hf_clip_tokens_open(&tokens, path, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_clip_tokens_encode(tokens, ids, 16, NULL, pad, text, strlen(text), &err), HF_OK, "%s", err.text);
    for (int i = 0; i < n; i++)
        cr_expect_eq(ids[i], want[i], "%s: token %d is %d, want %d", text, i, ids[i], want[i]);
    hf_clip_tokens_close(&tokens);
}

/* Without a vocab.json: '!' is 0, 'a' 64, 'a</w>' 320; merges from 512, then begin and end. */
Test(clip_vocab, merges_join_by_rank_and_then_from_the_left)
{
    const char *path = write_text("merges.txt", "#version: 0.2\nb c\na b\na bc\na a\nc</w> d\nbc c</w>\n");
    /* abc: "b c" before "a b", then "a bc". The last c is another symbol. */
    expect_tokens(path, HF_CLIP_PAD_END, "abcd", 4, (int32_t[]){ 518, 514, 256 + 67, 519 });
    expect_tokens(path, HF_CLIP_PAD_END, "bcc", 3, (int32_t[]){ 518, 517, 519 });
    expect_tokens(path, HF_CLIP_PAD_END, "aaaz", 5, (int32_t[]){ 518, 515, 64, 256 + 89, 519 });
}

Test(clip_vocab, numbers_of_a_vocab_json_are_used)
{
    write_text("vocab.json", "{\"<|startoftext|>\": 7, \"<|endoftext|>\": 2, \"a\": 30, \"b</w>\": 31, \"ab</w>\": 40, \"!\": 5}");
    write_text("merges.txt", "a b</w>\n");
    expect_tokens(folder, HF_CLIP_PAD_END, "ab", 4, (int32_t[]){ 7, 40, 2, 2 });
    /* What has no number is the end. */
    expect_tokens(folder, HF_CLIP_PAD_BANG, "azb !", 7, (int32_t[]){ 7, 30, 2, 31, 5, 2, 5 });
}

Test(clip_vocab, what_finds_no_room_is_counted)
{
    const char *path = write_text("merges.txt", "#version\na b\n");
    hf_clip_tokens *tokens = NULL;
    int32_t ids[4];
    size_t n_cut = 0;
    cr_assert_eq(hf_clip_tokens_open(&tokens, path, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_clip_tokens_encode(tokens, ids, 4, &n_cut, HF_CLIP_PAD_END, "a a a a a", 9, &err), HF_OK);
    cr_expect_eq(n_cut, 3);
    cr_expect_eq(ids[2], 320);
    cr_expect_eq(ids[3], 514);
    hf_clip_tokens_close(&tokens);
}

/* One word of a megabyte: joining is not quadratic. */
Test(clip_vocab, a_long_word_takes_no_long_time, .timeout = 20)
{
    enum { N = 1 << 20 };
    const char *path = write_text("merges.txt", "#version\na a\naa aa\naaaa aaaa\n");
    hf_clip_tokens *tokens = NULL;
    char *text = malloc(N);
    int32_t ids[8];
    size_t n_cut = 0;
    memset(text, 'a', N);
    cr_assert_eq(hf_clip_tokens_open(&tokens, path, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_clip_tokens_encode(tokens, ids, 8, &n_cut, HF_CLIP_PAD_END, text, N, &err), HF_OK);
    cr_expect_eq(ids[1], 514);
    /* The last a is marked: 7 a before it are 4 + 2 + 1. */
    cr_expect_eq(n_cut + 6, (N - 8) / 8 + 4);
    free(text);
    hf_clip_tokens_close(&tokens);
}

static void expect_refusal(const char *path, hf_status status, const char *text)
{
    hf_clip_tokens *tokens = (hf_clip_tokens *)folder;
    cr_expect_eq(hf_clip_tokens_open(&tokens, path, &err), status, "%s", err.text);
    cr_expect_null(tokens);
    cr_expect(strstr(err.text, text), "'%s' lacks '%s'", err.text, text);
    cr_expect(strstr(err.text, folder), "'%s' does not name the file", err.text);
}

Test(clip_vocab, missing_files_are_named)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/none", folder);
    expect_refusal(path, HF_EIO, "No such file");
    expect_refusal(folder, HF_EIO, "vocab.json: No such file");
    write_text("vocab.json", "{\"<|startoftext|>\": 0, \"<|endoftext|>\": 1}");
    expect_refusal(folder, HF_EIO, "merges.txt: No such file");
}

Test(clip_vocab, broken_merges_are_refused)
{
    expect_refusal(write_text("merges.txt", ""), HF_EFORMAT, "no merges in it");
    expect_refusal(write_text("merges.txt", "#version\n"), HF_EFORMAT, "no merges in it");
    expect_refusal(write_text("merges.txt", "#version\na b\nab\n"), HF_EFORMAT, "line 3 is 'ab', want two parts");
    expect_refusal(write_text("merges.txt", "#version\n a\n"), HF_EFORMAT, "line 2 is ' a', want two parts");
    expect_refusal(write_text("merges.txt", "#version\na \n"), HF_EFORMAT, "line 2 is 'a ', want two parts");
    expect_refusal(write_text("merges.txt", "#version\na b c\n"), HF_EFORMAT, "want two parts");
    expect_refusal(write_text("merges.txt", "#version\na bc\n"), HF_EFORMAT, "line 2: 'bc' has no number");
    expect_refusal(write_text("merges.txt", "#version\nbc a\n"), HF_EFORMAT, "line 2: 'bc' has no number");
    expect_refusal(write_file("merges.txt", "#version\na b\0c d\n", 18), HF_EFORMAT, "a zero at byte 12");
}

Test(clip_vocab, broken_numbers_are_refused)
{
    write_text("merges.txt", "#version\na b\n");
    write_text("vocab.json", "{\"a\": 0,");
    expect_refusal(folder, HF_EFORMAT, "vocab.json: line 1");
    write_text("vocab.json", "[1, 2]");
    expect_refusal(folder, HF_EFORMAT, "want an object");
    write_text("vocab.json", "{\"a\": -1}");
    expect_refusal(folder, HF_EFORMAT, "the number of 'a' is not one of 0..16777215");
    write_text("vocab.json", "{\"a\": 16777216}");
    expect_refusal(folder, HF_EFORMAT, "the number of 'a'");
    write_text("vocab.json", "{\"a\": \"1\"}");
    expect_refusal(folder, HF_EFORMAT, "the number of 'a'");
    write_text("vocab.json", "{\"a\": 0, \"b\": 1}");
    expect_refusal(folder, HF_EFORMAT, "'ab' has no number");
    write_text("vocab.json", "{\"a\": 0, \"b\": 1, \"ab\": 2, \"<|endoftext|>\": 3}");
    expect_refusal(folder, HF_EFORMAT, "no <|startoftext|> in it");
    write_text("vocab.json", "{\"a\": 0, \"b\": 1, \"ab\": 2, \"<|startoftext|>\": 3}");
    expect_refusal(folder, HF_EFORMAT, "no <|endoftext|> in it");
}

Test(clip_vocab, a_packed_file_that_is_cut_off_is_refused)
{
    char path[64], bytes[256];
    snprintf(path, sizeof(path), "%s/packed.gz", folder);
    gzFile gz = gzopen(path, "wb");
    gzputs(gz, "#version\na b\nc d\n");
    gzclose(gz);
    expect_tokens(path, HF_CLIP_PAD_END, "cdx", 3, (int32_t[]){ 514, 513, 256 + 87 });
    FILE *f = fopen(path, "rb");
    size_t n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    expect_refusal(write_file("packed.gz", bytes, n - 12), HF_EFORMAT, "cut off");
    bytes[n - 6] ^= 1; /* the checksum */
    expect_refusal(write_file("packed.gz", bytes, n), HF_EIO, "unpacked");
}

Test(clip_vocab, a_vocabulary_without_a_bang_cannot_pad_with_it)
{
    hf_clip_tokens *tokens = NULL;
    int32_t ids[4];
    write_text("vocab.json", "{\"<|startoftext|>\": 0, \"<|endoftext|>\": 1, \"a\": 2, \"b\": 3, \"ab\": 4}");
    write_text("merges.txt", "a b\n");
    cr_assert_eq(hf_clip_tokens_open(&tokens, folder, &err), HF_OK, "%s", err.text);
    cr_expect_eq(hf_clip_tokens_encode(tokens, ids, 4, NULL, HF_CLIP_PAD_BANG, "a", 1, &err), HF_EARG);
    hf_clip_tokens_close(&tokens);
}

static void expect_nfc(const uint32_t *text, size_t n, const uint32_t *want, size_t n_want)
{
    hf_code_points out = { 0 };
    cr_assert_eq(hf_clip_nfc(&out, text, n, &err), HF_OK);
    cr_expect_eq(out.n, n_want);
    cr_expect_eq(memcmp(out.data, want, n_want * sizeof(*want)), 0);
    hf_code_points_free(&out);
}
#define POINTS(...) (uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t)

/* Cases of Unicode Standard Annex 15. */
Test(clip_unicode, nfc_composes_orders_and_leaves_exclusions)
{
    expect_nfc(POINTS('e', 0x301), POINTS(0xE9));
    expect_nfc(POINTS('d', 0x307, 0x323), POINTS(0x1E0D, 0x307));  /* d with dot below, dot above */
    expect_nfc(POINTS(0x1E0B, 0x323), POINTS(0x1E0D, 0x307));
    expect_nfc(POINTS('a', 0x315, 0x300, 0x5AE, 0x62), POINTS(0xE0, 0x5AE, 0x315, 0x62));
    expect_nfc(POINTS(0x212B), POINTS(0xC5));
    expect_nfc(POINTS(0x958), POINTS(0x915, 0x93C));               /* excluded from composition */
    expect_nfc(POINTS(0x1100, 0x1161, 0x11A8), POINTS(0xAC01));
    expect_nfc(POINTS(0xAC00, 0x11A8), POINTS(0xAC01));
    expect_nfc(POINTS('e', 0x301, 0x301), POINTS(0xE9, 0x301));
    expect_nfc(POINTS(0x301, 'e'), POINTS(0x301, 'e'));
}

Test(clip_unicode, broken_utf8_is_replaced_as_python_does)
{
    static const char text[] = "a\xE2\x82(\xED\xA0\x80\xF0\x9F\x98\xC3";
    static const uint32_t want[] = { 'a', 0xFFFD, '(', 0xFFFD, 0xFFFD, 0xFFFD, 0xFFFD, 0xFFFD };
    hf_code_points out = { 0 };
    cr_assert_eq(hf_clip_decode(&out, text, sizeof(text) - 1, &err), HF_OK);
    cr_expect_eq(out.n, sizeof(want) / sizeof(want[0]));
    cr_expect_eq(memcmp(out.data, want, sizeof(want)), 0);
    hf_code_points_free(&out);
}

Test(clip_unicode, every_code_point_survives_utf8)
{
    for (uint32_t c = 0; c < 0x110000; c++) {
        hf_code_points out = { 0 };
        uint8_t bytes[4];
        if (c >= 0xD800 && c < 0xE000)
            continue;
        int n = hf_clip_encode_utf8(bytes, c);
        cr_assert_eq(hf_clip_decode(&out, (const char *)bytes, (size_t)n, &err), HF_OK);
        cr_assert(out.n == 1 && out.data[0] == c, "U+%04X", c);
        hf_code_points_free(&out);
    }
}
