/* video_out.c - see video_out.h.
 *
 * frame + layer -> painter (the encoder's pixel format) -> encoder -> muxer or image folder.
 * With resume, the old part's packets go to the muxer just before the first new frame.
 */
#include "io/video_out.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavutil/pixdesc.h>

#include "io/image_out.h"
#include "io/muxer.h"
#include "io/painter.h"
#include "io/resume.h"
#include "io/sink.h"

/* Encoders forget how long a frame lasts; none holds more frames than this. */
#define N_DURATIONS 512

struct hf_video_out {
    char               *path;
    hf_video_out_params params; /* its strings are not kept */
    hf_encoder_plan     plan;
    hf_warnings         warnings;
    hf_painter         *painter;
    AVCodecContext     *encoder;
    hf_muxer           *muxer;  /* or */
    hf_image_out       *images;
    hf_resume          *resume;
    AVFrame            *send;
    AVPacket           *packet;
    AVRational          time_base;
    int64_t             start; /* taken off every pts */
    int64_t             last_pts, last_duration;
    int64_t             n_written;
    struct { int64_t pts, duration; } durations[N_DURATIONS]; /* by n_written */
};

int hf_video_out_is_folder(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct stat st;

    if (!stat(path, &st))
        return S_ISDIR(st.st_mode);
    return strcmp(path, "-") && (!*name || !strchr(name, '.'));
}

int hf_video_out_check(const char *path, const hf_video_out_params *params, hf_error *err)
{
    hf_video_out_params defaults = HF_VIDEO_OUT_DEFAULTS;
    hf_encoder_plan plan;
    int rc;

    hf_av_quiet();
    params = params ? params : &defaults;
    if ((rc = hf_encoder_plan_make(&plan, path, params, NULL, err)) < 0)
        return rc;
    return plan.format ? hf_sink_can_open(path, err) : hf_image_out_check(path, err);
}

/* The output must not be the file that is still being read; a link has another name but the same number. */
static int check_not_source(const char *path, const char *source, hf_error *err)
{
    struct stat in, out;
    int rc = strcmp(source, "-") ? stat(source, &in) : fstat(STDIN_FILENO, &in);

    if (rc < 0 || stat(path, &out) < 0 || !S_ISREG(out.st_mode) || in.st_dev != out.st_dev || in.st_ino != out.st_ino)
        return HF_OK;
    return hf_fail(err, HF_EARG, "%s: is the input itself, want another output", path);
}

static int has_alpha(int format)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get((enum AVPixelFormat)format);
    return d && d->flags & AV_PIX_FMT_FLAG_ALPHA;
}

static int open_parts(hf_video_out *o, const char *resume, const hf_video_source *source, hf_error *err)
{
    const hf_video_out_params *p = &o->params;
    int rc;

    if ((rc = hf_encoder_plan_make(&o->plan, o->path, p, source, err)) < 0)
        return rc;
    if (p->kind == HF_VIDEO_BLEND && has_alpha(source->sample->format) && !has_alpha(o->plan.pixel_format))
        hf_warn(&o->warnings, "the transparency of %s is left out: %s has none; .webm, .mkv with ffv1 and .mov with prores_ks "
                "keep it", source->path, o->plan.codec->name);
    rc = o->plan.format ? hf_sink_can_open(o->path, err) : hf_image_out_check(o->path, err);
    if (rc < 0 || (rc = hf_encoder_open(&o->encoder, &o->plan, p, source, err)) < 0 ||
        (rc = hf_painter_new(&o->painter, &o->plan, err)) < 0)
        return rc;
    if (!o->plan.format)
        return hf_image_out_open(&o->images, o->path, source, p->start_number, err);
    if (resume && (rc = hf_resume_open(&o->resume, resume, o->encoder, err)) < 0)
        return rc;
    return hf_muxer_open(&o->muxer, o->path, &o->plan, o->encoder, source, p->no_streams, &o->warnings, err);
}

