/* outputs.c - jobs, their pictures and their writers; see outputs.h. */
#include "src/cli/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/mask.h"
#include "propagate/compose.h"

struct hf_outputs {
    hf_outputs_plan plan;
    hf_video_out   *video; /* NULL = none */
    uint8_t         palette[256][3];
    int             n_palette;
    float           opacity;
    int64_t         number; /* of the next PNG without a name */
    uint16_t       *deep;   /* [H,W] a matte of 16 bits */
};

/* ---- jobs ---- */

typedef struct job_needs {
    int ids, alpha, layer, picture, scratch; /* bytes a pixel */
} job_needs;

static job_needs needs_of(const hf_outputs_plan *plan)
{
    hf_render render = plan->path[0] ? plan->render : HF_RENDER_AUTO;
    return (job_needs){
        .ids = plan->masks_dir != NULL,
        .alpha = plan->mattes_dir || render == HF_RENDER_CUTOUT,
        .layer = render == HF_RENDER_OVERLAY || render == HF_RENDER_EDIT ? 4 : 0,
        .picture = render == HF_RENDER_SIDE_BY_SIDE                          ? 6
                   : render == HF_RENDER_MASK || render == HF_RENDER_MATTE ||
                           render == HF_RENDER_COLORMAP                      ? 3
                                                                             : 0,
        .scratch = render == HF_RENDER_SIDE_BY_SIDE ? 7 : 0, /* layer and blended picture */
    };
}

int64_t hf_job_bytes(const hf_outputs_plan *plan, int width, int height)
{
    job_needs n = needs_of(plan);
    /* 3 for the frame's rgb, about 3 for the decoder's own picture. */
    return (int64_t)width * height * (n.ids + n.alpha + n.layer + n.picture + n.scratch + 6) + (int64_t)sizeof(hf_job);
}

static int new_buffer(uint8_t **out, size_t pixels, int bytes)
{
    return !bytes || (*out = calloc(pixels, (size_t)bytes));
}

int hf_job_new(hf_job **out, const hf_outputs_plan *plan, int width, int height, hf_error *err)
{
    job_needs n = needs_of(plan);
    size_t pixels = (size_t)width * (size_t)height;
    hf_job *job = calloc(1, sizeof(*job));
    int rc = HF_OK;

    *out = NULL;
    if (!job || !new_buffer(&job->ids, pixels, n.ids) || !new_buffer(&job->alpha, pixels, n.alpha) ||
        !new_buffer(&job->layer, pixels, n.layer) || !new_buffer(&job->picture, pixels, n.picture) ||
        !new_buffer(&job->scratch, pixels, n.scratch))
        rc = hf_fail(err, HF_ENOMEM, "frames of %d x %d: out of memory", width, height);
    else
        rc = hf_frame_new(&job->frame, width, height, err);
    if (rc < 0)
        hf_job_free(&job);
    *out = job;
    return rc;
}

void hf_job_free(hf_job **job)
{
    if (!*job)
        return;
    hf_frame_free(&(*job)->frame);
    free((*job)->ids);
    free((*job)->alpha);
    free((*job)->layer);
    free((*job)->picture);
    free((*job)->scratch);
    free(*job);
    *job = NULL;
}

/* ---- pictures ---- */

static void clear_pictures(hf_job *job, const hf_outputs *outputs, size_t pixels)
{
    if (job->ids)
        memset(job->ids, 0, pixels);
    if (job->alpha)
        memset(job->alpha, 0, pixels);
    if (job->layer)
        memset(job->layer, 0, 4 * pixels);
    if (job->picture && outputs->plan.render == HF_RENDER_SIDE_BY_SIDE)
        hf_compose_side_by_side(job->picture, job->frame->rgb, job->frame->rgb, job->frame->width, job->frame->height);
    else if (job->picture)
        memset(job->picture, 0, 3 * pixels);
}

/* The layer that the result lays over its frame: the edit if there is one, else the objects. */
static void make_layer(uint8_t *layer, const hf_outputs *outputs, const hf_result *result, int W, int H)
{
    if (result->edit)
        memcpy(layer, result->edit, (size_t)W * (size_t)H * 4);
    else
        hf_compose_overlay(layer, result->ids, outputs->palette, outputs->opacity, W, H);
}

