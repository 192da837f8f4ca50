/* encoder.c - see encoder.h; the table of what goes where is in video_out.h. */
#include "io/encoder.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <libavutil/pixdesc.h>

#define DEFAULT_CRF 18     /* H.264, HEVC: hard to tell from the source */
#define DEFAULT_CRF_VP9 24 /* about the same to the eye */
/* At 480p and crf 18: 11 ms of a core a frame; "veryfast" takes 16 for a file smaller by a fifth. */
#define DEFAULT_PRESET "superfast"
#define USUAL_THREADS 4    /* not the machine's number: the bytes that x264 makes depend on it */

static const struct {
    const char *name, *encoder;
} encoders[] = {
    { "h264", "libx264" }, { "x264", "libx264" }, { "avc", "libx264" }, { "hevc", "libx265" },
    { "h265", "libx265" }, { "x265", "libx265" }, { "vp9", "libvpx-vp9" }, { "vp8", "libvpx" },
    { "prores", "prores_ks" },
};

static const char want_alpha[] = "want .mov (ProRes 4444), .webm (VP9), .mkv (FFV1) or a folder/ (PNG)";
static const char want_format[] = "want .mp4, .mov, .mkv, .webm, a folder/ (PNG) or - (standard output)";

static int is_y4m(const AVOutputFormat *format)
{
    return !strcmp(format->name, "yuv4mpegpipe");
}

static int choose_format(hf_encoder_plan *plan, const char *path, const hf_video_out_params *p,
                         const hf_video_source *source, hf_error *err)
{
    const char *dot = strrchr(path, '.'), *name = p->format;

    if (!name && !strcmp(path, "-"))
        name = source && p->kind != HF_VIDEO_CUTOUT && !source->images &&
               !strcmp(source->decoder->format->iformat->name, "yuv4mpegpipe") ? "yuv4mpegpipe" : "matroska";
    if (!name && dot && !strcasecmp(dot, ".m4v"))
        name = "mp4"; /* FFmpeg's own guess is a raw MPEG-4 stream */
    plan->format = av_guess_format(name, name ? NULL : path, NULL);
    if (!plan->format || !strcmp(plan->format->name, "null"))
        return hf_fail(err, HF_EUNSUPPORTED, "%s: no video format of %s %s is known, %s", path,
                       name ? "the name" : "its extension", name ? name : dot ? dot : "(none)", want_format);
    /* Formats of sound (mp3, flac, aiff) take a PNG: one picture of a cover. */
    if ((plan->format->flags & AVFMT_NOFILE) || plan->format->video_codec == AV_CODEC_ID_NONE ||
        plan->format->video_codec == AV_CODEC_ID_PNG)
        return hf_fail(err, HF_EUNSUPPORTED, "%s: format %s holds no video in one file, %s", path,
                       plan->format->name, want_format);
    return HF_OK;
}

static const char *default_codec(const AVOutputFormat *format, hf_video_kind kind, int is_stdout)
{
    const char *n = format->name;
    int alpha = kind == HF_VIDEO_CUTOUT;

    if (!strcmp(n, "webm"))
        return "libvpx-vp9";
    if (!strcmp(n, "mov") && alpha)
        return "prores_ks";
    if ((!strcmp(n, "matroska") || !strcmp(n, "nut") || !strcmp(n, "avi")) && (alpha || is_stdout))
        return "ffv1";
    /* mpegts takes what it is given and does not tell what it can hold. */
    if (avformat_query_codec(format, AV_CODEC_ID_H264, FF_COMPLIANCE_NORMAL) == 1 || !strcmp(n, "mpegts"))
        return "libx264";
    return avcodec_get_name(format->video_codec);
}

static const AVCodec *find_encoder(const char *name)
{
    const AVCodecDescriptor *described;
    const AVCodec *codec;

    for (size_t i = 0; i < sizeof(encoders) / sizeof(*encoders); i++)
        if (!strcasecmp(name, encoders[i].name))
            name = encoders[i].encoder;
    if ((codec = avcodec_find_encoder_by_name(name)))
        return codec;
    described = avcodec_descriptor_get_by_name(name);
    return described ? avcodec_find_encoder(described->id) : NULL;
}

