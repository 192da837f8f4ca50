/* resume.c - see resume.h.
 *
 * H.264 and HEVC packets are brought into Annex B form (start codes), which the encoder
 * gives too, so that the muxer treats both parts alike. Decoding times are made anew from
 * the sorted display times, because some containers store none:
 * dts of packet i = pts of displayed frame i - delay.
 */
#include "io/resume.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>

#include "io/decoder.h"
#include "io/frame_index.h"

struct hf_resume {
    char            *path;
    AVFormatContext *format;
    AVStream        *video;
    AVBSFContext    *annex_b; /* or NULL */
    hf_frame_index  *index;
    int64_t          n_read;
    int              delay;
};

static int refuse(const hf_resume *r, const char *what, hf_error *err)
{
    return hf_fail(err, HF_EARG, "%s: made with another %s, so it cannot be gone on from: start over without resume",
                   r->path, what);
}

/* The next NAL unit after a start code at or behind `at`; NULL if there is none. */
static const uint8_t *next_nal(const uint8_t *at, const uint8_t *end)
{
    for (; end - at > 3; at++)
        if (!at[0] && !at[1] && at[2] == 1)
            return at + 3;
    return NULL;
}

static int is_header_nal(enum AVCodecID codec, uint8_t first)
{
    if (codec == AV_CODEC_ID_H264)
        return (first & 31) == 7 || (first & 31) == 8; /* SPS, PPS */
    return ((first >> 1) & 63) >= 32 && ((first >> 1) & 63) <= 34; /* VPS, SPS, PPS */
}

/* Is every parameter set of `a` also in `b`? Comments of the encoder are not compared. */
static int holds_headers(enum AVCodecID codec, const uint8_t *a, int a_size, const uint8_t *b, int b_size)
{
    const uint8_t *end = a + a_size, *nal = next_nal(a, end), *next;

    for (; nal; nal = next) {
        next = next_nal(nal, end);
        const uint8_t *stop = next ? next - 3 : end;
        while (stop > nal && !stop[-1]) /* zeros before the next start code */
            stop--;
        if (is_header_nal(codec, *nal) && !memmem(b, (size_t)b_size, nal, (size_t)(stop - nal)))
            return 0;
    }
    return 1;
}

static int same_headers(const hf_resume *r, const AVCodecContext *e)
{
    const AVCodecParameters *p = r->annex_b ? r->annex_b->par_out : r->video->codecpar;

    if (r->annex_b)
        return holds_headers(e->codec_id, p->extradata, p->extradata_size, e->extradata, e->extradata_size) &&
               holds_headers(e->codec_id, e->extradata, e->extradata_size, p->extradata, p->extradata_size);
    if (e->codec_id == AV_CODEC_ID_FFV1)
        return p->extradata_size == e->extradata_size &&
               !memcmp(p->extradata, e->extradata, (size_t)e->extradata_size);
    return 1;
}

static int open_filter(hf_resume *r, hf_error *err)
{
    enum AVCodecID id = r->video->codecpar->codec_id;
    const char *name = id == AV_CODEC_ID_H264 ? "h264_mp4toannexb" : id == AV_CODEC_ID_HEVC ? "hevc_mp4toannexb" : NULL;

    if (!name)
        return HF_OK;
    if (av_bsf_alloc(av_bsf_get_by_name(name), &r->annex_b) < 0 ||
        avcodec_parameters_copy(r->annex_b->par_in, r->video->codecpar) < 0)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", r->path);
    r->annex_b->time_base_in = r->video->time_base;
    int rc = av_bsf_init(r->annex_b);
    return rc < 0 ? hf_av_fail(err, HF_EFORMAT, rc, r->path) : HF_OK;
}

