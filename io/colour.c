/* colour.c - see colour.h. */
#include "io/colour.h"

#include <string.h>

hf_colour hf_colour_of(enum AVPixelFormat format, int height, enum AVColorSpace matrix, enum AVColorRange range)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    hf_colour colour = { .matrix = matrix };

    if (d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL))
        return (hf_colour){ .matrix = AVCOL_SPC_RGB, .is_full = 1 };
    /* The yuvj formats say full range in their name; gray without a tag is a picture's, thus full. */
    colour.is_full = range == AVCOL_RANGE_JPEG || !strncmp(d->name, "yuvj", 4) ||
                     (range == AVCOL_RANGE_UNSPECIFIED && d->nb_components < 3);
    switch (matrix) {
    case AVCOL_SPC_BT709: case AVCOL_SPC_FCC: case AVCOL_SPC_BT470BG: case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_SMPTE240M: case AVCOL_SPC_BT2020_NCL: case AVCOL_SPC_BT2020_CL:
        break;
    default:
        colour.matrix = height > 576 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
    }
    return colour;
}

hf_colour hf_colour_of_picture(const AVFrame *picture)
{
    return hf_colour_of(picture->format, picture->height, picture->colorspace, picture->color_range);
}

static void weights(double *kr, double *kb, enum AVColorSpace matrix)
{
    switch (matrix) {
    case AVCOL_SPC_BT709:      *kr = 0.2126, *kb = 0.0722; break;
    case AVCOL_SPC_FCC:        *kr = 0.30,   *kb = 0.11;   break;
    case AVCOL_SPC_SMPTE240M:  *kr = 0.212,  *kb = 0.087;  break;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:  *kr = 0.2627, *kb = 0.0593; break;
    default:                   *kr = 0.299,  *kb = 0.114;  break;
    }
}

/* One row per component; `scale` and `offset` in codes, for colours in 0..1. */
static void set_row(float row[4], const double rgb[3], double scale, double offset)
{
    for (int i = 0; i < 3; i++)
        row[i] = (float)(rgb[i] * scale / 255.0);
    row[3] = (float)offset;
}

void hf_colour_rows(float rows[4][4], enum AVPixelFormat format, hf_colour colour)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    static const double unit[4][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 }, { 0, 0, 0 } };
    int n_colours = d->nb_components - !!(d->flags & AV_PIX_FMT_FLAG_ALPHA);
    double kr, kb;

    weights(&kr, &kb, colour.matrix);
    double kg = 1 - kr - kb, b = 2 * (1 - kb), r = 2 * (1 - kr);
    const double yuv[3][3] = { { kr, kg, kb }, { -kr / b, -kg / b, (1 - kb) / b }, { (1 - kr) / r, -kg / r, -kb / r } };
    for (int c = 0; c < d->nb_components; c++) {
        int depth = d->comp[c].depth;
        double max = (1 << depth) - 1, step = (double)(1 << depth) / 256;
        if (c >= n_colours)
            set_row(rows[c], unit[3], 0, max);
        else if (d->flags & AV_PIX_FMT_FLAG_RGB)
            set_row(rows[c], unit[c], max, 0);
        else if (colour.is_full)
            set_row(rows[c], yuv[c], max, c ? 128 * step : 0);
        else
            set_row(rows[c], yuv[c], (c ? 224 : 219) * step, (c ? 128 : 16) * step);
    }
}

/* swscale wants the range apart from the format. */
static int plain_format(int format)
{
    switch (format) {
    case AV_PIX_FMT_YUVJ420P: return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P: return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P: return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P: return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P: return AV_PIX_FMT_YUV411P;
    default:                  return format;
    }
}

static int same_colour(hf_colour a, hf_colour b)
{
    return a.matrix == b.matrix && a.is_full == b.is_full;
}

static int sws_matrix(hf_colour colour)
{
    return colour.matrix == AVCOL_SPC_RGB ? SWS_CS_DEFAULT : (int)colour.matrix; /* same numbers for YUV */
}

int hf_convert_run(AVFrame *target, hf_colour to, const AVFrame *source, hf_colour from, int exact,
                   hf_convert *c, hf_error *err)
{
    int w = source->width, h = source->height;
    int flags = exact ? SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT
                      : SWS_BILINEAR | SWS_FULL_CHR_H_INT; /* 4:2:0 takes a special path, 0.3 ms at 480p */

    if (!c->sws || c->width != w || c->height != h || c->source != source->format || c->target != target->format ||
        !same_colour(c->from, from) || !same_colour(c->to, to)) {
        sws_freeContext(c->sws);
        c->sws = sws_getContext(w, h, plain_format(source->format), w, h, plain_format(target->format), flags,
                                NULL, NULL, NULL);
        if (!c->sws)
            return hf_fail(err, HF_EFORMAT, "pictures: no conversion from %s to %s of %dx%d",
                           av_get_pix_fmt_name(source->format), av_get_pix_fmt_name(target->format), w, h);
        sws_setColorspaceDetails(c->sws, sws_getCoefficients(sws_matrix(from)), from.is_full,
                                 sws_getCoefficients(sws_matrix(to)), to.is_full, 0, 1 << 16, 1 << 16);
        c->width = w, c->height = h, c->source = source->format, c->target = target->format;
        c->from = from, c->to = to;
    }
    if (sws_scale(c->sws, (const uint8_t *const *)source->data, source->linesize, 0, h, target->data,
                  target->linesize) < 0)
        return hf_fail(err, HF_EFORMAT, "pictures: conversion from %s to %s failed",
                       av_get_pix_fmt_name(source->format), av_get_pix_fmt_name(target->format));
    return HF_OK;
}

void hf_convert_free(hf_convert *c)
{
    sws_freeContext(c->sws);
    c->sws = NULL;
}
