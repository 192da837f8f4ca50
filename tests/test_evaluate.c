/* test_evaluate.c - the protocols of scoring, every refusal, and the files it writes. */
#include "davis_tree.h"
#include <jansson.h>
#include "src/cli/cmd_eval.h"
#include "src/cli/evaluate_write.h"

TestSuite(evaluate, .init = tree_make, .fini = tree_remove);

static const char EMPTY[] = "................................................................";
/* Object 1: 16 pixels, object 2: 4 pixels. */
static const char BOTH[] = "........"
                           "........"
                           "..1111.."
                           "..1111.."
                           "..1111.."
                           "..1111.."
                           "22......"
                           "22......";
static const char ONLY_1[] = "........"
                             "........"
                             "..1111.."
                             "..1111.."
                             "..1111.."
                             "..1111.."
                             "........"
                             "........";
/* 12 of 20 pixels of object 1 agree: J = 0.6; it is one pixel off: F = 1. */
static const char SHIFTED_1[] = "........"
                                "........"
                                "...1111."
                                "...1111."
                                "...1111."
                                "...1111."
                                "........"
                                "........";

/* One file a frame: "00000", ...; NULL leaves a frame out. */
static void add_masks(const char *folder, const char *name, int n, const char *const *pictures)
{
    for (int i = 0; i < n; i++)
        if (pictures[i])
            tree_mask(tree_path("%s/%s/%05d.png", folder, name, i), pictures[i]);
}

static void add_truth(int n, const char *const *pictures)
{
    add_masks("Annotations/480p", "bear", n, pictures);
    tree_text(tree_path("ImageSets/2017/val.txt"), "bear\n");
}

static int run(hf_eval_report **report, hf_davis **davis, hf_eval_params params, hf_error *err)
{
    int rc = hf_davis_open(davis, tree_root, &(hf_davis_params){ 0 }, err);

    *report = NULL;
    return rc < 0 ? rc : hf_eval_run(report, *davis, tree_path("results"), &params, err);
}

static hf_eval_report *score(hf_davis **davis, hf_eval_params params)
{
    hf_eval_report *report;
    hf_error err = { 0 };

    cr_assert_eq(run(&report, davis, params, &err), HF_OK, "%s", err.text);
    return report;
}

static void check_refused(hf_eval_params params, hf_status status, const char *text)
{
    hf_eval_report *report;
    hf_davis *davis;
    hf_error err = { 0 };

    cr_assert_eq(run(&report, &davis, params, &err), status, "%s", err.text);
    cr_assert_null(report);
    cr_assert_not_null(strstr(err.text, text), "%s", err.text);
    hf_davis_close(&davis);
}

Test(evaluate, the_first_and_last_frame_are_not_even_read)
{
    add_truth(4, (const char *[]){ BOTH, BOTH, BOTH, BOTH });
    add_masks("results", "bear", 4, (const char *[]){ NULL, BOTH, BOTH, NULL });

    hf_davis *davis;
    hf_eval_report *r = score(&davis, (hf_eval_params){ 0 });
    cr_assert_eq(r->n_rows, 2);
    cr_assert_eq(r->n_frames, 2);
    cr_assert_eq(r->rows[1].id, 2);
    cr_assert_eq(r->rows[1].first_frame, 1);
    cr_assert_eq(r->jf_mean, 1.0);
    hf_eval_report_free(&r);
    hf_davis_close(&davis);
}

Test(evaluate, all_frames_are_scored_when_asked_for)
{
    add_truth(3, (const char *[]){ ONLY_1, ONLY_1, ONLY_1 });
    add_masks("results", "bear", 3, (const char *[]){ EMPTY, ONLY_1, SHIFTED_1 });

    hf_davis *davis;
    hf_eval_report *r = score(&davis, (hf_eval_params){ .keep_first_last = 1 });
    cr_assert_eq(r->rows[0].n_values, 3);
    cr_assert_float_eq(r->J.mean, 1.6 / 3, 1e-15);
    hf_eval_report_free(&r);
    hf_davis_close(&davis);
}

/* Object 1: J 0.6 and F 1 in one frame; object 2 is missing: 0 and 0. Both count the same. */
Test(evaluate, the_global_figures_are_means_over_objects)
{
    add_truth(3, (const char *[]){ BOTH, BOTH, BOTH });
    add_masks("results", "bear", 3, (const char *[]){ NULL, SHIFTED_1, NULL });

    hf_davis *davis;
    hf_eval_report *r = score(&davis, (hf_eval_params){ 0 });
    cr_assert_float_eq(r->rows[0].J.mean, 0.6, 1e-15);
    cr_assert_eq(r->rows[1].J.mean, 0.0);
    cr_assert_float_eq(r->J.mean, 0.3, 1e-15);
    cr_assert_float_eq(r->F.mean, 0.5, 1e-15);
    cr_assert_float_eq(r->jf_mean, 0.4, 1e-15);
    hf_eval_report_free(&r);
    hf_davis_close(&davis);
}

