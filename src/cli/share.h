/* share.h - work shared out among several machines. */
#ifndef HF_SRC_CLI_SHARE_H
#define HF_SRC_CLI_SHARE_H

#include "src/error.h"

#define HF_SHARE_MAX_PARTS 100000

/* "2/8": part 2 of 8, counted from 1. HF_EARG; `name` is for the text. */
int hf_share_parse(int *part, int *n_parts, const char *text, const char *name, hf_error *err);

/*
 * Share n jobs out so that the dearest part costs little more than the mean: dearest job first, each to the
 * part that has least so far (Graham's rule: never more than 4/3 of the best). Ties go to the lower job and
 * the lower part, so that every machine comes to the same result.
 *
 *   part_of [n]   out: 1..n_parts
 *   cost    [n]   >= 0
 *
 * Returns HF_ENOMEM.
 */
int hf_share_out(int *part_of, const double *cost, int n, int n_parts, hf_error *err);

/* order [n] out: the jobs, dearest first, ties by number. HF_ENOMEM. */
int hf_share_order(int *order, const double *cost, int n, hf_error *err);

#endif
