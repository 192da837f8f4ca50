/* Reading: every way to name an input, every oddity of its frames, every refusal. */
#include <criterion/criterion.h>
#include <libavutil/frame.h>

#include "io/image_list.h"
#include "io/video_in.h"
#include "tests/clip_maker.h"

#define MAX_FRAMES 64

TestSuite(video_in, .fini = remove_test_folder, .timeout = 60);

static const int32_t turned_90[9] = { 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30 };
static const int32_t turned_180[9] = { -65536, 0, 0, 0, -65536, 0, 64 << 16, 48 << 16, 1 << 30 };
static const int32_t turned_270[9] = { 0, -65536, 0, 65536, 0, 0, 0, 64 << 16, 1 << 30 };
static const int32_t mirrored[9] = { -65536, 0, 0, 0, 65536, 0, 64 << 16, 0, 1 << 30 };

static hf_video_in *open_or_fail(const char *path, const hf_video_in_params *params)
{
    hf_error err = { 0 };
    hf_video_in *in;
    cr_assert_eq(hf_video_in_open(&in, path, params, &err), HF_OK, "%s", err.text);
    return in;
}

static hf_frame *new_frame(const hf_video_in *in)
{
    const hf_video_info *info = hf_video_in_get_info(in);
    hf_frame *frame;
    cr_assert_eq(hf_frame_new(&frame, info->width, info->height, NULL), HF_OK);
    return frame;
}

/* Open must fail with this status and a text that holds these words. */
static void refused(const char *path, int status, const char *words)
{
    hf_error err = { 0 };
    hf_video_in *in;
    int rc = hf_video_in_open(&in, path, NULL, &err);
    cr_expect_eq(rc, status, "%s: status %d, want %d: %s", path, rc, status, err.text);
    cr_expect_null(in);
    cr_expect(strstr(err.text, words), "'%s' lacks '%s'", err.text, words);
    hf_video_in_close(&in);
}

static unsigned checksum(const hf_frame *frame)
{
    unsigned sum = 2166136261u;
    for (int i = 0; i < frame->width * frame->height * 3; i++)
        sum = (sum ^ frame->rgb[i]) * 16777619u;
    return sum;
}

/* Read to the end; returns the number of frames. */
static int read_all(hf_video_in *in, int64_t *pts, unsigned *sums)
{
    hf_error err = { 0 };
    hf_frame *frame = new_frame(in);
    int n = 0, rc;
    while ((rc = hf_video_in_read(frame, in, &err)) == HF_OK && n < MAX_FRAMES) {
        cr_expect_eq(frame->index, n);
        if (pts)
            pts[n] = frame->pts;
        if (sums)
            sums[n] = checksum(frame);
        n++;
    }
    cr_expect_eq(rc, HF_EOF, "%s", err.text);
    hf_frame_free(&frame);
    return n;
}

Test(video_in, time_stamps_of_variable_frame_rate_pass_through)
{
    static const int64_t pts[8] = { 0, 40, 50, 133, 134, 300, 301, 900 };
    hf_video_in *in = open_or_fail(make_clip("vfr.mkv", &(clip){ .pts = pts, .base = { 1, 1000 } }), NULL);
    int64_t got[MAX_FRAMES];
    cr_assert_eq(read_all(in, got, NULL), 8);
    for (int i = 0; i < 8; i++)
        cr_expect_eq(got[i], pts[i]);
    cr_expect_null(hf_video_in_warning(in));
    hf_video_in_close(&in);
}

