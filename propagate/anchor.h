/* anchor.h - hold a followed frame fast to the drawn one, to parts of a pixel.
 *
 * Votes of cells know a place to about half a cell, and a motion slower than that is
 * no motion to them: frame by frame the labels would stay where they are while the object
 * leaves. So every cell is also followed through the pictures themselves:
 *
 *   flow    its block of pixels is found in the frame before, and takes over the coordinate that was
 *           known there
 *   anchor  from the vote's and from the flow's coordinate the block is laid over the drawn frame
 *   trust   the better it fits there, measured by its own texture, and the nearer the two
 *           ways end, the more its labels are those that were drawn at that place
 */
#ifndef HF_PROPAGATE_ANCHOR_H
#define HF_PROPAGATE_ANCHOR_H

#include "propagate/block.h"
#include "propagate/cells.h"
#include "src/backend.h"

typedef struct hf_anchor hf_anchor;

/* What it knows, in the memory of its backend: what hf_context_ops.anchor reads. */
typedef struct hf_anchor_view {
    int      W, H, h, w, stride_px, fine_px;
    hf_light drawn, last, now;
    int      has_last; /* 0: nothing is known of the frame before */
    uint8_t *ids;      /* [H,W] of the drawn frame */
    float   *xy;       /* [h,w,2] of the frame before */
} hf_anchor_view;

/* Cells of stride_px, fine cells of fine_px, which divides it; the backend must outlive the anchor. All that run
 * and seed are given is in the backend's memory, but for ids. Returns HF_ENOMEM. */
int  hf_anchor_open(hf_anchor **out, hf_backend *be, int width, int height, int stride_px, int fine_px,
                    hf_error *err);
void hf_anchor_close(hf_anchor **anchor);
int64_t hf_anchor_bytes(int width, int height, int stride_px);

/* rgb u8 [H,W,3] and ids u8 [H,W] (host) of the drawn frame; both are copied. Returns HF_EDEVICE. */
int hf_anchor_seed(hf_anchor *anchor, const uint8_t *rgb, const uint8_t *ids, hf_error *err);

/*
 * Correct cells->xy, fine->xy and fine->labels, which belong to the picture rgb, the next away
 * from the drawn one. Every id that was drawn is below fine->n_labels.
 *
 *   guess  i32 [h,w] the cell of the frame before that looks most alike, -1 if there is none;
 *          NULL for the first frame after seed
 * Returns HF_EDEVICE.
 */
int hf_anchor_run(hf_anchor *anchor, const hf_cells *cells, const hf_cells *fine, const uint8_t *rgb,
                  const int32_t *guess, hf_error *err);

/* hf_context_ops.anchor of the host. */
void hf_anchor_cells(const hf_anchor_view *anchor, const hf_cells *cells, const hf_cells *fine, const int32_t *guess);

/* The frame before, for going on later: seeded again, then load. HF_EIO, HF_EFORMAT. */
int hf_anchor_save(const hf_anchor *anchor, FILE *file, const char *path, hf_error *err);
int hf_anchor_load(hf_anchor *anchor, FILE *file, const char *path, hf_error *err);

#endif
