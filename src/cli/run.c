/* run.c - the verb from end to end: open, run, finish; see run.h. */
#include "src/cli/run.h"

#include <stdlib.h>

#include "src/cli/checkpoint.h"
#include "src/cli/interrupt.h"
#include "src/cli/progress.h"

/* The log is opened first, and opening empties it: it must not be one of the inputs. */
static int check_log(const hf_options *o, hf_error *err)
{
    if (!o->log_path)
        return HF_OK;
    int is_input = hf_is_same_file(o->log_path, o->input);
    for (int i = 0; i < o->mask.n; i++)
        is_input |= hf_is_same_file(o->log_path, o->mask.item[i].path);
    for (int i = 0; i < o->edit.n; i++)
        is_input |= hf_is_same_file(o->log_path, o->edit.item[i].path);
    return is_input ? hf_fail(err, HF_EARG, "--log-json %s: is an input of this run", o->log_path) : HF_OK;
}

/* Before there is an output: what has no memory for the run leaves nothing behind, and the sidecar tells what was chosen. */
static int prepare(hf_run *run, hf_error *err)
{
    double start = hf_now_s();
    run->stage = HF_STAGE_WORK;
    int rc = hf_session_batch(run->session, err);
    run->n_batch = rc > 0 ? rc : 0;
    run->seconds = hf_now_s() - start;
    return rc;
}

static int open_outputs(hf_run *run, int argc, char **argv, hf_error *err)
{
    const hf_options *o = run->options;
    int rc;

    run->stage = HF_STAGE_OUTPUT;
    if ((rc = hf_outputs_open(&run->outputs, &run->outputs_plan, run->in, run->start - o->from,
                              (const uint8_t(*)[3])run->palette, run->n_palette, o->opacity, err)) < 0)
        return rc;
    if (hf_outputs_warning(run->outputs))
        hf_report_warn(run->report, -1, "%s", hf_outputs_warning(run->outputs));
    if (run->outputs_plan.sidecar[0] && (rc = hf_run_open_sidecar(run, argc, argv, run->start, err)) < 0)
        return rc;
    hf_run_send_start(run, argc, argv);
    int64_t backward = hf_session_needs_tracking(run->session) ? hf_plan_n_backward(&run->plan, run->start) : 0;
    hf_report_start_progress(run->report, run->n_frames < 0 ? -1 : run->n_frames + backward, 0);
    return HF_OK;
}

/* What --resume needs. The state counts only if the next frame is followed from where it stands. */
static int save_checkpoint(hf_run *run, hf_error *err)
{
    int64_t next = run->start + run->n_written;
    int i = hf_plan_find(&run->plan, next);
    hf_checkpoint checkpoint = {
        .next_frame = next,
        .has_state = run->is_state_good && i >= 0 && i == hf_plan_find(&run->plan, next - 1) &&
                     run->plan.segment[i].left >= 0,
    };
    if (!run->outputs_plan.base[0] || !run->info->is_seekable)
        return HF_OK;
    int rc = hf_checkpoint_save(run->outputs_plan.base, &checkpoint, run->options, run->session, err);
    if (rc >= 0)
        hf_report_note(run->report, "stopped after frame %lld; the same command with --resume goes on",
                       (long long)next - 1);
    return rc;
}

static void tell_end(hf_run *run)
{
    const hf_options *o = run->options;
    char codec[128];
    if (hf_video_in_warning(run->in))
        hf_report_warn(run->report, -1, "%s", hf_video_in_warning(run->in));
    if (!run->is_interrupted && o->to >= 0 && run->start + run->n_written <= o->to)
        hf_report_warn(run->report, -1, "%s ends at frame %lld, before --to %lld", o->input,
                       (long long)(run->start + run->n_written) - 1, (long long)o->to);
    hf_outputs_describe(run->outputs, codec, sizeof(codec));
    const char *s = run->n_written == 1 ? "" : "s";
    double rate = run->seconds > 0 ? (double)run->n_written / run->seconds : 0;
    if (run->outputs_plan.path[0])
        hf_report_note(run->report, "%s: %lld frame%s (%s, %s), %.1f frames/s", run->outputs_plan.path,
                       (long long)run->n_written, s, hf_render_name(run->outputs_plan.render), codec, rate);
    if (run->outputs_plan.masks_dir)
        hf_report_note(run->report, "%s: %lld mask%s", run->outputs_plan.masks_dir, (long long)run->n_written, s);
    if (run->outputs_plan.mattes_dir)
        hf_report_note(run->report, "%s: %lld matte%s", run->outputs_plan.mattes_dir, (long long)run->n_written, s);
}

