/* frame.c - see frame.h. */
#include "io/frame.h"

#include <stdlib.h>

#include "hf_config.h"
#ifdef HF_HAVE_FFMPEG
#include <libavutil/frame.h>
#endif

/* swscale's vector code writes whole vectors, so past the end of the last row of some widths. */
#define PADDING_BYTES 256

int hf_frame_new(hf_frame **out, int width, int height, hf_error *err)
{
    hf_frame *frame;

    *out = NULL;
    if (width < 1 || height < 1 || (int64_t)width * height > HF_FRAME_MAX_PIXELS)
        return hf_fail(err, HF_EARG, "frame: %dx%d, want 1x1 to %d pixels in all", width, height,
                       HF_FRAME_MAX_PIXELS);
    if (!(frame = calloc(1, sizeof(*frame))) || !(frame->rgb = malloc((size_t)width * height * 3 + PADDING_BYTES))) {
        free(frame);
        return hf_fail(err, HF_ENOMEM, "frame: out of memory for %dx%d", width, height);
    }
    frame->width = width;
    frame->height = height;
    *out = frame;
    return HF_OK;
}

void hf_frame_free(hf_frame **frame)
{
    if (!*frame)
        return;
#ifdef HF_HAVE_FFMPEG
    AVFrame *picture = (*frame)->picture;
    av_frame_free(&picture);
#endif
    free((*frame)->rgb);
    free(*frame);
    *frame = NULL;
}
