/* cudnn_plan.h - ways in which cuDNN can run a graph: what conv_plan.c and attention_plan.c share; private to them. */
#ifndef HF_CUDA_CUDNN_PLAN_H
#define HF_CUDA_CUDNN_PLAN_H

#include "cuda/cudnn_graph.h"
#include "cuda/cudnn_library.h"
#include "cuda/gemm.h"

struct hf_cudnn_library {
    cudnnHandle_t            handle;
    cudnnBackendDescriptor_t device; /* in place of handle, where a GPU is only described */
};

typedef struct hf_cudnn_candidate {
    cudnnBackendDescriptor_t config, plan;
    int64_t                  workspace, engine;
    bool                     compiled; /* for this graph, when the plan was made */
    char                     list;     /* heuristic list that it comes from: A, B, F */
} hf_cudnn_candidate;

/* The first four members and the graph are filled in before hf_cudnn_plan_find; the rest is zero then. */
typedef struct hf_cudnn_plan {
    hf_cudnn_library  *library; /* borrowed */
    int32_t            in;      /* hf_dtype of what is multiplied */
    int                n_wanted;
    size_t             max_workspace;
    hf_cudnn_graph     graph;
    hf_cudnn_candidate candidates[HF_CUDA_MOST_CANDIDATES];
    int                n_candidates, chosen;
    hf_error           why; /* why the last configuration was refused */
} hf_cudnn_plan;

/* The candidates of a graph, at least one. what: for the message, "a convolution". HF_EUNSUPPORTED: there is none. */
int    hf_cudnn_plan_find(hf_cudnn_plan *p, const char *what, hf_error *err);
void   hf_cudnn_plan_free(hf_cudnn_plan *p); /* and its graph */
size_t hf_cudnn_plan_workspace(const hf_cudnn_plan *p);
void   hf_cudnn_plan_describe(const hf_cudnn_plan *p, char *text, size_t size);

/* A variant pack: n addresses, each with the name of its tensor. Freeing takes a pointer to NULL. */
int  hf_cudnn_pack_new(cudnnBackendDescriptor_t *out, int64_t n, void **data, int64_t *names, void *workspace, hf_error *err);
void hf_cudnn_pack_free(cudnnBackendDescriptor_t *pack);

/* The chosen candidate, on the library's stream. */
int hf_cudnn_plan_run(const hf_cudnn_plan *p, cudnnBackendDescriptor_t pack, hf_error *err);

#endif
