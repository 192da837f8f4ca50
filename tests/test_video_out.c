/* Writing: exact samples, alpha, copied streams, resume, and what is refused or goes wrong half way. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <libavutil/frame.h>

#include "io/video_in.h"
#include "io/video_out.h"
#include "tests/clip_maker.h"

#define MAX_FRAMES 64

TestSuite(video_out, .fini = remove_test_folder, .timeout = 120);

typedef struct job {
    hf_video_in  *in;
    hf_video_out *out;
    hf_frame     *frame;
    uint8_t      *rgba, *alpha, *rgb;
    int           w, h;
} job;

static hf_video_in *open_in(const char *path)
{
    hf_error err = { 0 };
    hf_video_in *in;
    cr_assert_eq(hf_video_in_open(&in, path, NULL, &err), HF_OK, "%s", err.text);
    return in;
}

static hf_frame *new_frame(const hf_video_in *in)
{
    const hf_video_info *info = hf_video_in_get_info(in);
    hf_frame *frame;
    cr_assert_eq(hf_frame_new(&frame, info->width, info->height, NULL), HF_OK);
    return frame;
}

static job start(const char *from, const char *to, const hf_video_out_params *params)
{
    hf_error err = { 0 };
    job j = { .in = open_in(from) };
    j.w = hf_video_in_get_info(j.in)->width;
    j.h = hf_video_in_get_info(j.in)->height;
    j.frame = new_frame(j.in);
    j.rgba = calloc((size_t)j.w * j.h, 4);
    j.alpha = calloc((size_t)j.w * j.h, 1);
    j.rgb = calloc((size_t)j.w * j.h, 3);
    cr_assert_eq(hf_video_out_open(&j.out, to, params, j.in, &err), HF_OK, "%s", err.text);
    return j;
}

static void stop(job *j)
{
    hf_video_out_close(&j->out);
    hf_video_in_close(&j->in);
    hf_frame_free(&j->frame);
    free(j->rgba);
    free(j->alpha);
    free(j->rgb);
}

/* Write frames until the end or `n`; blend, cutout or picture by the kind. */
static int write_frames(job *j, hf_video_kind kind, int n)
{
    hf_error err = { 0 };
    hf_layer layer = { j->w, j->h, j->rgba };
    int done = 0;
    while (done < n && hf_video_in_read(j->frame, j->in, &err) == HF_OK) {
        int rc = kind == HF_VIDEO_BLEND ? hf_video_out_write_blend(j->out, j->frame, &layer, &err)
               : kind == HF_VIDEO_CUTOUT ? hf_video_out_write_cutout(j->out, j->frame, j->alpha, &err)
                                         : hf_video_out_write_picture(j->out, j->frame, j->rgb, &err);
        cr_assert_eq(rc, HF_OK, "%s", err.text);
        done++;
    }
    return done;
}

static void finish(job *j, hf_video_end end)
{
    hf_error err = { 0 };
    cr_assert_eq(hf_video_out_finish(j->out, end, &err), HF_OK, "%s", err.text);
    stop(j);
}

static void convert(const char *from, const char *to, const hf_video_out_params *params)
{
    job j = start(from, to, params);
    write_frames(&j, params ? params->kind : HF_VIDEO_BLEND, MAX_FRAMES);
    finish(&j, HF_VIDEO_WHOLE);
}

static int exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int part_exists(const char *path)
{
    char part[300];
    snprintf(part, sizeof(part), "%s.part", path);
    return exists(part);
}

static int get_sample(const AVFrame *f, int c, int x, int y)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
    const uint8_t *at = f->data[d->comp[c].plane] + y * f->linesize[d->comp[c].plane] + x * d->comp[c].step + d->comp[c].offset;
    uint16_t word;
    memcpy(&word, at, d->comp[c].depth > 8 ? 2 : 1);
    return d->comp[c].depth > 8 ? (d->flags & AV_PIX_FMT_FLAG_BE ? (word >> 8 | (word & 255) << 8) : word) : *at;
}

/* Largest difference of component c of two pictures. */
static int difference(const AVFrame *a, const AVFrame *b, int c)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(a->format);
    int chroma = (c == 1 || c == 2) && !(d->flags & AV_PIX_FMT_FLAG_RGB), worst = 0;
    for (int y = 0; y < AV_CEIL_RSHIFT(a->height, chroma ? d->log2_chroma_h : 0); y++)
        for (int x = 0; x < AV_CEIL_RSHIFT(a->width, chroma ? d->log2_chroma_w : 0); x++) {
            int e = abs(get_sample(a, c, x, y) - get_sample(b, c, x, y));
            worst = e > worst ? e : worst;
        }
    return worst;
}

/* Frames of both files; all samples must differ by at most `tolerance`. Returns their number. */
static int compare_files(const char *a, const char *b, int n_components, int tolerance)
{
    hf_video_in *x = open_in(a), *y = open_in(b);
    hf_frame *f = new_frame(x), *g = new_frame(y);
    int n = 0;
    while (hf_video_in_read(f, x, NULL) == HF_OK) {
        cr_assert_eq(hf_video_in_read(g, y, NULL), HF_OK, "%s has only %d frames", b, n);
        for (int c = 0; c < n_components; c++) {
            int e = difference(f->picture, g->picture, c);
            cr_expect_leq(e, tolerance, "%s: frame %d, component %d: off by %d", b, n, c, e);
        }
        n++;
    }
    cr_expect_eq(hf_video_in_read(g, y, NULL), HF_EOF);
    hf_frame_free(&f);
    hf_frame_free(&g);
    hf_video_in_close(&x);
    hf_video_in_close(&y);
    return n;
}

