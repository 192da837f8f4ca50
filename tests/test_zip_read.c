/* test_zip_read.c - archives whose headers lie, and large ones in small. */
#include "io/zip_read.h"
#include "weights_maker.h"

static zip_maker z;
static size_t    end; /* of the two members below */
static hf_zip    zip;

static void make_two(void)
{
    z = (zip_maker){ .n = 0 };
    zip_add(&z, "a/b", "data", 4);
    zip_add(&z, "a/c", "more data", 9);
    end = zip_finish(&z);
}

TestSuite(zip_read, .init = make_two);

static int open_zip(hf_error *err) { return hf_zip_open(&zip, z.file.data, z.file.n, "it", err); }

static void check_zip_refused(hf_status status, const char *text)
{
    hf_error err = { 0 };
    uint8_t *copy = malloc(z.file.n); /* of exactly that size, for the sanitizer */
    memcpy(copy, z.file.data, z.file.n);
    cr_assert_eq(hf_zip_open(&zip, copy, z.file.n, "it", &err), status, "%d %s", err.status, err.text);
    cr_assert_null(zip.members);
    cr_assert_not_null(strstr(err.text, text), "\"%s\", want \"%s\"", err.text, text);
    free(copy);
}

/* Where the entry of a member stands in the file. */
static size_t entry_of(int member) { return end - z.directory.n + z.entry[member]; }

Test(zip_read, members_are_found_by_name)
{
    hf_error err = { 0 };
    cr_assert_eq(open_zip(&err), HF_OK, "%s", err.text);
    const hf_zip_member *m = hf_zip_find(&zip, "a/c", 3);
    cr_assert_not_null(m);
    cr_assert_eq(m->n_bytes, 9);
    cr_assert_arr_eq(m->data, "more data", 9);
    cr_assert_null(hf_zip_find(&zip, "a/", 2));
    cr_assert_null(hf_zip_find(&zip, "a/cc", 4));
    hf_zip_close(&zip);
}

Test(zip_read, an_archive_without_members_is_read)
{
    hf_error err = { 0 };
    z = (zip_maker){ .n = 0 };
    zip_finish(&z);
    cr_assert_eq(open_zip(&err), HF_OK, "%s", err.text);
    cr_assert_null(hf_zip_find(&zip, "", 0));
    hf_zip_close(&zip);
}

Test(zip_read, a_comment_behind_the_end_record_is_skipped)
{
    hf_error err = { 0 };
    set_number(&z.file, end + 20, 7, 2);
    put(&z.file, "comment", 7);
    cr_assert_eq(open_zip(&err), HF_OK, "%s", err.text);
    cr_assert_eq(zip.n_members, 2);
    hf_zip_close(&zip);
}

Test(zip_read, sizes_behind_the_data_are_allowed)
{
    hf_error err = { 0 };
    set_number(&z.file, z.local[0] + ZIP_LOCAL_FLAGS, 8, 2);
    set_number(&z.file, z.local[0] + ZIP_LOCAL_SIZE, 0, 4);
    cr_assert_eq(open_zip(&err), HF_OK, "%s", err.text);
    hf_zip_close(&zip);
}

/* One member "big" whose 64 bit size stands in an extra field, and a 64 bit end record. */
static void make_zip64(uint64_t size)
{
    z = (zip_maker){ .n = 0 };
    zip_add(&z, "big", "1234", 4);
    set_number(&z.directory, ZIP_ENTRY_STORED, 0xffffffff, 4);
    set_number(&z.directory, ZIP_ENTRY_SIZE, 0xffffffff, 4);
    set_number(&z.directory, ZIP_ENTRY_OFFSET, 0xffffffff, 4);
    set_number(&z.directory, ZIP_ENTRY_EXTRA, 5 + 28, 2);
    put(&z.directory, "\x99\x99\1\0x", 5); /* somebody else's */
    put(&z.directory, "\1\0\x18\0", 4);
    put_number(&z.directory, size, 8);
    put_number(&z.directory, size, 8);
    put_number(&z.directory, 0, 8);
    size_t offset = z.file.n, at = offset + z.directory.n;
    put(&z.file, z.directory.data, z.directory.n);
    put(&z.file, "PK\6\6", 4);
    put_number(&z.file, 44, 8);
    put_number(&z.file, 0, 2 + 2);
    put_number(&z.file, 0, 8); /* disks */
    put_number(&z.file, 1, 8);
    put_number(&z.file, 1, 8);
    put_number(&z.file, z.directory.n, 8);
    put_number(&z.file, offset, 8);
    put(&z.file, "PK\6\7\0\0\0\0", 8);
    put_number(&z.file, at, 8);
    put_number(&z.file, 1, 4);
    end = z.file.n;
    put(&z.file, "PK\5\6\0\0\0\0", 8);
    put_number(&z.file, UINT64_MAX, 2 + 2);
    put_number(&z.file, UINT64_MAX, 8);
    put_number(&z.file, 0, 2);
}

