/* device.h - one GPU and one stream on it: the state behind the handle of the `cuda` backend.
 *
 * Host code is C11. Every call of the CUDA runtime, cuDNN and cuBLASLt goes through HF_CUDA, HF_CUDNN or HF_CUBLAS,
 * which turn a refusal into an hf_error with the call's text. Kernels are started by launchers in .cu files; a
 * launcher returns cudaGetLastError(), and its caller checks that with HF_CUDA too.
 */
#ifndef HF_CUDA_DEVICE_H
#define HF_CUDA_DEVICE_H

#include <cuda_runtime_api.h>

#include "src/backend.h"

typedef struct hf_cuda_matrix hf_cuda_matrix; /* library handles, plans, workspace: cuda/matrix.h */

typedef struct hf_cuda_scratch_block hf_cuda_scratch_block;

typedef struct hf_cuda_axis hf_cuda_axis; /* weights of resizing one axis: resize.c */

/* Memory of an operation, kept between calls: cuda/scratch.h. */
typedef struct hf_cuda_scratch {
    void                  *data;
    size_t                 bytes;
    hf_cuda_scratch_block *blocks; /* every part that was ever given out, the newest first */
} hf_cuda_scratch;

typedef struct hf_cuda {
    int             device;
    int             arch;      /* 10 * major + minor of the compute capability: 75, 80, 90 */
    int             n_multiprocessors;
    size_t          shared_bytes; /* most shared memory that a block may ask for */
    cudaStream_t    stream;    /* everything runs here, in order */
    hf_cuda_matrix *matrix;    /* made by the first operation that needs it */
    hf_cuda_scratch norm_pieces, norm_counts; /* group_norm's moments of parts of a picture: norm.c */
    hf_cuda_axis   *axes;      /* made by the first resize of a size */
    bool            is_recording; /* between record_begin and record_end */
    size_t          n_bytes, peak_bytes; /* of hf_ops.alloc and scratch, now and ever */
} hf_cuda;

/* The state of a handle, for the operations of the table, which all begin with it: the current device is one of each thread,
 * and a handle may come from a thread that has not opened it. */
static inline hf_cuda *hf_cuda_of(hf_backend *be)
{
    hf_cuda *cuda = (hf_cuda *)be->ctx;
    int current = -1;
    if (cuda && (cudaGetDevice(&current) != cudaSuccess || current != cuda->device))
        cudaSetDevice(cuda->device); /* a refusal is met again by what comes next */
    return cuda;
}

/* HF_OK, or the status that fits a refusal, with the call, file and line in err. Out of memory is HF_ENOMEM. */
int hf_cuda_check(cudaError_t status, const char *call, const char *file, int line, hf_error *err);
#define HF_CUDA(call, err) hf_cuda_check((call), #call, __FILE__, __LINE__, (err))

/* For entries that cannot be part of a recording: HF_EUNSUPPORTED while there is one. */
int hf_cuda_not_recording(const hf_cuda *cuda, const char *entry, hf_error *err);

/* Parts of the table, each in a file of its own. */
void hf_cuda_fill_memory(hf_ops *ops);    /* memory.c: alloc, free, write, read, copy, sync, memory, alloc_host, free_host */
void hf_cuda_fill_marks(hf_ops *ops);     /* mark.c: mark_new, mark_free, mark, wait */
void hf_cuda_fill_graph(hf_ops *ops);     /* graph.c: record_begin, record_end, replay, recording_free */
void hf_cuda_fill_pointwise(hf_ops *ops); /* pointwise.c: activate, add, mul, copy_channels, permute, cast, gather_rows */
void hf_cuda_fill_norm(hf_ops *ops);      /* norm.c: group_norm, layer_norm, softmax, l2_normalize */
void hf_cuda_fill_resize(hf_ops *ops);    /* resize.c: resize, rgb_to_image, pool */
void hf_cuda_fill_classic(hf_ops *ops);   /* classic.c: classic_raw */
void hf_cuda_fill_matrix(hf_ops *ops);    /* matrix.c: packed_new, packed_free, linear, conv2d, matmul */
void hf_cuda_fill_attention(hf_ops *ops); /* attention.c */
void hf_cuda_fill_match(hf_ops *ops);     /* match.c: match_dense, match_stay */
void hf_cuda_fill_context(hf_ops *ops);   /* context.c: match_context and the table of propagate/context_ops.h */
void hf_cuda_fill_splat(hf_ops *ops);     /* splat.c */

/* Frees be->matrix; NULL is allowed. */
void hf_cuda_matrix_free(hf_cuda_matrix **matrix);
void hf_cuda_axes_free(hf_cuda *cuda);

#endif