Test(video_out, an_empty_layer_leaves_every_sample_exact_in_ffv1)
{
    static const enum AVPixelFormat formats[] = { AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_YUV444P,
        AV_PIX_FMT_BGR0, AV_PIX_FMT_GBRP10LE, AV_PIX_FMT_GRAY8, AV_PIX_FMT_YUV420P12LE, AV_PIX_FMT_YUVA444P, AV_PIX_FMT_BGRA };
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
        char name[32];
        snprintf(name, sizeof(name), "in%zu.mkv", i);
        const char *from = make_clip(name, &(clip){ .format = formats[i], .n = 2, .width = 63, .height = 47 });
        const char *to = test_path("out.mkv");
        convert(from, to, &(hf_video_out_params){ .codec = "ffv1", .crf = -1 });
        cr_expect_eq(compare_files(from, to, av_pix_fmt_desc_get(formats[i])->nb_components, 0), 2, "%s",
                     av_get_pix_fmt_name(formats[i]));
    }
}

Test(video_out, samples_under_alpha_0_stay_exact_beside_painted_ones)
{
    const char *from = make_clip("a.mkv", &(clip){ .n = 1 }), *to = test_path("b.mkv");
    job j = start(from, to, &(hf_video_out_params){ .codec = "ffv1", .crf = -1 });
    /* Paint red over x 10..19, y 7..20 : the chroma samples it touches are 5..9 x 3..10. */
    for (int y = 7; y <= 20; y++)
        for (int x = 10; x <= 19; x++)
            memcpy(j.rgba + (y * j.w + x) * 4, "\xff\x00\x00\xff", 4);
    write_frames(&j, HF_VIDEO_BLEND, 1);
    finish(&j, HF_VIDEO_WHOLE);
    hf_video_in *x = open_in(from), *z = open_in(to);
    hf_frame *f = new_frame(x), *g = new_frame(z);
    hf_video_in_read(f, x, NULL);
    hf_video_in_read(g, z, NULL);
    /* Red in SMPTE 170M, limited: Y = 16 + 219 * 0.299 = 81.5, Cb = 128 - 224 * 0.299 / 1.772 = 90.2, Cr = 128 + 112 = 240 */
    static const int red[3] = { 81, 90, 240 };
    for (int c = 0; c < 3; c++)
        for (int py = 0; py < (c ? 24 : 48); py++)
            for (int px = 0; px < (c ? 32 : 64); px++) {
                int s = c ? 1 : 0, inside = px >= 10 >> s && px <= 19 >> s && py >= 7 >> s && py <= 20 >> s;
                int got = get_sample(g->picture, c, px, py), was = get_sample(f->picture, c, px, py);
                int half = c && (py == 3 || py == 10); /* rows of which one of two pixel rows is painted */
                if (!inside)
                    cr_expect_eq(got, was);
                else if (half)
                    cr_expect(abs(2 * got - was - red[c]) <= 2);
                else
                    cr_expect(abs(got - red[c]) <= 1, "%d at %d,%d is %d", c, px, py, got);
            }
    hf_frame_free(&f);
    hf_frame_free(&g);
    hf_video_in_close(&x);
    hf_video_in_close(&z);
}

/* A colour over everything comes back as RGB within `tolerance`. */
static void check_full_layer(const clip *k, int tolerance)
{
    const char *from = make_clip("full.mkv", k), *to = test_path("full2.mkv");
    job j = start(from, to, &(hf_video_out_params){ .codec = "ffv1", .crf = -1 });
    for (int i = 0; i < j.w * j.h; i++)
        memcpy(j.rgba + i * 4, "\xc8\x64\x32\xff", 4);
    write_frames(&j, HF_VIDEO_BLEND, 1);
    finish(&j, HF_VIDEO_WHOLE);
    hf_video_in *in = open_in(to);
    hf_frame *f = new_frame(in);
    cr_assert_eq(hf_video_in_read(f, in, NULL), HF_OK);
    static const int want[3] = { 200, 100, 50 };
    for (int c = 0; c < 3; c++)
        cr_expect(abs(f->rgb[c] - want[c]) <= tolerance, "%s: colour %d is %d, want %d",
                  av_get_pix_fmt_name(k->format), c, f->rgb[c], want[c]);
    hf_frame_free(&f);
    hf_video_in_close(&in);
}