static void make_picture(const hf_outputs *outputs, hf_job *job, const hf_result *result, int W, int H)
{
    uint8_t *blended = job->scratch ? job->scratch + 4 * (size_t)W * (size_t)H : NULL;
    switch (outputs->plan.render) {
    case HF_RENDER_AUTO:
    case HF_RENDER_CUTOUT: /* the writer lays alpha and frame together */
        break;
    case HF_RENDER_OVERLAY:
        hf_compose_overlay(job->layer, result->ids, outputs->palette, outputs->opacity, W, H);
        break;
    case HF_RENDER_EDIT:
        make_layer(job->layer, outputs, result, W, H);
        break;
    case HF_RENDER_MASK:
        hf_compose_mask(job->picture, result->ids, outputs->palette, W, H);
        break;
    case HF_RENDER_MATTE:
        hf_compose_matte(job->picture, result->alpha, W, H);
        break;
    case HF_RENDER_COLORMAP:
        hf_compose_colormap(job->picture, result->xy, result->cover, W, H);
        break;
    case HF_RENDER_SIDE_BY_SIDE:
        make_layer(job->scratch, outputs, result, W, H);
        hf_compose_blend(blended, job->frame->rgb, job->scratch, W, H);
        hf_compose_side_by_side(job->picture, job->frame->rgb, blended, W, H);
        break;
    }
}

void hf_outputs_compose(const hf_outputs *outputs, hf_job *job, const hf_result *result)
{
    int W = job->frame->width, H = job->frame->height;
    size_t pixels = (size_t)W * (size_t)H;

    job->is_reached = result != NULL;
    job->n_ids = 0;
    job->mean_cover = 0;
    if (!result) {
        clear_pictures(job, outputs, pixels);
        return;
    }
    job->n_ids = result->n_ids;
    job->mean_cover = result->mean_cover;
    memcpy(job->used, result->used, sizeof(job->used));
    memcpy(job->area_px, result->area_px, sizeof(job->area_px));
    if (job->ids)
        memcpy(job->ids, result->ids, pixels);
    if (job->alpha)
        memcpy(job->alpha, result->alpha, pixels);
    if (outputs->plan.path[0])
        make_picture(outputs, job, result, W, H);
}

/* ---- writers ---- */

/* A folder and those above it, as `mkdir -p`. */
static int make_folder(const char *path, hf_error *err)
{
    char part[PATH_MAX];
    snprintf(part, sizeof(part), "%s", path);
    for (char *c = part + 1;; c++) {
        char kept = *c;
        if (kept && kept != '/')
            continue;
        *c = 0;
        if (mkdir(part, 0777) < 0 && errno != EEXIST)
            return hf_fail(err, HF_EIO, "%s: cannot make the folder: %s", part, strerror(errno));
        if (!kept)
            return HF_OK;
        *c = kept;
    }
}

int hf_outputs_open(hf_outputs **out, const hf_outputs_plan *plan, hf_video_in *in, int64_t n_done,
                    const uint8_t palette[256][3], int n_palette, double opacity, hf_error *err)
{
    hf_outputs *outputs = calloc(1, sizeof(*outputs));
    const hf_video_info *info = hf_video_in_get_info(in);
    int rc = HF_OK;

    *out = NULL;
    if (!outputs)
        return hf_fail(err, HF_ENOMEM, "outputs: out of memory");
    outputs->plan = *plan;
    outputs->opacity = (float)opacity;
    outputs->n_palette = n_palette;
    outputs->number = plan->first_number + n_done;
    memcpy(outputs->palette, palette, sizeof(outputs->palette));
    if ((plan->masks_dir && (rc = make_folder(plan->masks_dir, err)) < 0) ||
        (plan->mattes_dir && (rc = make_folder(plan->mattes_dir, err)) < 0))
        goto end;
    if (plan->mattes_dir && plan->matte_bits == 16 &&
        !(outputs->deep = malloc((size_t)info->width * (size_t)info->height * 2))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", plan->mattes_dir);
        goto end;
    }
    if (plan->path[0]) {
        hf_video_out_params params = plan->video;
        params.start_number = (int)outputs->number;
        params.resume = n_done && !plan->is_folder ? plan->path : NULL;
        if ((rc = hf_video_out_open(&outputs->video, plan->path, &params, in, err)) < 0)
            goto end;
        int64_t n_resumed = hf_video_out_get_n_resumed(outputs->video);
        if (params.resume && n_resumed != n_done) {
            rc = hf_fail(err, HF_EFORMAT, "%s: holds %lld frames, the checkpoint says %lld; start over without --resume",
                         plan->path, (long long)n_resumed, (long long)n_done);
            goto end;
        }
    }
    *out = outputs;
    outputs = NULL;
end:
    hf_outputs_close(&outputs);
    return rc;
}

