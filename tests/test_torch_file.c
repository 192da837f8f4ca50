/* test_torch_file.c - torch archives and older torch files whose parts do not fit together. Good files: test_tensor_file.c */
#include "weights_maker.h"

static const float six[] = { 0, 1, 2, 3, 4, 5 };

/* An archive of one pickle and a storage "0" of the six numbers. */
static bytes *archive_of(const char *pickle, size_t n)
{
    static zip_maker z;
    z = (zip_maker){ .n = 0 };
    zip_add(&z, "it/data.pkl", pickle, n);
    zip_add(&z, "it/data/0", six, sizeof(six));
    zip_finish(&z);
    return &z.file;
}

static hf_tensor_file *file;
static uint8_t        *kept;

static void let_go(void)
{
    hf_tensor_file_close(&file);
    free(kept);
}

TestSuite(torch_file, .fini = let_go);

static void open_good(const bytes *b)
{
    hf_error err = { 0 };
    cr_assert_eq(open_bytes(&file, &kept, b->data, b->n, &err), HF_OK, "%s", err.text);
}

#define READ(pickle) open_good(archive_of(pickle, sizeof(pickle) - 1))
#define REFUSE(pickle, status, text) check_refused(archive_of(pickle, sizeof(pickle) - 1), status, text)

static void check_floats(const char *name, const float *want, size_t n)
{
    const hf_tensor_entry *e = hf_tensor_file_find(file, name);
    cr_assert_not_null(e, "%s", name);
    cr_assert_eq(e->bytes, n * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        float v;
        memcpy(&v, (const char *)e->data + i * sizeof(v), sizeof(v));
        cr_assert_eq(v, want[i], "%s[%zu]: %g, want %g", name, i, (double)v, (double)want[i]);
    }
}

/* ---- views ---- */

Test(torch_file, a_row_lies_in_the_file)
{
    READ("\x80\2" MATRIX("\3", "K\3\x85", "K\1\x85") ".");
    check_floats("", six + 3, 3);
    const hf_tensor_entry *e = hf_tensor_file_find(file, "");
    cr_assert((const uint8_t *)e->data > kept && (const uint8_t *)e->data < kept + 400);
}

Test(torch_file, a_transposed_view_is_packed)
{
    static const float want[] = { 0, 3, 1, 4, 2, 5 };
    READ("\x80\2" MATRIX("\0", "K\3K\2\x86", "K\1K\3\x86") ".");
    check_floats("", want, 6);
}

Test(torch_file, the_stride_of_a_dimension_of_one_may_be_anything)
{
    static const float want[] = { 0, 2, 4 };
    /* shape [3,1], strides [2, 2^63 - 1]; then the same without a gap, which lies in the file */
    READ("\x80\2" MATRIX("\0", "K\3K\1\x86", "K\2\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x86") "."); check_floats("", want, 3);
    let_go();
    READ("\x80\2" MATRIX("\0", "K\3K\1\x86", "K\1\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x86") "."); check_floats("", six, 3);
}

Test(torch_file, an_empty_view_may_be_anywhere)
{
    READ("\x80\2" MATRIX("\x63", "K\0K\2\x86", "K\2K\1\x86") ".");
    check_floats("", six, 0);
}

Test(torch_file, a_view_that_ends_behind_its_storage_is_refused)
{
    REFUSE("\x80\2" MATRIX("\1", "K\2K\3\x86", "K\3K\1\x86") ".", HF_EFORMAT, "reaches to element 6 of a storage of 6");
}

Test(torch_file, an_offset_behind_the_storage_is_refused)
{
    REFUSE("\x80\2" MATRIX("\6", "))", "") ".", HF_EFORMAT, "reaches to element 6 of a storage of 6");
}

Test(torch_file, strides_that_wrap_round_are_refused)
{
    /* 3 elements, 2^62 apart: the last one is at 2^63 */
    REFUSE("\x80\2" MATRIX("\0", "K\3\x85", "\x8a\x08\0\0\0\0\0\0\0\x40\x85") ".", HF_EFORMAT, "strides are larger");
}

Test(torch_file, a_shape_that_wraps_round_is_refused)
{
    /* [2^32, 2^32] with strides of 0 reaches to element 0 only */
    REFUSE("\x80\2" MATRIX("\0", "\x8a\5\0\0\0\0\1\x8a\5\0\0\0\0\1\x86", "K\0K\0\x86") ".", HF_EFORMAT, "larger than any memory");
}

Test(torch_file, an_expanded_view_much_larger_than_the_file_is_refused)
{
    /* 2^30 times the same element */
    REFUSE("\x80\2" MATRIX("\0", "J\0\0\0\x40\x85", "K\0\x85") ".", HF_EUNSUPPORTED, "much larger than the file");
}

/* ---- storages ---- */

Test(torch_file, a_storage_without_member_is_refused)
{
    REFUSE("\x80\2" REBUILD "((" TEXT("\7", "storage") FLOATS TEXT("\1", "1") "NK\1tQK\0))tR.", HF_EFORMAT,
           "has no member data/1");
}

