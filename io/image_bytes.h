/* image_bytes.h - small pictures encoded into memory, to be put inside another file. */
#ifndef HF_IO_IMAGE_BYTES_H
#define HF_IO_IMAGE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include "src/error.h"

#define HF_JPEG_BEST  1
#define HF_JPEG_WORST 31

/*
 * A JPEG (4:2:0, full range BT.601 as JFIF has it) of rgb u8 [H,W,3].
 * quality: the quantiser's scale, HF_JPEG_BEST..HF_JPEG_WORST; 4 shows no blocks.
 * *bytes is the caller's, to release with free; NULL on failure.
 * Returns HF_EARG for sides outside 1..65500 or another quality, HF_EUNSUPPORTED if this
 * FFmpeg has no JPEG encoder, HF_ENOMEM.
 */
int hf_jpeg_bytes(uint8_t **bytes, size_t *size, const uint8_t *rgb, int width, int height, int quality,
                  hf_error *err);

/* A PNG of rgba u8 [H,W,4], straight alpha. Ownership and results as hf_jpeg_bytes; HF_EARG for sides only. */
int hf_png_bytes(uint8_t **bytes, size_t *size, const uint8_t *rgba, int width, int height, hf_error *err);

#endif
