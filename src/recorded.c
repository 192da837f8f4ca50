/* recorded.c - see recorded.h. */
#include "src/recorded.h"

static bool records(const hf_backend *be) { return be->ops.record_begin != NULL; }

int hf_recorded_prepare(hf_recorded *r, hf_backend *be, int width, int height, int h, int w, int D, hf_recorded_body *body,
                        void *ctx, hf_error *err)
{
    hf_recorded_free(r);
    r->recorder.be = be;
    r->body = body;
    r->ctx = ctx;
    if (!records(be))
        return HF_OK;
    r->rgb = hf_tensor_view(NULL, HF_U8, 3, height, width, 3);
    r->features = hf_tensor_view(NULL, HF_F32, 3, h, w, D);
    r->rgb.data = be->ops.alloc(be, hf_tensor_bytes(&r->rgb));
    r->features.data = be->ops.alloc(be, hf_tensor_bytes(&r->features));
    return r->rgb.data && r->features.data ? HF_OK
         : hf_fail(err, HF_ENOMEM, "features: out of memory for %d x %d pixels; a smaller --size needs less", width, height);
}

void hf_recorded_free(hf_recorded *r)
{
    hf_backend *be = r->recorder.be;
    if (!be)
        return;
    hf_recorder_reset(&r->recorder);
    be->ops.free(be, r->rgb.data);
    be->ops.free(be, r->features.data);
    *r = (hf_recorded){ .recorder = { .be = NULL } };
}

int64_t hf_recorded_bytes(const hf_backend *be, int width, int height, int h, int w, int D)
{
    return records(be) ? (int64_t)3 * width * height + (int64_t)4 * h * w * D : 0;
}

void hf_recorded_reset(hf_recorded *r)
{
    if (r->recorder.be)
        hf_recorder_reset(&r->recorder);
}

static int run_own(void *ctx, hf_error *err)
{
    hf_recorded *r = ctx;
    return r->body(r->ctx, &r->features, &r->rgb, err);
}

int hf_recorded_run(hf_recorded *r, const hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    hf_backend *be = r->recorder.be;
    int rc;
    if (!records(be))
        return r->body(r->ctx, features, rgb, err);
    if ((rc = be->ops.copy(be, &r->rgb, rgb, err)) < 0 || (rc = hf_recorder_run(&r->recorder, run_own, r, err)) < 0)
        return rc;
    return be->ops.copy(be, features, &r->features, err);
}