Test(zip_read, an_archive_with_64_bit_sizes_is_read)
{
    hf_error err = { 0 };
    make_zip64(4);
    cr_assert_eq(open_zip(&err), HF_OK, "%s", err.text);
    const hf_zip_member *m = hf_zip_find(&zip, "big", 3);
    cr_assert_not_null(m);
    cr_assert_eq(m->n_bytes, 4);
    hf_zip_close(&zip);
}

Test(zip_read, a_64_bit_size_larger_than_the_file_is_refused)
{
    make_zip64(UINT64_MAX - 8); /* adding it to any offset wraps round */
    check_zip_refused(HF_EFORMAT, "\"big\": reaches past the members");
}

Test(zip_read, a_missing_64_bit_size_is_refused)
{
    make_zip64(4);
    z.file.data[end - 20 - 56 - 28] = 2; /* another kind of extra field */
    check_zip_refused(HF_EFORMAT, "has no zip64 sizes");
}

Test(zip_read, too_few_64_bit_sizes_are_refused)
{
    make_zip64(4);
    z.file.data[end - 20 - 56 - 26] = 16; /* two numbers, three are needed */
    check_zip_refused(HF_EFORMAT, "too few zip64 sizes");
}

Test(zip_read, a_64_bit_end_record_outside_the_file_is_refused)
{
    make_zip64(4);
    set_number(&z.file, end - 12, UINT64_MAX, 8);
    check_zip_refused(HF_EFORMAT, "zip64 end record");
}

Test(zip_read, several_disks_in_a_64_bit_end_record_are_refused)
{
    make_zip64(4);
    z.file.data[end - 20 - 56 + 16] = 1;
    check_zip_refused(HF_EUNSUPPORTED, "several disks");
}

Test(zip_read, a_file_without_end_record_is_refused)
{
    z.file.n = end;
    check_zip_refused(HF_EFORMAT, "no end record (is the file cut off?)");
}

Test(zip_read, several_disks_are_refused)
{
    z.file.data[end + 4] = 1;
    check_zip_refused(HF_EUNSUPPORTED, "several disks");
}

Test(zip_read, a_directory_behind_the_end_is_refused)
{
    set_number(&z.file, end + ZIP_END_OFFSET, end + 1, 4);
    check_zip_refused(HF_EFORMAT, "reaches past its end record");
}

Test(zip_read, a_directory_that_reaches_past_the_end_is_refused)
{
    set_number(&z.file, end + ZIP_END_SIZE, z.directory.n + 1, 4);
    check_zip_refused(HF_EFORMAT, "reaches past its end record");
}

Test(zip_read, more_members_than_the_directory_has_room_for_are_refused)
{
    set_number(&z.file, end + ZIP_END_N, 0xfffe, 2); /* would be a table of 65534 entries */
    check_zip_refused(HF_EFORMAT, "65534 members in a directory of 98 bytes");
}

Test(zip_read, a_member_too_many_is_refused)
{
    z = (zip_maker){ .n = 0 };
    zip_add(&z, "a name that is as long as an entry of the directory", "", 0);
    end = zip_finish(&z);
    set_number(&z.file, end + ZIP_END_N, 2, 2);
    check_zip_refused(HF_EFORMAT, "no entry of its directory");
}

