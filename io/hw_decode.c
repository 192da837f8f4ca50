/* hw_decode.c - see hw_decode.h. */
#include "io/hw_decode.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/buffer.h>
/* The header wants the toolkit's cuda.h, but only for these two, which are pointers. */
#define CUDA_VERSION 0
typedef struct CUctx_st *CUcontext;
typedef struct CUstream_st *CUstream;
#include <libavutil/hwcontext_cuda.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>

#include "io/av_util.h"
#include "io/planes.h"

#define ROW_ALIGN 64 /* bytes; as the software decoders' rows, which swscale reads in whole vectors */

struct hf_hw {
    hf_hwdec            when;
    enum AVHWDeviceType type;
    char                device[32]; /* "": the first */
    const hf_hw_calls  *calls;
    AVBufferRef        *ref;        /* the open device */
    int                 is_open, is_given_up, is_declined;
    enum AVPixelFormat  format;     /* of frames in the device's memory */
    enum AVPixelFormat  software;   /* of the same frames from the software decoder */
    char                why[400];
    AVFrame            *host;       /* as it came from the device, kept for its buffers */
    AVFrame            *planar;     /* shell of the frame that is made */
    AVBufferPool       *pool;       /* its samples */
    size_t              pool_bytes;
};

/* ---- FFmpeg's own calls ---- */

/* In the context that the rest of the program has on this GPU, so that its memory is taken once. FFmpeg refuses that where
 * the context is there already with other flags than FFmpeg's: then in one of its own. */
static int open_device(AVBufferRef **out, enum AVHWDeviceType type, const char *device)
{
    if (type == AV_HWDEVICE_TYPE_CUDA && av_hwdevice_ctx_create(out, type, device, NULL, AV_CUDA_USE_PRIMARY_CONTEXT) >= 0)
        return 0;
    hf_av_forget();
    return av_hwdevice_ctx_create(out, type, device, NULL, 0);
}

static const AVCodecHWConfig *get_config(const AVCodec *codec, int index)
{
    return avcodec_get_hw_config(codec, index);
}

/* Buffers are of the coded size, which may be larger than the frame: whole surfaces are copied. */
static int transfer(AVFrame *host, const AVFrame *frame)
{
    const AVHWFramesContext *c;
    int rc;

    if (!frame->hw_frames_ctx)
        return AVERROR(EINVAL);
    c = (const AVHWFramesContext *)frame->hw_frames_ctx->data;
    if (!host->buf[0] || host->format != (int)c->sw_format || host->width != c->width || host->height != c->height) {
        av_frame_unref(host);
        host->format = (int)c->sw_format;
        host->width = c->width, host->height = c->height;
        if ((rc = av_frame_get_buffer(host, 0)) < 0)
            return rc;
    }
    return av_hwframe_transfer_data(host, frame, 0);
}

static const hf_hw_calls ffmpeg_calls = { open_device, get_config, transfer };

/* ---- choosing ---- */

int hf_hw_new(hf_hw **out, hf_hwdec when, const char *type, const char *device, const hf_hw_calls *calls, hf_error *err)
{
    enum AVHWDeviceType found = av_hwdevice_find_type_by_name(type ? type : "cuda");
    hf_hw *hw;

    *out = NULL;
    if (found == AV_HWDEVICE_TYPE_NONE)
        return hf_fail(err, HF_EARG, "device that decodes: '%s', want a type that FFmpeg knows, as cuda", type ? type : "cuda");
    if (!(hw = calloc(1, sizeof(*hw))))
        return hf_fail(err, HF_ENOMEM, "device that decodes: out of memory");
    hw->when = when;
    hw->type = found;
    hw->calls = calls ? calls : &ffmpeg_calls;
    hw->format = hw->software = AV_PIX_FMT_NONE;
    snprintf(hw->device, sizeof(hw->device), "%s", device ? device : "");
    hw->host = av_frame_alloc();
    hw->planar = av_frame_alloc();
    if (!hw->host || !hw->planar) {
        hf_hw_free(&hw);
        return hf_fail(err, HF_ENOMEM, "device that decodes: out of memory");
    }
    *out = hw;
    return HF_OK;
}

