/* recorder.c - see recorder.h. */
#include "src/recorder.h"

/* HF_OK where there is a recording now. Failures are not told: the plain run that follows meets those that matter. */
static int record(hf_recorder *r, hf_recorder_body *body, void *ctx)
{
    const hf_ops *ops = &r->be->ops;
    int rc = ops->record_begin(r->be, NULL);
    if (rc < 0)
        return rc;
    rc = body(ctx, NULL);
    int ended = ops->record_end(r->be, &r->recording, NULL);
    if (rc < 0)
        ops->recording_free(r->be, &r->recording);
    return rc < 0 ? rc : ended;
}

int hf_recorder_run(hf_recorder *r, hf_recorder_body *body, void *ctx, hf_error *err)
{
    if (!r->be->ops.record_begin)
        return body(ctx, err);
    if (r->n_runs > 0 && !r->recording && !r->is_plain)
        r->is_plain = record(r, body, ctx) < 0;
    if (r->recording)
        return r->be->ops.replay(r->be, r->recording, err);
    int rc = body(ctx, err);
    if (rc >= 0)
        r->n_runs = 1;
    return rc;
}

void hf_recorder_reset(hf_recorder *r)
{
    if (r->recording)
        r->be->ops.recording_free(r->be, &r->recording);
    r->n_runs = 0;
    r->is_plain = false;
}