Test(video_out, a_colour_of_alpha_255_is_that_colour_in_every_format)
{
    /* 1 for RGB and deep formats; 2 where 8-bit YUV rounds on the way in and out */
    check_full_layer(&(clip){ .format = AV_PIX_FMT_BGR0, .n = 1 }, 0);
    check_full_layer(&(clip){ .format = AV_PIX_FMT_GBRP10LE, .n = 1 }, 1);
    check_full_layer(&(clip){ .format = AV_PIX_FMT_YUV420P10LE, .n = 1, .space = AVCOL_SPC_BT2020_NCL, .range = AVCOL_RANGE_MPEG }, 1);
    check_full_layer(&(clip){ .format = AV_PIX_FMT_YUV444P, .n = 1, .space = AVCOL_SPC_BT709, .range = AVCOL_RANGE_JPEG }, 2);
    check_full_layer(&(clip){ .format = AV_PIX_FMT_YUV420P, .n = 1, .space = AVCOL_SPC_SMPTE170M, .range = AVCOL_RANGE_MPEG }, 2);
}

/* Cutout with an alpha ramp; the largest error of alpha after reading it back, in 8-bit steps. */
static int alpha_error(const char *from, const char *to, const char *codec)
{
    job j = start(from, to, &(hf_video_out_params){ .kind = HF_VIDEO_CUTOUT, .codec = codec, .crf = -1 });
    for (int i = 0; i < j.w * j.h; i++)
        j.alpha[i] = (uint8_t)((i % j.w) * 255 / (j.w - 1));
    write_frames(&j, HF_VIDEO_CUTOUT, 3);
    finish(&j, HF_VIDEO_WHOLE);
    hf_video_in *in = open_in(to);
    hf_frame *f = new_frame(in);
    int worst = 0, n = 0;
    cr_assert(hf_video_in_get_info(in)->has_alpha, "%s has no alpha: %s", to, hf_video_in_get_info(in)->pixel_format);
    while (hf_video_in_read(f, in, NULL) == HF_OK) {
        const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(((AVFrame *)f->picture)->format);
        double max = (1 << d->comp[3].depth) - 1;
        for (int i = 0; i < f->width * f->height; i++) {
            double got = get_sample(f->picture, 3, i % f->width, i / f->width) * 255.0 / max;
            double e = got - (double)((i % f->width) * 255 / (f->width - 1));
            worst = (e < 0 ? -e : e) > worst ? (int)(e < 0 ? -e + 0.999 : e + 0.999) : worst;
        }
        n++;
    }
    cr_expect_eq(n, 3);
    hf_frame_free(&f);
    hf_video_in_close(&in);
    return worst;
}

Test(video_out, alpha_survives_in_every_format_that_has_it)
{
    const char *from = make_clip("a.mkv", &(clip){ .n = 3 }), *deep = make_clip("d.mkv", &(clip){ .n = 3, .format = AV_PIX_FMT_YUV422P10LE });
    cr_expect_eq(alpha_error(from, test_path("a1.mkv"), NULL), 0);
    cr_expect_leq(alpha_error(deep, test_path("a2.mkv"), NULL), 1); /* 10-bit steps of 8-bit values */
    cr_expect_eq(alpha_error(from, test_path("a3.mov"), "qtrle"), 0);
    cr_expect_leq(alpha_error(from, test_path("a4.mov"), NULL), 2);
    int e = alpha_error(from, test_path("a5.webm"), NULL);
    cr_expect_leq(e, 2, "VP9: alpha is off by %d", e);
}

static int64_t last_pts(const char *path, int *n)
{
    hf_video_in *in = open_in(path);
    hf_frame *f = new_frame(in);
    int64_t last = -1;
    for (*n = 0; hf_video_in_read(f, in, NULL) == HF_OK; ++*n) {
        cr_expect_gt(f->pts, last);
        last = f->pts;
    }
    cr_expect_null(hf_video_in_warning(in), "%s", hf_video_in_warning(in));
    hf_frame_free(&f);
    hf_video_in_close(&in);
    return last;
}

static void check_times(const char *to, const char *codec)
{
    static const int64_t pts[8] = { 0, 40, 50, 133, 134, 300, 301, 900 };
    const char *from = make_clip("vfr.mkv", &(clip){ .pts = pts, .base = { 1, 1000 } });
    convert(from, to, &(hf_video_out_params){ .codec = codec, .crf = -1 });
    hf_video_in *in = open_in(to);
    const hf_video_info *info = hf_video_in_get_info(in);
    hf_frame *f = new_frame(in);
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(hf_video_in_read(f, in, NULL), HF_OK, "%s: frame %d", to, i);
        cr_expect_eq(f->pts * info->time_num * 1000, pts[i] * info->time_den, "%s: frame %d at %lld * %d/%d", to, i,
                     (long long)f->pts, info->time_num, info->time_den);
    }
    hf_frame_free(&f);
    hf_video_in_close(&in);
}

Test(video_out, time_stamps_pass_through)
{
    check_times(test_path("t.mp4"), NULL);
    check_times(test_path("t.mkv"), NULL);
    check_times(test_path("t.webm"), NULL);
    check_times(test_path("t2.mkv"), "ffv1");
    check_times(test_path("t.mov"), NULL);
}

static int count_packets(const char *path, enum AVMediaType type, int64_t *size)
{
    AVFormatContext *f = NULL;
    AVPacket *p = av_packet_alloc();
    int n = 0;
    cr_assert(avformat_open_input(&f, path, NULL, NULL) >= 0);
    avformat_find_stream_info(f, NULL);
    while (av_read_frame(f, p) >= 0) {
        if (f->streams[p->stream_index]->codecpar->codec_type == type) {
            n++;
            *size += p->size;
        }
        av_packet_unref(p);
    }
    av_packet_free(&p);
    avformat_close_input(&f);
    return n;
}