int hf_video_out_open(hf_video_out **out, const char *path, const hf_video_out_params *params,
                      hf_video_in *source, hf_error *err)
{
    hf_video_source from = hf_video_in_get_source(source);
    hf_video_out *o = NULL;
    int rc;

    *out = NULL;
    hf_av_quiet();
    if ((rc = check_not_source(path, from.path, err)) < 0)
        return rc;
    if (!(o = calloc(1, sizeof(*o))) || !(o->path = strdup(path)) || !(o->send = av_frame_alloc()) ||
        !(o->packet = av_packet_alloc())) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    o->params = params ? *params : (hf_video_out_params)HF_VIDEO_OUT_DEFAULTS;
    o->time_base = from.time_base;
    o->last_pts = AV_NOPTS_VALUE;
    if ((rc = open_parts(o, o->params.resume, &from, err)) < 0)
        goto end;
    *out = o;
    o = NULL;
end:
    hf_video_out_close(&o);
    return rc;
}

void hf_video_out_close(hf_video_out **out)
{
    hf_video_out *o = *out;

    if (!o)
        return;
    hf_muxer_close(&o->muxer);
    hf_image_out_close(&o->images);
    hf_resume_close(&o->resume);
    hf_painter_free(&o->painter);
    avcodec_free_context(&o->encoder);
    av_frame_free(&o->send);
    av_packet_free(&o->packet);
    free(o->path);
    free(o);
    *out = NULL;
}

int64_t hf_video_out_get_n_resumed(const hf_video_out *o)
{
    return o->resume ? hf_resume_get_n_frames(o->resume) : 0;
}

static void set_duration(AVPacket *packet, const hf_video_out *o)
{
    for (int64_t i = o->n_written - 1; i >= 0 && i > o->n_written - N_DURATIONS; i--)
        if (o->durations[i % N_DURATIONS].pts == packet->pts) {
            packet->duration = o->durations[i % N_DURATIONS].duration;
            return;
        }
}

/* Pass on what the encoder has ready. name: of the frame, for images. */
static int drain(hf_video_out *o, const char *name, hf_error *err)
{
    int rc;

    while ((rc = avcodec_receive_packet(o->encoder, o->packet)) >= 0) {
        set_duration(o->packet, o);
        rc = o->images ? hf_image_out_write(o->images, name, o->packet, err)
                       : hf_muxer_write(o->muxer, o->packet, o->time_base, err);
        av_packet_unref(o->packet);
        if (rc < 0)
            return rc;
    }
    return rc == AVERROR(EAGAIN) || rc == AVERROR_EOF ? HF_OK : hf_av_fail(err, HF_EFORMAT, rc, o->path);
}

/* Copy the old part. */
static int write_resumed(hf_video_out *o, hf_error *err)
{
    AVRational base = hf_resume_get_time_base(o->resume);
    int rc;

    while ((rc = hf_resume_read(o->packet, o->resume, err)) == HF_OK) {
        rc = hf_muxer_write(o->muxer, o->packet, base, err);
        av_packet_unref(o->packet);
        if (rc < 0)
            return rc;
    }
    return rc == HF_EOF ? HF_OK : rc;
}

/* Before the first new frame: where time starts, and the old part. */
static int begin(hf_video_out *o, int64_t pts, hf_error *err)
{
    int64_t end = o->resume ? av_rescale_q(hf_resume_get_end(o->resume), hf_resume_get_time_base(o->resume),
                                           o->time_base) : 0;

    /* With a resumed part the new frame follows it directly, which tells where that started. */
    if (o->params.trim)
        o->start = pts - end;
    if (o->muxer)
        hf_muxer_set_start(o->muxer, av_rescale_q(o->start, o->time_base, AV_TIME_BASE_Q));
    return o->resume ? write_resumed(o, err) : HF_OK;
}

static int check_kind(const hf_video_out *o, hf_video_kind kind, const char *name, hf_error *err)
{
    if (o->params.kind == kind)
        return HF_OK;
    return hf_fail(err, HF_EARG, "%s: was not opened to write a %s", o->path, name);
}

/* MP4 shows a last frame of no length not at all. */
static int64_t duration_of(const hf_video_out *o, const hf_frame *frame)
{
    int64_t usual = av_rescale_q(1, av_inv_q(o->encoder->framerate), o->time_base);
    return frame->duration > 0 ? frame->duration : usual > 0 ? usual : 1;
}

