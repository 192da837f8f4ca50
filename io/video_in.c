/* video_in.c - open, describe and read; see video_in.h.
 *
 * Frames come from video_decode.c and are converted to rgb here. The frame decoded by open
 * or found by a seek (video_seek.c) waits in `pending`.
 */
#include "io/video_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/pixdesc.h>

#include "io/video_in_parts.h"

#define DEFAULT_FPS 24
#define VECTOR 32 /* pixels, at most, that swscale writes at a time */

static int count_streams(const AVFormatContext *format, enum AVMediaType type)
{
    int n = 0;
    for (unsigned i = 0; i < format->nb_streams; i++)
        n += format->streams[i]->codecpar->codec_type == type;
    return n;
}

static void describe_timing(hf_video_in *in)
{
    hf_video_info *info = &in->info;
    AVFormatContext *format = in->decoder->format;
    AVStream *stream = in->decoder->stream;
    AVRational rate = av_guess_frame_rate(format, stream, NULL);

    if (in->images)
        rate = av_inv_q(in->time_base);
    else if (stream->avg_frame_rate.num > 0)
        rate = stream->avg_frame_rate;
    info->fps_num = rate.num > 0 ? rate.num : 0;
    info->fps_den = rate.num > 0 ? rate.den : 1;
    info->time_num = in->time_base.num;
    info->time_den = in->time_base.den;
    info->duration_s = format->duration > 0 ? (double)format->duration / AV_TIME_BASE : -1;
    info->n_frames = stream->nb_frames > 0 ? stream->nb_frames : -1;
    if (info->n_frames < 0 && info->duration_s > 0 && info->fps_num && info->is_seekable)
        info->n_frames = (int64_t)(info->duration_s * info->fps_num / info->fps_den + 0.5);
    if (in->images) {
        info->n_frames = in->images->n;
        info->duration_s = in->images->n * av_q2d(in->time_base);
    }
}

static const char *name_or_unknown(const char *name)
{
    return name ? name : "unknown";
}

static void describe_picture(hf_video_in *in)
{
    hf_video_info *info = &in->info;
    const AVFrame *first = in->pending;
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(first->format);

    info->width = first->width;
    info->height = first->height;
    info->rotation = hf_turn_degrees(in->turn);
    info->is_interlaced = in->is_deinterlacing || first->interlaced_frame;
    info->bit_depth = d->comp[0].depth;
    info->has_alpha = !!(d->flags & AV_PIX_FMT_FLAG_ALPHA);
    info->pixel_format = d->name;
    info->container = in->decoder->format->iformat->name;
    info->codec = avcodec_get_name(in->decoder->stream->codecpar->codec_id);
    info->range = name_or_unknown(av_color_range_name(first->color_range));
    info->primaries = name_or_unknown(av_color_primaries_name(first->color_primaries));
    info->transfer = name_or_unknown(av_color_transfer_name(first->color_trc));
    info->matrix = name_or_unknown(av_color_space_name(first->colorspace));
    info->n_audio = count_streams(in->decoder->format, AVMEDIA_TYPE_AUDIO);
    info->n_subtitles = count_streams(in->decoder->format, AVMEDIA_TYPE_SUBTITLE);
}

static int open_file(hf_video_in *in, hf_error *err)
{
    AVIOContext *io;
    int rc;

    if (in->params.hwdec != HF_HWDEC_OFF && (rc = hf_hw_new(&in->hw, in->params.hwdec, in->params.hw_type,
                                                            in->params.hw_device, in->params.hw_calls, err)) < 0)
        return rc;
    if ((rc = hf_video_open_decoder(in, err)) < 0)
        return rc;
    if (in->decoder->is_image)
        return hf_image_list_open(&in->images, in->path, err);
    io = in->decoder->format->pb;
    in->stream = in->decoder->stream->index;
    in->info.is_seekable = strcmp(in->path, "-") && (!io || (io->seekable & AVIO_SEEKABLE_NORMAL));
    if (!in->info.is_seekable && !(in->queue = hf_packet_queue_new()))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", in->path);
    in->decoder->others = in->queue;
    return HF_OK;
}

