/* test_safetensors_out.c - what is written is what the reader reads, and what cannot be written is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "io/safetensors_out.h"

static hf_error err;
static char     path[] = "/tmp/hfprop-safetensors-XXXXXX";

static void make_file(void) { close(mkstemp(path)); }
static void remove_file(void) { unlink(path); }

TestSuite(safetensors_out, .init = make_file, .fini = remove_file);

Test(safetensors_out, what_is_written_is_read_again)
{
    float features[6] = { 1, -2, 3, 4, 5, 6.5f };
    uint8_t odd[3] = { 7, 8, 9 };
    double one = 0.25;
    hf_tensor_entry arrays[] = {
        { .name = "odd", .type = HF_ENTRY_U8, .n_dims = 1, .shape = { 3 }, .data = odd },
        { .name = "features", .type = HF_ENTRY_F32, .n_dims = 2, .shape = { 2, 3 }, .data = features },
        { .name = "one", .type = HF_ENTRY_F64, .n_dims = 0, .data = &one },
    };
    hf_metadata_line about[] = { { "model", "classic" }, { "image", "a \"quoted\" name.png" } };
    hf_tensor_file *file;
    cr_assert_eq(hf_safetensors_write(path, arrays, 3, about, 2, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_tensor_file_open(&file, path, &err), HF_OK, "%s", err.text);
    const hf_tensor_entry *e = hf_tensor_file_find(file, "features");
    cr_assert(e && e->type == HF_ENTRY_F32 && e->n_dims == 2 && e->shape[0] == 2 && e->shape[1] == 3);
    cr_assert_arr_eq(e->data, features, sizeof(features));
    e = hf_tensor_file_find(file, "one");
    cr_assert(e && e->n_dims == 0 && *(const double *)e->data == 0.25);
    cr_assert(strstr(hf_tensor_file_metadata(file), "a \\\"quoted\\\" name.png"), "%s", hf_tensor_file_metadata(file));
    hf_tensor_file_close(&file);
}

Test(safetensors_out, names_and_sizes_that_cannot_be_are_refused)
{
    float x[2] = { 0 };
    hf_tensor_entry same[2] = { { .name = "a", .type = HF_ENTRY_F32, .n_dims = 1, .shape = { 2 }, .data = x },
                                { .name = "a", .type = HF_ENTRY_F32, .n_dims = 1, .shape = { 2 }, .data = x } };
    hf_tensor_entry reserved = { .name = "__metadata__", .type = HF_ENTRY_F32, .n_dims = 1, .shape = { 2 }, .data = x };
    hf_tensor_entry negative = { .name = "b", .type = HF_ENTRY_F32, .n_dims = 1, .shape = { -2 }, .data = x };
    hf_tensor_entry not_utf8 = { .name = "\xff", .type = HF_ENTRY_F32, .n_dims = 1, .shape = { 2 }, .data = x };
    hf_metadata_line bad = { "key", "\xff" };
    cr_expect_eq(hf_safetensors_write(path, same, 2, NULL, 0, &err), HF_EARG);
    cr_expect(strstr(err.text, "\"a\" cannot be the name"), "%s", err.text);
    cr_expect_eq(hf_safetensors_write(path, &reserved, 1, NULL, 0, &err), HF_EARG);
    cr_expect_eq(hf_safetensors_write(path, &negative, 1, NULL, 0, &err), HF_EARG);
    cr_expect(strstr(err.text, "array \"b\" has a shape"), "%s", err.text);
    cr_expect_eq(hf_safetensors_write(path, &not_utf8, 1, NULL, 0, &err), HF_EARG);
    cr_expect_eq(hf_safetensors_write(path, same, 1, &bad, 1, &err), HF_EARG);
    cr_expect(strstr(err.text, "metadata \"key\" is not UTF-8"), "%s", err.text);
}

Test(safetensors_out, a_folder_that_is_not_there_is_named)
{
    float x = 0;
    hf_tensor_entry one = { .name = "a", .type = HF_ENTRY_F32, .n_dims = 0, .data = &x };
    cr_expect_eq(hf_safetensors_write("/tmp/no-such-folder/a.safetensors", &one, 1, NULL, 0, &err), HF_EIO);
    cr_expect(strstr(err.text, "/tmp/no-such-folder/a.safetensors.part: No such file"), "%s", err.text);
}
