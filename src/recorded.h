/* recorded.h - the device work of a model for one size of picture, recorded once and replayed (recorder.h).
 *
 * A recording holds addresses, and callers bring pictures and features at any: where a backend records, both are copied to
 * and from places that stay. Elsewhere the work is done on the caller's own.
 */
#ifndef HF_SRC_RECORDED_H
#define HF_SRC_RECORDED_H

#include "src/recorder.h"

/* features f32 [h,w,D] of rgb u8 [H,W,3], as hf_model.extract. The same operations in every run. */
typedef int hf_recorded_body(void *ctx, const hf_tensor *features, const hf_tensor *rgb, hf_error *err);

typedef struct hf_recorded {
    hf_recorder       recorder;
    hf_tensor         rgb, features; /* of the backend's memory; empty where nothing is recorded */
    hf_recorded_body *body;
    void             *ctx;
} hf_recorded;

/* For pictures of this size, again for another one; *r is zero before the first time. be, body and ctx must outlive
 * it. HF_ENOMEM. */
int  hf_recorded_prepare(hf_recorded *r, hf_backend *be, int width, int height, int h, int w, int D, hf_recorded_body *body,
                         void *ctx, hf_error *err);
void hf_recorded_free(hf_recorded *r); /* of zero, too; r is then zero again */

/* What prepare takes. */
int64_t hf_recorded_bytes(const hf_backend *be, int width, int height, int h, int w, int D);

/* What the body uses is at other addresses from now on: the next run is a first one again. */
void hf_recorded_reset(hf_recorded *r);

/* Run body, or what was recorded of it. Returns what body or the device returns. */
int hf_recorded_run(hf_recorded *r, const hf_tensor *features, const hf_tensor *rgb, hf_error *err);

#endif
