/* clip_maker.h - small videos for the tests of io/, made with FFmpeg's libraries directly and not with our writer. */
#ifndef HF_TESTS_CLIP_MAKER_H
#define HF_TESTS_CLIP_MAKER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>

typedef struct clip {
    const char        *codec; /* NULL: ffv1 */
    enum AVPixelFormat format;
    int                width, height, n; /* 0: 64, 48, 8 */
    const int64_t     *pts;    /* [n]; NULL: 0 1 2 ... */
    AVRational         base;   /* 0: 1/25 */
    const int32_t     *matrix; /* display matrix, 9 numbers */
    int                interlaced, audio, text, n_bframes;
    enum AVColorSpace  space;
    enum AVColorRange  range;
} clip;

/* A folder of this test's own, removed by the next run that gets the same process number. */
static inline const char *test_path(const char *name)
{
    static char paths[16][256];
    static int next;
    char *path = paths[next++ % 16], folder[64];

    snprintf(folder, sizeof(folder), "/tmp/hfprop-test-%d", (int)getpid());
    mkdir(folder, 0777);
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static inline void remove_test_folder(void)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -rf /tmp/hfprop-test-%d", (int)getpid());
    if (system(command)) { }
}

/* Sample c of the pattern: smooth enough for lossy codecs, different in every frame. */
static inline int pattern(int x, int y, int c, int i)
{
    return c == 0 ? 40 + (x * 2 + y + i * 9) % 160 : c == 1 ? 90 + (x + i * 3) % 70 : c == 2 ? 100 + (y + i * 5) % 60 : 255;
}

static inline void fill_picture(AVFrame *f, int i)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);

    for (int c = 0; c < d->nb_components; c++) {
        int chroma = (c == 1 || c == 2) && !(d->flags & AV_PIX_FMT_FLAG_RGB);
        int sw = chroma ? d->log2_chroma_w : 0, sh = chroma ? d->log2_chroma_h : 0;
        for (int y = 0; y < AV_CEIL_RSHIFT(f->height, sh); y++)
            for (int x = 0; x < AV_CEIL_RSHIFT(f->width, sw); x++) {
                uint8_t *at = f->data[d->comp[c].plane] + y * f->linesize[d->comp[c].plane] + x * d->comp[c].step +
                              d->comp[c].offset;
                int v = pattern(x << sw, y << sh, c, i);
                uint16_t word = (uint16_t)(v << (d->comp[c].depth - 8));
                if (d->comp[c].depth == 8)
                    *at = (uint8_t)v;
                else
                    memcpy(at, &word, 2);
            }
    }
}

static inline void send_to(AVFormatContext *f, AVCodecContext *c, AVStream *s, const AVFrame *frame)
{
    AVPacket *p = av_packet_alloc();
    cr_assert(avcodec_send_frame(c, frame) >= 0);
    while (avcodec_receive_packet(c, p) >= 0) {
        p->duration = 1; /* a last frame that lasts no time is cut off by MOV's edit list */
        av_packet_rescale_ts(p, c->time_base, s->time_base);
        p->stream_index = s->index;
        cr_assert(av_interleaved_write_frame(f, p) >= 0);
    }
    av_packet_free(&p);
}

static inline AVCodecContext *open_video(const clip *k, AVFormatContext *f)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(k->codec ? k->codec : "ffv1");
    AVCodecContext *c = avcodec_alloc_context3(codec);

    c->width = k->width ? k->width : 64, c->height = k->height ? k->height : 48;
    c->pix_fmt = k->format;
    c->time_base = k->base.num ? k->base : (AVRational){ 1, 25 };
    c->framerate = (AVRational){ 25, 1 };
    c->gop_size = 5;
    c->thread_count = 1;
    c->colorspace = k->space ? k->space : AVCOL_SPC_UNSPECIFIED;
    c->color_range = k->range;
    c->max_b_frames = k->n_bframes;
    if (k->interlaced)
        c->flags |= AV_CODEC_FLAG_INTERLACED_DCT;
    if (f->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    cr_assert(avcodec_open2(c, codec, NULL) >= 0, "cannot open %s", codec->name);
    return c;
}

