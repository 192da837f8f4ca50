/* memory.c - device memory, and the way between it and the host. */
#include <string.h>

#include "cuda/device.h"

/* Sizes are kept for hf_cuda.n_bytes in front of the block; 256 keeps the alignment of cudaMalloc. */
enum { HEADER = 256 };

static void *cuda_alloc(hf_backend *be, size_t bytes)
{
    hf_cuda *cuda = hf_cuda_of(be);
    size_t all = HEADER + (bytes ? bytes : 1);
    char *data = NULL;

    if (cuda->is_recording || all < bytes || cudaMalloc((void **)&data, all) != cudaSuccess) {
        cudaGetLastError(); /* a refused size is no error of the next call */
        return NULL;
    }
    if (cudaMemsetAsync(data, 0, all, cuda->stream) != cudaSuccess ||
        cudaMemcpyAsync(data, &all, sizeof(all), cudaMemcpyHostToDevice, cuda->stream) != cudaSuccess ||
        cudaStreamSynchronize(cuda->stream) != cudaSuccess) {
        cudaFree(data);
        return NULL;
    }
    cuda->n_bytes += all;
    if (cuda->n_bytes > cuda->peak_bytes)
        cuda->peak_bytes = cuda->n_bytes;
    return data + HEADER;
}

static void cuda_free(hf_backend *be, void *data)
{
    hf_cuda *cuda = hf_cuda_of(be);
    size_t all = 0;

    if (!data)
        return;
    char *begin = (char *)data - HEADER;
    if (cudaStreamSynchronize(cuda->stream) == cudaSuccess &&
        cudaMemcpy(&all, begin, sizeof(all), cudaMemcpyDeviceToHost) == cudaSuccess)
        cuda->n_bytes -= all;
    cudaFree(begin);
}

/* write and read in a recording would go to the same host memory at every replay: refused. */
static int cuda_write(hf_backend *be, const hf_tensor *dst, const void *host, hf_error *err)
{
    int rc = hf_cuda_not_recording(hf_cuda_of(be), "write", err);
    return rc < 0 ? rc : HF_CUDA(cudaMemcpyAsync(dst->data, host, hf_tensor_bytes(dst), cudaMemcpyHostToDevice,
                                   hf_cuda_of(be)->stream), err);
}

static int cuda_read(hf_backend *be, void *host, const hf_tensor *src, hf_error *err)
{
    int rc = hf_cuda_not_recording(hf_cuda_of(be), "read", err);
    return rc < 0 ? rc : HF_CUDA(cudaMemcpyAsync(host, src->data, hf_tensor_bytes(src), cudaMemcpyDeviceToHost,
                                   hf_cuda_of(be)->stream), err);
}

static int cuda_copy(hf_backend *be, const hf_tensor *dst, const hf_tensor *src, hf_error *err)
{
    return HF_CUDA(cudaMemcpyAsync(dst->data, src->data, hf_tensor_bytes(src), cudaMemcpyDeviceToDevice,
                                   hf_cuda_of(be)->stream), err);
}

static int cuda_sync(hf_backend *be, hf_error *err)
{
    int rc = hf_cuda_not_recording(hf_cuda_of(be), "sync", err);
    return rc < 0 ? rc : HF_CUDA(cudaStreamSynchronize(hf_cuda_of(be)->stream), err);
}

static int cuda_memory(hf_backend *be, hf_device_memory *memory, hf_error *err)
{
    const hf_cuda *cuda = hf_cuda_of(be);
    size_t n_free = 0, n_total = 0;
    int rc = HF_CUDA(cudaMemGetInfo(&n_free, &n_total), err);
    *memory = (hf_device_memory){ (int64_t)cuda->n_bytes, (int64_t)cuda->peak_bytes, (int64_t)n_free, (int64_t)n_total };
    return rc;
}

/* Page-locked: the GPU reads and writes it by itself, where other memory goes through a copy that the caller waits for. */
static void *cuda_alloc_host(hf_backend *be, size_t bytes)
{
    void *data = NULL;
    if (hf_cuda_of(be)->is_recording || cudaMallocHost(&data, bytes ? bytes : 1) != cudaSuccess) {
        cudaGetLastError();
        return NULL;
    }
    return memset(data, 0, bytes ? bytes : 1);
}

static void cuda_free_host(hf_backend *be, void *data)
{
    if (data && cudaStreamSynchronize(hf_cuda_of(be)->stream) == cudaSuccess)
        cudaFreeHost(data);
}

void hf_cuda_fill_memory(hf_ops *ops)
{
    ops->alloc = cuda_alloc;
    ops->free = cuda_free;
    ops->write = cuda_write;
    ops->read = cuda_read;
    ops->copy = cuda_copy;
    ops->sync = cuda_sync;
    ops->memory = cuda_memory;
    ops->alloc_host = cuda_alloc_host;
    ops->free_host = cuda_free_host;
}
