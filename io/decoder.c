/* decoder.c - see decoder.h. */
#include "io/decoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/frame.h"

/* A decoder that only reports errors while it is drained is given up after so many. */
#define MAX_BAD_WHILE_DRAINING 256

/* Less than this at the end may be a matter of rounding or of the last frame's length. */
#define MISSING_US 250000

static int is_image_format(const AVInputFormat *format)
{
    size_t n = strlen(format->name);
    return !strcmp(format->name, "image2") || (n > 5 && !strcmp(format->name + n - 5, "_pipe"));
}

int hf_demuxer_open(AVFormatContext **out, const char *path, hf_error *err)
{
    char url[PATH_MAX + 8];
    AVDictionary *options = NULL;
    struct stat st;
    int rc;

    *out = NULL;
    hf_av_quiet();
    hf_av_forget();
    if (strlen(path) >= PATH_MAX)
        return hf_fail(err, HF_EARG, "%.60s...: path of more than %d bytes", path, PATH_MAX);
    if (strcmp(path, "-") && !strstr(path, "://")) {
        if (stat(path, &st) < 0)
            return hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
        if (access(path, R_OK) < 0)
            return hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
        if (S_ISREG(st.st_mode) && st.st_size == 0)
            return hf_fail(err, HF_EFORMAT, "%s: the file is empty, want a video", path);
    }
    hf_av_url(url, path);
    av_dict_set(&options, "pattern_type", "none", 0); /* image2: '%' in a file's name is no pattern */
    rc = avformat_open_input(out, url, NULL, &options);
    av_dict_free(&options);
    if (rc == AVERROR_EOF)
        return hf_fail(err, HF_EFORMAT, "%s: the input is empty, want a video", path);
    /* A readable local file that does not open has broken contents, whatever code the demuxer gave. */
    int is_local = strcmp(path, "-") && !strstr(path, "://");
    if (rc == AVERROR_INVALIDDATA || (rc < 0 && is_local && rc != AVERROR(EIO)))
        return hf_av_fail(err, HF_EFORMAT, rc, path);
    return rc < 0 ? hf_av_fail(err, HF_EIO, rc, path) : HF_OK;
}

