/* Decoding on a device: with a device that is played, and with what FFmpeg itself does where there is none.
 *
 * The played device calls the software decoder's own format the device's: frames are decoded in software, and then go
 * the way of a device's frames. `transfer` copies each into a larger surface laid out as a GPU's. */
#include <criterion/criterion.h>
#include <libavutil/frame.h>

#include "io/hw_decode.h"
#include "io/packet_log.h"
#include "io/planes.h"
#include "io/video_in.h"
#include "tests/clip_maker.h"

#define MAX_FRAMES 64
#define LATE 1100 /* frames; more than a packet log keeps */

TestSuite(hw_decode, .fini = remove_test_folder, .timeout = 60);

/* ---- the played device ---- */

static struct {
    AVCodecHWConfig    config;
    enum AVPixelFormat packed;
    int                n_opened, n_transferred, n_surfaces, fail_open, fail_at; /* fail_at: -1: never */
    int                uses_ffmpegs_config;
} played;

static int play_open(AVBufferRef **out, enum AVHWDeviceType type, const char *device)
{
    (void)type, (void)device;
    played.n_opened++;
    *out = NULL;
    return played.fail_open ? AVERROR(ENODEV) : 0;
}

static const AVCodecHWConfig *play_config(const AVCodec *codec, int index)
{
    if (played.uses_ffmpegs_config)
        return avcodec_get_hw_config(codec, index);
    return index || strstr(codec->name, "lib") ? NULL : &played.config;
}

/* Sample x of a plane's row y, as a number. */
static int sample(const AVFrame *f, int c, int x, int y)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
    const uint8_t *at = f->data[d->comp[c].plane] + y * f->linesize[d->comp[c].plane] + x * d->comp[c].step + d->comp[c].offset;
    uint16_t word;
    memcpy(&word, at, 2);
    return d->comp[c].depth > 8 ? word : *at;
}

static int play_transfer(AVFrame *host, const AVFrame *frame)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(frame->format), *s = av_pix_fmt_desc_get(played.packed);

    if (played.n_transferred++ == played.fail_at)
        return AVERROR_EXTERNAL;
    if (!host->buf[0] || host->width < frame->width + 16) {
        av_frame_unref(host);
        host->format = played.packed;
        host->width = frame->width + 16, host->height = frame->height + 8;
        cr_assert(av_frame_get_buffer(host, 0) >= 0);
        played.n_surfaces++;
    }
    for (int c = 0; c < 3; c++)
    for (int y = 0; y < AV_CEIL_RSHIFT(frame->height, c ? d->log2_chroma_h : 0); y++)
    for (int x = 0; x < AV_CEIL_RSHIFT(frame->width, c ? d->log2_chroma_w : 0); x++) {
        uint8_t *at = host->data[s->comp[c].plane] + y * host->linesize[s->comp[c].plane] + x * s->comp[c].step + s->comp[c].offset;
        int v = sample(frame, c, x, y);
        uint16_t word = (uint16_t)(v << (16 - d->comp[c].depth));
        if (d->comp[c].depth > 8)
            memcpy(at, &word, 2);
        else
            *at = (uint8_t)v;
    }
    return 0;
}

static const hf_hw_calls play = { play_open, play_config, play_transfer };

static hf_video_in_params playing(hf_hwdec when, enum AVPixelFormat planar, enum AVPixelFormat packed)
{
    memset(&played, 0, sizeof(played));
    played.config = (AVCodecHWConfig){ planar, AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX, AV_HWDEVICE_TYPE_CUDA };
    played.packed = packed;
    played.fail_at = -1;
    return (hf_video_in_params){ .hwdec = when, .hw_calls = &play, .n_threads = 2 };
}

static hf_video_in_params playing_nv12(hf_hwdec when)
{
    return playing(when, AV_PIX_FMT_YUV420P, AV_PIX_FMT_NV12);
}

/* ---- what a reading gives ---- */

typedef struct reading {
    int         n, rc;
    int64_t     pts[MAX_FRAMES], duration[MAX_FRAMES];
    unsigned    rgb[MAX_FRAMES], picture[MAX_FRAMES];
    char        decoder[480], warning[512], error[512];
} reading;

static unsigned add_bytes(unsigned sum, const uint8_t *bytes, int n)
{
    for (int i = 0; i < n; i++)
        sum = (sum ^ bytes[i]) * 16777619u;
    return sum;
}

