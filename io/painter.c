/* painter.c - see painter.h.
 *
 * blend: source picture -> copy in its own format, layer over it -> encoder's format. The copy is left
 * out where nothing is laid over, the last step where the formats are the same.
 */
#include "io/painter.h"

#include <stdlib.h>

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>

#include "io/blend.h"
#include "io/colour.h"

struct hf_painter {
    hf_encoder_plan plan;
    AVFrame        *work;   /* source with the layer over it, in a format that can be blended */
    AVFrame        *target; /* in the encoder's format */
    hf_convert      to_work, to_target;
};

int hf_painter_new(hf_painter **out, const hf_encoder_plan *plan, hf_error *err)
{
    hf_painter *p = calloc(1, sizeof(*p));

    *out = NULL;
    if (!p || !(p->work = av_frame_alloc()) || !(p->target = av_frame_alloc())) {
        hf_painter_free(&p);
        return hf_fail(err, HF_ENOMEM, "output pictures: out of memory");
    }
    p->plan = *plan;
    *out = p;
    return HF_OK;
}

void hf_painter_free(hf_painter **painter)
{
    if (!*painter)
        return;
    av_frame_free(&(*painter)->work);
    av_frame_free(&(*painter)->target);
    hf_convert_free(&(*painter)->to_work);
    hf_convert_free(&(*painter)->to_target);
    free(*painter);
    *painter = NULL;
}

/* Buffers for this format and size; those at hand are used again unless an encoder still holds them. */
static int prepare(AVFrame *frame, int format, int width, int height, hf_error *err)
{
    int rc;

    if (frame->format == format && frame->width == width && frame->height == height && frame->data[0]) {
        rc = av_frame_make_writable(frame);
    } else {
        av_frame_unref(frame);
        frame->format = format;
        frame->width = width;
        frame->height = height;
        rc = av_frame_get_buffer(frame, 0);
    }
    return rc < 0 ? hf_fail(err, HF_ENOMEM, "output pictures: out of memory for %dx%d", width, height) : HF_OK;
}

static void copy_tags(AVFrame *to, const AVFrame *from)
{
    to->colorspace = from->colorspace;
    to->color_range = from->color_range;
    to->color_primaries = from->color_primaries;
    to->color_trc = from->color_trc;
    to->chroma_location = from->chroma_location;
    to->sample_aspect_ratio = from->sample_aspect_ratio;
    to->interlaced_frame = from->interlaced_frame;
    to->top_field_first = from->top_field_first;
}

static int check_picture(const hf_frame *frame, const hf_encoder_plan *plan, hf_error *err)
{
    const AVFrame *picture = frame->picture;

    if (!picture || !picture->data[0])
        return hf_fail(err, HF_EARG, "output: frame %lld has no decoded picture", (long long)frame->index);
    if (picture->width != plan->width || picture->height != plan->height)
        return hf_fail(err, HF_EARG, "output: frame %lld is %dx%d, want %dx%d", (long long)frame->index,
                       picture->width, picture->height, plan->width, plan->height);
    return HF_OK;
}

/* A format with whole integer samples for what cannot be blended as it is (palettes, floats, bits). */
static enum AVPixelFormat work_format(enum AVPixelFormat source)
{
    if (hf_blend_supports(source))
        return source;
    return av_pix_fmt_desc_get(source)->comp[0].depth > 8 ? AV_PIX_FMT_GBRP16LE : AV_PIX_FMT_RGB24;
}

/* A writable copy of the source in `work`. */
static int fill_work(hf_painter *p, const AVFrame *source, hf_error *err)
{
    enum AVPixelFormat format = work_format(source->format);
    int rc = prepare(p->work, format, source->width, source->height, err);

    if (rc < 0)
        return rc;
    copy_tags(p->work, source);
    if (format == source->format)
        rc = av_frame_copy(p->work, source);
    else
        return hf_convert_run(p->work, hf_colour_of_picture(p->work), source, hf_colour_of_picture(source), 1,
                              &p->to_work, err);
    return rc < 0 ? hf_fail(err, HF_EFORMAT, "output: a picture of %s cannot be copied",
                            av_get_pix_fmt_name(format)) : HF_OK;
}