static const clip with_streams = { .n = 20, .audio = 50, .text = 1 };

Test(video_out, audio_and_subtitles_are_copied_whole)
{
    const char *from = make_clip("s.mkv", &with_streams), *to = test_path("s2.mkv");
    int64_t a = 0, b = 0;
    convert(from, to, NULL);
    int n = count_packets(from, AVMEDIA_TYPE_AUDIO, &a);
    cr_expect_eq(count_packets(to, AVMEDIA_TYPE_AUDIO, &b), n);
    cr_expect_eq(a, b);
    cr_expect_eq(count_packets(to, AVMEDIA_TYPE_SUBTITLE, &b), 1);
}

Test(video_out, an_interrupted_output_has_audio_up_to_its_last_frame)
{
    const char *from = make_clip("s.mkv", &with_streams), *to = test_path("s2.mkv");
    int64_t size = 0;
    job j = start(from, to, NULL);
    write_frames(&j, HF_VIDEO_BLEND, 10); /* 0.4 s = 20 packets of 20 ms */
    finish(&j, HF_VIDEO_PART);
    int n = count_packets(to, AVMEDIA_TYPE_AUDIO, &size);
    cr_expect(n >= 20 && n <= 21, "%d", n);
}

Test(video_out, streams_the_container_cannot_hold_are_left_out_with_a_warning)
{
    const char *from = make_clip("s.mkv", &with_streams);
    job j = start(from, test_path("s.mp4"), NULL);
    const char *warning = hf_video_out_warning(j.out);
    cr_assert_not_null(warning);
    cr_expect(strstr(warning, "pcm_s16le) is left out: mp4"), "%s", warning);
    cr_expect(strstr(warning, "subrip) is left out"), "%s", warning);
    write_frames(&j, HF_VIDEO_BLEND, MAX_FRAMES);
    finish(&j, HF_VIDEO_WHOLE);
    j = start(from, test_path("s3.mkv"), &(hf_video_out_params){ .no_streams = 1, .crf = -1 });
    cr_expect_null(hf_video_out_warning(j.out));
    stop(&j);
}

Test(video_out, audio_of_a_pipe_is_copied_too)
{
    const char *from = make_clip("s.mkv", &with_streams), *to = test_path("s2.mkv");
    int64_t a = 0, b = 0;
    cr_assert_not_null(freopen(from, "rb", stdin));
    convert("-", to, NULL);
    cr_expect_eq(count_packets(to, AVMEDIA_TYPE_AUDIO, &b), count_packets(from, AVMEDIA_TYPE_AUDIO, &a));
}

Test(video_out, trim_starts_time_at_the_first_frame)
{
    const char *from = make_clip("s.mkv", &with_streams), *to = test_path("s2.mkv");
    int64_t size = 0;
    job j = start(from, to, &(hf_video_out_params){ .trim = 1, .crf = -1 });
    cr_assert_eq(hf_video_in_seek(j.in, 10, NULL), HF_OK);
    write_frames(&j, HF_VIDEO_BLEND, 5);
    finish(&j, HF_VIDEO_PART);
    hf_video_in *in = open_in(to);
    hf_frame *f = new_frame(in);
    cr_assert_eq(hf_video_in_read(f, in, NULL), HF_OK);
    cr_expect_eq(f->pts, 0);
    int n = count_packets(to, AVMEDIA_TYPE_AUDIO, &size);
    cr_expect(n >= 10 && n <= 11, "%d", n); /* 0.2 s */
    hf_frame_free(&f);
    hf_video_in_close(&in);
}

Test(video_out, colour_tags_and_depth_are_carried)
{
    const char *from = make_clip("c.mkv", &(clip){ .format = AV_PIX_FMT_YUV420P10LE, .space = AVCOL_SPC_BT2020_NCL, .range = AVCOL_RANGE_MPEG, .n = 2 });
    const char *to = test_path("c.mp4");
    convert(from, to, NULL);
    hf_video_in *in = open_in(to);
    cr_expect_str_eq(hf_video_in_get_info(in)->matrix, "bt2020nc");
    cr_expect_str_eq(hf_video_in_get_info(in)->range, "tv");
    cr_expect_str_eq(hf_video_in_get_info(in)->pixel_format, "yuv420p10le");
    hf_video_in_close(&in);
}

Test(video_out, a_turned_video_is_written_upright_without_a_matrix)
{
    static const int32_t turned[9] = { 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30 };
    const char *from = make_clip("r.mp4", &(clip){ .codec = "libx264", .matrix = turned }), *to = test_path("r2.mp4");
    convert(from, to, NULL);
    hf_video_in *in = open_in(to);
    cr_expect_eq(hf_video_in_get_info(in)->width, 48);
    cr_expect_eq(hf_video_in_get_info(in)->rotation, 0);
    hf_video_in_close(&in);
}

