/* test_keypoints.c - readers of annotated pairs: each layout, and every refusal. */
#include "davis_tree.h"
#include "io/keypoints.h"

TestSuite(keypoints, .init = tree_make, .fini = tree_remove);

static hf_keypoints *read_good(const char *path, const hf_keypoints_params *params)
{
    hf_keypoints *set;
    hf_error err = { 0 };
    cr_assert_eq(hf_keypoints_read(&set, path, params, &err), HF_OK, "%s", err.text);
    return set;
}

static void expect_refused(const char *path, const hf_keypoints_params *params, hf_status status, const char *text)
{
    hf_keypoints *set = (hf_keypoints *)1;
    hf_error err = { 0 };
    cr_assert_eq(hf_keypoints_read(&set, path, params, &err), status, "%s (want %s)", err.text, text);
    cr_assert_null(set);
    cr_assert_not_null(strstr(err.text, text), "says \"%s\", want \"%s\"", err.text, text);
}

static void refuse_text(const char *name, const char *content, const char *text)
{
    tree_text(tree_path("%s", name), content);
    expect_refused(tree_path("%s", name), NULL, HF_EFORMAT, text);
}

/* ---- reduced JSON ---- */

#define REDUCED_HEAD "[{\"source_path\": \"a.jpg\", \"target_path\": \"b.jpg\", "
#define POINTS "\"source_points\": [[1, 2.5], [3, 4]], \"target_points\": [[5, 6], [7, 8]]"

Test(keypoints, the_reduced_json_is_read)
{
    tree_text(tree_path("r.json"), REDUCED_HEAD POINTS
              ", \"category\": \"dog\", \"target_bounding_box\": [10, 20, 30, 50], \"mirror\": 0}]");
    hf_keypoints *set = read_good(tree_path("r.json"), NULL);
    const hf_keypoint_pair *p = &set->pairs[0];
    cr_assert_eq(set->layout, HF_KEYPOINTS_REDUCED);
    cr_assert(set->n == 1 && p->n == 2 && set->n_skipped == 0);
    cr_assert_str_eq(p->source.image, "a.jpg");
    cr_assert_str_eq(p->target.image, "b.jpg");
    cr_assert_str_eq(p->category, "dog");
    cr_assert(p->source.xy[0] == 1 && p->source.xy[1] == 2.5 && p->target.xy[2] == 7 && p->target.xy[3] == 8);
    cr_assert(!p->source.has_box && p->target.has_box && p->target.box[1] == 20 && p->target.box[2] == 30);
    cr_assert(p->source.width == 0);
    hf_keypoints_free(&set);
    cr_assert_null(set);
}

Test(keypoints, broken_reduced_json_is_refused)
{
    refuse_text("a.json", REDUCED_HEAD, "line 1, column");
    refuse_text("a.json", "", "line 1, column");
    refuse_text("a.json", "3", "'[' or '{' expected");
    refuse_text("a.json", "[]", "no pair");
    refuse_text("a.json", "[7]", "entry 0: not an object");
    refuse_text("a.json", "[{\"target_path\": \"b\", " POINTS "}]", "\"source_path\" is missing");
    refuse_text("a.json", "[{\"source_path\": 3, \"target_path\": \"b\", " POINTS "}]", "\"source_path\" is no text");
    refuse_text("a.json", REDUCED_HEAD "\"source_points\": [[1, 2]]}]", "\"target_points\" is missing");
    refuse_text("a.json", REDUCED_HEAD "\"source_points\": 5, \"target_points\": []}]", "\"source_points\" is no list");
    refuse_text("a.json", REDUCED_HEAD "\"source_points\": [[1]], \"target_points\": [[1, 2]]}]", "list of 2 numbers");
    refuse_text("a.json", REDUCED_HEAD "\"source_points\": [[1, \"x\"]], \"target_points\": [[1, 2]]}]", "no number");
    refuse_text("a.json", REDUCED_HEAD "\"source_points\": [[1, 2]], \"target_points\": [[1, 2], [3, 4]]}]",
                "1 points in the source and 2 in the target");
    refuse_text("a.json", REDUCED_HEAD "\"source_points\": [[1, 1e9]], \"target_points\": [[1, 2]]}]",
                "source has the coordinate 1e+09");
    refuse_text("a.json", REDUCED_HEAD POINTS ", \"target_bounding_box\": [10, 20, 30]}]", "list of 4 numbers");
    refuse_text("a.json", REDUCED_HEAD POINTS ", \"target_bounding_box\": [10, 20, 5, 50]}]", "has no area");
    refuse_text("a.json", REDUCED_HEAD POINTS ", \"category\": 4}]", "\"category\" is no text");
    refuse_text("a.json", REDUCED_HEAD "\"source_points\": [], \"target_points\": []}]", "(1 without)");
}

