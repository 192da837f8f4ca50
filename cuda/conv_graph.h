/* conv_graph.h - a convolution and what follows it, as an operation graph of cuDNN's backend API; private to conv_plan.c.
 *
 *     x, weight -> convolution -> (+ residual) -> (+ bias) -> (activation) -> out
 *
 * Between the operations stand virtual f32 tensors, which an engine keeps in registers.
 */
#ifndef HF_CUDA_CONV_GRAPH_H
#define HF_CUDA_CONV_GRAPH_H

#include <stdbool.h>

#include <cudnn.h>

#include "cuda/conv_plan.h"

/* HF_OK, or the status that fits a refusal of cuDNN, with the call, file and line: HF_ENOMEM, HF_EUNSUPPORTED for
 * everything that cuDNN calls "not supported", HF_EDEVICE. */
int hf_cudnn_check(cudnnStatus_t status, const char *call, const char *file, int line, hf_error *err);
#define HF_CUDNN(call, err) hf_cudnn_check((call), #call, __FILE__, __LINE__, (err))

/* The names by which a variant pack tells arrays from each other. */
enum { HF_CONV_X = 1, HF_CONV_WEIGHT, HF_CONV_OUT, HF_CONV_BIAS, HF_CONV_RESIDUAL, HF_CONV_VIRTUAL };

enum { HF_CONV_MOST_DESCRIPTORS = 24 };

/* The graph and everything that it is made of: cuDNN keeps no copy of its parts. */
typedef struct hf_conv_graph {
    cudnnBackendDescriptor_t graph;
    cudnnBackendDescriptor_t parts[HF_CONV_MOST_DESCRIPTORS];
    int                      n_parts;
} hf_conv_graph;

/* handle NULL: a graph for a described GPU (conv_plan.h). After a failure free what there is. */
int  hf_conv_graph_make(hf_conv_graph *g, cudnnHandle_t handle, const hf_conv_shape *shape, hf_error *err);
void hf_conv_graph_free(hf_conv_graph *g);

/* cudnnBackendSetAttribute and cudnnBackendGetAttribute of exactly n values, checked. */
int hf_cudnn_set(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                 int64_t n, const void *values, hf_error *err);
int hf_cudnn_get(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                 int64_t n, void *values, hf_error *err);

#endif
