/* run_tell.c - what a run tells people and programs: plan, events, sidecar, warnings; see run.h. */
#include "src/cli/run.h"

#include <string.h>

#include "src/cli/progress.h"
#include "src/cli/settings.h"

#define COVER_LOW 0.2f /* mean cover under which a result deserves a look */

static const char *match_name(hf_match_mode mode)
{
    return mode == HF_MATCH_GIVEN ? "given" : mode == HF_MATCH_FIRST ? "first" : "context";
}

static json_t *input_json(const hf_run *run)
{
    const hf_video_info *i = run->info;
    return json_pack("{s:o, s:i, s:i, s:o, s:f, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:b, s:i}", "path",
                     hf_json_text(run->options->input), "width", i->width, "height", i->height, "frames",
                     i->n_frames < 0 ? json_null() : json_integer(i->n_frames), "fps",
                     i->fps_num ? (double)i->fps_num / i->fps_den : 0.0, "container", i->container, "codec", i->codec,
                     "pixel_format", i->pixel_format, "bit_depth", i->bit_depth, "range", i->range, "primaries",
                     i->primaries, "transfer", i->transfer, "matrix", i->matrix, "interlaced", i->is_interlaced,
                     "rotation", i->rotation);
}

static json_t *outputs_json(const hf_run *run)
{
    const hf_outputs_plan *p = &run->outputs_plan;
    json_t *object = json_object();
    char codec[128] = "";
    if (run->outputs)
        hf_outputs_describe(run->outputs, codec, sizeof(codec));
    if (p->path[0])
        json_object_update_new(object, json_pack("{s:o, s:s, s:s}", "path", hf_json_text(p->path), "render",
                                                 hf_render_name(p->render), "codec", codec));
    if (p->masks_dir)
        json_object_set_new(object, "masks", hf_json_text(p->masks_dir));
    if (p->mattes_dir)
        json_object_set_new(object, "mattes", hf_json_text(p->mattes_dir));
    return object;
}

static json_t *command_json(int argc, char **argv)
{
    json_t *array = json_array();
    for (int i = 0; i < argc; i++)
        json_array_append_new(array, hf_json_text(argv[i]));
    return array;
}

/* The values in use where the command line says "auto". Fields from files have no features, and so no batch. */
static json_t *session_json(const hf_run *run)
{
    hf_session_params p;
    hf_session_settings(run->session, &p);
    json_t *batch = p.match == HF_MATCH_GIVEN ? NULL : json_integer(p.batch > 1 ? p.batch : 1);
    return json_pack("{s:s, s:s, s:i, s:o*, s:o, s:i, s:s, s:i, s:i, s:i, s:f, s:b, s:f}", "model",
                     p.model.name ? p.model.name : "", "device", p.device ? p.device : "", "threads", p.n_threads, "batch",
                     batch, "decoder", hf_json_text(hf_video_in_decoder(run->in)), "size", p.size, "match",
                     match_name(p.match), "recent", p.n_recent, "k", p.k, "radius", p.radius_cells, "temperature",
                     (double)p.temperature, "refine", p.refine > 0, "matte_contrast", (double)p.matte_contrast);
}

static json_t *head_json(const hf_run *run, int argc, char **argv)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "hfprop", hf_version(), "command", command_json(argc, argv),
                     "input", input_json(run), "outputs", outputs_json(run), "settings",
                     hf_settings_json(run->options), "in_use", session_json(run));
}

int hf_run_open_sidecar(hf_run *run, int argc, char **argv, int64_t keep_before, hf_error *err)
{
    json_t *head = head_json(run, argc, argv);
    if (!head)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", run->outputs_plan.sidecar);
    int rc = hf_sidecar_open(&run->sidecar, run->outputs_plan.sidecar, head, run->options->resume ? keep_before : 0,
                             err);
    json_decref(head);
    return rc;
}