Test(keypoints, names_that_lead_elsewhere_are_refused)
{
    refuse_text("a.json", "[{\"source_path\": \"\", \"target_path\": \"b\", " POINTS "}]", "is empty");
    refuse_text("a.json", "[{\"source_path\": \"/etc/x.jpg\", \"target_path\": \"b\", " POINTS "}]", "absolute");
    refuse_text("a.json", "[{\"source_path\": \"a\", \"target_path\": \"b/../../c\", " POINTS "}]", "leads out");
}

Test(keypoints, what_is_no_annotation_is_refused)
{
    tree_text(tree_path("x.txt"), "hello");
    expect_refused(tree_path("x.txt"), NULL, HF_EFORMAT, "want key points as .json");
    expect_refused(tree_path("none.json"), NULL, HF_EIO, "No such file");
    expect_refused(tree_root, NULL, HF_EFORMAT, "no key points in it");
    tree_text(tree_path("r.json"), REDUCED_HEAD POINTS "}]");
    expect_refused(tree_path("r.json"), &(hf_keypoints_params){ .split = "val" }, HF_EARG, "is one file");
    expect_refused(tree_root, &(hf_keypoints_params){ .split = "val" }, HF_EARG, "has no splits");
    expect_refused(tree_root, &(hf_keypoints_params){ .split = "../val" }, HF_EARG, "plain name");
    expect_refused(tree_root, &(hf_keypoints_params){ .pairs_path = "p.txt" }, HF_EARG, "is for CUB-200-2011");
}

/* ---- SPair-71k ---- */

#define SPAIR(category)                                                                               \
    "{\"src_imname\": \"a.jpg\", \"trg_imname\": \"b.jpg\", \"src_kps\": [[1, 2]], \"trg_kps\": [[3, 4]], " \
    "\"kps_ids\": [\"0\"], \"src_imsize\": [640, 480, 3], \"trg_imsize\": [500, 333, 3], "             \
    "\"src_bndbox\": [1, 2, 30, 40], \"trg_bndbox\": [3, 4, 50, 60], \"category\": \"" category "\"}"

Test(keypoints, a_tree_of_spair_is_read_in_the_order_of_its_list)
{
    tree_text(tree_path("PairAnnotation/test/000001-a-b:cat.json"), SPAIR("cat"));
    tree_text(tree_path("PairAnnotation/test/000002-a-b:dog.json"), SPAIR("dog"));
    tree_text(tree_path("PairAnnotation/test/000003-a-b:cow.json"), SPAIR("cow"));
    tree_text(tree_path("Layout/large/test.txt"), "000003-a-b:cow\n000001-a-b:cat\n");
    hf_keypoints *set = read_good(tree_root, NULL);
    cr_assert_eq(set->layout, HF_KEYPOINTS_SPAIR);
    cr_assert_eq(set->n, 2);
    cr_assert_str_eq(set->split, "test");
    cr_assert_str_eq(set->pairs[0].category, "cow");
    cr_assert_str_eq(set->pairs[0].source.image, "JPEGImages/cow/a.jpg");
    cr_assert(set->pairs[0].source.width == 640 && set->pairs[0].target.height == 333);
    cr_assert_eq(set->pairs[0].target.box[3], 60);
    hf_keypoints_free(&set);
}

Test(keypoints, a_folder_and_a_single_pair_of_spair_are_read)
{
    tree_text(tree_path("some/2.json"), SPAIR("dog"));
    tree_text(tree_path("some/1.json"), SPAIR("cat"));
    hf_keypoints *set = read_good(tree_path("some"), NULL);
    cr_assert_eq(set->n, 2);
    cr_assert_str_eq(set->pairs[0].category, "cat");
    hf_keypoints_free(&set);
    set = read_good(tree_path("some/2.json"), NULL);
    cr_assert(set->n == 1 && set->split[0] == 0);
    hf_keypoints_free(&set);
}

Test(keypoints, broken_trees_of_spair_are_refused)
{
    tree_text(tree_path("PairAnnotation/test/1.json"), SPAIR("cat"));
    expect_refused(tree_root, &(hf_keypoints_params){ .split = "trn" }, HF_EIO, "PairAnnotation/trn");
    tree_text(tree_path("Layout/large/test.txt"), "1\n7\n"); /* 7.json is not there */
    expect_refused(tree_root, NULL, HF_EIO, "7.json");
    tree_text(tree_path("Layout/large/test.txt"), "../../x\n");
    expect_refused(tree_root, NULL, HF_EFORMAT, "test.txt: line 1");
    refuse_text("p.json", "{\"src_imname\": \"a\"}", "\"src_kps\" is missing");
    refuse_text("p.json", "{\"src_imname\": \"a\", \"src_kps\": [], \"src_imsize\": [5, 5]}", "list of 3 numbers");
    refuse_text("p.json", "{\"src_imname\": \"a\", \"src_kps\": [], \"src_imsize\": [0, 5, 3]}", "want a size");
}

