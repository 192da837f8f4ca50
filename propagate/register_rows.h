/* register_rows.h - all moves of the most frequent search at once, where the processor can; for register.c only. */
#ifndef HF_PROPAGATE_REGISTER_ROWS_H
#define HF_PROPAGATE_REGISTER_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#define HF_ROWS_PATCH 16 /* pixels of the patch's side: a block of 8 and its margin */
#define HF_ROWS_REACH 4
#define HF_ROWS_SIDE (2 * HF_ROWS_REACH + 1)
#define HF_ROWS_PITCH 16 /* numbers of a row of sums */

/* Whether this processor has AVX-512 BW. */
bool hf_has_register_rows(void);

/*
 * Sums of absolute differences of a patch and the other picture at the moves -4..4, rows: y. Returns the
 * least.
 *
 *   sums   u16 [9,16]  those beyond 9 are UINT16_MAX, which no sum reaches
 *   patch  first pixel of the patch; other: the same place of the other picture at the move (-4, -4)
 */
uint16_t hf_register_rows(uint16_t *sums, const uint8_t *patch, const uint8_t *other, int pitch);

#endif
