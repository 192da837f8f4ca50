/* blend.c - see blend.h. */
#include "io/blend.h"

#include <string.h>

#include <libavutil/bswap.h>
#include <libavutil/pixdesc.h>

#include "io/colour.h"

/* One component of a picture: where its samples are. */
typedef struct samples {
    uint8_t *first;
    int      line, step; /* bytes */
    int      width, height; /* in samples */
    int      log2_w, log2_h; /* pixels a sample covers */
    int      is_word, is_swapped, shift;
    unsigned mask; /* of the value, before shifting */
} samples;

int hf_blend_supports(enum AVPixelFormat format)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    const uint64_t refused = AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL |
                             AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BAYER;

    if (!d || (d->flags & refused) || format == AV_PIX_FMT_XYZ12LE || format == AV_PIX_FMT_XYZ12BE)
        return 0;
    for (int c = 0; c < d->nb_components; c++) {
        const AVComponentDescriptor *k = &d->comp[c];
        if (k->depth < 8 || k->depth + k->shift > 16 || (k->depth == 8 && k->shift))
            return 0;
    }
    return 1;
}

static samples component(const AVFrame *p, int c)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(p->format);
    const AVComponentDescriptor *k = &d->comp[c];
    int is_chroma = (c == 1 || c == 2) && !(d->flags & AV_PIX_FMT_FLAG_RGB) && d->nb_components > 2;
    samples s = { .first = p->data[k->plane] + k->offset, .line = p->linesize[k->plane], .step = k->step };

    s.log2_w = is_chroma ? d->log2_chroma_w : 0;
    s.log2_h = is_chroma ? d->log2_chroma_h : 0;
    s.width = AV_CEIL_RSHIFT(p->width, s.log2_w);
    s.height = AV_CEIL_RSHIFT(p->height, s.log2_h);
    s.is_word = k->depth > 8;
    /* Big endian words, on the little endian machines this runs on. */
    s.is_swapped = s.is_word && (d->flags & AV_PIX_FMT_FLAG_BE);
    s.shift = k->shift;
    s.mask = (1u << k->depth) - 1;
    return s;
}

static unsigned get(const samples *s, const uint8_t *at)
{
    uint16_t word;

    if (!s->is_word)
        return *at;
    memcpy(&word, at, 2);
    return ((s->is_swapped ? av_bswap16(word) : word) >> s->shift) & s->mask;
}

static void set(const samples *s, uint8_t *at, unsigned value)
{
    uint16_t word;

    if (!s->is_word) {
        *at = (uint8_t)value;
        return;
    }
    word = (uint16_t)(value << s->shift);
    word = s->is_swapped ? av_bswap16(word) : word;
    memcpy(at, &word, 2);
}

/* Apart from the search for the ends because compilers make wide vectors of it: most rows are empty. */
static int row_is_visible(const uint8_t *row, int width)
{
    unsigned any = 0;

    for (int x = 0; x < width; x++)
        any |= row[4 * x + 3];
    return any != 0;
}

/* Widen first..last to the pixels with alpha in row y. */
static void add_visible(int *first, int *last, const hf_layer *layer, int y)
{
    const uint8_t *row = layer->rgba + (size_t)y * layer->width * 4;
    int left = 0, right = layer->width - 1;

    if (!row_is_visible(row, layer->width))
        return;
    while (left < *first && !row[4 * left + 3])
        left++;
    *first = left;
    while (right > *last && !row[4 * right + 3])
        right--;
    *last = right;
}

int hf_layer_is_visible(const hf_layer *layer)
{
    for (int y = 0; y < layer->height; y++) {
        int first = layer->width, last = -1;
        add_visible(&first, &last, layer, y);
        if (last >= 0)
            return 1;
    }
    return 0;
}

