/* test_recorder.c - what is run plainly, recorded and replayed, on a table that only counts. */
#include <criterion/criterion.h>

#include "src/recorder.h"

static struct {
    int begun, ended, replayed, freed, plain, noted;
    int refuses_end; /* record_end fails */
    bool is_recording;
} seen;

static hf_recording *const token = (hf_recording *)&seen;

static int record_begin(hf_backend *be, hf_error *err)
{
    (void)be, (void)err;
    seen.begun++;
    seen.is_recording = true;
    return HF_OK;
}

static int record_end(hf_backend *be, hf_recording **out, hf_error *err)
{
    (void)be;
    seen.ended++;
    seen.is_recording = false;
    *out = seen.refuses_end ? NULL : token;
    return seen.refuses_end ? hf_fail(err, HF_EDEVICE, "not this") : HF_OK;
}

static int replay(hf_backend *be, const hf_recording *recording, hf_error *err)
{
    (void)be, (void)err;
    cr_assert_eq(recording, token);
    seen.replayed++;
    return HF_OK;
}

static void recording_free(hf_backend *be, hf_recording **recording)
{
    (void)be;
    seen.freed += *recording != NULL;
    *recording = NULL;
}

/* ctx: what it returns while it is recorded, and otherwise. */
static int body(void *ctx, hf_error *err)
{
    const int *answers = ctx;
    if (seen.is_recording)
        return seen.noted++, answers[0];
    seen.plain++;
    return answers[1] < 0 ? hf_fail(err, answers[1], "body") : HF_OK;
}

static hf_backend be;
static hf_recorder recorder;

static void start(void)
{
    be = (hf_backend){ .ops = { .record_begin = record_begin, .record_end = record_end, .replay = replay,
                                .recording_free = recording_free } };
    recorder = (hf_recorder){ .be = &be };
    seen.begun = seen.ended = seen.replayed = seen.freed = seen.plain = seen.noted = seen.refuses_end = 0;
}

static void run(int n, int *answers)
{
    for (int i = 0; i < n; i++)
        cr_assert_eq(hf_recorder_run(&recorder, body, answers, NULL), HF_OK);
}

TestSuite(recorder, .init = start);

Test(recorder, the_first_run_is_plain_the_second_recorded_and_all_others_replayed)
{
    int fine[2] = { 0, 0 };
    run(5, fine);
    cr_expect(seen.plain == 1 && seen.noted == 1 && seen.begun == 1 && seen.ended == 1 && seen.replayed == 4);
    hf_recorder_reset(&recorder);
    cr_expect_eq(seen.freed, 1);
    run(1, fine);
    cr_expect(seen.plain == 2 && seen.begun == 1);
}

Test(recorder, a_body_that_cannot_be_recorded_stays_plain)
{
    int answers[2] = { HF_EUNSUPPORTED, 0 };
    run(4, answers);
    cr_expect(seen.begun == 1 && seen.ended == 1 && seen.replayed == 0 && seen.plain == 4);
    cr_expect_eq(seen.freed, 1, "what was kept of the failed one");
}

Test(recorder, a_device_that_refuses_at_the_end_stays_plain)
{
    int fine[2] = { 0, 0 };
    seen.refuses_end = 1;
    run(4, fine);
    cr_expect(seen.begun == 1 && seen.replayed == 0 && seen.plain == 4);
}

Test(recorder, a_first_run_that_fails_is_told_and_done_again)
{
    int bad[2] = { 0, HF_ENOMEM }, fine[2] = { 0, 0 };
    hf_error err = { 0 };
    cr_expect_eq(hf_recorder_run(&recorder, body, bad, &err), HF_ENOMEM);
    cr_expect_str_eq(err.text, "body");
    run(1, fine);
    cr_expect(seen.plain == 2 && seen.begun == 0);
}

Test(recorder, a_backend_that_does_not_record_runs_everything_plainly)
{
    int fine[2] = { 0, 0 };
    be = (hf_backend){ .name = "ref" };
    run(3, fine);
    cr_expect_eq(seen.plain, 3);
}
