/* test_progress.c - what the bar says. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "src/cli/progress.h"

static char text[256];

static void format(int columns, int bar, int64_t total, int64_t done, double seconds)
{
    hf_progress p = { .total = total, .start_s = 100 };
    hf_progress_format(text, sizeof(text), columns, bar, &p, done, done, 100 + seconds);
}

Test(progress, a_line_has_share_speed_and_time_left)
{
    format(200, 0, 100, 25, 5);
    cr_assert_str_eq(text, "25 frames, 25 %, 5.0 frames/s, 0:15 left");
}

Test(progress, a_bar_fills_with_the_share)
{
    format(60, 1, 4, 2, 1);
    cr_assert_str_eq(text, "[========>        ] 2 frames, 50 %, 2.0 frames/s, 0:01 left");
    cr_assert_leq(strlen(text), 60);
}

Test(progress, a_narrow_terminal_gets_no_bar_and_no_second_line)
{
    format(30, 1, 100, 50, 1);
    cr_assert_eq(text[0], '5');
    cr_assert_eq(strlen(text), 30);
}

Test(progress, an_unknown_length_has_no_share)
{
    format(80, 1, -1, 12, 4);
    cr_assert_str_eq(text, "12 frames, 3.0 frames/s");
}

Test(progress, more_frames_than_announced_stay_at_the_end)
{
    format(80, 0, 10, 12, 4);
    cr_assert(strstr(text, "100 %"), "%s", text);
    cr_assert(strstr(text, "0:00 left"), "%s", text);
}

Test(progress, no_time_has_passed_yet)
{
    format(80, 0, 10, 0, 0);
    cr_assert_str_eq(text, "0 frames, 0.0 frames/s");
}

Test(progress, steps_of_an_earlier_run_do_not_count_as_speed)
{
    hf_progress p = { .total = 100, .start_s = 0, .start_step = 50 };
    hf_progress_format(text, sizeof(text), 80, 0, &p, 60, 60, 10);
    cr_assert_str_eq(text, "60 frames, 60 %, 1.0 frames/s, 0:40 left");
}

Test(progress, durations_read_like_a_clock)
{
    const struct { double s; const char *want; } cases[] = {
        { 0, "0:00" }, { 59.6, "1:00" }, { 754, "12:34" }, { 3723, "1:02:03" }, { -1, "0:00" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hf_format_duration(text, sizeof(text), cases[i].s);
        cr_assert_str_eq(text, cases[i].want);
    }
}

Test(progress, nothing_is_drawn_on_what_is_no_terminal)
{
    char *written = NULL;
    size_t size;
    hf_progress p;
    FILE *f = tmpfile();
    setenv("TERM", "xterm", 1);
    cr_assert_eq(hf_is_terminal(f), 0);
    hf_progress_start(&p, f, HF_PROGRESS_AUTO, 10, 0);
    cr_assert_eq(p.mode, HF_PROGRESS_LINES);
    hf_progress_update(&p, 1, 1); /* within 10 s: nothing */
    cr_assert_eq(ftell(f), 0);
    fclose(f);
    f = open_memstream(&written, &size);
    p = (hf_progress){ .out = f, .mode = HF_PROGRESS_LINES, .total = 10, .start_s = hf_now_s() - 20 };
    hf_progress_update(&p, 5, 5);
    fclose(f);
    cr_assert(strstr(written, "5 frames, 50 %"), "%s", written);
    cr_assert_null(strchr(written, '\r'));
    free(written);
}