Test(video_out, odd_sizes_are_kept)
{
    const char *from = make_clip("odd.mkv", &(clip){ .width = 63, .height = 47 });
    static const char *const names[] = { "odd.mp4", "odd.webm", "odd2.mkv" };
    for (int i = 0; i < 3; i++) {
        convert(from, test_path(names[i]), NULL);
        hf_video_in *in = open_in(test_path(names[i]));
        cr_expect_eq(hf_video_in_get_info(in)->width, 63);
        cr_expect_eq(hf_video_in_get_info(in)->height, 47);
        hf_video_in_close(&in);
    }
}

Test(video_out, h264_is_close_to_the_source)
{
    const char *from = make_clip("q.mkv", &(clip){ .n = 4 }), *to = test_path("q.mp4");
    convert(from, to, &(hf_video_out_params){ .crf = 1 });
    cr_expect_eq(compare_files(from, to, 1, 6), 4);
}

Test(video_out, pictures_may_have_another_size)
{
    hf_error err = { 0 };
    const char *from = make_clip("p.mkv", &(clip){ .n = 3 }), *to = test_path("p.mp4");
    hf_video_out_params wide = { .kind = HF_VIDEO_PICTURE, .width = 128, .height = 48, .crf = 10 };
    job j = start(from, to, &wide);
    uint8_t *rgb = malloc(128 * 48 * 3);
    for (int i = 0; i < 128 * 48; i++)
        memcpy(rgb + 3 * i, "\xc8\x64\x32", 3);
    while (hf_video_in_read(j.frame, j.in, NULL) == HF_OK)
        cr_assert_eq(hf_video_out_write_picture(j.out, j.frame, rgb, &err), HF_OK, "%s", err.text);
    finish(&j, HF_VIDEO_WHOLE);
    free(rgb);
    hf_video_in *in = open_in(to);
    hf_frame *f = new_frame(in);
    cr_expect_eq(f->width, 128);
    cr_expect_str_eq(hf_video_in_get_info(in)->pixel_format, "yuv420p");
    cr_assert_eq(hf_video_in_read(f, in, NULL), HF_OK);
    cr_expect(abs(f->rgb[0] - 200) <= 3 && abs(f->rgb[1] - 100) <= 3 && abs(f->rgb[2] - 50) <= 3, "%d %d %d", f->rgb[0], f->rgb[1], f->rgb[2]);
    hf_frame_free(&f);
    hf_video_in_close(&in);
}

Test(video_out, a_folder_keeps_the_names_of_the_images)
{
    mkdir(test_path("in"), 0777);
    write_ppm("in/a9.ppm", 8, 6, 90);
    write_ppm("in/a10.ppm", 8, 6, 100);
    convert(test_path("in"), test_path("res/"), NULL);
    cr_expect(exists(test_path("res/a9.png")));
    hf_video_in *in = open_in(test_path("res/a10.png"));
    hf_frame *f = new_frame(in);
    hf_video_in_read(f, in, NULL);
    cr_expect_eq(f->rgb[0], 100);
    hf_frame_free(&f);
    hf_video_in_close(&in);
}

Test(video_out, a_folder_of_a_video_is_numbered_and_16_bit_where_the_source_is_deep)
{
    const char *from = make_clip("v.mkv", &(clip){ .n = 3, .format = AV_PIX_FMT_YUV420P10LE });
    convert(from, test_path("nums"), &(hf_video_out_params){ .start_number = 1001, .kind = HF_VIDEO_CUTOUT, .crf = -1 });
    cr_expect(exists(test_path("nums/01001.png")) && exists(test_path("nums/01003.png")));
    cr_expect_not(exists(test_path("nums/01003.png.part")));
    hf_video_in *in = open_in(test_path("nums/%05d.png"));
    cr_expect_str_eq(hf_video_in_get_info(in)->pixel_format, "rgba64be");
    cr_expect_eq(hf_video_in_get_info(in)->n_frames, 3);
    hf_video_in_close(&in);
}

Test(video_out, the_folder_of_the_input_is_refused)
{
    hf_error err = { 0 };
    hf_video_out *out;
    mkdir(test_path("same"), 0777);
    write_ppm("same/1.ppm", 8, 6, 1);
    hf_video_in *in = open_in(test_path("same"));
    cr_expect_eq(hf_video_out_open(&out, test_path("same"), NULL, in, &err), HF_EARG);
    cr_expect(strstr(err.text, "folder of the input"), "%s", err.text);
    hf_video_in_close(&in);
}

static void check_resume(const char *from, const char *part, const char *to, const char *codec, hf_video_kind kind)
{
    hf_error err = { 0 };
    int n;
    hf_video_out_params p = { .codec = codec, .kind = kind, .crf = -1 };
    job j = start(from, part, &p);
    cr_assert_eq(write_frames(&j, kind, 9), 9);
    finish(&j, HF_VIDEO_PART);
    p.resume = part;
    j = start(from, to, &p);
    cr_assert_eq(hf_video_out_get_n_resumed(j.out), 9, "%s: %lld", part, (long long)hf_video_out_get_n_resumed(j.out));
    cr_assert_eq(hf_video_in_seek(j.in, 9, &err), HF_OK, "%s", err.text);
    cr_assert_eq(write_frames(&j, kind, MAX_FRAMES), 11);
    finish(&j, HF_VIDEO_WHOLE);
    int64_t last = last_pts(to, &n);
    cr_expect_eq(n, 20, "%s: %d frames", to, n);
    hf_video_in *in = open_in(to);
    const hf_video_info *info = hf_video_in_get_info(in);
    cr_expect_eq((last * info->time_num * 1000 + info->time_den / 2) / info->time_den, 760);
    hf_video_in_close(&in);
}