/* Where a pixel of the stored picture must be shown. */
static void check_turn(const char *name, const int32_t *matrix, int rotation, int x, int y, int w, int h)
{
    clip k = { .codec = "libx264", .format = AV_PIX_FMT_YUV444P, .matrix = matrix, .n = 2 };
    hf_video_in *in = open_or_fail(make_clip(name, &k), NULL);
    hf_video_in *plain = open_or_fail(make_clip("plain.mp4", &(clip){ .codec = "libx264", .format = k.format, .n = 2 }), NULL);
    hf_frame *a = new_frame(in), *b = new_frame(plain);
    const hf_video_info *info = hf_video_in_get_info(in);
    cr_expect_eq(info->width, w);
    cr_expect_eq(info->height, h);
    cr_expect_eq(info->rotation, rotation, "%s: rotation %d, want %d", name, info->rotation, rotation);
    cr_assert_eq(hf_video_in_read(a, in, NULL), HF_OK);
    cr_assert_eq(hf_video_in_read(b, plain, NULL), HF_OK);
    /* Stored pixel (5, 3) is shown at (x, y). */
    for (int c = 0; c < 3; c++)
        cr_expect_eq(a->rgb[(y * w + x) * 3 + c], b->rgb[(3 * 64 + 5) * 3 + c], "%s, colour %d", name, c);
    cr_expect_eq(((AVFrame *)a->picture)->width, w);
    hf_frame_free(&a);
    hf_frame_free(&b);
    hf_video_in_close(&in);
    hf_video_in_close(&plain);
}

Test(video_in, display_matrix_is_applied)
{
    check_turn("r90.mp4", turned_90, 90, 48 - 1 - 3, 5, 48, 64);
    check_turn("r180.mp4", turned_180, 180, 64 - 1 - 5, 48 - 1 - 3, 64, 48);
    check_turn("r270.mp4", turned_270, 270, 3, 64 - 1 - 5, 48, 64);
}

Test(video_in, mirrored_video_is_mirrored_back)
{
    hf_video_in *in = open_or_fail(make_clip("m.mov", &(clip){ .codec = "libx264", .format = AV_PIX_FMT_YUV444P,
                                                              .matrix = mirrored, .n = 1 }), NULL);
    hf_video_in *plain = open_or_fail(make_clip("p.mov", &(clip){ .codec = "libx264", .format = AV_PIX_FMT_YUV444P, .n = 1 }), NULL);
    hf_frame *a = new_frame(in), *b = new_frame(plain);
    cr_assert_eq(hf_video_in_read(a, in, NULL), HF_OK);
    cr_assert_eq(hf_video_in_read(b, plain, NULL), HF_OK);
    for (int x = 0; x < 64; x++)
        cr_expect_eq(a->rgb[x * 3], b->rgb[(63 - x) * 3]);
    hf_frame_free(&a);
    hf_frame_free(&b);
    hf_video_in_close(&in);
    hf_video_in_close(&plain);
}

Test(video_in, ten_bit_video_keeps_its_picture_and_gives_eight_bit_rgb)
{
    hf_video_in *in = open_or_fail(make_clip("ten.mkv", &(clip){ .format = AV_PIX_FMT_YUV420P10LE }), NULL);
    hf_frame *frame = new_frame(in);
    cr_expect_eq(hf_video_in_get_info(in)->bit_depth, 10);
    cr_assert_eq(hf_video_in_read(frame, in, NULL), HF_OK);
    cr_expect_eq(((AVFrame *)frame->picture)->format, AV_PIX_FMT_YUV420P10LE);
    uint16_t luma;
    memcpy(&luma, ((AVFrame *)frame->picture)->data[0], 2);
    cr_expect_eq(luma, pattern(0, 0, 0, 0) << 2);
    hf_frame_free(&frame);
    hf_video_in_close(&in);
}

/* Y = 40, Cb = 90, Cr = 100 at the first pixel of the pattern, by the formulas of io/colour.h. */
static void check_rgb(const char *name, const clip *k, int r, int g, int b)
{
    hf_video_in *in = open_or_fail(make_clip(name, k), NULL);
    hf_frame *frame = new_frame(in);
    cr_assert_eq(hf_video_in_read(frame, in, NULL), HF_OK);
    const int want[3] = { r, g, b };
    for (int c = 0; c < 3; c++) /* 2: the fast conversion rounds coarsely */
        cr_expect(abs(frame->rgb[c] - want[c]) <= 2, "%s: colour %d is %d, want %d", name, c, frame->rgb[c], want[c]);
    hf_frame_free(&frame);
    hf_video_in_close(&in);
}

