/* run_open.c - what a run reads and computes with, opened and checked before anything is written: input, drawings, plan of
 * the frames, session; see run.h. */
#include "src/cli/run.h"

#include <string.h>

#include "src/cli/checkpoint.h"
#include "src/cli/options_params.h"

/* ---- drawings ---- */

/* The drawing of a frame, made where it belongs in the ascending list. */
static hf_drawing *drawing_at(hf_run *run, int64_t frame)
{
    int i = 0;
    while (i < run->n_drawings && run->drawing[i].frame < frame)
        i++;
    if (i < run->n_drawings && run->drawing[i].frame == frame)
        return &run->drawing[i];
    if (run->n_drawings == HF_MAX_KEYS)
        return NULL;
    memmove(&run->drawing[i + 1], &run->drawing[i], (size_t)(run->n_drawings - i) * sizeof(run->drawing[0]));
    run->drawing[i] = (hf_drawing){ .frame = frame };
    run->n_drawings++;
    return &run->drawing[i];
}

static int list_drawings(hf_run *run, const hf_keyed_list *list, int is_edit, hf_error *err)
{
    const char *option = is_edit ? "--edit" : "--mask";
    for (int i = 0; i < list->n; i++) {
        const hf_keyed_path *item = &list->item[i];
        if (strcmp(item->path, "-") == 0)
            return strcmp(run->options->input, "-") == 0
                       ? hf_fail(err, HF_EARG, "%s -: the standard input is the video already", option)
                       : hf_fail(err, HF_EARG, "%s -: drawings are read from files, not from pipes", option);
        int64_t frame = item->frame < 0 ? run->options->from : item->frame;
        hf_drawing *drawing = drawing_at(run, frame);
        if (!drawing)
            return hf_fail(err, HF_EARG, "%s: more than %d key frames", option, HF_MAX_KEYS);
        const char **path = is_edit ? &drawing->edit_path : &drawing->mask_path;
        if (*path)
            return hf_fail(err, HF_EARG, "%s: frame %lld is given twice (%s and %s)", option, (long long)frame, *path,
                           item->path);
        *path = item->path;
    }
    return HF_OK;
}

/* The first mask's palette serves all: ids mean the same in every key frame. */
static int read_mask(hf_run *run, hf_drawing *drawing, hf_mask_colors *colors, hf_error *err)
{
    const hf_options *o = run->options;
    hf_mask_params params = { .mode = (hf_mask_mode)o->mask_colors, .tolerance = o->mask_tolerance, .colors = colors };
    hf_mask_report report;
    char warning[512];
    int rc = hf_mask_read(&drawing->mask, drawing->mask_path, &params, &report, err);

    if (rc < 0)
        return rc;
    hf_report_note(run->report, "%s", report.text);
    if (report.warning[0])
        hf_report_warn(run->report, drawing->frame, "%s", report.warning);
    if ((rc = hf_mask_fit(drawing->mask, run->info->width, run->info->height, (hf_fit)o->mask_fit, drawing->mask_path,
                          warning, sizeof(warning), err)) < 0)
        return rc;
    if (warning[0])
        hf_report_warn(run->report, drawing->frame, "%s", warning);
    if (!run->n_palette) {
        memcpy(run->palette, drawing->mask->palette, sizeof(run->palette));
        run->n_palette = drawing->mask->n_palette ? drawing->mask->n_palette : 256;
    }
    run->n_ids = report.n_ids > run->n_ids ? report.n_ids : run->n_ids;
    return HF_OK;
}

static int read_drawings(hf_run *run, hf_error *err)
{
    hf_mask_colors colors = { .n = 0 };
    int rc;

    hf_mask_davis_palette(run->palette);
    for (int i = 0; i < run->n_drawings; i++) {
        hf_drawing *d = &run->drawing[i];
        if (d->mask_path && (rc = read_mask(run, d, &colors, err)) < 0)
            return rc;
        if (d->edit_path && (rc = hf_edit_read(&d->edit, d->edit_path, err)) < 0)
            return rc;
        run->has_edit |= d->edit != NULL;
    }
    if (!run->n_palette)
        run->n_palette = 256;
    if (!run->n_ids)
        run->n_ids = 1;
    return HF_OK;
}

/* ---- input ---- */

/* The GPU decodes only where it may compute, too. */
static void choose_hwdec(hf_video_in_params *params, const hf_options *o)
{
    const char *number = strchr(o->device, ':');
    int is_gpu = strcmp(o->device, "auto") == 0 || strncmp(o->device, "cuda", 4) == 0;

    if (o->hwdec == HF_SWITCH_ON)
        params->hwdec = HF_HWDEC_ON;
    else
        params->hwdec = o->hwdec == HF_SWITCH_AUTO && is_gpu ? HF_HWDEC_AUTO : HF_HWDEC_OFF;
    params->hw_device = is_gpu && number ? number + 1 : NULL;
}