static json_t *end_json(const hf_run *run, const char *state)
{
    return json_pack("{s:s, s:I, s:f, s:f}", "state", state, "frames_written", (json_int_t)run->n_written, "seconds",
                     run->seconds, "frames_per_s", run->seconds > 0 ? (double)run->n_written / run->seconds : 0.0);
}

int hf_run_finish_sidecar(hf_run *run, const char *state, hf_error *err)
{
    json_t *tail = end_json(run, state);
    if (!tail)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", run->outputs_plan.sidecar);
    json_object_set(tail, "warnings", hf_report_get_warnings(run->report));
    int rc = hf_sidecar_finish(run->sidecar, tail, err);
    json_decref(tail);
    return rc;
}

void hf_run_send_start(hf_run *run, int argc, char **argv)
{
    if (!hf_report_wants_events(run->report))
        return;
    json_t *object = head_json(run, argc, argv);
    if (object)
        json_object_set_new(object, "frames", run->n_frames < 0 ? json_null() : json_integer(run->n_frames));
    hf_report_event(run->report, "start", object);
}

void hf_run_send_done(hf_run *run, const char *state)
{
    hf_report_event(run->report, "done", end_json(run, state));
}

static json_t *frame_json(const hf_job *job)
{
    json_t *areas = json_object();
    for (int i = 0; i < job->n_ids; i++) {
        char id[8];
        snprintf(id, sizeof(id), "%d", job->used[i]);
        json_object_set_new(areas, id, json_integer(job->area_px[job->used[i]]));
    }
    return json_pack("{s:I, s:I, s:f, s:o, s:f}", "frame", (json_int_t)job->frame->index, "pts",
                     (json_int_t)job->frame->pts, "ms", (double)job->compute_ms, "area_px", areas, "cover",
                     (double)job->mean_cover);
}

/* Warn when something goes wrong for the first time, not on every frame of it. */
static void warn_of_frame(hf_run *run, const hf_job *job)
{
    int64_t frame = job->frame->index;
    if (!job->is_reached)
        return;
    for (int i = 0; i < job->n_ids; i++) {
        int id = job->used[i];
        if (job->area_px[id] == 0 && run->last_area_px[id] > 0 && !run->is_lost[id]) {
            run->is_lost[id] = 1; /* told once: behind an occluder it may come and go */
            hf_report_warn(run->report, frame, "object %d is lost; the area in later frames tells whether it is back", id);
        }
        run->last_area_px[id] = job->area_px[id];
    }
    int is_low = job->mean_cover < COVER_LOW;
    if (is_low && !run->is_cover_low)
        hf_report_warn(run->report, frame, "cover is low (%.2f): little of this frame is recognised from what was drawn",
                       (double)job->mean_cover);
    run->is_cover_low = is_low;
}

void hf_run_tell_frame(hf_run *run, const hf_job *job)
{
    int64_t n = __atomic_add_fetch(&run->n_written, 1, __ATOMIC_RELAXED);
    int wants_events = hf_report_wants_events(run->report);

    if (run->sidecar || wants_events) {
        json_t *object = frame_json(job);
        if (wants_events)
            hf_report_event(run->report, "frame", json_incref(object));
        if (run->sidecar)
            hf_sidecar_add_frame(run->sidecar, json_incref(object));
        json_decref(object);
    }
    warn_of_frame(run, job);
    hf_report_progress(run->report, __atomic_add_fetch(&run->n_steps, 1, __ATOMIC_RELAXED), n);
}

/* ---- --dry-run ---- */

