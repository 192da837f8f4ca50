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

/* More would only wait for the device, and FFmpeg sets as many of its surfaces aside. */
#define MAX_THREADS_WITH_DEVICE 4

static int set_up_codec(hf_decoder *d, const AVCodec *codec, hf_error *err)
{
    int rc;

    if (!(d->codec = avcodec_alloc_context3(codec)))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", d->path);
    if ((rc = avcodec_parameters_to_context(d->codec, d->stream->codecpar)) < 0)
        return hf_av_fail(err, HF_EFORMAT, rc, d->path);
    if ((int64_t)d->codec->width * d->codec->height > HF_FRAME_MAX_PIXELS)
        return hf_fail(err, HF_EFORMAT, "%s: its header claims %dx%d, want at most %d pixels", d->path,
                       d->codec->width, d->codec->height, HF_FRAME_MAX_PIXELS);
    d->codec->max_pixels = HF_FRAME_MAX_PIXELS;
    d->codec->pkt_timebase = d->stream->time_base;
    d->codec->thread_count = d->is_image ? 1 : d->n_threads;
    if (d->hw) {
        hf_hw_attach(d->hw, d->codec);
        d->codec->thread_count = FFMIN(d->n_threads, MAX_THREADS_WITH_DEVICE);
    }
    if ((rc = avcodec_open2(d->codec, codec, NULL)) < 0)
        return hf_av_fail(err, HF_EFORMAT, rc, d->path);
    return HF_OK;
}

static int open_codec(hf_decoder *d, hf_error *err)
{
    const AVCodec *codec = find_codec(d->stream), *helped = NULL;
    int rc;

    if (!codec)
        return hf_fail(err, HF_EUNSUPPORTED, "%s: this FFmpeg has no decoder for %s", d->path,
                       avcodec_get_name(d->stream->codecpar->codec_id));
    if (d->is_image)
        d->hw = NULL;
    if (d->hw && (rc = hf_hw_choose(&helped, d->hw, codec, d->path, err)) < 0)
        return rc;
    if (!helped)
        d->hw = NULL;
    return set_up_codec(d, helped ? helped : codec, err);
}

static int open_file(hf_decoder *d, hf_error *err)
{
    int rc;

    if ((rc = hf_demuxer_open(&d->format, d->path, err)) < 0)
        return rc;
    d->is_image = is_image_format(d->format->iformat) && strcmp(d->path, "-");
    /* An image has one stream that its decoder will describe; looking into it would decode it twice. */
    if (!d->is_image && (rc = avformat_find_stream_info(d->format, NULL)) < 0)
        return hf_av_fail(err, HF_EFORMAT, rc, d->path);
    return choose_stream(d, d->path, err);
}

static int is_pipe(const hf_decoder *d)
{
    const AVIOContext *io = d->format->pb;
    return !strcmp(d->path, "-") || (io && !(io->seekable & AVIO_SEEKABLE_NORMAL));
}