Test(torch_file, a_storage_with_a_name_of_a_kilobyte_is_refused)
{
    static char pickle[2048];
    size_t n = 0;
#define ADD(text) memcpy(pickle + n, text, sizeof(text) - 1), n += sizeof(text) - 1
    ADD("\x80\2(" TEXT("\7", "storage") FLOATS "X\0\4\0\0");
    memset(pickle + n, '/', 1024), n += 1024;
    ADD("NK\1tQ.");
    check_refused(archive_of(pickle, n), HF_EFORMAT, "has no member data//////");
}

Test(torch_file, a_member_smaller_than_its_storage_is_refused)
{
    /* 7 elements, the member has 6 */
    REFUSE("\x80\2(" TEXT("\7", "storage") FLOATS TEXT("\1", "0") "NK\7tQ.", HF_EFORMAT,
           "member data/0 has 24 bytes, want 7 elements of f32");
}

Test(torch_file, a_count_that_wraps_round_is_refused)
{
    /* 2^62 elements of 4 bytes */
    REFUSE("\x80\2(" TEXT("\7", "storage") FLOATS TEXT("\1", "0") "N\x8a\x08\0\0\0\0\0\0\0\x40tQ.", HF_EFORMAT,
           "has 24 bytes, want 4611686018427387904 elements");
}

/* ---- archives ---- */

static zip_maker z;

Test(torch_file, an_archive_of_something_else_is_refused)
{
    zip_add(&z, "word/document.xml", "<a/>", 4);
    zip_finish(&z);
    check_refused(&z.file, HF_EFORMAT, "zip archive without data.pkl");
}

Test(torch_file, two_pickles_in_an_archive_are_refused)
{
    zip_add(&z, "a/data.pkl", "\x80\2N.", 4);
    zip_add(&z, "b/data.pkl", "\x80\2N.", 4);
    zip_finish(&z);
    check_refused(&z.file, HF_EFORMAT, "two members data.pkl");
}

Test(torch_file, a_torchscript_program_is_refused)
{
    zip_add(&z, "a/data.pkl", "\x80\2N.", 4);
    zip_add(&z, "a/constants.pkl", "\x80\2N.", 4);
    zip_finish(&z);
    check_refused(&z.file, HF_EUNSUPPORTED, "TorchScript");
}

Test(torch_file, big_endian_numbers_are_refused)
{
    zip_add(&z, "a/data.pkl", "\x80\2N.", 4);
    zip_add(&z, "a/byteorder", "big", 3);
    zip_finish(&z);
    check_refused(&z.file, HF_EUNSUPPORTED, "not little endian");
}

/* ---- values ---- */

Test(torch_file, metadata_is_what_json_can_say)
{
    READ("\x80\2}(" TEXT("\1", "a") "K\1" TEXT("\2", "ok") "(" TEXT("\2", "\xc3\xa9") "NG\x7f\xf8\0\0\0\0\0\0t"
         TEXT("\3", "bad") TEXT("\1", "\xff") TEXT("\1", "\xfe") "K\3N" "K\4" TEXT("\5", "bytes") "C\1x" "u.");
    cr_assert_str_eq(hf_tensor_file_metadata(file), "{\"a\":1,\"ok\":[\"\xc3\xa9\",null,null],\"bytes\":null}");
}

Test(torch_file, a_list_in_itself_is_refused)
{
    REFUSE("\x80\2]q\0h\0a.", HF_EFORMAT, "nested deeper than 64");
}

Test(torch_file, a_pickle_that_stands_for_a_giant_tree_is_refused)
{
    /* l = [[]]; then 40 times l = [l, l]: 2^40 lists in 500 bytes */
    static char pickle[1024];
    size_t n = 0;
    ADD("\x80\4]\x94" "0");
    for (uint8_t i = 0; i < 40; i++) {
        const char level[] = { ']', '(', 'h', (char)i, 'h', (char)i, 'e', (char)0x94, '0' };
        memcpy(pickle + n, level, sizeof(level)), n += sizeof(level);
    }
    ADD("h\x28.");
    check_refused(archive_of(pickle, n), HF_EUNSUPPORTED, "mentions the same values too often");
}

Test(torch_file, one_long_text_mentioned_often_is_refused)
{
    static char pickle[16384];
    size_t n = 0;
    ADD("\x80\4](X\0\x10\0\0");
    memset(pickle + n, 'x', 4096), n += 4096;
    ADD("\x94");
    for (int i = 0; i < 4000; i++)
        ADD("h\0");
    ADD("e.");
    check_refused(archive_of(pickle, n), HF_EUNSUPPORTED, "mentions the same values too often");
}