void hf_outputs_close(hf_outputs **outputs)
{
    if (!*outputs)
        return;
    hf_video_out_close(&(*outputs)->video);
    free((*outputs)->deep);
    free(*outputs);
    *outputs = NULL;
}

static int write_mask(hf_outputs *outputs, const char *path, const hf_job *job, hf_error *err)
{
    hf_mask mask = { .width = job->frame->width, .height = job->frame->height, .ids = job->ids,
                     .n_palette = outputs->n_palette };
    memcpy(mask.palette, outputs->palette, sizeof(mask.palette));
    return hf_mask_write(path, &mask, err);
}

static int write_matte(hf_outputs *outputs, const char *path, const hf_job *job, hf_error *err)
{
    int W = job->frame->width, H = job->frame->height;
    if (!outputs->deep)
        return hf_matte_write(path, job->alpha, W, H, 8, err);
    for (size_t i = 0; i < (size_t)W * (size_t)H; i++)
        outputs->deep[i] = (uint16_t)(job->alpha[i] * 257);
    return hf_matte_write(path, outputs->deep, W, H, 16, err);
}

/* DIR/NAME.png by the input's name, else by number. */
static void png_path(char *path, size_t size, const char *folder, const hf_outputs *outputs, const hf_job *job)
{
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    if (job->frame->name[0])
        snprintf(path, size, "%s%s%s.png", folder, slash, job->frame->name);
    else
        snprintf(path, size, "%s%s%05lld.png", folder, slash, (long long)outputs->number);
}

static int write_video(hf_outputs *outputs, hf_job *job, hf_error *err)
{
    hf_layer layer = { job->frame->width, job->frame->height, job->layer };
    switch (outputs->plan.video.kind) {
    case HF_VIDEO_BLEND:
        return hf_video_out_write_blend(outputs->video, job->frame, &layer, err);
    case HF_VIDEO_PICTURE:
        return hf_video_out_write_picture(outputs->video, job->frame, job->picture, err);
    case HF_VIDEO_CUTOUT:
        return hf_video_out_write_cutout(outputs->video, job->frame, job->alpha, err);
    }
    return HF_OK;
}

int hf_outputs_write(hf_outputs *outputs, hf_job *job, hf_error *err)
{
    char path[PATH_MAX + 300];
    int rc = HF_OK;

    if (!outputs->plan.has_names)
        job->frame->name[0] = 0;
    if (outputs->plan.masks_dir) {
        png_path(path, sizeof(path), outputs->plan.masks_dir, outputs, job);
        if ((rc = write_mask(outputs, path, job, err)) < 0)
            return rc;
    }
    if (outputs->plan.mattes_dir) {
        png_path(path, sizeof(path), outputs->plan.mattes_dir, outputs, job);
        if ((rc = write_matte(outputs, path, job, err)) < 0)
            return rc;
    }
    if (outputs->video)
        rc = write_video(outputs, job, err);
    outputs->number++;
    return rc;
}

int hf_outputs_finish(hf_outputs *outputs, hf_video_end end, hf_error *err)
{
    return outputs->video ? hf_video_out_finish(outputs->video, end, err) : HF_OK;
}

const char *hf_outputs_warning(const hf_outputs *outputs)
{
    return outputs->video ? hf_video_out_warning(outputs->video) : NULL;
}

void hf_outputs_describe(const hf_outputs *outputs, char *text, size_t size)
{
    text[0] = 0;
    if (outputs->video)
        snprintf(text, size, "%s %s", hf_video_out_get_codec(outputs->video),
                 hf_video_out_get_pixel_format(outputs->video));
}