static int has_alpha(enum AVPixelFormat format)
{
    return !!(av_pix_fmt_desc_get(format)->flags & AV_PIX_FMT_FLAG_ALPHA);
}

static int codec_has_alpha(const AVCodec *codec)
{
    for (const enum AVPixelFormat *f = codec->pix_fmts; f && *f != AV_PIX_FMT_NONE; f++)
        if (has_alpha(*f))
            return 1;
    return 0;
}

/* The encoder may be able to, but MP4 and most others do not say in the file that there is alpha. */
static int container_has_alpha(const AVOutputFormat *format)
{
    return strstr("mov webm matroska nut avi", format->name) != NULL;
}

static int choose_codec(hf_encoder_plan *plan, const char *path, const hf_video_out_params *p, hf_error *err)
{
    const char *name = p->codec;
    const char *dot = strrchr(path, '.');
    const char *what = dot && strcmp(path, "-") ? dot : plan->format->name;

    if (!name)
        name = default_codec(plan->format, p->kind, !strcmp(path, "-"));
    if (!(plan->codec = find_encoder(name)) || plan->codec->type != AVMEDIA_TYPE_VIDEO)
        return hf_fail(err, HF_EUNSUPPORTED, "%s: this FFmpeg has no video encoder %s", path, name);
    if (avformat_query_codec(plan->format, plan->codec->id, FF_COMPLIANCE_EXPERIMENTAL) == 0)
        return hf_fail(err, HF_EUNSUPPORTED, "%s: %s cannot hold %s, want another codec or .mkv", path, what, name);
    if (p->kind != HF_VIDEO_CUTOUT)
        return HF_OK;
    if (!codec_has_alpha(plan->codec))
        return hf_fail(err, HF_EUNSUPPORTED, "%s: %s in %s cannot hold alpha, %s", path, name, what, want_alpha);
    if (!container_has_alpha(plan->format))
        return hf_fail(err, HF_EUNSUPPORTED, "%s: %s cannot hold alpha, %s", path, what, want_alpha);
    return HF_OK;
}

/* A format of the codec like `d`: same kind of colours, sampling and depth, with or without alpha. */
static enum AVPixelFormat find_like(const AVCodec *codec, const AVPixFmtDescriptor *d, int alpha, int w, int h)
{
    for (const enum AVPixelFormat *f = codec->pix_fmts; f && *f != AV_PIX_FMT_NONE; f++) {
        const AVPixFmtDescriptor *e = av_pix_fmt_desc_get(*f);
        int colours = e->nb_components - !!(e->flags & AV_PIX_FMT_FLAG_ALPHA);
        if ((e->flags & AV_PIX_FMT_FLAG_RGB) == (d->flags & AV_PIX_FMT_FLAG_RGB) && has_alpha(*f) == alpha &&
            e->comp[0].depth == d->comp[0].depth && e->log2_chroma_w == w && e->log2_chroma_h == h &&
            (colours > 2) == (d->nb_components > 2) && !(e->flags & AV_PIX_FMT_FLAG_PAL))
            return *f;
    }
    return AV_PIX_FMT_NONE;
}

static int in_list(const enum AVPixelFormat *list, enum AVPixelFormat format)
{
    for (; list && *list != AV_PIX_FMT_NONE; list++)
        if (*list == format)
            return 1;
    return 0;
}

/* Is this a codec for watching, where every player wants 4:2:0? */
static int is_delivery(enum AVCodecID id)
{
    return id == AV_CODEC_ID_H264 || id == AV_CODEC_ID_HEVC || id == AV_CODEC_ID_VP9 || id == AV_CODEC_ID_VP8 ||
           id == AV_CODEC_ID_AV1;
}

static enum AVPixelFormat closest(const AVCodec *codec, enum AVPixelFormat source, int alpha)
{
    enum AVPixelFormat found = avcodec_find_best_pix_fmt_of_list(codec->pix_fmts, source, alpha, NULL);
    if (alpha && !has_alpha(found))
        for (const enum AVPixelFormat *f = codec->pix_fmts; *f != AV_PIX_FMT_NONE; f++)
            if (has_alpha(*f))
                return *f;
    return found;
}

static enum AVPixelFormat choose_pixels(const hf_encoder_plan *plan, enum AVPixelFormat source, int alpha)
{
    const AVCodec *codec = plan->codec;
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(source);
    int is_deep = d->comp[0].depth > 8;
    int is_yuv = !(d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) && d->nb_components > 2;
    enum AVPixelFormat found = AV_PIX_FMT_NONE;