Test(evaluate, objects_that_the_first_annotation_lacks_are_not_scored)
{
    add_truth(3, (const char *[]){ ONLY_1, BOTH, BOTH });
    add_masks("results", "bear", 3, (const char *[]){ NULL, ONLY_1, NULL });

    hf_davis *davis;
    hf_eval_report *r = score(&davis, (hf_eval_params){ 0 });
    cr_assert_eq(r->n_rows, 1);
    cr_assert_eq(r->jf_mean, 1.0);
    hf_eval_report_free(&r);
    hf_davis_close(&davis);
}

/* Frames 1..3 are scored. Object 2 is annotated in frame 3 only, but the result has it from
 * frame 2 on, so it is scored there: J = 0, then 1. */
Test(evaluate, objects_seen_so_far_count_from_the_frame_they_turn_up_in)
{
    add_truth(5, (const char *[]){ ONLY_1, ONLY_1, ONLY_1, BOTH, BOTH });
    add_masks("results", "bear", 5, (const char *[]){ NULL, ONLY_1, BOTH, BOTH, NULL });

    hf_davis *davis;
    hf_eval_report *r = score(&davis, (hf_eval_params){ .objects = HF_EVAL_SEEN });
    cr_assert_eq(r->n_rows, 2);
    cr_assert_eq(r->rows[0].n_values, 3);
    cr_assert_eq(r->rows[1].n_values, 2);
    cr_assert_eq(r->rows[1].first_frame, 2);
    cr_assert_eq(r->rows[1].J.mean, 0.5);
    hf_eval_report_free(&r);
    hf_davis_close(&davis);
}

Test(evaluate, seen_objects_may_have_any_id_and_invented_ones_do_not_stop_the_run)
{
    const char *truth = "VV......"
                        "VV......"
                        "........"
                        "........"
                        "........"
                        "........"
                        "........"
                        "........";
    const char *result = "VV......"
                         "VV......"
                         "........"
                         "........"
                         "......99"
                         "......99"
                         "........"
                         "........";
    add_truth(3, (const char *[]){ truth, truth, truth });
    add_masks("results", "bear", 3, (const char *[]){ NULL, result, NULL });

    hf_davis *davis;
    hf_eval_report *r = score(&davis, (hf_eval_params){ .objects = HF_EVAL_SEEN });
    cr_assert_eq(r->n_rows, 1);
    cr_assert_eq(r->rows[0].id, 255);
    cr_assert_eq(r->jf_mean, 1.0);
    hf_eval_report_free(&r);
    hf_davis_close(&davis);
}

/* Two of the object's 16 pixels are void; the result has all 16. As background they are two
 * wrong pixels: J = 14/16. Excluded, they do not count: J = 1. */
Test(evaluate, void_pixels_are_background_or_do_not_count)
{
    const char *truth = "........"
                        "........"
                        "..VV11.."
                        "..1111.."
                        "..1111.."
                        "..1111.."
                        "........"
                        "........";
    add_truth(3, (const char *[]){ ONLY_1, truth, ONLY_1 });
    add_masks("results", "bear", 3, (const char *[]){ NULL, ONLY_1, NULL });

    hf_davis *davis;
    hf_eval_report *r = score(&davis, (hf_eval_params){ 0 });
    cr_assert_eq(r->J.mean, 14.0 / 16);
    hf_eval_report_free(&r);
    hf_davis_close(&davis);
    r = score(&davis, (hf_eval_params){ .void_means = HF_EVAL_VOID_EXCLUDE });
    cr_assert_eq(r->jf_mean, 1.0);
    hf_eval_report_free(&r);
    hf_davis_close(&davis);
}

Test(evaluate, a_single_object_is_every_id_but_0_on_both_sides)
{
    const char *white = "........"
                        "........"
                        "..VVVV.."
                        "..VVVV.."
                        "..VVVV.."
                        "..VVVV.."
                        "VV......"
                        "VV......";
    add_truth(3, (const char *[]){ white, white, white });
    add_masks("results", "bear", 3, (const char *[]){ NULL, BOTH, NULL });

    hf_davis *davis;
    hf_eval_report *r = score(&davis, (hf_eval_params){ .single_object = 1 });
    cr_assert_eq(r->n_rows, 1);
    cr_assert_eq(r->jf_mean, 1.0);
    hf_eval_report_free(&r);
    hf_davis_close(&davis);
}

