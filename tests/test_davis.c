/* test_davis.c - the folder layouts of DAVIS and its relatives, and every refusal. */
#include "davis_tree.h"
#include "io/davis.h"

#define EMPTY_ROW "........"
#define EMPTY EMPTY_ROW EMPTY_ROW EMPTY_ROW EMPTY_ROW EMPTY_ROW EMPTY_ROW EMPTY_ROW EMPTY_ROW

TestSuite(davis, .init = tree_make, .fini = tree_remove);

static void add_sequence(const char *annotations, const char *name, int n_frames)
{
    for (int i = 0; i < n_frames; i++)
        tree_mask(tree_path("%s/%s/%05d.png", annotations, name, i), EMPTY);
}

static hf_davis *open_tree(hf_davis_params params)
{
    hf_davis *davis;
    hf_error err = { 0 };

    cr_assert_eq(hf_davis_open(&davis, tree_root, &params, &err), HF_OK, "%s", err.text);
    return davis;
}

/* Open must fail with this status and a text that contains `text`. */
static void check_refused(hf_davis_params params, hf_status status, const char *text)
{
    hf_davis *davis;
    hf_error err = { 0 };

    cr_assert_eq(hf_davis_open(&davis, tree_root, &params, &err), status, "%s", err.text);
    cr_assert_null(davis);
    cr_assert_not_null(strstr(err.text, text), "%s", err.text);
}

Test(davis, sequences_come_in_the_order_of_the_list)
{
    add_sequence("Annotations/480p", "bear", 3);
    add_sequence("Annotations/480p", "ant", 2);
    add_sequence("Annotations/480p", "unlisted", 1);
    tree_text(tree_path("ImageSets/2017/val.txt"), "bear\r\n\nant\n");

    hf_davis *d = open_tree((hf_davis_params){ 0 });
    cr_assert_eq(d->year, 2017);
    cr_assert_eq(d->n_sequences, 2);
    cr_assert_str_eq(d->sequences[0].name, "bear");
    cr_assert_eq(d->sequences[0].n_frames, 3);
    cr_assert_str_eq(d->sequences[0].stems[2], "00002");
    cr_assert_str_eq(d->sequences[1].name, "ant");
    hf_davis_close(&d);
}

Test(davis, a_list_of_2016_may_hold_a_pair_of_paths_a_frame)
{
    add_sequence("Annotations/480p", "bear", 3);
    add_sequence("Annotations/480p", "boat", 3);
    tree_text(tree_path("ImageSets/2016/val.txt"),
              "/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png \n"
              "/JPEGImages/480p/bear/00001.jpg /Annotations/480p/bear/00001.png \n"
              "/JPEGImages/480p/boat/00000.jpg /Annotations/480p/boat/00000.png \n");

    hf_davis *d = open_tree((hf_davis_params){ 0 });
    cr_assert_eq(d->year, 2016);
    cr_assert_eq(d->n_sequences, 2);
    cr_assert_str_eq(d->sequences[0].name, "bear");
    cr_assert_str_eq(d->sequences[1].name, "boat");
    hf_davis_close(&d);
}

Test(davis, frames_are_sorted_by_bytes_and_other_files_are_left_out)
{
    static const char *const files[] = { "b.png", "a.png", "B.png", "10.png", "9.png", ".hidden.png" };
    for (int i = 0; i < 6; i++)
        tree_mask(tree_path("Annotations/480p/bear/%s", files[i]), EMPTY);
    tree_text(tree_path("Annotations/480p/bear/notes.txt"), "");

    hf_davis *d = open_tree((hf_davis_params){ .sequences = "bear" });
    static const char *const want[] = { "10", "9", "B", "a", "b" };
    cr_assert_eq(d->sequences[0].n_frames, 5);
    for (int i = 0; i < 5; i++)
        cr_assert_str_eq(d->sequences[0].stems[i], want[i]);
    hf_davis_close(&d);
}

