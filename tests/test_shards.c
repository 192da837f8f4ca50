/* test_shards.c - indexes of models in several files. Good ones of other programs: test_tensor_file.c */
#include "davis_tree.h"
#include "io/tensor_file.h"

TestSuite(shards, .init = tree_make, .fini = tree_remove);

/* A safetensors file with one array of one byte. */
static void add_shard(const char *file, const char *array)
{
    char header[128];
    const char *path = tree_path("%s", file);
    int n = snprintf(header, sizeof(header), "{\"%s\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", array);
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    fputc(n, f);
    fwrite("\0\0\0\0\0\0\0", 1, 7, f);
    fwrite(header, 1, (size_t)n, f);
    fputc('x', f);
    fclose(f);
}

static void check_refused(const char *index, hf_status status, const char *text)
{
    hf_tensor_file *f;
    hf_error err = { 0 };

    tree_text(tree_path("index.json"), index);
    cr_assert_eq(hf_tensor_file_open(&f, tree_path("index.json"), &err), status, "%s", err.text);
    cr_assert_null(f);
    cr_assert_not_null(strstr(err.text, text), "%s", err.text);
}

Test(shards, arrays_of_two_files_are_one_table)
{
    hf_tensor_file *f;
    hf_error err = { 0 };
    size_t n;

    add_shard("1.safetensors", "b");
    add_shard("2.safetensors", "a");
    tree_text(tree_path("index.json"), "{\"weight_map\":{\"a\":\"2.safetensors\",\"b\":\"1.safetensors\"}}");
    cr_assert_eq(hf_tensor_file_open(&f, tree_path("index.json"), &err), HF_OK, "%s", err.text);
    const hf_tensor_entry *list = hf_tensor_file_list(f, &n);
    cr_assert_eq(n, 2);
    cr_assert_str_eq(list[0].name, "a");
    cr_assert_str_eq(list[1].name, "b");
    hf_tensor_file_drop(f, &list[1]);
    cr_assert_arr_eq(list[1].data, "x", 1);
    cr_assert_str_eq(hf_tensor_file_metadata(f), "{}");
    hf_tensor_file_close(&f);
}

Test(shards, arrays_that_the_index_leaves_out_are_not_there)
{
    hf_tensor_file *f;
    hf_error err = { 0 };
    size_t n;

    add_shard("1.safetensors", "a");
    tree_text(tree_path("index.json"), " {\"weight_map\":{}}");
    cr_assert_eq(hf_tensor_file_open(&f, tree_path("index.json"), &err), HF_OK, "%s", err.text);
    hf_tensor_file_list(f, &n);
    cr_assert_eq(n, 0);
    cr_assert_null(hf_tensor_file_find(f, "a"));
    hf_tensor_file_close(&f);
}

Test(shards, json_of_another_kind_is_refused)
{
    check_refused("{\"_class_name\":\"UNet2DConditionModel\"}", HF_EFORMAT, "JSON without \"weight_map\"");
    check_refused("{\"weight_map\":[\"a\"]}", HF_EFORMAT, "JSON without \"weight_map\"");
}

Test(shards, broken_json_is_refused_with_its_line) { check_refused("{\n\"weight_map\":{,}}", HF_EFORMAT, "index.json: line 2"); }

Test(shards, an_array_in_two_files_is_refused)
{
    check_refused("{\"weight_map\":{\"a\":\"1\",\"a\":\"2\"}}", HF_EFORMAT, "duplicate");
}

Test(shards, an_array_in_no_file_is_refused) { check_refused("{\"weight_map\":{\"a\":1}}", HF_EFORMAT, "\"a\" is in no file"); }

Test(shards, a_file_in_another_folder_is_refused)
{
    check_refused("{\"weight_map\":{\"a\":\"../1.safetensors\"}}", HF_EFORMAT, "want a file in the same folder");
    check_refused("{\"weight_map\":{\"a\":\"/etc/passwd\"}}", HF_EFORMAT, "want a file in the same folder");
    check_refused("{\"weight_map\":{\"a\":\"..\"}}", HF_EFORMAT, "want a file in the same folder");
    check_refused("{\"weight_map\":{\"a\":\"\"}}", HF_EFORMAT, "want a file in the same folder");
}

Test(shards, a_missing_shard_is_named)
{
    check_refused("{\"weight_map\":{\"a\":\"1.safetensors\"}}", HF_EIO, "1.safetensors: No such file");
}

Test(shards, an_array_that_is_not_in_its_shard_is_named)
{
    add_shard("1.safetensors", "b");
    check_refused("{\"weight_map\":{\"a\":\"1.safetensors\"}}", HF_EFORMAT, "\"a\" is not in 1.safetensors");
}

Test(shards, an_index_that_names_itself_is_refused)
{
    check_refused("{\"weight_map\":{\"a\":\"index.json\"}}", HF_EFORMAT, "index.json: of an unknown format");
}

Test(shards, an_index_in_memory_has_no_shards)
{
    static const char text[] = "{\"weight_map\":{\"a\":\"1.safetensors\"}}";
    hf_tensor_file *f;
    hf_error err = { 0 };

    cr_assert_eq(hf_tensor_file_open_memory(&f, text, sizeof(text) - 1, "it", &err), HF_EUNSUPPORTED, "%s", err.text);
    cr_assert_null(f);
}

Test(shards, an_index_of_more_than_32_megabytes_is_refused)
{
    hf_tensor_file *f;
    hf_error err = { 0 };

    tree_text(tree_path("index.json"), "{");
    cr_assert_eq(truncate(tree_path("index.json"), (32 << 20) + 1), 0);
    cr_assert_eq(hf_tensor_file_open(&f, tree_path("index.json"), &err), HF_EFORMAT, "%s", err.text);
    cr_assert_not_null(strstr(err.text, "want at most 33554432"), "%s", err.text);
}