Test(video_out, resume_joins_two_parts_into_the_whole)
{
    const char *from = make_clip("s.mkv", &with_streams);
    check_resume(from, test_path("p.mp4"), test_path("w.mp4"), NULL, HF_VIDEO_BLEND);
    check_resume(from, test_path("p.mkv"), test_path("w.mkv"), NULL, HF_VIDEO_BLEND);
    check_resume(from, test_path("p.webm"), test_path("w.webm"), NULL, HF_VIDEO_CUTOUT);
    check_resume(from, test_path("p.mov"), test_path("w.mov"), NULL, HF_VIDEO_CUTOUT);
    check_resume(from, test_path("f.mkv"), test_path("g.mkv"), "ffv1", HF_VIDEO_BLEND);
    cr_expect_eq(compare_files(from, test_path("g.mkv"), 3, 0), 20);
    int64_t a = 0, b = 0;
    cr_expect_eq(count_packets(test_path("g.mkv"), AVMEDIA_TYPE_AUDIO, &b), count_packets(from, AVMEDIA_TYPE_AUDIO, &a));
}

Test(video_out, resume_over_the_interrupted_file_itself_works)
{
    const char *from = make_clip("s.mkv", &with_streams), *to = test_path("w.mp4");
    check_resume(from, to, to, NULL, HF_VIDEO_BLEND);
}

static void refused_resume(const char *from, const char *old, const hf_video_out_params *p, int status, const char *words)
{
    hf_error err = { 0 };
    hf_video_out *out;
    hf_video_in *in = open_in(from);
    hf_video_out_params q = *p;
    q.resume = old;
    int rc = hf_video_out_open(&out, test_path("never.mp4"), &q, in, &err);
    cr_expect_eq(rc, status, "%s", err.text);
    cr_expect(strstr(err.text, words), "'%s' lacks '%s'", err.text, words);
    cr_expect_not(part_exists(test_path("never.mp4")));
    hf_video_in_close(&in);
}

Test(video_out, resume_from_another_kind_of_file_is_refused)
{
    const char *from = make_clip("s.mkv", &(clip){ .n = 5 }), *old = test_path("old.mp4");
    const char *wide = make_clip("wide.mkv", &(clip){ .n = 5, .width = 128 });
    hf_video_out_params p = { .crf = -1 };
    convert(from, old, &p);
    refused_resume(wide, old, &p, HF_EARG, "another size");
    refused_resume(from, old, &(hf_video_out_params){ .codec = "mpeg4", .crf = -1 }, HF_EARG, "another codec");
    refused_resume(from, old, &(hf_video_out_params){ .preset = "slow", .options = "bf=0:refs=1", .crf = -1 }, HF_EARG, "another encoder setting");
    refused_resume(from, test_path("absent.mp4"), &p, HF_EIO, "No such file");
    refused_resume(from, write_bytes("half.mp4", "\0\0\0\x1c" "ftypisom\0\0\0\0isommp41xxxx", 28), &p, HF_EFORMAT, "half.mp4");
}

static void refused_path(const char *path, const hf_video_out_params *p, int status, const char *words)
{
    hf_error err = { 0 };
    hf_video_out *out;
    hf_video_in *in = open_in(make_clip("src.mkv", &(clip){ .n = 1 }));
    cr_expect_eq(hf_video_out_check(path, p, &err), status, "%s: %s", path, err.text);
    cr_expect(strstr(err.text, words), "'%s' lacks '%s'", err.text, words);
    cr_expect_eq(hf_video_out_open(&out, path, p, in, &err), status, "%s: %s", path, err.text);
    cr_expect_null(out);
    cr_expect_not(exists(path) && !strstr(path, "ro/"));
    cr_expect_not(part_exists(path));
    hf_video_in_close(&in);
}