Test(davis, named_sequences_need_no_list_and_are_kept_once)
{
    add_sequence("Annotations/480p", "bear", 3);
    add_sequence("Annotations/480p", "boat", 3);

    hf_davis *d = open_tree((hf_davis_params){ .sequences = "boat,bear,boat" });
    cr_assert_eq(d->n_sequences, 2);
    cr_assert_str_eq(d->sequences[0].name, "boat");
    hf_davis_close(&d);
}

Test(davis, a_tree_without_resolution_and_lists_gives_all_its_folders)
{
    add_sequence("Annotations", "0043f", 3);
    add_sequence("Annotations", "0012a", 3);

    hf_davis *d = open_tree((hf_davis_params){ 0 });
    cr_assert_eq(d->year, 0);
    cr_assert_eq(d->n_sequences, 2);
    cr_assert_str_eq(d->sequences[0].name, "0012a");
    hf_davis_close(&d);
}

Test(davis, a_plain_folder_of_sequences_is_a_tree_too)
{
    tree_mask(tree_path("video/1.png"), EMPTY);

    hf_davis *d = open_tree((hf_davis_params){ 0 });
    cr_assert_eq(d->n_sequences, 1);
    cr_assert_str_eq(d->sequences[0].name, "video");
    hf_davis_close(&d);
}

Test(davis, another_resolution_can_be_asked_for)
{
    add_sequence("Annotations/480p", "bear", 1);
    add_sequence("Annotations/Full-Resolution", "bear", 2);

    hf_davis *d = open_tree((hf_davis_params){ .sequences = "bear", .resolution = "Full-Resolution" });
    cr_assert_eq(d->sequences[0].n_frames, 2);
    hf_davis_close(&d);
}

Test(davis, a_missing_root_is_refused)
{
    tree_remove();
    check_refused((hf_davis_params){ 0 }, HF_EIO, "not a folder");
}

Test(davis, a_year_that_has_no_data_set_is_refused)
{
    check_refused((hf_davis_params){ .year = 2018 }, HF_EARG, "year: 2018, want 2016 or 2017");
}

Test(davis, a_missing_list_is_refused_and_the_lists_there_are_named)
{
    add_sequence("Annotations/480p", "bear", 3);
    tree_text(tree_path("ImageSets/2017/train.txt"), "bear\n");
    tree_text(tree_path("ImageSets/2016/val.txt"), "bear\n");

    check_refused((hf_davis_params){ .year = 2017 }, HF_EIO, "there are: 2017/train");
    check_refused((hf_davis_params){ .split = "test" }, HF_EIO, "there are: 2017/train, 2016/val");
}

Test(davis, an_empty_list_is_refused)
{
    tree_text(tree_path("ImageSets/2017/val.txt"), "\n \n");
    check_refused((hf_davis_params){ 0 }, HF_EFORMAT, "val.txt: no sequence in this list");
}

Test(davis, a_name_that_leads_out_of_the_tree_is_refused)
{
    tree_text(tree_path("ImageSets/2017/val.txt"), "bear\n..\n");
    check_refused((hf_davis_params){ 0 }, HF_EFORMAT, "val.txt: line 2 is not the name of a sequence");
    check_refused((hf_davis_params){ .sequences = "../x" }, HF_EARG, "'../x' is not the name of a sequence");
    check_refused((hf_davis_params){ .split = "../val" }, HF_EARG, "'../val' is not the name of a list");
    check_refused((hf_davis_params){ .sequences = "a,,b" }, HF_EARG, "'' is not the name of a sequence");
}

Test(davis, a_sequence_without_annotations_is_refused)
{
    tree_text(tree_path("Annotations/480p/bear/readme"), "");
    check_refused((hf_davis_params){ .sequences = "cow" }, HF_EIO,
                  "Annotations/480p/cow: no such folder of annotations");
    check_refused((hf_davis_params){ .sequences = "bear" }, HF_EFORMAT,
                  "Annotations/480p/bear: no PNG in it, want one annotation a frame");
}

Test(davis, an_empty_tree_is_refused)
{
    check_refused((hf_davis_params){ 0 }, HF_EFORMAT, "no folder of annotations in it");
}

/* Masks */