Test(video_in, rgb_uses_the_tagged_matrix_and_range)
{
    /* limited: y = 24/219, cb = -38/224, cr = -28/224 */
    check_rgb("a.mkv", &(clip){ .format = AV_PIX_FMT_YUV444P, .space = AVCOL_SPC_SMPTE170M, .range = AVCOL_RANGE_MPEG }, 0, 66, 0);
    check_rgb("b.mkv", &(clip){ .format = AV_PIX_FMT_YUV444P, .space = AVCOL_SPC_BT709, .range = AVCOL_RANGE_MPEG }, 0, 51, 0);
    check_rgb("c.mkv", &(clip){ .format = AV_PIX_FMT_YUV444P, .space = AVCOL_SPC_SMPTE170M, .range = AVCOL_RANGE_JPEG }, 1, 73, 0);
    /* no tag, 48 lines: as SMPTE 170M, limited */
    check_rgb("d.mkv", &(clip){ .format = AV_PIX_FMT_YUV444P }, 0, 66, 0);
}

/* swscale left the last columns of such frames as they were: six of DAVIS's 854. */
Test(video_in, every_column_of_a_width_that_is_no_multiple_of_8_is_written)
{
    hf_video_in *in = open_or_fail(make_clip("w.mkv", &(clip){ .format = AV_PIX_FMT_YUV420P, .width = 54, .height = 40, .n = 1 }), NULL);
    hf_frame *one = new_frame(in);
    hf_error err = { 0 };
    memset(one->rgb, 0, 3 * 54 * 40);
    cr_assert_eq(hf_video_in_read(one, in, &err), HF_OK, "%s", err.text);
    for (int x = 46; x < 54; x++) { /* no colour of the pattern is near black */
        const uint8_t *p = one->rgb + 3 * (20 * 54 + x);
        cr_expect(p[0] + p[1] + p[2] > 60, "column %d: %d %d %d", x, p[0], p[1], p[2]);
    }
    hf_frame_free(&one);
    hf_video_in_close(&in);
}

Test(video_in, interlaced_frames_are_deinterlaced_one_for_one)
{
    const char *path = make_clip("i.mkv", &(clip){ .interlaced = 1, .codec = "mpeg2video" });
    hf_video_in_params off = { .deinterlace = HF_DEINTERLACE_OFF };
    hf_video_in *in = open_or_fail(path, NULL), *raw = open_or_fail(path, &off);
    int64_t pts[MAX_FRAMES], raw_pts[MAX_FRAMES];
    unsigned a[MAX_FRAMES], b[MAX_FRAMES];
    cr_expect(hf_video_in_get_info(in)->is_interlaced);
    cr_expect_eq(read_all(in, pts, a), 8);
    cr_expect_eq(read_all(raw, raw_pts, b), 8);
    int n_changed = 0;
    for (int i = 0; i < 8; i++) {
        cr_expect_eq(pts[i], raw_pts[i]);
        n_changed += a[i] != b[i];
    }
    cr_expect_gt(n_changed, 0);
    hf_video_in_close(&in);
    hf_video_in_close(&raw);
}

static void check_seek(const char *path, int n)
{
    hf_error err = { 0 };
    hf_video_in *in = open_or_fail(path, NULL);
    hf_frame *frame = new_frame(in);
    unsigned sums[MAX_FRAMES];
    int64_t pts[MAX_FRAMES], count;
    int n_read = read_all(in, pts, sums);
    cr_assert_eq(n_read, n, "%s: %d frames, want %d", path, n_read, n);
    cr_assert_eq(hf_video_in_count(&count, in, &err), HF_OK, "%s", err.text);
    cr_expect_eq(count, n);
    for (int k = 0; k < n; k++) {
        int i = (k * 7 + 3) % n; /* forward and back */
        cr_assert_eq(hf_video_in_seek(in, i, &err), HF_OK, "%s", err.text);
        cr_assert_eq(hf_video_in_read(frame, in, &err), HF_OK, "%s", err.text);
        cr_expect_eq(frame->index, i);
        cr_expect_eq(frame->pts, pts[i], "%s: frame %d has pts %lld, want %lld", path, i, (long long)frame->pts, (long long)pts[i]);
        cr_expect_eq(checksum(frame), sums[i], "%s: frame %d differs after a seek", path, i);
    }
    cr_expect_eq(hf_video_in_seek(in, n, &err), HF_EARG);
    cr_expect_eq(hf_video_in_seek(in, -1, &err), HF_EARG);
    hf_frame_free(&frame);
    hf_video_in_close(&in);
}