/* yuvj420p and yuv420p hold the same bytes: the range is in the tags. */
static int same_layout(int a, int b)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(a), *e = av_pix_fmt_desc_get(b);

    if (a == b)
        return 1;
    if (d->flags != e->flags || d->nb_components != e->nb_components || d->log2_chroma_w != e->log2_chroma_w ||
        d->log2_chroma_h != e->log2_chroma_h)
        return 0;
    for (int c = 0; c < d->nb_components; c++)
        if (d->comp[c].plane != e->comp[c].plane || d->comp[c].step != e->comp[c].step ||
            d->comp[c].offset != e->comp[c].offset || d->comp[c].shift != e->comp[c].shift ||
            d->comp[c].depth != e->comp[c].depth)
            return 0;
    return 1;
}

/* Bring `source` into the encoder's format, in `target`. */
static int fill_target(hf_painter *p, const AVFrame *source, hf_error *err)
{
    const hf_encoder_plan *plan = &p->plan;
    hf_colour from = hf_colour_of_picture(source);
    int rc = prepare(p->target, plan->pixel_format, plan->width, plan->height, err);

    if (rc < 0)
        return rc;
    copy_tags(p->target, source);
    return hf_convert_run(p->target, plan->colour, source, from, 1, &p->to_target, err);
}

static int is_ready(const hf_painter *p, const AVFrame *source)
{
    hf_colour colour = hf_colour_of_picture(source);
    return same_layout(source->format, p->plan.pixel_format) && colour.is_full == p->plan.colour.is_full &&
           colour.matrix == p->plan.colour.matrix;
}

int hf_painter_blend(const AVFrame **ready, hf_painter *p, const hf_frame *frame, const hf_layer *layer,
                     hf_error *err)
{
    const AVFrame *picture = frame->picture;
    int rc = check_picture(frame, &p->plan, err);

    if (rc < 0)
        return rc;
    if (layer && (layer->width != picture->width || layer->height != picture->height))
        return hf_fail(err, HF_EARG, "output: a layer of %dx%d over a frame of %dx%d", layer->width, layer->height,
                       picture->width, picture->height);
    if (layer && hf_layer_is_visible(layer)) {
        if ((rc = fill_work(p, picture, err)) < 0)
            return rc;
        hf_blend(p->work, layer);
        picture = p->work;
    }
    if (!is_ready(p, picture)) {
        if ((rc = fill_target(p, picture, err)) < 0)
            return rc;
        picture = p->target;
    }
    *ready = picture;
    return HF_OK;
}

int hf_painter_cutout(const AVFrame **ready, hf_painter *p, const hf_frame *frame, const uint8_t *alpha,
                      hf_error *err)
{
    int rc = check_picture(frame, &p->plan, err);

    if (rc < 0 || (rc = fill_target(p, frame->picture, err)) < 0)
        return rc;
    if (!hf_blend_set_alpha(p->target, alpha))
        return hf_fail(err, HF_EUNSUPPORTED, "output: pixel format %s has no alpha",
                       av_get_pix_fmt_name(p->plan.pixel_format));
    *ready = p->target;
    return HF_OK;
}

int hf_painter_picture(const AVFrame **ready, hf_painter *p, const uint8_t *rgb, hf_error *err)
{
    int w = p->plan.width, h = p->plan.height;
    int rc = prepare(p->work, AV_PIX_FMT_RGB24, w, h, err);

    if (rc < 0)
        return rc;
    /* A copy in padded rows: swscale reads whole vectors, past the end of the caller's picture. */
    av_image_copy_plane(p->work->data[0], p->work->linesize[0], rgb, 3 * w, 3 * w, h);
    if (p->plan.pixel_format == AV_PIX_FMT_RGB24) {
        *ready = p->work;
        return HF_OK;
    }
    if ((rc = fill_target(p, p->work, err)) < 0)
        return rc;
    *ready = p->target;
    return HF_OK;
}
