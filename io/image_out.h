/* image_out.h - a folder of PNG images, one a frame. Inside io/ only. */
#ifndef HF_IO_IMAGE_OUT_H
#define HF_IO_IMAGE_OUT_H

#include <libavcodec/avcodec.h>

#include "io/video_source.h"
#include "src/error.h"

typedef struct hf_image_out hf_image_out;

/* Makes the folder if needed. HF_EIO, HF_ENOMEM; HF_EARG: it is the folder of the source's images. */
int  hf_image_out_open(hf_image_out **out, const char *folder, const hf_video_source *source, int start_number,
                       hf_error *err);
void hf_image_out_close(hf_image_out **out);

/* Write one encoded image as name.png, or %05d.png if name is "". HF_EIO; HF_EARG: the name was just used. */
int hf_image_out_write(hf_image_out *out, const char *name, const AVPacket *packet, hf_error *err);

/* HF_EIO if the folder cannot be made or written into. Creates nothing. */
int hf_image_out_check(const char *folder, hf_error *err);

#endif