Test(torch_file, a_name_of_more_than_4096_bytes_is_refused)
{
    static char pickle[8192];
    size_t n = 0;
    ADD("\x80\4}X\1\x10\0\0"); /* 4097 */
    memset(pickle + n, 'x', 4097), n += 4097;
    ADD("K\1s.");
    check_refused(archive_of(pickle, n), HF_EUNSUPPORTED, "a name of more than 4096 bytes");
}

Test(torch_file, a_name_with_a_zero_byte_is_refused)
{
    REFUSE("\x80\2}" TEXT("\3", "a\0b") "K\1s.", HF_EFORMAT, "a key in it has a zero byte");
}

Test(torch_file, two_ways_to_one_name_are_refused)
{
    /* {"a": {"b": t}, "a.b": t} */
    REFUSE("\x80\2" MATRIX("\0", "))", "") "q\0" "0}(" TEXT("\1", "a") "}" TEXT("\1", "b") "h\0s" TEXT("\3", "a.b") "h\0u.",
           HF_EFORMAT, "two arrays are called \"a.b\"");
}

/* ---- files before torch 1.6 ---- */

#define MAGIC "\x80\2\x8a\x0al\xfc\x9c" "F\xf9 j\xa8P\x19."
#define VERSION "\x80\2M\xe9\3."
#define SYSTEM "\x80\2}" TEXT("\x0d", "little_endian") "\x88s."
#define OBJECT "\x80\2" MATRIX("\0", "K\2K\3\x86", "K\3K\1\x86") "."
#define KEYS "\x80\2]" TEXT("\1", "0") "a."
#define DATA "\6\0\0\0\0\0\0\0" "aaaabbbbccccddddeeeeffff"

#define REFUSE_OLD(literal, status, text) check_refused_bytes(literal, sizeof(literal) - 1, status, text)

Test(torch_file, an_old_file_is_read_in_place)
{
    bytes b = { .n = 0 };
    PUT_TEXT(&b, MAGIC VERSION SYSTEM OBJECT KEYS DATA);
    open_good(&b);
    const hf_tensor_entry *e = hf_tensor_file_find(file, "");
    cr_assert_not_null(e);
    cr_assert_arr_eq(e->data, "aaaabbbbccccddddeeeeffff", 24);
    cr_assert_eq(e->shape[1], 3);
}

Test(torch_file, a_pickle_of_something_else_is_refused)
{
    REFUSE_OLD("\x80\2N.", HF_EFORMAT, "is a pickle, but not one of torch.save");
    REFUSE_OLD("\x80\2\x8a\x0al\xfc\x9c" "F\xf9 j\xa8P\x18." VERSION, HF_EFORMAT, "not one of torch.save"); /* last digit */
}

Test(torch_file, an_unknown_version_is_refused) { REFUSE_OLD(MAGIC "\x80\2M\xea\3.", HF_EUNSUPPORTED, "unknown version"); }

Test(torch_file, an_old_file_of_big_endian_numbers_is_refused)
{
    REFUSE_OLD(MAGIC VERSION "\x80\2}" TEXT("\x0d", "little_endian") "\x89s.", HF_EUNSUPPORTED, "not little endian");
}

Test(torch_file, an_old_file_without_a_list_of_storages_is_refused)
{
    REFUSE_OLD(MAGIC VERSION SYSTEM OBJECT "\x80\2N." DATA, HF_EFORMAT, "no list of its storages");
}

Test(torch_file, a_storage_that_no_tensor_mentions_is_refused)
{
    REFUSE_OLD(MAGIC VERSION SYSTEM OBJECT "\x80\2]" TEXT("\1", "9") "a." DATA, HF_EFORMAT, "one that no tensor mentions");
    REFUSE_OLD(MAGIC VERSION SYSTEM OBJECT "\x80\2]Na." DATA, HF_EFORMAT, "one that no tensor mentions");
}

Test(torch_file, a_storage_that_is_not_in_the_list_is_refused)
{
    REFUSE_OLD(MAGIC VERSION SYSTEM OBJECT "\x80\2]." DATA, HF_EFORMAT, "no data for it");
}

Test(torch_file, a_wrong_count_of_elements_is_refused)
{
    REFUSE_OLD(MAGIC VERSION SYSTEM OBJECT KEYS "\5\0\0\0\0\0\0\0" "aaaabbbbccccddddeeeeffff", HF_EFORMAT,
               "want the count 6 of a storage");
}

Test(torch_file, two_types_of_one_storage_are_refused)
{
    REFUSE_OLD(MAGIC VERSION SYSTEM "\x80\2" STORAGE "(" TEXT("\7", "storage") GLOBAL("torch\nLongStorage") TEXT("\1", "0")
               "NK\6tQ\x86." KEYS DATA DATA, HF_EFORMAT, "mentioned with two types");
}

Test(torch_file, an_old_file_cut_off_anywhere_is_refused)
{
    static const char whole[] = MAGIC VERSION SYSTEM OBJECT KEYS DATA;
    for (size_t n = 0; n < sizeof(whole) - 1; n++)
        check_refused_bytes(whole, n, HF_EFORMAT, "");
}