Test(video_out, what_cannot_work_is_refused_before_and_at_open)
{
    hf_video_out_params cut = { .kind = HF_VIDEO_CUTOUT, .crf = -1 }, plain = { .crf = -1 };
    refused_path(test_path("a.mp4"), &cut, HF_EUNSUPPORTED, "cannot hold alpha, want .mov (ProRes 4444), .webm (VP9), .mkv (FFV1)");
    refused_path(test_path("a.avi"), &(hf_video_out_params){ .kind = HF_VIDEO_CUTOUT, .codec = "h264", .crf = -1 }, HF_EUNSUPPORTED, "cannot hold alpha");
    refused_path(test_path("a.mkv"), &(hf_video_out_params){ .kind = HF_VIDEO_CUTOUT, .codec = "h264", .crf = -1 }, HF_EUNSUPPORTED, "h264 in .mkv cannot hold alpha");
    refused_path(test_path("a.webm"), &(hf_video_out_params){ .codec = "h264", .crf = -1 }, HF_EUNSUPPORTED, ".webm cannot hold h264");
    /* Not even a picture for the cover. */
    refused_path(test_path("a.mp3"), NULL, HF_EUNSUPPORTED, "format mp3 holds no video in one file, want .mp4");
    refused_path(test_path("a.flac"), NULL, HF_EUNSUPPORTED, "format flac holds no video in one file, want .mp4");
    refused_path(test_path("a.xyz"), &plain, HF_EUNSUPPORTED, "want .mp4, .mov, .mkv, .webm");
    refused_path(test_path("a.png"), &plain, HF_EUNSUPPORTED, "want .mp4");
    refused_path(test_path("a.wav"), &plain, HF_EUNSUPPORTED, "want .mp4");
    refused_path(test_path("a.mkv"), &(hf_video_out_params){ .codec = "nonesuch", .crf = -1 }, HF_EUNSUPPORTED, "no video encoder nonesuch");
    refused_path(test_path("a.mkv"), &(hf_video_out_params){ .crf = 64 }, HF_EARG, "crf is 64");
    refused_path(test_path("a.mkv"), &(hf_video_out_params){ .bits = 12, .crf = -1 }, HF_EARG, "12 bits");
    refused_path(test_path("nofolder/a.mkv"), &plain, HF_EIO, "No such file");
    refused_path(test_path("nofolder/b/"), &plain, HF_EIO, "No such file");
}

Test(video_out, unknown_encoder_options_are_refused_by_name)
{
    hf_error err = { 0 };
    hf_video_out *out;
    hf_video_in *in = open_in(make_clip("src.mkv", &(clip){ .n = 1 }));
    cr_expect_eq(hf_video_out_open(&out, test_path("a.mp4"), &(hf_video_out_params){ .options = "nonesuch=3", .crf = -1 }, in, &err), HF_EARG);
    cr_expect(strstr(err.text, "nonesuch"), "%s", err.text);
    cr_expect_eq(hf_video_out_open(&out, test_path("a.mp4"), &(hf_video_out_params){ .options = "rubbish", .crf = -1 }, in, &err), HF_EARG);
    cr_expect_eq(hf_video_out_open(&out, test_path("a.mp4"), &(hf_video_out_params){ .preset = "rubbish", .crf = -1 }, in, &err), HF_EARG);
    hf_video_in_close(&in);
}

Test(video_out, a_read_only_folder_is_refused)
{
    if (geteuid() == 0)
        cr_skip_test("1 case: the superuser may write everywhere");
    mkdir(test_path("ro"), 0555);
    refused_path(test_path("ro/a.mkv"), &(hf_video_out_params){ .crf = -1 }, HF_EIO, "Permission denied");
}

Test(video_out, the_input_itself_is_refused_even_through_a_link)
{
    hf_error err = { 0 };
    hf_video_out *out;
    const char *from = make_clip("self.mkv", &(clip){ .n = 2 });
    cr_assert_eq(symlink(from, test_path("other.mkv")), 0);
    hf_video_in *in = open_in(from);
    cr_expect_eq(hf_video_out_open(&out, from, NULL, in, &err), HF_EARG);
    cr_expect_eq(hf_video_out_open(&out, test_path("other.mkv"), NULL, in, &err), HF_EARG);
    cr_expect(strstr(err.text, "is the input itself"), "%s", err.text);
    cr_expect(exists(from));
    hf_video_in_close(&in);
}

Test(video_out, the_name_appears_only_when_finished)
{
    const char *from = make_clip("a.mkv", &(clip){ .n = 4 }), *to = test_path("n.mp4");
    job j = start(from, to, NULL);
    write_frames(&j, HF_VIDEO_BLEND, 2);
    cr_expect(part_exists(to));
    cr_expect_not(exists(to));
    stop(&j);
    cr_expect_not(part_exists(to));
    cr_expect_not(exists(to));
    convert(from, to, NULL);
    cr_expect(exists(to));
    cr_expect_not(part_exists(to));
}

/* Open and write until an error comes. */
static int write_until_error(const char *from, const char *to, hf_error *err)
{
    hf_video_in *in = open_in(from);
    hf_frame *frame = new_frame(in);
    hf_video_out *out;
    int rc = hf_video_out_open(&out, to, NULL, in, err);
    while (rc >= 0 && hf_video_in_read(frame, in, NULL) == HF_OK)
        rc = hf_video_out_write_blend(out, frame, NULL, err);
    if (rc >= 0)
        rc = hf_video_out_finish(out, HF_VIDEO_WHOLE, err);
    hf_video_out_close(&out);
    hf_frame_free(&frame);
    hf_video_in_close(&in);
    return rc;
}

Test(video_out, a_full_disk_is_told)
{
    if (access("/dev/full", W_OK) < 0)
        cr_skip_test("1 case: no /dev/full here");
    cr_assert_eq(symlink("/dev/full", test_path("full.mkv")), 0);
    hf_error err = { 0 };
    cr_expect_eq(write_until_error(make_clip("a.mkv", &(clip){ .n = 30 }), test_path("full.mkv"), &err), HF_EIO);
    cr_expect(strstr(err.text, "full.mkv: cannot write: No space left on device"), "%s", err.text);
    cr_expect(exists(test_path("full.mkv")));
}

