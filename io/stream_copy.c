/* stream_copy.c - see stream_copy.h. */
#include "io/stream_copy.h"

#include <stdlib.h>

#include <libavutil/mathematics.h>

typedef struct track {
    int        target; /* stream number in the output, -1: not copied */
    AVRational time_base;
    int64_t    last_dts;
} track;

struct hf_stream_copy {
    AVFormatContext *target;
    AVFormatContext *format; /* own demuxer of a file */
    hf_packet_queue *queue;  /* or a pipe's, borrowed */
    track           *tracks;
    unsigned         n_tracks;
    AVPacket        *packet;
    int              has_packet; /* `packet` was read but is not due yet */
};

static int is_wanted(const AVStream *stream)
{
    enum AVMediaType type = stream->codecpar->codec_type;
    return type == AVMEDIA_TYPE_AUDIO || type == AVMEDIA_TYPE_SUBTITLE || type == AVMEDIA_TYPE_ATTACHMENT;
}

static int count_wanted(const AVFormatContext *format)
{
    int n = 0;
    for (unsigned i = 0; i < format->nb_streams; i++)
        n += is_wanted(format->streams[i]);
    return n;
}

/* 1 if the container can hold the codec. Where FFmpeg does not know, one with a usual codec of that kind may, the header
 * will tell; one without (GIF, WebP, raw H.264) has no such streams at all. */
static int can_hold(const AVOutputFormat *format, const AVStream *stream)
{
    int known = avformat_query_codec(format, stream->codecpar->codec_id, FF_COMPLIANCE_NORMAL);
    if (known >= 0)
        return known;
    if (stream->codecpar->codec_type == AVMEDIA_TYPE_SUBTITLE)
        return format->subtitle_codec != AV_CODEC_ID_NONE;
    return format->audio_codec != AV_CODEC_ID_NONE;
}

static int add_stream(AVFormatContext *target, const AVStream *from)
{
    AVStream *to = avformat_new_stream(target, NULL);
    int rc;

    if (!to)
        return AVERROR(ENOMEM);
    if ((rc = avcodec_parameters_copy(to->codecpar, from->codecpar)) < 0)
        return rc;
    to->codecpar->codec_tag = 0; /* of the other container */
    to->time_base = from->time_base;
    to->disposition = from->disposition;
    to->start_time = from->start_time;
    if ((rc = av_dict_copy(&to->metadata, from->metadata, 0)) < 0)
        return rc;
    return to->index;
}

static int add_streams(hf_stream_copy *c, const AVFormatContext *from, hf_warnings *warnings, hf_error *err)
{
    if (!(c->tracks = calloc(from->nb_streams, sizeof(*c->tracks))))
        return hf_fail(err, HF_ENOMEM, "audio: out of memory");
    c->n_tracks = from->nb_streams;
    for (unsigned i = 0; i < from->nb_streams; i++) {
        const AVStream *stream = from->streams[i];
        c->tracks[i] = (track){ -1, stream->time_base, AV_NOPTS_VALUE };
        if (!is_wanted(stream))
            continue;
        if (!can_hold(c->target->oformat, stream)) {
            hf_warn(warnings, "stream %u (%s %s) is left out: %s cannot hold it", i,
                    av_get_media_type_string(stream->codecpar->codec_type),
                    avcodec_get_name(stream->codecpar->codec_id), c->target->oformat->name);
            continue;
        }
        int rc = add_stream(c->target, stream);
        if (rc < 0)
            return hf_av_fail(err, HF_EFORMAT, rc, "audio and subtitle streams");
        c->tracks[i].target = rc;
    }
    return HF_OK;
}

static int copy_chapters(AVFormatContext *target, const AVFormatContext *from)
{
    target->chapters = av_calloc(from->nb_chapters, sizeof(*target->chapters));
    if (!target->chapters)
        return AVERROR(ENOMEM);
    for (unsigned i = 0; i < from->nb_chapters; i++) {
        AVChapter *chapter = av_mallocz(sizeof(*chapter));
        if (!chapter)
            return AVERROR(ENOMEM);
        *chapter = *from->chapters[i];
        chapter->metadata = NULL;
        target->chapters[target->nb_chapters++] = chapter;
        av_dict_copy(&chapter->metadata, from->chapters[i]->metadata, 0);
    }
    return 0;
}

static int copy_metadata(AVFormatContext *target, const AVFormatContext *from, hf_error *err)
{
    /* Names of the old container's kind and writer, which are not true of the new one. */
    static const char *const dropped[] = { "major_brand", "minor_version", "compatible_brands", "encoder" };

    av_dict_copy(&target->metadata, from->metadata, 0);
    for (size_t i = 0; i < sizeof(dropped) / sizeof(*dropped); i++)
        av_dict_set(&target->metadata, dropped[i], NULL, 0);
    if (from->nb_chapters && copy_chapters(target, from) < 0)
        return hf_fail(err, HF_ENOMEM, "chapters: out of memory");
    return HF_OK;
}

