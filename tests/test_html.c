/* test_html.c - escaping, whole or no file, inline pictures, and how masks are painted small. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "davis_tree.h"
#include "io/image_bytes.h"
#include "io/video_in.h"
#include "src/cli/html.h"
#include "src/cli/html_curves.h"
#include "src/cli/html_paint.h"
#include "src/cli/html_settings.h"
#include "src/cli/html_sheet.h"

TestSuite(html, .init = tree_make, .fini = tree_remove);

static hf_html *open_page(const char *path)
{
    hf_html *html;
    hf_error err = { 0 };

    cr_assert_eq(hf_html_open(&html, path, &err), HF_OK, "%s", err.text);
    return html;
}

/* Finish a page and compare what is in the file. */
static void check_page(hf_html *html, const char *path, const char *wanted)
{
    char text[4096];
    FILE *file;
    hf_error err = { 0 };

    cr_assert_eq(hf_html_finish(html, &err), HF_OK, "%s", err.text);
    hf_html_close(&html);
    cr_assert_not_null(file = fopen(path, "r"));
    text[fread(text, 1, sizeof(text) - 1, file)] = 0;
    fclose(file);
    cr_assert_str_eq(text, wanted);
}

Test(html, names_cannot_become_markup)
{
    const char *path = tree_path("a.html");
    hf_html *html = open_page(path);

    hf_html_put(html, "<p title=\"");
    hf_html_text(html, "<b>&\"'</b>\n\033[1m\177");
    hf_html_put(html, "\">%d", 5);
    check_page(html, path, "<p title=\"&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;??[1m?\">5");
}

Test(html, utf_8_stays_and_other_bytes_become_question_marks)
{
    const char *path = tree_path("a.html");
    hf_html *html = open_page(path);

    hf_html_text(html, "caf\xc3\xa9 ");
    hf_html_text(html, "caf\xe9");
    check_page(html, path, "caf\xc3\xa9 caf?");
}

Test(html, base64_of_every_length_is_padded)
{
    const char *path = tree_path("a.html");
    hf_html *html = open_page(path);

    for (size_t n = 0; n < 4; n++)
        hf_html_data_uri(html, "x/y", (const uint8_t *)"Man", n);
    check_page(html, path, "data:x/y;base64,data:x/y;base64,TQ==data:x/y;base64,TWE=data:x/y;base64,TWFu");
}

Test(html, a_page_that_is_not_finished_leaves_nothing)
{
    const char *path = tree_path("a.html");
    hf_html *html = open_page(path);

    hf_html_put(html, "half");
    hf_html_close(&html);
    cr_assert_null(html);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert_neq(access(tree_path("a.html.part"), F_OK), 0);
}

/* A page called /dev/full cannot be had: PATH.part must be a link to it. */
Test(html, a_full_disk_is_told_and_the_old_page_stays)
{
    const char *path = tree_path("a.html");
    hf_error err = { 0 };

    tree_text(path, "old");
    cr_assert_eq(symlink("/dev/full", tree_path("a.html.part")), 0);
    hf_html *html = open_page(path);
    for (int i = 0; i < 10000; i++)
        hf_html_text(html, "more than a buffer");
    cr_assert_eq(hf_html_finish(html, &err), HF_EIO);
    cr_assert_not_null(strstr(err.text, "No space left on device"), "%s", err.text);
    hf_html_close(&html);
    struct stat st;
    cr_assert(stat(path, &st) == 0 && st.st_size == 3);
}

static void check_refused(const char *path, int status, const char *words)
{
    hf_error err = { 0 };

    cr_expect_eq(hf_html_check(path, &err), status, "%s: %s", path, err.text);
    cr_expect_not_null(strstr(err.text, words), "%s", err.text);
}

Test(html, a_page_that_could_not_be_written_is_refused_beforehand)
{
    mkdir(tree_path("folder.html"), 0777);
    check_refused(tree_path("folder.html"), HF_EIO, "is a folder");
    check_refused(tree_path("scores.json"), HF_EARG, "ends in .html");
    check_refused(tree_path("page"), HF_EARG, "ends in .html");
    check_refused(tree_path("no/page.html"), HF_EIO, "No such file or directory");
    cr_expect_eq(hf_html_check(tree_path("page.HTM"), NULL), HF_OK);
}

/* Pictures */

/* Left half red, right half blue, the last column white. */
static void fill_picture(uint8_t *rgb, int w, int h)
{
    for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++, rgb += 3) {
        rgb[0] = x == w - 1 || x < w / 2 ? 250 : 10;
        rgb[1] = x == w - 1 ? 250 : 10;
        rgb[2] = x == w - 1 || x >= w / 2 ? 250 : 10;
    }
}

