/* test_safetensors.c - every refusal of the safetensors reader, with the bytes that cause it. Good files: test_tensor_file.c */
#include "weights_maker.h"

static void check_header(const char *header, size_t n_data, hf_status status, const char *text)
{
    static bytes b;
    put_safetensors(&b, header, n_data);
    check_refused(&b, status, text);
}

static void check_good(const char *header, size_t n_data)
{
    static bytes b;
    hf_tensor_file *f;
    hf_error err = { 0 };
    uint8_t *copy;

    put_safetensors(&b, header, n_data);
    cr_assert_eq(open_bytes(&f, &copy, b.data, b.n, &err), HF_OK, "%s", err.text);
    hf_tensor_file_close(&f);
    free(copy);
}

Test(safetensors, a_file_without_arrays_is_read) { check_good("{}", 0); }

Test(safetensors, spaces_behind_the_header_are_read) { check_good("{}      ", 0); }

Test(safetensors, keys_of_later_versions_are_skipped)
{
    check_good("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2],\"crc\":7}}", 2);
}

Test(safetensors, arrays_may_come_in_another_order_than_their_data)
{
    check_good("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]},"
               "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
               "\"none\":{\"dtype\":\"F32\",\"shape\":[4,0],\"data_offsets\":[3,3]}}", 5);
}

Test(safetensors, a_header_longer_than_the_file_is_refused)
{
    check_refused_bytes("\x03\0\0\0\0\0\0\0{}", 10, HF_EFORMAT, "header claims 3 bytes, file has 2"); /* byte 0: 2 */
}

Test(safetensors, a_header_of_hundreds_of_megabytes_is_refused)
{
    static uint8_t big[8 + (40 << 20)] = { [3] = 2, [8] = '{' }; /* 2 << 24 is 32 MB, the limit; one more */
    big[0] = 1;
    check_refused_bytes(big, sizeof(big), HF_EFORMAT, "want at most 33554432");
}

Test(safetensors, a_header_that_is_no_json_is_refused) { check_header("{\"a\":}", 0, HF_EFORMAT, "header: byte 14"); }

Test(safetensors, text_behind_the_header_object_is_refused) { check_header("{}{}", 0, HF_EFORMAT, "end of file expected"); }

Test(safetensors, a_name_that_comes_twice_is_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                 "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, HF_EFORMAT, "duplicate");
}

Test(safetensors, an_array_that_is_no_object_is_refused) { check_header("{\"a\":[1]}", 0, HF_EFORMAT, "\"a\": is not described"); }

Test(safetensors, an_array_without_type_is_refused)
{
    check_header("{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, HF_EFORMAT, "no \"dtype\"");
}

Test(safetensors, a_type_that_is_not_read_is_named)
{
    check_header("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, HF_EUNSUPPORTED, "type F8_E4M3");
}

Test(safetensors, an_array_without_shape_is_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, HF_EFORMAT, "no \"shape\"");
}

Test(safetensors, nine_dimensions_are_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, HF_EUNSUPPORTED,
                 "9 dimensions, want at most 8");
}

Test(safetensors, a_dimension_that_is_no_integer_is_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}", 1, HF_EFORMAT, "no integer");
}

Test(safetensors, a_negative_dimension_is_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[-1,-1],\"data_offsets\":[0,1]}}", 1, HF_EFORMAT, "dimension 0 is -1");
}

Test(safetensors, a_shape_whose_product_wraps_round_is_refused)
{
    /* 2^32 * 2^32 is 0 in 64 bits */
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, HF_EFORMAT,
                 "larger than any memory");
}

Test(safetensors, a_shape_whose_bytes_wrap_round_is_refused)
{
    /* 2^61 elements of 8 bytes */
    check_header("{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", 0, HF_EFORMAT,
                 "larger than any memory");
}

Test(safetensors, an_array_without_offsets_is_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, HF_EFORMAT, "no \"data_offsets\"");
}

Test(safetensors, three_offsets_are_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1, HF_EFORMAT, "no \"data_offsets\"");
}

Test(safetensors, an_array_behind_the_end_of_the_data_is_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]}}", 4, HF_EFORMAT,
                 "\"a\": bytes 0 to 5 of its data, which has 4");
}

Test(safetensors, an_array_that_begins_before_the_data_is_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[-1,1]}}", 2, HF_EFORMAT, "bytes -1 to 1");
}

Test(safetensors, an_array_that_ends_before_it_begins_is_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[2,1]}}", 2, HF_EFORMAT, "bytes 2 to 1");
}

Test(safetensors, bytes_that_do_not_fit_the_shape_are_refused)
{
    check_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, HF_EFORMAT, "4 bytes, its shape wants 8");
}

Test(safetensors, arrays_that_overlap_are_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
                 "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}", 4, HF_EFORMAT, "overlap");
}

Test(safetensors, a_hole_between_arrays_is_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                 "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}", 4, HF_EFORMAT, "hole");
}

Test(safetensors, bytes_behind_the_last_array_are_refused)
{
    check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 2, HF_EFORMAT,
                 "2 bytes of data, its arrays take 1");
}

Test(safetensors, metadata_that_is_no_object_is_refused) { check_header("{\"__metadata__\":1}", 0, HF_EFORMAT, "is no object"); }

Test(safetensors, metadata_with_a_number_is_refused)
{
    check_header("{\"__metadata__\":{\"a\":1}}", 0, HF_EFORMAT, "a value is no string");
}

Test(safetensors, a_file_cut_off_anywhere_is_refused)
{
    static bytes b;
    put_safetensors(&b, "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3);
    for (size_t n = 0; n < b.n; n++)
        check_refused_bytes(b.data, n, HF_EFORMAT, "");
}