/* ---- PF-PASCAL and PF-WILLOW ---- */

#define PASCAL_HEAD "source_image,target_image,class,XA,YA,XB,YB\n"

Test(keypoints, pf_pascal_keeps_the_points_that_both_images_have)
{
    tree_text(tree_path("p.csv"), PASCAL_HEAD "J/a.jpg,J/b.jpg,12,1;2;3,4;5;6,7;-1;9,10;11;12\r\n"
                                              "J/a.jpg,J/b.jpg,1,1;nan,4;nan,nan;8,nan;11\n");
    hf_keypoints *set = read_good(tree_path("p.csv"), NULL);
    const hf_keypoint_pair *p = &set->pairs[0];
    cr_assert_eq(set->layout, HF_KEYPOINTS_PF_PASCAL);
    cr_assert(set->n == 1 && set->n_skipped == 1 && p->n == 2);
    cr_assert_str_eq(p->category, "dog");
    cr_assert(p->source.xy[2] == 3 && p->source.xy[3] == 6 && p->target.xy[2] == 9 && p->target.xy[3] == 12);
    cr_assert(!p->target.has_box);
    hf_keypoints_free(&set);
}

Test(keypoints, broken_lists_of_pf_pascal_are_refused)
{
    refuse_text("p.csv", "", "0 columns");
    refuse_text("p.csv", "source_image,target_image,class,flip\na,b,1,0\n", "this list has no coordinates");
    refuse_text("p.csv", PASCAL_HEAD, "no pair");
    refuse_text("p.csv", PASCAL_HEAD "a,b,1,1,2,3\n", "line 2: 6 columns, the first line has 7");
    refuse_text("p.csv", PASCAL_HEAD "a,b,21,1,2,3,4\n", "class 21, want 1..20");
    refuse_text("p.csv", PASCAL_HEAD "a,b,x,1,2,3,4\n", "\"x\" is no number");
    refuse_text("p.csv", PASCAL_HEAD "a,b,1,1;2,2,3,4\n", "lists of 2, 1, 1 and 1");
    refuse_text("p.csv", PASCAL_HEAD "a,b,1,1;,2;2,3;3,4;4\n", "\"\" is no number");
    refuse_text("p.csv", PASCAL_HEAD "a,b,1,1e300,2,3,4\n", "coordinate 1e+300");
    refuse_text("p.csv", PASCAL_HEAD "../a,b,1,1,2,3,4\n", "leads out");
}

Test(keypoints, pf_willow_has_ten_points_and_its_folder_for_category)
{
    char text[2048] = "imageA,imageB";
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), ",c%d", i);
    strcat(text, "\nPF-dataset/car(G)/a.png,PF-dataset/car(G)/b.png");
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), ",%d.5", i);
    tree_text(tree_path("w.csv"), text);
    hf_keypoints *set = read_good(tree_path("w.csv"), NULL);
    const hf_keypoint_pair *p = &set->pairs[0];
    cr_assert_eq(set->layout, HF_KEYPOINTS_PF_WILLOW);
    cr_assert_eq(p->n, 10);
    cr_assert_str_eq(p->category, "car(G)");
    /* XA1.., YA1.., XB1.., YB1..: ten of each. */
    cr_assert(p->source.xy[0] == 0.5 && p->source.xy[1] == 10.5 && p->target.xy[0] == 20.5 && p->target.xy[19] == 39.5);
    hf_keypoints_free(&set);
    strcat(text, "x");
    refuse_text("w.csv", text, "is no number");
}

/* ---- CUB ---- */

static void add_cub(void)
{
    tree_text(tree_path("images.txt"), "1 001.A/a.jpg\n2 001.A/b.jpg\n3 002.B/c.jpg\n4 001.A/d.jpg\n");
    tree_text(tree_path("image_class_labels.txt"), "1 1\n2 1\n3 2\n4 1\n");
    tree_text(tree_path("train_test_split.txt"), "1 0\n2 1\n3 0\n4 0\n");
    tree_text(tree_path("bounding_boxes.txt"), "1 10.0 20.0 30.0 40.0\n4 1 2 3 4\n");
    tree_text(tree_path("parts/part_locs.txt"), "1 1 5.5 6 1\n1 2 7 8 1\n4 1 9 10 1\n4 2 0 0 0\n2 2 3 4 1\n");
}