static hf_frame *read_back(const uint8_t *bytes, size_t size, const char *name)
{
    const char *path = tree_path("%s", name);
    FILE *file = fopen(path, "wb");
    hf_video_in *in;
    hf_frame *frame;
    hf_error err = { 0 };

    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
    cr_assert_eq(hf_video_in_open(&in, path, NULL, &err), HF_OK, "%s", err.text);
    const hf_video_info *info = hf_video_in_get_info(in);
    cr_assert_eq(hf_frame_new(&frame, info->width, info->height, &err), HF_OK);
    cr_assert_eq(hf_video_in_read(frame, in, &err), HF_OK, "%s", err.text);
    hf_video_in_close(&in);
    return frame;
}

/* Sizes that are no whole blocks: what lies beyond the border must not show on it. Brightness only,
 * as chroma is halved. */
Test(html, a_jpeg_shows_what_was_encoded)
{
    static const int sizes[][2] = { { 64, 48 }, { 37, 21 }, { 1, 1 }, { 130, 9 } };
    for (int i = 0; i < 4; i++) {
        int w = sizes[i][0], h = sizes[i][1];
        uint8_t rgb[130 * 48 * 3], *bytes;
        size_t size;
        fill_picture(rgb, w, h);
        cr_assert_eq(hf_jpeg_bytes(&bytes, &size, rgb, w, h, 2, NULL), HF_OK);
        hf_frame *frame = read_back(bytes, size, "a.jpg");
        cr_assert_eq(frame->width, w);
        cr_assert_eq(frame->height, h);
        for (int k = 0; k < w * h; k++) {
            const uint8_t *a = rgb + 3 * k, *b = frame->rgb + 3 * k;
            double wanted = 0.299 * a[0] + 0.587 * a[1] + 0.114 * a[2], found = 0.299 * b[0] + 0.587 * b[1] + 0.114 * b[2];
            cr_assert_float_eq(found, wanted, 30, "%d x %d, pixel %d: %.0f, want %.0f", w, h, k, found, wanted);
        }
        hf_frame_free(&frame);
        free(bytes);
    }
}

Test(html, a_png_keeps_every_byte)
{
    uint8_t rgba[5 * 3 * 4], *bytes;
    size_t size;
    hf_png *png;
    hf_error err = { 0 };

    for (size_t i = 0; i < sizeof(rgba); i++)
        rgba[i] = (uint8_t)(i * 37);
    cr_assert_eq(hf_png_bytes(&bytes, &size, rgba, 5, 3, NULL), HF_OK);
    FILE *file = fopen(tree_path("a.png"), "wb");
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
    cr_assert_eq(hf_png_read(&png, tree_path("a.png"), &err), HF_OK, "%s", err.text);
    cr_assert_eq(png->kind, HF_PNG_RGBA);
    cr_assert_arr_eq(png->pixels, rgba, sizeof(rgba));
    hf_png_free(&png);
    free(bytes);
}

Test(html, pictures_of_no_size_or_quality_are_refused)
{
    uint8_t rgba[16] = { 0 }, *bytes = rgba;
    size_t size;

    cr_expect_eq(hf_jpeg_bytes(&bytes, &size, rgba, 0, 2, 4, NULL), HF_EARG);
    cr_expect_null(bytes);
    cr_expect_eq(hf_jpeg_bytes(&bytes, &size, rgba, 2, 70000, 4, NULL), HF_EARG);
    cr_expect_eq(hf_jpeg_bytes(&bytes, &size, rgba, 2, 2, 0, NULL), HF_EARG);
    cr_expect_eq(hf_png_bytes(&bytes, &size, rgba, 2, 0, NULL), HF_EARG);
}

/* Masks */

Test(html, small_pictures_keep_the_shape_and_are_never_larger)
{
    int w, h;

    hf_paint_fit(&w, &h, 854, 480, 427);
    cr_expect(w == 427 && h == 240, "%d x %d", w, h);
    hf_paint_fit(&w, &h, 480, 854, 427);
    cr_expect(w == 240 && h == 427, "%d x %d", w, h);
    hf_paint_fit(&w, &h, 8, 6, 300);
    cr_expect(w == 8 && h == 6, "%d x %d", w, h);
    hf_paint_fit(&w, &h, 5000, 1, 300);
    cr_expect(w == 300 && h == 1, "%d x %d", w, h);
}

Test(html, a_small_pixel_is_the_mean_of_its_box)
{
    uint8_t large[4 * 2 * 3] = { 0 }, rgb[2 * 3];

    for (int i = 0; i < 8; i++)
        large[3 * i] = (uint8_t)(10 * i); /* red 0 10 20 30 / 40 50 60 70 */
    hf_paint_shrink(rgb, 2, 1, large, 4, 2);
    cr_expect_eq(rgb[0], 25);
    cr_expect_eq(rgb[3], 45);
    cr_expect_eq(rgb[1], 0);
}

Test(html, a_small_label_is_that_of_most_of_its_box)
{
    const uint8_t ids[4 * 2] = { 0, 0, 3, 1,
                                 0, 2, 1, 1 };
    uint8_t labels[2];

    hf_paint_labels(labels, 2, 1, ids, 4, 2);
    cr_expect_eq(labels[0], 0);
    cr_expect_eq(labels[1], 1);
}