/* Encode a picture at the frame's time. */
static int encode(hf_video_out *o, const hf_frame *frame, const AVFrame *ready, hf_error *err)
{
    int rc;

    if (o->last_pts != AV_NOPTS_VALUE && frame->pts <= o->last_pts)
        return hf_fail(err, HF_EARG, "%s: frame at time stamp %lld after one at %lld, want rising ones", o->path,
                       (long long)frame->pts, (long long)o->last_pts);
    if (o->last_pts == AV_NOPTS_VALUE && (rc = begin(o, frame->pts, err)) < 0)
        return rc;
    av_frame_unref(o->send);
    if (av_frame_ref(o->send, ready) < 0)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", o->path);
    o->send->format = o->plan.pixel_format; /* yuvj420p and yuv420p are one layout */
    o->send->pts = frame->pts - o->start;
    o->send->pict_type = AV_PICTURE_TYPE_NONE; /* the source's choice of key frames is not ours */
    o->durations[o->n_written % N_DURATIONS].pts = o->send->pts;
    o->durations[o->n_written % N_DURATIONS].duration = duration_of(o, frame);
    o->last_pts = frame->pts;
    o->last_duration = duration_of(o, frame);
    o->n_written++;
    hf_av_forget();
    rc = avcodec_send_frame(o->encoder, o->send);
    av_frame_unref(o->send);
    return rc < 0 ? hf_av_fail(err, HF_EFORMAT, rc, o->path) : drain(o, frame->name, err);
}

int hf_video_out_write_blend(hf_video_out *o, const hf_frame *frame, const hf_layer *layer, hf_error *err)
{
    const AVFrame *ready;
    int rc = check_kind(o, HF_VIDEO_BLEND, "frame with a layer over it", err);

    if (rc < 0 || (rc = hf_painter_blend(&ready, o->painter, frame, layer, err)) < 0)
        return rc;
    return encode(o, frame, ready, err);
}

int hf_video_out_write_picture(hf_video_out *o, const hf_frame *frame, const uint8_t *rgb, hf_error *err)
{
    const AVFrame *ready;
    int rc = check_kind(o, HF_VIDEO_PICTURE, "picture", err);

    if (rc < 0 || (rc = hf_painter_picture(&ready, o->painter, rgb, err)) < 0)
        return rc;
    return encode(o, frame, ready, err);
}

int hf_video_out_write_cutout(hf_video_out *o, const hf_frame *frame, const uint8_t *alpha, hf_error *err)
{
    const AVFrame *ready;
    int rc = check_kind(o, HF_VIDEO_CUTOUT, "cutout", err);

    if (rc < 0 || (rc = hf_painter_cutout(&ready, o->painter, frame, alpha, err)) < 0)
        return rc;
    return encode(o, frame, ready, err);
}

int hf_video_out_finish(hf_video_out *o, hf_video_end end, hf_error *err)
{
    int64_t last = o->last_pts + o->last_duration;
    int rc;

    if (!o->n_written)
        return hf_fail(err, HF_EARG, "%s: no frame was written, so there is nothing to finish", o->path);
    hf_av_forget();
    if ((rc = avcodec_send_frame(o->encoder, NULL)) < 0)
        return hf_av_fail(err, HF_EFORMAT, rc, o->path);
    if ((rc = drain(o, "", err)) < 0 || o->images)
        return rc;
    return hf_muxer_finish(o->muxer, end == HF_VIDEO_WHOLE ? INT64_MAX
                                                           : av_rescale_q(last, o->time_base, AV_TIME_BASE_Q), err);
}

const char *hf_video_out_warning(const hf_video_out *o)
{
    return hf_warnings_get(&o->warnings);
}

const char *hf_video_out_get_codec(const hf_video_out *o)
{
    const char *name = o->encoder->codec->name;
    return strcmp(name, "wrapped_avframe") ? name : "raw"; /* what FFmpeg calls it inside */
}

const char *hf_video_out_get_pixel_format(const hf_video_out *o)
{
    return av_get_pix_fmt_name(o->plan.pixel_format);
}