static int open_input(hf_video_in *in, hf_error *err)
{
    const hf_video_in_params *p = &in->params;
    int rc;

    if (strcmp(in->path, "-") && hf_image_list_kind_of(in->path) != HF_LIST_NONE && !strstr(in->path, "://"))
        rc = hf_image_list_open(&in->images, in->path, err);
    else
        rc = open_file(in, err);
    if (rc < 0)
        return rc;
    if (in->images) {
        in->info.is_images = in->info.is_seekable = 1;
        in->time_base = p->fps_num ? av_make_q(p->fps_den, p->fps_num) : av_make_q(1, DEFAULT_FPS);
        if (in->images->n_missing)
            hf_warn(&in->warnings, "%s: %d number%s missing between its first and last file", in->path,
                    in->images->n_missing, in->images->n_missing > 1 ? "s are" : " is");
    } else {
        in->time_base = in->decoder->stream->time_base;
    }
    return HF_OK;
}

/* Decode the first frame into `pending`: only then are size, format and turn certain. */
static int read_first(hf_video_in *in, hf_error *err)
{
    int rc;

    if (!in->images) {
        in->info.fps_num = in->decoder->stream->avg_frame_rate.num;
        in->info.fps_den = in->decoder->stream->avg_frame_rate.den;
        if ((rc = hf_video_decode(in->decoded, in, err)) == HF_OK) {
            in->has_decoded = 1;
            hf_video_find_turn(in);
        }
    }
    hf_av_forget();
    rc = hf_video_next_picture(in->pending, in, err);
    if (rc == HF_EOF)
        return hf_fail(err, HF_EFORMAT, "%s: no frame of its %s video could be decoded%s%s", in->path,
                       avcodec_get_name(in->decoder->stream->codecpar->codec_id),
                       in->warnings.text[0] ? ": " : "", in->warnings.text);
    if (rc < 0)
        return rc;
    in->has_pending = 1;
    in->sample->format = in->pending->format;
    in->sample->width = in->pending->width;
    in->sample->height = in->pending->height;
    rc = av_frame_copy_props(in->sample, in->pending);
    return rc < 0 ? hf_fail(err, HF_ENOMEM, "%s: out of memory", in->path) : HF_OK;
}

static int check_params(const hf_video_in_params *p, hf_error *err)
{
    if (p->fps_num < 0 || p->fps_den < 0 || (p->fps_num > 0) != (p->fps_den > 0))
        return hf_fail(err, HF_EARG, "frame rate of images: %d/%d, want two positive numbers", p->fps_num, p->fps_den);
    if (p->n_threads < 0 || p->n_threads > 64)
        return hf_fail(err, HF_EARG, "decoder threads: %d, want 1..64 or 0", p->n_threads);
    return HF_OK;
}

int hf_video_in_open(hf_video_in **out, const char *path, const hf_video_in_params *params, hf_error *err)
{
    hf_video_in *in = NULL;
    int rc;

    *out = NULL;
    hf_av_quiet();
    if (params && (rc = check_params(params, err)) < 0)
        return rc;
    if (!(in = calloc(1, sizeof(*in))) || !(in->path = strdup(path)) || !(in->decoded = av_frame_alloc()) ||
        !(in->pending = av_frame_alloc()) || !(in->sample = av_frame_alloc())) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    if (params)
        in->params = *params;
    in->last_pts = AV_NOPTS_VALUE;
    if ((rc = open_input(in, err)) < 0 || (rc = read_first(in, err)) < 0)
        goto end;
    describe_timing(in);
    describe_picture(in);
    *out = in;
    in = NULL;
end:
    hf_video_in_close(&in);
    return rc;
}

void hf_video_in_close(hf_video_in **input)
{
    hf_video_in *in = *input;

    if (!in)
        return;
    hf_orient_close(&in->orient);
    hf_decoder_close(&in->decoder);
    hf_hw_free(&in->hw);
    hf_packet_queue_free(&in->queue);
    hf_image_list_free(&in->images);
    hf_frame_index_free(&in->index);
    av_frame_free(&in->decoded);
    av_frame_free(&in->pending);
    av_frame_free(&in->sample);
    av_frame_free(&in->wide);
    hf_convert_free(&in->convert);
    free(in->path);
    free(in);
    *input = NULL;
}

const hf_video_info *hf_video_in_get_info(const hf_video_in *in)
{
    return &in->info;
}

hf_video_source hf_video_in_get_source(const hf_video_in *in)
{
    return (hf_video_source){
        .path = in->path, .images = in->images, .decoder = in->decoder, .sample = in->sample, .queue = in->queue,
        .time_base = in->time_base, .frame_rate = av_make_q(in->info.fps_num, in->info.fps_den),
        .is_interlaced = in->info.is_interlaced && !in->is_deinterlacing,
    };
}