/* Of all samples, the format, and what belongs to a picture. */
static unsigned picture_sum(const AVFrame *f)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
    int facts[] = { f->format, f->width, f->height, f->interlaced_frame, f->top_field_first, f->key_frame, f->pict_type,
                    f->color_range, f->colorspace, f->color_primaries, f->color_trc, f->chroma_location,
                    f->sample_aspect_ratio.num, f->sample_aspect_ratio.den };
    unsigned sum = add_bytes(2166136261u, (const uint8_t *)facts, sizeof(facts));

    cr_assert_null(f->hw_frames_ctx);
    for (int c = 0; c < d->nb_components; c++)
        for (int y = 0; y < AV_CEIL_RSHIFT(f->height, c ? d->log2_chroma_h : 0); y++)
            sum = add_bytes(sum, f->data[c] + y * f->linesize[c],
                            AV_CEIL_RSHIFT(f->width, c ? d->log2_chroma_w : 0) * (d->comp[c].depth > 8 ? 2 : 1));
    return sum;
}

static void read_frames(reading *r, hf_video_in *in)
{
    const hf_video_info *info = hf_video_in_get_info(in);
    hf_error err = { 0 };
    hf_frame *frame;

    cr_assert_eq(hf_frame_new(&frame, info->width, info->height, NULL), HF_OK);
    while ((r->rc = hf_video_in_read(frame, in, &err)) == HF_OK) {
        int i = r->n++ % MAX_FRAMES;
        r->pts[i] = frame->pts;
        r->duration[i] = frame->duration;
        r->rgb[i] = add_bytes(2166136261u, frame->rgb, 3 * frame->width * frame->height);
        r->picture[i] = picture_sum(frame->picture);
    }
    snprintf(r->error, sizeof(r->error), "%s", err.text);
    snprintf(r->decoder, sizeof(r->decoder), "%s", hf_video_in_decoder(in));
    snprintf(r->warning, sizeof(r->warning), "%s", hf_video_in_warning(in) ? hf_video_in_warning(in) : "");
    hf_frame_free(&frame);
}

/* From frame `from` to the end. */
static reading read_from(const char *path, const hf_video_in_params *params, int from)
{
    reading r = { 0 };
    hf_error err = { 0 };
    hf_video_in *in;

    r.rc = hf_video_in_open(&in, path, params, &err);
    if (r.rc == HF_OK && from)
        cr_assert_eq(hf_video_in_seek(in, from, &err), HF_OK, "%s", err.text);
    if (r.rc == HF_OK)
        read_frames(&r, in);
    else
        snprintf(r.error, sizeof(r.error), "%s", err.text);
    hf_video_in_close(&in);
    return r;
}

static void expect_same(const reading *a, const reading *b, const char *what)
{
    cr_expect_eq(a->rc, HF_EOF, "%s: %s", what, a->error);
    cr_assert_eq(a->n, b->n, "%s: %d frames, want %d", what, a->n, b->n);
    for (int i = 0; i < a->n && i < MAX_FRAMES; i++) {
        cr_expect_eq(a->pts[i], b->pts[i], "%s: frame %d: pts", what, i);
        cr_expect_eq(a->duration[i], b->duration[i], "%s: frame %d: duration", what, i);
        cr_expect_eq(a->rgb[i], b->rgb[i], "%s: frame %d: rgb", what, i);
        cr_expect_eq(a->picture[i], b->picture[i], "%s: frame %d: picture", what, i);
    }
}

static void check_played(const char *path, const hf_video_in_params *params, int from)
{
    hf_video_in_params software = { .deinterlace = params->deinterlace };
    reading want = read_from(path, &software, from), got = read_from(path, params, from);

    expect_same(&got, &want, path);
    cr_expect_str_eq(got.decoder, "cuda", "%s: %s", path, got.decoder);
    cr_expect_str_eq(got.warning, want.warning);
    cr_expect_eq(played.n_opened, 1);
    cr_expect_geq(played.n_transferred, got.n);
}

static const char *h264(const char *name, clip k)
{
    k.codec = "libx264";
    k.format = k.format ? k.format : AV_PIX_FMT_YUV420P;
    k.n_bframes = 3;
    k.n = k.n ? k.n : 23;
    return make_clip(name, &k);
}

/* ---- samples ---- */