void hf_hw_free(hf_hw **hw)
{
    if (!*hw)
        return;
    av_frame_free(&(*hw)->host);
    av_frame_free(&(*hw)->planar);
    av_buffer_pool_uninit(&(*hw)->pool);
    av_buffer_unref(&(*hw)->ref);
    free(*hw);
    *hw = NULL;
}

static int is_exact(enum AVCodecID id)
{
    return id == AV_CODEC_ID_H264 || id == AV_CODEC_ID_HEVC || id == AV_CODEC_ID_VP8 || id == AV_CODEC_ID_VP9 ||
           id == AV_CODEC_ID_AV1;
}

/* How `codec` uses a device of this type that the caller has opened; NULL: not at all. */
static const AVCodecHWConfig *config_of(const hf_hw_calls *calls, enum AVHWDeviceType type, const AVCodec *codec)
{
    const AVCodecHWConfig *c;

    for (int i = 0; (c = calls->get_config(codec, i)); i++)
        if (c->device_type == type && (c->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX))
            return c;
    return NULL;
}

/* `software` if the device can help it, else FFmpeg's own decoder of the codec: AV1 is decoded by another library in
 * software. The cuvid decoders are left alone: they read the stream by themselves and give other time stamps. */
static const AVCodec *find_helped(const AVCodecHWConfig **config, const hf_hw *hw, const AVCodec *software)
{
    const AVCodec *codec;
    void *at = NULL;

    if ((*config = config_of(hw->calls, hw->type, software)))
        return software;
    while ((codec = av_codec_iterate(&at)))
        if (av_codec_is_decoder(codec) && codec->id == software->id && !strstr(codec->name, "_cuvid") &&
            (*config = config_of(hw->calls, hw->type, codec)))
            return codec;
    return NULL;
}

static void keep_reason(hf_hw *hw, int av_code)
{
    char text[AV_ERROR_MAX_STRING_SIZE];

    av_strerror(av_code, text, sizeof(text));
    snprintf(hw->why, sizeof(hw->why), "%s", hf_av_said()[0] ? hf_av_said() : text);
}

static int open_once(hf_hw *hw)
{
    int rc;

    if (hw->is_open)
        return 0;
    hf_av_forget();
    if ((rc = hw->calls->open_device(&hw->ref, hw->type, hw->device[0] ? hw->device : NULL)) < 0) {
        keep_reason(hw, rc);
        hw->is_given_up = 1;
        return rc;
    }
    hw->is_open = 1;
    return 0;
}

static const AVCodec *choose(hf_hw *hw, const AVCodec *software)
{
    const AVCodecHWConfig *config;
    const AVCodec *codec;

    if (hw->is_given_up)
        return NULL;
    if (software != avcodec_find_decoder(software->id)) {
        snprintf(hw->why, sizeof(hw->why), "its alpha layer is read by %s", software->name);
        return NULL;
    }
    if (hw->when == HF_HWDEC_AUTO && !is_exact(software->id)) {
        snprintf(hw->why, sizeof(hw->why), "its %s may differ from software's in the last bit", avcodec_get_name(software->id));
        return NULL;
    }
    if (!(codec = find_helped(&config, hw, software))) {
        snprintf(hw->why, sizeof(hw->why), "this FFmpeg cannot have %s decoded there", avcodec_get_name(software->id));
        return NULL;
    }
    if (open_once(hw) < 0)
        return NULL;
    hw->format = config->pix_fmt;
    return codec;
}

