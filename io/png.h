/* png.h - PNG files exactly as they are stored: palette indices stay indices.
 *
 * libpng would gladly turn a palette into colours and 1-bit gray into 0/255; a
 * mask needs the numbers in the file. So nothing is expanded here: samples
 * below 8 bits are only unpacked to one a byte, 16-bit samples come in the
 * machine's own byte order, rows are packed, interlaced files are put together.
 */
#ifndef HF_IO_PNG_H
#define HF_IO_PNG_H

#include <stdint.h>
#include "src/error.h"

#define HF_PNG_MAX_PIXELS (1 << 28) /* larger pictures are refused before anything is allocated */
#define HF_PNG_MAX_SIDE   (1 << 20)

typedef enum hf_png_kind {
    HF_PNG_GRAY,
    HF_PNG_GRAY_ALPHA,
    HF_PNG_PALETTE,
    HF_PNG_RGB,
    HF_PNG_RGBA
} hf_png_kind;

typedef struct hf_png {
    int         width, height;
    hf_png_kind kind;
    int         bits;         /* of a sample in the file: 1, 2, 4, 8 or 16 */
    void       *pixels;       /* [H,W,channels] u8, or u16 where bits is 16 */
    int         n_palette;    /* HF_PNG_PALETTE: entries in the file */
    uint8_t     palette[256][3];
    int         n_alpha;      /* HF_PNG_PALETTE: entries with an alpha of their own (tRNS) */
    uint8_t     alpha[256];   /* 255 beyond n_alpha */
    int         has_key;      /* gray and RGB: one colour that means transparent (tRNS) */
    uint16_t    key[3];       /* gray: key[0] */
} hf_png;

/* Samples a pixel: 1, 2, 1, 3, 4 in the order of hf_png_kind. */
int hf_png_channels(hf_png_kind kind);

/*
 * Read a whole file. On success *out is the caller's, to release with
 * hf_png_free; on failure it is NULL.
 *
 * Returns HF_EIO if the file cannot be opened or read; HF_EFORMAT if it is empty,
 * not a PNG (other image types are named), truncated, has a bad checksum, a zero size,
 * no palette where it needs one, or an index outside its palette; HF_EUNSUPPORTED if it
 * has more than HF_PNG_MAX_PIXELS pixels; HF_ENOMEM.
 */
int  hf_png_read(hf_png **out, const char *path, hf_error *err);
void hf_png_free(hf_png **png);

/*
 * Write to `path`.part and rename: a file called `path` is always whole.
 * `image` is described as by hf_png_read; bits is 8 or 16 (palette: 8, written with
 * n_palette entries and n_alpha alphas). A colour key is not written.
 * Returns HF_EARG for another description, HF_EIO with the system's reason, HF_ENOMEM.
 */
int hf_png_write(const char *path, const hf_png *image, hf_error *err);

/*
 * rgba u8 [H,W,4] out, straight alpha, from any kind; 16-bit samples are rounded to 8,
 * fewer bits are spread over 0..255, palette alpha and colour keys are applied.
 */
void hf_png_to_rgba(uint8_t *rgba, const hf_png *png);

/* 1 if any pixel can be other than opaque: an alpha channel, palette alpha or a colour key. */
int hf_png_has_alpha(const hf_png *png);

#endif
