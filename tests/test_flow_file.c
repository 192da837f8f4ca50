/* test_flow_file.c - fields of displacements to files and back, and every refusal. */
#include <math.h>
#include "davis_tree.h"
#include "io/flow_file.h"
#include "io/npy.h"

TestSuite(flow_file, .init = tree_make, .fini = tree_remove);

enum { W = 3, H = 2, N = 2 * W * H };

static const float field[N] = { 0, 1.5f, -2, 3, 1e5f, -0.25f, 7, 8, NAN, NAN, 11, 12 };

static void put_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

/* "PIEH", 3, 2, then the field: what the format's own programs write. */
static size_t flo_bytes(char *bytes, int width, int height)
{
    int32_t size[2] = { width, height };
    memcpy(bytes, "PIEH", 4);
    memcpy(bytes + 4, size, 8);
    memcpy(bytes + 12, field, sizeof(field));
    return 12 + sizeof(field);
}

static void expect_field(const float *got)
{
    for (int i = 0; i < N; i++)
        cr_assert(isnan(field[i]) ? isnan(got[i]) : got[i] == field[i], "number %d is %g", i, (double)got[i]);
}

static void expect_refused(const char *path, hf_status status, const char *text)
{
    float got[N];
    hf_error err = { 0 };
    cr_assert_eq(hf_flow_read(got, W, H, path, &err), status, "%s", err.text);
    cr_assert_not_null(strstr(err.text, text), "%s", err.text);
}

Test(flow_file, a_flo_file_is_read_as_its_bytes_say)
{
    char bytes[12 + sizeof(field)];
    float got[N];
    const char *path = tree_path("a.flo");
    put_bytes(path, bytes, flo_bytes(bytes, W, H));
    cr_assert_eq(hf_flow_read(got, W, H, path, NULL), HF_OK);
    expect_field(got);
}

Test(flow_file, what_is_written_comes_back)
{
    float got[N];
    const char *const names[] = { "b.flo", "b.npy" };
    for (int i = 0; i < 2; i++) {
        const char *path = tree_path("%s", names[i]);
        cr_assert_eq(hf_flow_write(path, field, W, H, NULL), HF_OK);
        cr_assert_eq(hf_flow_read(got, W, H, path, NULL), HF_OK);
        expect_field(got);
    }
}

Test(flow_file, numbers_beyond_a_milliard_are_no_match)
{
    char bytes[12 + sizeof(field)];
    float got[N], unknown = 1.666666752e9f; /* as some data sets have it */
    const char *path = tree_path("a.flo");
    size_t n = flo_bytes(bytes, W, H);
    memcpy(bytes + 12 + 4 * sizeof(float), &unknown, sizeof(float)); /* u of the third pixel */
    put_bytes(path, bytes, n);
    cr_assert_eq(hf_flow_read(got, W, H, path, NULL), HF_OK);
    cr_assert(isnan(got[4]) && isnan(got[5]) && got[6] == 7.0f);
}

Test(flow_file, integers_and_doubles_of_numpy_are_taken)
{
    double wide[N] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    float got[N];
    const char *path = tree_path("d.npy");
    cr_assert_eq(hf_npy_write(path, HF_ENTRY_F64, 3, (const int64_t[]){ H, W, 2 }, wide, NULL), HF_OK);
    cr_assert_eq(hf_flow_read(got, W, H, path, NULL), HF_OK);
    for (int i = 0; i < N; i++)
        cr_assert_eq(got[i], (float)wide[i]);
}

Test(flow_file, broken_flo_files_are_refused)
{
    char bytes[16 + sizeof(field)];
    const char *path = tree_path("a.flo");
    size_t n = flo_bytes(bytes, W, H);

    expect_refused(tree_path("none.flo"), HF_EIO, "No such file");
    put_bytes(path, bytes, 0);
    expect_refused(path, HF_EFORMAT, "an empty file");
    put_bytes(path, "HEIP\3\0\0\0", 8); /* the magic number backward */
    expect_refused(path, HF_EFORMAT, "neither a .flo nor a .npy");
    put_bytes(path, bytes, 9); /* ends inside the height */
    expect_refused(path, HF_EFORMAT, "too short for the header");
    put_bytes(path, bytes, n - 3); /* ends inside the last number */
    expect_refused(path, HF_EFORMAT, "ends after 11 of 12 numbers");
    memset(bytes + n, 0, 4);
    put_bytes(path, bytes, n + 4); /* one number too many */
    expect_refused(path, HF_EFORMAT, "goes on after");
    put_bytes(path, bytes, flo_bytes(bytes, H, W)); /* sides exchanged */
    expect_refused(path, HF_EFORMAT, "a field of 2x3 pixels, want 3x2");
    put_bytes(path, bytes, flo_bytes(bytes, -1, 2)); /* a negative width */
    expect_refused(path, HF_EFORMAT, "a field of -1x2 pixels");
}

Test(flow_file, npy_files_of_another_shape_are_refused)
{
    const char *path = tree_path("a.npy");
    cr_assert_eq(hf_npy_write(path, HF_ENTRY_F32, 3, (const int64_t[]){ 2, H, W }, field, NULL), HF_OK);
    expect_refused(path, HF_EFORMAT, "an array [2,2,3], want [2,3,2]");
    cr_assert_eq(hf_npy_write(path, HF_ENTRY_F32, 1, (const int64_t[]){ N }, field, NULL), HF_OK);
    expect_refused(path, HF_EFORMAT, "an array [12], want [2,3,2]");
}

Test(flow_file, other_endings_are_not_written)
{
    hf_error err = { 0 };
    cr_assert_eq(hf_flow_write(tree_path("a.png"), field, W, H, &err), HF_EARG);
    cr_assert_not_null(strstr(err.text, ".flo or .npy"), "%s", err.text);
    cr_assert_eq(hf_flow_write(tree_path("no/a.flo"), field, W, H, &err), HF_EIO);
    cr_assert_eq(access(tree_path("a.png"), F_OK), -1);
}

Test(flow_file, a_field_is_found_by_the_stem_of_its_frame)
{
    char path[512];
    hf_error err = { 0 };
    cr_assert_eq(hf_flow_find(path, sizeof(path), tree_root, "00007", &err), HF_EIO);
    cr_assert_not_null(strstr(err.text, "neither 00007.flo nor 00007.npy"), "%s", err.text);
    cr_assert_eq(hf_flow_write(tree_path("00007.npy"), field, W, H, NULL), HF_OK);
    cr_assert_eq(hf_flow_find(path, sizeof(path), tree_root, "00007", NULL), HF_OK);
    cr_assert_str_eq(path, tree_path("00007.npy"));
}
