/* test_batch_list.c - lines taken apart, videos of a folder, options back into words. */
#include <stdlib.h>
#include "davis_tree.h"
#include "src/cli/batch_list.h"
#include "src/cli/options_words.h"

TestSuite(batch_list, .init = tree_make, .fini = tree_remove);

static hf_error err;

static void expect_words(const char *line, int n, const char *const *want)
{
    hf_words words = { 0 };
    cr_assert_eq(hf_words_split(&words, line, &err), HF_OK, "%s: %s", line, err.text);
    cr_assert_eq(words.n, n, "%s: %d words", line, words.n);
    for (int i = 0; i < n; i++)
        cr_assert_str_eq(words.word[i], want[i]);
    hf_words_clear(&words);
}

Test(batch_list, a_line_is_taken_apart_as_by_a_shell)
{
    expect_words("  a.mp4\t--mask  b.png \n", 3, (const char *const[]){ "a.mp4", "--mask", "b.png" });
    expect_words("'a b' \"c d\" e\\ f", 3, (const char *const[]){ "a b", "c d", "e f" });
    expect_words("--mask='0=x y.png'", 1, (const char *const[]){ "--mask=0=x y.png" });
    expect_words("\"a\\\"b\\\\c\\d\" 'a\\b'", 2, (const char *const[]){ "a\"b\\c\\d", "a\\b" });
    expect_words("'' \"\"", 2, (const char *const[]){ "", "" });
    expect_words("a#b # c", 1, (const char *const[]){ "a#b" });
    expect_words("# nothing", 0, NULL);
    expect_words("$HOME ~ *", 3, (const char *const[]){ "$HOME", "~", "*" });
}

Test(batch_list, open_quotes_and_a_backslash_at_the_end_are_refused)
{
    static const char *const lines[] = { "'a b", "\"a", "a \"b\\\"", "a\\" };
    for (int i = 0; i < 4; i++) {
        hf_words words = { 0 };
        cr_assert_eq(hf_words_split(&words, lines[i], &err), HF_EFORMAT, "%s", lines[i]);
        hf_words_clear(&words);
    }
}

static void expect_name(const char *input, const char *want)
{
    char name[64];
    hf_batch_name(name, sizeof(name), input);
    cr_assert_str_eq(name, want, "%s gives %s", input, name);
}

Test(batch_list, a_run_is_named_by_its_input)
{
    expect_name("clip.mp4", "clip");
    expect_name("/a/b.c/clip.final.mov", "clip.final");
    expect_name("a/shot/%05d.png", "shot");
    expect_name("a/shot/*.jpg", "shot");
    expect_name("100%.mp4", "100%");
    mkdir(tree_path("folder.v2"), 0777);
    expect_name(tree_path("folder.v2/"), "folder.v2");
}

Test(batch_list, the_name_is_put_in_wherever_it_stands)
{
    char *text;
    cr_assert_eq(hf_batch_expand(&text, "{name}/{name}.mov{nam}", "clip", &err), HF_OK);
    cr_assert_str_eq(text, "clip/clip.mov{nam}");
    free(text);
}

Test(batch_list, videos_of_a_folder_find_their_drawings)
{
    static const char *const files[] = { "a.mp4", "a.png", "a10.mov", "a10.mask.png", "a10.mask.120.png",
                                         "a10_edit.7.PNG", "a2.mkv", "a2_mask.png", "b.mp4", "b.mask.x.png",
                                         "c.txt", "c.png", "d/1.png", "d.mask.png", ".e.mp4", ".e.png" };
    static const char *const want[][4] = {
        { "a.mp4", "--mask=a.png" },
        { "a2.mkv", "--mask=a2_mask.png" },
        { "a10.mov", "--mask=120=a10.mask.120.png", "--mask=a10.mask.png", "--edit=7=a10_edit.7.PNG" },
        { "d", "--mask=d.mask.png" },
    };
    hf_batch_list *list;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        tree_text(tree_path("%s", files[i]), "");
    cr_assert_eq(hf_batch_list_read(&list, tree_root, &err), HF_OK, "%s", err.text);
    cr_assert_eq(list->n, 4);
    cr_assert_eq(list->n_left_out, 1); /* b.mp4 */
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < list->line[i].words.n; k++) {
            char text[256], *word = list->line[i].words.word[k], *root = strstr(word, tree_root);
            cr_assert_not_null(root);
            snprintf(text, sizeof(text), "%.*s%s", (int)(root - word), word, root + strlen(tree_root) + 1);
            cr_assert(k < 4 && want[i][k], "line %d has %s", i, text);
            cr_assert_str_eq(text, want[i][k]);
        }
    hf_batch_list_free(&list);
}

