/* test_sha256.c - the examples of FIPS 180-4 and every place where a block may end. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "io/sha256.h"

static void check(const char *text, size_t n, const char *wanted)
{
    hf_sha256 sum;
    char found[HF_SHA256_TEXT];
    hf_sha256_start(&sum);
    hf_sha256_add(&sum, text, n);
    hf_sha256_end(&sum, found);
    cr_assert_str_eq(found, wanted);
}

Test(sha256, the_examples_of_the_standard)
{
    check("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

Test(sha256, a_million_letters_in_pieces_of_any_size)
{
    static char letters[1000];
    hf_sha256 sum;
    char found[HF_SHA256_TEXT];

    memset(letters, 'a', sizeof(letters));
    hf_sha256_start(&sum);
    for (size_t left = 1000000, n = 1; left; left -= n, n = n % 997 + 1) {
        n = n < left ? n : left;
        hf_sha256_add(&sum, letters, n);
    }
    hf_sha256_end(&sum, found);
    cr_assert_str_eq(found, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

Test(sha256, one_byte_at_a_time_is_the_same)
{
    char bytes[200], whole[HF_SHA256_TEXT], single[HF_SHA256_TEXT];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        hf_sha256 a, b;
        hf_sha256_start(&a), hf_sha256_start(&b);
        hf_sha256_add(&a, bytes, n);
        for (size_t i = 0; i < n; i++)
            hf_sha256_add(&b, bytes + i, 1);
        hf_sha256_end(&a, whole), hf_sha256_end(&b, single);
        cr_assert_str_eq(whole, single, "%zu bytes", n);
    }
}

Test(sha256, a_missing_file_is_refused)
{
    char text[HF_SHA256_TEXT];
    hf_error err;
    cr_assert_eq(hf_sha256_file(text, "/nonexistent/x", &err), HF_EIO);
}