Test(evaluate, any_number_of_threads_gives_the_same_figures)
{
    enum { N = 60 };
    const char *truth[N], *result[N];
    for (int i = 0; i < N; i++) {
        truth[i] = i % 5 ? BOTH : ONLY_1;
        result[i] = i % 3 ? BOTH : i % 2 ? SHIFTED_1 : EMPTY;
    }
    truth[0] = BOTH;
    add_truth(N, truth);
    add_masks("results", "bear", N, result);

    hf_davis *davis, *davis4;
    hf_eval_report *one = score(&davis, (hf_eval_params){ .n_threads = 1 });
    hf_eval_report *four = score(&davis4, (hf_eval_params){ .n_threads = 4 });
    for (int i = 0; i < 2; i++) {
        cr_assert_arr_eq(one->rows[i].j, four->rows[i].j, (N - 2) * sizeof(double));
        cr_assert_arr_eq(one->rows[i].f, four->rows[i].f, (N - 2) * sizeof(double));
    }
    hf_eval_report_free(&one), hf_eval_report_free(&four);
    hf_davis_close(&davis), hf_davis_close(&davis4);
}

/* Refusals */

Test(evaluate, a_missing_result_is_refused_and_the_first_one_is_named)
{
    enum { N = 40 };
    const char *truth[N], *result[N];
    for (int i = 0; i < N; i++) {
        truth[i] = ONLY_1;
        result[i] = i < 7 ? ONLY_1 : NULL;
    }
    add_truth(N, truth);
    add_masks("results", "bear", N, result);
    for (int threads = 1; threads <= 4; threads++)
        check_refused((hf_eval_params){ .n_threads = threads }, HF_EIO, "results/bear/00007.png");
}

Test(evaluate, an_id_above_those_of_the_first_annotation_is_refused)
{
    add_truth(3, (const char *[]){ ONLY_1, ONLY_1, ONLY_1 });
    add_masks("results", "bear", 3, (const char *[]){ NULL, BOTH, NULL });
    check_refused((hf_eval_params){ 0 }, HF_EFORMAT,
                  "00001.png: object id 2, but the first annotation has no id above 1");
}

Test(evaluate, a_result_of_another_size_is_refused)
{
    add_truth(3, (const char *[]){ ONLY_1, ONLY_1, ONLY_1 });
    tree_png(tree_path("results/bear/00001.png"), HF_PNG_GRAY, 8, 4, 16, (uint8_t[64]){ 0 });
    check_refused((hf_eval_params){ 0 }, HF_EFORMAT, "00001.png: 4 x 16, but its annotation is 8 x 8");
}

Test(evaluate, a_result_that_is_no_png_is_refused)
{
    add_truth(3, (const char *[]){ ONLY_1, ONLY_1, ONLY_1 });
    tree_text(tree_path("results/bear/00001.png"), "not a picture");
    check_refused((hf_eval_params){ 0 }, HF_EFORMAT, "results/bear/00001.png");
}

Test(evaluate, a_first_annotation_without_object_is_refused)
{
    add_truth(3, (const char *[]){ EMPTY, ONLY_1, ONLY_1 });
    check_refused((hf_eval_params){ 0 }, HF_EFORMAT, "bear/00000.png: no object in the first annotation");
}

Test(evaluate, masks_of_0_and_255_are_refused_with_the_option_they_need)
{
    char white[65];
    memset(white, 'V', 64);
    white[64] = 0;
    add_truth(3, (const char *[]){ white, white, white });
    check_refused((hf_eval_params){ 0 }, HF_EFORMAT, "--single-object or --year 2016");
}

Test(evaluate, a_sequence_without_a_scored_frame_is_refused)
{
    add_truth(2, (const char *[]){ ONLY_1, ONLY_1 });
    check_refused((hf_eval_params){ 0 }, HF_EFORMAT, "bear: 2 annotations, want 3 and more");
}

Test(evaluate, annotations_without_any_object_are_refused)
{
    add_truth(3, (const char *[]){ EMPTY, EMPTY, EMPTY });
    add_masks("results", "bear", 3, (const char *[]){ EMPTY, EMPTY, EMPTY });
    check_refused((hf_eval_params){ .objects = HF_EVAL_SEEN }, HF_EFORMAT,
                  "no object in any scored annotation");
}

Test(evaluate, parameters_that_exclude_each_other_are_refused)
{
    add_truth(3, (const char *[]){ ONLY_1, ONLY_1, ONLY_1 });
    check_refused((hf_eval_params){ .void_means = HF_EVAL_VOID_OBJECT }, HF_EARG,
                  "want --single-object or --objects seen");
    check_refused((hf_eval_params){ .n_threads = -1 }, HF_EARG, "-1 threads");
}

/* The verb and its files */