Test(html, the_overlay_is_clear_outside_and_strong_on_edges)
{
    const uint8_t labels[25] = { 0, 0, 0, 0, 0,
                                 0, 1, 1, 1, 0,
                                 0, 1, 1, 1, 0,
                                 0, 1, 1, 1, 0,
                                 0, 0, 0, 0, 0 };
    uint8_t rgba[25 * 4];

    hf_paint_overlay(rgba, labels, 5, 5);
    cr_expect_eq(rgba[4 * 0 + 3], 0);
    cr_expect_gt(rgba[4 * 6 + 3], rgba[4 * 12 + 3]);
    cr_expect_gt(rgba[4 * 12 + 3], 0);
    cr_expect_gt(rgba[4 * 12], rgba[4 * 12 + 1]); /* id 1 is red */
    hf_paint_outline(rgba, labels, 5, 5);
    cr_expect_eq(rgba[4 * 6], 255);
    cr_expect_eq(rgba[4 * 6 + 3], 255);
    cr_expect_eq(rgba[4 * 12 + 3], 0);
    cr_expect(rgba[4 * 1] == 0 && rgba[4 * 1 + 3] > 0);
}

Test(html, an_object_at_the_border_has_no_edge_there)
{
    const uint8_t labels[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    uint8_t rgba[9 * 4];

    hf_paint_outline(rgba, labels, 3, 3);
    for (int i = 0; i < 9; i++)
        cr_expect_eq(rgba[4 * i + 3], 0);
}

Test(html, every_kind_of_error_has_its_colour)
{
    const uint8_t truth[5] = { 0, 1, 1, 0, 1 }, result[5] = { 0, 1, 0, 1, 2 };
    const hf_paint_verdict wanted[5] = { HF_PAINT_NOTHING, HF_PAINT_RIGHT, HF_PAINT_MISSED, HF_PAINT_EXTRA,
                                         HF_PAINT_SWAPPED };
    uint8_t rgba[5 * 4];

    hf_paint_errors(rgba, 5, 1, truth, result, 5, 1);
    for (int i = 0; i < 5; i++) {
        cr_expect_arr_eq(rgba + 4 * i, hf_paint_verdict_rgb[wanted[i]], 3, "pixel %d", i);
        cr_expect_eq(rgba[4 * i + 3], 255);
    }
}

/* Words and numbers */

Test(html, the_worst_frame_is_the_lowest_j_of_all_objects)
{
    double j[2][3] = { { 0.9, 0.4, 0.5 }, { 0.7, 0.2, 0.2 } };
    hf_eval_row rows[2] = { { .id = 1, .first_frame = 1, .n_values = 3, .j = j[0] },
                            { .id = 2, .first_frame = 4, .n_values = 3, .j = j[1] } };
    hf_html_worst worst = hf_html_find_worst(rows, 2);

    cr_expect_eq(worst.row, 1);
    cr_expect_eq(worst.frame, 5);
}

Test(html, line_colours_stand_out_on_light_and_on_dark_pages)
{
    for (int dark = 0; dark < 2; dark++)
        for (int id = 1; id < 256; id++) {
            char text[8];
            unsigned r, g, b;
            hf_html_object_colour(text, id, dark);
            cr_assert_eq(sscanf(text, "#%02x%02x%02x", &r, &g, &b), 3, "%s", text);
            double luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
            cr_expect(dark ? luminance > 110 : luminance < 112, "id %d: %s", id, text);
        }
}

Test(html, a_command_line_can_be_pasted_into_a_shell)
{
    json_t *command = hf_html_command(5, (char *[]){ "hfprop", "a b", "it's", "", "--k=3" });

    cr_expect_str_eq(json_string_value(command), "hfprop 'a b' 'it'\\''s' '' --k=3");
    json_decref(command);
}

Test(html, a_sidecar_tells_how_masks_were_made_and_a_broken_one_nothing)
{
    tree_text(tree_path("bear/hfprop.json"), "{\"hfprop\":\"1\",\"in_use\":{\"model\":\"m\"}}");
    tree_text(tree_path("wolf/hfprop.json"), "{\"hfprop\":");
    tree_text(tree_path("goat/hfprop.json"), "[1]");
    json_t *made = hf_html_sidecar(tree_root, "bear");
    cr_assert_not_null(made);
    cr_expect_str_eq(json_string_value(json_object_get(made, "model")), "m");
    cr_expect_str_eq(json_string_value(json_object_get(made, "hfprop")), "1");
    json_decref(made);
    cr_expect_null(hf_html_sidecar(tree_root, "wolf"));
    cr_expect_null(hf_html_sidecar(tree_root, "goat"));
    cr_expect_null(hf_html_sidecar(tree_root, "none"));
}
