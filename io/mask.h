/* mask.h - object masks: one id a pixel, 0 is the background. */
#ifndef HF_IO_MASK_H
#define HF_IO_MASK_H

#include <stdint.h>
#include "src/error.h"

typedef struct hf_mask {
    int      width, height;
    uint8_t *ids;             /* [H,W] */
    uint8_t  palette[256][3]; /* the file's own, or the DAVIS palette */
    int      n_palette;       /* entries of the file's own palette, 0 = it had none */
} hf_mask;

#endif