/* 20 ms of silence a packet, as long as the video. */
static inline void write_audio(AVFormatContext *f, AVStream *s, int n)
{
    for (int i = 0; i < n; i++) {
        AVPacket *p = av_packet_alloc();
        av_new_packet(p, 640);
        memset(p->data, i, 640);
        p->pts = p->dts = av_rescale_q(i * 320, (AVRational){ 1, 16000 }, s->time_base);
        p->duration = av_rescale_q(320, (AVRational){ 1, 16000 }, s->time_base);
        p->stream_index = s->index;
        cr_assert(av_interleaved_write_frame(f, p) >= 0);
        av_packet_free(&p);
    }
}

static inline AVStream *add_audio(AVFormatContext *f)
{
    AVStream *s = avformat_new_stream(f, NULL);
    s->codecpar->codec_type = AVMEDIA_TYPE_AUDIO;
    s->codecpar->codec_id = AV_CODEC_ID_PCM_S16LE;
    s->codecpar->sample_rate = 16000;
    s->codecpar->bits_per_coded_sample = 16;
    s->codecpar->block_align = 2;
    s->codecpar->format = AV_SAMPLE_FMT_S16;
    s->codecpar->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
    s->time_base = (AVRational){ 1, 16000 };
    return s;
}

static inline AVStream *add_text(AVFormatContext *f)
{
    AVStream *s = avformat_new_stream(f, NULL);
    s->codecpar->codec_type = AVMEDIA_TYPE_SUBTITLE;
    s->codecpar->codec_id = AV_CODEC_ID_SUBRIP;
    s->time_base = (AVRational){ 1, 1000 };
    return s;
}

static inline void write_text(AVFormatContext *f, AVStream *s)
{
    AVPacket *p = av_packet_alloc();
    av_new_packet(p, 2);
    memcpy(p->data, "hi", 2);
    p->pts = p->dts = 0;
    p->duration = 100;
    p->stream_index = s->index;
    cr_assert(av_interleaved_write_frame(f, p) >= 0);
    av_packet_free(&p);
}

static inline const char *make_clip(const char *name, const clip *k)
{
    const char *path = test_path(name);
    AVFormatContext *f = NULL;
    AVCodecContext *c;
    AVFrame *frame = av_frame_alloc();
    AVStream *video, *audio = NULL, *text = NULL;
    int n = k->n ? k->n : 8;

    av_log_set_level(AV_LOG_QUIET);
    cr_assert(avformat_alloc_output_context2(&f, NULL, NULL, path) >= 0);
    c = open_video(k, f);
    video = avformat_new_stream(f, NULL);
    avcodec_parameters_from_context(video->codecpar, c);
    video->time_base = c->time_base;
    if (k->matrix)
        memcpy(av_stream_new_side_data(video, AV_PKT_DATA_DISPLAYMATRIX, 36), k->matrix, 36);
    audio = k->audio ? add_audio(f) : NULL;
    text = k->text ? add_text(f) : NULL;
    cr_assert(avio_open(&f->pb, path, AVIO_FLAG_WRITE) >= 0);
    cr_assert(avformat_write_header(f, NULL) >= 0);
    if (text)
        write_text(f, text);
    for (int i = 0; i < n; i++) {
        frame->format = c->pix_fmt, frame->width = c->width, frame->height = c->height;
        cr_assert(av_frame_get_buffer(frame, 0) >= 0);
        fill_picture(frame, i);
        frame->pts = k->pts ? k->pts[i] : i;
        frame->interlaced_frame = frame->top_field_first = k->interlaced;
        send_to(f, c, video, frame);
        av_frame_unref(frame);
    }
    send_to(f, c, video, NULL);
    if (audio)
        write_audio(f, audio, k->audio);
    cr_assert(av_write_trailer(f) >= 0);
    avio_closep(&f->pb);
    avformat_free_context(f);
    avcodec_free_context(&c);
    av_frame_free(&frame);
    return path;
}

static inline const char *write_bytes(const char *name, const void *bytes, size_t size)
{
    const char *path = test_path(name);
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(bytes, 1, size, f) == size && !fclose(f));
    return path;
}

/* A gray PPM; every byte is `value`. */
static inline const char *write_ppm(const char *name, int w, int h, int value)
{
    char *bytes = malloc((size_t)w * h * 3 + 64);
    int n = sprintf(bytes, "P6\n%d %d\n255\n", w, h);
    memset(bytes + n, value, (size_t)w * h * 3);
    const char *path = write_bytes(name, bytes, (size_t)n + (size_t)w * h * 3);
    free(bytes);
    return path;
}

#endif
