/* test_tensor_file.c - files that torch and safetensors wrote (tests/golden/tensor_files), array by array, and what is no file of
 * weights at all. */
#include <jansson.h>
#include "davis_tree.h"
#include "io/tensor_file.h"

#define GOLDENS HF_SOURCE_ROOT "/tests/golden/tensor_files/"

static hf_tensor_file *open_golden(const char *name)
{
    char path[512];
    hf_tensor_file *f;
    hf_error err = { 0 };

    snprintf(path, sizeof(path), GOLDENS "%s", name);
    cr_assert_eq(hf_tensor_file_open(&f, path, &err), HF_OK, "%s", err.text);
    return f;
}

static void check_bytes(const hf_tensor_entry *e, const char *hex, const char *file)
{
    cr_assert_eq(strlen(hex), 2 * e->bytes, "%s: %s: %zu bytes", file, e->name, e->bytes);
    for (size_t i = 0; i < e->bytes; i++) {
        char text[3];
        snprintf(text, sizeof(text), "%02x", ((const uint8_t *)e->data)[i]);
        cr_assert_eq(memcmp(text, hex + 2 * i, 2), 0, "%s: %s: byte %zu is %s", file, e->name, i, text);
    }
}

static void check_array(const hf_tensor_entry *e, const char *type, const char *shape, const char *file)
{
    char text[256] = "";
    for (int i = 0, n = 0; i < e->n_dims; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%lld", i ? "," : "", (long long)e->shape[i]);
    cr_assert_str_eq(text, shape, "%s: %s", file, e->name);
    cr_assert_str_eq(hf_entry_type_name(e->type), type, "%s: %s", file, e->name);
}

static void check_metadata(const hf_tensor_file *f, const char *json, const char *file)
{
    json_t *found = json_loads(hf_tensor_file_metadata(f), 0, NULL), *want = json_loads(json, 0, NULL);
    cr_assert(found && want && json_equal(found, want), "%s: %s, want %s", file, hf_tensor_file_metadata(f), json);
    json_decref(found);
    json_decref(want);
}

/* Every line of expected.txt: file, name, type, shape, hex; or file, "metadata", JSON, with which a file ends. */
Test(tensor_file, files_of_other_programs_hold_what_was_put_in)
{
    FILE *expected = fopen(GOLDENS "expected.txt", "r");
    char *line = NULL;
    size_t room = 0, n_here = 0, n_files = 0, n;
    hf_tensor_file *f = NULL;

    cr_assert_not_null(expected);
    while (getline(&line, &room, expected) > 0) {
        char *rest = line, *file = strsep(&rest, "\t"), *name = strsep(&rest, "\t"), *third = strsep(&rest, "\t\n");
        if (!f)
            f = open_golden(file), n_here = 0, n_files++;
        if (strcmp(name, "metadata") == 0) {
            check_metadata(f, third, file);
            hf_tensor_file_list(f, &n);
            cr_assert_eq(n, n_here, "%s: %zu arrays, want %zu", file, n, n_here);
            hf_tensor_file_close(&f);
            continue;
        }
        const hf_tensor_entry *e = hf_tensor_file_find(f, name);
        cr_assert_not_null(e, "%s has no %s", file, name);
        check_array(e, third, strsep(&rest, "\t"), file);
        check_bytes(e, strsep(&rest, "\n"), file);
        n_here++;
    }
    cr_assert_eq(n_files, 12);
    cr_assert_null(f);
    free(line);
    fclose(expected);
}

Test(tensor_file, the_list_is_sorted_by_name)
{
    size_t n;
    hf_tensor_file *f = open_golden("views.pt");
    const hf_tensor_entry *e = hf_tensor_file_list(f, &n);
    for (size_t i = 1; i < n; i++)
        cr_assert_lt(strcmp(e[i - 1].name, e[i].name), 0);
    cr_assert_gt(n, 10);
    hf_tensor_file_close(&f);
}

Test(tensor_file, a_name_that_is_not_there_is_not_found)
{
    hf_tensor_file *f = open_golden("views.pt");
    cr_assert_null(hf_tensor_file_find(f, "bas"));
    cr_assert_null(hf_tensor_file_find(f, ""));
    hf_tensor_file_close(&f);
    cr_assert_null(f);
    hf_tensor_file_close(&f);
}

Test(tensor_file, the_path_is_kept)
{
    hf_tensor_file *f = open_golden("alone.pt");
    cr_assert_str_eq(hf_tensor_file_path(f), GOLDENS "alone.pt");
    hf_tensor_file_close(&f);
}

/* An array of many pages, in a file and in memory: dropping the second must do nothing, as its bytes are nowhere else. */
Test(tensor_file, an_array_that_was_dropped_can_be_read_again, .init = tree_make, .fini = tree_remove)
{
    enum { N = 100000 };
    static char bytes[8 + 64 + N];
    hf_tensor_file *files[2];
    hf_error err = { 0 };
    int n = snprintf(bytes + 8, 65, "{\"a\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]}}", N, N);

    bytes[0] = (char)n;
    memset(bytes + 8 + n, 'x', N);
    FILE *out = fopen(tree_path("big"), "wb");
    cr_assert_not_null(out);
    cr_assert_eq(fwrite(bytes, 1, (size_t)(8 + n + N), out), 8 + n + N);
    fclose(out);
    cr_assert_eq(hf_tensor_file_open(&files[0], tree_path("big"), &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_tensor_file_open_memory(&files[1], bytes, (size_t)(8 + n + N), "it", &err), HF_OK, "%s", err.text);
    for (int i = 0; i < 2; i++) {
        const hf_tensor_entry *e = hf_tensor_file_find(files[i], "a");
        cr_assert_not_null(e);
        hf_tensor_file_drop(files[i], e);
        for (size_t k = 0; k < e->bytes; k++)
            cr_assert_eq(((const char *)e->data)[k], 'x', "file %d, byte %zu", i, k);
        hf_tensor_file_close(&files[i]);
    }
}

/* ---- no file of weights ---- */

static void check_path_refused(const char *path, hf_status status, const char *text)
{
    hf_tensor_file *f;
    hf_error err = { 0 };
    cr_assert_eq(hf_tensor_file_open(&f, path, &err), status, "%s", err.text);
    cr_assert_null(f);
    cr_assert_not_null(strstr(err.text, text), "%s", err.text);
    cr_assert_eq(strncmp(err.text, path, strlen(path)), 0, "%s", err.text);
}

static void check_text_refused(const char *content, hf_status status, const char *text)
{
    tree_text(tree_path("file"), content);
    check_path_refused(tree_path("file"), status, text);
}

TestSuite(tensor_file_kind, .init = tree_make, .fini = tree_remove);

Test(tensor_file_kind, a_missing_file_is_refused) { check_path_refused(tree_path("none"), HF_EIO, "No such file"); }

Test(tensor_file_kind, a_folder_is_refused) { check_path_refused(tree_root, HF_EIO, "is a folder, want a file"); }

Test(tensor_file_kind, a_named_pipe_is_refused_without_waiting)
{
    cr_assert_eq(mkfifo(tree_path("pipe"), 0600), 0);
    check_path_refused(tree_path("pipe"), HF_EIO, "is no regular file");
}

Test(tensor_file_kind, an_empty_file_is_refused) { check_text_refused("", HF_EFORMAT, "is empty"); }

Test(tensor_file_kind, a_text_is_refused) { check_text_refused("weights", HF_EFORMAT, "of an unknown format; want safetensors"); }

Test(tensor_file_kind, a_pointer_of_git_lfs_is_recognised)
{
    check_text_refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", HF_EFORMAT, "Git LFS pointer");
}

Test(tensor_file_kind, a_web_page_is_recognised) { check_text_refused("<!DOCTYPE html>", HF_EFORMAT, "web page"); }

Test(tensor_file_kind, a_gguf_file_is_recognised) { check_text_refused("GGUF\3", HF_EUNSUPPORTED, "GGUF"); }

Test(tensor_file_kind, no_bytes_in_memory_are_refused)
{
    hf_tensor_file *f;
    hf_error err = { 0 };
    cr_assert_eq(hf_tensor_file_open_memory(&f, "", 0, "it", &err), HF_EFORMAT);
    cr_assert_str_eq(err.text, "it: of an unknown format; want safetensors, a torch archive or an index of shards");
}