    if (is_y4m(plan->format))
        return is_yuv && !has_alpha(source) && (d->flags & AV_PIX_FMT_FLAG_PLANAR) ? source : AV_PIX_FMT_YUV444P;
    if (!codec->pix_fmts)
        return source;
    if (in_list(codec->pix_fmts, source) && has_alpha(source) == alpha && (is_yuv || !is_delivery(codec->id)))
        found = source;
    if (found == AV_PIX_FMT_NONE && !is_yuv && is_delivery(codec->id)) {
        found = is_deep ? AV_PIX_FMT_YUV420P10LE : alpha ? AV_PIX_FMT_YUVA420P : AV_PIX_FMT_YUV420P;
        if (!in_list(codec->pix_fmts, found) || has_alpha(found) != alpha)
            found = AV_PIX_FMT_NONE;
    }
    if (found == AV_PIX_FMT_NONE)
        found = find_like(codec, d, alpha, d->log2_chroma_w, d->log2_chroma_h);
    if (found == AV_PIX_FMT_NONE)
        found = closest(codec, source, alpha);
    d = av_pix_fmt_desc_get(found);
    int is_odd = plan->width % (1 << d->log2_chroma_w) || plan->height % (1 << d->log2_chroma_h);
    if (is_odd && (codec->id == AV_CODEC_ID_H264 || codec->id == AV_CODEC_ID_HEVC)) {
        enum AVPixelFormat full = find_like(codec, d, alpha, 0, 0);
        return full != AV_PIX_FMT_NONE ? full : found;
    }
    return found;
}

/* A source that is transparent itself stays so where that costs nothing. */
static int wants_alpha(const hf_encoder_plan *plan, hf_video_kind kind, enum AVPixelFormat source)
{
    int can = !plan->format || (codec_has_alpha(plan->codec) && container_has_alpha(plan->format));
    return kind == HF_VIDEO_CUTOUT || (kind == HF_VIDEO_BLEND && has_alpha(source) && can);
}

static enum AVPixelFormat choose_png(const hf_video_out_params *p, enum AVPixelFormat source, int alpha)
{
    int depth = p->kind == HF_VIDEO_PICTURE ? 8 : av_pix_fmt_desc_get(source)->comp[0].depth;
    int is_deep = p->bits ? p->bits == 16 : depth > 8;
    if (alpha)
        return is_deep ? AV_PIX_FMT_RGBA64BE : AV_PIX_FMT_RGBA;
    return is_deep ? AV_PIX_FMT_RGB48BE : AV_PIX_FMT_RGB24;
}

/* A picture of ours is RGB; its YUV takes the usual matrix of its size and limited range. */
static hf_colour choose_colour(const hf_encoder_plan *plan, hf_video_kind kind, const AVFrame *sample)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(sample->format);
    int is_yuv = !(d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL));

    if (kind == HF_VIDEO_PICTURE || !is_yuv)
        return hf_colour_of(plan->pixel_format, plan->height, AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_MPEG);
    hf_colour colour = hf_colour_of_picture(sample);
    return hf_colour_of(plan->pixel_format, plan->height, colour.matrix,
                        colour.is_full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG);
}

/* libx264 prints a bad name by itself before it can be told not to. */
static int check_preset(const char *path, const char *preset, hf_error *err)
{
    static const char *const names[] = { "ultrafast", "superfast", "veryfast", "faster", "fast",
                                         "medium", "slow", "slower", "veryslow", "placebo" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!preset || !strcmp(preset, names[i]))
            return HF_OK;
    return hf_fail(err, HF_EARG, "%s: preset is '%s', want one of ultrafast ... veryfast ... medium ... placebo", path,
                   preset);
}