static int open_input(hf_run *run, hf_error *err)
{
    const hf_options *o = run->options;
    hf_video_in_params params = HF_VIDEO_IN_DEFAULTS;
    int rc;

    params.fps_num = o->fps.num;
    params.fps_den = o->fps.den;
    params.deinterlace = o->deinterlace ? HF_DEINTERLACE_AUTO : HF_DEINTERLACE_OFF;
    params.n_threads = o->n_threads;
    choose_hwdec(&params, o);
    run->stage = HF_STAGE_INPUT;
    if ((rc = hf_video_in_open(&run->in, o->input, &params, err)) < 0)
        return rc;
    run->info = hf_video_in_get_info(run->in);
    if (!run->info->is_images)
        hf_report_detail(run->report, "decoder: %s, %s", run->info->codec, hf_video_in_decoder(run->in));
    if (o->fps.den && !run->info->is_images)
        hf_report_warn(run->report, -1, "--fps is for image folders; %s keeps its own time stamps", o->input);
    return HF_OK;
}

/* A pipe is read once: its key frame is the first that is used. */
static int check_pipe(const hf_run *run, hf_error *err)
{
    if (run->info->is_seekable)
        return HF_OK;
    for (int i = 0; i < run->n_drawings; i++)
        if (run->drawing[i].frame != run->options->from)
            return hf_fail(err, HF_EUNSUPPORTED,
                           "%s: frame %lld is drawn on, but a pipe cannot be read backward or twice; "
                           "save it as a file first, or draw on frame %lld",
                           run->options->input, (long long)run->drawing[i].frame, (long long)run->options->from);
    return HF_OK;
}

static int fail_beyond_end(hf_run *run, const char *option, int64_t frame, hf_error *err)
{
    int64_t n;
    if (hf_video_in_count(&n, run->in, NULL) < 0)
        return hf_fail(err, HF_EARG, "%s: frame %lld is behind the end of %s", option, (long long)frame,
                       run->options->input);
    return hf_fail(err, HF_EARG, "%s: frame %lld is behind the end of %s, which has the frames 0 to %lld", option,
                   (long long)frame, run->options->input, (long long)n - 1);
}

/* Read the drawn frames and give them to the session, in their order. */
static int add_keys(hf_run *run, hf_error *err)
{
    const hf_options *o = run->options;
    hf_edit_params edit = HF_EDIT_DEFAULTS;
    hf_frame *frame = NULL;
    int rc = HF_OK;

    edit.fit = (hf_fit)o->mask_fit;
    edit.threshold = o->edit_threshold;
    for (int i = 0; i < run->n_drawings; i++) {
        hf_drawing *d = &run->drawing[i];
        if (!frame && (rc = hf_frame_new(&frame, run->info->width, run->info->height, err)) < 0)
            goto end;
        rc = hf_run_read_frame(run, frame, d->frame, err);
        if (rc == HF_EOF || rc == HF_EARG) {
            run->stage = HF_STAGE_USAGE;
            rc = fail_beyond_end(run, d->frame == o->from && o->from ? "--from" : d->mask_path ? "--mask" : "--edit",
                                 d->frame, err);
            goto end;
        }
        if (rc < 0)
            goto end;
        if (d->edit) {
            if ((rc = hf_edit_fit(d->edit, frame->rgb, frame->width, frame->height, &edit, err)) < 0)
                goto end;
            hf_report_note(run->report, "%s", d->edit->text);
            if (d->edit->warning[0])
                hf_report_warn(run->report, d->frame, "%s", d->edit->warning);
        }
        hf_key key = { .frame = d->frame, .rgb = frame->rgb, .ids = d->mask ? d->mask->ids : NULL,
                       .edit = d->edit ? d->edit->rgba : NULL };
        if ((rc = hf_session_add_key(run->session, &key, err)) < 0)
            goto end;
        hf_mask_free(&d->mask);
        hf_edit_free(&d->edit);
        if (d->frame == run->start) { /* it is rendered next: no need to decode it twice */
            run->ahead = frame;
            frame = NULL;
        }
    }
end:
    hf_frame_free(&frame);
    return rc;
}

/* ---- opening ---- */

static void tell_device(hf_run *run)
{
    hf_device_info device;
    hf_session_device(run->session, &device);
    if (device.note[0])
        hf_report_note(run->report, "the GPU is not used: %s", device.note);
    if (device.about[0])
        hf_report_detail(run->report, "device %s: %s", device.name, device.about);
}

/* Of the matte that becomes a cutout's alpha; see tests/bench/README.md, "Mattes". */
#define CUTOUT_CONTRAST 2.0f

