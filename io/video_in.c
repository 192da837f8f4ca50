/* video_in.c - see video_in.h.
 *
 * A frame goes decoder -> repaired time stamp -> turn/deinterlace (only if needed) -> rgb.
 * The frame decoded by open or found by a seek waits in `pending`.
 */
#include "io/video_in.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>

#include "io/colour.h"
#include "io/frame_index.h"
#include "io/orient.h"
#include "io/video_source.h"

#define DEFAULT_FPS 24
#define MAX_THREADS 4 /* more decode ahead than the rest can use, and cost memory */

struct hf_video_in {
    char              *path;
    hf_video_in_params params;
    hf_video_info      info;
    hf_warnings        warnings;

    hf_decoder        *decoder; /* of the video, or of the current image */
    hf_packet_queue   *queue;   /* of a pipe */
    hf_image_list     *images;
    hf_frame_index    *index;
    int                stream;
    AVRational         time_base;

    AVFrame           *decoded; /* waits for the chain before it is rebuilt */
    AVFrame           *pending; /* next to be read */
    AVFrame           *sample;
    int                has_decoded, has_pending, is_deinterlacing;
    hf_turn            turn;
    hf_orient         *orient;

    int64_t            next;     /* number of the next frame */
    int64_t            last_pts; /* of the last frame decoded */
    int64_t            last_duration;
    hf_convert         convert;
};

