/* module.c - what hfprop_cuda.so gives to the program: one function, found by dlsym (src/cuda_module.c). */
#include <stdio.h>
#include <stdlib.h>

#include "cuda/scratch.h"
#include "src/cuda_module.h"

/* Where the batch of a U-Net stops to pay for its memory, in the published figures for this kind of card. */
enum { N_BATCH = 8 };

int hf_cuda_check(cudaError_t status, const char *call, const char *file, int line, hf_error *err)
{
    if (status == cudaSuccess)
        return HF_OK;
    cudaGetLastError(); /* told here: no error of the next launch */
    if (status == cudaErrorMemoryAllocation)
        return hf_fail(err, HF_ENOMEM, "cuda: out of GPU memory in %.200s (%s:%d); a smaller --size or --batch needs less",
                       call, file, line);
    return hf_fail(err, HF_EDEVICE, "cuda: %s (%s) at %s:%d: %.200s", cudaGetErrorString(status),
                   cudaGetErrorName(status), file, line, call);
}

static void cuda_close(hf_backend *be)
{
    hf_cuda *cuda = hf_cuda_of(be);
    if (!cuda)
        return;
    if (cuda->stream)
        cudaStreamSynchronize(cuda->stream);
    hf_cuda_matrix_free(&cuda->matrix);
    hf_cuda_axes_free(cuda);
    hf_cuda_scratch_free(cuda, &cuda->norm_pieces);
    hf_cuda_scratch_free(cuda, &cuda->norm_counts);
    if (cuda->stream)
        cudaStreamDestroy(cuda->stream);
    free(cuda);
    be->ctx = NULL;
}

static int read_properties(hf_cuda *cuda, hf_error *err)
{
    int major = 0, minor = 0, shared = 0, rc;
    if ((rc = HF_CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, cuda->device), err)) < 0 ||
        (rc = HF_CUDA(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, cuda->device), err)) < 0 ||
        (rc = HF_CUDA(cudaDeviceGetAttribute(&cuda->n_multiprocessors, cudaDevAttrMultiProcessorCount, cuda->device),
                      err)) < 0 ||
        (rc = HF_CUDA(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, cuda->device), err)) < 0)
        return rc;
    cuda->arch = 10 * major + minor;
    cuda->shared_bytes = (size_t)shared;
    if (cuda->arch < 75)
        return hf_fail(err, HF_EUNSUPPORTED, "cuda: GPU %d has compute capability %d.%d, want 7.5 or later", cuda->device,
                       major, minor);
    return HF_OK;
}

/* "NVIDIA H100, 80 GB, compute capability 9.0, driver for CUDA 13.0" */
static int describe(hf_backend *be, hf_error *err)
{
    struct cudaDeviceProp p;
    int driver = 0, rc;
    if ((rc = HF_CUDA(cudaGetDeviceProperties(&p, hf_cuda_of(be)->device), err)) < 0 ||
        (rc = HF_CUDA(cudaDriverGetVersion(&driver), err)) < 0)
        return rc;
    snprintf(be->about, sizeof(be->about), "%.100s, %.0f GB, compute capability %d.%d, driver for CUDA %d.%d", p.name,
             (double)p.totalGlobalMem / 1e9, p.major, p.minor, driver / 1000, driver % 1000 / 10);
    return HF_OK;
}

/* Threads that wait for the GPU sleep: decoder and encoder want the processors. And FFmpeg shares a context with these flags
 * alone, so that a decoder that is opened later needs none of its own. What somebody else has chosen stays. */
static int let_waiting_threads_sleep(hf_error *err)
{
    unsigned flags = 0;
    int rc = HF_CUDA(cudaGetDeviceFlags(&flags), err);
    if (rc < 0 || (flags & cudaDeviceScheduleMask) != cudaDeviceScheduleAuto)
        return rc;
    return HF_CUDA(cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync), err);
}

static int open_device(hf_cuda *cuda, int device, hf_error *err)
{
    int n = 0, rc;
    cudaError_t found = cudaGetDeviceCount(&n);
    if (found == cudaErrorNoDevice || found == cudaErrorInsufficientDriver) {
        cudaGetLastError();
        hf_fail(err, HF_EDEVICE, "device cuda cannot be used: %s; --device cpu needs no GPU", cudaGetErrorString(found));
        return HF_EOF; /* see src/cuda_module.h */
    }
    if ((rc = HF_CUDA(found, err)) < 0)
        return rc;
    if (device >= n)
        return hf_fail(err, HF_EDEVICE, "cuda: there is no GPU %d, this machine has %d", device, n);
    cuda->device = device;
    if ((rc = HF_CUDA(cudaSetDevice(device), err)) < 0 || (rc = let_waiting_threads_sleep(err)) < 0 ||
        (rc = read_properties(cuda, err)) < 0)
        return rc;
    return HF_CUDA(cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking), err);
}

/* Whether the program that asks was built with the same tables. */
static int check_abi(const hf_cuda_module_abi *abi, hf_error *err)
{
    static const char *const names[HF_CUDA_MODULE_SIZES] = { HF_CUDA_MODULE_TABLES(HF_CUDA_MODULE_TEXT) };
    const hf_cuda_module_abi mine = HF_CUDA_MODULE_ABI;
    if (abi->version != mine.version)
        return hf_fail(err, HF_EDEVICE, "cuda: %s belongs to another build of hfprop: its interface is number %u, the "
                       "program's %u; use the one that was built with the program", HF_CUDA_MODULE_NAME, mine.version,
                       abi->version);
    for (int i = 0; i < HF_CUDA_MODULE_SIZES; i++)
        if (abi->sizes[i] != mine.sizes[i])
            return hf_fail(err, HF_EDEVICE, "cuda: %s belongs to another build of hfprop: its %s has %u bytes, the program's "
                           "%u; use the one that was built with the program", HF_CUDA_MODULE_NAME, names[i], mine.sizes[i],
                           abi->sizes[i]);
    return HF_OK;
}

HF_CUDA_MODULE_EXPORT int hf_cuda_module_fill(hf_backend *be, int device, const hf_cuda_module_abi *abi, hf_error *err)
{
    int rc = check_abi(abi, err);
    if (rc < 0)
        return rc;
    if (!(be->ctx = calloc(1, sizeof(hf_cuda))))
        return hf_fail(err, HF_ENOMEM, "backend cuda: out of memory");
    be->close = cuda_close; /* hf_backend_open closes after a failure */
    be->host_memory = false;
    be->n_batch = N_BATCH;
    hf_cuda_fill_memory(&be->ops);
    hf_cuda_fill_marks(&be->ops);
    hf_cuda_fill_graph(&be->ops);
    hf_cuda_fill_pointwise(&be->ops);
    hf_cuda_fill_norm(&be->ops);
    hf_cuda_fill_resize(&be->ops);
    hf_cuda_fill_classic(&be->ops);
    hf_cuda_fill_matrix(&be->ops);
    hf_cuda_fill_attention(&be->ops);
    hf_cuda_fill_match(&be->ops);
    hf_cuda_fill_context(&be->ops);
    hf_cuda_fill_splat(&be->ops);
    rc = open_device(hf_cuda_of(be), device, err);
    return rc == HF_OK ? describe(be, err) : rc;
}