static AVFrame *blank(enum AVPixelFormat format, int w, int h)
{
    AVFrame *f = av_frame_alloc();
    f->format = format, f->width = w, f->height = h;
    cr_assert(av_frame_get_buffer(f, 0) >= 0);
    return f;
}

Test(hw_decode, interleaved_chroma_comes_apart)
{
    AVFrame *from = blank(AV_PIX_FMT_NV12, 8, 4), *to = blank(AV_PIX_FMT_YUV420P, 6, 4);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 8; x++)
            from->data[0][y * from->linesize[0] + x] = (uint8_t)(10 * y + x);
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 8; x++)
            from->data[1][y * from->linesize[1] + x] = (uint8_t)(100 + 20 * y + x);
    hf_planes_split(to, from);
    cr_expect_eq(to->data[0][3 * to->linesize[0] + 5], 35);
    cr_expect_eq(to->data[1][0], 100);
    cr_expect_eq(to->data[2][0], 101);
    cr_expect_eq(to->data[1][to->linesize[1] + 2], 124);
    cr_expect_eq(to->data[2][to->linesize[2] + 2], 125);
    av_frame_free(&from);
    av_frame_free(&to);
}

/* A value of so many bits lies at the upper end of its 16. */
static void check_depth(enum AVPixelFormat packed, enum AVPixelFormat planar, int shift)
{
    AVFrame *from = blank(packed, 4, 2), *to = blank(planar, 4, 2);
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(packed);
    for (int c = 0; c < 3; c++) {
        uint16_t word = (uint16_t)((700 + c) << shift);
        memcpy(from->data[d->comp[c].plane] + d->comp[c].offset, &word, 2);
    }
    hf_planes_split(to, from);
    for (int c = 0; c < 3; c++)
        cr_expect_eq(sample(to, c, 0, 0), 700 + c, "%s: %d", d->name, sample(to, c, 0, 0));
    av_frame_free(&from);
    av_frame_free(&to);
}

Test(hw_decode, samples_of_sixteen_bits_are_shifted_to_their_depth)
{
    check_depth(AV_PIX_FMT_P010LE, AV_PIX_FMT_YUV420P10LE, 6);
    check_depth(AV_PIX_FMT_P016LE, AV_PIX_FMT_YUV420P12LE, 4);
    check_depth(AV_PIX_FMT_YUV444P16LE, AV_PIX_FMT_YUV444P10LE, 6);
    check_depth(AV_PIX_FMT_YUV444P16LE, AV_PIX_FMT_YUV444P12LE, 4);
}

Test(hw_decode, formats_that_no_device_gives_are_known)
{
    cr_expect_eq(hf_planes_format(AV_PIX_FMT_NV12, AV_PIX_FMT_YUVJ420P), AV_PIX_FMT_YUVJ420P);
    cr_expect_eq(hf_planes_format(AV_PIX_FMT_NV12, AV_PIX_FMT_YUV420P10LE), AV_PIX_FMT_YUV420P);
    cr_expect_eq(hf_planes_format(AV_PIX_FMT_NV16, AV_PIX_FMT_YUV420P), AV_PIX_FMT_NONE);
    cr_expect_eq(hf_planes_format(AV_PIX_FMT_NONE, AV_PIX_FMT_YUV444P12LE), AV_PIX_FMT_YUV444P12LE);
    cr_expect_eq(hf_planes_format(AV_PIX_FMT_NONE, AV_PIX_FMT_GRAY8), AV_PIX_FMT_NONE);
}

/* ---- frames of a device that works ---- */

Test(hw_decode, frames_are_those_of_software)
{
    hf_video_in_params p = playing_nv12(HF_HWDEC_AUTO);
    check_played(h264("a.mp4", (clip){ 0 }), &p, 0);
    p = playing_nv12(HF_HWDEC_ON);
    check_played(h264("a.ts", (clip){ .width = 54, .height = 40 }), &p, 0);
    p = playing_nv12(HF_HWDEC_AUTO);
    check_played(h264("raw.h264", (clip){ 0 }), &p, 0);
    p = playing(HF_HWDEC_AUTO, AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUV444P);
    check_played(h264("444.mkv", (clip){ .format = AV_PIX_FMT_YUV444P }), &p, 0);
    p = playing(HF_HWDEC_AUTO, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_NV12);
    check_played(h264("full.mkv", (clip){ .format = AV_PIX_FMT_YUVJ420P, .range = AVCOL_RANGE_JPEG }), &p, 0);
    p = playing(HF_HWDEC_AUTO, AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_P010LE);
    check_played(h264("10.mkv", (clip){ .format = AV_PIX_FMT_YUV420P10LE }), &p, 0);
    p = playing_nv12(HF_HWDEC_AUTO);
    check_played(make_clip("v.webm", &(clip){ .codec = "libvpx-vp9", .format = AV_PIX_FMT_YUV420P }), &p, 0);
}

