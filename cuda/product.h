/* product.h - act(x W^t + bias + residual) for rows of any float type: what linear, 1x1 and unfolded convolutions share.
 *
 * Two steps, because the workspace of a whole operation is asked for once:
 *
 *     hf_cuda_product_plan(be, &p, err);                    fills p.bytes
 *     hf_cuda_workspace(be, &memory, mine + p.bytes, err);
 *     hf_cuda_product_run(be, &p, memory + mine, err);
 */
#ifndef HF_CUDA_PRODUCT_H
#define HF_CUDA_PRODUCT_H

#include "cuda/matrix.h"

typedef struct hf_cuda_product {
    /* What is wanted. Contracts of the arrays as in hf_ops.linear. */
    void         *out;
    const void   *x, *weight, *residual;
    const float  *bias;
    hf_dtype      out_type, x_type, type; /* type: of the arithmetic and of weight */
    int64_t       rows, n_in, n_out;      /* n_out: rows of weight */
    hf_activation activation;

    /* How: filled by hf_cuda_product_plan. */
    size_t        bytes;                  /* of workspace */
    hf_cuda_plan *plan;
    hf_dtype      result_type;            /* of what the library writes */
    bool          converts_x, converts_bias, has_epilogue, has_result;
    bool          own_geglu;              /* geglu.h does it all; plan is NULL or not run */
    size_t        at_x, at_bias, at_result, at_library; /* places in the workspace */
} hf_cuda_product;

/* Rows and types stay what they were at planning; addresses may differ at running where their alignment does not.
 * HF_EUNSUPPORTED, HF_EDEVICE, HF_ENOMEM. */
int hf_cuda_product_plan(hf_backend *be, hf_cuda_product *p, hf_error *err);
int hf_cuda_product_run(hf_backend *be, const hf_cuda_product *p, void *workspace, hf_error *err);

#endif
