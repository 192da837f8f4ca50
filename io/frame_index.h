/* frame_index.h - time stamps and key frames of a video, found by reading it without decoding. */
#ifndef HF_IO_FRAME_INDEX_H
#define HF_IO_FRAME_INDEX_H

#include <stdint.h>
#include "src/error.h"

typedef struct hf_frame_index {
    int64_t  n;         /* packets that hold a frame to show */
    int64_t *pts;       /* [n], rising */
    int64_t  n_keys;
    int64_t *key_pts;   /* [n_keys], rising */
    int64_t *key_dts;   /* [n_keys], where to seek for it */
    int      is_exact;  /* 0: time stamps are missing or double, so that frame numbers cannot be told from them */
} hf_frame_index;

/* HF_EIO, HF_EFORMAT, HF_ENOMEM. */
int  hf_frame_index_new(hf_frame_index **out, const char *path, int stream, hf_error *err);
void hf_frame_index_free(hf_frame_index **index);

/* Number of the last key frame with pts <= the given; -1: none. */
int64_t hf_frame_index_key(const hf_frame_index *index, int64_t pts);

#endif