Test(keypoints, cub_pairs_each_image_with_the_next_of_its_class)
{
    add_cub();
    hf_keypoints *set = read_good(tree_root, NULL);
    const hf_keypoint_pair *p = &set->pairs[0];
    cr_assert_eq(set->layout, HF_KEYPOINTS_CUB);
    cr_assert_eq(set->n, 1); /* 1 and 4: 2 is of the train split, 3 of another class */
    cr_assert_str_eq(p->source.image, "images/001.A/a.jpg");
    cr_assert_str_eq(p->target.image, "images/001.A/d.jpg");
    cr_assert_str_eq(p->category, "001.A");
    cr_assert(p->n == 1 && p->source.xy[0] == 5.5 && p->target.xy[1] == 10); /* part 2 is hidden in 4 */
    cr_assert(p->source.box[2] == 40 && p->source.box[3] == 60);
    hf_keypoints_free(&set);
}

Test(keypoints, cub_takes_a_list_of_pairs)
{
    add_cub();
    tree_text(tree_path("pairs.txt"), "2 1\n4,1\n");
    hf_keypoints *set = read_good(tree_root, &(hf_keypoints_params){ .pairs_path = tree_path("pairs.txt") });
    cr_assert_eq(set->n, 2);
    cr_assert(set->pairs[0].n == 1 && set->pairs[0].source.xy[0] == 3 && set->pairs[0].target.xy[0] == 7);
    cr_assert(!set->pairs[0].source.has_box && set->pairs[0].target.has_box);
    hf_keypoints_free(&set);
}

static void refuse_cub(const char *name, const char *content, const char *text)
{
    add_cub();
    tree_text(tree_path("%s", name), content);
    expect_refused(tree_root, NULL, HF_EFORMAT, text);
}

Test(keypoints, broken_trees_of_cub_are_refused)
{
    refuse_cub("images.txt", "x y\n", "images.txt: line 1");
    refuse_cub("images.txt", "0 a.jpg\n", "images.txt: line 1");
    refuse_cub("images.txt", "1 a.jpg\n1 b.jpg\n", "image 1 is there twice");
    refuse_cub("images.txt", "1 ../a.jpg\n", "leads out");
    refuse_cub("image_class_labels.txt", "1\n", "image_class_labels.txt: line 1");
    refuse_cub("image_class_labels.txt", "9 1\n", "image 9 is not in images.txt");
    refuse_cub("train_test_split.txt", "1 2\n", "train_test_split.txt: line 1");
    refuse_cub("bounding_boxes.txt", "1 2 3 4\n", "bounding_boxes.txt: line 1");
    refuse_cub("bounding_boxes.txt", "1 2 3 -4 5\n", "has no area");
    refuse_cub("parts/part_locs.txt", "1 1 5.5 6\n", "part_locs.txt: line 1");
    refuse_cub("parts/part_locs.txt", "1 65 5.5 6 1\n", "part_locs.txt: line 1");
    add_cub();
    expect_refused(tree_root, &(hf_keypoints_params){ .split = "val" }, HF_EARG, "want test, train or all");
    tree_text(tree_path("pairs.txt"), "1 b\n");
    expect_refused(tree_root, &(hf_keypoints_params){ .pairs_path = tree_path("pairs.txt") }, HF_EFORMAT,
                   "pairs.txt: line 1");
    tree_text(tree_path("pairs.txt"), "1 5\n");
    expect_refused(tree_root, &(hf_keypoints_params){ .pairs_path = tree_path("pairs.txt") }, HF_EFORMAT,
                   "image 5 is not in images.txt");
    remove(tree_path("bounding_boxes.txt"));
    expect_refused(tree_root, NULL, HF_EIO, "bounding_boxes.txt");
}

/* ---- images ---- */

Test(keypoints, an_image_is_found_with_fewer_of_its_folders)
{
    char path[512];
    hf_error err = { 0 };
    tree_text(tree_path("cat/a.jpg"), "");
    cr_assert_eq(hf_keypoints_find_image(path, sizeof(path), tree_root, "JPEGImages/cat/a.jpg", NULL), HF_OK);
    cr_assert_str_eq(path, tree_path("cat/a.jpg"));
    cr_assert_eq(hf_keypoints_find_image(path, sizeof(path), tree_root, "JPEGImages/cat/b.jpg", &err), HF_EIO);
    cr_assert_not_null(strstr(err.text, "cat/b.jpg"), "%s", err.text);
}