static char *file_text(const char *path)
{
    static char text[8192];
    FILE *file = fopen(path, "r");

    cr_assert_not_null(file, "%s", path);
    text[fread(text, 1, sizeof(text) - 1, file)] = 0;
    fclose(file);
    return text;
}

/* Run the verb on a result with J 0.6 and F 1; what it prints is in *text, malloced. */
static int run_verb(hf_options o, char **text, hf_error *err)
{
    size_t size;
    FILE *out = open_memstream(text, &size);
    char results[512], davis[512];
    int writing, rc;

    add_truth(3, (const char *[]){ ONLY_1, ONLY_1, ONLY_1 });
    add_masks("results", "bear", 3, (const char *[]){ NULL, SHIFTED_1, NULL });
    o.input = strcpy(results, tree_path("results"));
    o.davis = strcpy(davis, tree_root);
    rc = hf_cmd_eval(&o, out, &writing, err);
    fclose(out);
    return rc;
}

Test(evaluate, the_csv_files_are_those_of_the_official_tool)
{
    char *text;
    char folder[512];

    strcpy(folder, tree_path("scores"));
    cr_assert_eq(run_verb((hf_options){ .out = folder }, &text, NULL), HF_OK);
    cr_assert_str_eq(file_text(tree_path("scores/global_results-val.csv")),
                     "J&F-Mean,J-Mean,J-Recall,J-Decay,F-Mean,F-Recall,F-Decay\n"
                     "0.800,0.600,1.000,0.000,1.000,1.000,0.000\n");
    cr_assert_str_eq(file_text(tree_path("scores/per-sequence_results-val.csv")),
                     "Sequence,J-Mean,F-Mean\nbear_1,0.600,1.000\n");
    cr_assert_neq(access(tree_path("scores/scores-val.json"), R_OK), -1);
    cr_assert_eq(access(tree_path("scores/scores-val.json.part"), F_OK), -1);
    free(text);
}

Test(evaluate, the_table_has_a_line_an_object_and_the_means)
{
    char *text;

    cr_assert_eq(run_verb((hf_options){ 0 }, &text, NULL), HF_OK);
    cr_assert_str_eq(text,
                     "object                J&F       J recall  decay       F recall  decay\n"
                     "bear_1              0.800   0.600  1.000  0.000   1.000  1.000  0.000\n"
                     "mean over objects   0.800   0.600  1.000  0.000   1.000  1.000  0.000\n");
    free(text);
}

Test(evaluate, json_keeps_every_digit)
{
    char *text;

    cr_assert_eq(run_verb((hf_options){ .json = 1 }, &text, NULL), HF_OK);
    json_t *json = json_loads(text, 0, NULL);
    cr_assert_not_null(json, "%s", text);
    json_t *row = json_array_get(json_object_get(json, "rows"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(row, "sequence")), "bear");
    cr_assert_str_eq(json_string_value(json_object_get(row, "first_frame")), "00001");
    cr_assert_eq(json_real_value(json_object_get(json_object_get(row, "J"), "mean")), 12.0 / 20);
    cr_assert_eq(json_real_value(json_array_get(json_object_get(row, "j_frames"), 0)), 12.0 / 20);
    cr_assert_eq(json_real_value(json_object_get(json_object_get(json, "global"), "jf_mean")), 0.8);
    json_decref(json);
    free(text);
}

Test(evaluate, the_year_2016_scores_one_object)
{
    char *text;
    hf_error err;

    tree_text(tree_path("ImageSets/2016/val.txt"), "bear\n");
    cr_assert_eq(run_verb((hf_options){ .year = 1, .json = 1 }, &text, &err), HF_OK);
    cr_assert_not_null(strstr(text, "\"single_object\":true"));
    free(text);
}

Test(evaluate, an_output_folder_that_cannot_be_made_is_refused)
{
    char *text;
    char folder[512];
    hf_error err;

    strcpy(folder, tree_path("no/such/folder"));
    cr_assert_eq(run_verb((hf_options){ .out = folder }, &text, &err), HF_EIO);
    cr_assert_not_null(strstr(err.text, "no/such/folder: No such file or directory"));
    free(text);
}

Test(evaluate, a_full_disk_is_told)
{
    hf_error err;
    FILE *full = fopen("/dev/full", "w");

    add_truth(3, (const char *[]){ ONLY_1, ONLY_1, ONLY_1 });
    add_masks("results", "bear", 3, (const char *[]){ NULL, SHIFTED_1, NULL });
    hf_options o = { .input = tree_path("results"), .davis = tree_root };
    int writing;
    cr_assert_eq(hf_cmd_eval(&o, full, &writing, &err), HF_EIO);
    o.json = 1;
    cr_assert_eq(hf_cmd_eval(&o, full, &writing, &err), HF_EIO);
    cr_assert_eq(writing, 1);
    fclose(full);
}
