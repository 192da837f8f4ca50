/* mask.h - object masks: one id a pixel, 0 is the background.
 *
 * Masks come as palette PNGs (DAVIS), gray 0/255, gray ids, or painted in
 * colours with or without alpha. hf_mask_read finds out which and says so.
 */
#ifndef HF_IO_MASK_H
#define HF_IO_MASK_H

#include <stddef.h>
#include <stdint.h>
#include "src/error.h"

typedef struct hf_mask {
    int      width, height;
    uint8_t *ids;             /* [H,W] */
    uint8_t  palette[256][3]; /* the file's own, or the DAVIS palette */
    int      n_palette;       /* entries of the file's own palette, 0 = it had none */
} hf_mask;

/* How a file is read. AUTO:
 *   palette   the index is the id. If entry 0 is neither black nor transparent the
 *             index cannot mean background, and the colours are read instead.
 *   gray      0 and white only: id 1. Values up to 32: ids. Up to 64 levels: each level with
 *             an area is an object (ids ascend with the level; the gray of a DAVIS colour gets
 *             its DAVIS id), levels on edges only are anti-aliasing. More: a soft
 *             matte, cut at half. 16 bits with nothing over 4095: ids if all are up to 255, else
 *             refused (HF_EFORMAT): a picture would be brighter.
 *   RGB(A)    all colours gray: as gray. Red <= 32 and nothing else: ids. Otherwise black
 *             and transparent are background and each colour with an area is an object: a
 *             DAVIS colour gets its DAVIS id, the others the lowest free ids in the order
 *             in which they appear, row by row. Colours on edges only go to the object beside
 *             them that they resemble most. Transparency around a photo, or around
 *             black alone: the opaque part is id 1.
 * In ids, 255 means "void" and becomes background, unless it is the only id: then it is id 1. */
typedef enum hf_mask_mode {
    HF_MASK_AUTO,
    HF_MASK_PALETTE, /* palette index; other files are refused */
    HF_MASK_INDEX,   /* gray value or palette index is the id, whatever it is */
    HF_MASK_RGB,     /* by colour, also for palette and gray files */
    HF_MASK_ALPHA,   /* alpha of half and more is id 1 */
    HF_MASK_GRAY,    /* brightness of half and more is id 1 */
    HF_MASK_DAVIS,   /* gray value or palette index is the id, 255 is void as above; colours as SINGLE. Nothing is
                        guessed or warned of, and the palette is that of DAVIS */
    HF_MASK_SINGLE   /* every pixel that is not 0 or black is id 1; alpha does not count. The palette is that of DAVIS */
} hf_mask_mode;

/* Colours that have an id already. Hand the same table to every key frame of one
 * video, so that a colour means the same object in all of them. Start with n = 0. */
typedef struct hf_mask_colors {
    int     n;
    uint8_t rgb[256][3];
    uint8_t id[256];
} hf_mask_colors;

typedef struct hf_mask_params {
    hf_mask_mode    mode;
    int             tolerance; /* 0..255: colours this near, in each channel, are one */
    hf_mask_colors *colors;    /* in and out; NULL = every file on its own */
} hf_mask_params;

#define HF_MASK_DEFAULTS { .mode = HF_MASK_AUTO, .tolerance = 16 }

/* What was found. */
typedef struct hf_mask_report {
    int     n_ids;
    uint8_t ids[256];      /* ascending, without 0 */
    int64_t area_px[256];  /* by id; [0] is the background */
    int64_t void_px;       /* pixels of id 255 that became background */
    int64_t snapped_px;    /* pixels of edge colours that were given to a neighbour */
    char    text[512];     /* one line: "first.png: palette PNG 854x480, 2 objects: ids 1 (3120 px), ..." */
    char    warning[512];  /* one line, "" if there is nothing to warn of */
} hf_mask_report;

/* All background, with the DAVIS palette. HF_EARG if a side is below 1, HF_ENOMEM. */
int  hf_mask_new(hf_mask **out, int width, int height, hf_error *err);
void hf_mask_free(hf_mask **mask);

/*
 * Read a PNG mask. params NULL = defaults; report may be NULL. On failure *out is NULL.
 * Returns what hf_png_read returns, and HF_EFORMAT for a mask with no object, with more than
 * 255 colours or objects, for a photo, and for a file that the forced mode cannot read; each text says
 * what to do.
 */
int hf_mask_read(hf_mask **out, const char *path, const hf_mask_params *params,
                 hf_mask_report *report, hf_error *err);

/* The mode of a --mask-colors word, or HF_EARG naming the words there are. */
int hf_mask_mode_parse(hf_mask_mode *mode, const char *word, hf_error *err);

/* How a mask (or an edit) of another size is brought to the frame's. */
typedef enum hf_fit {
    HF_FIT_STRICT, /* the same aspect within 1 %: scaled, with a warning; otherwise an error */
    HF_FIT_SCALE,  /* stretched to the frame, whatever its aspect */
    HF_FIT_CROP    /* scaled evenly to cover the frame, centred; what hangs over is cut off */
} hf_fit;

int hf_fit_parse(hf_fit *fit, const char *word, hf_error *err);

/*
 * The source column (row) of each target column (row) for nearest-neighbour fitting.
 *   xs [W], ys [H]   out
 * warning: [size] out, "" when the sizes are equal; name is for the texts. Returns HF_EARG in
 * strict mode when the aspects differ; the text names both sizes and the option.
 */
int hf_fit_map(int *xs, int *ys, int W, int H, int width, int height, hf_fit fit,
               const char *name, char *warning, size_t size, hf_error *err);

/*
 * Bring a mask to W x H in place, nearest neighbour. warning (size bytes, may be NULL) is ""
 * when nothing was done. HF_EARG as hf_fit_map, or if no object is left; HF_ENOMEM. On failure
 * the mask is as it was.
 */
int hf_mask_fit(hf_mask *mask, int W, int H, hf_fit fit, const char *name,
                char *warning, size_t size, hf_error *err);

/* Indexed 8-bit PNG with the mask's palette; ids as they are. Returns what hf_png_write returns. */
int hf_mask_write(const char *path, const hf_mask *mask, hf_error *err);

/* Gray PNG of 8 or 16 bits: alpha is u8 or u16 [H,W], 0 = outside. */
int hf_matte_write(const char *path, const void *alpha, int width, int height, int bits, hf_error *err);

/* The colour map of VOC and DAVIS: 0 black, 1 dark red, 2 dark green, ... */
void hf_mask_davis_palette(uint8_t palette[256][3]);

#endif