static void stream_turn(hf_video_in *in)
{
    const int32_t *matrix = NULL;
    const AVDictionaryEntry *exif;
    AVFrameSideData *side = av_frame_get_side_data(in->decoded, AV_FRAME_DATA_DISPLAYMATRIX);

    matrix = (const int32_t *)av_stream_get_side_data(in->decoder->stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    if (side)
        matrix = (const int32_t *)side->data;
    in->turn = (hf_turn){ 0 };
    if (matrix)
        in->turn = hf_turn_of_matrix(matrix);
    else if (in->images && (exif = av_dict_get(in->decoded->metadata, "Orientation", NULL, 0)))
        in->turn = hf_turn_of_exif(atoi(exif->value));
}

static int n_threads(const hf_video_in *in)
{
    long n = in->params.n_threads > 0 ? in->params.n_threads : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : in->params.n_threads > 0 ? (int)n : n < MAX_THREADS ? (int)n : MAX_THREADS;
}

/* Missing or falling time stamps are set to follow the frame before. */
static void repair_pts(hf_video_in *in, AVFrame *frame)
{
    int64_t pts = frame->best_effort_timestamp;
    int64_t step = in->last_duration;

    if (step <= 0 && in->info.fps_num)
        step = av_rescale_q(1, av_make_q(in->info.fps_den, in->info.fps_num), in->time_base);
    if (step < 1)
        step = 1;
    if (pts == AV_NOPTS_VALUE)
        pts = in->last_pts == AV_NOPTS_VALUE ? 0 : in->last_pts + step;
    else if (in->last_pts != AV_NOPTS_VALUE && pts <= in->last_pts)
        pts = in->last_pts + 1;
    frame->pts = in->last_pts = pts;
    in->last_duration = frame->pkt_duration > 0 ? frame->pkt_duration : in->last_duration;
}

/* One frame of image file number `next`. */
static int decode_image(AVFrame *frame, hf_video_in *in, hf_error *err)
{
    const char *path;
    int rc;

    if (in->next >= in->images->n)
        return HF_EOF;
    path = in->images->paths[in->next];
    hf_decoder_close(&in->decoder);
    if ((rc = hf_decoder_open(&in->decoder, path, 1, &in->warnings, err)) < 0)
        return rc;
    if (hf_decoder_read(frame, in->decoder) != HF_OK)
        return hf_fail(err, HF_EFORMAT, "%s: cannot be decoded as %s, want an image", path,
                       avcodec_get_name(in->decoder->stream->codecpar->codec_id));
    frame->best_effort_timestamp = in->next;
    frame->pkt_duration = 1;
    in->last_pts = AV_NOPTS_VALUE;
    return HF_OK;
}

static int decode(AVFrame *frame, hf_video_in *in, hf_error *err)
{
    int rc = in->images ? decode_image(frame, in, err) : hf_decoder_read(frame, in->decoder);

    if (rc != HF_OK)
        return rc;
    if (frame->decode_error_flags || (frame->flags & AV_FRAME_FLAG_CORRUPT))
        hf_warn(&in->warnings, "some frames are damaged");
    repair_pts(in, frame);
    return HF_OK;
}

/* What must be done to `decoded` before it can be shown; 0 if nothing. */
static int needs_orient(hf_orient_params *p, hf_video_in *in)
{
    const AVFrame *f = in->decoded;
    int w, h;

    if (in->images)
        stream_turn(in);
    *p = (hf_orient_params){ .turn = in->turn };
    if (f->interlaced_frame && in->params.deinterlace == HF_DEINTERLACE_AUTO && f->width > 2 && f->height > 3)
        in->is_deinterlacing = 1;
    p->deinterlace = in->is_deinterlacing;
    w = p->turn.transpose ? f->height : f->width;
    h = p->turn.transpose ? f->width : f->height;
    if (in->sample->width && !in->images && (w != in->sample->width || h != in->sample->height)) {
        hf_warn(&in->warnings, "frames change to %dx%d at frame %lld and are scaled to the first one's %dx%d", w, h,
                (long long)in->next, in->sample->width, in->sample->height);
        *p = (hf_orient_params){ p->turn, p->deinterlace, in->sample->width, in->sample->height, in->sample->format };
    }
    return p->turn.transpose || p->turn.mirror_x || p->turn.mirror_y || p->deinterlace || p->width;
}

/* Send `decoded` on its way. HF_OK: `out` has a frame; HF_ORIENT_MORE: go on. */
static int pass_decoded(AVFrame *out, hf_video_in *in, hf_error *err)
{
    hf_orient_params p;
    int rc, is_needed = needs_orient(&p, in);

    if (in->orient && (!is_needed || !hf_orient_fits(in->orient, in->decoded, &p))) {
        /* The old chain may still hold a frame: end it, take that first. */
        hf_orient_send(in->orient, NULL, NULL);
        rc = hf_orient_receive(out, in->orient, err);
        if (rc != HF_EOF)
            return rc;
        hf_orient_close(&in->orient);
    }
    if (!is_needed) {
        av_frame_move_ref(out, in->decoded);
        in->has_decoded = 0;
        return HF_OK;
    }
    if (!in->orient && (rc = hf_orient_open(&in->orient, in->decoded, in->time_base, &p, err)) < 0)
        return rc;
    in->has_decoded = 0;
    rc = hf_orient_send(in->orient, in->decoded, err);
    av_frame_unref(in->decoded);
    return rc < 0 ? rc : HF_ORIENT_MORE;
}

/* The next frame in displayed orientation. HF_OK, HF_EOF or an error. */
static int next_picture(AVFrame *out, hf_video_in *in, hf_error *err)
{
    int rc = HF_ORIENT_MORE;

    while (rc == HF_ORIENT_MORE) {
        if (in->orient && !in->has_decoded) {
            rc = hf_orient_receive(out, in->orient, err);
            if (rc != HF_ORIENT_MORE)
                break;
        }
        if (!in->has_decoded) {
            rc = decode(in->decoded, in, err);
            if (rc == HF_EOF && in->orient) {
                /* An image's chain has ended with the image; a video's may hold its last frame. */
                if (hf_orient_send(in->orient, NULL, NULL) < 0)
                    return HF_EOF;
                rc = HF_ORIENT_MORE;
                continue;
            }
            if (rc != HF_OK)
                return rc;
            in->has_decoded = 1;
        }
        rc = pass_decoded(out, in, err);
    }
    if (rc == HF_OK)
        av_frame_remove_side_data(out, AV_FRAME_DATA_DISPLAYMATRIX);
    return rc;
}

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

    if ((rc = hf_decoder_open(&in->decoder, in->path, n_threads(in), &in->warnings, err)) < 0)
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
            hf_warn(&in->warnings, "%s: %d numbers are missing between its first and last file", in->path,
                    in->images->n_missing);
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
        if ((rc = decode(in->decoded, in, err)) == HF_OK) {
            in->has_decoded = 1;
            stream_turn(in);
        }
    }
    hf_av_forget();
    rc = next_picture(in->pending, in, err);
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
    hf_packet_queue_free(&in->queue);
    hf_image_list_free(&in->images);
    hf_frame_index_free(&in->index);
    av_frame_free(&in->decoded);
    av_frame_free(&in->pending);
    av_frame_free(&in->sample);
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

static int check_size(const AVFrame *picture, hf_video_in *in, hf_error *err)
{
    if (picture->width == in->info.width && picture->height == in->info.height)
        return HF_OK;
    return hf_fail(err, HF_EFORMAT, "%s: %dx%d, want %dx%d as the first image", in->images->paths[in->next],
                   picture->width, picture->height, in->info.width, in->info.height);
}

static int to_rgb(uint8_t *rgb, const AVFrame *picture, hf_video_in *in, hf_error *err)
{
    AVFrame target = { .format = AV_PIX_FMT_RGB24, .width = picture->width, .height = picture->height };
    hf_colour full = { .matrix = AVCOL_SPC_RGB, .is_full = 1 };

    target.data[0] = rgb;
    target.linesize[0] = 3 * picture->width;
    return hf_convert_run(&target, full, picture, hf_colour_of_picture(picture), 0, &in->convert, err);
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
    rc = in->has_pending ? HF_OK : next_picture(in->pending, in, err);
    in->has_pending = 0;
    if (rc == HF_EOF)
        return rc;
    if (rc == HF_OK)
        rc = fill_frame(frame, in, err);
    av_frame_unref(in->pending);
    in->next++;
    return rc;
}

