/* orient.h - turn, mirror, deinterlace and, after a change of size, rescale decoded frames.
 *
 * A display matrix maps stored (x, y) to x' = a x + c y, y' = b x + d y, with
 * a = m[0], b = m[1], c = m[3], d = m[4]. Only quarter turns and mirrors are
 * applied, which lose nothing: transpose if b, c outweigh a, d; then mirror
 * x where the factor of x' is negative, y where that of y' is.
 */
#ifndef HF_IO_ORIENT_H
#define HF_IO_ORIENT_H

#include <libavutil/frame.h>
#include <libavutil/rational.h>

#include "src/error.h"

typedef struct hf_turn {
    int transpose, mirror_x, mirror_y; /* in this order */
} hf_turn;

hf_turn hf_turn_of_matrix(const int32_t matrix[9]);
hf_turn hf_turn_of_exif(int orientation); /* 1..8; else no turn */

/* Clockwise degrees; of a mirrored picture those of its turn before mirroring in y. */
int hf_turn_degrees(hf_turn turn);

typedef struct hf_orient hf_orient;

typedef struct hf_orient_params {
    hf_turn turn;
    int     deinterlace;
    int     width, height; /* after turning: scale to this; 0: leave as is */
    int     format;        /* pixel format to scale into; used with width */
} hf_orient_params;

/* A chain for frames like `first`. HF_OK, HF_ENOMEM, HF_EFORMAT. */
int  hf_orient_open(hf_orient **out, const AVFrame *first, AVRational time_base, const hf_orient_params *params,
                    hf_error *err);
void hf_orient_close(hf_orient **orient);

/* 1 if the chain was opened for frames of this size and format and these parameters. */
int hf_orient_fits(const hf_orient *orient, const AVFrame *frame, const hf_orient_params *params);

/* Takes the frame (leaves it blank); NULL: the input has ended. */
int hf_orient_send(hf_orient *orient, AVFrame *frame, hf_error *err);

/* HF_OK and a frame with pts in the time base of open; HF_ORIENT_MORE: send more; HF_EOF after the end. */
#define HF_ORIENT_MORE 2
int hf_orient_receive(AVFrame *frame, hf_orient *orient, hf_error *err);

#endif
