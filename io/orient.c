/* orient.c - see orient.h. */
#include "io/orient.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/mathematics.h>
#include <libavutil/pixdesc.h>

#include "io/av_util.h"

struct hf_orient {
    AVFilterGraph   *graph;
    AVFilterContext *source, *sink;
    hf_orient_params params;
    AVRational       time_base;
    int              width, height, format; /* of the input */
};

hf_turn hf_turn_of_matrix(const int32_t m[9])
{
    int64_t a = m[0], b = m[1], c = m[3], d = m[4];
    hf_turn turn = { 0 };

    if (llabs(b) + llabs(c) > llabs(a) + llabs(d))
        turn = (hf_turn){ .transpose = 1, .mirror_x = c < 0, .mirror_y = b < 0 };
    else
        turn = (hf_turn){ .mirror_x = a < 0, .mirror_y = d < 0 };
    return turn;
}

hf_turn hf_turn_of_exif(int orientation)
{
    static const hf_turn turns[9] = {
        [2] = { 0, 1, 0 }, [3] = { 0, 1, 1 }, [4] = { 0, 0, 1 }, [5] = { 1, 0, 0 },
        [6] = { 1, 1, 0 }, [7] = { 1, 1, 1 }, [8] = { 1, 0, 1 },
    };
    return orientation >= 1 && orientation <= 8 ? turns[orientation] : turns[0];
}

int hf_turn_degrees(hf_turn turn)
{
    if (turn.transpose)
        return turn.mirror_x ? 90 : 270;
    return turn.mirror_x ? 180 : 0;
}

static int same_params(const hf_orient_params *a, const hf_orient_params *b)
{
    return a->turn.transpose == b->turn.transpose && a->turn.mirror_x == b->turn.mirror_x &&
           a->turn.mirror_y == b->turn.mirror_y && a->deinterlace == b->deinterlace && a->width == b->width &&
           a->height == b->height && a->format == b->format;
}

int hf_orient_fits(const hf_orient *o, const AVFrame *frame, const hf_orient_params *params)
{
    return o->width == frame->width && o->height == frame->height && o->format == frame->format &&
           same_params(&o->params, params);
}

static void describe(char *text, size_t size, const hf_orient_params *p)
{
    int n = snprintf(text, size, "null");

    if (p->deinterlace)
        n += snprintf(text + n, size - (size_t)n, ",bwdif=mode=send_frame:deint=interlaced");
    n += snprintf(text + n, size - (size_t)n, "%s%s%s", p->turn.transpose ? ",transpose=dir=cclock_flip" : "",
                  p->turn.mirror_x ? ",hflip" : "", p->turn.mirror_y ? ",vflip" : "");
    if (p->width)
        snprintf(text + n, size - (size_t)n, ",scale=%d:%d:flags=bicubic,format=%s", p->width, p->height,
                 av_get_pix_fmt_name(p->format));
}

static int build(hf_orient *o, const AVFrame *first, hf_error *err)
{
    char source[256], chain[256];
    AVFilterInOut *ins = avfilter_inout_alloc(), *outs = avfilter_inout_alloc();
    int rc = AVERROR(ENOMEM);

    snprintf(source, sizeof(source), "video_size=%dx%d:pix_fmt=%d:time_base=%d/%d:pixel_aspect=%d/%d", first->width,
             first->height, first->format, o->time_base.num, o->time_base.den, first->sample_aspect_ratio.num,
             first->sample_aspect_ratio.den ? first->sample_aspect_ratio.den : 1);
    describe(chain, sizeof(chain), &o->params);
    if (!ins || !outs || !(o->graph = avfilter_graph_alloc()))
        goto end;
    o->graph->nb_threads = 1;
    if ((rc = avfilter_graph_create_filter(&o->source, avfilter_get_by_name("buffer"), "in", source, NULL,
                                           o->graph)) < 0 ||
        (rc = avfilter_graph_create_filter(&o->sink, avfilter_get_by_name("buffersink"), "out", NULL, NULL,
                                           o->graph)) < 0)
        goto end;
    *outs = (AVFilterInOut){ .name = av_strdup("in"), .filter_ctx = o->source };
    *ins = (AVFilterInOut){ .name = av_strdup("out"), .filter_ctx = o->sink };
    if ((rc = avfilter_graph_parse_ptr(o->graph, chain, &ins, &outs, NULL)) >= 0)
        rc = avfilter_graph_config(o->graph, NULL);
end:
    avfilter_inout_free(&ins);
    avfilter_inout_free(&outs);
    return rc < 0 ? hf_av_fail(err, HF_EFORMAT, rc, "turning frames for display") : HF_OK;
}

int hf_orient_open(hf_orient **out, const AVFrame *first, AVRational time_base, const hf_orient_params *params,
                   hf_error *err)
{
    hf_orient *o = calloc(1, sizeof(*o));

    *out = NULL;
    if (!o)
        return hf_fail(err, HF_ENOMEM, "turning frames for display: out of memory");
    o->params = *params;
    o->time_base = time_base;
    o->width = first->width, o->height = first->height, o->format = first->format;
    hf_av_forget();
    int rc = build(o, first, err);
    if (rc < 0)
        hf_orient_close(&o);
    *out = o;
    return rc;
}

void hf_orient_close(hf_orient **orient)
{
    if (!*orient)
        return;
    avfilter_graph_free(&(*orient)->graph);
    free(*orient);
    *orient = NULL;
}

int hf_orient_send(hf_orient *o, AVFrame *frame, hf_error *err)
{
    int rc = av_buffersrc_add_frame(o->source, frame);
    return rc < 0 ? hf_av_fail(err, HF_EFORMAT, rc, "turning frames for display") : HF_OK;
}

int hf_orient_receive(AVFrame *frame, hf_orient *o, hf_error *err)
{
    int rc = av_buffersink_get_frame(o->sink, frame);

    if (rc == AVERROR(EAGAIN))
        return HF_ORIENT_MORE;
    if (rc == AVERROR_EOF)
        return HF_EOF;
    if (rc < 0)
        return hf_av_fail(err, HF_EFORMAT, rc, "turning frames for display");
    /* bwdif counts in half ticks. */
    if (frame->pts != AV_NOPTS_VALUE)
        frame->pts = av_rescale_q(frame->pts, av_buffersink_get_time_base(o->sink), o->time_base);
    return HF_OK;
}
