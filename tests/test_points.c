/* test_points.c - lists of points, typed and from files, and every refusal. */
#include <math.h>
#include "davis_tree.h"
#include "io/npy.h"
#include "io/points.h"

TestSuite(points, .init = tree_make, .fini = tree_remove);

static void expect(const char *spec, int n, const double *want)
{
    double *xy;
    int got;
    hf_error err = { 0 };
    cr_assert_eq(hf_points_read(&xy, &got, spec, &err), HF_OK, "%s", err.text);
    cr_assert_eq(got, n);
    for (int i = 0; i < 2 * n; i++)
        cr_assert_eq(xy[i], want[i]);
    free(xy);
}

static void refuse(const char *spec, hf_status status, const char *text)
{
    double *xy = (double *)1;
    int n;
    hf_error err = { 0 };
    cr_assert_eq(hf_points_read(&xy, &n, spec, &err), status, "%s: %s", spec, err.text);
    cr_assert(!xy && n == 0);
    cr_assert_not_null(strstr(err.text, text), "says \"%s\", want \"%s\"", err.text, text);
}

static const double three[] = { 120, 80, 33.5, 9, -1, 0.25 };

Test(points, typed_points_are_read)
{
    expect("120,80", 1, three);
    expect("120,80;33.5,9;-1,0.25", 3, three);
    expect("120, 80; 33.5, 9;", 2, three);
}

Test(points, text_json_and_npy_are_read)
{
    tree_text(tree_path("p.txt"), "# x y\n120 80\n\n 33.5,9 # a comment\r\n-1;0.25");
    expect(tree_path("p.txt"), 3, three);
    tree_text(tree_path("p.json"), "[[120, 80], [33.5, 9], [-1, 0.25]]");
    expect(tree_path("p.json"), 3, three);
    tree_text(tree_path("q.json"), "{\"points\": [[120, 80]]}");
    expect(tree_path("q.json"), 1, three);
    cr_assert_eq(hf_npy_write(tree_path("p.npy"), HF_ENTRY_F64, 2, (const int64_t[]){ 3, 2 }, three, NULL), HF_OK);
    expect(tree_path("p.npy"), 3, three);
}

Test(points, what_is_no_point_is_refused)
{
    refuse("", HF_EFORMAT, "no points");
    refuse("12", HF_EARG, "neither x,y;x,y");
    refuse("12;13", HF_EARG, "neither x,y;x,y");
    refuse("12,13,14", HF_EARG, "neither x,y;x,y");
    refuse("a,b", HF_EARG, "nor a file");
    refuse("nan,3", HF_EFORMAT, "not finite");
    refuse(tree_path("none.txt"), HF_EARG, "nor a file");
    refuse(tree_root, HF_EIO, "is a folder");
}

Test(points, broken_files_are_refused)
{
    const float values[] = { 1, 2, 3, NAN };
    tree_text(tree_path("p.txt"), "1 2\n3\n");
    refuse(tree_path("p.txt"), HF_EFORMAT, "p.txt: line 2: want x and y");
    tree_text(tree_path("p.txt"), "1 2 3\n");
    refuse(tree_path("p.txt"), HF_EFORMAT, "line 1");
    tree_text(tree_path("p.txt"), "# nothing\n");
    refuse(tree_path("p.txt"), HF_EFORMAT, "no points");
    tree_text(tree_path("p.json"), "[[1, 2], [3]]");
    refuse(tree_path("p.json"), HF_EFORMAT, "point 1: want [x, y]");
    tree_text(tree_path("p.json"), "[[1, 2]");
    refuse(tree_path("p.json"), HF_EFORMAT, "line 1, column");
    tree_text(tree_path("p.json"), "{\"a\": 1}");
    refuse(tree_path("p.json"), HF_EFORMAT, "\"points\"");
    hf_npy_write(tree_path("p.npy"), HF_ENTRY_F32, 1, (const int64_t[]){ 4 }, values, NULL);
    refuse(tree_path("p.npy"), HF_EFORMAT, "want [n,2]");
    hf_npy_write(tree_path("p.npy"), HF_ENTRY_F32, 2, (const int64_t[]){ 2, 2 }, values, NULL);
    refuse(tree_path("p.npy"), HF_EFORMAT, "not finite");
}
