/* test_npy.c - .npy files: what is written is read again, and broken ones are refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io/npy.h"

static hf_error err;

/* A file of version 1 in memory: header text, then values. */
static size_t make(unsigned char *out, const char *text, const void *values, size_t n)
{
    size_t length = strlen(text);
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (unsigned char)length, out[9] = (unsigned char)(length >> 8);
    memcpy(out + 10, text, length);
    memcpy(out + 10 + length, values, n);
    return 10 + length + n;
}

static hf_npy *parse(const char *text, const void *values, size_t n)
{
    unsigned char file[1024];
    hf_npy *a;
    size_t size = make(file, text, values, n);
    cr_assert_eq(hf_npy_parse(&a, file, size, "a.npy", &err), HF_OK, "%s", err.text);
    return a;
}

static void refuse(const char *text, size_t n_values, int status, const char *message)
{
    static const unsigned char zeros[256];
    unsigned char file[1024];
    hf_npy *a = (hf_npy *)file;
    size_t size = make(file, text, zeros, n_values);
    cr_assert_eq(hf_npy_parse(&a, file, size, "a.npy", &err), status);
    cr_assert_null(a);
    cr_assert(strstr(err.text, message), "%s", err.text);
}

#define F4_2x3 "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n"

Test(npy, what_is_written_is_read_again)
{
    char path[] = "/tmp/hfprop-npy-XXXXXX";
    float values[6] = { 1, -2, 3.5f, 0, 1e-30f, 7 };
    hf_npy *a;
    close(mkstemp(path));
    cr_assert_eq(hf_npy_write(path, HF_ENTRY_F32, 2, (int64_t[]){ 2, 3 }, values, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_npy_read(&a, path, &err), HF_OK, "%s", err.text);
    unlink(path);
    cr_assert_eq(a->type, HF_ENTRY_F32);
    cr_assert_eq(a->n_dims, 2);
    cr_assert(a->shape[0] == 2 && a->shape[1] == 3 && a->count == 6);
    cr_assert_arr_eq(a->data, values, sizeof(values));
    hf_npy_free(&a);
    cr_assert_null(a);
}

Test(npy, a_written_header_is_numpys_and_ends_at_64)
{
    char path[] = "/tmp/hfprop-npy-XXXXXX", head[128];
    int32_t value[3] = { 1, 2, 3 };
    close(mkstemp(path));
    cr_assert_eq(hf_npy_write(path, HF_ENTRY_I32, 1, (int64_t[]){ 3 }, value, &err), HF_OK);
    FILE *file = fopen(path, "rb");
    cr_assert_eq(fread(head, 1, sizeof(head), file), sizeof(head));
    cr_assert_eq(fgetc(file), 1); /* the first value at 128 */
    fclose(file);
    unlink(path);
    cr_assert_arr_eq(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    cr_assert(strncmp(head + 10, "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }   ", 60) == 0);
    cr_assert_eq(head[127], '\n');
}

Test(npy, one_number_and_no_number_have_their_shapes)
{
    double one = 4.5;
    hf_npy *a = parse("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", &one, 8);
    float got = 0;
    cr_assert(a->n_dims == 0 && a->count == 1);
    hf_npy_to_f32(&got, a);
    cr_assert_eq(got, 4.5f);
    hf_npy_free(&a);
    a = parse("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4), }", &one, 0);
    cr_assert(a->n_dims == 2 && a->count == 0);
    hf_npy_free(&a);
}

Test(npy, fortran_order_is_turned_round)
{
    /* [[1,2,3],[4,5,6]] column by column */
    int16_t values[6] = { 1, 4, 2, 5, 3, 6 }, want[6] = { 1, 2, 3, 4, 5, 6 };
    hf_npy *a = parse("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }", values, sizeof(values));
    cr_assert_arr_eq(a->data, want, sizeof(want));
    hf_npy_free(&a);
}

Test(npy, big_endian_values_are_swapped)
{
    unsigned char values[8] = { 0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0 }; /* 1, -2 */
    hf_npy *a = parse("{'shape': (2,), 'fortran_order': False, 'descr': '>f4'}", values, 8);
    cr_assert(((float *)a->data)[0] == 1 && ((float *)a->data)[1] == -2);
    hf_npy_free(&a);
}

Test(npy, every_type_becomes_f32)
{
    static const struct { const char *code; const char *bytes; size_t n; float want; } cases[] = {
        { "<f2", "\x00\xc0", 2, -2 }, { "<f2", "\x01\x00", 2, 5.9604645e-8f }, { "|i1", "\xfd", 1, -3 },
        { "|u1", "\xfd", 1, 253 },    { "|b1", "\x01", 1, 1 },                 { "<i8", "\xff\xff\xff\xff\xff\xff\xff\xff", 8, -1 },
        { "<i4", "\x05\0\0\0", 4, 5 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128];
        float got = 0;
        snprintf(text, sizeof(text), "{'descr': '%s', 'fortran_order': False, 'shape': (1,), }", cases[i].code);
        hf_npy *a = parse(text, cases[i].bytes, cases[i].n);
        hf_npy_to_f32(&got, a);
        cr_expect_float_eq(got, cases[i].want, 0, "%s: %g", cases[i].code, (double)got);
        hf_npy_free(&a);
    }
}

Test(npy, version_2_has_a_longer_length)
{
    unsigned char file[256] = "\x93NUMPY\x02\x00";
    hf_npy *a;
    size_t length = strlen(F4_2x3);
    file[8] = (unsigned char)length;
    memcpy(file + 12, F4_2x3, length);
    cr_assert_eq(hf_npy_parse(&a, file, 12 + length + 24, "a.npy", &err), HF_OK, "%s", err.text);
    cr_assert_eq(a->count, 6);
    hf_npy_free(&a);
}

Test(npy, values_that_are_too_few_or_too_many_are_refused)
{
    refuse(F4_2x3, 23, HF_EFORMAT, "a.npy: 23 bytes of values, want 24 for its shape");
    refuse(F4_2x3, 25, HF_EFORMAT, "a.npy: 25 bytes of values, want 24 for its shape");
    /* 2^62 * 16 bytes wrap round to 0 */
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", 0, HF_EFORMAT, "want more than");
}

Test(npy, broken_headers_are_refused)
{
    refuse("{'descr': '<f4', 'fortran_order': False, }", 0, HF_EFORMAT, "no usable 'shape'");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3", 24, HF_EFORMAT, "no usable 'shape'");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}", 24, HF_EFORMAT, "no usable 'shape'");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 0, HF_EFORMAT, "no usable 'shape'");
    refuse("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 3), }", 24, HF_EFORMAT, "no usable 'fortran_order'");
    refuse("{'descr': '<f4, 'fortran_order'", 24, HF_EUNSUPPORTED, "values of type '<f4, '");
    refuse("{'descr' '<f4', 'fortran_order': False, 'shape': (2, 3), }", 24, HF_EFORMAT, "no usable 'descr'");
    refuse("", 0, HF_EFORMAT, "no usable 'descr'");
}