static void print_input(const hf_run *run, FILE *out)
{
    const hf_video_info *i = run->info;
    fprintf(out, "input    %s: %d x %d", run->options->input, i->width, i->height);
    if (i->n_frames >= 0)
        fprintf(out, ", %lld frames", (long long)i->n_frames);
    if (i->fps_num)
        fprintf(out, ", %.6g frames/s", (double)i->fps_num / i->fps_den);
    fprintf(out, ", %s (%s), %d bit\n", i->codec, i->pixel_format, i->bit_depth);
    fprintf(out, "         colour: range %s, primaries %s, transfer %s, matrix %s", i->range, i->primaries, i->transfer,
            i->matrix);
    fprintf(out, "%s", i->is_interlaced ? "; interlaced" : "");
    if (i->rotation)
        fprintf(out, "; turned by %d degrees", i->rotation);
    fprintf(out, "\n         %d audio, %d subtitle streams\n", i->n_audio, i->n_subtitles);
}

static void print_outputs(const hf_run *run, FILE *out)
{
    static const char *const kinds[] = { "frames with a layer over them", "pictures", "frames with alpha" };
    const hf_outputs_plan *p = &run->outputs_plan;
    if (p->path[0])
        fprintf(out, "output   %s: %s, %s%s%s%s\n", p->path, hf_render_name(p->render), kinds[p->video.kind],
                p->is_folder ? ", PNG" : "", p->video.codec ? ", codec " : "", p->video.codec ? p->video.codec : "");
    if (p->masks_dir)
        fprintf(out, "masks    %s: indexed PNG\n", p->masks_dir);
    if (p->mattes_dir)
        fprintf(out, "mattes   %s: gray PNG, %d bit\n", p->mattes_dir, p->matte_bits);
    if (p->sidecar[0])
        fprintf(out, "sidecar  %s\n", p->sidecar);
}

static void print_passes(const hf_run *run, FILE *out)
{
    int tracked = hf_session_needs_tracking(run->session);
    for (int i = 0; i < run->plan.n; i++) {
        const hf_segment *s = &run->plan.segment[i];
        if (s->key >= 0) {
            fprintf(out, "pass     frame %lld: as drawn\n", (long long)s->first);
            continue;
        }
        fprintf(out, "pass     frames %lld to ", (long long)s->first);
        if (s->last == HF_PLAN_END)
            fprintf(out, "the end: ");
        else
            fprintf(out, "%lld: ", (long long)s->last);
        if (s->left >= 0)
            fprintf(out, "forward from %lld", (long long)s->left_at);
        if (s->right >= 0)
            fprintf(out, "%sbackward from %lld%s", s->left >= 0 ? " and " : "", (long long)s->right_at,
                    tracked ? " (read twice)" : "");
        fprintf(out, s->left < 0 && s->right < 0 ? "left as they are\n" : "\n");
    }
}

/* Following the drawn frame into itself costs what any frame costs. *seconds: of one frame; 0: there was none. */
static int try_frames(hf_run *run, double *seconds, hf_error *err)
{
    const uint8_t *rgb[HF_MAX_BATCH];
    int n = run->n_batch ? run->n_batch : 1, rc;
    hf_result result;

    *seconds = 0;
    if (!run->ahead)
        return HF_OK;
    if ((rc = hf_session_follow(run->session, 0, err)) < 0)
        return rc;
    for (int i = 0; i < n; i++)
        rgb[i] = run->ahead->rgb;
    for (int round = 0; round < 3; round++) { /* the first time also fills caches */
        double start = hf_now_s();
        if (run->n_batch && (rc = hf_session_look_ahead(run->session, rgb, n, err)) < 0)
            return rc;
        for (int i = 0; i < n; i++)
            if ((rc = hf_session_step(run->session, &result, rgb[i], err)) < 0)
                return rc;
        *seconds = (hf_now_s() - start) / n;
    }
    return HF_OK;
}

static void print_speed(const hf_run *run, double seconds, FILE *out)
{
    if (seconds <= 0)
        return;
    fprintf(out, "speed    about %.0f ms a frame for computing on this machine now", 1e3 * seconds);
    if (run->n_frames > 0)
        fprintf(out, ", %.*f s in all", seconds * (double)run->n_frames < 10, seconds * (double)run->n_frames);
    fprintf(out, "; decoding and encoding run beside it\n");
}

