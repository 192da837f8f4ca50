/* conv_graph.h - a convolution and what follows it, as an operation graph of cuDNN's backend API; private to conv_plan.c.
 *
 *     x, weight -> convolution -> (+ residual) -> (+ bias) -> (activation) -> out
 *
 * Between the operations stand virtual f32 tensors, which an engine keeps in registers.
 */
#ifndef HF_CUDA_CONV_GRAPH_H
#define HF_CUDA_CONV_GRAPH_H

#include "cuda/conv_plan.h"
#include "cuda/cudnn_graph.h"

/* The names by which a variant pack tells arrays from each other. */
enum { HF_CONV_X = 1, HF_CONV_WEIGHT, HF_CONV_OUT, HF_CONV_BIAS, HF_CONV_RESIDUAL, HF_CONV_VIRTUAL };

/* handle NULL: a graph for a described GPU (cudnn_library.h). After a failure free what there is. */
int hf_conv_graph_make(hf_cudnn_graph *g, cudnnHandle_t handle, const hf_conv_shape *shape, hf_error *err);

#endif