int hf_hw_choose(const AVCodec **out, hf_hw *hw, const AVCodec *software, const char *path, hf_error *err)
{
    if (!(*out = choose(hw, software))) {
        hw->is_given_up = 1;
        if (hf_hw_is_must(hw))
            return hf_fail(err, HF_EDEVICE, "%s: --hwdec on: %s does not decode it: %s; --hwdec off does it in software",
                           path, hf_hw_name(hw), hw->why);
    }
    return HF_OK;
}

/* ---- decoding ---- */

static void decline(hf_hw *hw, AVCodecContext *codec, int is_offered)
{
    const char *profile = avcodec_profile_name(codec->codec_id, codec->profile);
    const char *pixels = av_get_pix_fmt_name(hw->software);

    hw->is_declined = 1;
    if (!is_offered && hf_av_said()[0]) /* it was offered before, taken, and could not be set up */
        snprintf(hw->why, sizeof(hw->why), "%s", hf_av_said());
    else
        snprintf(hw->why, sizeof(hw->why), "%s%s%s in %s is not decoded there", avcodec_get_name(codec->codec_id),
                 profile ? " " : "", profile ? profile : "", pixels ? pixels : "an unknown format");
}

/* Called at the first frame and wherever its size or format changes; and again, without the device's format in the
 * list, where the device turned out not to decode it. The last of the list is what the software decoder gives. */
static enum AVPixelFormat choose_format(AVCodecContext *codec, const enum AVPixelFormat *formats)
{
    hf_hw *hw = codec->opaque;
    int is_offered = 0;

    if (hf_hw_is_must(hw) && hw->is_declined) /* asked again at the next frame: the first reason counts */
        return AV_PIX_FMT_NONE;
    for (int i = 0; formats[i] != AV_PIX_FMT_NONE; i++) {
        hw->software = formats[i];
        is_offered |= formats[i] == hw->format;
    }
    if (is_offered && !hw->is_given_up && hf_planes_format(AV_PIX_FMT_NONE, hw->software) != AV_PIX_FMT_NONE) {
        hw->is_declined = 0;
        hw->why[0] = 0;
        hf_av_forget();
        return hw->format;
    }
    decline(hw, codec, is_offered);
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(hw->software);
    return hf_hw_is_must(hw) || !d || (d->flags & AV_PIX_FMT_FLAG_HWACCEL) ? AV_PIX_FMT_NONE : hw->software;
}

void hf_hw_attach(hf_hw *hw, AVCodecContext *codec)
{
    codec->opaque = hw;
    codec->get_format = choose_format;
    codec->hw_device_ctx = hw->ref ? av_buffer_ref(hw->ref) : NULL;
}

/* Buffers of the frame that is made, from a pool, as libavcodec has it: they live as long as somebody holds them. */
static int take_buffer(AVFrame *f, hf_hw *hw)
{
    int w = FFALIGN(f->width, ROW_ALIGN);
    int bytes = av_image_get_buffer_size(f->format, w, f->height, ROW_ALIGN);

    if (bytes < 0)
        return bytes;
    if (!hw->pool || hw->pool_bytes != (size_t)bytes + ROW_ALIGN) {
        av_buffer_pool_uninit(&hw->pool); /* what is in use frees itself */
        hw->pool_bytes = (size_t)bytes + ROW_ALIGN;
        hw->pool = av_buffer_pool_init(hw->pool_bytes, NULL);
    }
    if (!hw->pool || !(f->buf[0] = av_buffer_pool_get(hw->pool)))
        return AVERROR(ENOMEM);
    return av_image_fill_arrays(f->data, f->linesize, f->buf[0]->data, f->format, w, f->height, ROW_ALIGN);
}