Test(video_out, a_closed_pipe_is_an_error_and_no_signal)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    int saved = dup(STDOUT_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    hf_error err = { 0 };
    int rc = write_until_error(make_clip("a.mkv", &(clip){ .n = 30 }), "-", &err);
    dup2(saved, STDOUT_FILENO);
    cr_expect_eq(rc, HF_EIO);
    cr_expect(strstr(err.text, "standard output: cannot write: Broken pipe"), "%s", err.text);
}

Test(video_out, standard_output_is_y4m_for_a_y4m_pipe_and_matroska_else)
{
    const char *y4m = make_clip("a.y4m", &(clip){ .codec = "wrapped_avframe", .n = 3 });
    const char *mkv = make_clip("a.mkv", &(clip){ .n = 3 });
    int saved = dup(STDOUT_FILENO);
    for (int i = 0; i < 2; i++) {
        int fd = open(test_path(i ? "out1" : "out0"), O_CREAT | O_RDWR | O_TRUNC, 0666);
        dup2(fd, STDOUT_FILENO);
        convert(i ? mkv : y4m, "-", NULL);
        dup2(saved, STDOUT_FILENO);
        close(fd);
    }
    cr_expect_eq(compare_files(y4m, test_path("out0"), 3, 0), 3);
    cr_expect_eq(compare_files(mkv, test_path("out1"), 3, 0), 3);
    hf_video_in *in = open_in(test_path("out0"));
    cr_expect_str_eq(hf_video_in_get_info(in)->container, "yuv4mpegpipe");
    hf_video_in_close(&in);
}

Test(video_out, memory_does_not_grow_with_length)
{
#ifdef __SANITIZE_ADDRESS__
    cr_skip_test("1 case: the sanitizer keeps freed memory");
#endif
    struct rusage before, after;
    const char *from = make_clip("long.mkv", &(clip){ .n = 2000, .audio = 4000, .codec = "mpeg2video" });
    job j = start(from, test_path("long2.mkv"), NULL);
    cr_assert_eq(write_frames(&j, HF_VIDEO_BLEND, 200), 200);
    getrusage(RUSAGE_SELF, &before);
    cr_assert_eq(write_frames(&j, HF_VIDEO_BLEND, 1800), 1800);
    getrusage(RUSAGE_SELF, &after);
    cr_expect_lt(after.ru_maxrss - before.ru_maxrss, 2048, "%ld kB more", after.ru_maxrss - before.ru_maxrss);
    finish(&j, HF_VIDEO_WHOLE);
}

Test(video_out, trim_and_resume_go_together)
{
    const char *from = make_clip("s.mkv", &with_streams), *part = test_path("p.mp4"), *to = test_path("w.mp4");
    hf_video_out_params p = { .trim = 1, .crf = -1 };
    int n;
    job j = start(from, part, &p);
    cr_assert_eq(hf_video_in_seek(j.in, 4, NULL), HF_OK);
    write_frames(&j, HF_VIDEO_BLEND, 6);
    finish(&j, HF_VIDEO_PART);
    p.resume = part;
    j = start(from, to, &p);
    cr_assert_eq(hf_video_in_seek(j.in, 10, NULL), HF_OK);
    write_frames(&j, HF_VIDEO_BLEND, MAX_FRAMES);
    finish(&j, HF_VIDEO_WHOLE);
    int64_t last = last_pts(to, &n);
    cr_expect_eq(n, 16);
    hf_video_in *in = open_in(to);
    const hf_video_info *info = hf_video_in_get_info(in);
    cr_expect_eq((last * info->time_num * 1000 + info->time_den / 2) / info->time_den, 15 * 40);
    hf_video_in_close(&in);
}

Test(video_out, calls_that_do_not_fit_are_refused)
{
    hf_error err = { 0 };
    job j = start(make_clip("a.mkv", &(clip){ .n = 4 }), test_path("c.mkv"), NULL);
    hf_layer small = { 8, 8, j.rgba };
    cr_expect_eq(hf_video_out_finish(j.out, HF_VIDEO_WHOLE, &err), HF_EARG);
    cr_expect_eq(hf_video_out_write_blend(j.out, j.frame, NULL, &err), HF_EARG); /* nothing read yet: no picture */
    hf_video_in_read(j.frame, j.in, NULL);
    cr_expect_eq(hf_video_out_write_cutout(j.out, j.frame, j.alpha, &err), HF_EARG);
    cr_expect_eq(hf_video_out_write_blend(j.out, j.frame, &small, &err), HF_EARG);
    cr_expect_eq(hf_video_out_write_blend(j.out, j.frame, NULL, &err), HF_OK);
    cr_expect_eq(hf_video_out_write_blend(j.out, j.frame, NULL, &err), HF_EARG);
    cr_expect(strstr(err.text, "want rising ones"), "%s", err.text);
    stop(&j);
}

Test(video_out, folders_are_told_from_videos)
{
    cr_expect(hf_video_out_is_folder("out/"));
    cr_expect(hf_video_out_is_folder("/tmp"));
    cr_expect(hf_video_out_is_folder("a.b/out"));
    cr_expect_not(hf_video_out_is_folder("out.mp4"));
    cr_expect_not(hf_video_out_is_folder("-"));
}