static int open_session(hf_run *run, hf_error *err)
{
    hf_options_session(&run->params, run->options, run->info->width, run->info->height);
    int64_t most = run->n_frames > 0 && run->n_frames < HF_MAX_BATCH ? run->n_frames : HF_MAX_BATCH;
    if (!run->options->batch) /* no more at a time than are followed in one go */
        run->params.batch = -(int)hf_plan_longest(&run->plan, run->start, most);
    if (!(run->options->matte_contrast > 0) && run->outputs_plan.path[0] && run->outputs_plan.render == HF_RENDER_CUTOUT)
        run->params.matte_contrast = CUTOUT_CONTRAST;
    run->params.no_coordinates = run->options->render == HF_RENDER_COLORMAP ? 0 : 2;
    int rc = hf_session_open(&run->session, &run->params, err);
    run->stage = hf_stage_of_opening((hf_status)rc);
    if (rc >= 0)
        tell_device(run);
    return rc;
}

static int load_checkpoint(hf_run *run, hf_error *err)
{
    hf_checkpoint checkpoint;
    int rc;

    if (!run->outputs_plan.base[0])
        return hf_fail(err, HF_EARG, "--resume: an output that is a pipe cannot be resumed");
    if (!run->info->is_seekable)
        return hf_fail(err, HF_EARG, "--resume: an input that is a pipe cannot be resumed");
    if ((rc = hf_checkpoint_load(&checkpoint, run->outputs_plan.base, run->options, err)) < 0) {
        run->stage = rc == HF_EFORMAT ? HF_STAGE_INPUT : HF_STAGE_USAGE;
        return rc;
    }
    run->start = checkpoint.next_frame;
    run->has_state = checkpoint.has_state;
    hf_report_note(run->report, "going on from frame %lld", (long long)run->start);
    return HF_OK;
}

static int plan_frames(hf_run *run, hf_error *err)
{
    const hf_options *o = run->options;
    int64_t frames[HF_MAX_KEYS], to = o->to < 0 ? HF_PLAN_END : o->to;

    for (int i = 0; i < run->n_drawings; i++)
        frames[i] = run->drawing[i].frame;
    run->n_frames = -1;
    if (run->info->n_frames >= 0)
        run->n_frames = (to < run->info->n_frames ? to + 1 : run->info->n_frames) - run->start;
    else if (to != HF_PLAN_END)
        run->n_frames = to + 1 - run->start;
    if (run->n_frames < 0)
        run->n_frames = -1;
    return hf_plan_make(&run->plan, frames, run->n_drawings, o->from, to, (hf_direction)o->direction, err);
}

int hf_run_open(hf_run *run, hf_error *err)
{
    const hf_options *o = run->options;
    int rc;

    run->start = o->from;
    run->stage = HF_STAGE_USAGE;
    if ((rc = list_drawings(run, &o->mask, 0, err)) < 0 || (rc = list_drawings(run, &o->edit, 1, err)) < 0 ||
        (rc = open_input(run, err)) < 0)
        return rc;
    run->stage = HF_STAGE_OUTPUT;
    if ((rc = hf_outputs_plan_make(&run->outputs_plan, o, run->info, o->from, err)) < 0)
        return rc;
    run->stage = HF_STAGE_USAGE;
    if (o->resume)
        rc = load_checkpoint(run, err);
    else if (!o->dry_run)
        rc = hf_outputs_check_overwrite(&run->outputs_plan, o, run->report, err);
    if (rc < 0 || (rc = check_pipe(run, err)) < 0 || (rc = plan_frames(run, err)) < 0)
        return rc;
    run->stage = HF_STAGE_INPUT;
    if ((rc = read_drawings(run, err)) < 0 || (rc = open_session(run, err)) < 0)
        return rc;
    run->stage = HF_STAGE_INPUT;
    if ((rc = add_keys(run, err)) < 0)
        return rc;
    run->stage = HF_STAGE_USAGE;
    return hf_run_check_flow(run, err);
}

void hf_run_close(hf_run *run)
{
    hf_outputs_close(&run->outputs);
    hf_sidecar_close(&run->sidecar);
    for (int i = 0; i < HF_RUN_MAX_JOBS; i++)
        hf_job_free(&run->job[i]);
    hf_run_free_steps(run);
    hf_queue_free(&run->free_jobs);
    hf_queue_free(&run->decoded);
    hf_queue_free(&run->computed);
    hf_frame_free(&run->ahead);
    hf_session_close(&run->session);
    for (int i = 0; i < run->n_drawings; i++) {
        hf_mask_free(&run->drawing[i].mask);
        hf_edit_free(&run->drawing[i].edit);
    }
    hf_video_in_close(&run->in);
}
