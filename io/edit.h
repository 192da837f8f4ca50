/* edit.h - a painted edit: straight RGBA of the drawn frame's size.
 *
 * It is either an overlay (a PNG with transparency) or the whole frame painted
 * over (a PNG without), from which the overlay is taken by difference with the
 * frame. Reading comes before the frame is known, so there are two steps:
 * hf_edit_read looks at the file, hf_edit_fit brings it to the frame.
 */
#ifndef HF_IO_EDIT_H
#define HF_IO_EDIT_H

#include <stdint.h>
#include "io/mask.h" /* hf_fit */
#include "src/error.h"

typedef struct hf_edit {
    int      width, height;
    uint8_t *rgba;         /* [H,W,4] straight alpha */
    int      is_painted;   /* 1: still a whole frame; hf_edit_fit makes the overlay */
    int64_t  covered_px;   /* pixels with any alpha */
    char     name[256];    /* for texts: the path it came from */
    char     text[512];    /* one line: size, kind, cover */
    char     warning[512]; /* one line, "" if there is nothing to warn of */
} hf_edit;

typedef struct hf_edit_params {
    hf_fit fit;
    int    threshold;     /* 1..254: channel difference that counts as painted; 0 = from the noise found */
    int    despeckle_px;  /* painted specks of fewer pixels are noise */
    int    fill_holes_px; /* enclosed holes of fewer pixels were painted in the colour that was there */
} hf_edit_params;

#define HF_EDIT_DEFAULTS { .fit = HF_FIT_STRICT, .threshold = 0, .despeckle_px = 16, .fill_holes_px = 64 }

/*
 * Read a PNG of any kind (16-bit samples are rounded to 8). A file without transparency is a
 * painted frame. Returns what hf_png_read returns, and HF_EFORMAT for an overlay that is
 * transparent everywhere. On failure *out is NULL.
 */
int  hf_edit_read(hf_edit **out, const char *path, hf_error *err);
void hf_edit_free(hf_edit **edit);

/*
 * Bring an edit to the frame's size, in place, and make the overlay of a painted frame. Call
 * it once, before use. An overlay is scaled bilinearly under the rules of hf_fit; a painted frame must have the
 * frame's size exactly.
 *
 *   frame  u8 [H,W,3]  the drawn frame; NULL is allowed for an overlay
 *
 * params NULL = defaults. Returns HF_EARG for sizes that do not fit, a missing frame and for
 * a painted frame that is equal to the frame (or differs by noise only); HF_ENOMEM.
 */
int hf_edit_fit(hf_edit *edit, const uint8_t *frame, int W, int H,
                const hf_edit_params *params, hf_error *err);

/*
 * The overlay that turns `frame` into `painted`.
 *
 *   rgba     u8 [H,W,4]  out: painted colours; alpha 255 where painted, soft over the last weak differences
 *   painted  u8 [H,W,4]  alpha is ignored
 *   frame    u8 [H,W,3]
 *
 * Returns the number of pixels with alpha (0: nothing was painted), or HF_ENOMEM.
 */
int64_t hf_edit_from_difference(uint8_t *rgba, const uint8_t *painted, const uint8_t *frame,
                                int W, int H, const hf_edit_params *params, hf_error *err);

#endif