Test(video_in, every_frame_found_by_a_seek_equals_sequential_reading)
{
    check_seek(make_clip("b.mp4", &(clip){ .codec = "libx264", .format = AV_PIX_FMT_YUV420P, .n = 23, .n_bframes = 3 }), 23);
    check_seek(make_clip("b.mkv", &(clip){ .codec = "libx264", .format = AV_PIX_FMT_YUV420P, .n = 23, .n_bframes = 3 }), 23);
    check_seek(make_clip("v.webm", &(clip){ .codec = "libvpx", .format = AV_PIX_FMT_YUV420P, .n = 23 }), 23);
    check_seek(make_clip("i.mkv", &(clip){ .codec = "mpeg2video", .format = AV_PIX_FMT_YUV420P, .n = 17, .interlaced = 1 }), 17);
    check_seek(make_clip("t.ts", &(clip){ .codec = "mpeg2video", .format = AV_PIX_FMT_YUV420P, .n = 17, .n_bframes = 2 }), 17);
}

Test(video_in, seeks_work_by_counting_where_the_file_has_no_time_stamps)
{
    check_seek(make_clip("raw.h264", &(clip){ .codec = "libx264", .format = AV_PIX_FMT_YUV420P, .n = 12, .n_bframes = 2 }), 12);
}

Test(video_in, a_folder_is_read_in_natural_order_with_names)
{
    hf_error err = { 0 };
    static const char *const names[] = { "f1", "f2", "f10", "f11" };
    mkdir(test_path("frames"), 0777);
    write_ppm("frames/f10.ppm", 8, 6, 100);
    write_ppm("frames/f2.ppm", 8, 6, 20);
    write_ppm("frames/f1.ppm", 8, 6, 10);
    write_ppm("frames/f11.ppm", 8, 6, 110);
    write_bytes("frames/notes.txt", "x", 1);
    hf_video_in *in = open_or_fail(test_path("frames"), &(hf_video_in_params){ .fps_num = 30, .fps_den = 1 });
    hf_frame *frame = new_frame(in);
    cr_expect_eq(hf_video_in_get_info(in)->n_frames, 4);
    cr_expect_eq(hf_video_in_get_info(in)->time_den, 30);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(hf_video_in_read(frame, in, &err), HF_OK, "%s", err.text);
        cr_expect_str_eq(frame->name, names[i]);
        cr_expect_eq(frame->pts, i);
        cr_expect_eq(frame->rgb[0], atoi(names[i] + 1) * 10);
    }
    cr_expect_eq(hf_video_in_read(frame, in, &err), HF_EOF);
    cr_assert_eq(hf_video_in_seek(in, 2, &err), HF_OK);
    cr_assert_eq(hf_video_in_read(frame, in, &err), HF_OK);
    cr_expect_str_eq(frame->name, "f10");
    hf_frame_free(&frame);
    hf_video_in_close(&in);
}

Test(video_in, a_pattern_takes_the_numbers_there_are_and_tells_of_gaps)
{
    write_ppm("p_08.ppm", 8, 6, 8);
    write_ppm("p_09.ppm", 8, 6, 9);
    write_ppm("p_11.ppm", 8, 6, 11);
    write_ppm("p_x1.ppm", 8, 6, 1);
    hf_video_in *in = open_or_fail(test_path("p_%02d.ppm"), NULL);
    cr_expect_eq(read_all(in, NULL, NULL), 3);
    cr_expect(strstr(hf_video_in_warning(in), "1 number is missing"));
    hf_video_in_close(&in);
}