Test(hw_decode, surfaces_are_made_once)
{
    hf_video_in_params p = playing_nv12(HF_HWDEC_AUTO);
    check_played(h264("a.mp4", (clip){ 0 }), &p, 0);
    cr_expect_eq(played.n_surfaces, 1);
    cr_expect_eq(played.n_transferred, 23);
}

Test(hw_decode, turned_and_interlaced_frames_go_their_way)
{
    static const int32_t turned_90[9] = { 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30 };
    hf_video_in_params p = playing_nv12(HF_HWDEC_AUTO);
    check_played(h264("r.mp4", (clip){ .matrix = turned_90 }), &p, 0);
    const char *path = make_clip("i.mkv", &(clip){ .codec = "mpeg2video", .interlaced = 1, .n = 17 });
    p = playing_nv12(HF_HWDEC_ON);
    check_played(path, &p, 0);
    p = playing_nv12(HF_HWDEC_ON);
    p.deinterlace = HF_DEINTERLACE_OFF;
    check_played(path, &p, 0);
    p = playing_nv12(HF_HWDEC_ON);
    check_played(path, &p, 9);
}

Test(hw_decode, every_frame_is_found_by_a_seek)
{
    static const char *const names[] = { "s.mp4", "s.mkv", "s.h264" };
    for (int k = 0; k < 3; k++) {
        const char *path = h264(names[k], (clip){ 0 });
        for (int from = 1; from < 23; from += 4) {
            hf_video_in_params p = playing_nv12(HF_HWDEC_AUTO);
            check_played(path, &p, from);
        }
    }
}

/* ---- a device that is not there, or does not want to ---- */

/* The same frames in software; `why` is among what is said of the decoder. Returns the reading. */
static reading check_fallen_back(const char *path, const hf_video_in_params *params, int from, const char *why)
{
    hf_video_in_params software = { 0 };
    reading want = read_from(path, &software, from), got = read_from(path, params, from);

    expect_same(&got, &want, path);
    cr_expect(strstr(got.decoder, "software (cuda: ") && strstr(got.decoder, why), "'%s' lacks '%s'", got.decoder, why);
    return got;
}

static void check_refused(const char *path, const hf_video_in_params *params, const char *words)
{
    reading got = read_from(path, params, 0);
    cr_expect_eq(got.rc, HF_EDEVICE, "%s: %d", path, got.rc);
    cr_expect(strstr(got.error, "--hwdec on: cuda does not decode") && strstr(got.error, words), "'%s' lacks '%s'", got.error,
              words);
}

Test(hw_decode, a_device_that_does_not_open_leaves_it_to_software)
{
    const char *path = h264("a.mp4", (clip){ 0 });
    hf_video_in_params p = playing_nv12(HF_HWDEC_AUTO);
    played.fail_open = 1;
    cr_expect_str_eq(check_fallen_back(path, &p, 0, "No such device").warning, "");
    cr_expect_eq(played.n_opened, 1);
    p = playing_nv12(HF_HWDEC_ON);
    played.fail_open = 1;
    check_refused(path, &p, "No such device");
}

/* FFmpeg itself, on a machine without a GPU: a kind of device that cannot open here. */
Test(hw_decode, ffmpegs_own_device_opens_or_is_done_without)
{
    const char *path = h264("a.mp4", (clip){ 0 });
    hf_video_in_params p = { .hwdec = HF_HWDEC_AUTO }, software = { 0 };
    reading want = read_from(path, &software, 0), got = read_from(path, &p, 0);
    expect_same(&got, &want, "cuda");
    p = (hf_video_in_params){ .hwdec = HF_HWDEC_AUTO, .hw_type = "drm", .hw_device = "/nonexistent" };
    got = read_from(path, &p, 0);
    expect_same(&got, &want, "drm");
    cr_expect(strstr(got.decoder, "software (drm: "), "%s", got.decoder);
    p.hwdec = HF_HWDEC_ON;
    cr_expect_eq(read_from(path, &p, 0).rc, HF_EDEVICE);
    p.hw_type = "abacus";
    cr_expect_eq(read_from(path, &p, 0).rc, HF_EARG);
}

