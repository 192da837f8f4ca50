/* norm.h - launchers of norm.cu (rows) and group_norm.cu. Contracts: src/ops.h. */
#ifndef HF_CUDA_NORM_H
#define HF_CUDA_NORM_H

#include <stdbool.h>

#include <cuda_runtime_api.h>

#include "src/ops.h"

typedef enum hf_cuda_row_norm {
    HF_ROW_LAYER_NORM, /* number: epsilon */
    HF_ROW_SOFTMAX,    /* number: scale */
    HF_ROW_UNIT        /* l2_normalize; number: epsilon */
} hf_cuda_row_norm;

/* out, x [n_rows,C]; out may be x. gamma and beta f32 [C] or NULL, for HF_ROW_LAYER_NORM. */
typedef struct hf_cuda_rows_norm {
    void            *out;
    const void      *x;
    const float     *gamma, *beta;
    hf_dtype         out_type, x_type;
    int64_t          n_rows, C;
    hf_cuda_row_norm kind;
    float            number;
} hf_cuda_rows_norm;

/*
 * A group_norm and how it is cut into blocks: out, x [N,n_rows,C]; out may be x. The caller fills the first part,
 * hf_cuda_group_norm_plan the second one; the memory is the caller's.
 */
typedef struct hf_cuda_group_norm {
    void         *out;
    const void   *x;
    const float  *gamma, *beta; /* f32 [C] or NULL */
    hf_dtype      out_type, x_type;
    int64_t       N, n_rows;
    int           C, n_groups;
    float         epsilon;
    hf_activation activation;

    bool          in_shared;  /* one block has a whole group in shared memory; what follows is then unused */
    int           vector;     /* channels of a thread */
    int           n_columns;  /* threads side by side in a row */
    int           n_slices;   /* runs of n_columns * vector channels that make up C */
    int           block_rows; /* rows of a block */
    int64_t       n_chunks;   /* runs of block_rows that make up n_rows */
    float        *pieces;     /* [N,n_chunks,n_slices,n_groups,4] */
    float        *moments;    /* [N,n_groups,4] */
    unsigned     *n_done;     /* [N], zero; it is zero again afterwards */
} hf_cuda_group_norm;

#ifdef __cplusplus
extern "C" {
#endif

cudaError_t hf_cuda_rows_norm_launch(const hf_cuda_rows_norm *r, cudaStream_t stream);

/* n_multiprocessors and shared_bytes (most of a block) of the device. */
void        hf_cuda_group_norm_plan(hf_cuda_group_norm *g, int n_multiprocessors, size_t shared_bytes);
cudaError_t hf_cuda_group_norm_launch(const hf_cuda_group_norm *g, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