static int check_numbers(const char *path, const hf_video_out_params *p, hf_error *err)
{
    if (p->crf < -1 || p->crf > 63)
        return hf_fail(err, HF_EARG, "%s: crf is %d, want 0..63", path, p->crf);
    if (p->bitrate < 0 || p->bitrate > 2000000000)
        return hf_fail(err, HF_EARG, "%s: bitrate is %lld, want 1..2000000000 bit/s", path, (long long)p->bitrate);
    if (p->bits != 0 && p->bits != 8 && p->bits != 16)
        return hf_fail(err, HF_EARG, "%s: %d bits, want 8 or 16", path, p->bits);
    if (p->n_threads < 0 || p->n_threads > 64)
        return hf_fail(err, HF_EARG, "%s: %d encoder threads, want 1..64 or 0", path, p->n_threads);
    if (p->start_number < 0)
        return hf_fail(err, HF_EARG, "%s: first number is %d, want 0 or more", path, p->start_number);
    if (p->width < 0 || p->height < 0 || (p->width > 0) != (p->height > 0) ||
        (int64_t)p->width * p->height > HF_FRAME_MAX_PIXELS)
        return hf_fail(err, HF_EARG, "%s: pictures of %dx%d, want at most %d pixels", path, p->width, p->height,
                       HF_FRAME_MAX_PIXELS);
    return check_preset(path, p->preset, err);
}

int hf_encoder_plan_make(hf_encoder_plan *plan, const char *path, const hf_video_out_params *p,
                         const hf_video_source *source, hf_error *err)
{
    int rc, is_folder = hf_video_out_is_folder(path) && !p->format;

    *plan = (hf_encoder_plan){ .pixel_format = AV_PIX_FMT_NONE };
    if ((rc = check_numbers(path, p, err)) < 0)
        return rc;
    if (is_folder && p->codec && strcasecmp(p->codec, "png"))
        return hf_fail(err, HF_EUNSUPPORTED, "%s: a folder gets PNG images, not %s", path, p->codec);
    if (is_folder && !(plan->codec = avcodec_find_encoder(AV_CODEC_ID_PNG)))
        return hf_fail(err, HF_EUNSUPPORTED, "%s: this FFmpeg has no PNG encoder", path);
    if (!is_folder && ((rc = choose_format(plan, path, p, source, err)) < 0 ||
                       (rc = choose_codec(plan, path, p, err)) < 0))
        return rc;
    if (!source)
        return HF_OK;
    int is_picture = p->kind == HF_VIDEO_PICTURE;
    plan->width = is_picture && p->width ? p->width : source->sample->width;
    plan->height = is_picture && p->width ? p->height : source->sample->height;
    enum AVPixelFormat from = is_picture ? AV_PIX_FMT_RGB24 : (enum AVPixelFormat)source->sample->format;
    int alpha = wants_alpha(plan, p->kind, from);
    plan->pixel_format = is_folder ? choose_png(p, from, alpha) : choose_pixels(plan, from, alpha);
    plan->colour = choose_colour(plan, p->kind, source->sample);
    return HF_OK;
}

static void set_tags(AVCodecContext *c, const hf_encoder_plan *plan, hf_video_kind kind, const AVFrame *sample)
{
    int is_rgb = plan->colour.matrix == AVCOL_SPC_RGB;
    int was_rgb = kind == HF_VIDEO_PICTURE || hf_colour_of_picture(sample).matrix == AVCOL_SPC_RGB;

    c->color_primaries = sample->color_primaries;
    c->color_trc = sample->color_trc;
    c->chroma_sample_location = was_rgb ? AVCHROMA_LOC_UNSPECIFIED : sample->chroma_location;
    c->colorspace = is_rgb ? AVCOL_SPC_RGB : was_rgb ? plan->colour.matrix : sample->colorspace;
    c->color_range = is_rgb || plan->colour.is_full ? AVCOL_RANGE_JPEG
                     : was_rgb ? AVCOL_RANGE_MPEG : sample->color_range;
}

/* What each encoder needs beside the common settings. */
static const struct {
    const char *encoder, *options, *with_alpha;
} usual_options[] = {
    { "libx264", "preset=" DEFAULT_PRESET, NULL },
    { "libx265", "preset=" DEFAULT_PRESET ":x265-params=log-level=none", NULL }, /* it prints by itself */
    /* "good" takes four times as long for the same size at this crf. Invisible reference frames and
     * an alpha layer do not go together in libvpx. */
    { "libvpx", "deadline=realtime:cpu-used=6", "auto-alt-ref=0" },
    { "libvpx-vp9", "deadline=realtime:cpu-used=6:row-mt=1", "auto-alt-ref=0" },
    { "libaom-av1", "usage=realtime:cpu-used=8:row-mt=1", NULL },
    { "prores_ks", "", "profile=4444:alpha_bits=16" },
    { "ffv1", "level=3:slicecrc=1", NULL }, /* with slices, so that threads help, and a checksum in each */
    /* With a prediction the fastest deflate makes smaller files than level 4 without, in 2/3 of the time. */
    { "png", "pred=up", NULL },
};

