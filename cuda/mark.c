/* mark.c - order between the streams of two handles on one GPU: CUDA events. */
#include <stdlib.h>

#include "cuda/device.h"

struct hf_mark {
    cudaEvent_t event;
};

static int mark_new(hf_backend *be, hf_mark **out, hf_error *err)
{
    hf_cuda *cuda = hf_cuda_of(be);
    hf_mark *m;
    int rc;

    *out = NULL;
    if ((rc = hf_cuda_not_recording(cuda, "a new mark", err)) < 0)
        return rc;
    if (!(m = calloc(1, sizeof(*m))))
        return hf_fail(err, HF_ENOMEM, "cuda: out of memory for a mark");
    if ((rc = HF_CUDA(cudaEventCreateWithFlags(&m->event, cudaEventDisableTiming), err)) < 0) {
        free(m);
        return rc;
    }
    *out = m;
    return HF_OK;
}

/* CUDA keeps an event that is still waited for until that is over. */
static void mark_free(hf_backend *be, hf_mark **mark)
{
    if (!mark || !*mark)
        return;
    hf_cuda_of(be);
    cudaEventDestroy((*mark)->event);
    free(*mark);
    *mark = NULL;
}

static int mark(hf_backend *be, hf_mark *mark, hf_error *err)
{
    hf_cuda *cuda = hf_cuda_of(be);
    int rc = hf_cuda_not_recording(cuda, "a mark", err);
    return rc < 0 ? rc : HF_CUDA(cudaEventRecord(mark->event, cuda->stream), err);
}

static int wait(hf_backend *be, const hf_mark *mark, hf_error *err)
{
    hf_cuda *cuda = hf_cuda_of(be);
    int rc = hf_cuda_not_recording(cuda, "waiting for a mark", err);
    return rc < 0 ? rc : HF_CUDA(cudaStreamWaitEvent(cuda->stream, mark->event, 0), err);
}

void hf_cuda_fill_marks(hf_ops *ops)
{
    ops->mark_new = mark_new;
    ops->mark_free = mark_free;
    ops->mark = mark;
    ops->wait = wait;
}
