/* resize_taps.h - which old cells make a new cell, and how much each: one axis.
 *
 * The rules of hf_ops.resize for one axis as a table, so that resizing is a weighted
 * sum and every backend uses the same weights.
 */
#ifndef HF_SRC_RESIZE_TAPS_H
#define HF_SRC_RESIZE_TAPS_H

#include "src/ops.h"

/* Taps of each new cell: the same number for all, weight 0 in those not used. */
int hf_taps_count(hf_resize_kind kind, bool antialias, int64_t n_in, int64_t n_out, double scale);

/*
 *   index   [n_out,n_taps]  out: old cells, 0..n_in-1, ascending before clamping
 *   weight  [n_out,n_taps]  out: sum 1
 *   n_taps  from hf_taps_count with the same arguments
 *   scale   old cells per new cell; 0: n_in / n_out
 */
void hf_taps_fill(int32_t *index, float *weight, int n_taps, hf_resize_kind kind, bool antialias,
                  int64_t n_in, int64_t n_out, double scale);

#endif
