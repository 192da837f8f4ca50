/* cudnn_graph.h - an operation graph of cuDNN's backend API, and calls of that API, checked; private to the files that make
 * plans with cuDNN. */
#ifndef HF_CUDA_CUDNN_GRAPH_H
#define HF_CUDA_CUDNN_GRAPH_H

#include <stdbool.h>

#include <cudnn.h>

#include "src/error.h"
#include "src/tensor.h"

/* HF_OK, or the status that fits a refusal of cuDNN, with the call, file and line: HF_ENOMEM, HF_EUNSUPPORTED for
 * everything that cuDNN calls "not supported", HF_EDEVICE. */
int hf_cudnn_check(cudnnStatus_t status, const char *call, const char *file, int line, hf_error *err);
#define HF_CUDNN(call, err) hf_cudnn_check((call), #call, __FILE__, __LINE__, (err))

/* cudnnBackendSetAttribute and cudnnBackendGetAttribute of exactly n values, checked. */
int hf_cudnn_set(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                 int64_t n, const void *values, hf_error *err);
int hf_cudnn_get(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                 int64_t n, void *values, hf_error *err);

enum { HF_CUDNN_MOST_PARTS = 24 };

/* The graph and everything that it is made of: cuDNN keeps no copy of its parts. Zero before the first. */
typedef struct hf_cudnn_graph {
    cudnnBackendDescriptor_t graph;
    cudnnBackendDescriptor_t parts[HF_CUDNN_MOST_PARTS];
    int                      n_parts;
} hf_cudnn_graph;

/* In device memory; never in memory; or one number that lies on the host. */
typedef enum hf_cudnn_kind { HF_CUDNN_IN_MEMORY, HF_CUDNN_VIRTUAL, HF_CUDNN_BY_VALUE } hf_cudnn_kind;

typedef struct hf_cudnn_array {
    int64_t       name; /* by which a variant pack tells arrays from each other */
    int32_t       dtype, align;
    hf_cudnn_kind kind;
    int64_t       dims[4], strides[4]; /* strides in elements */
} hf_cudnn_array;

/* A descriptor that the graph will free; a tensor, finished. After a failure free the graph. */
int hf_cudnn_part(hf_cudnn_graph *g, cudnnBackendDescriptor_t *out, cudnnBackendDescriptorType_t type, hf_error *err);
int hf_cudnn_tensor(hf_cudnn_graph *g, cudnnBackendDescriptor_t *out, const hf_cudnn_array *array, hf_error *err);

/* The graph of n operations. handle NULL: for a described GPU (cudnn_library.h). */
int  hf_cudnn_graph_finish(hf_cudnn_graph *g, cudnnHandle_t handle, cudnnBackendDescriptor_t *operations, int n,
                           hf_error *err);
void hf_cudnn_graph_free(hf_cudnn_graph *g);

#endif