Test(npy, types_that_are_no_plain_numbers_are_refused)
{
    refuse("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8, HF_EUNSUPPORTED, "values of type '|O', want one of");
    refuse("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 8, HF_EUNSUPPORTED, "values of type '<c8'");
    refuse("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4, HF_EUNSUPPORTED, "records");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4, HF_EUNSUPPORTED, "more than 8 dimensions");
}

Test(npy, other_files_and_cut_off_ones_are_refused)
{
    hf_npy *a;
    unsigned char file[256];
    size_t n = make(file, F4_2x3, "", 0);
    cr_assert_eq(hf_npy_parse(&a, "\x89PNG\r\n\x1a\n    ", 12, "a.npy", &err), HF_EFORMAT);
    cr_assert_str_eq(err.text, "a.npy: not a .npy file");
    cr_assert_eq(hf_npy_parse(&a, file, 30, "a.npy", &err), HF_EFORMAT);
    cr_assert(strstr(err.text, "header claims 60 bytes, file has 20"), "%s", err.text);
    file[6] = 2; /* version 2 without its 4 bytes of length */
    cr_assert_eq(hf_npy_parse(&a, file, 11, "a.npy", &err), HF_EFORMAT);
    cr_assert(strstr(err.text, "cut off"), "%s", err.text);
    file[6] = 9;
    cr_assert_eq(hf_npy_parse(&a, file, n, "a.npy", &err), HF_EUNSUPPORTED);
    cr_assert(strstr(err.text, "version 9"), "%s", err.text);
}

Test(npy, a_missing_file_and_a_folder_are_refused_by_name)
{
    hf_npy *a;
    cr_assert_eq(hf_npy_read(&a, "/tmp/hfprop-no-such.npy", &err), HF_EIO);
    cr_assert(strstr(err.text, "/tmp/hfprop-no-such.npy: No such file"), "%s", err.text);
    cr_assert_lt(hf_npy_read(&a, "/tmp", &err), 0);
    cr_assert_null(a);
}

Test(npy, what_cannot_be_written_is_refused)
{
    float one = 1;
    cr_assert_eq(hf_npy_write("/tmp/hfprop-x.npy", HF_ENTRY_BF16, 1, (int64_t[]){ 1 }, &one, &err), HF_EARG);
    cr_assert_eq(hf_npy_write("/tmp/hfprop-x.npy", HF_ENTRY_F32, 1, (int64_t[]){ -1 }, &one, &err), HF_EARG);
    cr_assert_eq(hf_npy_write("/tmp/no-such-folder/x.npy", HF_ENTRY_F32, 1, (int64_t[]){ 1 }, &one, &err), HF_EIO);
}