const char *hf_video_in_decoder(hf_video_in *in)
{
    if (!in->hw || in->images)
        return "software";
    if (hf_hw_is_used(in->hw))
        return hf_hw_name(in->hw);
    snprintf(in->decoder_text, sizeof(in->decoder_text), "software (%s: %s)", hf_hw_name(in->hw), hf_hw_why(in->hw));
    return in->decoder_text;
}

static int check_size(const AVFrame *picture, hf_video_in *in, hf_error *err)
{
    if (picture->width == in->info.width && picture->height == in->info.height)
        return HF_OK;
    return hf_fail(err, HF_EFORMAT, "%s: %dx%d, want %dx%d as the first image", in->images->paths[in->next],
                   picture->width, picture->height, in->info.width, in->info.height);
}

/* Rows with room for whole vectors: made once, kept in `wide`. */
static int make_wide(hf_video_in *in, const AVFrame *picture, hf_error *err)
{
    if (in->wide)
        return HF_OK;
    if (!(in->wide = av_frame_alloc()))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", in->path);
    in->wide->format = AV_PIX_FMT_RGB24;
    in->wide->width = FFALIGN(picture->width, VECTOR), in->wide->height = picture->height;
    if (av_frame_get_buffer(in->wide, 0) < 0) {
        av_frame_free(&in->wide);
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", in->path);
    }
    in->wide->width = picture->width;
    return HF_OK;
}

/*
 * swscale's fast conversion writes whole vectors, and leaves out the last columns where these do
 * not fit into the row's length. Packed rows of other widths are therefore copied from wider ones.
 */
static int to_rgb(uint8_t *rgb, const AVFrame *picture, hf_video_in *in, hf_error *err)
{
    AVFrame packed = { .format = AV_PIX_FMT_RGB24, .width = picture->width, .height = picture->height };
    hf_colour full = { .matrix = AVCOL_SPC_RGB, .is_full = 1 }, from = hf_colour_of_picture(picture);
    size_t row = 3 * (size_t)picture->width;
    int rc;

    packed.data[0] = rgb;
    packed.linesize[0] = (int)row;
    if (picture->width % VECTOR == 0)
        return hf_convert_run(&packed, full, picture, from, 0, &in->convert, err);
    if ((rc = make_wide(in, picture, err)) < 0 ||
        (rc = hf_convert_run(in->wide, full, picture, from, 0, &in->convert, err)) < 0)
        return rc;
    for (int y = 0; y < picture->height; y++)
        memcpy(rgb + (size_t)y * row, in->wide->data[0] + (ptrdiff_t)y * in->wide->linesize[0], row);
    return HF_OK;
}

static int fill_frame(hf_frame *frame, hf_video_in *in, hf_error *err)
{
    AVFrame *picture = in->pending;
    int rc;

    if ((rc = check_size(picture, in, err)) < 0 || (rc = to_rgb(frame->rgb, picture, in, err)) < 0)
        return rc;
    frame->index = in->next;
    frame->pts = picture->pts;
    frame->duration = picture->pkt_duration > 0 ? picture->pkt_duration : 0;
    frame->name[0] = 0;
    if (in->images)
        hf_path_stem(frame->name, sizeof(frame->name), in->images->paths[in->next]);
    if (!frame->picture && !(frame->picture = av_frame_alloc()))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", in->path);
    av_frame_unref(frame->picture);
    av_frame_move_ref(frame->picture, picture);
    return HF_OK;
}

int hf_video_in_read(hf_frame *frame, hf_video_in *in, hf_error *err)
{
    int rc;

    if (frame->width != in->info.width || frame->height != in->info.height)
        return hf_fail(err, HF_EARG, "%s: frame of %dx%d to read into, want %dx%d", in->path, frame->width,
                       frame->height, in->info.width, in->info.height);
    rc = in->has_pending ? HF_OK : hf_video_next_picture(in->pending, in, err);
    in->has_pending = 0;
    if (rc == HF_EOF)
        return rc;
    if (rc == HF_OK)
        rc = fill_frame(frame, in, err);
    av_frame_unref(in->pending);
    in->next++;
    return rc;
}

const char *hf_video_in_warning(const hf_video_in *in)
{
    return hf_warnings_get(&in->warnings);
}