/* What of it is new, where it is the GPU's. */
static void print_gpu(const hf_run *run, const hf_session_memory *memory, const hf_device_info *before, FILE *out)
{
    hf_device_info now;
    hf_session_device(run->session, &now);
    if (!now.bytes_total)
        return;
    fprintf(out, "GPU      %s: about %.0f MB needed, %.0f MB available; %.0f MB taken in a trial, %.0f MB left\n", now.about,
            (double)memory->device / 1e6, (double)(before->bytes_free + before->bytes_used) / 1e6,
            (double)now.bytes_peak / 1e6, (double)now.bytes_free / 1e6);
    if (run->n_batch)
        fprintf(out, "         features of %d frame%s at a time, while %s matched\n", run->n_batch,
                run->n_batch > 1 ? "s" : "", run->n_batch > 1 ? "those before are" : "the one before is");
}

/* The event in place of the text, for --json. */
static void send_plan(hf_run *run, const hf_session_memory *memory, int64_t jobs, int64_t backward, double seconds, int argc,
                      char **argv)
{
    json_t *object = head_json(run, argc, argv);
    json_t *more = json_pack("{s:o, s:I, s:I, s:I, s:I, s:o}", "frames",
                             run->n_frames < 0 ? json_null() : json_integer(run->n_frames), "session_bytes",
                             (json_int_t)memory->host, "frames_bytes", (json_int_t)jobs, "backward_bytes",
                             (json_int_t)backward, "device_bytes", (json_int_t)memory->device, "ms",
                             seconds > 0 ? json_real(1e3 * seconds) : json_null());
    json_object_update(object, more);
    json_decref(more);
    hf_report_event(run->report, "plan", object);
}

static void print_plan(hf_run *run, FILE *out)
{
    hf_session_params p;

    hf_session_settings(run->session, &p);
    print_input(run, out);
    if (p.match == HF_MATCH_GIVEN)
        fprintf(out, "model    none: matches come from %s\n", run->options->flow);
    else
        fprintf(out, "model    %s on %s, match %s, features at a shorter side of %d\n", p.model.name, p.device,
                match_name(p.match), p.size);
    print_passes(run, out);
    print_outputs(run, out);
}

int hf_run_print_plan(hf_run *run, FILE *out, int argc, char **argv, hf_error *err)
{
    hf_session_memory memory;
    hf_device_info before;
    double seconds = 0;
    hf_session_device(run->session, &before);
    hf_session_foretell(run->session, &memory, run->n_ids, run->n_drawings, run->has_edit);
    int rc = hf_session_batch(run->session, err);
    run->n_batch = rc > 0 ? rc : 0;
    if (rc >= 0 && run->options->flow == NULL)
        rc = try_frames(run, &seconds, err);
    if (rc >= 0)
        rc = hf_run_new_steps(run, err);
    int64_t jobs = hf_run_n_jobs(run) * hf_job_bytes(&run->outputs_plan, run->info->width, run->info->height) +
                   hf_run_step_bytes(run);
    int64_t backward = hf_session_needs_tracking(run->session) && hf_plan_n_backward(&run->plan, run->start) > 0
                           ? HF_RUN_REVERSE_BYTES : 0;

    if (hf_report_wants_events(run->report))
        send_plan(run, &memory, jobs, backward, seconds, argc, argv);
    if (run->options->json)
        return rc < 0 ? rc : HF_OK;
    print_plan(run, out);
    fprintf(out, "memory   about %.0f MB for the session, %.0f MB for frames in work", (double)memory.host / 1e6,
            (double)jobs / 1e6);
    if (backward)
        fprintf(out, ", up to %.0f MB for the backward pass", (double)backward / 1e6);
    fprintf(out, "; decoder and encoder take their own\n");
    print_speed(run, seconds, out);
    print_gpu(run, &memory, &before, out);
    fprintf(out, "nothing was written (--dry-run)\n");
    return rc < 0 ? rc : HF_OK;
}