static int find_video(hf_resume *r, hf_error *err)
{
    int rc = avformat_find_stream_info(r->format, NULL);

    if (rc >= 0)
        rc = av_find_best_stream(r->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (rc < 0)
        return hf_fail(err, HF_EFORMAT, "%s: no video to go on from", r->path);
    r->video = r->format->streams[rc];
    for (unsigned i = 0; i < r->format->nb_streams; i++)
        if ((int)i != rc)
            r->format->streams[i]->discard = AVDISCARD_ALL;
    return HF_OK;
}

static int compare(hf_resume *r, const AVCodecContext *e, hf_error *err)
{
    const AVCodecParameters *p = r->video->codecpar;
    int is_same_format = p->format == e->pix_fmt ||
                         p->codec_id == AV_CODEC_ID_PRORES || /* decodes to more bits than it was given */
                         /* VP9's alpha is not seen in the header. */
                         (p->format == AV_PIX_FMT_YUV420P && e->pix_fmt == AV_PIX_FMT_YUVA420P) ||
                         !strncmp(av_get_pix_fmt_name(e->pix_fmt), "yuvj", 4);

    if (p->codec_id != e->codec_id)
        return refuse(r, "codec", err);
    if (p->width != e->width || p->height != e->height)
        return refuse(r, "size", err);
    if (!is_same_format)
        return refuse(r, "pixel format", err);
    if (!same_headers(r, e))
        return refuse(r, "encoder setting", err);
    return HF_OK;
}

int hf_resume_open(hf_resume **out, const char *path, const AVCodecContext *encoder, hf_error *err)
{
    hf_resume *r = calloc(1, sizeof(*r));
    int rc;

    *out = NULL;
    if (!r || !(r->path = strdup(path))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    if ((rc = hf_demuxer_open(&r->format, path, err)) < 0 || (rc = find_video(r, err)) < 0 ||
        (rc = open_filter(r, err)) < 0 || (rc = compare(r, encoder, err)) < 0 ||
        (rc = hf_frame_index_new(&r->index, path, r->video->index, err)) < 0)
        goto end;
    if (!r->index->n || !r->index->is_exact) {
        rc = hf_fail(err, HF_EFORMAT, "%s: %lld frames with unclear time stamps, want a finished output to go on from",
                     path, (long long)r->index->n);
        goto end;
    }
    r->delay = encoder->has_b_frames > r->video->codecpar->video_delay ? encoder->has_b_frames
                                                                       : r->video->codecpar->video_delay;
    *out = r;
    r = NULL;
end:
    hf_resume_close(&r);
    return rc;
}

void hf_resume_close(hf_resume **resume)
{
    if (!*resume)
        return;
    av_bsf_free(&(*resume)->annex_b);
    avformat_close_input(&(*resume)->format);
    hf_frame_index_free(&(*resume)->index);
    free((*resume)->path);
    free(*resume);
    *resume = NULL;
}

int64_t hf_resume_get_n_frames(const hf_resume *r)
{
    return r->index->n;
}

AVRational hf_resume_get_time_base(const hf_resume *r)
{
    return r->video->time_base;
}

int64_t hf_resume_get_end(const hf_resume *r)
{
    const hf_frame_index *x = r->index;
    int64_t step = x->n > 1 ? x->pts[x->n - 1] - x->pts[x->n - 2] : 1;
    return x->pts[x->n - 1] + step;
}

static int64_t decoding_time(const hf_resume *r, int64_t i)
{
    const hf_frame_index *x = r->index;
    int64_t step = x->n > 1 ? x->pts[1] - x->pts[0] : 1;

    if (i < r->delay)
        return x->pts[0] - (r->delay - i) * step;
    return x->pts[i - r->delay < x->n ? i - r->delay : x->n - 1];
}

int hf_resume_read(AVPacket *packet, hf_resume *r, hf_error *err)
{
    int rc;

    do {
        if ((rc = av_read_frame(r->format, packet)) < 0)
            return r->n_read == r->index->n ? HF_EOF : hf_av_fail(err, HF_EFORMAT, rc, r->path);
        if (packet->stream_index != r->video->index)
            av_packet_unref(packet);
    } while (!packet->data);
    if (r->annex_b && ((rc = av_bsf_send_packet(r->annex_b, packet)) < 0 ||
                       (rc = av_bsf_receive_packet(r->annex_b, packet)) < 0))
        return hf_av_fail(err, HF_EFORMAT, rc, r->path);
    packet->dts = decoding_time(r, r->n_read++);
    if (packet->dts > packet->pts)
        return hf_fail(err, HF_EFORMAT, "%s: frames in an order that cannot be gone on from: start over", r->path);
    return HF_OK;
}
