/* image_bytes.c - see image_bytes.h. JPEG by FFmpeg's encoder, PNG by libpng's simplified interface. */
#include "io/image_bytes.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

#define MAX_SIDE 65500 /* of a JPEG */
#define BLOCK 16       /* pixels that are encoded together */

static uint8_t to_byte(float v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + 0.5f);
}

/* JFIF's matrix, written out: swscale would need its range set by hand and warns of it.
 * W x H of the picture; the planes are larger, whole blocks, and filled up with the last pixels:
 * the encoder takes in what lies beyond the border, and the border would show it. */
static void fill_planes(AVFrame *frame, const uint8_t *rgb, int W, int H)
{
    for (int y = 0; y < frame->height; y++)
    for (int x = 0; x < frame->width; x++) {
        const uint8_t *p = rgb + 3 * ((size_t)(y < H ? y : H - 1) * W + (x < W ? x : W - 1));
        frame->data[0][y * frame->linesize[0] + x] = to_byte(0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2]);
    }
    for (int y = 0; y < frame->height / 2; y++)
    for (int x = 0; x < frame->width / 2; x++) {
        float r = 0, g = 0, b = 0;
        for (int k = 0; k < 4; k++) {
            int sy = 2 * y + k / 2 < H ? 2 * y + k / 2 : H - 1, sx = 2 * x + k % 2 < W ? 2 * x + k % 2 : W - 1;
            const uint8_t *p = rgb + 3 * ((size_t)sy * W + sx);
            r += p[0] / 4.0f, g += p[1] / 4.0f, b += p[2] / 4.0f;
        }
        frame->data[1][y * frame->linesize[1] + x] = to_byte(128 - 0.168736f * r - 0.331264f * g + 0.5f * b);
        frame->data[2][y * frame->linesize[2] + x] = to_byte(128 + 0.5f * r - 0.418688f * g - 0.081312f * b);
    }
}

static AVCodecContext *open_encoder(const AVCodec *codec, int width, int height, int quality)
{
    AVCodecContext *encoder = avcodec_alloc_context3(codec);

    if (!encoder)
        return NULL;
    encoder->width = width, encoder->height = height;
    encoder->pix_fmt = AV_PIX_FMT_YUVJ420P;
    encoder->color_range = AVCOL_RANGE_JPEG;
    encoder->time_base = (AVRational){ 1, 25 };
    encoder->flags |= AV_CODEC_FLAG_QSCALE;
    encoder->global_quality = quality * FF_QP2LAMBDA;
    encoder->thread_count = 1; /* the picture is small */
    if (avcodec_open2(encoder, codec, NULL) < 0)
        avcodec_free_context(&encoder);
    return encoder;
}

static AVFrame *new_frame(int width, int height, int quality)
{
    AVFrame *frame = av_frame_alloc();

    if (!frame)
        return NULL;
    frame->width = FFALIGN(width, BLOCK), frame->height = FFALIGN(height, BLOCK);
    frame->format = AV_PIX_FMT_YUVJ420P;
    frame->quality = quality * FF_QP2LAMBDA;
    if (av_frame_get_buffer(frame, 0) < 0)
        av_frame_free(&frame);
    return frame;
}

int hf_jpeg_bytes(uint8_t **bytes, size_t *size, const uint8_t *rgb, int width, int height, int quality,
                  hf_error *err)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    AVCodecContext *encoder = NULL;
    AVFrame *frame = NULL;
    AVPacket *packet = NULL;
    int rc = HF_OK;

    *bytes = NULL;
    if (width < 1 || width > MAX_SIDE || height < 1 || height > MAX_SIDE)
        return hf_fail(err, HF_EARG, "jpeg: %d x %d, want sides of 1..%d", width, height, MAX_SIDE);
    if (quality < HF_JPEG_BEST || quality > HF_JPEG_WORST)
        return hf_fail(err, HF_EARG, "jpeg: quality %d, want %d..%d", quality, HF_JPEG_BEST, HF_JPEG_WORST);
    if (!codec)
        return hf_fail(err, HF_EUNSUPPORTED, "jpeg: this FFmpeg has no JPEG encoder (mjpeg)");
    if (!(encoder = open_encoder(codec, width, height, quality)) || !(frame = new_frame(width, height, quality)) ||
        !(packet = av_packet_alloc())) {
        rc = hf_fail(err, HF_ENOMEM, "jpeg: no memory for a picture of %d x %d", width, height);
        goto end;
    }
    fill_planes(frame, rgb, width, height);
    frame->width = width, frame->height = height;
    if (avcodec_send_frame(encoder, frame) < 0 || avcodec_receive_packet(encoder, packet) < 0 ||
        !(*bytes = malloc((size_t)packet->size))) {
        rc = hf_fail(err, HF_ENOMEM, "jpeg: a picture of %d x %d could not be encoded", width, height);
        goto end;
    }
    *size = (size_t)packet->size;
    memcpy(*bytes, packet->data, *size);
end:
    av_packet_free(&packet);
    av_frame_free(&frame);
    avcodec_free_context(&encoder);
    return rc;
}

int hf_png_bytes(uint8_t **bytes, size_t *size, const uint8_t *rgba, int width, int height, hf_error *err)
{
    png_image image = { .version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_RGBA };
    png_alloc_size_t n = 0;

    *bytes = NULL;
    if (width < 1 || width > MAX_SIDE || height < 1 || height > MAX_SIDE)
        return hf_fail(err, HF_EARG, "png: %d x %d, want sides of 1..%d", width, height, MAX_SIDE);
    image.width = (png_uint_32)width, image.height = (png_uint_32)height;
    n = PNG_IMAGE_PNG_SIZE_MAX(image);
    if (!(*bytes = malloc(n)))
        return hf_fail(err, HF_ENOMEM, "png: no memory for a picture of %d x %d", width, height);
    if (!png_image_write_to_memory(&image, *bytes, &n, 0, rgba, 0, NULL)) {
        free(*bytes);
        *bytes = NULL;
        return hf_fail(err, HF_ENOMEM, "png: %s", image.message);
    }
    *size = n;
    return HF_OK;
}