/* FFmpeg's own NVDEC code without a device: it takes the stream at the first frame, fails, and asks for another format. */
Test(hw_decode, a_stream_that_is_refused_at_its_first_frame_is_decoded_in_software)
{
    static const char *const names[] = { "a.mp4", "a.h264" };
    for (int k = 0; k < 2; k++) {
        const char *path = h264(names[k], (clip){ 0 });
        hf_video_in_params p = playing(HF_HWDEC_AUTO, AV_PIX_FMT_NONE, AV_PIX_FMT_NV12);
        played.uses_ffmpegs_config = 1;
        cr_expect_str_eq(check_fallen_back(path, &p, 0, "missing configuration").warning, "");
        check_fallen_back(path, &p, 11, "missing configuration");
        p.hwdec = HF_HWDEC_ON;
        check_refused(path, &p, "frame 0");
    }
}

/* The device's format is not among those that FFmpeg offers for 4:2:2. */
Test(hw_decode, a_format_that_no_device_decodes_is_named)
{
    const char *path = h264("422.mkv", (clip){ .format = AV_PIX_FMT_YUV422P });
    hf_video_in_params p = playing(HF_HWDEC_AUTO, AV_PIX_FMT_CUDA, AV_PIX_FMT_NV12);
    check_fallen_back(path, &p, 0, "h264 High 4:2:2 in yuv422p is not decoded there");
    p.hwdec = HF_HWDEC_ON;
    check_refused(path, &p, "yuv422p is not decoded there");
}

/* AV1 has one decoder for devices and another for software: the stream starts again in that one. */
Test(hw_decode, av1_goes_on_in_another_decoder)
{
    if (!avcodec_find_encoder_by_name("libaom-av1") && !avcodec_find_encoder_by_name("libsvtav1"))
        cr_skip_test("av1: this FFmpeg has no encoder for it");
    const char *codec = avcodec_find_encoder_by_name("libsvtav1") ? "libsvtav1" : "libaom-av1";
    const char *path = make_clip("a.mkv", &(clip){ .codec = codec, .format = AV_PIX_FMT_YUV420P, .width = 128, .height = 96, .n = 7 });
    hf_video_in_params p = playing(HF_HWDEC_AUTO, AV_PIX_FMT_NONE, AV_PIX_FMT_NV12);
    played.uses_ffmpegs_config = 1;
    check_fallen_back(path, &p, 0, "missing configuration");
    check_fallen_back(path, &p, 3, "missing configuration");
}

Test(hw_decode, codecs_without_exact_bits_and_alpha_stay_in_software)
{
    hf_video_in_params p = playing_nv12(HF_HWDEC_AUTO);
    check_fallen_back(make_clip("m.mkv", &(clip){ .codec = "mpeg2video", .n = 5 }), &p, 0, "last bit");
    check_fallen_back(make_clip("a.webm", &(clip){ .codec = "libvpx-vp9", .format = AV_PIX_FMT_YUVA420P, .n = 3 }), &p, 0, "alpha");
    cr_expect_eq(played.n_opened, 0);
    hf_video_in *in;
    cr_assert_eq(hf_video_in_open(&in, write_ppm("i.ppm", 8, 6, 1), &p, NULL), HF_OK);
    cr_expect_str_eq(hf_video_in_decoder(in), "software");
    hf_video_in_close(&in);
}

/* ---- a device that fails on the way ---- */

Test(hw_decode, software_goes_on_at_the_frame_where_a_device_failed)
{
    static const char *const names[] = { "f.mp4", "f.ts", "f.h264" };
    for (int k = 0; k < 3; k++) {
        const char *path = h264(names[k], (clip){ 0 });
        for (int at = 0; at < 23; at += 7) {
            hf_video_in_params p = playing_nv12(HF_HWDEC_AUTO);
            played.fail_at = at;
            reading got = check_fallen_back(path, &p, 0, "external library");
            cr_expect_eq(!!strstr(got.warning, "cuda stopped decoding"), at > 0, "%s, frame %d: %s", path, at, got.warning);
            cr_expect_eq(played.n_transferred, at + 1);
        }
    }
}