static int is_picture(const AVStream *stream)
{
    return (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
}

static int choose_stream(hf_decoder *d, const char *path, hf_error *err)
{
    AVFormatContext *f = d->format;
    int best = av_find_best_stream(f, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);

    for (unsigned i = 0; best >= 0 && is_picture(f->streams[best]) && i < f->nb_streams; i++)
        if (f->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !is_picture(f->streams[i]))
            best = (int)i;
    /* FFmpeg takes any text for an animation of ANSI characters if its name ends so. */
    if (best < 0 || is_picture(f->streams[best]) || !strcmp(f->iformat->name, "tty"))
        return hf_fail(err, HF_EFORMAT, "%s: no video in it (format %s, %u stream%s), want a video", path,
                       f->iformat->name, f->nb_streams, f->nb_streams == 1 ? "" : "s");
    d->stream = f->streams[best];
    return HF_OK;
}

/* FFmpeg's own VP8 and VP9 decoders drop the alpha layer. */
static const AVCodec *find_codec(const AVStream *stream)
{
    const AVDictionaryEntry *alpha = av_dict_get(stream->metadata, "alpha_mode", NULL, 0);
    enum AVCodecID id = stream->codecpar->codec_id;
    const AVCodec *codec = NULL;

    if (alpha && !strcmp(alpha->value, "1") && id == AV_CODEC_ID_VP9)
        codec = avcodec_find_decoder_by_name("libvpx-vp9");
    if (alpha && !strcmp(alpha->value, "1") && id == AV_CODEC_ID_VP8)
        codec = avcodec_find_decoder_by_name("libvpx");
    return codec ? codec : avcodec_find_decoder(id);
}

static int open_codec(hf_decoder *d, const char *path, int n_threads, hf_error *err)
{
    const AVCodec *codec = find_codec(d->stream);
    int rc;

    if (!codec)
        return hf_fail(err, HF_EUNSUPPORTED, "%s: this FFmpeg has no decoder for %s", path,
                       avcodec_get_name(d->stream->codecpar->codec_id));
    if (!(d->codec = avcodec_alloc_context3(codec)) || !(d->packet = av_packet_alloc()))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    if ((rc = avcodec_parameters_to_context(d->codec, d->stream->codecpar)) < 0)
        return hf_av_fail(err, HF_EFORMAT, rc, path);
    if ((int64_t)d->codec->width * d->codec->height > HF_FRAME_MAX_PIXELS)
        return hf_fail(err, HF_EFORMAT, "%s: its header claims %dx%d, want at most %d pixels", path,
                       d->codec->width, d->codec->height, HF_FRAME_MAX_PIXELS);
    d->codec->max_pixels = HF_FRAME_MAX_PIXELS;
    d->codec->pkt_timebase = d->stream->time_base;
    d->codec->thread_count = d->is_image ? 1 : n_threads;
    if ((rc = avcodec_open2(d->codec, codec, NULL)) < 0)
        return hf_av_fail(err, HF_EFORMAT, rc, path);
    return HF_OK;
}

int hf_decoder_open(hf_decoder **out, const char *path, int n_threads, hf_warnings *warnings, hf_error *err)
{
    hf_decoder *d = calloc(1, sizeof(*d));
    int rc;

    *out = NULL;
    if (!d)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    d->warnings = warnings;
    if ((rc = hf_demuxer_open(&d->format, path, err)) < 0)
        goto end;
    d->is_image = is_image_format(d->format->iformat) && strcmp(path, "-");
    /* An image has one stream that its decoder will describe; looking into it would decode it twice. */
    if (!d->is_image && (rc = avformat_find_stream_info(d->format, NULL)) < 0) {
        rc = hf_av_fail(err, HF_EFORMAT, rc, path);
        goto end;
    }
    if ((rc = choose_stream(d, path, err)) < 0 || (rc = open_codec(d, path, n_threads, err)) < 0)
        goto end;
    *out = d;
    d = NULL;
end:
    hf_decoder_close(&d);
    return rc;
}

void hf_decoder_close(hf_decoder **decoder)
{
    if (!*decoder)
        return;
    avcodec_free_context(&(*decoder)->codec);
    avformat_close_input(&(*decoder)->format);
    av_packet_free(&(*decoder)->packet);
    free(*decoder);
    *decoder = NULL;
}

static void note_bad(hf_decoder *d)
{
    if (!d->n_bad++)
        hf_warn(d->warnings, "some data could not be decoded");
}

/* The file has ended, but its header promised more. */
static void check_end(hf_decoder *d)
{
    const AVFormatContext *f = d->format;
    int64_t start = f->start_time == AV_NOPTS_VALUE ? 0 : f->start_time;

    if (f->duration > 0 && f->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE && d->end_us > 0 &&
        d->end_us + MISSING_US < start + f->duration)
        hf_warn(d->warnings, "the file ends after %.2f s, its header says %.2f s", (double)(d->end_us - start) / 1e6,
                (double)f->duration / 1e6);
}

static void note_end(hf_decoder *d, const AVPacket *packet)
{
    AVRational base = d->format->streams[packet->stream_index]->time_base;
    int64_t end = packet->pts == AV_NOPTS_VALUE ? 0
                                                : av_rescale_q(packet->pts + packet->duration, base, AV_TIME_BASE_Q);
    d->end_us = end > d->end_us ? end : d->end_us;
}

/* Feed the decoder one packet, or the end of the file. */
static void feed(hf_decoder *d)
{
    AVPacket *packet = d->packet;
    int rc;

    while ((rc = av_read_frame(d->format, packet)) == AVERROR(EAGAIN))
        ;
    if (rc < 0) {
        if (rc != AVERROR_EOF || (d->format->pb && d->format->pb->error < 0 && d->format->pb->error != AVERROR_EOF))
            hf_warn(d->warnings, "the file breaks off (%s)", av_err2str(rc));
        else
            check_end(d);
        avcodec_send_packet(d->codec, NULL);
        d->is_draining = 1;
        return;
    }
    note_end(d, packet);
    if (packet->stream_index != d->stream->index) {
        if (d->others && !hf_packet_queue_put(d->others, packet))
            hf_warn(d->warnings, "audio runs too far ahead of the video, some of it is lost");
    } else {
        if (packet->flags & AV_PKT_FLAG_CORRUPT)
            hf_warn(d->warnings, "the file is cut or damaged");
        if ((rc = avcodec_send_packet(d->codec, packet)) < 0 && rc != AVERROR(EAGAIN))
            note_bad(d);
    }
    av_packet_unref(packet);
}

int hf_decoder_read(AVFrame *frame, hf_decoder *d)
{
    int n_bad_drained = 0;

    for (;;) {
        int rc = avcodec_receive_frame(d->codec, frame);
        if (rc >= 0)
            return HF_OK;
        if (rc == AVERROR_EOF)
            return HF_EOF;
        if (rc != AVERROR(EAGAIN))
            note_bad(d);
        if (!d->is_draining)
            feed(d);
        else if (++n_bad_drained > MAX_BAD_WHILE_DRAINING)
            return HF_EOF;
    }
}

int hf_decoder_seek(hf_decoder *d, int64_t timestamp)
{
    int rc = av_seek_frame(d->format, d->stream->index, timestamp, AVSEEK_FLAG_BACKWARD);
    avcodec_flush_buffers(d->codec);
    d->is_draining = 0;
    return rc;
}