Test(davis, ids_are_read_as_they_are_stored)
{
    const uint8_t ids[4] = { 0, 2, 255, 7 };
    hf_png *png;

    tree_png(tree_path("a.png"), HF_PNG_PALETTE, 8, 2, 2, ids);
    tree_png(tree_path("b.png"), HF_PNG_GRAY, 8, 2, 2, ids);
    for (const char *stem = "a"; stem; stem = *stem == 'a' ? "b" : NULL) {
        cr_assert_eq(hf_davis_read(&png, tree_root, stem, 0, NULL), HF_OK);
        cr_assert_arr_eq(png->pixels, ids, 4);
        hf_png_free(&png);
    }
}

Test(davis, colour_files_are_one_object_or_refused)
{
    const uint8_t rgb[12] = { 0, 0, 0, 0, 0, 9, 255, 255, 255, 0, 0, 0 };
    const uint8_t gray_alpha[4] = { 0, 255, 3, 0 };
    hf_error err;
    hf_png *png;

    tree_png(tree_path("a.png"), HF_PNG_RGB, 8, 2, 2, rgb);
    tree_png(tree_path("b.png"), HF_PNG_GRAY_ALPHA, 8, 2, 1, gray_alpha);
    cr_assert_eq(hf_davis_read(&png, tree_root, "a", 0, &err), HF_EFORMAT);
    cr_assert_null(png);
    cr_assert_not_null(strstr(err.text, "a.png: a PNG of colours or alpha, want palette or gray object ids"));
    cr_assert_eq(hf_davis_read(&png, tree_root, "a", 1, &err), HF_OK);
    cr_assert_arr_eq(png->pixels, ((uint8_t[]){ 0, 1, 1, 0 }), 4);
    hf_png_free(&png);
    cr_assert_eq(hf_davis_read(&png, tree_root, "b", 1, &err), HF_OK);
    cr_assert_arr_eq(png->pixels, ((uint8_t[]){ 0, 1 }), 2, "alpha does not make an object");
    hf_png_free(&png);
}

Test(davis, masks_of_16_bits_and_missing_masks_are_refused)
{
    const uint16_t deep[1] = { 300 };
    hf_error err;
    hf_png *png;

    tree_png(tree_path("deep.png"), HF_PNG_GRAY, 16, 1, 1, deep);
    cr_assert_eq(hf_davis_read(&png, tree_root, "deep", 0, &err), HF_EFORMAT);
    cr_assert_not_null(strstr(err.text, "deep.png: 16-bit samples, want 8-bit object ids"));
    cr_assert_eq(hf_davis_read(&png, tree_root, "lost", 0, &err), HF_EIO);
    cr_assert_not_null(strstr(err.text, "lost.png"));
}

Test(davis, frames_are_found_with_and_without_a_resolution)
{
    hf_error err;
    char *folder;

    tree_text(tree_path("JPEGImages/480p/boat/00000.jpg"), "");
    tree_text(tree_path("JPEGImages/1080p/boat/00000.jpg"), "");
    tree_text(tree_path("JPEGImages/surf/00000.jpg"), "");
    cr_assert_eq(hf_davis_find_frames(&folder, tree_root, NULL, "boat", &err), HF_OK, "%s", err.text);
    cr_assert_str_eq(folder, tree_path("JPEGImages/480p/boat"));
    free(folder);
    cr_assert_eq(hf_davis_find_frames(&folder, tree_root, "1080p", "boat", &err), HF_OK, "%s", err.text);
    cr_assert_str_eq(folder, tree_path("JPEGImages/1080p/boat"));
    free(folder);
    cr_assert_eq(hf_davis_find_frames(&folder, tree_root, NULL, "surf", &err), HF_OK, "%s", err.text);
    cr_assert_str_eq(folder, tree_path("JPEGImages/surf"));
    free(folder);
    cr_assert_eq(hf_davis_find_frames(&folder, tree_root, NULL, "tennis", &err), HF_EIO);
    cr_assert_null(folder);
    cr_assert_not_null(strstr(err.text, "tennis: no frames, there is neither JPEGImages/480p/tennis nor JPEGImages/tennis"));
}