/* The source's own demuxer is busy with the video: read the file a second time. */
static int open_again(hf_stream_copy *c, const hf_video_source *source, hf_error *err)
{
    int rc;

    if ((rc = hf_demuxer_open(&c->format, source->path, err)) < 0)
        return rc;
    avformat_find_stream_info(c->format, NULL);
    for (unsigned i = 0; i < c->format->nb_streams; i++)
        if (!is_wanted(c->format->streams[i]))
            c->format->streams[i]->discard = AVDISCARD_ALL;
    return HF_OK;
}

int hf_stream_copy_open(hf_stream_copy **out, AVFormatContext *target, const hf_video_source *source,
                        hf_warnings *warnings, hf_error *err)
{
    const AVFormatContext *from = source->decoder ? source->decoder->format : NULL;
    hf_stream_copy *c = NULL;
    int rc;

    *out = NULL;
    if (source->images || !from)
        return HF_OK;
    if ((rc = copy_metadata(target, from, err)) < 0 || !count_wanted(from))
        return rc;
    if (source->queue && !hf_packet_queue_claim(source->queue)) {
        hf_warn(warnings, "audio of a pipe goes to one output only, not to this one");
        return HF_OK;
    }
    if (!(c = calloc(1, sizeof(*c))) || !(c->packet = av_packet_alloc())) {
        rc = hf_fail(err, HF_ENOMEM, "audio: out of memory");
        goto end;
    }
    c->target = target;
    c->queue = source->queue;
    if (!c->queue && (rc = open_again(c, source, err)) < 0)
        goto end;
    if ((rc = add_streams(c, c->format ? c->format : from, warnings, err)) < 0)
        goto end;
    *out = c;
    c = NULL;
end:
    hf_stream_copy_close(&c);
    return rc;
}

void hf_stream_copy_close(hf_stream_copy **copy)
{
    if (!*copy)
        return;
    avformat_close_input(&(*copy)->format);
    av_packet_free(&(*copy)->packet);
    free((*copy)->tracks);
    free(*copy);
    *copy = NULL;
}

static int read_packet(hf_stream_copy *c)
{
    if (c->queue)
        return hf_packet_queue_get(c->packet, c->queue) ? 0 : AVERROR(EAGAIN);
    return av_read_frame(c->format, c->packet);
}

/* Put the next packet of a copied stream into `packet`. 1, or 0 if there is none now. */
static int next_packet(hf_stream_copy *c)
{
    while (!c->has_packet && read_packet(c) >= 0) {
        AVPacket *p = c->packet;
        if (p->dts == AV_NOPTS_VALUE)
            p->dts = p->pts;
        if ((unsigned)p->stream_index < c->n_tracks && c->tracks[p->stream_index].target >= 0 &&
            p->dts != AV_NOPTS_VALUE)
            c->has_packet = 1;
        else
            av_packet_unref(p);
    }
    return c->has_packet;
}

static int write_packet(hf_stream_copy *c, int64_t start_us)
{
    AVPacket *p = c->packet;
    track *t = &c->tracks[p->stream_index];
    AVRational base = c->target->streams[t->target]->time_base;
    int64_t start = av_rescale_q(start_us, AV_TIME_BASE_Q, t->time_base);

    c->has_packet = 0;
    if (start_us && p->dts < start) {
        av_packet_unref(p);
        return 0;
    }
    p->dts -= start;
    p->pts -= p->pts == AV_NOPTS_VALUE ? 0 : start;
    av_packet_rescale_ts(p, t->time_base, base);
    /* Muxers refuse time that stands still, which rounding to a coarser base can make. */
    if (t->last_dts != AV_NOPTS_VALUE && p->dts <= t->last_dts)
        p->dts = t->last_dts + 1;
    if (p->pts != AV_NOPTS_VALUE && p->pts < p->dts)
        p->pts = p->dts;
    t->last_dts = p->dts;
    p->stream_index = t->target;
    p->pos = -1;
    return av_interleaved_write_frame(c->target, p);
}

int hf_stream_copy_until(hf_stream_copy *c, int64_t time_us, int64_t start_us)
{
    int rc = 0;

    while (rc >= 0 && next_packet(c)) {
        AVRational base = c->tracks[c->packet->stream_index].time_base;
        if (time_us != INT64_MAX && av_compare_ts(c->packet->dts, base, time_us, AV_TIME_BASE_Q) > 0)
            return 0;
        rc = write_packet(c, start_us);
    }
    return rc;
}
