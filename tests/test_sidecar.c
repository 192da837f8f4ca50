/* test_sidecar.c - the JSON beside a result is whole or not there. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "src/cli/settings.h"
#include "src/cli/sidecar.h"

static char     folder[] = "/tmp/hfprop-sidecar-XXXXXX";
static char     path[64], part[80];
static hf_error err;

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a.json", folder);
    snprintf(part, sizeof(part), "%s.part", path);
}

static void remove_folder(void)
{
    unlink(path);
    unlink(part);
    rmdir(folder);
}

TestSuite(sidecar, .init = make_folder, .fini = remove_folder);

static void write_sidecar(int64_t keep_before, int from, int to)
{
    hf_sidecar *s;
    json_t *head = json_pack("{s:s, s:{s:i}}", "hfprop", "1.0", "settings", "k", 5);
    json_t *tail = json_pack("{s:s}", "state", "done");
    cr_assert_eq(hf_sidecar_open(&s, path, head, keep_before, &err), HF_OK, "%s", err.text);
    for (int i = from; i <= to; i++)
        hf_sidecar_add_frame(s, json_pack("{s:i, s:i}", "frame", i, "run", from));
    cr_assert_eq(access(part, F_OK), 0);
    cr_assert_eq(hf_sidecar_finish(s, tail, &err), HF_OK, "%s", err.text);
    hf_sidecar_close(&s);
    json_decref(head);
    json_decref(tail);
    cr_assert_neq(access(part, F_OK), 0);
}

Test(sidecar, head_frames_and_tail_make_one_object)
{
    write_sidecar(0, 0, 3);
    json_t *all = json_load_file(path, 0, NULL);
    cr_assert_not_null(all);
    cr_assert_str_eq(json_string_value(json_object_get(all, "hfprop")), "1.0");
    cr_assert_eq(json_array_size(json_object_get(all, "frames")), 4);
    cr_assert_str_eq(json_string_value(json_object_get(all, "state")), "done");
    json_decref(all);
}

Test(sidecar, a_resumed_run_keeps_the_frames_before_it)
{
    write_sidecar(0, 0, 4);
    write_sidecar(3, 3, 6);
    json_t *all = json_load_file(path, 0, NULL), *frames = json_object_get(all, "frames");
    cr_assert_eq(json_array_size(frames), 7);
    for (int i = 0; i < 7; i++) {
        json_t *frame = json_array_get(frames, (size_t)i);
        cr_assert_eq(json_integer_value(json_object_get(frame, "frame")), i);
        cr_assert_eq(json_integer_value(json_object_get(frame, "run")), i < 3 ? 0 : 3);
    }
    json_decref(all);
}

Test(sidecar, no_frames_are_an_empty_list)
{
    write_sidecar(0, 1, 0);
    json_t *all = json_load_file(path, 0, NULL);
    cr_assert_not_null(all);
    cr_assert_eq(json_array_size(json_object_get(all, "frames")), 0);
    json_decref(all);
}

Test(sidecar, closing_without_finish_leaves_nothing)
{
    hf_sidecar *s;
    json_t *head = json_pack("{s:s}", "hfprop", "1.0");
    cr_assert_eq(hf_sidecar_open(&s, path, head, 0, &err), HF_OK);
    hf_sidecar_close(&s);
    json_decref(head);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert_neq(access(part, F_OK), 0);
}

Test(sidecar, a_full_disk_is_an_error_and_leaves_nothing)
{
    hf_sidecar *s;
    json_t *head = json_pack("{s:s}", "hfprop", "1.0");
    cr_assert_eq(symlink("/dev/full", part), 0);
    cr_assert_eq(hf_sidecar_open(&s, path, head, 0, &err), HF_OK);
    cr_assert_eq(hf_sidecar_finish(s, head, &err), HF_EIO);
    cr_assert_not_null(strstr(err.text, "No space left"), "%s", err.text);
    hf_sidecar_close(&s);
    json_decref(head);
    cr_assert_neq(access(path, F_OK), 0);
}

Test(sidecar, a_missing_folder_is_an_error)
{
    hf_sidecar *s;
    cr_assert_eq(hf_sidecar_open(&s, "/no/such/folder/a.json", json_null(), 0, &err), HF_EIO);
    cr_assert_null(s);
}

Test(settings, the_first_difference_is_named)
{
    hf_options a, b;
    char *one[] = { "hfprop", "v.mp4", "--mask", "a.png", "--k", "3", NULL };
    char *two[] = { "hfprop", "v.mp4", "--mask", "a.png", "--k", "4", NULL };
    char *three[] = { "hfprop", "v.mp4", "--mask", "a.png", "--k", "3", "-y", "--json", "--threads", "2", NULL };
    hf_options_parse(&a, 6, one, NULL);
    hf_options_parse(&b, 6, two, NULL);
    json_t *ja = hf_settings_json(&a), *jb = hf_settings_json(&b);
    cr_assert_str_eq(hf_settings_difference(ja, jb), "k");
    hf_options_parse(&b, 10, three, NULL);
    json_t *jc = hf_settings_json(&b);
    cr_assert_null(hf_settings_difference(ja, jc), "manner of work must not matter");
    json_decref(ja);
    json_decref(jb);
    json_decref(jc);
}
