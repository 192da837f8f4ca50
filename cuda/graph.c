/* graph.c - a fixed sequence of operations as a CUDA graph: recorded once, started as one piece.
 *
 * A network of hundreds of kernels of a few microseconds each is bound by the time the processor takes to start them;
 * a graph is started in one call, and the GPU goes from kernel to kernel by itself.
 */
#include <stdlib.h>

#include "cuda/device.h"

struct hf_recording {
    cudaGraphExec_t graph;
};

int hf_cuda_not_recording(const hf_cuda *cuda, const char *entry, hf_error *err)
{
    return cuda->is_recording ? hf_fail(err, HF_EUNSUPPORTED, "cuda: %s cannot be recorded", entry) : HF_OK;
}

/* Of this thread alone: what other threads do with other handles is no part of it. */
static int record_begin(hf_backend *be, hf_error *err)
{
    hf_cuda *cuda = hf_cuda_of(be);
    int rc = hf_cuda_not_recording(cuda, "a recording", err);
    if (rc >= 0)
        rc = HF_CUDA(cudaStreamBeginCapture(cuda->stream, cudaStreamCaptureModeThreadLocal), err);
    cuda->is_recording = cuda->is_recording || rc >= 0;
    return rc;
}

static int record_end(hf_backend *be, hf_recording **out, hf_error *err)
{
    hf_recording *r = calloc(1, sizeof(*r));
    cudaGraph_t graph = NULL;
    int rc;

    *out = NULL;
    /* Ended first of all: a stream that stays in capture is of no use to anybody. */
    rc = HF_CUDA(cudaStreamEndCapture(hf_cuda_of(be)->stream, &graph), err);
    hf_cuda_of(be)->is_recording = false;
    if (rc >= 0 && !r)
        rc = hf_fail(err, HF_ENOMEM, "cuda: out of memory for a recording");
    if (rc >= 0)
        rc = HF_CUDA(cudaGraphInstantiate(&r->graph, graph, 0), err);
    if (graph)
        cudaGraphDestroy(graph);
    if (rc < 0) {
        cudaGetLastError(); /* an operation that cannot be recorded is no error of the next call */
        free(r);
        return rc;
    }
    *out = r;
    return HF_OK;
}

static int replay(hf_backend *be, const hf_recording *recording, hf_error *err)
{
    return HF_CUDA(cudaGraphLaunch(recording->graph, hf_cuda_of(be)->stream), err);
}

static void recording_free(hf_backend *be, hf_recording **recording)
{
    if (!recording || !*recording)
        return;
    cudaStreamSynchronize(hf_cuda_of(be)->stream); /* it may still run */
    cudaGraphExecDestroy((*recording)->graph);
    free(*recording);
    *recording = NULL;
}

void hf_cuda_fill_graph(hf_ops *ops)
{
    ops->record_begin = record_begin;
    ops->record_end = record_end;
    ops->replay = replay;
    ops->recording_free = recording_free;
}