/* What the user gives comes after these and wins. */
static void set_options(AVDictionary **o, AVCodecContext *c, const hf_encoder_plan *plan, const hf_video_out_params *p)
{
    const char *n = c->codec->name;
    int is_x26 = !strcmp(n, "libx264") || !strcmp(n, "libx265");
    int has_crf = is_x26 || !strncmp(n, "libvpx", 6) || !strcmp(n, "libaom-av1");

    for (size_t i = 0; i < sizeof(usual_options) / sizeof(*usual_options); i++)
        if (!strcmp(n, usual_options[i].encoder)) {
            av_dict_parse_string(o, usual_options[i].options, "=", ":", 0);
            if (usual_options[i].with_alpha && has_alpha(plan->pixel_format))
                av_dict_parse_string(o, usual_options[i].with_alpha, "=", ":", 0);
        }
    if (p->preset && is_x26)
        av_dict_set(o, "preset", p->preset, 0);
    if (p->bitrate)
        c->bit_rate = p->bitrate;
    else if (has_crf)
        av_dict_set_int(o, "crf", p->crf >= 0 ? p->crf : is_x26 ? DEFAULT_CRF : DEFAULT_CRF_VP9, 0);
    if (!strcmp(n, "ffv1"))
        c->gop_size = 1;
    if (!strcmp(n, "png"))
        c->compression_level = 1;
}

static int fill_context(AVCodecContext *c, const hf_encoder_plan *plan, const hf_video_out_params *p,
                        const hf_video_source *source)
{
    c->width = plan->width;
    c->height = plan->height;
    c->pix_fmt = plan->pixel_format;
    c->time_base = source->time_base;
    c->framerate = source->frame_rate.num > 0 ? source->frame_rate : av_make_q(25, 1);
    c->thread_count = !plan->format ? 1 : p->n_threads ? p->n_threads : USUAL_THREADS;
    if (p->kind != HF_VIDEO_PICTURE || !p->width)
        c->sample_aspect_ratio = source->sample->sample_aspect_ratio;
    if (source->is_interlaced && p->kind != HF_VIDEO_PICTURE)
        c->flags |= AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME;
    if (plan->format && (plan->format->flags & AVFMT_GLOBALHEADER))
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (plan->format && is_y4m(plan->format))
        c->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
    set_tags(c, plan, p->kind, source->sample);
    return HF_OK;
}

int hf_encoder_open(AVCodecContext **out, const hf_encoder_plan *plan, const hf_video_out_params *p,
                    const hf_video_source *source, hf_error *err)
{
    AVCodecContext *c = avcodec_alloc_context3(plan->codec);
    AVDictionary *options = NULL;
    const AVDictionaryEntry *unknown;
    char what[96];
    int rc;

    *out = NULL;
    if (!c)
        return hf_fail(err, HF_ENOMEM, "encoder %s: out of memory", plan->codec->name);
    snprintf(what, sizeof(what), "encoder %s at %dx%d", plan->codec->name, plan->width, plan->height);
    fill_context(c, plan, p, source);
    set_options(&options, c, plan, p);
    hf_av_forget();
    if (p->options && av_dict_parse_string(&options, p->options, "=", ":", 0) < 0)
        rc = hf_fail(err, HF_EARG, "encoder options: found '%s', want key=value:key=value", p->options);
    else if ((rc = avcodec_open2(c, plan->codec, &options)) < 0)
        rc = hf_av_fail(err, HF_EARG, rc, what);
    else if ((unknown = av_dict_get(options, "", NULL, AV_DICT_IGNORE_SUFFIX)))
        rc = hf_fail(err, HF_EARG, "encoder options: %s has no option '%s'", plan->codec->name, unknown->key);
    av_dict_free(&options);
    if (rc < 0)
        avcodec_free_context(&c);
    *out = c;
    return rc;
}