Test(video_in, a_glob_and_one_image_are_videos)
{
    write_ppm("g1.ppm", 8, 6, 1);
    write_ppm("g2.ppm", 8, 6, 2);
    hf_video_in *in = open_or_fail(test_path("g?.ppm"), NULL);
    cr_expect_eq(read_all(in, NULL, NULL), 2);
    hf_video_in_close(&in);
    in = open_or_fail(test_path("g2.ppm"), NULL);
    cr_expect(hf_video_in_get_info(in)->is_images);
    cr_expect_eq(read_all(in, NULL, NULL), 1);
    hf_video_in_close(&in);
}

Test(video_in, a_file_name_with_a_percent_sign_or_colon_is_only_a_name)
{
    write_ppm("100%d:x.ppm", 8, 6, 1);
    hf_video_in *in = open_or_fail(test_path("100%d:x.ppm"), NULL);
    cr_expect_eq(read_all(in, NULL, NULL), 1);
    hf_video_in_close(&in);
}

Test(video_in, images_of_different_sizes_are_refused_by_name)
{
    hf_error err = { 0 };
    mkdir(test_path("mixed"), 0777);
    write_ppm("mixed/1.ppm", 8, 6, 1);
    write_ppm("mixed/2.ppm", 6, 8, 1);
    write_ppm("mixed/3.ppm", 8, 6, 1);
    hf_video_in *in = open_or_fail(test_path("mixed"), NULL);
    hf_frame *frame = new_frame(in);
    cr_assert_eq(hf_video_in_read(frame, in, &err), HF_OK);
    cr_expect_eq(hf_video_in_read(frame, in, &err), HF_EFORMAT);
    cr_expect(strstr(err.text, "2.ppm: 6x8, want 8x6"), "%s", err.text);
    cr_expect_eq(hf_video_in_read(frame, in, &err), HF_OK);
    cr_expect_str_eq(frame->name, "3");
    hf_frame_free(&frame);
    hf_video_in_close(&in);
}

Test(video_in, a_truncated_video_gives_its_frames_and_a_warning)
{
    const char *path = make_clip("cut.mkv", &(clip){ .n = 20, .width = 160, .height = 120 });
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(truncate(path, st.st_size * 6 / 10), 0);
    hf_video_in *in = open_or_fail(path, NULL);
    int n = read_all(in, NULL, NULL);
    cr_expect(n >= 8 && n < 20, "%d frames", n);
    cr_expect_not_null(hf_video_in_warning(in));
    hf_video_in_close(&in);
}

Test(video_in, damaged_bytes_in_the_middle_do_not_stop_the_video)
{
    const char *path = make_clip("bad.mkv", &(clip){ .n = 20, .codec = "libx264", .format = AV_PIX_FMT_YUV420P });
    FILE *f = fopen(path, "r+b");
    struct stat st;
    stat(path, &st);
    fseek(f, st.st_size / 2, SEEK_SET);
    for (int i = 0; i < 200; i++)
        fputc(0x5a, f);
    fclose(f);
    hf_video_in *in = open_or_fail(path, NULL);
    cr_expect_gt(read_all(in, NULL, NULL), 5);
    hf_video_in_close(&in);
}

Test(video_in, what_is_no_video_is_refused_with_a_reason)
{
    static const uint8_t huge_png[] = { 0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0, 0, 13, 'I', 'H', 'D', 'R',
        0, 1, 0x38, 0x80, 0, 1, 0x38, 0x80 /* 80000 x 80000 */, 8, 2, 0, 0, 0, 0x6d, 0x07, 0x5f, 0x30 };
    refused(test_path("absent.mp4"), HF_EIO, "No such file");
    refused(test_path("absent/%03d.png"), HF_EIO, "No such file");
    refused(test_path("absent*.png"), HF_EFORMAT, "no images");
    refused(write_bytes("empty.mp4", "", 0), HF_EFORMAT, "empty");
    refused(write_bytes("text.mp4", "This is a plain text, not a film.\n", 34), HF_EFORMAT, "Invalid data");
    refused(write_bytes("notes.txt", "This is a plain text, not a film.\n", 34), HF_EFORMAT, "notes.txt");
    refused(write_bytes("huge.png", huge_png, sizeof(huge_png)), HF_EFORMAT, "huge.png");
    refused(write_bytes("huge.ppm", "P6\n90000 90000\n255\nxxxx", 24), HF_EFORMAT, "huge.ppm");
    refused(write_bytes("huge.y4m", "YUV4MPEG2 W99999 H99999 F25:1 C420\nFRAME\n", 41), HF_EFORMAT, "huge.y4m");
    mkdir(test_path("no-images"), 0777);
    write_bytes("no-images/a.txt", "a", 1);
    refused(test_path("no-images"), HF_EFORMAT, "no images found");
}