/* After the loop. `failed`: the input broke off; what was made of it so far is kept. */
static int finish(hf_run *run, int failed, hf_error *err)
{
    int is_part = run->is_interrupted || failed;
    const char *state = run->is_interrupted ? "interrupted" : failed ? "failed" : "done";
    int rc;

    run->stage = HF_STAGE_OUTPUT;
    if (run->n_written > 0 &&
        (rc = hf_outputs_finish(run->outputs, is_part || run->options->to >= 0 ? HF_VIDEO_PART : HF_VIDEO_WHOLE,
                                err)) < 0)
        return rc;
    tell_end(run);
    hf_run_send_done(run, state);
    if (run->n_written == 0 && (is_part || !run->options->resume))
        return HF_OK; /* nothing new: an older sidecar and checkpoint stay */
    if (run->sidecar && (rc = hf_run_finish_sidecar(run, state, err)) < 0)
        return rc;
    if (is_part)
        return save_checkpoint(run, err);
    if (run->outputs_plan.base[0])
        hf_checkpoint_remove(run->outputs_plan.base);
    return HF_OK;
}

/* Which options help where a GPU has too little memory. */
static void tell_memory(const hf_run *run)
{
    hf_device_info device = { 0 };
    if (run->session)
        hf_session_device(run->session, &device);
    if (!device.bytes_total)
        return;
    hf_session_params p;
    char batch[64] = "";
    hf_session_settings(run->session, &p);
    if (p.batch > 1)
        snprintf(batch, sizeof(batch), "a smaller --batch (it is %d now), ", p.batch);
    hf_report_note(run->report, "GPU memory: %.0f MB of %.0f MB are free; %sa smaller --size, a smaller --square of "
                   "Stable Diffusion, %sor a smaller --recent needs less, and --device cpu none",
                   (double)device.bytes_free / 1e6, (double)device.bytes_total / 1e6, batch,
                   p.model.precision == HF_PRECISION_F32 ? "--precision f16 " : "");
}

static int do_run(hf_run *run, int argc, char **argv, hf_error *err)
{
    hf_error later = { 0 };
    int rc = hf_run_open(run, err);

    if (rc < 0)
        return rc;
    if (run->options->dry_run) {
        run->stage = HF_STAGE_WORK;
        return hf_run_print_plan(run, stdout, argc, argv, err);
    }
    if ((rc = prepare(run, err)) < 0 || (rc = open_outputs(run, argc, argv, err)) < 0)
        return rc;
    rc = hf_run_loop(run, err);
    if (rc < 0 && run->stage != HF_STAGE_INPUT) {
        hf_run_send_done(run, "failed");
        return rc;
    }
    hf_stage stage = run->stage;
    int rc_finish = finish(run, rc < 0, rc < 0 ? &later : err);
    if (rc < 0) {
        run->stage = stage;
        return rc;
    }
    if (rc_finish < 0)
        return rc_finish;
    return run->is_interrupted ? hf_fail(err, HF_EINTERRUPTED, "interrupted") : HF_OK;
}

int hf_run_main(const hf_options *options, int argc, char **argv)
{
    hf_error err = { 0 };
    hf_run *run = calloc(1, sizeof(*run));
    hf_report *report = NULL;
    int rc, code;

    if (!run) {
        hf_fail(&err, HF_ENOMEM, "out of memory");
        hf_report_error(NULL, &err);
        return hf_exit_code(HF_ENOMEM, HF_STAGE_USAGE);
    }
    hf_interrupt_install();
    run->options = options;
    run->stage = HF_STAGE_OUTPUT;
    if ((rc = check_log(options, &err)) >= 0 && (rc = hf_report_open(&report, options, &err)) >= 0) {
        run->report = report;
        rc = do_run(run, argc, argv, &err);
    }
    if (rc < 0)
        hf_report_error(report, &err);
    if (rc == HF_ENOMEM)
        tell_memory(run);
    code = hf_exit_code((hf_status)(rc < 0 ? rc : HF_OK), run->stage);
    hf_run_close(run);
    if (code == 0 && options->strict && hf_report_n_warnings(report) > 0)
        code = 1;
    if (report)
        hf_report_close(&report);
    free(run);
    return code;
}
