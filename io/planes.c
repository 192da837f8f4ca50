/* planes.c - see planes.h. */
#include "io/planes.h"

#include <string.h>

#include <libavutil/common.h>
#include <libavutil/pixdesc.h>

static const struct {
    enum AVPixelFormat packed, planar;
} pairs[] = {
    { AV_PIX_FMT_NV12, AV_PIX_FMT_YUV420P },          { AV_PIX_FMT_NV12, AV_PIX_FMT_YUVJ420P },
    { AV_PIX_FMT_P010LE, AV_PIX_FMT_YUV420P10LE },    { AV_PIX_FMT_P016LE, AV_PIX_FMT_YUV420P12LE },
    { AV_PIX_FMT_P016LE, AV_PIX_FMT_YUV420P10LE },    { AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUV444P },
    { AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUVJ444P },      { AV_PIX_FMT_YUV444P16LE, AV_PIX_FMT_YUV444P10LE },
    { AV_PIX_FMT_YUV444P16LE, AV_PIX_FMT_YUV444P12LE },
};

enum AVPixelFormat hf_planes_format(enum AVPixelFormat packed, enum AVPixelFormat wanted)
{
    enum AVPixelFormat other = AV_PIX_FMT_NONE;

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (packed != AV_PIX_FMT_NONE && pairs[i].packed != packed)
            continue;
        if (pairs[i].planar == wanted)
            return wanted;
        if (packed != AV_PIX_FMT_NONE && other == AV_PIX_FMT_NONE)
            other = pairs[i].planar;
    }
    return other;
}

/* n samples of 16 bits, `step` apart. */
static void shift_row(uint16_t *to, const uint16_t *from, int n, int step, int shift)
{
    for (int x = 0; x < n; x++)
        to[x] = (uint16_t)(from[(size_t)x * (size_t)step] >> shift);
}

static void split_row(uint8_t *to, const uint8_t *from, int n, int step)
{
    if (step == 1)
        memcpy(to, from, (size_t)n);
    else
        for (int x = 0; x < n; x++)
            to[x] = from[2 * x];
}

void hf_planes_split(AVFrame *to, const AVFrame *from)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(to->format), *s = av_pix_fmt_desc_get(from->format);
    int bytes = d->comp[0].depth > 8 ? 2 : 1, shift = 16 - d->comp[0].depth;

    for (int c = 0; c < 3; c++) {
        int w = c ? AV_CEIL_RSHIFT(to->width, d->log2_chroma_w) : to->width;
        int h = c ? AV_CEIL_RSHIFT(to->height, d->log2_chroma_h) : to->height;
        int plane = s->comp[c].plane, step = s->comp[c].step / bytes;
        for (int y = 0; y < h; y++) {
            uint8_t *row = to->data[c] + (ptrdiff_t)y * to->linesize[c];
            const uint8_t *source = from->data[plane] + (ptrdiff_t)y * from->linesize[plane] + s->comp[c].offset;
            if (bytes == 1)
                split_row(row, source, w, step);
            else
                shift_row((uint16_t *)row, (const uint16_t *)source, w, step, shift);
        }
    }
}