int hf_decoder_open(hf_decoder **out, const char *path, const hf_decoder_params *params, hf_warnings *warnings,
                    hf_error *err)
{
    hf_decoder *d = calloc(1, sizeof(*d));
    int rc;

    *out = NULL;
    if (!d || !(d->packet = av_packet_alloc())) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    d->path = path;
    d->n_threads = params->n_threads;
    d->hw = params->hw;
    d->warnings = warnings;
    if ((rc = open_file(d, err)) < 0 || (rc = open_codec(d, err)) < 0)
        goto end;
    if (d->hw && is_pipe(d) && !(d->log = hf_packet_log_new())) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
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
    hf_packet_log_free(&(*decoder)->log);
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

/* The next packet of the file, or one that was kept when another decoder had it. */
static int next_packet(hf_decoder *d)
{
    int rc;

    if (d->log && !d->hw && hf_packet_log_take(d->packet, d->log))
        return 0;
    while ((rc = av_read_frame(d->format, d->packet)) == AVERROR(EAGAIN))
        ;
    return rc;
}

/* Feed the decoder one packet, or the end of the file. Returns 0, or the decoder's complaint. */
static int feed(hf_decoder *d)
{
    AVPacket *packet = d->packet;
    int rc = next_packet(d);

    if (rc < 0) {
        if (rc != AVERROR_EOF || (d->format->pb && d->format->pb->error < 0 && d->format->pb->error != AVERROR_EOF))
            hf_warn(d->warnings, "the file breaks off (%s)", av_err2str(rc));
        else
            check_end(d);
        avcodec_send_packet(d->codec, NULL);
        d->is_draining = 1;
        return 0;
    }
    rc = 0;
    note_end(d, packet);
    if (packet->stream_index != d->stream->index) {
        if (d->others && !hf_packet_queue_put(d->others, packet))
            hf_warn(d->warnings, "audio runs too far ahead of the video, some of it is lost");
    } else {
        if (packet->flags & AV_PKT_FLAG_CORRUPT)
            hf_warn(d->warnings, "the file is cut or damaged");
        if (d->log && d->hw)
            hf_packet_log_put(d->log, packet);
        rc = avcodec_send_packet(d->codec, packet);
    }
    av_packet_unref(packet);
    return rc == AVERROR(EAGAIN) ? 0 : rc;
}

/* Broken data is the file's fault, but only software makes the best of it, as it always was: on a device, any error ends
 * its work where software can take over. */
static int is_devices_end(const hf_decoder *d, int code)
{
    if (!d->hw || code >= 0)
        return 0;
    if (hf_hw_is_refused(d->hw) || code != AVERROR_INVALIDDATA)
        return 1;
    return !hf_hw_is_must(d->hw) && (!d->log || hf_packet_log_is_whole(d->log));
}

/* HF_OK, HF_EOF, or a negative FFmpeg code that ends the device's work. */
static int read_one(AVFrame *frame, hf_decoder *d)
{
    int n_bad_drained = 0;

    for (;;) {
        int rc = avcodec_receive_frame(d->codec, frame);
        if (rc >= 0) {
            if (!d->hw)
                return HF_OK;
            if (frame->decode_error_flags && is_devices_end(d, AVERROR_INVALIDDATA)) {
                av_frame_unref(frame);
                return AVERROR_INVALIDDATA;
            }
            rc = hf_hw_fetch(frame, d->hw);
            return rc < 0 ? rc : HF_OK;
        }
        if (rc == AVERROR_EOF)
            return HF_EOF;
        if (rc != AVERROR(EAGAIN)) {
            if (is_devices_end(d, rc))
                return rc;
            note_bad(d);
        }
        if (d->is_draining) {
            if (++n_bad_drained > MAX_BAD_WHILE_DRAINING)
                return HF_EOF;
        } else if ((rc = feed(d)) < 0) {
            if (is_devices_end(d, rc))
                return rc;
            note_bad(d);
        }
    }
}

/* To where this decoder started: the start of the file, or the last seek. */
static int go_back(hf_decoder *d, hf_error *err)
{
    int rc;

    d->is_draining = 0;
    if (d->log) /* next_packet takes from it now */
        return hf_packet_log_is_whole(d->log) ? HF_OK
                   : hf_fail(err, HF_EDEVICE, "%s: decoding failed at frame %lld (%s), and a pipe cannot be read again; "
                             "--hwdec off decodes in software", d->path, (long long)d->n_read, hf_hw_why(d->hw));
    if (!d->has_sought) {
        avformat_close_input(&d->format);
        return open_file(d, err);
    }
    rc = av_seek_frame(d->format, d->stream->index, d->sought_to, AVSEEK_FLAG_BACKWARD);
    return rc < 0 ? hf_av_fail(err, HF_EIO, rc, d->path) : HF_OK;
}

static int go_on_in_software(hf_decoder *d, int av_code, hf_error *err)
{
    hf_hw *hw = d->hw;
    int rc;

    hf_hw_give_up(hw, av_code);
    if (hf_hw_is_must(hw))
        return hf_fail(err, HF_EDEVICE, "%s: --hwdec on: %s does not decode frame %lld: %s; --hwdec off does it in software",
                       d->path, hf_hw_name(hw), (long long)d->n_read, hf_hw_why(hw));
    if (d->n_read > 0)
        hf_warn(d->warnings, "%s stopped decoding (%s), software goes on", hf_hw_name(hw), hf_hw_why(hw));
    if ((rc = go_back(d, err)) < 0)
        return rc;
    avcodec_free_context(&d->codec);
    d->hw = NULL;
    d->n_skip = d->n_read;
    return open_codec(d, err);
}

int hf_decoder_read(AVFrame *frame, hf_decoder *d, hf_error *err)
{
    for (;;) {
        int rc = read_one(frame, d);
        if (rc < 0) {
            if ((rc = go_on_in_software(d, rc, err)) < 0)
                return rc;
        } else if (rc == HF_EOF || d->n_skip == 0) {
            d->n_read += rc == HF_OK;
            return rc;
        } else {
            d->n_skip--;
            av_frame_unref(frame);
        }
    }
}

int hf_decoder_seek(hf_decoder *d, int64_t timestamp)
{
    int rc = av_seek_frame(d->format, d->stream->index, timestamp, AVSEEK_FLAG_BACKWARD);
    avcodec_flush_buffers(d->codec);
    d->is_draining = 0;
    d->n_read = d->n_skip = 0;
    d->has_sought = 1;
    d->sought_to = timestamp;
    return rc;
}
