/* scratch.c - see scratch.h. */
#include "cuda/scratch.h"

#include <stdlib.h>

struct hf_cuda_scratch_block {
    void                  *data;
    size_t                 bytes;
    hf_cuda_scratch_block *older;
};

int hf_cuda_scratch_reserve(hf_cuda *cuda, hf_cuda_scratch *s, size_t bytes, hf_error *err)
{
    hf_cuda_scratch_block *block = NULL;
    int rc = HF_OK;

    if (bytes <= s->bytes)
        goto end;
    if ((rc = hf_cuda_not_recording(cuda, "memory that grows", err)) < 0)
        goto end;
    if (bytes < 2 * s->bytes)
        bytes = 2 * s->bytes;
    if (!(block = calloc(1, sizeof(*block)))) {
        rc = hf_fail(err, HF_ENOMEM, "cuda: out of memory");
        goto end;
    }
    if ((rc = HF_CUDA(cudaMalloc(&block->data, bytes), err)) < 0 ||
        (rc = HF_CUDA(cudaMemsetAsync(block->data, 0, bytes, cuda->stream), err)) < 0)
        goto end;
    block->bytes = bytes;
    block->older = s->blocks;
    *s = (hf_cuda_scratch){ .data = block->data, .bytes = bytes, .blocks = block };
    block = NULL; /* now s's */
    cuda->n_bytes += bytes;
    if (cuda->n_bytes > cuda->peak_bytes)
        cuda->peak_bytes = cuda->n_bytes;
end:
    if (block)
        cudaFree(block->data);
    free(block);
    return rc;
}

void hf_cuda_scratch_free(hf_cuda *cuda, hf_cuda_scratch *s)
{
    while (s->blocks) {
        hf_cuda_scratch_block *block = s->blocks;
        s->blocks = block->older;
        cuda->n_bytes -= block->bytes;
        cudaFree(block->data);
        free(block);
    }
    *s = (hf_cuda_scratch){ 0 };
}
