/* classic_raw.h - the statistics that model `classic` starts from, as an operation of the backends.
 *
 * For every cell of 8 x 8 pixels: Lab colour over several windows and as a small
 * layout of its surroundings, spread of Lab, and orientated gradient energy of
 * lightness at four scales and of chroma at one, over several windows and at
 * neighbouring places. What each channel is stands in one table in classic_raw.c.
 *
 * Everything is gathered once on a grid of 4 x 4 pixel blocks (two a cell, both
 * ways), as planes [channel][block row][block]; windows are then separable
 * filters on small planes. Energies are kept as square roots, which brings their
 * long tails near to what a Gaussian model (the whitening) expects.
 */
#ifndef HF_SRC_CLASSIC_RAW_H
#define HF_SRC_CLASSIC_RAW_H

#include "src/backend.h"

#define HF_CLASSIC_STRIDE 8
#define HF_CLASSIC_BLOCK 4
#define HF_CLASSIC_DIRECTIONS 8 /* of a gradient, over the full circle */
#define HF_CLASSIC_ROOTS 4096   /* entries of the cube root table of Lab, less one */

/* Planes on the block grid. */
enum {
    HF_CLASSIC_B_LAB = 0,                                               /* mean L, a, b */
    HF_CLASSIC_B_SQUARE = HF_CLASSIC_B_LAB + 3,                         /* mean of their squares */
    HF_CLASSIC_B_FINE = HF_CLASSIC_B_SQUARE + 3,                        /* gradient energy at full resolution, by direction */
    HF_CLASSIC_B_HALF = HF_CLASSIC_B_FINE + HF_CLASSIC_DIRECTIONS,      /* at half resolution */
    HF_CLASSIC_B_QUARTER = HF_CLASSIC_B_HALF + HF_CLASSIC_DIRECTIONS,   /* at quarter resolution: between blocks */
    HF_CLASSIC_B_CHROMA = HF_CLASSIC_B_QUARTER + HF_CLASSIC_DIRECTIONS, /* half resolution, of a, then of b, modulo 180 degrees */
    HF_CLASSIC_N_BLOCK = HF_CLASSIC_B_CHROMA + HF_CLASSIC_DIRECTIONS
};

/* Planes on the cell grid: what a cell's own descriptor and its neighbours' are read from. */
enum {
    HF_CLASSIC_C_BOX = 0,                                           /* Lab over the cell itself */
    HF_CLASSIC_C_NEAR = HF_CLASSIC_C_BOX + 3,                       /* all block planes over a window of 16 px */
    HF_CLASSIC_C_WIDE = HF_CLASSIC_C_NEAR + HF_CLASSIC_N_BLOCK,     /* over 40 px */
    HF_CLASSIC_C_BROAD = HF_CLASSIC_C_WIDE + HF_CLASSIC_N_BLOCK,    /* Lab and its squares over 88 px */
    HF_CLASSIC_C_COARSE = HF_CLASSIC_C_BROAD + 6,                   /* gradient energy between cells */
    HF_CLASSIC_C_COARSE_WIDE = HF_CLASSIC_C_COARSE + HF_CLASSIC_DIRECTIONS,
    HF_CLASSIC_N_CELL = HF_CLASSIC_C_COARSE_WIDE + HF_CLASSIC_DIRECTIONS
};

/* How a channel comes from its plane. */
enum {
    HF_CLASSIC_READ_PLAIN,
    HF_CLASSIC_READ_ROOT,  /* square root of an energy */
    HF_CLASSIC_READ_SPREAD /* standard deviation, from the mean and the mean square 3 planes on */
};

/* A channel of the statistics: a plane of the cells, read dx, dy cells away. */
typedef struct hf_classic_channel {
    int16_t plane, read;
    int16_t dx, dy;
} hf_classic_channel;

/* Tables and scratch for pictures of one size. Arrays are in the backend's memory. */
typedef struct hf_classic_raw {
    int                       width, height;
    int                       h, w; /* cells; blocks are 2h x 2w */
    int                       n_channels;
    const float              *linear;   /* [256] sRGB code to linear light */
    const float              *root;     /* [HF_CLASSIC_ROOTS + 1] CIE Lab's f of 0..1 */
    const hf_classic_channel *channels; /* [n_channels] */
    float                    *light;    /* [8h,8w] gamma-coded lightness, 0..1 */
    float                    *lab;      /* [3][4h,4w] at half resolution; L 0..1, a and b on the same scale */
    float                    *blocks;   /* [N_BLOCK][2h,2w] */
    float                    *cells;    /* [N_CELL][h,w] */
    float                    *scratch;  /* [N_BLOCK][2h,w], of `cpu` */
    hf_backend               *be;
    void                     *memory;   /* one block, which the arrays are parts of */
} hf_classic_raw;

/* All memory for pictures of this size; be must outlive it. *out is NULL after a failure: HF_ENOMEM, HF_EDEVICE, or
 * HF_EARG for a size below 1. */
int  hf_classic_raw_new(hf_classic_raw **out, hf_backend *be, int width, int height, hf_error *err);
void hf_classic_raw_free(hf_classic_raw **raw);

/* What new takes for this size, and the channels that every instance has. */
int64_t hf_classic_raw_bytes(int width, int height, int *n_channels);

/*
 * hf_ops.classic_raw(be, out, rgb, raw, err)
 *
 *   out  f32 [..,C]   h x w cells, h = ceil(height / 8), w = ceil(width / 8)
 *   rgb  u8  [H,W,3]  the picture; past its edge it is continued by its last pixels
 *   raw  of this backend and of the picture's size; its scratch is overwritten
 *
 * Every backend gives the same bytes: sums are f32 and run in the order of classic_cell.h, without a multiply-add in one
 * rounding; roots and quotients are rounded correctly.
 * Returns HF_OK or HF_EDEVICE.
 */

#endif