Test(video_in, an_unreadable_file_is_refused)
{
    const char *path = write_ppm("secret.ppm", 8, 6, 1);
    chmod(path, 0);
    if (geteuid() == 0)
        cr_skip_test("1 case: the superuser may read everything");
    refused(path, HF_EIO, "Permission denied");
}

Test(video_in, a_file_with_only_audio_is_refused)
{
    /* RIFF header of 8 bytes of 16-bit mono at 8 kHz */
    static const char wav[] = "RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\x08\0\0\0\1\2\3\4\5\6\7\x08";
    refused(write_bytes("sound.wav", wav, sizeof(wav) - 1), HF_EFORMAT, "no video in it");
}

Test(video_in, parameters_out_of_range_are_refused)
{
    hf_error err = { 0 };
    hf_video_in *in;
    cr_expect_eq(hf_video_in_open(&in, "x", &(hf_video_in_params){ .fps_num = 5 }, &err), HF_EARG);
    cr_expect_eq(hf_video_in_open(&in, "x", &(hf_video_in_params){ .n_threads = -1 }, &err), HF_EARG);
    in = open_or_fail(make_clip("s.mkv", &(clip){ .n = 1 }), NULL);
    hf_frame *small;
    hf_frame_new(&small, 8, 8, NULL);
    cr_expect_eq(hf_video_in_read(small, in, &err), HF_EARG);
    cr_expect(strstr(err.text, "want 64x48"));
    hf_frame_free(&small);
    cr_expect_eq(hf_frame_new(&small, 1 << 20, 1 << 20, &err) , HF_EARG);
    cr_expect_null(small);
    hf_video_in_close(&in);
}

Test(video_in, vp9_alpha_is_seen)
{
    /* The maker writes no alpha_mode tag: matroska sets it by the pixel format. */
    hf_video_in *in = open_or_fail(make_clip("a.webm", &(clip){ .codec = "libvpx-vp9", .format = AV_PIX_FMT_YUVA420P, .n = 1 }), NULL);
    cr_expect(hf_video_in_get_info(in)->has_alpha, "%s", hf_video_in_get_info(in)->pixel_format);
    hf_video_in_close(&in);
}

Test(video_in, a_pipe_is_read_once)
{
    hf_error err = { 0 };
    const char *path = make_clip("p.mkv", &(clip){ .n = 5, .audio = 10 });
    cr_assert_not_null(freopen(path, "rb", stdin));
    hf_video_in *in = open_or_fail("-", NULL);
    cr_expect_not(hf_video_in_get_info(in)->is_seekable);
    cr_expect_eq(hf_video_in_get_info(in)->n_audio, 1);
    cr_expect_eq(read_all(in, NULL, NULL), 5);
    cr_expect_eq(hf_video_in_seek(in, 0, &err), HF_EUNSUPPORTED);
    hf_video_in_close(&in);
}

Test(video_in, rgb_of_any_width_stays_inside_its_buffer)
{
    /* The fast conversion writes whole vectors; malloc's own checks find what went too far. */
    for (int w = 2; w < 70; w += 2) {
        hf_video_in *in = open_or_fail(make_clip("w.mkv", &(clip){ .n = 1, .width = w, .height = 8 }), NULL);
        hf_frame *frame = new_frame(in);
        cr_assert_eq(hf_video_in_read(frame, in, NULL), HF_OK);
        hf_frame_free(&frame);
        hf_video_in_close(&in);
    }
}