/* Sum of alphas, and of alpha times code, over the pixels x0..x1, y0..y1 of one sample. */
static unsigned sum_layer(float *sum, const hf_layer *layer, const float row[4], int x0, int x1, int y0, int y1)
{
    unsigned alpha = 0;

    *sum = 0;
    for (int y = y0; y < y1; y++) {
        const uint8_t *p = layer->rgba + ((size_t)y * layer->width + x0) * 4;
        for (int x = x0; x < x1; x++, p += 4) {
            if (!p[3])
                continue;
            alpha += p[3];
            *sum += (float)p[3] * (row[0] * p[0] + row[1] * p[1] + row[2] * p[2] + row[3]);
        }
    }
    return alpha;
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static unsigned mix(const samples *s, unsigned old, unsigned alpha, unsigned whole, float sum)
{
    float value = ((float)(whole - alpha) * (float)old + sum) * (1.0f / (float)whole) + 0.5f;
    return value < 0 ? 0 : value > (float)s->mask ? s->mask : (unsigned)value;
}

/* Samples from..to of row y, of pixel rows y0..y1-1. */
static void blend_row(const samples *s, int y, int from, int to, const hf_layer *layer, const float row[4], int y0,
                      int y1)
{
    uint8_t *at = s->first + (ptrdiff_t)y * s->line + (ptrdiff_t)from * s->step;

    for (int x = from; x <= to; x++, at += s->step) {
        int x0 = x << s->log2_w, x1 = min_int((x + 1) << s->log2_w, layer->width);
        float sum;
        unsigned alpha = sum_layer(&sum, layer, row, x0, x1, y0, y1);
        if (alpha)
            set(s, at, mix(s, get(s, at), alpha, 255u * (unsigned)((x1 - x0) * (y1 - y0)), sum));
    }
}

/* blend_row for bytes of one pixel each: luma of most videos, where most of the time goes. */
static void blend_bytes(const samples *s, int y, int from, int to, const hf_layer *layer, const float row[4])
{
    uint8_t *at = s->first + (ptrdiff_t)y * s->line;
    const uint8_t *p = layer->rgba + (size_t)y * layer->width * 4;

    for (int x = from; x <= to; x++) {
        const uint8_t *q = p + 4 * x;
        float color = row[0] * q[0] + row[1] * q[1] + row[2] * q[2] + row[3];
        float value = ((float)(255 - q[3]) * at[x] + (float)q[3] * color) * (1.0f / 255) + 0.5f;
        at[x] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : (int)value);
    }
}

void hf_blend(AVFrame *picture, const hf_layer *layer)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(picture->format);
    float rows[4][4];

    hf_colour_rows(rows, picture->format, hf_colour_of_picture(picture));
    for (int c = 0; c < d->nb_components; c++) {
        samples s = component(picture, c);
        int is_plain = !s.is_word && s.step == 1 && !s.log2_w && !s.log2_h;
        for (int y = 0; y < s.height; y++) {
            int y0 = y << s.log2_h, y1 = min_int((y + 1) << s.log2_h, layer->height);
            int first = layer->width, last = -1;
            for (int i = y0; i < y1; i++)
                add_visible(&first, &last, layer, i);
            if (last >= 0 && is_plain)
                blend_bytes(&s, y, first, last, layer, rows[c]);
            else if (last >= 0)
                blend_row(&s, y, first >> s.log2_w, last >> s.log2_w, layer, rows[c], y0, y1);
        }
    }
}

int hf_blend_set_alpha(AVFrame *picture, const uint8_t *alpha)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(picture->format);

    if (!(d->flags & AV_PIX_FMT_FLAG_ALPHA))
        return 0;
    samples s = component(picture, d->nb_components - 1);
    for (int y = 0; y < s.height; y++) {
        uint8_t *at = s.first + (ptrdiff_t)y * s.line;
        for (int x = 0; x < s.width; x++, at += s.step)
            set(&s, at, (alpha[(size_t)y * s.width + x] * s.mask + 127) / 255);
    }
    return 1;
}