/* libavcodec has cut off a device's frame on the right and below; left and above is for whoever has the samples. */
static int make_planar(AVFrame *to, const AVFrame *frame, hf_hw *hw)
{
    int rc;

    to->format = hf_planes_format(hw->host->format, hw->software);
    to->width = frame->width, to->height = frame->height;
    if (to->format == AV_PIX_FMT_NONE || hw->host->width < to->width || hw->host->height < to->height)
        return AVERROR(ENOSYS);
    if ((rc = take_buffer(to, hw)) < 0)
        return rc;
    hf_planes_split(to, hw->host);
    if ((rc = av_frame_copy_props(to, frame)) < 0)
        return rc;
    to->crop_right = to->crop_bottom = 0;
    return av_frame_apply_cropping(to, 0);
}

int hf_hw_fetch(AVFrame *frame, hf_hw *hw)
{
    int rc;

    if (frame->format != (int)hw->format)
        return 0;
    hf_av_forget();
    if ((rc = hw->calls->transfer(hw->host, frame)) >= 0)
        rc = make_planar(hw->planar, frame, hw);
    av_frame_unref(frame);
    if (rc >= 0)
        av_frame_move_ref(frame, hw->planar);
    av_frame_unref(hw->planar);
    return rc;
}

void hf_hw_give_up(hf_hw *hw, int av_code)
{
    hw->is_given_up = 1;
    if (!hw->is_declined)
        keep_reason(hw, av_code);
}

int hf_hw_is_used(const hf_hw *hw)
{
    return hw->is_open && !hw->is_given_up && !hw->is_declined;
}

int hf_hw_is_refused(const hf_hw *hw)
{
    return hf_hw_is_must(hw) && hw->is_declined;
}

int hf_hw_is_must(const hf_hw *hw)
{
    return hw->when == HF_HWDEC_ON;
}

const char *hf_hw_name(const hf_hw *hw)
{
    return av_hwdevice_get_type_name(hw->type);
}

const char *hf_hw_why(const hf_hw *hw)
{
    return hw->why;
}

/* ---- doctor ---- */

/* Opening the device does not open the library that decodes, which containers often lack. */
static int has_decoder_library(enum AVHWDeviceType type)
{
    void *library;

    if (type != AV_HWDEVICE_TYPE_CUDA)
        return 1;
    if (!(library = dlopen("libnvcuvid.so.1", RTLD_LAZY | RTLD_LOCAL)))
        return 0;
    dlclose(library);
    return 1;
}

static void list_codecs(char *text, size_t size, enum AVHWDeviceType type)
{
    static const enum AVCodecID ids[] = { AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_VP8, AV_CODEC_ID_VP9, AV_CODEC_ID_AV1 };
    const hf_hw probe = { .type = type, .calls = &ffmpeg_calls };
    const AVCodecHWConfig *config;

    text[0] = 0;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        const AVCodec *software = avcodec_find_decoder(ids[i]);
        size_t used = strlen(text);
        if (software && find_helped(&config, &probe, software))
            snprintf(text + used, size - used, "%s%s", used ? ", " : "", avcodec_get_name(ids[i]));
    }
}

int hf_hw_probe(char *text, size_t size, const char *type)
{
    enum AVHWDeviceType found = av_hwdevice_find_type_by_name(type);
    AVBufferRef *ref = NULL;
    int rc;

    hf_av_quiet();
    hf_av_forget();
    list_codecs(text, size, found);
    if (found == AV_HWDEVICE_TYPE_NONE || !text[0]) {
        snprintf(text, size, "this FFmpeg was built without it");
        return 0;
    }
    if ((rc = open_device(&ref, found, NULL)) < 0) {
        snprintf(text, size, "%s", hf_av_said()[0] ? hf_av_said() : av_err2str(rc));
        return 0;
    }
    av_buffer_unref(&ref);
    if (!has_decoder_library(found)) {
        snprintf(text, size, "the GPU is there, the driver's libnvcuvid.so.1 is not; a container needs NVIDIA_DRIVER_CAPABILITIES "
                 "with video in it");
        return 0;
    }
    size_t used = strlen(text);
    snprintf(text + used, size - used, " by this FFmpeg, as far as the GPU has them");
    return 1;
}