/* Forget everything decoded ahead. */
static void reset(hf_video_in *in)
{
    hf_orient_close(&in->orient);
    av_frame_unref(in->decoded);
    av_frame_unref(in->pending);
    in->has_decoded = in->has_pending = 0;
    in->last_pts = AV_NOPTS_VALUE;
}

static int make_index(hf_video_in *in, hf_error *err)
{
    if (in->index)
        return HF_OK;
    if (!in->info.is_seekable)
        return hf_fail(err, HF_EUNSUPPORTED, "%s: a pipe can be read only once, want a file", in->path);
    return hf_frame_index_new(&in->index, in->path, in->stream, err);
}

/* Read on until `pending` is the wanted frame, or is behind it. */
static int skip_to(int64_t pts, hf_video_in *in, hf_error *err)
{
    int rc;

    do {
        av_frame_unref(in->pending);
        if ((rc = next_picture(in->pending, in, err)) != HF_OK)
            return rc;
    } while (in->pending->pts < pts);
    in->has_pending = 1;
    return HF_OK;
}

/* 1 if the frame was found by its time stamp. */
static int seek_by_key(hf_video_in *in, int64_t index, hf_error *err)
{
    const hf_frame_index *x = in->index;
    /* A deinterlacer looks at the frame before: start early enough to have it. */
    int64_t from = in->is_deinterlacing && index > 0 ? index - 1 : index;
    int64_t key = x->is_exact ? hf_frame_index_key(x, x->pts[from]) : -1;
    int rc;

    if (key < 0)
        return 0;
    reset(in);
    if (hf_decoder_seek(in->decoder, x->key_dts[key]) < 0)
        return 0;
    rc = skip_to(x->pts[index], in, err);
    return rc < 0 ? rc : rc == HF_OK && in->pending->pts == x->pts[index];
}

/* The way that always works: decode from the start and count. */
static int seek_by_counting(hf_video_in *in, int64_t index, hf_error *err)
{
    int rc;

    reset(in);
    hf_decoder_close(&in->decoder);
    if ((rc = hf_decoder_open(&in->decoder, in->path, n_threads(in), &in->warnings, err)) < 0)
        return rc;
    for (int64_t i = 0; i <= index; i++) {
        av_frame_unref(in->pending);
        if ((rc = next_picture(in->pending, in, err)) < 0)
            return rc;
        if (rc == HF_EOF)
            return hf_fail(err, HF_EARG, "%s: frame %lld asked for, it has %lld", in->path, (long long)index,
                           (long long)i);
    }
    in->has_pending = 1;
    return HF_OK;
}

int hf_video_in_seek(hf_video_in *in, int64_t index, hf_error *err)
{
    int64_t n = in->images ? in->images->n : 0;
    int rc;

    if (index == in->next)
        return HF_OK;
    if (!in->images) {
        if ((rc = make_index(in, err)) < 0)
            return rc;
        n = in->index->n;
    }
    if (index < 0 || (index >= n && (in->images || in->index->is_exact)))
        return hf_fail(err, HF_EARG, "%s: frame %lld asked for, want 0..%lld", in->path, (long long)index,
                       (long long)n - 1);
    if (in->images) {
        reset(in);
    } else if ((rc = seek_by_key(in, index, err)) <= 0) {
        if (rc < 0 || (rc = seek_by_counting(in, index, err)) < 0)
            return rc;
    }
    in->next = index;
    return HF_OK;
}

/* Decode all of a second reading: for videos whose packets do not tell. */
static int count_by_decoding(int64_t *n, const hf_video_in *in, hf_error *err)
{
    hf_warnings ignored = { "" };
    hf_decoder *d;
    AVFrame *frame = av_frame_alloc();
    int rc = frame ? hf_decoder_open(&d, in->path, n_threads(in), &ignored, err)
                   : hf_fail(err, HF_ENOMEM, "%s: out of memory", in->path);

    if (rc >= 0) {
        for (*n = 0; hf_decoder_read(frame, d) == HF_OK; av_frame_unref(frame))
            ++*n;
        hf_decoder_close(&d);
    }
    av_frame_free(&frame);
    return rc;
}

int hf_video_in_count(int64_t *n_frames, hf_video_in *in, hf_error *err)
{
    int rc;

    if (in->images) {
        *n_frames = in->images->n;
        return HF_OK;
    }
    if ((rc = make_index(in, err)) < 0)
        return rc;
    *n_frames = in->index->n;
    return in->index->is_exact ? HF_OK : count_by_decoding(n_frames, in, err);
}

const char *hf_video_in_warning(const hf_video_in *in)
{
    return hf_warnings_get(&in->warnings);
}
