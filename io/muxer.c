/* muxer.c - see muxer.h. */
#include "io/muxer.h"

#include <stdlib.h>
#include <string.h>

#include "io/sink.h"
#include "io/stream_copy.h"

struct hf_muxer {
    char            *path;
    AVFormatContext *format;
    AVStream        *video;
    hf_sink         *sink;
    hf_stream_copy  *copy;
    int64_t          start_us;
    int64_t          last_dts;
};

/* Facts about the video itself that stay true after encoding it again. */
static void copy_stream_facts(AVStream *to, const AVStream *from)
{
    static const char *const names[] = { "language", "title", "timecode", "creation_time" };
    static const enum AVPacketSideDataType kinds[] = { AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
                                                       AV_PKT_DATA_CONTENT_LIGHT_LEVEL };
    const AVDictionaryEntry *entry;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if ((entry = av_dict_get(from->metadata, names[i], NULL, 0)))
            av_dict_set(&to->metadata, names[i], entry->value, 0);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        size_t size = 0;
        const uint8_t *data = av_stream_get_side_data(from, kinds[i], &size);
        uint8_t *copy = data ? av_stream_new_side_data(to, kinds[i], size) : NULL;
        if (copy)
            memcpy(copy, data, size);
    }
    to->disposition = from->disposition;
}

static int add_video(hf_muxer *m, const AVCodecContext *encoder, const hf_video_source *source, hf_error *err)
{
    AVStream *v = avformat_new_stream(m->format, NULL);

    if (!v || avcodec_parameters_from_context(v->codecpar, encoder) < 0)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", m->path);
    v->time_base = encoder->time_base;
    v->avg_frame_rate = encoder->framerate;
    v->sample_aspect_ratio = encoder->sample_aspect_ratio;
    if (encoder->codec_id == AV_CODEC_ID_HEVC && strstr("mp4 mov", m->format->oformat->name))
        v->codecpar->codec_tag = MKTAG('h', 'v', 'c', '1'); /* what QuickTime wants */
    if (!source->images)
        copy_stream_facts(v, source->decoder->stream);
    if (encoder->pix_fmt == AV_PIX_FMT_YUVA420P)
        av_dict_set(&v->metadata, "alpha_mode", "1", 0);
    m->video = v;
    return HF_OK;
}

static int write_header(hf_muxer *m, hf_error *err)
{
    int rc;

    m->format->pb = hf_sink_get_io(m->sink);
    m->format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT; /* no random numbers in Matroska */
    m->format->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL; /* y4m of more than 8 bits */
    hf_av_forget();
    if ((rc = avformat_write_header(m->format, NULL)) >= 0)
        return hf_sink_check(m->sink, err);
    if (hf_sink_check(m->sink, err) < 0)
        return HF_EIO;
    return hf_av_fail(err, HF_EUNSUPPORTED, rc, m->path);
}

int hf_muxer_open(hf_muxer **out, const char *path, const hf_encoder_plan *plan, const AVCodecContext *encoder,
                  const hf_video_source *source, int no_streams, hf_warnings *warnings, hf_error *err)
{
    hf_muxer *m = calloc(1, sizeof(*m));
    int rc;

    *out = NULL;
    if (!m || !(m->path = strdup(path)) ||
        avformat_alloc_output_context2(&m->format, plan->format, NULL, path) < 0) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    m->last_dts = AV_NOPTS_VALUE;
    if ((rc = add_video(m, encoder, source, err)) < 0)
        goto end;
    if (!no_streams && strcmp(plan->format->name, "yuv4mpegpipe") &&
        (rc = hf_stream_copy_open(&m->copy, m->format, source, warnings, err)) < 0)
        goto end;
    if ((rc = hf_sink_open(&m->sink, path, err)) < 0 || (rc = write_header(m, err)) < 0)
        goto end;
    *out = m;
    m = NULL;
end:
    hf_muxer_close(&m);
    return rc;
}

void hf_muxer_close(hf_muxer **muxer)
{
    if (!*muxer)
        return;
    hf_stream_copy_close(&(*muxer)->copy);
    avformat_free_context((*muxer)->format);
    hf_sink_close(&(*muxer)->sink);
    free((*muxer)->path);
    free(*muxer);
    *muxer = NULL;
}

void hf_muxer_set_start(hf_muxer *m, int64_t start_us)
{
    m->start_us = start_us;
}

/* The system's words say more than FFmpeg's code. */
static int check(hf_muxer *m, int av_code, hf_error *err)
{
    int rc = hf_sink_check(m->sink, err);
    return rc < 0 || av_code >= 0 ? rc : hf_av_fail(err, HF_EFORMAT, av_code, m->path);
}

/* Decoding times must rise; where a resumed part meets a new one they may touch. */
static int fix_dts(hf_muxer *m, AVPacket *packet, hf_error *err)
{
    if (m->last_dts != AV_NOPTS_VALUE && packet->dts <= m->last_dts) {
        packet->dts = m->last_dts + 1;
        if (packet->dts > packet->pts && !(m->format->oformat->flags & AVFMT_TS_NONSTRICT))
            return hf_fail(err, HF_EFORMAT, "%s: time stamps %lld and %lld are too close for format %s", m->path,
                           (long long)m->last_dts, (long long)packet->pts, m->format->oformat->name);
        if (packet->dts > packet->pts)
            packet->dts = packet->pts;
    }
    m->last_dts = packet->dts;
    return HF_OK;
}

int hf_muxer_write(hf_muxer *m, AVPacket *packet, AVRational base, hf_error *err)
{
    int64_t due_us = av_rescale_q(packet->dts, base, AV_TIME_BASE_Q) + m->start_us;
    int rc;

    av_packet_rescale_ts(packet, base, m->video->time_base);
    packet->stream_index = m->video->index;
    packet->pos = -1;
    if ((rc = fix_dts(m, packet, err)) < 0)
        return rc;
    hf_av_forget();
    rc = av_interleaved_write_frame(m->format, packet);
    if (rc >= 0 && m->copy)
        rc = hf_stream_copy_until(m->copy, due_us, m->start_us);
    return check(m, rc, err);
}

int hf_muxer_finish(hf_muxer *m, int64_t end_us, hf_error *err)
{
    int rc = 0;

    hf_av_forget();
    if (m->copy)
        rc = hf_stream_copy_until(m->copy, end_us, m->start_us);
    if (rc >= 0)
        rc = av_write_trailer(m->format);
    if ((rc = check(m, rc, err)) < 0)
        return rc;
    return hf_sink_commit(m->sink, HF_SINK_SYNC, err);
}