/* The fast conversion leaves out the last columns of rows that have no room for its whole vectors. The
 * brightness of every pixel must be that of the pattern; 12 of 255 for its rounding. */
Test(video_in, rgb_has_every_column_of_any_width)
{
    static const enum AVPixelFormat formats[] = { AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P };
    for (int i = 0; i < 3; i++)
    for (int w = 2; w < 70; w += 2) {
        hf_video_in *in = open_or_fail(make_clip("w.mkv", &(clip){ .format = formats[i], .n = 1, .width = w, .height = 8 }), NULL);
        hf_frame *frame = new_frame(in);
        memset(frame->rgb, 0, (size_t)w * 8 * 3);
        cr_assert_eq(hf_video_in_read(frame, in, NULL), HF_OK);
        for (int y = 0; y < 8; y++)
        for (int x = 0; x < w; x++) {
            const uint8_t *p = frame->rgb + 3 * (y * w + x);
            double luma = 16 + (65.481 * p[0] + 128.553 * p[1] + 24.966 * p[2]) / 255;
            cr_assert_float_eq(luma, pattern(x, y, 0, 0), 12, "%s, width %d, pixel %d, %d: luma %.0f, want %d",
                               av_get_pix_fmt_name(formats[i]), w, x, y, luma, pattern(x, y, 0, 0));
        }
        hf_frame_free(&frame);
        hf_video_in_close(&in);
    }
}

/* A JPEG of 24 x 16, white in its stored top left corner, with EXIF orientation 6 (shown turned by 90 degrees). */
Test(video_in, exif_orientation_of_images_is_applied)
{
    hf_video_in_params p = HF_VIDEO_IN_DEFAULTS;
    static const uint8_t exif[] = { 0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
        0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0 };
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_MJPEG));
    AVFrame *f = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    uint8_t bytes[8192];
    c->width = 24, c->height = 16, c->pix_fmt = AV_PIX_FMT_YUVJ444P, c->time_base = (AVRational){ 1, 25 };
    cr_assert(avcodec_open2(c, c->codec, NULL) >= 0);
    f->width = 24, f->height = 16, f->format = AV_PIX_FMT_YUVJ444P;
    cr_assert(av_frame_get_buffer(f, 0) >= 0);
    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 24; x++)
            for (int k = 0; k < 3; k++)
                f->data[k][y * f->linesize[k] + x] = k ? 128 : x < 8 && y < 8 ? 255 : 0;
    cr_assert(avcodec_send_frame(c, f) >= 0 && avcodec_receive_packet(c, packet) >= 0);
    memcpy(bytes, packet->data, 2); /* start of image, then EXIF, then the rest */
    memcpy(bytes + 2, exif, sizeof(exif));
    memcpy(bytes + 2 + sizeof(exif), packet->data + 2, (size_t)packet->size - 2);
    write_bytes("exif.jpg", bytes, (size_t)packet->size + sizeof(exif));
    hf_video_in *in = open_or_fail(test_path("exif.jpg"), &p);
    hf_frame *frame = new_frame(in);
    cr_expect_eq(frame->width, 16);
    cr_expect_eq(hf_video_in_get_info(in)->rotation, 90);
    cr_assert_eq(hf_video_in_read(frame, in, NULL), HF_OK);
    cr_expect_gt(frame->rgb[15 * 3], 200); /* top right */
    cr_expect_lt(frame->rgb[0], 50);
    hf_frame_free(&frame);
    hf_video_in_close(&in);
    avcodec_free_context(&c);
    av_frame_free(&f);
    av_packet_free(&packet);
}

Test(image_list, digits_compare_as_numbers)
{
    cr_expect_lt(hf_natural_compare("f2", "f10"), 0);
    cr_expect_gt(hf_natural_compare("f10", "f9"), 0);
    cr_expect_lt(hf_natural_compare("a9b", "a09c"), 0);
    cr_expect_eq(hf_natural_compare("a1", "a1"), 0);
    cr_expect_neq(hf_natural_compare("a1", "a01"), 0);
    cr_expect_lt(hf_natural_compare("f99999999999999999999998", "f99999999999999999999999"), 0);
}