Test(batch_list, a_list_skips_comments_and_knows_its_lines)
{
    hf_batch_list *list;
    tree_text(tree_path("list"), "# one\n\n a.mp4 --mask a.png\n\t# two\nb.mp4 --mask b.png # three");
    cr_assert_eq(hf_batch_list_read(&list, tree_path("list"), &err), HF_OK, "%s", err.text);
    cr_assert_eq(list->n, 2);
    cr_assert_str_eq(list->line[0].where, "line 3");
    cr_assert_str_eq(list->line[1].where, "line 5");
    cr_assert_eq(list->line[1].words.n, 3);
    hf_batch_list_free(&list);
}

Test(batch_list, lists_that_cannot_be_read_are_refused)
{
    hf_batch_list *list;
    cr_assert_eq(hf_batch_list_read(&list, tree_path("none"), &err), HF_EIO);
    cr_assert_null(list);
    tree_text(tree_path("empty"), "#\n");
    cr_assert_eq(hf_batch_list_read(&list, tree_path("empty"), &err), HF_EFORMAT);
    tree_text(tree_path("open"), "a.mp4\nb 'c\n");
    cr_assert_eq(hf_batch_list_read(&list, tree_path("open"), &err), HF_EFORMAT);
    cr_assert_not_null(strstr(err.text, "line 2: the quote ' is not closed"), "%s", err.text);
    FILE *file = fopen(tree_path("zero"), "w");
    fwrite("a.mp4\0b\n", 1, 8, file);
    fclose(file);
    cr_assert_eq(hf_batch_list_read(&list, tree_path("zero"), &err), HF_EFORMAT);
    mkdir(tree_path("folder"), 0777);
    cr_assert_eq(hf_batch_list_read(&list, tree_path("folder"), &err), HF_EFORMAT);
}

Test(batch_list, options_come_back_from_their_words)
{
    static char *argv[] = { "hfprop", "v.mp4", "--mask", "a.png", "--mask", "7=b=c.png", "--match", "first", "--feather",
                            "1.25", "--to", "12", "--fps", "23.976", "-q", "--refine=off", "--edit", "e d.png", "-y",
                            "--grow", "-3", "--masks", "--odd", NULL };
    hf_options before, after;
    hf_words words = { 0 };

    cr_assert_eq(hf_options_parse(&before, 23, argv, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_words_add(&words, "hfprop", &err), HF_OK);
    cr_assert_eq(hf_options_words(&words, &before, HF_VERB_RUN, &err), HF_OK);
    cr_assert_eq(hf_words_add(&words, "v.mp4", &err), HF_OK);
    cr_assert_eq(hf_options_parse(&after, words.n, words.word, &err), HF_OK, "%s", err.text);
    cr_assert_eq(after.mask.n, 2);
    cr_assert_eq(after.mask.item[0].frame, -1);
    cr_assert_str_eq(after.mask.item[1].path, "b=c.png");
    cr_assert_str_eq(after.edit.item[0].path, "e d.png");
    cr_assert_str_eq(after.masks_dir, "--odd");
    cr_assert_eq(after.fps.den, 1001);
    for (const hf_option_row *row = hf_option_table; row->name; row++) {
        char a[64], b[64];
        if ((row->verbs & HF_VERB_RUN) && row->kind != HF_OPT_KEYED)
            cr_assert_str_eq(hf_option_text(row, &before, a, sizeof(a)), hf_option_text(row, &after, b, sizeof(b)));
    }
    hf_words_clear(&words);
}

Test(batch_list, nothing_typed_gives_no_words)
{
    hf_options o;
    hf_words words = { 0 };
    hf_options_init(&o, HF_VERB_RUN);
    cr_assert_eq(hf_options_words(&words, &o, HF_VERB_RUN, &err), HF_OK);
    cr_assert_eq(words.n, 0);
}