Test(hw_decode, software_goes_on_after_a_seek_too)
{
    const char *path = h264("f.mp4", (clip){ 0 });
    for (int at = 1; at < 12; at += 3) {
        hf_video_in_params p = playing_nv12(HF_HWDEC_AUTO);
        played.fail_at = at;
        check_fallen_back(path, &p, 12, "external library");
    }
}

Test(hw_decode, a_device_that_must_and_fails_ends_the_reading)
{
    hf_video_in_params p = playing_nv12(HF_HWDEC_ON);
    played.fail_at = 5;
    reading got = read_from(h264("f.mp4", (clip){ 0 }), &p, 0);
    cr_expect_eq(got.rc, HF_EDEVICE);
    cr_expect_eq(got.n, 5);
    cr_expect(strstr(got.error, "--hwdec on: cuda does not decode frame 5: "), "%s", got.error);
}

Test(hw_decode, the_first_packets_of_a_pipe_are_decoded_again)
{
    const char *path = h264("p.mkv", (clip){ .audio = 20 });
    hf_video_in_params p = playing_nv12(HF_HWDEC_AUTO), software = { 0 };
    reading want = read_from(path, &software, 0);
    for (int at = 0; at < 23; at += 11) {
        p = playing_nv12(HF_HWDEC_AUTO);
        played.fail_at = at;
        cr_assert_not_null(freopen(path, "rb", stdin));
        reading got = read_from("-", &p, 0);
        expect_same(&got, &want, "pipe");
        cr_expect(strstr(got.decoder, "software (cuda"), "%s", got.decoder);
    }
}

Test(hw_decode, a_pipe_that_has_gone_by_is_told_of)
{
    hf_video_in_params p = playing_nv12(HF_HWDEC_AUTO);
    played.fail_at = HF_PACKET_LOG_MAX + 50;
    const char *path = h264("long.mkv", (clip){ .width = 16, .height = 16, .n = LATE });
    cr_assert_not_null(freopen(path, "rb", stdin));
    reading got = read_from("-", &p, 0);
    cr_expect_eq(got.rc, HF_EDEVICE);
    cr_expect_eq(got.n, HF_PACKET_LOG_MAX + 50);
    cr_expect(strstr(got.error, "a pipe cannot be read again"), "%s", got.error);
}

/* Broken data is concealed by software as it always was; no device may do it in another way. */
Test(hw_decode, broken_data_is_decoded_in_software)
{
    const char *path = h264("bad.mp4", (clip){ .n = 40 });
    FILE *f = fopen(path, "r+b");
    struct stat st;
    cr_assert(f && !stat(path, &st));
    fseek(f, st.st_size / 2, SEEK_SET);
    for (int i = 0; i < 300; i++)
        fputc(0x5a, f);
    fclose(f);
    hf_video_in_params p = playing_nv12(HF_HWDEC_AUTO), software = { .n_threads = 1 };
    p.n_threads = 1;
    reading want = read_from(path, &software, 0), got = read_from(path, &p, 0);
    expect_same(&got, &want, "bad.mp4");
    cr_expect(want.warning[0]);
    cr_expect(strstr(got.decoder, "software (cuda"), "%s", got.decoder);
    p.hwdec = HF_HWDEC_ON; /* broken data is not the device's fault */
    cr_expect_eq(read_from(path, &p, 0).rc, HF_EOF);
}

/* A stream of two parts in different sizes: the format is chosen anew, surfaces and buffers change. */
Test(hw_decode, a_change_of_size_half_way_is_followed)
{
    const char *a = h264("1.h264", (clip){ .n = 9 }), *b = h264("2.h264", (clip){ .n = 9, .width = 128, .height = 96 });
    char command[768];
    snprintf(command, sizeof(command), "cat %s %s > %s", a, b, test_path("both.h264"));
    cr_assert_eq(system(command), 0);
    hf_video_in_params p = playing_nv12(HF_HWDEC_AUTO);
    check_played(test_path("both.h264"), &p, 0);
    cr_expect_eq(played.n_surfaces, 2);
    p = playing_nv12(HF_HWDEC_AUTO);
    played.fail_at = 12;
    check_fallen_back(test_path("both.h264"), &p, 0, "external library");
}
