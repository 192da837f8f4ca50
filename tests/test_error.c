/* test_error.c - status and text of an error. */
#include <criterion/criterion.h>
#include "src/error.h"

Test(error, fail_returns_the_status_and_formats_the_text)
{
    hf_error err = { 0 };
    cr_assert_eq(hf_fail(&err, HF_EFORMAT, "%s: found %d, want %d", "a.png", 3, 4), HF_EFORMAT);
    cr_assert_eq(err.status, HF_EFORMAT);
    cr_assert_str_eq(err.text, "a.png: found 3, want 4");
}

Test(error, control_characters_of_a_file_name_do_not_reach_the_terminal)
{
    hf_error err = { 0 };
    hf_fail(&err, HF_EIO, "%s: not found", "a\033[2J\n.png");
    cr_assert_str_eq(err.text, "a?[2J?.png: not found");
}

Test(error, a_caller_may_pass_no_error)
{
    cr_assert_eq(hf_fail(NULL, HF_EIO, "lost"), HF_EIO);
}