Test(zip_read, an_entry_with_a_wrong_signature_is_refused)
{
    z.file.data[entry_of(1)] = 'Q';
    check_zip_refused(HF_EFORMAT, "no entry of its directory");
}

Test(zip_read, an_entry_longer_than_the_directory_is_refused)
{
    set_number(&z.file, entry_of(1) + ZIP_ENTRY_COMMENT, 1, 2);
    check_zip_refused(HF_EFORMAT, "ends inside an entry");
}

Test(zip_read, a_compressed_member_is_refused)
{
    set_number(&z.file, entry_of(0) + ZIP_ENTRY_METHOD, 8, 2);
    check_zip_refused(HF_EUNSUPPORTED, "\"a/b\" is compressed");
}

Test(zip_read, an_encrypted_member_is_refused)
{
    set_number(&z.file, entry_of(0) + ZIP_ENTRY_FLAGS, 1, 2);
    check_zip_refused(HF_EUNSUPPORTED, "\"a/b\" is encrypted");
}

Test(zip_read, two_sizes_of_a_stored_member_are_refused)
{
    set_number(&z.file, entry_of(0) + ZIP_ENTRY_STORED, 3, 4);
    check_zip_refused(HF_EFORMAT, "is stored, but in another size");
}

Test(zip_read, a_header_outside_the_archive_is_refused)
{
    set_number(&z.file, entry_of(0) + ZIP_ENTRY_OFFSET, 0xfffffff0, 4);
    check_zip_refused(HF_EFORMAT, "\"a/b\": its header lies outside");
}

Test(zip_read, a_header_at_another_place_is_refused)
{
    set_number(&z.file, entry_of(0) + ZIP_ENTRY_OFFSET, 1, 4);
    check_zip_refused(HF_EFORMAT, "not where the directory says");
}

Test(zip_read, a_local_header_with_another_name_is_refused)
{
    z.file.data[z.local[0] + ZIP_LOCAL_NAME] = 'x';
    check_zip_refused(HF_EFORMAT, "local header has another name");
}

Test(zip_read, a_local_header_with_another_size_is_refused)
{
    set_number(&z.file, z.local[0] + ZIP_LOCAL_SIZE, 5, 4);
    check_zip_refused(HF_EFORMAT, "local header has another size");
}

Test(zip_read, a_local_header_of_a_compressed_member_is_refused)
{
    set_number(&z.file, z.local[0] + ZIP_LOCAL_METHOD, 8, 2);
    check_zip_refused(HF_EFORMAT, "local header says that it is compressed");
}

Test(zip_read, a_local_name_that_reaches_past_the_members_is_refused)
{
    set_number(&z.file, z.local[1] + ZIP_LOCAL_NAME_SIZE, 0xffff, 2);
    check_zip_refused(HF_EFORMAT, "reaches past the members");
}

Test(zip_read, a_member_that_reaches_into_the_directory_is_refused)
{
    set_number(&z.file, entry_of(1) + ZIP_ENTRY_STORED, 10, 4);
    set_number(&z.file, entry_of(1) + ZIP_ENTRY_SIZE, 10, 4);
    check_zip_refused(HF_EFORMAT, "\"a/c\": reaches past the members");
}

Test(zip_read, members_on_the_same_bytes_are_refused)
{
    z = (zip_maker){ .n = 0 };
    zip_add(&z, "a", "forty bytes of data, and a header inside", 40);
    z.file.n -= 36; /* the header of b takes 31 of them */
    zip_add(&z, "b", "x2345", 5);
    end = zip_finish(&z);
    check_zip_refused(HF_EFORMAT, "\"a\" and \"b\" overlap");
}

Test(zip_read, two_members_of_one_name_are_refused)
{
    z = (zip_maker){ .n = 0 };
    zip_add(&z, "same", "1", 1);
    zip_add(&z, "same", "2", 1);
    end = zip_finish(&z);
    check_zip_refused(HF_EFORMAT, "two members are called \"same\"");
}

Test(zip_read, an_archive_cut_off_anywhere_is_refused)
{
    while (z.file.n-- > 0)
        check_zip_refused(HF_EFORMAT, "");
}
