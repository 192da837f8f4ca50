/* sidecar.h - the JSON file beside a result: how it was made and what happened.
 *
 *   { "hfprop": ..., "command": [...], "settings": {...}, ...   what is known at the start
 *   "frames": [
 *   {"frame":0,"ms":...,"area_px":{"1":...},"cover":...},       one line each, written as they come
 *   ...
 *   ],
 *   "warnings": [...], "state": "done", ... }                   what is known at the end
 *
 * Frames are streamed, so that memory does not grow with the video. The file is
 * `path.part` until it is whole.
 */
#ifndef HF_SRC_CLI_SIDECAR_H
#define HF_SRC_CLI_SIDECAR_H

#include <jansson.h>
#include <stdint.h>
#include "src/error.h"

typedef struct hf_sidecar hf_sidecar;

/* head: object, borrowed. keep_before > 0: frames below it are copied from the file that is there (--resume).
 * HF_EIO, HF_ENOMEM. */
int hf_sidecar_open(hf_sidecar **out, const char *path, const json_t *head, int64_t keep_before, hf_error *err);

/* Append a frame; takes the object. Errors of writing are told by finish. */
void hf_sidecar_add_frame(hf_sidecar *sidecar, json_t *frame);

/* tail: object, borrowed. Writes the end and renames. Returns HF_EIO with the system's reason. */
int hf_sidecar_finish(hf_sidecar *sidecar, const json_t *tail, hf_error *err);

/* Abandons what is not finished: removes the .part. */
void hf_sidecar_close(hf_sidecar **sidecar);

#endif
